//! What has an order: numbers, quantities, durations and versions, all of them exact.

use core::cmp::Ordering;

use serde_json::Number;

/// 10^18: the smallest part of a number that is told apart.
const SCALE: i128 = 1_000_000_000_000_000_000;

/// Above this a float stands for more than one whole number.
const MAX_EXACT_FLOAT: f64 = 9_007_199_254_740_992.0;

/// Nanoseconds of one second.
pub(super) const SECOND: i128 = 1_000_000_000;

/// A decimal number, exact to 18 digits after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Decimal(i128);

impl Decimal {
    /// A number of JSON. None for one that a float does not hold exactly, or that has too many digits.
    pub(super) fn of(number: &Number) -> Option<Self> {
        if let Some(whole) = number.as_i64() {
            return i128::from(whole).checked_mul(SCALE).map(Self);
        }
        if let Some(whole) = number.as_u64() {
            return i128::from(whole).checked_mul(SCALE).map(Self);
        }
        let float = number.as_f64().filter(|float| float.abs() < MAX_EXACT_FLOAT)?;
        // The shortest text that stands for this float, which is what was written.
        Self::parse(&float.to_string())
    }

    /// `12`, `-0.5`. No exponent, no sign alone.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        if !is_number(whole) || !is_number(fraction) || fraction.len() > 18 {
            return None;
        }
        let whole = whole.parse::<i128>().ok()?.checked_mul(SCALE)?;
        let fraction = format!("{fraction:0<18}").parse::<i128>().ok()?;
        let size = whole.checked_add(fraction)?;
        Some(Self(if negative { size.checked_neg()? } else { size }))
    }

    fn times(self, numerator: i128, denominator: i128) -> Option<Self> {
        let product = self.0.checked_mul(numerator)?;
        let rest = product.checked_rem(denominator)?;
        if rest == 0 { product.checked_div(denominator).map(Self) } else { None }
    }
}

/// A quantity as Kubernetes writes it: `500m`, `1Gi`, `2`; whether it has a unit as well.
pub(super) fn quantity(text: &str) -> Option<(Decimal, bool)> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.strip_prefix(number)?;
    let (numerator, denominator) = match unit {
        "" => (1, 1),
        "n" => (1, 1_000_000_000),
        "u" => (1, 1_000_000),
        "m" => (1, 1_000),
        "k" => (1_000, 1),
        "M" => (1_000_000, 1),
        "G" => (1_000_000_000, 1),
        "T" => (1_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000, 1),
        "E" => (1_000_000_000_000_000_000, 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        "Ei" => (1 << 60, 1),
        _ => return None,
    };
    Some((Decimal::parse(number)?.times(numerator, denominator)?, !unit.is_empty()))
}

/// A duration as Go writes it, `1h30m`, `1.5s`, in nanoseconds.
pub(super) fn duration(text: &str) -> Option<i128> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_i128;
    while !rest.is_empty() {
        let (number, unit_and_more) = taken(rest, |c| c.is_ascii_digit() || c == '.')?;
        let (unit, more) = taken(unit_and_more, char::is_alphabetic)?;
        let nanoseconds = match unit {
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => SECOND,
            "m" => 60 * SECOND,
            "h" => 3600 * SECOND,
            _ => return None,
        };
        let part = Decimal::parse(number)?.times(nanoseconds, SCALE)?;
        total = total.checked_add(part.0)?;
        rest = more;
    }
    if negative { total.checked_neg() } else { Some(total) }
}

/// The characters that a text begins with, and the rest.
fn taken(text: &str, are: impl Fn(char) -> bool) -> Option<(&str, &str)> {
    text.split_at_checked(text.find(|c| !are(c)).unwrap_or(text.len()))
}

/// Shows a duration as Go would: `26h0m5s`.
pub(super) fn show_duration(nanoseconds: i128) -> String {
    let seconds = nanoseconds.checked_div(SECOND).unwrap_or_default();
    let part = |unit: i128| seconds.checked_div(unit).unwrap_or_default();
    let below = |value: i128| value.checked_rem(60).unwrap_or_default();
    format!("{}h{}m{}s", part(3600), below(part(60)), below(seconds))
}

/// A semantic version, `1.2.3-rc.1+build`, in the order of semver 2.0.0, section 11.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    numbers: [u64; 3],
    /// Empty for a release.
    pre: Vec<Identifier>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    // A number is less than a text.
    Number(u64),
    Text(String),
}

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (rest, build) = split(text, '+');
        let (core, pre) = split(rest, '-');
        let numbers = core.split('.').map(part).collect::<Option<Vec<_>>>()?;
        let numbers = <[u64; 3]>::try_from(numbers).ok()?;
        if build.is_some_and(|build| !build.split('.').all(is_identifier)) {
            return None;
        }
        let pre = match pre {
            Some(pre) => pre.split('.').map(identifier).collect::<Option<Vec<_>>>()?,
            None => Vec::new(),
        };
        Some(Self { numbers, pre })
    }

    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            // A release comes after what leads to it.
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.pre.cmp(&other.pre),
        })
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn part(text: &str) -> Option<u64> {
    if !is_number(text) || (text.len() > 1 && text.starts_with('0')) { None } else { text.parse().ok() }
}

fn identifier(text: &str) -> Option<Identifier> {
    if is_number(text) {
        return part(text).map(Identifier::Number);
    }
    is_identifier(text).then(|| Identifier::Text(text.to_owned()))
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn decimal(value: &serde_json::Value) -> Option<Decimal> {
        Decimal::of(value.as_number()?)
    }

    #[test]
    fn numbers_are_exact_or_none() {
        assert_eq!(decimal(&json!(1)), Decimal::parse("1.0"));
        assert_eq!(decimal(&json!(0.1)), Decimal::parse("0.10"));
        assert_eq!(decimal(&json!(-0.5)), Decimal::parse("-0.5"));
        assert!(decimal(&json!(u64::MAX)) > decimal(&json!(u64::MAX - 1)));
        assert!(decimal(&json!(i64::MIN)) < decimal(&json!(i64::MIN + 1)));
        // 2^53 + 1 as a float is 2^53.
        assert_eq!(decimal(&json!(9_007_199_254_740_993.0)), None);
        assert_eq!(decimal(&json!(1e300)), None);
        assert_eq!(decimal(&json!(1e-20)), None);
        for bad in ["", "-", ".", ".5", "1.", "1e3", "+1", " 1", "0x1", "1_0", "NaN", "inf", "١"] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
        assert_eq!(Decimal::parse("0.0000000000000000001"), None);
        assert_eq!(Decimal::parse(&"9".repeat(40)), None);
    }

    #[test]
    fn quantities_are_those_of_kubernetes() {
        for (left, right) in
            [("1Gi", "1024Mi"), ("1000m", "1"), ("1k", "1000"), ("0.5G", "500M"), ("2u", "2000n")]
        {
            assert_eq!(quantity(left).unwrap().0, quantity(right).unwrap().0, "{left}");
        }
        assert_eq!(quantity("1").map(|(_, unit)| unit), Some(false));
        assert_eq!(quantity("1m").map(|(_, unit)| unit), Some(true));
        for bad in ["", "Gi", "1gi", "1K", "1 Gi", "1Zi", "1e3", "200Ei"] {
            assert_eq!(quantity(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_are_those_of_go() {
        assert_eq!(duration("1h30m"), Some(5400 * SECOND));
        assert_eq!(duration("1.5s"), Some(SECOND + 500_000_000));
        assert_eq!(duration("-2h"), Some(-7200 * SECOND));
        assert_eq!(duration("3\u{b5}s"), duration("3000ns"));
        assert_eq!(duration("0s"), Some(0));
        for bad in
            ["", "-", "h", "1", "0", "7d", "1h-1m", "1h 1m", "1.h", "1H", "1hours", "99999999999999999999h"]
        {
            assert_eq!(duration(bad), None, "{bad}");
        }
        // However many parts it has, it is read once.
        assert_eq!(duration(&"1s".repeat(2_000_000)), Some(2_000_000 * SECOND));
        assert_eq!(show_duration(duration("26h5s").unwrap()), "26h0m5s");
        assert_eq!(show_duration(duration("59m59.9s").unwrap()), "0h59m59s");
    }

    #[test]
    fn versions_are_in_the_order_of_semver() {
        // The example of semver 2.0.0, section 11.
        let order = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.10",
            "1.2.0",
            "2.0.0",
        ];
        let order = order.map(|text| Version::parse(text).unwrap());
        for (index, one) in order.iter().enumerate() {
            for (other_index, other) in order.iter().enumerate() {
                assert_eq!(one.order(other), index.cmp(&other_index));
            }
        }
        let build = Version::parse("1.0.0+a").unwrap();
        assert_eq!(build.order(&Version::parse("1.0.0+b").unwrap()), Ordering::Equal);
        for bad in [
            "",
            "1",
            "1.2",
            "v1.2.3",
            "1.2.3.4",
            "01.2.3",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3+",
            "1.2.3-a_b",
            "1.2.-3",
        ] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }
}
