//! How long frames last: nominally, and as they really come.

use std::time::Duration;

use media_core::track::FrameRate;

/// Rates that cameras and encoders have, in frames a second.
const COMMON_RATES: [(u32, u32); 19] = [
    (1, 1),
    (2, 1),
    (5, 1),
    (10, 1),
    (12, 1),
    (25, 2),
    (15, 1),
    (20, 1),
    (24_000, 1_001),
    (24, 1),
    (25, 1),
    (30_000, 1_001),
    (30, 1),
    (48, 1),
    (50, 1),
    (60_000, 1_001),
    (60, 1),
    (120, 1),
    (144, 1),
];

/// Predicts when a track's next frame comes, so that a part need not wait for it.
///
/// The nominal interval counts as long as frames keep to it; millisecond clocks jitter around it. When the recent intervals agree on
/// another one (a source that halves its rate), that counts.
#[derive(Clone, Debug)]
pub(super) struct Cadence {
    nominal: i64,
    recent: [i64; 5],
    seen: usize,
}

impl Cadence {
    /// `nominal` in ticks; at least 2.
    pub(super) fn new(nominal: i64) -> Self {
        Self { nominal: nominal.max(2), recent: [0; 5], seen: 0 }
    }

    /// A frame came `ticks` after the one before.
    pub(super) fn observe(&mut self, ticks: i64) {
        let at = self.seen % self.recent.len();
        if let Some(slot) = self.recent.get_mut(at) {
            *slot = ticks;
        }
        self.seen = self.seen.wrapping_add(1);
    }

    /// How long the newest frame will probably last, in ticks.
    pub(super) fn interval(&self) -> i64 {
        if self.seen < self.recent.len() {
            return self.nominal;
        }
        let mut sorted = self.recent;
        sorted.sort_unstable();
        let [_, _, median, _, _] = sorted;
        match (median - self.nominal).abs() * 8 > self.nominal {
            true => median.max(2),
            false => self.nominal,
        }
    }
}

/// A video track's rate from what its header and metadata say and how its first frames came, in frames a second.
///
/// Headers lie (field rates, defaults): they count only if the frames agree within 5 %, or are too few to tell.
pub(super) fn rate(said: &[Option<f64>], measured: Option<f64>) -> Option<f64> {
    let plausible = |rate: &f64| rate.is_finite() && (0.05..=1_000.0).contains(rate);
    let agrees = |rate: &f64| measured.is_none_or(|measured| (rate / measured - 1.0).abs() < 0.05);
    let said = said.iter().flatten().copied().filter(plausible).find(agrees);
    said.map(|rate| snap(rate, 0.000_5)).or(measured.filter(plausible).map(|rate| snap(rate, 0.02)))
}

/// The rate of frames with these decode times, in ticks of `hz`; `None` for fewer than three.
pub(super) fn measure(times: &[i64], hz: u32) -> Option<f64> {
    let (first, last) = (times.first()?, times.last()?);
    let intervals = times.len().checked_sub(1).filter(|count| *count >= 2)?;
    let span = last.checked_sub(*first).filter(|span| *span > 0)?;
    Some(intervals as f64 * f64::from(hz) / span as f64)
}

/// The common rate nearest to `rate`, if one is within `tolerance` of it.
fn snap(rate: f64, tolerance: f64) -> f64 {
    let off = |common: f64| (rate / common - 1.0).abs();
    COMMON_RATES
        .iter()
        .map(|(num, den)| FrameRate { num: *num, den: *den }.as_f64())
        .min_by(|a, b| off(*a).total_cmp(&off(*b)))
        .filter(|common| off(*common) <= tolerance)
        .unwrap_or(rate)
}

/// The duration of a frame at `rate` frames a second.
pub(super) fn frame_duration(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate.clamp(0.05, 1_000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_of_a_millisecond_clock_does_not_move_the_interval() {
        let mut cadence = Cadence::new(3_000);
        for ticks in [2_970, 3_060, 2_970, 2_970, 3_060, 2_970] {
            cadence.observe(ticks);
            assert_eq!(cadence.interval(), 3_000);
        }
    }

    #[test]
    fn a_source_that_halves_its_rate_is_followed_and_one_lost_frame_is_not() {
        let mut cadence = Cadence::new(3_000);
        for ticks in [3_000, 3_000, 6_000, 3_000, 3_000] {
            cadence.observe(ticks);
        }
        assert_eq!(cadence.interval(), 3_000);
        for _ in 0..3 {
            cadence.observe(6_000);
        }
        assert_eq!(cadence.interval(), 6_000);
    }

    #[test]
    fn headers_count_where_frames_agree() {
        assert_eq!(rate(&[Some(30.0)], Some(29.9)), Some(30.0));
        assert_eq!(rate(&[Some(29.97)], Some(30.1)), Some(30_000.0 / 1_001.0));
        assert_eq!(rate(&[Some(60.0), Some(30.0)], Some(30.2)), Some(30.0), "a field rate in the header");
        assert_eq!(rate(&[Some(60.0)], Some(30.2)), Some(30.0));
        assert_eq!(rate(&[Some(f64::NAN), Some(0.0)], None), None);
        assert_eq!(rate(&[None], Some(17.3)), Some(17.3));
    }

    #[test]
    fn measuring_needs_three_frames() {
        assert_eq!(measure(&[0, 3_600], 90_000), None);
        assert_eq!(measure(&[0, 3_600, 7_200], 90_000), Some(25.0));
        assert_eq!(measure(&[5, 5, 5], 90_000), None);
    }
}
