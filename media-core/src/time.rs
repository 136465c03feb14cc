//! Media time: integer ticks in a track's timescale.

use std::num::NonZeroU32;
use std::time::Duration;

/// Ticks per second of a track's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timescale(NonZeroU32);

impl Timescale {
    /// One tick a millisecond.
    pub const MILLIS: Self = Self::of(1_000);
    /// One tick a microsecond. RTMP timestamps use it, so that Enhanced RTMP's nanosecond offsets have room.
    pub const MICROS: Self = Self::of(1_000_000);
    /// The 90 kHz clock of MPEG video.
    pub const VIDEO: Self = Self::of(90_000);

    #[expect(clippy::panic, reason = "only evaluated at compile time, where it is a compile error")]
    const fn of(hz: u32) -> Self {
        match NonZeroU32::new(hz) {
            Some(hz) => Self(hz),
            None => panic!("a timescale of zero ticks a second"),
        }
    }

    /// A timescale of `hz` ticks a second; `None` for zero.
    pub fn new(hz: u32) -> Option<Self> {
        NonZeroU32::new(hz).map(Self)
    }

    /// Ticks a second.
    pub fn hz(self) -> u32 {
        self.0.get()
    }
}

/// A point in media time, in ticks of the [`Timescale`] of the track it belongs to.
///
/// Signed, because presentation times before a stream's first decode time are legal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The same moment on another clock, rounded down. Saturates instead of overflowing.
    pub fn rescale(self, from: Timescale, to: Timescale) -> Self {
        if from == to {
            return self;
        }
        // Every real timestamp fits; dividing 128 bits is several times slower.
        if let Some(scaled) = self.0.checked_mul(i64::from(to.hz())) {
            return Self(scaled.div_euclid(i64::from(from.hz())));
        }
        let scaled = (i128::from(self.0) * i128::from(to.hz())).div_euclid(i128::from(from.hz()));
        Self(scaled.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }

    /// Ticks from `earlier` to here; negative when `earlier` is later. Saturates.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This point moved by `ticks`. Saturates.
    #[must_use]
    pub fn offset(self, ticks: i64) -> Self {
        Self(self.0.saturating_add(ticks))
    }
}

/// `ticks` of `timescale` as a duration; negative counts are zero.
pub fn duration(ticks: i64, timescale: Timescale) -> Duration {
    let ticks = u64::try_from(ticks).unwrap_or(0);
    let hz = u64::from(timescale.hz());
    let nanos = (ticks % hz) * 1_000_000_000 / hz;
    Duration::new(ticks / hz, nanos as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rescaling_rounds_down_on_both_sides_of_zero() {
        let (ms, video) = (Timescale::MILLIS, Timescale::VIDEO);
        assert_eq!(Timestamp(33).rescale(ms, video), Timestamp(2970));
        assert_eq!(Timestamp(-1).rescale(video, ms), Timestamp(-1));
        assert_eq!(Timestamp(91).rescale(video, ms), Timestamp(1));
    }

    #[test]
    fn rescaling_is_exact_where_64_bits_do_not_hold_the_product() {
        let (ms, video) = (Timescale::MILLIS, Timescale::VIDEO);
        for ticks in [i64::MAX / 90_000, i64::MAX / 90_000 + 1, i64::MIN / 90_000 - 1] {
            assert_eq!(Timestamp(ticks).rescale(ms, video), Timestamp(ticks * 90));
        }
    }

    #[test]
    fn rescaling_saturates() {
        let max = Timestamp(i64::MAX);
        assert_eq!(max.rescale(Timescale::MILLIS, Timescale::MICROS), max);
    }

    #[test]
    fn durations_keep_the_fraction() {
        assert_eq!(duration(3003, Timescale::VIDEO), Duration::from_nanos(33_366_666));
        assert_eq!(duration(-5, Timescale::MILLIS), Duration::ZERO);
    }
}
