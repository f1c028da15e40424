//! The items of a rule's `verifyImages`. They are settings as they stand, but for what Kyverno puts beside them.

use super::super::emit::{Action, Item};
use super::super::read::{read, text};
use super::super::refusal::At;
use super::preconditions;
use super::types::Rule;
use serde::Deserialize;
use serde_norway::{Mapping, Value};
use std::collections::BTreeSet;

/// An item, and its own action.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) item: Item,
    pub(super) action: Option<Action>,
}

const CONTEXT: &str =
    "nothing is looked up at admission; of variables, only a ConfigMap that holds keys is known";
const VARIABLE: &str =
    "variables are not replaced; write the value, or name a ConfigMap with its key in `context`";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Context {
    name: String,
    config_map: ConfigMap,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigMap {
    name: String,
    namespace: String,
}

/// The items of a rule at `path`.
pub(super) fn items(rule: &Rule, path: &str) -> Result<Vec<Written>, At> {
    preconditions::refuse(rule, path)?;
    let contexts = rule.context.iter().enumerate().map(|(index, value)| {
        let path = format!("{path}.context[{index}]");
        if value.get("configMap").is_none() {
            return Err(At::no_counterpart(path, CONTEXT));
        }
        read::<Context>(value, &path)
    });
    let contexts: Vec<Context> = contexts.collect::<Result<_, _>>()?;
    for (index, context) in contexts.iter().enumerate() {
        if contexts.iter().take(index).any(|other| other.name == context.name) {
            let path = format!("{path}.context[{index}].name");
            return Err(At::value(
                path,
                &context.name,
                "another one has this name; write the one that is meant",
            ));
        }
    }
    let items = rule.verify_images.iter().enumerate().map(|(index, fields)| {
        let path = format!("{path}.verifyImages[{index}]");
        let mut fields = fields.clone();
        let mut mutate = true;
        let mut verify = true;
        for (field, value) in [("mutateDigest", &mut mutate), ("verifyDigest", &mut verify)] {
            if let Some(found) = fields.shift_remove(field) {
                *value = read(&found, &format!("{path}.{field}"))?;
            }
        }
        let own = fields.shift_remove("failureAction");
        let own = own.map(|own| {
            let path = format!("{path}.failureAction");
            action(&read::<String>(&own, &path)?, &path)
        });
        let action = own.transpose()?;
        let mut value = Value::Mapping(fields);
        replace_keys(&mut value, &contexts, &path)?;
        let Value::Mapping(fields) = value else { return Err(At::no_counterpart(path, CONTEXT)) };
        Ok(Written { item: Item { path, fields, mutate, verify }, action })
    });
    items.collect()
}

/// Gives every item the name of its rule, if it is one that a rule can have; numbered where a rule has several. No
/// number makes a name that another rule has.
pub(super) fn name(rules: &mut [(String, Rule)]) {
    let written = rules.iter().flat_map(|(_, rule)| {
        let own = rule.name.as_deref().filter(|_| rule.verify_images.len() == 1);
        own.into_iter().chain(rule.verify_images.iter().filter_map(|fields| text(fields, "name")))
    });
    let mut taken: BTreeSet<String> = written.map(str::to_owned).collect();
    for (_, Rule { name, verify_images, .. }) in rules {
        let Some(name) = name else { continue };
        let several = verify_images.len() > 1;
        for (index, fields) in verify_images.iter_mut().enumerate() {
            let mut numbered = (index.saturating_add(1)..).map(|number| format!("{name}-{number}"));
            let name =
                if several { numbered.find(|name| taken.insert(name.clone())) } else { Some(name.clone()) };
            let name = name.filter(|name| fits(name) && text(fields, "name").is_none());
            if let Some(name) = name {
                let named = core::iter::once((Value::from("name"), Value::from(name)));
                *fields = named.chain(core::mem::take(fields)).collect();
            }
        }
    }
}

fn fits(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
}

/// `Audit` or `Enforce`, in the spelling of today or yesterday.
pub(super) fn action(found: &str, path: &str) -> Result<Action, At> {
    match found {
        "Enforce" | "enforce" => Ok(Action::Enforce),
        "Audit" | "audit" => Ok(Action::Audit),
        other => Err(At::value(path, other, "allowed: Enforce, Audit")),
    }
}

/// Replaces keys that a variable takes from a ConfigMap by a reference to it. Any other variable is refused.
fn replace_keys(value: &mut Value, contexts: &[Context], path: &str) -> Result<(), At> {
    match value {
        Value::Sequence(items) => items.iter_mut().enumerate().try_for_each(|(index, item)| {
            let path = format!("{path}[{index}]");
            replace_keys(item, contexts, &path)
        }),
        Value::Mapping(fields) => {
            if let Some(variable) = text(fields, "publicKeys").filter(|text| text.contains("{{")) {
                let path = format!("{path}.publicKeys");
                let reference = reference(variable, contexts);
                let reference = reference.ok_or_else(|| At::value(path, variable, VARIABLE))?;
                fields.shift_remove("publicKeys");
                fields.insert("configMap".into(), Value::Mapping(reference));
            }
            // What conditions look at is written like a variable, and is none.
            let entries = fields.iter_mut().filter(|(key, _)| key.as_str() != Some("conditions"));
            entries.into_iter().try_for_each(|(key, value)| {
                let path = format!("{path}.{}", key.as_str().unwrap_or_default());
                replace_keys(value, contexts, &path)
            })
        }
        Value::String(text) if text.contains("{{") => Err(At::value(path, text.clone(), VARIABLE)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => Ok(()),
    }
}

/// `{{ NAME.data.KEY }}`, also with the key in quotes.
fn reference(variable: &str, contexts: &[Context]) -> Option<Mapping> {
    let inner = variable.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let (name, key) = inner.split_once(".data.")?;
    let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let context = contexts.iter().find(|context| context.name == name)?;
    if key.is_empty() || !key.chars().all(plain) {
        return None;
    }
    let fields = [
        ("name", context.config_map.name.as_str()),
        ("namespace", &context.config_map.namespace),
        ("key", key),
    ];
    Some(fields.into_iter().map(|(field, value)| (Value::from(field), Value::from(value))).collect())
}
