//! The driver's clocks, read once for each call.

use std::time::{Duration, Instant, SystemTime};

/// What the driver's clocks say. The packager reads none itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time: deadlines and the pace of gaps.
    pub instant: Instant,
    /// Wall time: EXT-X-PROGRAM-DATE-TIME. It may jump; dates in playlists do not follow it back.
    pub wall: SystemTime,
}

impl Now {
    /// Both clocks at this moment.
    pub fn new(instant: Instant, wall: SystemTime) -> Self {
        Self { instant, wall }
    }

    /// Both clocks moved on by `by`.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self { instant: self.instant + by, wall: self.wall + by }
    }
}
