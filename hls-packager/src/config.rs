//! What a stream is packaged as.

use std::time::Duration;

use crate::container::Container;

/// How a stream is packaged. Fixed for a [`Packager`](crate::Packager); what a playlist promises is fixed for its life and
/// comes from the [`Journal`](crate::Journal) where one is continued.
///
/// Values out of range are moved to the nearest allowed one, so that a configuration never stops a stream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// One container a stream. Default [`Container::Cmaf`].
    pub container: Container,
    /// Whether playlists have parts, and requests for what is to come are held (RFC 8216bis §6.2.5.2). Default true.
    pub low_latency: bool,
    /// The wanted duration of a part in milliseconds, 50 to 1,000. The real one is the whole number of frames nearest to it.
    /// Default 200.
    pub part_ms: u32,
    /// TARGETDURATION in seconds, 1 to [`MAX_TARGET_DURATION_S`]. Segments are one or more GOPs; a longer GOP is cut inside. A
    /// stream whose journal shows longer GOPs gets a longer one. Default 4.
    pub target_duration_s: u32,
    /// How much media a playlist lists, in seconds; at least three target durations, at most [`MAX_WINDOW_S`]. Delta updates need
    /// more than six target durations. Default 60.
    pub window_s: u32,
    /// The most media that a window holds, in bytes: what is listed and what left the list within three target durations, of all
    /// renditions. A stream of a higher bit rate has a shorter window. At least 1 MiB. Default 512 MiB, which is 56 Mbit/s for a
    /// window of 60 s.
    pub max_window_bytes: u64,
    /// A key frame does not end a segment shorter than this, so that streams of key frames only make no segment a frame. In
    /// milliseconds, at most the target duration. Default 1,000.
    pub min_segment_ms: u32,
    /// How long after the first key frame the tracks may still change before they settle. In milliseconds. Default 500.
    pub settle_ms: u32,
    /// The same where metadata promises a track whose header has not come. In milliseconds. Default 2,000.
    pub settle_promised_ms: u32,
    /// How long frames may come without a key frame before packaging starts without one: streams with intra refresh have none.
    /// In milliseconds of media. Default 10,000.
    pub max_key_wait_ms: u32,
}

/// The longest TARGETDURATION, in seconds: encoders with the common default of 250 frames a GOP stay below it from 21 frames a
/// second on. It bounds how long a viewer waits for a key frame, and with the window the memory of a stream.
pub const MAX_TARGET_DURATION_S: u32 = 12;

/// The longest window, in seconds. At 6 Mbit/s a stream of this window holds 1.4 GB.
pub const MAX_WINDOW_S: u32 = 1_800;

impl Default for Config {
    fn default() -> Self {
        Self {
            container: Container::default(),
            low_latency: true,
            part_ms: 200,
            target_duration_s: 4,
            window_s: 60,
            max_window_bytes: 512 * 1024 * 1024,
            min_segment_ms: 1_000,
            settle_ms: 500,
            settle_promised_ms: 2_000,
            max_key_wait_ms: 10_000,
        }
    }
}

impl Config {
    /// The same with every value moved into its range.
    #[must_use]
    pub fn clamped(mut self) -> Self {
        self.part_ms = self.part_ms.clamp(50, 1_000);
        self.target_duration_s = self.target_duration_s.clamp(1, MAX_TARGET_DURATION_S);
        self.min_segment_ms = self.min_segment_ms.min(self.target_duration_s * 1_000);
        self.window_s = self.window_s.clamp(self.target_duration_s * 3, MAX_WINDOW_S);
        self.max_window_bytes = self.max_window_bytes.max(1024 * 1024);
        self.settle_ms = self.settle_ms.min(10_000);
        self.settle_promised_ms = self.settle_promised_ms.clamp(self.settle_ms, 10_000);
        self.max_key_wait_ms = self.max_key_wait_ms.clamp(1_000, 60_000);
        self
    }

    /// The wanted duration of a part.
    pub(crate) fn part(&self) -> Duration {
        Duration::from_millis(u64::from(self.part_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_move_to_the_nearest_allowed() {
        let config =
            Config { part_ms: 0, target_duration_s: 900, window_s: 1, ..Config::default() }.clamped();
        assert_eq!((config.part_ms, config.target_duration_s, config.window_s), (50, 12, 36));
        let unchanged = Config::default().clamped();
        assert_eq!((unchanged.part_ms, unchanged.target_duration_s, unchanged.window_s), (200, 4, 60));
    }
}
