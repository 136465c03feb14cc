//! What an encoder does that its viewers pay for, seen in its frames: a few comparisons a frame, nothing allocated.

use std::time::{Duration, Instant};

use media_core::{Frame, Timescale, Track, TrackId, TrackKind};

/// A GOP longer than this makes joining slow whatever the segments are.
const LONG_GOP_MS: i64 = 4_000;
/// GOPs that are compared with each other.
const GOPS: usize = 8;
/// Fewer are no pattern.
const GOPS_NEEDED: usize = 4;
/// GOPs that differ by less are regular: half a frame here or there.
const IRREGULAR_MS: i64 = 1_000;
/// Media time over which a bit rate is taken, to be compared with others. It holds several GOPs of a usual length.
const RATE_SPAN_MS: i64 = 10_000;
/// Bit rates that are compared with each other: the last minute.
const RATES: usize = 6;
/// Fewer are no pattern.
const RATES_NEEDED: usize = 3;
/// The highest rate is so many times the lowest where they swing.
const SWING: u64 = 3;
/// Swings below this, in bits a second, trouble nobody.
const SWING_BPS: u64 = 500_000;
/// A track that has sent nothing for so long while the other kind does is missing.
const MISSING_MS: i64 = 10_000;
/// Wall time over which it is seen how fast media time goes.
const PACE_SPAN: Duration = Duration::from_secs(10);
/// Percent of real time below which the encoder does not keep up, and above which it is not paced.
const PACE_PERCENT: std::ops::RangeInclusive<i64> = 90..=120;
/// Spans in a row: one may be the burst with which many encoders begin, or a pause.
const PACE_NEEDED: i32 = 2;

/// Something that an encoder does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Key frames are more than 4 s apart.
    GopLong,
    /// Key frames come now sooner, now later.
    GopIrregular,
    /// Frames are sent in another order than they are shown.
    BFrames,
    /// The bit rate swings.
    BitrateSwings,
    /// There is video and no audio.
    AudioMissing,
    /// There is audio and no video.
    VideoMissing,
    /// Media comes slower than it is played.
    TooSlow,
    /// Media comes faster than it is played.
    TooFast,
}

impl Sign {
    /// All of them.
    pub(super) const ALL: [Self; 8] = [
        Self::GopLong,
        Self::GopIrregular,
        Self::BFrames,
        Self::BitrateSwings,
        Self::AudioMissing,
        Self::VideoMissing,
        Self::TooSlow,
        Self::TooFast,
    ];

    /// A short name for metrics and the API.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::GopLong => "gop_long",
            Self::GopIrregular => "gop_irregular",
            Self::BFrames => "b_frames",
            Self::BitrateSwings => "bitrate_swings",
            Self::AudioMissing => "audio_missing",
            Self::VideoMissing => "video_missing",
            Self::TooSlow => "too_slow",
            Self::TooFast => "too_fast",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Set(u8);

impl Set {
    /// Whether it has one.
    pub(super) fn has(self, sign: Sign) -> bool {
        self.0 & sign.bit() != 0
    }

    fn put(&mut self, sign: Sign, holds: bool) {
        self.0 = if holds { self.0 | sign.bit() } else { self.0 & !sign.bit() };
    }
}

/// What was measured of the signs that hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Values {
    /// The last GOP, or the one in the making if that is longer.
    gop_ms: i64,
    shortest_gop_ms: i64,
    longest_gop_ms: i64,
    lowest_bps: u64,
    highest_bps: u64,
    /// Media time per wall time.
    pace_percent: i64,
}

impl Values {
    /// What is to be said of a sign.
    pub(super) fn detail(&self, sign: Sign) -> String {
        let seconds = |ms: i64| ms as f64 / 1e3;
        let mbps = |bps: u64| bps as f64 / 1e6;
        match sign {
            Sign::GopLong => {
                format!("key frames are {:.1} s apart: viewers join at key frames", seconds(self.gop_ms))
            }
            Sign::GopIrregular => format!(
                "key frames come {:.1} to {:.1} s apart: segments have different lengths",
                seconds(self.shortest_gop_ms),
                seconds(self.longest_gop_ms)
            ),
            Sign::BFrames => {
                "the video has B-frames: they make the encoder wait for later pictures, some 0.1 s".to_owned()
            }
            Sign::BitrateSwings => format!(
                "the bit rate swings between {:.1} and {:.1} Mb/s: players and uplinks have to bear the peak",
                mbps(self.lowest_bps),
                mbps(self.highest_bps)
            ),
            Sign::AudioMissing => "no audio has come for 10 s, while video does".to_owned(),
            Sign::VideoMissing => "no video has come for 10 s, while audio does".to_owned(),
            Sign::TooSlow => format!(
                "media comes at {} % of the speed at which it is played: viewers run out of it",
                self.pace_percent
            ),
            Sign::TooFast => format!(
                "media comes at {} % of the speed at which it is played: parts of it are skipped",
                self.pace_percent
            ),
        }
    }
}

/// What of the signs is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Changes {
    /// These hold from now on, or hold on and are worse.
    pub(super) hold: Set,
    /// These hold no more.
    pub(super) over: Set,
    /// What was measured.
    pub(super) values: Values,
}

/// The last few of something.
#[derive(Debug)]
struct Last<T, const N: usize> {
    values: [T; N],
    next: usize,
    count: usize,
}

impl<T: Copy + Default, const N: usize> Default for Last<T, N> {
    fn default() -> Self {
        Self { values: [T::default(); N], next: 0, count: 0 }
    }
}

impl<T: Copy + Ord, const N: usize> Last<T, N> {
    fn push(&mut self, value: T) {
        if let Some(slot) = self.values.get_mut(self.next) {
            *slot = value;
        }
        self.next = (self.next + 1) % N;
        self.count = (self.count + 1).min(N);
    }

    /// The least and the greatest, once there are so many.
    fn range(&self, needed: usize) -> Option<(T, T)> {
        let known = self.values.get(..self.count).filter(|known| known.len() >= needed)?;
        Some((*known.iter().min()?, *known.iter().max()?))
    }
}

/// Looks at the frames of one publisher. About 250 bytes.
#[derive(Debug, Default)]
pub(super) struct Signs {
    hold: Set,
    /// Hold on, and are to be told again.
    again: Set,
    values: Values,
    first_ms: Option<i64>,
    last_video_ms: Option<i64>,
    last_audio_ms: Option<i64>,
    last_key_ms: Option<i64>,
    gops: Last<i64, GOPS>,
    last_shown: Option<i64>,
    reordered: bool,
    rate_start_ms: Option<i64>,
    rate_bytes: u64,
    rates: Last<u64, RATES>,
    pace_start: Option<(Instant, i64)>,
    /// Spans in a row that were too fast, or, below zero, too slow.
    pace_streak: i32,
}

impl Signs {
    /// Another publisher goes on, whose habits are its own; the signs of the one before are over.
    pub(super) fn begin_anew(&mut self) -> Option<Changes> {
        let over = std::mem::take(self).hold;
        (over != Set::default()).then(|| Changes { hold: Set::default(), over, values: Values::default() })
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
        self.rate(at_ms, frame.data.len() as u64);
        if frame.track == TrackId::video(0) {
            self.gop(frame.keyframe, at_ms);
            self.order(frame);
        }
        // By one kind of track: the clocks of both may be seconds apart.
        if kind == TrackKind::Video || self.last_video_ms.is_none() {
            self.pace(now, at_ms);
        }
        let changed = before.0 ^ self.hold.0;
        let hold = Set((changed & self.hold.0) | self.again.0);
        let over = Set(changed & before.0);
        (hold.0 | over.0 != 0).then_some(Changes { hold, over, values: self.values })
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

    fn gop(&mut self, keyframe: bool, at_ms: i64) {
        let Some(last) = self.last_key_ms else {
            self.last_key_ms = keyframe.then_some(at_ms);
            return;
        };
        let gop_ms = at_ms - last;
        let long = gop_ms > LONG_GOP_MS;
        if long && !self.hold.has(Sign::GopLong) {
            self.values.gop_ms = gop_ms;
            self.hold.put(Sign::GopLong, true);
        }
        if !keyframe {
            return;
        }
        self.last_key_ms = Some(at_ms);
        self.values.gop_ms = gop_ms;
        self.hold.put(Sign::GopLong, long);
        self.again.put(Sign::GopLong, long);
        self.gops.push(gop_ms);
        let Some((shortest, longest)) = self.gops.range(GOPS_NEEDED) else { return };
        (self.values.shortest_gop_ms, self.values.longest_gop_ms) = (shortest, longest);
        let irregular = longest - shortest > IRREGULAR_MS && longest * 2 >= shortest * 3;
        self.hold.put(Sign::GopIrregular, irregular);
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

    fn rate(&mut self, at_ms: i64, bytes: u64) {
        let start = *self.rate_start_ms.get_or_insert(at_ms);
        let elapsed_ms = at_ms - start;
        if elapsed_ms >= RATE_SPAN_MS {
            self.rates.push(self.rate_bytes.saturating_mul(8_000) / elapsed_ms.unsigned_abs());
            (self.rate_start_ms, self.rate_bytes) = (Some(at_ms), 0);
            if let Some((lowest, highest)) = self.rates.range(RATES_NEEDED) {
                (self.values.lowest_bps, self.values.highest_bps) = (lowest, highest);
                let swings = highest >= SWING_BPS && highest >= lowest.saturating_mul(SWING);
                self.hold.put(Sign::BitrateSwings, swings);
            }
        }
        self.rate_bytes += bytes;
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
            Self { signs: Signs::default(), start, late: 100, hold: Vec::new(), details: Vec::new() }
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
