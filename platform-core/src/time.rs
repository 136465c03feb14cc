//! Wall time: milliseconds since 1970 in UTC, and RFC 3339.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// A moment of wall time, to the millisecond, from 1970 to 9999.
///
/// It is what databases store (`BIGINT` milliseconds) and what the API shows (`2026-11-21T14:42:00.000Z`). Arithmetic stops at
/// both ends of the range. Media time is another thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(i64);

impl WallTime {
    /// The first one, `1970-01-01T00:00:00.000Z`.
    pub const MIN: Self = Self(0);
    /// The last one, `9999-12-30T22:00:00.000Z`: RFC 3339 has four digits for the year, at any offset.
    pub const MAX: Self = Self(253_402_207_200_000);

    /// The moment `ms` milliseconds after 1970-01-01T00:00Z, or the end of the range that is nearest to it.
    pub const fn from_unix_ms(ms: i64) -> Self {
        if ms < Self::MIN.0 {
            Self::MIN
        } else if ms > Self::MAX.0 {
            Self::MAX
        } else {
            Self(ms)
        }
    }

    /// Milliseconds since 1970-01-01T00:00Z.
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// `duration` later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_unix_ms(self.0.saturating_add(millis(duration)))
    }

    /// `duration` earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self::from_unix_ms(self.0.saturating_sub(millis(duration)))
    }

    /// How long after `earlier` this is; zero when it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// The beginning of its calendar month in UTC, the period of plans and invoices.
    #[must_use]
    pub fn month_start(self) -> Self {
        let date = self.civil().date().first_of_month();
        Self::from_civil(date.to_datetime(jiff::civil::Time::midnight())).unwrap_or(Self::MIN)
    }

    /// The beginning of the calendar month in UTC that follows.
    #[must_use]
    pub fn next_month_start(self) -> Self {
        // Any month has fewer than 32 days, and none fewer than 4.
        self.month_start().plus(Duration::from_secs(32 * 86_400)).month_start()
    }

    fn civil(self) -> DateTime {
        // The whole range lies within jiff's.
        Offset::UTC.to_datetime(Timestamp::from_millisecond(self.0).unwrap_or_default())
    }

    fn from_civil(civil: DateTime) -> Option<Self> {
        Offset::UTC.to_timestamp(civil).ok().map(|timestamp| Self::from_unix_ms(timestamp.as_millisecond()))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl From<SystemTime> for WallTime {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self::from_unix_ms(millis(since)),
            Err(_) => Self::MIN,
        }
    }
}

impl fmt::Display for WallTime {
    /// RFC 3339 with three digits of a second, in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = self.civil();
        write!(f, "{:04}-{:02}-{:02}T", civil.year(), civil.month(), civil.day())?;
        write!(
            f,
            "{:02}:{:02}:{:02}.{:03}Z",
            civil.hour(),
            civil.minute(),
            civil.second(),
            civil.millisecond()
        )
    }
}

/// Why a text is no time. The peer's fault; asking again does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTimeError {
    /// Not the form of RFC 3339 §5.6, with at most nine digits of a second.
    #[error("not a time as in RFC 3339, such as 2026-11-21T14:42:00Z")]
    Form,
    /// The form, but no such moment, or one outside of 1970 to 9999.
    #[error("there is no such moment between 1970 and 9999")]
    Range,
}

impl FromStr for WallTime {
    type Err = ParseTimeError;

    /// Reads RFC 3339 §5.6 with any offset. What is finer than a millisecond is cut off. What is left of the
    /// year 9999 after [`MAX`](Self::MAX), as which many programs write "never", is that.
    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        if !is_rfc3339(text.as_bytes()) {
            return Err(ParseTimeError::Form);
        }
        let timestamp: Timestamp = match text.parse() {
            Ok(timestamp) => timestamp,
            Err(_) if is_in_the_last_two_days(text) => return Ok(Self::MAX),
            Err(_) => return Err(ParseTimeError::Range),
        };
        // Before 1970 a negative fraction would round up to 0.
        if timestamp < Timestamp::UNIX_EPOCH {
            return Err(ParseTimeError::Range);
        }
        Ok(Self(timestamp.as_millisecond().min(Self::MAX.0)))
    }
}

/// Whether `text` is a moment on the 30th or 31st of December 9999, of which the library's range ends within: one that there is a year
/// earlier.
fn is_in_the_last_two_days(text: &str) -> bool {
    let day = text.strip_prefix("9999-12-3");
    day.is_some_and(|rest| format!("9998-12-3{rest}").parse::<Timestamp>().is_ok())
}

/// Whether `text` has the form of RFC 3339 §5.6. jiff reads more forms than that, of which an API would never be rid again.
fn is_rfc3339(text: &[u8]) -> bool {
    let Some((date_time, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else { return false };
    let shape = date_time.iter().zip(b"0000-00-00T00:00:00").all(|(byte, like)| match like {
        b'0' => byte.is_ascii_digit(),
        b'T' => byte.eq_ignore_ascii_case(like),
        _ => byte == like,
    });
    let offset = match rest.strip_prefix(b".") {
        None => rest,
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=9).contains(&digits) {
                return false;
            }
            fraction.get(digits..).unwrap_or_default()
        }
    };
    shape
        && match offset {
            [b'Z' | b'z'] => true,
            [b'+' | b'-', hour @ .., b':', ten, one] => {
                hour.len() == 2 && hour.iter().chain([ten, one]).all(u8::is_ascii_digit)
            }
            _ => false,
        }
}

impl serde::Serialize for WallTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for WallTime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = WallTime;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time as in RFC 3339")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<WallTime, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<i64, ParseTimeError> {
        text.parse::<WallTime>().map(WallTime::unix_ms)
    }

    #[test]
    fn known_moments() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_763_736_120_007, "2025-11-21T14:42:00.007Z"),
            (WallTime::MAX.unix_ms(), "9999-12-30T22:00:00.000Z"),
        ];
        for (ms, text) in cases {
            assert_eq!(WallTime::from_unix_ms(ms).to_string(), text);
            assert_eq!(parse(text), Ok(ms));
        }
    }

    #[test]
    fn offsets_and_fractions_are_read() {
        let noon = 1_763_726_400_000;
        for text in [
            "2025-11-21T12:00:00Z",
            "2025-11-21t12:00:00z",
            "2025-11-21T13:30:00.0+01:30",
            "2025-11-21T12:00:00-00:00",
        ] {
            assert_eq!(parse(text), Ok(noon), "{text}");
        }
        assert_eq!(parse("2025-11-21T12:00:00.123999999Z"), Ok(noon + 123));
        assert_eq!(parse("2025-11-21T12:00:00.5Z"), Ok(noon + 500));
    }

    #[test]
    fn other_forms_are_refused() {
        let forms = [
            "",
            "2025-11-21",
            "2025-11-21T12:00Z",
            "2025-11-21T12:00:00",
            "2025-11-21 12:00:00Z",
            "2025-11-21T12:00:00.Z",
            "2025-11-21T12:00:00,5Z",
            "2025-11-21T12:00:00+0100",
            "2025-11-21T12:00:00+01",
            "20251121T120000Z",
            "2025-11-21T12:00:00Z[UTC]",
            "2025-11-21T12:00:00.1234567891Z",
            "+002025-11-21T12:00:00Z",
            "1763726400000",
            "2025-11-21T12:00:00+1:000",
            "２025-11-21T12:00:00Z",
        ];
        for text in forms {
            assert_eq!(parse(text), Err(ParseTimeError::Form), "{text}");
        }
    }

    #[test]
    fn moments_that_do_not_exist_are_refused() {
        for text in [
            "2025-02-29T12:00:00Z",
            "2025-13-01T12:00:00Z",
            "2025-11-21T24:00:00Z",
            "2025-11-21T12:60:00Z",
            "1969-12-31T23:59:59.999999999Z",
            "2025-11-21T12:00:00+99:00",
            "0000-01-01T00:00:00Z",
            "9999-12-32T00:00:00Z",
            "9999-12-31T24:00:00Z",
            "9999-12-31T12:00:00+99:00",
        ] {
            assert_eq!(parse(text), Err(ParseTimeError::Range), "{text}");
        }
        // A day's last second may be a leap second.
        assert_eq!(parse("2016-12-31T23:59:60Z"), Ok(1_483_228_799_000));
    }

    #[test]
    fn the_end_of_the_year_9999_is_the_last_moment() {
        for text in [
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.999999999Z",
            "9999-12-30T22:00:00.5Z",
            "9999-12-31T23:59:59-12:00",
        ] {
            assert_eq!(parse(text), Ok(WallTime::MAX.unix_ms()), "{text}");
        }
        assert_eq!(parse("9999-12-30T21:59:59Z"), Ok(WallTime::MAX.unix_ms() - 1000));
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        assert_eq!(WallTime::MAX.plus(Duration::from_millis(1)), WallTime::MAX);
        assert_eq!(WallTime::MAX.plus(Duration::MAX), WallTime::MAX);
        assert_eq!(WallTime::MIN.minus(Duration::MAX), WallTime::MIN);
        assert_eq!(WallTime::from_unix_ms(-1), WallTime::MIN);
        assert_eq!(WallTime::MIN.since(WallTime::MAX), Duration::ZERO);
        assert_eq!(WallTime::from(UNIX_EPOCH - Duration::from_secs(1)), WallTime::MIN);
    }

    #[test]
    fn months_are_calendar_months() {
        let month = |text: &str| {
            let at: WallTime = text.parse().unwrap();
            (at.month_start().to_string(), at.next_month_start().to_string())
        };
        let of = |a: &str, b: &str| (format!("{a}T00:00:00.000Z"), format!("{b}T00:00:00.000Z"));
        assert_eq!(month("2024-02-29T23:59:59.999Z"), of("2024-02-01", "2024-03-01"));
        assert_eq!(month("2024-12-01T00:00:00Z"), of("2024-12-01", "2025-01-01"));
        assert_eq!(month("1970-01-01T00:00:00Z"), of("1970-01-01", "1970-02-01"));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(ms in 0..=WallTime::MAX.unix_ms()) {
            prop_assert_eq!(parse(&WallTime::from_unix_ms(ms).to_string()), Ok(ms));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}|[0-9T:.Z+-]{15,40}") {
            let _ = parse(&text);
        }
    }
}
