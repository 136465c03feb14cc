//! How far apart key frames are.

use crate::health::Health;

/// After how many GOPs that fit the complaint is taken back.
const GOPS_TO_FORGIVE: u32 = 3;

/// Measures GOPs and says when they are too long for segments.
#[derive(Debug, Default)]
pub(super) struct GopMeter {
    key_ms: Option<i64>,
    longest_ms: u64,
    count: u64,
    complained_ms: Option<u64>,
    fitting: u32,
}

impl GopMeter {
    /// What follows does not continue what came before.
    pub(super) fn break_off(&mut self) {
        self.key_ms = None;
    }

    /// A key frame at `at_ms`. Returns the duration of the GOP that it ends.
    pub(super) fn key_frame(&mut self, at_ms: i64) -> Option<u64> {
        let before = self.key_ms.replace(at_ms)?;
        let gop_ms = u64::try_from(at_ms - before).ok()?;
        self.longest_ms = self.longest_ms.max(gop_ms);
        self.count += 1;
        Some(gop_ms)
    }

    /// The longest GOP of this life, in milliseconds.
    pub(super) fn longest_ms(&self) -> u64 {
        self.longest_ms
    }

    /// How many GOPs this life had.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The GOP reached `at_ms` and had to be cut.
    pub(super) fn cut_inside(&mut self, at_ms: i64, target_duration_s: u32) -> Option<Health> {
        let gop_ms = u64::try_from(at_ms - self.key_ms?).ok()?;
        self.longest_ms = self.longest_ms.max(gop_ms);
        self.fitting = 0;
        // A hole can be the reason too.
        if gop_ms + 500 < u64::from(target_duration_s) * 1_000 {
            return None;
        }
        if self.complained_ms.is_some_and(|before| gop_ms < before + 1_000) {
            return None;
        }
        self.complained_ms = Some(gop_ms);
        Some(Health::GopTooLong { gop_ms, target_duration_s })
    }

    /// A GOP ended that took `gop_ms`; segments take `limit_ms`.
    pub(super) fn ended(&mut self, gop_ms: u64, limit_ms: u64, target_duration_s: u32) -> Option<Health> {
        let before = self.complained_ms?;
        if gop_ms > limit_ms {
            self.fitting = 0;
            // The whole of it is known only now.
            if gop_ms >= before + 1_000 {
                self.complained_ms = Some(gop_ms);
                return Some(Health::GopTooLong { gop_ms, target_duration_s });
            }
            return None;
        }
        self.fitting += 1;
        if self.fitting < GOPS_TO_FORGIVE {
            return None;
        }
        self.complained_ms = None;
        Some(Health::GopFits { gop_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_gop_is_complained_about_once_then_in_full_and_taken_back_when_it_is_mended() {
        let mut gop = GopMeter::default();
        assert_eq!(gop.key_frame(1_000), None);
        let first = gop.cut_inside(5_200, 4);
        assert_eq!(first, Some(Health::GopTooLong { gop_ms: 4_200, target_duration_s: 4 }));
        assert_eq!(gop.key_frame(9_333), Some(8_333));
        let whole = gop.ended(8_333, 4_250, 4);
        assert_eq!(whole, Some(Health::GopTooLong { gop_ms: 8_333, target_duration_s: 4 }));
        assert_eq!(gop.cut_inside(13_600, 4), None);
        assert_eq!(gop.ended(8_333, 4_250, 4), None);
        assert_eq!((gop.ended(2_000, 4_250, 4), gop.ended(2_000, 4_250, 4)), (None, None));
        assert_eq!(gop.ended(2_000, 4_250, 4), Some(Health::GopFits { gop_ms: 2_000 }));
        assert_eq!((gop.longest_ms(), gop.count()), (8_333, 1));
    }
}
