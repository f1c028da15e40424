//! The native dialect: Kyverno's `verifyImages` list, and what is ours around it.

use serde_json::Value;

use super::error::{Problem, SettingsError};
use super::fields::{RULE, SETTINGS};
use super::reader::{Mapping, Node, Notes};
use super::{Settings, UnmatchedImages, attestors};
use crate::image::{BindingPattern, PatternError, SkipPattern};
use crate::limits::{MAX_PATTERNS, MAX_RULES};
use crate::requirement::{NonEmpty, Rule, RuleName};

/// Parses settings in the native dialect.
pub(super) fn parse(value: &Value) -> Result<Settings, SettingsError> {
    check_dialect(value)?;
    let notes = Notes::default();
    let settings = Node::root(value, &notes).mapping(&SETTINGS)?;
    let list = settings.required("verifyImages")?;
    let empty = list.error(Problem::Empty);
    let rules = list.list(MAX_RULES)?.into_iter().map(rule).collect::<Result<Vec<_>, _>>()?;
    check_names_differ(&rules)?;
    let unmatched_images = match settings.get("unmatchedImages") {
        Some(node) => node.choice(&[
            ("allow", UnmatchedImages::Allow),
            ("warn", UnmatchedImages::Warn),
            ("deny", UnmatchedImages::Deny),
        ])?,
        None => UnmatchedImages::Allow,
    };
    let rules = NonEmpty::new(rules).ok_or(empty)?;
    Ok(Settings { rules, unmatched_images, warnings: notes.into_inner() })
}

/// Says what people paste by mistake by its name, before any field of it is called unknown.
fn check_dialect(value: &Value) -> Result<(), SettingsError> {
    let at_top = |problem| Err(SettingsError::at("settings", problem));
    if let (Some(kind), Some(_)) = (value.get("kind"), value.get("apiVersion")) {
        return at_top(Problem::WholeObject { kind: kind.as_str().unwrap_or("object").to_owned() });
    }
    if value.get("signatures").is_some() {
        return at_top(Problem::OtherDialect);
    }
    Ok(())
}

fn rule(node: Node<'_>) -> Result<Rule, SettingsError> {
    let place = node.path().to_owned();
    let rule = node.mapping(&RULE)?;
    if let Some(format) = rule.get("type") {
        format.choice(&[("Cosign", ())])?;
    }
    let references = rule.required("imageReferences")?;
    let images = patterns(&references, BindingPattern::parse)?;
    let images = NonEmpty::new(images).ok_or_else(|| references.error(Problem::Empty))?;
    let skips = match rule.get("skipImageReferences") {
        Some(node) => patterns(&node, SkipPattern::parse)?,
        None => Vec::new(),
    };
    Ok(Rule {
        name: name(&rule, &place)?,
        images,
        skips,
        attestors: attestors::parse(rule.required("attestors")?, &place)?,
        mutate_digest: rule.boolean_or("mutateDigest", true)?,
        verify_digest: rule.boolean_or("verifyDigest", true)?,
    })
}

fn name(rule: &Mapping<'_>, place: &str) -> Result<RuleName, SettingsError> {
    let Some(node) = rule.get("name") else { return Ok(RuleName::Place(place.to_owned())) };
    let name = node.text()?;
    let fits = !name.is_empty()
        && name.len() <= 63
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !fits {
        return Err(node.error(Problem::RuleName(name.to_owned())));
    }
    Ok(RuleName::Given(name.to_owned()))
}

/// Messages tell rules apart by their names.
fn check_names_differ(rules: &[Rule]) -> Result<(), SettingsError> {
    for (index, rule) in rules.iter().enumerate() {
        if let Some(first) = rules.iter().take(index).position(|earlier| earlier.name == rule.name) {
            let problem = Problem::DuplicateName { first: format!("verifyImages[{first}].name") };
            return Err(SettingsError::at(format!("verifyImages[{index}].name"), problem));
        }
    }
    Ok(())
}

fn patterns<P>(list: &Node<'_>, parse: fn(&str) -> Result<P, PatternError>) -> Result<Vec<P>, SettingsError> {
    let one = |node: Node<'_>| {
        let pattern = node.text()?;
        parse(pattern).map_err(|error| node.error(Problem::Pattern { pattern: pattern.to_owned(), error }))
    };
    list.list_or_empty(MAX_PATTERNS)?.into_iter().map(one).collect()
}
