//! Dates for EXT-X-PROGRAM-DATE-TIME (RFC 8216bis §4.4.4.6).

use std::fmt::{self, Write};
use std::time::{Duration, SystemTime};

/// To which millisecond a date is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    Down,
    Up,
}

/// Writes `date` as `YYYY-MM-DDThh:mm:ss.SSSZ`; the epoch for dates before it.
pub(super) fn write(out: &mut impl Write, date: SystemTime, rounding: Rounding) -> fmt::Result {
    let since_1970 = date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let since_1970 = match rounding {
        Rounding::Down => since_1970,
        Rounding::Up => since_1970 + Duration::from_nanos(999_999),
    };
    let (seconds, millis) = (since_1970.as_secs(), since_1970.subsec_millis());
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The date of the day that is `days` after 1970-01-01, in the Gregorian calendar. Years are counted from March, so that the
/// leap day is the last of a year.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(millis: u64) -> String {
        let mut text = String::new();
        write(&mut text, SystemTime::UNIX_EPOCH + Duration::from_millis(millis), Rounding::Up)
            .expect("a string");
        text
    }

    #[test]
    fn dates_are_rounded_to_the_millisecond_as_asked() {
        let date = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_000_001);
        let text = |rounding| {
            let mut text = String::new();
            write(&mut text, date, rounding).expect("a string");
            text
        };
        assert_eq!(text(Rounding::Down), "1970-01-01T00:00:00.001Z");
        assert_eq!(text(Rounding::Up), "1970-01-01T00:00:00.002Z");
    }

    #[test]
    fn dates_are_gregorian_and_utc() {
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(text(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(text(1_795_261_500_123), "2026-11-21T11:45:00.123Z");
        assert_eq!(text(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }
}
