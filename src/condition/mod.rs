//! The conditions that an attestation's predicate must satisfy: Kyverno's `any`, `all`, key, operator and value.
//!
//! They are parsed once, into types that say all they can mean; what is not understood is refused then. Evaluating
//! them costs time linear in the predicate, up to a limit. Nothing that is missing, of another type or over a limit
//! satisfies a condition, be it a negative one.

mod amount;
mod expression;
mod operator;
mod path;
mod scalar;
mod slsa;
#[cfg(test)]
mod tests;
mod unmet;

use serde_json::Value;
use thiserror::Error;

use self::amount::{SECOND, duration};
use self::expression::Expression;
use self::operator::{Seen, Test};
use self::path::{Looked, Path, Visits};
use self::scalar::is_short;
use crate::limits::MAX_REGEX_TEXT_BYTES;
use crate::regex::RegexError;
use crate::text::Shown;
use crate::time::Time;

pub use self::operator::{Operator, Order};
pub use self::slsa::{Slsa, SlsaError, SlsaField, SlsaVersion};
pub use self::unmet::{Excerpt, Finding, Unmet, UnmetCondition};

/// The conditions of an attestation: blocks, all of which must be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions(Vec<Block>);

/// One item of `conditions`: one condition of `any`, and each of `all`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    place: String,
    any: Vec<Condition>,
    all: Vec<Condition>,
}

/// One condition: a key that looks at the predicate, and what is asked of what it finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    expression: Expression,
    test: Test,
    key: String,
    operator: &'static str,
    value: String,
}

/// When conditions are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The time of the request: ages are counted to it.
    pub now: Time,
    /// When the attestation is proven to have been signed, if it is: nothing it speaks of came later.
    pub signed: Option<Time>,
}

/// Why a condition cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConditionError {
    /// A key that looks at nothing we know how to look at.
    #[error(
        "found `{}`; allowed: `/a/path`, `{{{{ a.path }}}}`, or `regex_match`, `length`, `time_since` or a component's \
         version over one; {instead}",
        Shown(found)
    )]
    Expression {
        /// The key.
        found: String,
        /// What to write in its place.
        instead: &'static str,
    },
    /// A key that begins like a JSON Pointer.
    #[error("found `{}`; in a JSON Pointer `~` is written `~0`, and `/` in a name `~1`", Shown(.0))]
    Pointer(String),
    /// A function over several values.
    #[error("found `{}`; this function takes one value: write a path without `[]` and `[*]`", Shown(.0))]
    ManyInFunction(String),
    /// A regular expression that is none.
    #[error("`{}`: {error}", Shown(regex))]
    Regex {
        /// The expression.
        regex: String,
        /// What is wrong with it.
        error: RegexError,
    },
    /// A regular expression that is about a part, in Kyverno.
    #[error(
        "`{}` does not say whether it is about the whole text; begin each alternative with `^` or `.*`, and end it \
         with `$` or `.*`",
        Shown(.0)
    )]
    PartialRegex(String),
    /// An operator that cannot be asked of what the key gives.
    #[error("the key gives {0}")]
    Kind(&'static str),
    /// A value that the operator cannot compare with.
    #[error("allowed: {0}")]
    Value(&'static str),
    /// A range.
    #[error("found `{}`; ranges are not supported: write `GreaterThanOrEquals` and `LessThanOrEquals` in `all`", Shown(.0))]
    Range(String),
    /// A list of JSON in a text.
    #[error("found `{}`; write a list, not a text", Shown(.0))]
    ListInText(String),
}

/// The fields of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionField {
    /// `key`
    Key,
    /// `operator`
    Operator,
    /// `value`
    Value,
}

impl Conditions {
    /// Conditions of these blocks, at least one.
    #[must_use]
    pub fn new(blocks: Vec<Block>) -> Option<Self> {
        if blocks.is_empty() { None } else { Some(Self(blocks)) }
    }

    /// Checks a predicate.
    ///
    /// # Errors
    /// [`Unmet`] for the first block that is not met.
    pub fn check(&self, predicate: &Value, moment: Moment) -> Result<(), Unmet> {
        self.check_within(predicate, moment, &mut Visits::new())
    }

    fn check_within(&self, predicate: &Value, moment: Moment, visits: &mut Visits) -> Result<(), Unmet> {
        self.0.iter().try_for_each(|block| block.check(predicate, moment, visits))
    }
}

impl Block {
    /// A block of conditions; `place` says where it stands, `conditions[0]`. None without a condition, or where one
    /// of the lists is there and empty.
    #[must_use]
    pub fn new(place: String, any: Option<Vec<Condition>>, all: Option<Vec<Condition>>) -> Option<Self> {
        if (any.is_none() && all.is_none()) || [&any, &all].into_iter().flatten().any(Vec::is_empty) {
            return None;
        }
        Some(Self { place, any: any.unwrap_or_default(), all: all.unwrap_or_default() })
    }

    fn check(&self, predicate: &Value, moment: Moment, visits: &mut Visits) -> Result<(), Unmet> {
        let check = |list: &str, index: usize, condition: &Condition, visits: &mut Visits| {
            let unmet = |found| condition.unmet(format!("{}.{list}[{index}]", self.place), found);
            condition.check(predicate, moment, visits).map_err(unmet)
        };
        let mut unmet = Vec::new();
        for (index, condition) in self.any.iter().enumerate() {
            match check("any", index, condition, visits) {
                Ok(()) => {
                    unmet.clear();
                    break;
                }
                Err(reason) => unmet.push(reason),
            }
        }
        if !unmet.is_empty() {
            return Err(Unmet::NoneOf { place: format!("{}.any", self.place), unmet });
        }
        for (index, condition) in self.all.iter().enumerate() {
            check("all", index, condition, visits).map_err(|unmet| Unmet::Condition(Box::new(unmet)))?;
        }
        Ok(())
    }
}

impl Condition {
    /// Parses a condition; `operator` is a name of [`Operator::ALL`], with what it means.
    ///
    /// # Errors
    /// [`ConditionError`] for what is not understood, and for what nothing could satisfy.
    pub fn parse(
        key: &str,
        (name, operator): (&'static str, Operator),
        value: &Value,
    ) -> Result<Self, ConditionError> {
        let expression = Expression::parse(key)?;
        let test = Test::parse(expression.kind(), operator, value)?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Ok(Self { expression, test, key: key.to_owned(), operator: name, value })
    }

    fn check(&self, predicate: &Value, moment: Moment, visits: &mut Visits) -> Result<(), Finding> {
        let seen = self.expression.see(predicate, moment, visits)?;
        self.test.check(&seen, visits)
    }

    fn unmet(&self, place: String, found: Finding) -> UnmetCondition {
        let Self { key, operator, value, .. } = self;
        UnmetCondition { place, key: key.clone(), operator, value: value.clone(), found }
    }
}

impl ConditionError {
    /// The field that is wrong.
    #[must_use]
    pub fn field(&self) -> ConditionField {
        match self {
            Self::Expression { .. }
            | Self::Pointer(_)
            | Self::ManyInFunction(_)
            | Self::Regex { .. }
            | Self::PartialRegex(_) => ConditionField::Key,
            Self::Kind(_) => ConditionField::Operator,
            Self::Value(_) | Self::Range(_) | Self::ListInText(_) => ConditionField::Value,
        }
    }
}

impl Expression {
    /// What the expression gives for a predicate.
    fn see<'v>(
        &self,
        predicate: &'v Value,
        moment: Moment,
        visits: &mut Visits,
    ) -> Result<Seen<'v>, Finding> {
        match self {
            Self::Value(path) => Ok(match path.look(predicate, visits)? {
                Looked::One(value) => Seen::One(value),
                Looked::Many { found, missing } => Seen::Many(found, missing),
            }),
            Self::RegexMatch(regex, path) => {
                let value = one(path, predicate, visits)?;
                let text = value.as_str().ok_or_else(|| Finding::mistyped(value, "a text"))?;
                // Elsewhere `.` and `$` stop at the end of a line, so that the rest would be free.
                if text.len() > MAX_REGEX_TEXT_BYTES || text.contains(char::is_control) {
                    return Err(Finding::mistyped(value, "one short line of text"));
                }
                visits.spend(text.len())?;
                Ok(Seen::Truth(regex.is_match(text)))
            }
            Self::Length(path) => length(path, predicate, visits).map(Seen::Count),
            Self::LengthIs(path, comparison, number) => {
                Ok(Seen::Truth(comparison.holds(length(path, predicate, visits)?, *number)))
            }
            Self::Age(path) => age(one(path, predicate, visits)?, moment).map(Seen::Age),
        }
    }
}

fn one<'v>(path: &Path, predicate: &'v Value, visits: &mut Visits) -> Result<&'v Value, Finding> {
    match path.look(predicate, visits)? {
        Looked::One(value) => Ok(value),
        Looked::Many { .. } => Err(Finding::Nothing),
    }
}

fn length(path: &Path, predicate: &Value, visits: &mut Visits) -> Result<usize, Finding> {
    let value = match path.look(predicate, visits)? {
        Looked::One(value) => value,
        Looked::Many { found, missing: 0 } => return Ok(found.len()),
        Looked::Many { missing, .. } => return Err(Finding::Incomplete { missing }),
    };
    match value {
        Value::Array(items) => Ok(items.len()),
        Value::Object(fields) => Ok(fields.len()),
        Value::String(text) => Ok(text.chars().count()),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            Err(Finding::mistyped(value, "a list, a mapping or a text"))
        }
    }
}

/// How long ago a time is, in nanoseconds.
fn age(value: &Value, moment: Moment) -> Result<i128, Finding> {
    let then = value.as_str().filter(|_| is_short(value)).and_then(instant);
    let then = then.ok_or_else(|| Finding::mistyped(value, "a time such as `2027-01-31T00:00:00Z`"))?;
    let limits = [(moment.signed, "when it was signed"), (Some(moment.now), "the time of the request")];
    let mut age = 0;
    for (limit, what) in limits.into_iter().filter_map(|(limit, what)| Some((limit?, what))) {
        age = i128::from(limit.unix())
            .checked_mul(SECOND)
            .and_then(|limit| limit.checked_sub(then))
            .unwrap_or(-1);
        // A second has begun when the time of the limit says it.
        if age <= SECOND.saturating_neg() {
            return Err(Finding::Future { found: Excerpt::of(value), limit, what });
        }
    }
    Ok(age.max(0))
}

/// A time of RFC 3339 in nanoseconds since 1970: with an offset, and a fraction of a second.
fn instant(text: &str) -> Option<i128> {
    let (whole, rest) = text.split_at_checked(19)?;
    let seconds = i128::from(Time::parse(&format!("{whole}Z"))?.unix());
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let fraction = match rest.strip_suffix(zone)? {
        "" => 0,
        fraction if fraction.starts_with('.') => duration(&format!("0{fraction}s"))?,
        _ => return None,
    };
    let (sign, offset) = match (zone.strip_prefix('+'), zone.strip_prefix('-')) {
        _ if zone == "Z" => (1, "00:00"),
        (Some(offset), _) => (-1, offset),
        (None, Some(offset)) => (1, offset),
        (None, None) => return None,
    };
    let (hours, minutes) = offset.split_once(':')?;
    let part = |text: &str, below: i128| {
        let number = text.parse::<i128>().ok().filter(|number| (0..below).contains(number))?;
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then_some(number)
    };
    let minutes = part(hours, 24)?.checked_mul(60)?.checked_add(part(minutes, 60)?)?;
    let seconds = seconds.checked_add(minutes.checked_mul(60)?.checked_mul(sign)?)?;
    seconds.checked_mul(SECOND)?.checked_add(fraction)
}
