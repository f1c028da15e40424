//! `attestations` and their conditions. All of it is checked; none of it can be verified yet.

use super::attestors::{self, Context};
use super::error::{Problem, SettingsError};
use super::fields::{ATTESTATION, CONDITION, CONDITIONS, OPERATORS};
use super::reader::Node;
use crate::limits::{MAX_CONDITIONS, MAX_IDENTITY_CHARS};
use crate::requirement::{DeclaredEntry, DeclaredSet, NonEmpty};

/// Checks the `attestations` of a rule. Gives a set that nothing meets.
pub(super) fn parse(list: Node<'_>, context: &Context<'_>) -> Result<DeclaredSet, SettingsError> {
    list.list(MAX_CONDITIONS)?.into_iter().try_for_each(|node| attestation(node, context))?;
    let entries = NonEmpty::one(DeclaredEntry::Unverifiable);
    Ok(DeclaredSet { place: "attestations".to_owned(), count: None, entries })
}

fn attestation(node: Node<'_>, context: &Context<'_>) -> Result<(), SettingsError> {
    let attestation = node.mapping(&ATTESTATION)?;
    let (_, kind) = attestation.exactly_one(&["type", "predicateType"])?;
    kind.some_text(MAX_IDENTITY_CHARS)?;
    kind.constant()?;
    if let Some(list) = attestation.get("conditions") {
        list.list(MAX_CONDITIONS)?.into_iter().try_for_each(conditions)?;
    }
    // Whoever can push could attest anything: without attestors nothing would be checked.
    attestors::parse(attestation.required("attestors")?, context).map(drop)
}

fn conditions(node: Node<'_>) -> Result<(), SettingsError> {
    let conditions = node.mapping(&CONDITIONS)?;
    conditions.at_least_one(["any", "all"])?;
    for list in ["any", "all"].iter().filter_map(|name| conditions.get(name)) {
        list.list(MAX_CONDITIONS)?.into_iter().try_for_each(condition)?;
    }
    Ok(())
}

fn condition(node: Node<'_>) -> Result<(), SettingsError> {
    let condition = node.mapping(&CONDITION)?;
    let key = condition.required("key")?;
    let text = key.some_text(MAX_IDENTITY_CHARS)?;
    if Expression::parse(text).is_none() {
        return Err(key.error(Problem::Expression(text.to_owned())));
    }
    let operators: Vec<_> = OPERATORS.iter().map(|name| (*name, ())).collect();
    condition.required("operator")?.choice(&operators)?;
    condition.required("value")?.constant().map(drop)
}

/// What the key of a condition looks at, as far as we know how to look: the shapes that people write, not
/// JMESPath.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expression {
    /// `{{ builder.id }}`
    Path,
    /// `{{ regex_match('^https://…', builder.id) }}`
    RegexMatch,
    /// `{{ length(@) }}`, ``{{ components | length(@) > `0` }}``
    Length,
    /// `{{ time_since('', metadata.finishedOn, '') }}`
    TimeSince,
    /// `{{ components[?name=='openssl'].version | [0] }}`
    ComponentVersion,
}

impl Expression {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
        let (shape, rest) = if let Some(rest) = call(text, "regex_match") {
            (Self::RegexMatch, closed(argument(comma(literal(rest)?)?)?)?)
        } else if let Some(rest) = call(text, "time_since") {
            (Self::TimeSince, closed(literal(comma(argument(comma(literal(rest)?)?)?)?)?)?)
        } else if let Some(rest) = call(text, "length") {
            (Self::Length, compared(closed(path(rest)?)?))
        } else {
            let rest = path(text)?.trim_start();
            if let Some(rest) = rest.strip_prefix("[?") {
                let rest = word(rest.trim_start())?.trim_start().strip_prefix("==")?;
                let rest = literal(rest.trim_start())?.trim_start().strip_prefix("].")?;
                let rest = word(rest)?.trim_start();
                let first = rest.strip_prefix('|').and_then(|rest| rest.trim_start().strip_prefix("[0]"));
                (Self::ComponentVersion, first.unwrap_or(rest))
            } else if let Some(rest) = rest.strip_prefix('|') {
                (Self::Length, compared(closed(call(rest.trim_start(), "length")?.strip_prefix('@')?)?))
            } else {
                (Self::Path, rest)
            }
        };
        rest.trim().is_empty().then_some(shape)
    }
}

// Each of these takes something off the text and gives what follows.

/// `name(`
fn call<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    Some(text.strip_prefix(name)?.strip_prefix('(')?.trim_start())
}

fn comma(text: &str) -> Option<&str> {
    Some(text.trim_start().strip_prefix(',')?.trim_start())
}

fn closed(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix(')')
}

/// `'text'`
fn literal(text: &str) -> Option<&str> {
    Some(text.strip_prefix('\'')?.split_once('\'')?.1)
}

/// A path, or a variable in a text as Kyverno's documentation has it: `'{{ path }}'`
fn argument(text: &str) -> Option<&str> {
    match text.strip_prefix("'{{") {
        Some(rest) => path(rest.trim_start())?.trim_start().strip_prefix("}}'"),
        None => path(text),
    }
}

/// ``> `0` ``, if it is there
fn compared(text: &str) -> &str {
    let number = text.trim_start().strip_prefix('>').and_then(|rest| rest.trim_start().strip_prefix('`'));
    number
        .and_then(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix('`'))
        .unwrap_or(text)
}

/// `@`, `a.b`, `a."b-c"[0].d[]`
fn path(text: &str) -> Option<&str> {
    // These are Kyverno's names for the request, not for what is attested.
    if text.starts_with("request.") || text.starts_with("images.") {
        return None;
    }
    let mut rest = text.strip_prefix('@').map_or_else(|| word(text), Some)?;
    loop {
        rest = if let Some(next) = rest.strip_prefix('.') {
            word(next)?
        } else if let Some(index) = rest.strip_prefix('[').filter(|index| !index.starts_with('?')) {
            index.trim_start_matches(|c: char| c.is_ascii_digit() || c == '*').strip_prefix(']')?
        } else {
            return Some(rest);
        };
    }
}

/// `name`, `"any name"`
fn word(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('"') {
        return Some(quoted.split_once('"')?.1);
    }
    let rest = text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::Expression::{self, *};

    #[test]
    fn the_shapes_that_people_write_are_known_by_name() {
        for (text, shape) in [
            ("{{ builder.id }}", Path),
            ("{{buildType}}", Path),
            ("{{ predicate.\"build-type\"[0].steps[].name }}", Path),
            ("{{ regex_match('^https://github.com/acme/', builder.id) }}", RegexMatch),
            ("{{ regex_match('^https://github.com/acme/','{{ builder.id}}') }}", RegexMatch),
            ("{{ length(@) }}", Length),
            ("{{ length(components) }}", Length),
            ("{{ length(@) > `0` }}", Length),
            ("{{ components[].name | length(@) > `0` }}", Length),
            ("{{ time_since('', '{{ metadata.scanFinishedOn }}', '') }}", TimeSince),
            ("{{ time_since('',metadata.scanFinishedOn,'') }}", TimeSince),
            ("{{ components[?name=='openssl'].version }}", ComponentVersion),
            ("{{ components[?name == 'openssl'].version | [0] }}", ComponentVersion),
        ] {
            assert_eq!(Expression::parse(text), Some(shape), "{text}");
        }
    }

    #[test]
    fn everything_else_is_unknown() {
        for text in [
            "",
            "builder.id",
            "{{ }}",
            "{{ builder.id",
            "{{ builder..id }}",
            "{{ builder.id }}x",
            "{{ builder.id }}{{ builder.id }}",
            "{{ builder.id || 'x' }}",
            "{{ regex_match('x') }}",
            "{{ regex_match(builder.id, 'x') }}",
            "{{ regex_match('x', builder.id) || `true` }}",
            "{{ length(@) > 0 }}",
            "{{ length(components[?name=='x']) }}",
            "{{ time_since('', '2026-01-01T00:00:00Z', '') }}",
            "{{ components[?name=='x'] }}",
            "{{ components[?contains(name, 'x')].version }}",
            "{{ components | [0] }}",
            "{{ to_upper(builder.id) }}",
            "{{ request.object.metadata.name }}",
            "{{ regex_match('x', request.namespace) }}",
        ] {
            assert_eq!(Expression::parse(text), None, "{text}");
        }
    }
}
