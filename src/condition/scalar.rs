//! Whether one value is another: exactly, by amount, or by wildcards.

use serde_json::Value;

use super::amount::{Decimal, duration, quantity};
use super::path::Visits;
use super::unmet::Finding;
use crate::limits::MAX_REGEX_TEXT_BYTES;
use crate::text::matches_before_at;

/// A value that others are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// `true` or `false`.
    Truth(bool),
    /// A number of JSON.
    Number(Decimal),
    /// A text, in which `*` stands for any characters and `?` for one; before an `@` of its own, for any but that.
    Text(String),
    /// A text that says a time span, in nanoseconds.
    Duration(i128),
    /// A text that says a quantity with a unit.
    Quantity(Decimal),
}

/// Why a value is neither one that is wanted nor another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Incomparable {
    /// It is not of the type that could be.
    Type(&'static str),
    /// There is too much to look at.
    TooMuch,
}

/// What a text over the limit is.
pub(super) const TOO_LONG: Incomparable = Incomparable::Type("a text short enough to compare");

/// Whether a value is no text over the limit: what is compared with it takes time with its length.
pub(super) fn is_short(found: &Value) -> bool {
    found.as_str().is_none_or(|text| text.len() <= MAX_REGEX_TEXT_BYTES)
}

impl Incomparable {
    /// What is told of it. That takes a while: where many values are compared, of one of them.
    pub(super) fn of(self, found: &Value) -> Finding {
        match self {
            Self::Type(expected) => Finding::mistyped(found, expected),
            Self::TooMuch => Finding::TooMuch,
        }
    }
}

impl Wanted {
    /// What `Equals` compares with. None for what is no scalar, or a number that is not exact.
    pub(super) fn parse(value: &Value) -> Option<Self> {
        if let Value::String(text) = value {
            if let Some(duration) = duration(text) {
                return Some(Self::Duration(duration));
            }
            if let Some((quantity, true)) = quantity(text) {
                return Some(Self::Quantity(quantity));
            }
        }
        Self::verbatim(value)
    }

    /// What lists are made of: texts say no amounts there.
    pub(super) fn verbatim(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(truth) => Some(Self::Truth(*truth)),
            Value::Number(number) => Decimal::of(number).map(Self::Number),
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Whether a value is this.
    ///
    /// # Errors
    /// [`Incomparable`] for a value that cannot be compared with it: it is neither equal nor different.
    pub(super) fn is(&self, found: &Value, visits: &mut Visits) -> Result<bool, Incomparable> {
        let mut spend = |values| visits.spend(values).map_err(|_| Incomparable::TooMuch);
        spend(1)?;
        let mistyped = Incomparable::Type;
        if !is_short(found) {
            return Err(TOO_LONG);
        }
        match (self, found) {
            (Self::Truth(wanted), Value::Bool(found)) => Ok(wanted == found),
            (Self::Truth(_), _) => Err(mistyped("true or false")),
            (Self::Number(wanted), Value::Number(found)) => {
                let found =
                    Decimal::of(found).ok_or_else(|| mistyped("a number that can be compared exactly"))?;
                Ok(*wanted == found)
            }
            (Self::Number(_), _) => Err(mistyped("a number")),
            (Self::Text(pattern), Value::String(found)) => {
                spend(found.len().div_ceil(64))?;
                if !matches(pattern, found) {
                    return Ok(false);
                }
                if matches_before_at(matches, pattern, found) {
                    return Ok(true);
                }
                Err(mistyped("a text in which a wildcard before an `@` stands for no other `@`"))
            }
            (Self::Text(_), _) => Err(mistyped("a text")),
            (Self::Duration(wanted), Value::String(found)) => {
                Ok(*wanted == duration(found).ok_or_else(|| mistyped("a duration"))?)
            }
            (Self::Duration(_), _) => Err(mistyped("a duration")),
            (Self::Quantity(wanted), Value::String(found)) => {
                let (found, _) = quantity(found).ok_or_else(|| mistyped("a quantity"))?;
                Ok(*wanted == found)
            }
            (Self::Quantity(_), _) => Err(mistyped("a quantity")),
        }
    }
}

/// Whether a text matches a pattern. Wildcards of the text are none: it is not the settings'.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut pattern = pattern.chars();
    let mut text = text.chars();
    // Where to go on when the last star takes one character more.
    let mut retry: Option<(core::str::Chars<'_>, core::str::Chars<'_>)> = None;
    loop {
        let before = (pattern.clone(), text.clone());
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((pattern.clone(), before.1.clone()));
                text = before.1;
                continue;
            }
            (Some('?'), Some(_)) => continue,
            (Some(wanted), Some(found)) if wanted == found => continue,
            (Some(_) | None, Some(_)) => {}
            // No star can take less than it has.
            (Some(_), None) => return false,
        }
        let Some((after, mut rest)) = retry else { return false };
        rest.next();
        pattern = after.clone();
        text = rest.clone();
        retry = Some((after, rest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards_stand_for_any_characters_or_for_one() {
        for (pattern, yes) in [
            ("", ""),
            ("*", ""),
            ("*", "a\n"),
            ("a*", "a"),
            ("a*c", "abc"),
            ("a*c", "acbc"),
            ("?", "é"),
            ("a?c", "abc"),
            ("*a*b*", "xaxbx"),
            ("**", "x"),
            ("*.*", "a.b"),
            ("a*b*c", "abbc"),
            ("?*", "x"),
            ("1.2", "1.2"),
        ] {
            assert!(matches(pattern, yes), "{pattern} {yes}");
        }
        for (pattern, no) in [
            ("", "a"),
            ("a", ""),
            ("a*", "ba"),
            ("a*c", "acb"),
            ("?", ""),
            ("?", "ab"),
            ("a?", "a"),
            ("*a*b*", "ba"),
            ("1.2", "1x2"),
            ("a", "*"),
            ("a", "?"),
            ("*b", "bc"),
            ("a*b*c", "acb"),
            ("?*", ""),
            ("A", "a"),
        ] {
            assert!(!matches(pattern, no), "{pattern} {no}");
        }
    }

    proptest! {
        #[test]
        fn wildcards_match_as_a_regular_expression_would(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let regex = pattern.replace('*', ".*").replace('?', ".");
            let regex = crate::regex::AnchoredRegex::parse(&regex);
            if let Ok(regex) = regex {
                prop_assert_eq!(matches(&pattern, &text), regex.is_match(&text));
            }
        }
    }
}
