//! Measures a publisher as it goes: bitrate, frame rate, key frame interval, and what it does that its viewers pay for.

use std::time::Instant;

use media_core::{Frame, Track, TrackId, TrackKind};

use super::signs::{self, Changes, Signs};

/// What was measured over the last seconds of media.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// Bits a second, all tracks.
    pub bitrate_bps: u64,
    /// Video frames a second.
    pub fps: f64,
    /// Seconds between the last two video key frames.
    pub keyframe_interval_seconds: Option<f64>,
    /// Bytes since the stream began.
    pub bytes: u64,
    /// Frames of all tracks since the stream began.
    pub frames: u64,
}

/// Media time over which rates are taken, in milliseconds.
const SPAN_MS: i64 = 2_000;
/// Tracks whose own rates are taken: as many as a publisher may have.
const TRACKS: usize = 16;

/// The rate of one track.
#[derive(Clone, Copy, Debug)]
struct TrackRate {
    id: TrackId,
    span_bytes: u64,
    bitrate_bps: u64,
}

/// The running measurement: constant size, a few additions a frame.
#[derive(Debug, Default)]
pub(super) struct Meter {
    span_start_ms: Option<i64>,
    span_bytes: u64,
    span_frames: u32,
    last_keyframe_ms: Option<i64>,
    tracks: Vec<TrackRate>,
    measured: Measured,
    signs: Signs,
}

impl Meter {
    /// Counts a frame of `track` that came at `now`; what is to be told of the publisher.
    pub(super) fn frame(&mut self, now: Instant, track: &Track, frame: &Frame) -> Option<Changes> {
        let at_ms = signs::at_ms(track, frame);
        let bytes = frame.data.len() as u64;
        self.measured.bytes += bytes;
        self.measured.frames += 1;
        self.roll(at_ms);
        self.span_bytes += bytes;
        if let Some(rate) = self.of_track(track.id) {
            rate.span_bytes += bytes;
        }
        if track.kind() == TrackKind::Video {
            self.span_frames += 1;
            if frame.keyframe
                && let Some(last) = self.last_keyframe_ms.replace(at_ms)
            {
                self.measured.keyframe_interval_seconds = Some((at_ms - last) as f64 / 1000.0);
            }
        }
        self.signs.frame(now, track, frame, at_ms)
    }

    /// Another publisher goes on; what is over with the one before.
    pub(super) fn begin_anew(&mut self) -> Option<Changes> {
        (self.span_start_ms, self.span_bytes, self.span_frames) = (None, 0, 0);
        self.last_keyframe_ms = None;
        self.tracks.clear();
        self.signs.begin_anew()
    }

    /// What was measured last.
    pub(super) fn measured(&self) -> Measured {
        self.measured
    }

    /// Bits a second of each track.
    pub(super) fn bitrates(&self) -> impl Iterator<Item = (TrackId, u64)> {
        self.tracks.iter().map(|rate| (rate.id, rate.bitrate_bps))
    }

    fn of_track(&mut self, id: TrackId) -> Option<&mut TrackRate> {
        let known = self.tracks.iter().position(|rate| rate.id == id);
        if known.is_none() && self.tracks.len() < TRACKS {
            self.tracks.push(TrackRate { id, span_bytes: 0, bitrate_bps: 0 });
        }
        match known {
            Some(at) => self.tracks.get_mut(at),
            None => self.tracks.last_mut().filter(|rate| rate.id == id),
        }
    }

    fn roll(&mut self, at_ms: i64) {
        let start = *self.span_start_ms.get_or_insert(at_ms);
        let elapsed = at_ms - start;
        if elapsed < SPAN_MS {
            return;
        }
        let rate = |bytes: u64| bytes.saturating_mul(8000) / elapsed.unsigned_abs();
        self.measured.bitrate_bps = rate(self.span_bytes);
        self.measured.fps = f64::from(self.span_frames) * 1000.0 / elapsed as f64;
        for track in &mut self.tracks {
            track.bitrate_bps = rate(std::mem::take(&mut track.span_bytes));
        }
        (self.span_start_ms, self.span_bytes, self.span_frames) = (Some(at_ms), 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use media_core::track::{Params, Video};
    use media_core::{Codec, Timescale, Timestamp};

    use super::*;

    #[test]
    fn measures_a_steady_stream() {
        let track = Track {
            id: TrackId::video(0),
            codec: Codec::H264,
            timescale: Timescale::MILLIS,
            config: Bytes::new(),
            params: Params::Video(Video::default()),
            rfc6381: "".into(),
        };
        let mut meter = Meter::default();
        for n in 0..100_i64 {
            let dts = Timestamp(n * 40);
            let data = Bytes::from(vec![0; 1000]);
            meter.frame(
                Instant::now(),
                &track,
                &Frame { track: track.id, dts, pts: dts, keyframe: n % 50 == 0, data },
            );
        }
        let measured = meter.measured();
        assert_eq!(measured.bitrate_bps, 200_000);
        assert!((measured.fps - 25.0).abs() < 0.1);
        assert_eq!(measured.keyframe_interval_seconds, Some(2.0));
        assert_eq!(meter.bitrates().collect::<Vec<_>>(), [(track.id, 200_000)]);
        assert_eq!((measured.bytes, measured.frames), (100_000, 100));
    }
}
