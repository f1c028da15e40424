//! Kyverno's ClusterPolicy and Policy.

mod items;
mod matching;
mod preconditions;
mod types;

use super::emit::{Action, Group, Source};
use super::read::{Document, read};
use super::refusal::{At, Notes, Problem};
use super::scope::{Formula, MAX_SCOPES};
use super::{Converted, Options};
use items::Written;
use matching::Kinds;
use serde_norway::Value;
pub(super) use types::LabelSelector;
use types::{FailurePolicy, Policy, Rule, Spec};

/// What Kyverno makes rules for, if it is not all controllers.
const CONTROLLERS: &str = "pod-policies.kyverno.io/autogen-controllers";

pub(super) fn convert(
    document: &Document,
    options: &Options,
    notes: &mut Notes,
) -> Result<Option<Converted>, At> {
    let policy: Policy = read(&document.value, "")?;
    let namespaced = document.kind == "Policy";
    let namespace = match (namespaced, &policy.metadata.namespace) {
        (true, None) => {
            let why = "a Policy is about its namespace";
            return Err(At::new("metadata.namespace", Problem::Missing { why }));
        }
        (true, Some(namespace)) => Some(namespace.clone()),
        (false, _) => None,
    };
    refuse_unlike(&policy.spec)?;
    let mut rules = verifying(&policy.spec, notes)?;
    items::name(&mut rules);
    if rules.is_empty() {
        notes.add("spec.rules", "left out: no rule of this policy verifies images");
        return Ok(None);
    }
    let requested = policy.metadata.annotations.get(CONTROLLERS).map(String::as_str);
    let requested = requested.filter(|list| !list.is_empty() && *list != "all");
    let controllers = matching::controllers(&policy.spec.rules, requested);
    let kinds = Kinds { controllers: &controllers, custom: &options.resources };
    let mut groups = Vec::new();
    for (path, rule) in &rules {
        rule_into(&mut groups, &policy.spec, path, rule, kinds, namespaced, notes)?;
    }
    let mut conditions =
        policy.spec.webhook_configuration.iter().flat_map(|webhook| &webhook.match_conditions);
    conditions.try_for_each(|condition| {
        let expression = &condition.expression;
        super::cel::known(expression).map_err(|found| {
            At::value("spec.webhookConfiguration.matchConditions", found, super::cel::UNKNOWN)
        })?;
        groups.iter_mut().for_each(|group| group.scope.add_condition(&condition.name, expression, false));
        Ok(())
    })?;
    Ok(Some(Converted { source: source(&policy, namespace), groups }))
}

fn source(policy: &Policy, namespace: Option<String>) -> Source {
    let spec = &policy.spec;
    let webhook = spec.webhook_configuration.as_ref();
    let failure = webhook.and_then(|webhook| webhook.failure_policy).or(spec.failure_policy);
    let timeout = webhook.and_then(|webhook| webhook.timeout_seconds).or(spec.webhook_timeout_seconds);
    Source {
        name: policy.metadata.name.clone(),
        namespace,
        failure_policy: match failure {
            Some(FailurePolicy::Ignore) => "Ignore",
            Some(FailurePolicy::Fail) | None => "Fail",
        },
        timeout_seconds: timeout.unwrap_or(10).clamp(1, 30),
        timeout_eval_seconds: None,
        background: spec.background.unwrap_or(true),
        match_policy: None,
        policy_server: None,
        message: None,
    }
}

/// What makes a policy something else than rules that all apply at admission.
fn refuse_unlike(spec: &Spec) -> Result<(), At> {
    if spec.admission == Some(false) {
        let instead = "a policy that only scans what runs; deploy it with `mode: monitor` if that is meant";
        return Err(At::no_counterpart("spec.admission", instead));
    }
    let one = spec.apply_rules.as_deref().filter(|apply| *apply != "All");
    match one {
        Some(found) if spec.rules.len() > 1 => {
            let instead = "rules add up here; write policies whose matches do not overlap, and `All`";
            Err(At::value("spec.applyRules", found, instead))
        }
        _ => Ok(()),
    }
}

/// The rules that verify images, with their paths. The others are named.
fn verifying(spec: &Spec, notes: &mut Notes) -> Result<Vec<(String, Rule)>, At> {
    let mut rules = Vec::new();
    for (index, value) in spec.rules.iter().enumerate() {
        let path = format!("spec.rules[{index}]");
        if value.get("verifyImages").is_some_and(|items| !items.is_null()) {
            rules.push((path.clone(), read(value, &path)?));
            continue;
        }
        let name = value.get("name").and_then(Value::as_str).unwrap_or_default();
        notes.add(
            path,
            format!("left out: the rule `{name}` does not verify images; keep a policy that has it"),
        );
    }
    Ok(rules)
}

/// Adds the items of a rule to the groups of their scope and action.
fn rule_into(
    groups: &mut Vec<Group>,
    spec: &Spec,
    path: &str,
    rule: &Rule,
    kinds: Kinds<'_>,
    namespaced: bool,
    notes: &mut Notes,
) -> Result<(), At> {
    let formula = rule.formula(path, kinds)?;
    rule.note_groups(path, kinds.custom, notes);
    rule.note_extractors(path, notes);
    let items = items::items(rule, path)?;
    if items.is_empty() {
        let why = "nothing would be verified";
        return Err(At::new(format!("{path}.verifyImages"), Problem::Missing { why }));
    }
    let mut found = false;
    for (scope, action) in scopes(spec, &formula, &items, path, namespaced, notes)? {
        for written in &items {
            let action = written.action.map_or(action, |own| own);
            if let (Action::Audit, Some((path, found))) = (action, enforced(&spec.rules)) {
                return Err(At::value(path, found, ENFORCES));
            }
            if action == Action::Audit
                && written.item.mutate
                && spec.validation_failure_action_overrides.is_empty()
            {
                let instead = "Kyverno refuses it with `Audit`; write `mutateDigest: false`, and `verifyDigest: \
                               false` unless tags are to be reported";
                let path = format!("{}.mutateDigest", written.item.path);
                return Err(At::value(path, "true", instead));
            }
            let mut item = written.item.clone();
            // What is mutated in Kyverno has a digest; what is only audited here keeps its tag.
            item.verify &= !(action == Action::Audit && item.mutate);
            let same = |group: &&mut Group| {
                group.scope == scope && group.action == action && group.extractors == rule.image_extractors
            };
            found = true;
            match groups.iter_mut().find(same) {
                // Two scopes of a rule may be one: what is there already says it all.
                Some(group) if group.items.iter().any(|known| known.path == item.path) => {}
                Some(group) => group.items.push(item),
                None => groups.push(Group {
                    scope: scope.clone(),
                    path: format!("{path}.match"),
                    action,
                    items: vec![item],
                    extractors: rule.image_extractors.clone(),
                }),
            }
        }
    }
    if !found {
        let instead = "what is excluded leaves nothing of what is matched";
        return Err(At::no_counterpart(format!("{path}.match"), instead));
    }
    Ok(())
}

const ENFORCES: &str = "Kyverno takes it for all items of the rule, and before 1.19 for the whole policy; write what is \
                        audited as a policy of its own";

/// The first action of a rule's own that enforces: where it stands, and as it is written. It does so for more than
/// what it is written at.
fn enforced(rules: &[Value]) -> Option<(String, &str)> {
    fn list<'v>(value: Option<&'v Value>, field: &str) -> impl Iterator<Item = (usize, &'v Value)> + use<'v> {
        let items = value.and_then(|value| value.get(field)).and_then(Value::as_sequence);
        items.into_iter().flatten().enumerate()
    }
    rules.iter().enumerate().find_map(|(index, rule)| {
        let path = format!("spec.rules[{index}]");
        let validate = rule.get("validate");
        let own = validate.and_then(|validate| validate.get("failureAction"));
        let own = own.map(|own| (format!("{path}.validate.failureAction"), own));
        let overrides = list(validate, "failureActionOverrides").filter_map(|(index, other)| {
            Some((format!("{path}.validate.failureActionOverrides[{index}].action"), other.get("action")?))
        });
        let items = list(Some(rule), "verifyImages").filter_map(|(index, item)| {
            Some((format!("{path}.verifyImages[{index}].failureAction"), item.get("failureAction")?))
        });
        let mut actions = overrides.chain(own).chain(items);
        actions.find_map(|(path, action)| {
            let action = action.as_str().filter(|action| action.eq_ignore_ascii_case("enforce"))?;
            Some((path, action))
        })
    })
}

type Scopes = Vec<(super::scope::Scope, Action)>;

/// Where the rule applies, with what is done there: the first override that fits decides.
fn scopes(
    spec: &Spec,
    formula: &Formula,
    items: &[Written],
    path: &str,
    namespaced: bool,
    notes: &mut Notes,
) -> Result<Scopes, At> {
    const OVERRIDES: &str = "spec.validationFailureActionOverrides";
    let overrides = &spec.validation_failure_action_overrides;
    if let (false, Some(own)) = (overrides.is_empty(), items.iter().find(|written| written.action.is_some()))
    {
        let instead =
            "with overrides the action stands in `spec.validationFailureAction`, and is the same for all";
        return Err(At::no_counterpart(format!("{}.failureAction", own.item.path), instead));
    }
    let base = base_action(spec, items, notes)?;
    let mut rest = vec![formula.clone()];
    let mut scopes = Vec::new();
    let mut add = |parts: Vec<Formula>, action| {
        let too_many = |_| At::new(path, Problem::TooManyScopes { limit: MAX_SCOPES });
        let found = Formula::All(parts).scopes(namespaced).map_err(too_many)?;
        scopes.extend(found.into_iter().map(|scope| (scope, action)));
        Ok(())
    };
    for (index, other) in overrides.iter().enumerate() {
        let path = format!("{OVERRIDES}[{index}]");
        let here = other.formula(&path)?;
        let action = items::action(&other.action, &format!("{path}.action"))?;
        add(rest.iter().cloned().chain([here.clone()]).collect(), action)?;
        rest.push(here.not());
    }
    add(rest, base)?;
    Ok(scopes)
}

/// What the policy says for the items that do not say it themselves.
fn base_action(spec: &Spec, items: &[Written], notes: &mut Notes) -> Result<Action, At> {
    const FIELD: &str = "spec.validationFailureAction";
    let action = match &spec.validation_failure_action {
        Some(text) => items::action(text, FIELD)?,
        None => Action::Audit,
    };
    let silent = items.iter().any(|written| written.action.is_none());
    if silent && spec.validation_failure_action.is_none() {
        notes.add(FIELD, "not written: that is `Audit` in Kyverno, so `mode: monitor` here");
    }
    Ok(action)
}
