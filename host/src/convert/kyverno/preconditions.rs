//! `preconditions` of a rule: what every request meets that a policy is asked about. All others are refused.

use super::super::refusal::At;
use super::types::Rule;
use serde_norway::{Mapping, Value};

const INSTEAD: &str =
    "write it in `matchConditions` of the policy, in CEL, or drop it: then more is verified";

/// Refuses what could leave out a request.
pub(super) fn refuse(rule: &Rule, path: &str) -> Result<(), At> {
    let field = if rule.preconditions.as_ref().is_some_and(|value| !always_met(value)) {
        "preconditions"
    } else if rule.cel_preconditions.as_ref().is_some_and(|value| !is_empty(value)) {
        "celPreconditions"
    } else {
        return Ok(());
    };
    Err(At::no_counterpart(format!("{path}.{field}"), INSTEAD))
}

/// No condition, or the only one that it is no DELETE: nothing here is asked about one.
fn always_met(value: &Value) -> bool {
    let only = |conditions: &Value| {
        let list = conditions.as_sequence().map(Vec::as_slice);
        matches!(list, Some([Value::Mapping(condition)]) if is_no_delete(condition))
    };
    is_empty(value)
        || only(value)
        || value.as_mapping().is_some_and(|fields| {
            let list = fields.get("all").or_else(|| fields.get("any"));
            fields.len() == 1 && list.is_some_and(only)
        })
}

fn is_empty(value: &Value) -> bool {
    value.as_sequence().is_some_and(Vec::is_empty) || value.as_mapping().is_some_and(Mapping::is_empty)
}

/// `{{ request.operation || 'BACKGROUND' }}` is not DELETE, in each way that Kyverno has to say it.
fn is_no_delete(condition: &Mapping) -> bool {
    const OPERATORS: [&str; 4] = ["NotEquals", "NotIn", "AnyNotIn", "AllNotIn"];
    let text = |field: &str| condition.get(field).and_then(Value::as_str);
    let delete = |value: &Value| value.as_str() == Some("DELETE");
    let value = condition.get("value");
    condition.len() == 3
        && text("key").is_some_and(is_the_operation)
        && text("operator").is_some_and(|operator| OPERATORS.contains(&operator))
        && value.is_some_and(|value| {
            delete(value)
                || value.as_sequence().is_some_and(|list| list.len() == 1 && list.iter().all(delete))
        })
}

fn is_the_operation(key: &str) -> bool {
    let Some(inner) = key.strip_prefix("{{").and_then(|key| key.strip_suffix("}}")) else { return false };
    let (what, or) = inner.split_once("||").map_or((inner, None), |(what, or)| (what, Some(or.trim())));
    what.trim() == "request.operation"
        && or.is_none_or(|or| ["'BACKGROUND'", "`BACKGROUND`", "`\"BACKGROUND\"`"].contains(&or))
}
