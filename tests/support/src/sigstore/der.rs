//! The DER this authority writes, by hand: it must be able to write what no encoder would.

use crate::typed::der;

/// `SEQUENCE`
#[must_use]
pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    der(0x30, &parts.concat())
}

/// `SET` of members that are already in their order.
#[must_use]
pub fn set(parts: &[&[u8]]) -> Vec<u8> {
    der(0x31, &parts.concat())
}

/// `INTEGER` of a number that is not negative, big-endian; leading zeros are left out.
#[must_use]
pub fn integer(bytes: &[u8]) -> Vec<u8> {
    let first = bytes.iter().position(|byte| *byte != 0);
    match first.map(|first| &bytes[first..]) {
        None => der(2, &[0]),
        Some(digits) if digits[0] < 0x80 => der(2, digits),
        Some(digits) => der(2, &[&[0], digits].concat()),
    }
}

/// `BOOLEAN TRUE`
pub const TRUE: [u8; 3] = [1, 1, 0xff];
/// `NULL`
pub const NULL: [u8; 2] = [5, 0];

/// `BIT STRING` of whole bytes.
#[must_use]
pub fn bits(content: &[u8]) -> Vec<u8> {
    der(3, &[&[0], content].concat())
}

/// `OCTET STRING`
#[must_use]
pub fn octets(content: &[u8]) -> Vec<u8> {
    der(4, content)
}

/// `UTF8String`
#[must_use]
pub fn utf8(text: &str) -> Vec<u8> {
    der(0x0c, text.as_bytes())
}

/// `[number] EXPLICIT`, or a constructed `[number] IMPLICIT` of the content.
#[must_use]
pub fn context(number: u8, content: &[u8]) -> Vec<u8> {
    der(0xa0 | number, content)
}

/// A primitive `[number] IMPLICIT`.
#[must_use]
pub fn implicit(number: u8, content: &[u8]) -> Vec<u8> {
    der(0x80 | number, content)
}

/// `OBJECT IDENTIFIER` of its dotted form.
///
/// # Panics
/// If it is not one.
#[must_use]
pub fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut content = base128(40 * arcs[0] + arcs[1]);
    for arc in &arcs[2..] {
        content.extend(base128(*arc));
    }
    der(6, &content)
}

fn base128(mut arc: u64) -> Vec<u8> {
    let mut digits = Vec::new();
    loop {
        let more = if digits.is_empty() { 0 } else { 0x80 };
        digits.insert(0, u8::try_from(arc & 0x7f).unwrap() | more);
        arc >>= 7;
        if arc == 0 {
            return digits;
        }
    }
}

/// `UTCTime`, or from 2050 on `GeneralizedTime`, of unix seconds.
#[must_use]
pub fn time(seconds: i64) -> Vec<u8> {
    let text = digits(seconds);
    if ("1950".."2050").contains(&&text[..4]) {
        der(0x17, format!("{}Z", &text[2..]).as_bytes())
    } else {
        generalized_time(seconds)
    }
}

/// `GeneralizedTime` of unix seconds.
#[must_use]
pub fn generalized_time(seconds: i64) -> Vec<u8> {
    der(0x18, format!("{}Z", digits(seconds)).as_bytes())
}

/// RFC 3339 of unix seconds, as a trust root writes its windows.
#[must_use]
pub fn rfc3339(seconds: i64) -> String {
    let [year, month, day, hour, minute, second] = civil(seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn digits(seconds: i64) -> String {
    let [year, month, day, hour, minute, second] = civil(seconds);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// Year, month, day, hour, minute, second: the days since March of year 0, in years that end with February.
fn civil(seconds: i64) -> [i64; 6] {
    let (days, second) = (seconds.div_euclid(86_400) + 719_468, seconds.rem_euclid(86_400));
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    [
        year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day_of_year - (153 * from_march + 2) / 5 + 1,
        second / 3600,
        second / 60 % 60,
        second % 60,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_identifiers_have_long_arcs() {
        assert_eq!(oid("1.2.840.10045.2.1"), [6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]);
        assert_eq!(oid("1.3.6.1.4.1.57264.1.8")[2..], [0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 1, 8]);
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(time(1_700_000_000), [&[0x17, 13], &b"231114221320Z"[..]].concat());
        assert_eq!(time(2_524_608_000), [&[0x18, 15], &b"20500101000000Z"[..]].concat());
    }

    #[test]
    fn integers_are_positive_and_short() {
        assert_eq!(integer(&[0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[0, 0]), [2, 1, 0]);
        assert_eq!(integer(&[0x7f]), [2, 1, 0x7f]);
    }
}
