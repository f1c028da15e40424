//! Label selectors, written with `matchExpressions` alone: Kubewarden's controller drops the `matchLabels` of
//! cluster-wide policies.

use super::kyverno::LabelSelector;
use super::refusal::At;
use super::scope::{LabelOperator, Requirement};

/// The expressions that say the same as a selector; all of them must hold.
pub(super) fn requirements(selector: &LabelSelector, path: &str) -> Result<Vec<Requirement>, At> {
    let wild = |text: &String| text.contains(['*', '?', '{']);
    let labels = selector.match_labels.iter().map(|(key, value)| {
        if wild(key) || wild(value) {
            let instead = "a label selector knows no wildcards and no variables; write the values";
            return Err(At::value(format!("{path}.matchLabels"), format!("{key}: {value}"), instead));
        }
        Ok(Requirement { key: key.clone(), operator: LabelOperator::In, values: vec![value.clone()] })
    });
    let expressions = selector.match_expressions.iter().enumerate().map(|(index, requirement)| {
        let path = format!("{path}.matchExpressions[{index}]");
        let needs_values = matches!(requirement.operator, LabelOperator::In | LabelOperator::NotIn);
        if let Some(text) =
            core::iter::once(&requirement.key).chain(&requirement.values).find(|text| wild(text))
        {
            return Err(At::value(path, text, "a label selector knows no wildcards and no variables"));
        }
        if requirement.values.is_empty() == needs_values {
            let instead = "`In` and `NotIn` need values, `Exists` and `DoesNotExist` have none";
            return Err(At::no_counterpart(path, instead));
        }
        Ok(requirement.clone())
    });
    labels.chain(expressions).collect()
}
