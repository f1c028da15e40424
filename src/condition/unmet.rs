//! Why a predicate does not satisfy what is asked of it.

use core::fmt::{self, Display, Formatter};

use serde_json::Value;
use thiserror::Error;

use crate::text::{Shown, counted};
use crate::time::Time;

/// Why a predicate does not satisfy what is asked of it. What others wrote is shown escaped and cut.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unmet {
    /// One condition of an `all` block.
    #[error("{0}")]
    Condition(Box<UnmetCondition>),
    /// Every condition of an `any` block.
    #[error("{place}: none of {} is met: {}", counted(unmet.len(), "condition"), several(unmet))]
    NoneOf {
        /// Where the block stands, `conditions[0].any`.
        place: String,
        /// All of its conditions.
        unmet: Vec<UnmetCondition>,
    },
    /// A field of `slsa`.
    #[error("slsa.{field}: wanted `{}`; {found}", Shown(wanted))]
    Slsa {
        /// The field.
        field: &'static str,
        /// What it asks for.
        wanted: String,
        /// What there is.
        found: Finding,
    },
}

/// A condition, what it wanted, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: wanted {}; {found}", Wanted { key, operator, value })]
pub struct UnmetCondition {
    /// Where the condition stands, `conditions[0].all[1]`.
    pub place: String,
    /// Its key.
    pub key: String,
    /// Its operator.
    pub operator: &'static str,
    /// Its value, in JSON.
    pub value: String,
    /// What was found.
    pub found: Finding,
}

/// What was found where something else was wanted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Finding {
    /// The path leads to nothing. This satisfies nothing, not even that something is absent.
    #[error("found nothing there")]
    Nothing,
    /// Some items of the list lack what is asked for.
    #[error("{} of the list {} it", counted(*missing, "item"), if *missing == 1 { "lacks" } else { "lack" })]
    Incomplete {
        /// How many.
        missing: usize,
    },
    /// A list without items, of which all and nothing could be said.
    #[error("found an empty list")]
    Empty,
    /// Another value.
    #[error("found {0}")]
    Value(Excerpt),
    /// Items of a list that are other than wanted, of which this is the first.
    #[error("found {first}, {} of {of} items", counted(*others, "other"))]
    Items {
        /// The first of them.
        first: Excerpt,
        /// How many more.
        others: usize,
        /// How many items there are.
        of: usize,
    },
    /// A value of a type that cannot be compared so.
    #[error("found {found}, which is not {expected}")]
    Type {
        /// The value.
        found: Excerpt,
        /// What could be.
        expected: &'static str,
    },
    /// A time that is not over yet, or after the signature that vouches for it.
    #[error("found {found}, which is after {limit}, {what}")]
    Future {
        /// The time found.
        found: Excerpt,
        /// The time it must not be after.
        limit: Time,
        /// What that is.
        what: &'static str,
    },
    /// A provenance that does not say it in a way that is known.
    #[error("cannot be read: {0}")]
    Unreadable(&'static str),
    /// A predicate in which this would take too long.
    #[error("too much to look at")]
    TooMuch,
}

/// A value, cut and escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt(String);

/// Characters kept of a value: what [`Shown`] shows, and one by which it sees that something was cut.
const KEPT: usize = crate::limits::MAX_SHOWN_CHARS.saturating_add(1);

impl Excerpt {
    /// A value; lists and mappings by their size alone.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        Self(match value {
            Value::String(text) => {
                let kept: String = text.chars().take(KEPT).collect();
                format!("`{}`", Shown(&kept))
            }
            Value::Array(items) => format!("a list of {}", counted(items.len(), "item")),
            Value::Object(fields) => format!("a mapping of {}", counted(fields.len(), "field")),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        })
    }

    pub(super) fn named(name: String) -> Self {
        Self(name)
    }
}

impl Finding {
    pub(super) fn mistyped(found: &Value, expected: &'static str) -> Self {
        Self::Type { found: Excerpt::of(found), expected }
    }
}

impl Display for Excerpt {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

struct Wanted<'u> {
    key: &'u str,
    operator: &'static str,
    value: &'u str,
}

impl Display for Wanted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {} `{}`", Shown(self.key), self.operator, Shown(self.value))
    }
}

/// The first conditions of an `any` block, and how many more.
fn several(unmet: &[UnmetCondition]) -> String {
    const SHOWN: usize = 3;
    let mut text: Vec<String> = unmet
        .iter()
        .take(SHOWN)
        .map(|one| {
            let wanted = Wanted { key: &one.key, operator: one.operator, value: &one.value };
            format!("{wanted} ({})", one.found)
        })
        .collect();
    if let Some(more) = unmet.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        text.push(format!("{more} more"));
    }
    text.join(", ")
}
