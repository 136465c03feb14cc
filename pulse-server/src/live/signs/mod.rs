//! What an encoder does that its viewers pay for, seen in its frames: a few comparisons a frame, nothing allocated.

mod gops;
mod last;
mod sign;
mod swings;

use std::time::{Duration, Instant};

use gops::Gops;
use media_core::{Frame, Timescale, Track, TrackId, TrackKind};
pub(super) use sign::{Changes, Sign, gap_detail};
use sign::{Set, Values};
use swings::Swings;

/// A track that has sent nothing for so long while the other kind does is missing.
const MISSING_MS: i64 = 10_000;
/// Wall time over which it is seen how fast media time goes.
const PACE_SPAN: Duration = Duration::from_secs(10);
/// Percent of real time below which the encoder does not keep up, and above which it is not paced.
const PACE_PERCENT: std::ops::RangeInclusive<i64> = 90..=120;
/// Spans in a row: one may be the burst with which many encoders begin, or a pause.
const PACE_NEEDED: i32 = 2;

/// Looks at the frames of one publisher. About 2.5 KB.
#[derive(Debug, Default)]
pub(super) struct Signs {
    hold: Set,
    /// Hold on, and are to be told again.
    again: Set,
    values: Values,
    first_ms: Option<i64>,
    last_video_ms: Option<i64>,
    last_audio_ms: Option<i64>,
    gops: Gops,
    last_shown: Option<i64>,
    reordered: bool,
    swings: Swings,
    pace_start: Option<(Instant, i64)>,
    /// Spans in a row that were too fast, or, below zero, too slow.
    pace_streak: i32,
}

impl Signs {
    /// Another publisher goes on, whose habits are its own; the signs of the one before are over.
    pub(super) fn begin_anew(&mut self) -> Option<Changes> {
        let over = std::mem::take(self).hold;
        let changes = Changes { hold: Set::default(), over, gap_ms: None, values: Values::default() };
        (over != Set::default()).then_some(changes)
    }

    /// Looks at a frame of `track`, whose decode time is `at_ms`, that came at `now`.
    pub(super) fn frame(
        &mut self,
        now: Instant,
        track: &Track,
        frame: &Frame,
        at_ms: i64,
    ) -> Option<Changes> {
        let before = self.hold;
        self.again = Set::default();
        let kind = track.kind();
        if kind == TrackKind::Data {
            return None;
        }
        let first_ms = *self.first_ms.get_or_insert(at_ms);
        self.missing(kind, at_ms, first_ms);
        let gap_ms = (frame.track == TrackId::video(0)).then(|| self.video(frame, at_ms)).flatten();
        self.rate(kind, frame.data.len() as u64, at_ms);
        // By one kind of track: the clocks of both may be seconds apart.
        if kind == TrackKind::Video || self.last_video_ms.is_none() {
            self.pace(now, at_ms);
        }
        let changed = before.0 ^ self.hold.0;
        let hold = Set((changed & self.hold.0) | self.again.0);
        let over = Set(changed & before.0);
        let changes = Changes { hold, over, gap_ms, values: self.values };
        (hold.0 | over.0 != 0 || gap_ms.is_some()).then_some(changes)
    }

    /// Looks at a frame of the video; how much its clock has skipped before it.
    fn video(&mut self, frame: &Frame, at_ms: i64) -> Option<i64> {
        let gap_ms = self.gops.gap(at_ms);
        if gap_ms.is_some() {
            self.swings.skip();
        }
        self.gops.frame(frame.keyframe, at_ms, &mut self.hold, &mut self.again, &mut self.values);
        self.order(frame);
        self.swings.video(at_ms, frame.data.len() as u64);
        gap_ms
    }

    fn rate(&mut self, kind: TrackKind, bytes: u64, at_ms: i64) {
        // By the video's clock: sound goes on while there is no picture.
        if kind == TrackKind::Video || self.last_video_ms.is_none() {
            self.swings.roll(at_ms);
        }
        self.swings.count(bytes);
        let range = self.swings.range();
        if let Some((lowest, highest)) = range {
            (self.values.lowest_bps, self.values.highest_bps) = (lowest, highest);
        }
        self.hold.put(Sign::BitrateSwings, range.is_some());
    }

    fn missing(&mut self, kind: TrackKind, at_ms: i64, first_ms: i64) {
        let (own, other, returned, missing) = match kind {
            TrackKind::Video => {
                (&mut self.last_video_ms, self.last_audio_ms, Sign::VideoMissing, Sign::AudioMissing)
            }
            _ => (&mut self.last_audio_ms, self.last_video_ms, Sign::AudioMissing, Sign::VideoMissing),
        };
        *own = Some(at_ms);
        self.hold.put(returned, false);
        self.hold.put(missing, at_ms - other.unwrap_or(first_ms) > MISSING_MS);
    }

    /// Whether a frame is shown before one that was sent before it.
    fn order(&mut self, frame: &Frame) {
        if frame.keyframe {
            self.hold.put(Sign::BFrames, std::mem::take(&mut self.reordered));
            self.last_shown = None;
        }
        self.reordered |= self.last_shown.replace(frame.pts.0).is_some_and(|last| frame.pts.0 < last);
        if self.reordered {
            self.hold.put(Sign::BFrames, true);
        }
    }

    fn pace(&mut self, now: Instant, at_ms: i64) {
        let (then, start_ms) = *self.pace_start.get_or_insert((now, at_ms));
        let elapsed = now.saturating_duration_since(then);
        if elapsed < PACE_SPAN {
            return;
        }
        self.pace_start = Some((now, at_ms));
        let elapsed_ms = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        let percent = (at_ms - start_ms).saturating_mul(100) / elapsed_ms.max(1);
        self.values.pace_percent = percent;
        self.pace_streak = match percent {
            _ if PACE_PERCENT.contains(&percent) => 0,
            _ if percent < *PACE_PERCENT.start() => self.pace_streak.min(0).saturating_sub(1),
            _ => self.pace_streak.max(0).saturating_add(1),
        };
        self.hold.put(Sign::TooSlow, self.pace_streak <= -PACE_NEEDED);
        self.hold.put(Sign::TooFast, self.pace_streak >= PACE_NEEDED);
    }
}

/// Milliseconds of media time.
pub(super) fn at_ms(track: &Track, frame: &Frame) -> i64 {
    frame.dts.rescale(track.timescale, Timescale::MILLIS).0
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use media_core::track::{Audio, Params, Video};
    use media_core::{Codec, Timestamp};

    use super::*;

    /// A publisher whose frames come when they are due, unless told otherwise.
    struct Rig {
        signs: Signs,
        start: Instant,
        /// Wall time per media time, in percent.
        late: i64,
        hold: Vec<&'static str>,
        details: Vec<String>,
        gaps: Vec<i64>,
    }

    fn track(id: TrackId) -> Track {
        let (codec, params) = if id < TrackId::audio(0) {
            (Codec::H264, Params::Video(Video::default()))
        } else {
            (Codec::Aac, Params::Audio(Audio::default()))
        };
        let (config, rfc6381) = (Bytes::new(), "".into());
        Track { id, codec, timescale: Timescale::MILLIS, config, params, rfc6381 }
    }

    impl Rig {
        fn new() -> Self {
            let start = Instant::now();
            let (hold, details, gaps) = (Vec::new(), Vec::new(), Vec::new());
            Self { signs: Signs::default(), start, late: 100, hold, details, gaps }
        }

        fn send(&mut self, id: TrackId, at_ms: i64, shown_ms: i64, keyframe: bool, bytes: usize) {
            let data = Bytes::from(vec![0; bytes]);
            let (dts, pts) = (Timestamp(at_ms), Timestamp(shown_ms));
            let frame = Frame { track: id, dts, pts, keyframe, data };
            let now = self.start + Duration::from_millis((at_ms * self.late / 100).unsigned_abs());
            if let Some(changes) = self.signs.frame(now, &track(id), &frame, at_ms) {
                self.note(changes);
            }
        }

        fn note(&mut self, changes: Changes) {
            self.gaps.extend(changes.gap_ms);
            for sign in Sign::ALL {
                if changes.over.has(sign) {
                    self.hold.retain(|code| *code != sign.code());
                }
                if changes.hold.has(sign) {
                    if !self.hold.contains(&sign.code()) {
                        self.hold.push(sign.code());
                    }
                    self.details.push(changes.values.detail(sign));
                }
            }
        }

        /// 25 frames a second with a key frame every so often, and sound.
        fn go_on(&mut self, from_s: i64, to_s: i64, gop_s: i64) {
            for at in (from_s * 1000..to_s * 1000).step_by(40) {
                self.send(TrackId::video(0), at, at, at % (gop_s * 1000) == 0, 5_000);
                self.send(TrackId::audio(0), at, at, true, 200);
            }
        }
    }

    #[test]
    fn a_good_encoder_shows_none() {
        let mut rig = Rig::new();
        rig.go_on(0, 120, 2);
        assert_eq!(rig.hold, [""; 0]);
        assert!(rig.details.is_empty(), "{:?}", rig.details);
    }

    #[test]
    fn a_long_gop_is_seen_before_it_ends_and_told_in_full_after_it() {
        let mut rig = Rig::new();
        rig.go_on(0, 5, 10);
        assert_eq!(rig.hold, ["gop_long"]);
        rig.go_on(5, 11, 10);
        assert!(rig.details.iter().any(|detail| detail.contains("10.0 s apart")), "{:?}", rig.details);
        rig.go_on(11, 24, 2);
        assert!(!rig.hold.contains(&"gop_long"), "{:?}", rig.hold);
    }

    #[test]
    fn key_frames_that_come_now_sooner_now_later_are_irregular() {
        let mut rig = Rig::new();
        for (n, at) in [0, 500, 2_500, 3_000, 5_000, 5_500].into_iter().enumerate() {
            assert_eq!(rig.hold.contains(&"gop_irregular"), n > 4, "{n}");
            rig.send(TrackId::video(0), at, at, true, 100);
        }
        for at in (7_500..25_000).step_by(2_000) {
            rig.send(TrackId::video(0), at, at, true, 100);
        }
        assert!(!rig.hold.contains(&"gop_irregular"));
    }

    /// The video's clock jumps, and the sound's does not; or no picture comes for a while, and then it goes on.
    #[test]
    fn a_step_of_the_videos_clock_is_a_gap_and_no_long_or_irregular_gop() {
        for gap_ms in [1_000, 3_000, 8_000] {
            let mut rig = Rig::new();
            rig.go_on(0, 12, 2);
            for at in (12_000..12_000 + gap_ms).step_by(40) {
                rig.send(TrackId::audio(0), at, at, true, 200);
            }
            // It goes on in the middle of a GOP, as the sound does.
            for at in (12_000 + gap_ms..60_000).step_by(40) {
                rig.send(TrackId::video(0), at, at, (at - gap_ms) % 2_000 == 1_000, 5_000);
                rig.send(TrackId::audio(0), at, at, true, 200);
            }
            assert_eq!(rig.gaps, [gap_ms + 40]);
            assert_eq!((rig.hold, rig.details), (vec![], vec![]), "{gap_ms}");
        }
        assert_eq!(&gap_detail(3_040)[..33], "the video's clock skipped 3.0 s, ");
    }

    #[test]
    fn steps_that_are_usual_and_small_ones_are_no_gaps() {
        let mut rig = Rig::new();
        // Half a second, as when an encoder drops some frames.
        rig.go_on(0, 6, 2);
        for at in (6_600..10_000).step_by(40) {
            rig.send(TrackId::video(0), at, at, at == 8_000, 100);
        }
        // Slides: a picture every two seconds, and a burst of them between now and then.
        let mut slides = Rig::new();
        for at in (0..120_000).step_by(2_000) {
            slides.send(TrackId::video(0), at, at, true, 100);
            for at in (at..at + 400).step_by(100).skip(1).filter(|at| at % 3 == 0) {
                slides.send(TrackId::video(0), at, at, false, 100);
            }
        }
        assert_eq!((rig.gaps, slides.gaps), (vec![], vec![]));
    }

    #[test]
    fn b_frames_are_seen_by_the_order_and_not_by_an_offset_that_all_frames_have() {
        let mut rig = Rig::new();
        for n in 0..50 {
            rig.send(TrackId::video(0), n * 40, n * 40 + 80, n % 25 == 0, 100);
        }
        assert_eq!(rig.hold, [""; 0]);
        for n in 50..75 {
            let shown = n * 40 + if n % 2 == 0 { 80 } else { 0 };
            rig.send(TrackId::video(0), n * 40, shown, n == 50, 100);
        }
        assert_eq!(rig.hold, ["b_frames"]);
        for n in 75..126 {
            rig.send(TrackId::video(0), n * 40, n * 40 + 80, n % 25 == 0, 100);
        }
        assert_eq!(rig.hold, [""; 0]);
    }

    #[test]
    fn a_rate_that_triples_swings() {
        let mut rig = Rig::new();
        for at in (0..70_000_i64).step_by(40) {
            let bytes = if at / 10_000 % 2 == 0 { 2_000 } else { 8_000 };
            rig.send(TrackId::video(0), at, at, at % 2_000 == 0, bytes);
            rig.send(TrackId::audio(0), at, at, true, 10);
        }
        assert_eq!(rig.hold, ["bitrate_swings"]);
        assert!(rig.details[0].contains("between 0.4 and 1.6 Mb/s"), "{:?}", rig.details);
    }

    #[test]
    fn noise_for_two_of_every_four_seconds_swings() {
        let mut rig = Rig::new();
        for at in (0..45_000_i64).step_by(40) {
            let bytes = if at % 4_000 < 2_000 { 41_000 } else { 15 };
            rig.send(TrackId::video(0), at, at, at % 2_000 == 0, bytes);
            rig.send(TrackId::audio(0), at, at, true, 10);
        }
        assert_eq!(rig.hold, ["bitrate_swings"]);
        assert!(rig.details[0].contains("between 0.0 and 8.2 Mb/s"), "{:?}", rig.details);
    }

    #[test]
    fn a_kind_of_track_that_stays_away_is_missing_until_it_comes() {
        let mut rig = Rig::new();
        for at in (0..12_000).step_by(500) {
            rig.send(TrackId::video(0), at, at, at % 2_000 == 0, 100);
        }
        assert_eq!(rig.hold, ["audio_missing"]);
        rig.go_on(12, 13, 2);
        assert_eq!(rig.hold, [""; 0]);
        for at in (13_000..26_000).step_by(20) {
            rig.send(TrackId::audio(0), at, at, true, 100);
        }
        assert_eq!(rig.hold, ["video_missing"]);
    }

    #[test]
    fn media_that_comes_too_slowly_or_too_fast_is_told_after_two_spans() {
        for (late, code) in [(150, "too_slow"), (50, "too_fast")] {
            let mut rig = Rig::new();
            rig.late = late;
            rig.go_on(0, 12 * 100 / late, 2);
            assert_eq!(rig.hold, [""; 0], "one span may be a burst");
            rig.go_on(12 * 100 / late, 60, 2);
            assert_eq!(rig.hold, [code]);
        }
    }

    #[test]
    fn the_habits_of_a_publisher_are_over_when_another_goes_on() {
        let mut rig = Rig::new();
        rig.go_on(0, 25, 10);
        let changes = rig.signs.begin_anew().unwrap();
        rig.note(changes);
        assert_eq!(rig.hold, [""; 0]);
        assert_eq!(rig.signs.begin_anew(), None);
    }
}
