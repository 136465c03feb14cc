//! Measures a publisher as it goes: bitrate, frame rate, key frame interval.

use media_core::{Frame, Timescale, Track, TrackKind};

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

/// The running measurement: constant size, a few additions a frame.
#[derive(Debug, Default)]
pub(super) struct Meter {
    span_start_ms: Option<i64>,
    span_bytes: u64,
    span_frames: u32,
    last_keyframe_ms: Option<i64>,
    measured: Measured,
}

impl Meter {
    /// Counts a frame of `track`.
    pub(super) fn frame(&mut self, track: &Track, frame: &Frame) {
        let at_ms = frame.dts.rescale(track.timescale, Timescale::MILLIS).0;
        let bytes = frame.data.len() as u64;
        self.measured.bytes += bytes;
        self.measured.frames += 1;
        self.roll(at_ms);
        self.span_bytes += bytes;
        if track.kind() != TrackKind::Video {
            return;
        }
        self.span_frames += 1;
        if frame.keyframe
            && let Some(last) = self.last_keyframe_ms.replace(at_ms)
        {
            self.measured.keyframe_interval_seconds = Some((at_ms - last) as f64 / 1000.0);
        }
    }

    /// What was measured last.
    pub(super) fn measured(&self) -> Measured {
        self.measured
    }

    fn roll(&mut self, at_ms: i64) {
        let start = *self.span_start_ms.get_or_insert(at_ms);
        let elapsed = at_ms - start;
        if elapsed < SPAN_MS {
            return;
        }
        self.measured.bitrate_bps = self.span_bytes * 8000 / elapsed.unsigned_abs();
        self.measured.fps = f64::from(self.span_frames) * 1000.0 / elapsed as f64;
        (self.span_start_ms, self.span_bytes, self.span_frames) = (Some(at_ms), 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use media_core::track::{Params, Video};
    use media_core::{Codec, Timestamp, TrackId};

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
            meter.frame(&track, &Frame { track: track.id, dts, pts: dts, keyframe: n % 50 == 0, data });
        }
        let measured = meter.measured();
        assert_eq!(measured.bitrate_bps, 200_000);
        assert!((measured.fps - 25.0).abs() < 0.1);
        assert_eq!(measured.keyframe_interval_seconds, Some(2.0));
        assert_eq!((measured.bytes, measured.frames), (100_000, 100));
    }
}
