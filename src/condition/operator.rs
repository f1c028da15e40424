//! How a condition compares what its key gives with its value.

use core::cmp::Ordering;

use serde_json::Value;

use super::ConditionError;
use super::amount::{Decimal, SECOND, Version, duration, quantity, show_duration};
use super::expression::Kind;
use super::path::Visits;
use super::scalar::{Incomparable, TOO_LONG, Wanted, is_short};
use super::unmet::{Excerpt, Finding};
use crate::limits::MAX_CONDITION_VALUES;

/// Kyverno's operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `Equals`, `Equal`
    Equals,
    /// `NotEquals`, `NotEqual`
    NotEquals,
    /// `In`, `AllIn`: everything found is in the list.
    AllIn,
    /// `AnyIn`: something found is in the list.
    AnyIn,
    /// `NotIn`, `AllNotIn`: nothing found is in the list.
    AllNotIn,
    /// `AnyNotIn`: something found is not in the list.
    AnyNotIn,
    /// `GreaterThanOrEquals` and its like.
    Order(Order),
    /// `DurationGreaterThanOrEquals` and its like: numbers are seconds.
    DurationOrder(Order),
}

/// Which of two is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `GreaterThanOrEquals`
    GreaterOrEqual,
    /// `GreaterThan`
    Greater,
    /// `LessThanOrEquals`
    LessOrEqual,
    /// `LessThan`
    Less,
}

/// What is asked of what a key gives: an operator and a value that go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// It is this, or is not.
    Is { wanted: Wanted, negated: bool },
    /// It is a list of just these in this order, or one of other values.
    IsList { wanted: Vec<Wanted>, negated: bool },
    /// Of what is found, all or any is among these, or is not.
    Among { wanted: Vec<Wanted>, all: bool, negated: bool },
    /// It is greater or less.
    Order { order: Order, wanted: Amount },
}

/// What is compared by size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Amount {
    /// A number, or a text that is one.
    Number(Decimal),
    /// A quantity with a unit.
    Quantity(Decimal),
    /// Nanoseconds; whether numbers are seconds.
    Duration(i128, Seconds),
    /// A semantic version.
    Version(Version),
}

/// Whether numbers are seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seconds {
    /// They are, as for Kyverno's `Duration…` operators.
    Numbers,
    /// They are not.
    Texts,
}

/// What an expression gave for a predicate.
#[derive(Debug)]
pub(super) enum Seen<'v> {
    /// One value, not `null`.
    One(&'v Value),
    /// Several values, and how many items had none.
    Many(Vec<&'v Value>, usize),
    /// `true` or `false`.
    Truth(bool),
    /// A number of things.
    Count(usize),
    /// Nanoseconds, not negative.
    Age(i128),
}

impl Operator {
    /// Every operator by its names in Kyverno.
    pub const ALL: [(&'static str, Self); 18] = [
        ("Equals", Self::Equals),
        ("Equal", Self::Equals),
        ("NotEquals", Self::NotEquals),
        ("NotEqual", Self::NotEquals),
        ("In", Self::AllIn),
        ("AnyIn", Self::AnyIn),
        ("AllIn", Self::AllIn),
        ("NotIn", Self::AllNotIn),
        ("AnyNotIn", Self::AnyNotIn),
        ("AllNotIn", Self::AllNotIn),
        ("GreaterThanOrEquals", Self::Order(Order::GreaterOrEqual)),
        ("GreaterThan", Self::Order(Order::Greater)),
        ("LessThanOrEquals", Self::Order(Order::LessOrEqual)),
        ("LessThan", Self::Order(Order::Less)),
        ("DurationGreaterThanOrEquals", Self::DurationOrder(Order::GreaterOrEqual)),
        ("DurationGreaterThan", Self::DurationOrder(Order::Greater)),
        ("DurationLessThanOrEquals", Self::DurationOrder(Order::LessOrEqual)),
        ("DurationLessThan", Self::DurationOrder(Order::Less)),
    ];
}

impl Order {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::GreaterOrEqual => ordering.is_ge(),
            Self::Greater => ordering.is_gt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Less => ordering.is_lt(),
        }
    }
}

impl Test {
    /// What an operator asks with a value, of a key that gives this kind of thing.
    pub(super) fn parse(kind: Kind, operator: Operator, value: &Value) -> Result<Self, ConditionError> {
        let test = match operator {
            Operator::Equals | Operator::NotEquals => equality(value, operator == Operator::NotEquals)?,
            Operator::AllIn | Operator::AnyIn | Operator::AllNotIn | Operator::AnyNotIn => Self::Among {
                wanted: members(value)?,
                all: matches!(operator, Operator::AllIn | Operator::AllNotIn),
                negated: matches!(operator, Operator::AllNotIn | Operator::AnyNotIn),
            },
            Operator::Order(order) => Self::Order { order, wanted: Amount::parse(value)? },
            Operator::DurationOrder(order) => Self::Order { order, wanted: Amount::duration(value)? },
        };
        if test.fits(kind) { Ok(test) } else { Err(ConditionError::Kind(kind_words(kind))) }
    }

    /// Whether this could be asked of what a key gives.
    fn fits(&self, kind: Kind) -> bool {
        match kind {
            Kind::One => true,
            Kind::Many => matches!(self, Self::IsList { .. } | Self::Among { .. }),
            Kind::Truth => matches!(self, Self::Is { wanted: Wanted::Truth(_), .. }),
            Kind::Count => match self {
                Self::Is { wanted: Wanted::Number(_), .. }
                | Self::Order { wanted: Amount::Number(_), .. } => true,
                Self::Among { wanted, .. } => wanted.iter().all(|one| matches!(one, Wanted::Number(_))),
                Self::Is { .. } | Self::IsList { .. } | Self::Order { .. } => false,
            },
            // No age is negative: it would be older than that whatever its time.
            Kind::Age => matches!(self, Self::Order { wanted: Amount::Duration(0.., _), .. }),
        }
    }

    /// Whether what was seen is what is asked for.
    ///
    /// # Errors
    /// [`Finding`] where it is not, or cannot be compared.
    pub(super) fn check(&self, seen: &Seen<'_>, visits: &mut Visits) -> Result<(), Finding> {
        match (self, seen) {
            (Self::Is { wanted, negated }, Seen::One(found)) => {
                let is = wanted.is(found, visits).map_err(|why| why.of(found))?;
                holds(is != *negated, || Finding::Value(Excerpt::of(found)))
            }
            (Self::Is { wanted: Wanted::Truth(wanted), negated }, Seen::Truth(found)) => {
                holds((wanted == found) != *negated, || computed(found.to_string()))
            }
            (Self::IsList { wanted, negated }, Seen::One(found)) => {
                let items = found.as_array().ok_or_else(|| Finding::mistyped(found, "a list"))?;
                list(wanted, *negated, &items.iter().collect::<Vec<_>>(), visits)
            }
            (Self::IsList { wanted, negated }, Seen::Many(found, missing)) => {
                complete(*missing)?;
                list(wanted, *negated, found, visits)
            }
            (Self::Among { wanted, all, negated }, Seen::One(Value::Array(items))) => {
                among(wanted, *all, *negated, &items.iter().collect::<Vec<_>>(), visits)
            }
            (Self::Among { wanted, negated, .. }, Seen::One(found)) => {
                let is = member(wanted, found, visits).map_err(|why| why.of(found))?;
                holds(is != *negated, || Finding::Value(Excerpt::of(found)))
            }
            (Self::Among { wanted, all, negated }, Seen::Many(found, missing)) => {
                if *all {
                    complete(*missing)?;
                }
                among(wanted, *all, *negated, found, visits)
            }
            (Self::Order { order, wanted }, Seen::One(found)) => {
                holds(order.holds(wanted.order(found)?), || Finding::Value(Excerpt::of(found)))
            }
            (Self::Order { order, wanted: Amount::Duration(wanted, _) }, Seen::Age(found)) => {
                holds(order.holds(found.cmp(wanted)), || {
                    computed(format!("an age of {}", show_duration(*found)))
                })
            }
            // A count is a number like any other.
            (_, Seen::Count(count)) => self.check(&Seen::One(&Value::from(*count)), visits),
            // These do not fit, and no condition has them.
            (Self::Is { .. } | Self::Order { .. }, Seen::Many(..))
            | (Self::Is { .. } | Self::IsList { .. } | Self::Among { .. }, Seen::Truth(_) | Seen::Age(_))
            | (Self::Order { .. }, Seen::Truth(_) | Seen::Age(_)) => Err(Finding::Nothing),
        }
    }
}

impl Amount {
    fn parse(value: &Value) -> Result<Self, ConditionError> {
        let amount = match value {
            Value::Number(number) => Decimal::of(number).map(Self::Number),
            Value::String(text) => match (duration(text), quantity(text), Version::parse(text)) {
                (Some(nanoseconds), _, _) => Some(Self::Duration(nanoseconds, Seconds::Texts)),
                (None, Some((quantity, true)), _) => Some(Self::Quantity(quantity)),
                (None, Some((number, false)), _) => Some(Self::Number(number)),
                (None, None, Some(version)) => Some(Self::Version(version)),
                (None, None, None) => None,
            },
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        amount.ok_or(ConditionError::Value(
            "a number, a duration such as `168h`, a quantity such as `1Gi` or a version such as `1.2.3`",
        ))
    }

    fn duration(value: &Value) -> Result<Self, ConditionError> {
        seconds(value)
            .map(|nanoseconds| Self::Duration(nanoseconds, Seconds::Numbers))
            .ok_or(ConditionError::Value("a duration such as `168h`, or a number of seconds"))
    }

    /// How a value found compares with this.
    fn order(&self, found: &Value) -> Result<Ordering, Finding> {
        if !is_short(found) {
            return Err(TOO_LONG.of(found));
        }
        let text = found.as_str();
        let (ordering, expected) = match self {
            Self::Number(wanted) => {
                let found = found.as_number().map_or_else(|| text.and_then(Decimal::parse), Decimal::of);
                (found.map(|found| found.cmp(wanted)), "a number that can be compared exactly")
            }
            Self::Quantity(wanted) => {
                (text.and_then(quantity).map(|(found, _)| found.cmp(wanted)), "a quantity such as `1Gi`")
            }
            Self::Duration(wanted, Seconds::Texts) => {
                (text.and_then(duration).map(|found| found.cmp(wanted)), "a duration such as `168h`")
            }
            Self::Duration(wanted, Seconds::Numbers) => (
                seconds(found).map(|found| found.cmp(wanted)),
                "a duration such as `168h`, or a number of seconds",
            ),
            Self::Version(wanted) => {
                (text.and_then(Version::parse).map(|found| found.order(wanted)), "a version such as `1.2.3`")
            }
        };
        ordering.ok_or_else(|| Finding::mistyped(found, expected))
    }
}

fn seconds(value: &Value) -> Option<i128> {
    match value.as_number() {
        Some(number) => i128::from(number.as_i64()?).checked_mul(SECOND),
        None => value.as_str().and_then(duration),
    }
}

fn equality(value: &Value, negated: bool) -> Result<Test, ConditionError> {
    const SCALAR: ConditionError =
        ConditionError::Value("a text, a number of at most 15 digits, true, false, or a list of these");
    if value.is_array() {
        return Ok(Test::IsList { wanted: members(value)?, negated });
    }
    Wanted::parse(value).map(|wanted| Test::Is { wanted, negated }).ok_or(SCALAR)
}

/// The values of a list, or the one value that stands for a list of one.
fn members(value: &Value) -> Result<Vec<Wanted>, ConditionError> {
    const SCALARS: ConditionError =
        ConditionError::Value("a list of texts, numbers of at most 15 digits, true or false; not empty");
    let values = match value {
        // What Kyverno would take for more than it says.
        Value::String(text) if is_range(text) => return Err(ConditionError::Range(text.clone())),
        Value::String(text) if text.trim_start().starts_with('[') => {
            return Err(ConditionError::ListInText(text.clone()));
        }
        Value::Array(values) if !values.is_empty() && values.len() <= MAX_CONDITION_VALUES => {
            values.as_slice()
        }
        Value::Array(_) => return Err(SCALARS),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            core::slice::from_ref(value)
        }
    };
    values.iter().map(Wanted::verbatim).collect::<Option<Vec<_>>>().ok_or(SCALARS)
}

/// `1-10`, `10Mi-1Gi`, `1!-10`: two amounts and what is between.
fn is_range(text: &str) -> bool {
    let is_amount = |text: &str| {
        let text = text.strip_prefix(['-', '+', '|']).unwrap_or(text);
        let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        number.split_once('.').map_or(digits(number), |(whole, rest)| digits(whole) && digits(rest))
    };
    text.match_indices('-').any(|(at, _)| match text.split_at_checked(at) {
        Some((from, to)) => {
            is_amount(from.strip_suffix('!').unwrap_or(from)) && is_amount(to.strip_prefix('-').unwrap_or(to))
        }
        None => false,
    })
}

fn holds(is: bool, finding: impl FnOnce() -> Finding) -> Result<(), Finding> {
    if is { Ok(()) } else { Err(finding()) }
}

fn computed(what: String) -> Finding {
    Finding::Value(Excerpt::named(what))
}

fn complete(missing: usize) -> Result<(), Finding> {
    holds(missing == 0, || Finding::Incomplete { missing })
}

fn list(wanted: &[Wanted], negated: bool, found: &[&Value], visits: &mut Visits) -> Result<(), Finding> {
    let mut same = wanted.len() == found.len();
    for (wanted, found) in wanted.iter().zip(found) {
        same &= wanted.is(found, visits).map_err(|why| why.of(found))?;
    }
    let finding = || match found.first() {
        Some(first) => Finding::Items {
            first: Excerpt::of(first),
            others: found.len().saturating_sub(1),
            of: found.len(),
        },
        None => Finding::Empty,
    };
    // Of a list without items nothing is said, as of nothing at all.
    holds(!found.is_empty() && same != negated, finding)
}

/// Whether a value is one of these.
fn member(wanted: &[Wanted], found: &Value, visits: &mut Visits) -> Result<bool, Incomparable> {
    let mut incomparable = None;
    for one in wanted {
        match one.is(found, visits) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(Incomparable::TooMuch) => return Err(Incomparable::TooMuch),
            Err(why) => incomparable = Some(why),
        }
    }
    incomparable.map_or(Ok(false), Err)
}

fn among(
    wanted: &[Wanted],
    all: bool,
    negated: bool,
    found: &[&Value],
    visits: &mut Visits,
) -> Result<(), Finding> {
    let mut first = None;
    let mut unmet = 0_usize;
    for value in found {
        let why = match member(wanted, value, visits) {
            Ok(is) if is != negated => {
                if all {
                    continue;
                }
                return Ok(());
            }
            Ok(_) => None,
            Err(Incomparable::TooMuch) => return Err(Finding::TooMuch),
            Err(why) => Some(why),
        };
        unmet = unmet.saturating_add(1);
        first.get_or_insert((*value, why));
    }
    let of = found.len();
    match first {
        None if found.is_empty() => Err(Finding::Empty),
        None => Ok(()),
        Some((first, Some(why))) => Err(why.of(first)),
        Some((first, None)) => {
            Err(Finding::Items { first: Excerpt::of(first), others: unmet.saturating_sub(1), of })
        }
    }
}

/// What a key gives, and what can be asked of it.
fn kind_words(kind: Kind) -> &'static str {
    match kind {
        Kind::One => "one value",
        Kind::Many => {
            "a list: write `AnyIn`, `AllIn`, `AnyNotIn` or `AllNotIn`, or `| [0]` in the key for its first item"
        }
        Kind::Truth => "true or false: write `Equals` with `true` or `false`",
        Kind::Count => "a number of things: compare it with a number",
        Kind::Age => "an age: write `LessThan` or `GreaterThan` with a duration such as `168h`",
    }
}
