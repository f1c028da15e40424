//! Points in time, as settings write them.

use core::fmt::{self, Display, Formatter};
use core::time::Duration;

use p256::pkcs8::der::DateTime;

/// A point in time, in whole seconds since 1970 (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(u64);

impl Time {
    /// A point in time from seconds since 1970.
    #[must_use]
    pub fn from_unix(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn unix(self) -> u64 {
        self.0
    }

    /// Parses RFC 3339 in UTC, `2027-01-31T00:00:00Z`, or a date alone, which means its beginning.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
        Some(Self(whole.parse::<DateTime>().ok()?.unix_duration().as_secs()))
    }
}

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match DateTime::from_unix_duration(Duration::from_secs(self.0)) {
            Ok(time) => Display::fmt(&time, f),
            Err(_) => write!(f, "{} s after 1970", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(Time::parse("1970-01-02T00:00:01Z"), Some(Time::from_unix(86_401)));
        assert_eq!(Time::parse("2027-01-31"), Time::parse("2027-01-31T00:00:00Z"));
        assert_eq!(
            Time::parse("2027-01-31T10:20:30Z").map(|t| t.to_string()).as_deref(),
            Some("2027-01-31T10:20:30Z")
        );
        for bad in [
            "",
            "2027",
            "2027-13-01",
            "2027-01-31T00:00:00",
            "2027-01-31T00:00:00+01:00",
            "tomorrow",
            "2027-02-30",
        ] {
            assert_eq!(Time::parse(bad), None, "{bad}");
        }
    }
}
