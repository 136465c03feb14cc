//! Clock repair: what publishers send becomes a timeline that downstream can trust.
//!
//! RTMP timestamps are 32-bit milliseconds that wrap, jump when an encoder restarts its clock, step back, and round audio frames
//! to the millisecond. A [`Timeline`] unwraps them, moves video to the 90 kHz clock and audio to its sampling frequency, counts audio
//! in samples, clamps small backward steps and re-bases large jumps. What comes out satisfies, for every track: decode times
//! strictly increase, and no step exceeds [`Config::max_forward`] unless another track went there first.
//!
//! It is pure: the same frames give the same timeline. Embedders who feed RTMP to a packager need one per publisher.
//!
//! ```
//! use media_core::timeline::{Config, Timeline};
//! # use media_core::{Frame, Timescale, Timestamp, Track, TrackId};
//! let mut timeline = Timeline::new(Config::rtmp());
//! let data = timeline.track(&Track::data(Timescale::MICROS));
//! let raw = Timestamp(4_294_967_295_000); // the last millisecond before the wrap
//! let frame = |dts| Frame { track: data.id, dts, pts: dts, keyframe: true, data: Default::default() };
//! let first = timeline.frame(frame(raw)).unwrap();
//! let second = timeline.frame(frame(Timestamp(4_000))).unwrap();
//! assert_eq!(second.frame.dts.since(first.frame.dts), 5_000);
//! assert!(second.rebased.is_none());
//! ```

use std::time::Duration;

use crate::codec::{Codec, frame_samples};
use crate::frame::Frame;
use crate::time::{Timescale, Timestamp};
use crate::track::{Track, TrackId, TrackKind};

/// How much a clock may misbehave before it is repaired.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where input timestamps wrap, in microseconds; `None` for clocks that do not.
    pub wrap_us: Option<i64>,
    /// A track stepping back by more than this is re-based; by less it is clamped. Default 500 ms.
    pub max_backward: Duration,
    /// A step forward past every other track by more than this is re-based. Default 2 s.
    pub max_forward: Duration,
    /// How far apart from the others a track may begin, or stay after a jump, before it is aligned to them. Default 5 s.
    pub max_skew: Duration,
    /// How far sample-counted audio may be from its timestamps before it is re-anchored. Default 100 ms.
    pub max_audio_drift: Duration,
    /// How far presentation may be from decoding before the composition offset counts as corrupt and is dropped. Default 10 s.
    pub max_composition: Duration,
}

impl Config {
    /// For RTMP and FLV: 32-bit milliseconds (Adobe RTMP §5.3.1), in microseconds.
    pub fn rtmp() -> Self {
        Self { wrap_us: Some((1_i64 << 32) * 1000), ..Self::default() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            wrap_us: None,
            max_backward: Duration::from_millis(500),
            max_forward: Duration::from_secs(2),
            max_skew: Duration::from_secs(5),
            max_audio_drift: Duration::from_millis(100),
            max_composition: Duration::from_secs(10),
        }
    }
}

/// A frame on the repaired timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The frame, in the timescale of the track that [`Timeline::track`] returned.
    pub frame: Frame,
    /// Set when the clock jumped before this frame, and the timeline with it: announce a discontinuity.
    pub rebased: Option<Jump>,
    /// Whether this frame's time was moved to keep decode times going forward.
    pub clamped: bool,
}

/// A jump of the publisher's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// The track that jumped first.
    pub track: TrackId,
    /// By how much the publisher's clock jumped, in milliseconds; negative is back.
    pub by_ms: i64,
}

#[derive(Debug)]
struct Clock {
    id: TrackId,
    codec: Codec,
    input: Timescale,
    output: Timescale,
    config: bytes::Bytes,
    /// Samples of every audio frame, where the configuration alone says so.
    frame_samples: Option<u32>,
    /// The last input time, unwrapped, in microseconds.
    last_in_us: Option<i64>,
    /// The last output decode time, in output ticks.
    last_out: Option<i64>,
    /// Where the next audio frame begins if no sample is missing, in output ticks.
    expected: Option<i64>,
    /// What to add to this track's input, in microseconds.
    offset_us: i64,
    /// Which jump `offset_us` is from.
    epoch: u64,
}

/// The clock repair of one publisher.
#[derive(Debug)]
pub struct Timeline {
    config: Config,
    clocks: Vec<Clock>,
    /// The latest unwrapped input of any track, to unwrap against.
    reference_us: Option<i64>,
    /// The latest output time of any track, in microseconds.
    edge_us: Option<i64>,
    /// Offset of the current epoch.
    offset_us: i64,
    epoch: u64,
}

impl Timeline {
    /// A timeline that begins where the publisher's clock begins.
    pub fn new(config: Config) -> Self {
        Self { config, clocks: Vec::new(), reference_us: None, edge_us: None, offset_us: 0, epoch: 0 }
    }

    /// A timeline whose first frame comes out at `start` (in microseconds): the continuation of an earlier publisher's.
    pub fn starting_at(config: Config, start_us: i64) -> Self {
        Self { edge_us: Some(start_us), ..Self::new(config) }
    }

    /// Where the timeline stands, in microseconds: the latest decode time that came out.
    pub fn edge_us(&self) -> Option<i64> {
        self.edge_us
    }

    /// Adds a track, or changes its configuration, and returns it as it is downstream: video on 90 kHz, audio on its sampling
    /// frequency, data unchanged.
    pub fn track(&mut self, track: &Track) -> Track {
        let output = match track.kind() {
            TrackKind::Video => Timescale::VIDEO,
            TrackKind::Audio => {
                track.audio().and_then(|audio| Timescale::new(audio.sample_rate)).unwrap_or(Timescale::VIDEO)
            }
            TrackKind::Data => track.timescale,
        };
        match self.clocks.iter_mut().find(|clock| clock.id == track.id) {
            Some(clock) => clock.reconfigure(track, output),
            None => self.clocks.push(Clock::new(track, output)),
        }
        Track { timescale: output, ..track.clone() }
    }

    /// Puts a frame on the timeline. `None` when its track was never added.
    pub fn frame(&mut self, frame: Frame) -> Option<Repaired> {
        let index = self.clocks.iter().position(|clock| clock.id == frame.track)?;
        let clock = self.clocks.get(index)?;
        let raw_us = frame.dts.rescale(clock.input, Timescale::MICROS).0;
        let composition_us =
            frame.pts.since(frame.dts).saturating_mul(1_000_000) / i64::from(clock.input.hz());
        let input_us = self.unwrap(raw_us);
        let rebased = self.admit(index, input_us);
        let clock = self.clocks.get_mut(index)?;
        clock.last_in_us = Some(input_us);
        let wanted_us = input_us.saturating_add(clock.offset_us);
        let (dts, clamped) = clock.place(wanted_us, &frame.data, self.config.max_audio_drift);
        let composition = self.composition(composition_us, clock_output(&self.clocks, index));
        let output = clock_output(&self.clocks, index);
        let out_us = Timestamp(dts).rescale(output, Timescale::MICROS).0;
        self.edge_us = Some(self.edge_us.map_or(out_us, |edge| edge.max(out_us)));
        let dts = Timestamp(dts);
        Some(Repaired { frame: Frame { dts, pts: dts.offset(composition), ..frame }, rebased, clamped })
    }

    /// The input time nearest to the reference, among those that wrap to `raw_us`.
    fn unwrap(&mut self, raw_us: i64) -> i64 {
        let (Some(wrap), Some(reference)) = (self.config.wrap_us, self.reference_us) else {
            self.reference_us = Some(raw_us);
            return raw_us;
        };
        let difference = (raw_us - reference.rem_euclid(wrap)).rem_euclid(wrap);
        let signed = if difference > wrap / 2 { difference - wrap } else { difference };
        let unwrapped = reference.saturating_add(signed);
        self.reference_us = Some(unwrapped);
        unwrapped
    }

    /// Decides which offset applies to an input time of the track at `index`, re-basing on a jump.
    fn admit(&mut self, index: usize, input_us: i64) -> Option<Jump> {
        let Some(edge) = self.edge_us else {
            // The very first frame defines the epoch: the timeline begins where the publisher's clock stands.
            return None;
        };
        let (epoch, offset) = (self.epoch, self.offset_us);
        let (max_backward, max_forward, max_skew) =
            (micros(self.config.max_backward), micros(self.config.max_forward), micros(self.config.max_skew));
        let first_of_all = self.clocks.iter().all(|clock| clock.last_in_us.is_none());
        let clock = self.clocks.get_mut(index)?;
        let Some(last_in) = clock.last_in_us else {
            if first_of_all {
                self.offset_us = edge.saturating_sub(input_us);
                clock.offset_us = self.offset_us;
            } else {
                // A late track starts with the others, unless its clock has nothing to do with theirs.
                let aligned = distance(input_us.saturating_add(offset), edge) <= max_skew;
                clock.offset_us = if aligned { offset } else { edge.saturating_sub(input_us) };
            }
            clock.epoch = epoch;
            return None;
        };
        let step = input_us.saturating_sub(last_in);
        let ahead = input_us.saturating_add(clock.offset_us).saturating_sub(edge);
        let own_clock_holds = step >= -max_backward && (ahead <= max_forward || step <= max_forward);
        if own_clock_holds {
            return None;
        }
        if clock.epoch != epoch && distance(input_us.saturating_add(offset), edge) <= max_skew {
            // Another track jumped first, by the same amount; this one follows it.
            clock.follow(epoch, offset);
            return None;
        }
        self.epoch += 1;
        // One video frame, about, after the latest time: the jump should not cost a visible hole.
        self.offset_us = edge.saturating_add(33_000).saturating_sub(input_us);
        clock.follow(self.epoch, self.offset_us);
        Some(Jump { track: clock.id, by_ms: step / 1000 })
    }

    fn composition(&self, composition_us: i64, output: Timescale) -> i64 {
        if distance(composition_us, 0) > micros(self.config.max_composition) {
            return 0;
        }
        // Rounded to nearest, so that 33 ms and 34 ms stay apart by whole ticks of 90 kHz.
        let scaled = composition_us.saturating_mul(i64::from(output.hz()));
        (scaled + 500_000 * scaled.signum()) / 1_000_000
    }
}

/// AAC frames are all of one length, and the configuration need not be read again for each.
fn fixed_samples(track: &Track) -> Option<u32> {
    (track.codec == Codec::Aac).then(|| frame_samples(track.codec, &track.config, &[])).flatten()
}

fn clock_output(clocks: &[Clock], index: usize) -> Timescale {
    clocks.get(index).map_or(Timescale::MICROS, |clock| clock.output)
}

fn distance(a: i64, b: i64) -> i64 {
    a.saturating_sub(b).saturating_abs()
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl Clock {
    fn new(track: &Track, output: Timescale) -> Self {
        Self {
            id: track.id,
            codec: track.codec,
            input: track.timescale,
            output,
            config: track.config.clone(),
            frame_samples: fixed_samples(track),
            last_in_us: None,
            last_out: None,
            expected: None,
            offset_us: 0,
            epoch: 0,
        }
    }

    fn reconfigure(&mut self, track: &Track, output: Timescale) {
        if output != self.output {
            // Up, so that what follows is later on the new clock as well.
            let carried = |ticks: i64| Timestamp(ticks).rescale(self.output, output).0.saturating_add(1);
            self.last_out = self.last_out.map(carried);
            self.output = output;
        }
        self.expected = None;
        self.codec = track.codec;
        self.input = track.timescale;
        self.config = track.config.clone();
        self.frame_samples = fixed_samples(track);
    }

    fn follow(&mut self, epoch: u64, offset_us: i64) {
        self.epoch = epoch;
        self.offset_us = offset_us;
        self.expected = None;
    }

    /// The decode time in output ticks for the wanted time, and whether it had to be moved forward.
    fn place(&mut self, wanted_us: i64, data: &[u8], max_drift: Duration) -> (i64, bool) {
        let wanted = Timestamp(wanted_us).rescale(Timescale::MICROS, self.output).0;
        let drift = micros(max_drift).saturating_mul(i64::from(self.output.hz())) / 1_000_000;
        let counted = self.expected.filter(|expected| distance(*expected, wanted) <= drift);
        let target = counted.unwrap_or(wanted);
        let dts = match self.last_out {
            Some(last) if target <= last => last.saturating_add(1),
            _ => target,
        };
        self.last_out = Some(dts);
        self.expected = match self.codec.kind() {
            TrackKind::Audio => self
                .frame_samples
                .or_else(|| frame_samples(self.codec, &self.config, data))
                .map(|samples| dts.saturating_add(i64::from(samples))),
            _ => None,
        };
        (dts, dts != target)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::track::{Audio, Params, Video};

    const WRAP_MS: i64 = 1 << 32;

    fn video() -> Track {
        Track {
            id: TrackId::video(0),
            codec: Codec::H264,
            timescale: Timescale::MICROS,
            config: Bytes::new(),
            params: Params::Video(Video::default()),
            rfc6381: "".into(),
        }
    }

    fn audio() -> Track {
        Track {
            id: TrackId::audio(0),
            codec: Codec::Mp3,
            params: Params::Audio(Audio { sample_rate: 48_000, channels: 2 }),
            ..video()
        }
    }

    fn frame(track: TrackId, dts_ms: i64, composition_ms: i64) -> Frame {
        // An MPEG-1 layer III header at 48 kHz, so that audio is counted at 1152 samples a frame.
        let data = Bytes::from_static(&[0xff, 0xfb, 0x94, 0x00, 0, 0, 0, 0]);
        let dts = Timestamp(dts_ms.rem_euclid(WRAP_MS) * 1000);
        Frame { track, dts, pts: dts.offset(composition_ms * 1000), keyframe: true, data }
    }

    struct Rig {
        timeline: Timeline,
        last: std::collections::HashMap<TrackId, i64>,
        jumps: Vec<Jump>,
        clamped: usize,
    }

    impl Rig {
        fn new() -> Self {
            let mut timeline = Timeline::new(Config::rtmp());
            timeline.track(&video());
            timeline.track(&audio());
            Self { timeline, last: std::collections::HashMap::new(), jumps: Vec::new(), clamped: 0 }
        }

        /// Pushes a frame, checks the invariant, and returns the output time in milliseconds.
        fn push(&mut self, track: TrackId, dts_ms: i64) -> i64 {
            let repaired = self.timeline.frame(frame(track, dts_ms, 0)).expect("the track was added");
            let dts = repaired.frame.dts.0;
            if let Some(last) = self.last.insert(track, dts) {
                assert!(dts > last, "decode time went from {last} to {dts}");
            }
            self.jumps.extend(repaired.rebased);
            self.clamped += usize::from(repaired.clamped);
            let scale = if track == video().id { Timescale::VIDEO } else { Timescale::new(48_000).unwrap() };
            repaired.frame.dts.rescale(scale, Timescale::MILLIS).0
        }

        /// `seconds` of 30 fps video and 24 ms audio, starting at `from_ms` of the publisher's clock.
        fn play(&mut self, from_ms: i64, seconds: i64) -> (i64, i64) {
            let mut out = Vec::new();
            let mut audio_at = 0;
            for n in 0..seconds * 30 {
                let at = n * 1000 / 30;
                while audio_at <= at {
                    out.push(self.push(audio().id, from_ms + audio_at));
                    audio_at += 24;
                }
                out.push(self.push(video().id, from_ms + at));
            }
            (out[0], out[out.len() - 1])
        }
    }

    #[test]
    fn trap_4_the_wrap_at_2_to_the_32_is_invisible() {
        let mut rig = Rig::new();
        let (start, end) = rig.play(WRAP_MS - 300_000, 600);
        assert!(rig.jumps.is_empty() && rig.clamped == 0, "{:?} {}", rig.jumps, rig.clamped);
        assert!((599_000..600_100).contains(&(end - start)), "{}", end - start);
    }

    #[test]
    fn trap_4_signed_31_bit_clocks_pass_their_sign_change() {
        let mut rig = Rig::new();
        rig.play((1 << 31) - 5_000, 10);
        assert!(rig.jumps.is_empty());
    }

    #[test]
    fn trap_5_a_step_back_of_hours_is_one_discontinuity_and_no_hole() {
        let mut rig = Rig::new();
        let (_, before) = rig.play(7_200_000, 10);
        let (after, _) = rig.play(0, 10);
        assert_eq!(rig.jumps.len(), 1, "{:?}", rig.jumps);
        assert!((0..=100).contains(&(after - before)), "{}", after - before);
    }

    #[test]
    fn trap_5_a_step_forward_of_an_hour_is_one_discontinuity_and_no_hole() {
        let mut rig = Rig::new();
        let (_, before) = rig.play(0, 10);
        let (after, end) = rig.play(3_610_000, 10);
        assert_eq!(rig.jumps.len(), 1, "{:?}", rig.jumps);
        assert!((0..=100).contains(&(after - before)) && end - after < 10_100);
    }

    #[test]
    fn the_second_track_follows_the_first_over_a_jump() {
        let mut rig = Rig::new();
        rig.play(0, 1);
        let video_at = rig.push(video().id, 3_600_000);
        // Audio still on the old clock, then on the new one.
        rig.push(audio().id, 1_010);
        let audio_at = rig.push(audio().id, 3_600_010);
        assert_eq!(rig.jumps.len(), 1);
        assert!((audio_at - video_at - 10).abs() <= 100, "{video_at} {audio_at}");
    }

    #[test]
    fn trap_5_small_steps_back_are_clamped_without_a_discontinuity() {
        let mut rig = Rig::new();
        rig.push(video().id, 1000);
        rig.push(video().id, 1033);
        rig.push(video().id, 900);
        assert_eq!(rig.push(video().id, 1100), 1100);
        assert!(rig.jumps.is_empty());
        assert_eq!(rig.clamped, 1);
    }

    #[test]
    fn one_bad_sample_does_not_stop_the_stream() {
        let mut rig = Rig::new();
        rig.play(0, 5);
        rig.push(video().id, 2_000_000_000);
        let (from, to) = rig.play(5_000, 5);
        assert!(to - from < 5_100 && from < 5_300, "{from} {to}");
    }

    #[test]
    fn trap_38_audio_is_counted_in_samples_and_re_anchored_when_it_drifts() {
        let mut timeline = Timeline::new(Config::rtmp());
        timeline.track(&audio());
        let out = |timeline: &mut Timeline, ms| timeline.frame(frame(audio().id, ms, 0)).unwrap().frame.dts.0;
        // 24 ms frames whose timestamps jitter by a few milliseconds.
        for (n, jitter) in [0, 3, -2, 5, 0].into_iter().enumerate() {
            let n = n as i64;
            assert_eq!(out(&mut timeline, 1000 + n * 24 + jitter), 48_000 + n * 1152);
        }
        // Half a second was lost: the next frame is where its timestamp says.
        assert_eq!(out(&mut timeline, 1620), 1620 * 48);
    }

    #[test]
    fn a_late_track_starts_with_the_others_even_from_a_clock_of_its_own() {
        let mut rig = Rig::new();
        for n in 0..60 {
            rig.push(video().id, 500_000 + n * 33);
        }
        let at = rig.push(audio().id, 0);
        assert!((at - 501_947).abs() < 50, "{at}");
        assert_eq!(rig.push(audio().id, 24), at + 24);
        assert!(rig.jumps.is_empty());
    }

    #[test]
    fn a_continuation_starts_where_it_is_told() {
        let mut timeline = Timeline::starting_at(Config::rtmp(), 90_000_000);
        timeline.track(&video());
        let repaired = timeline.frame(frame(video().id, 4_000_000_000, 0)).unwrap();
        assert_eq!(repaired.frame.dts, Timestamp(90 * 90_000));
        assert!(repaired.rebased.is_none());
    }

    #[test]
    fn trap_6_composition_offsets_keep_their_sign_and_absurd_ones_are_dropped() {
        let mut timeline = Timeline::new(Config::rtmp());
        timeline.track(&video());
        let mut offset = |at, cts| {
            let frame = timeline.frame(frame(video().id, at, cts)).unwrap().frame;
            frame.pts.since(frame.dts)
        };
        assert_eq!(offset(0, 67), 6030);
        assert_eq!(offset(33, -34), -3060);
        assert_eq!(offset(67, 16_777_182), 0);
    }

    #[test]
    fn a_changed_sampling_frequency_keeps_time_going_forward() {
        let mut rig = Rig::new();
        rig.play(0, 1);
        let slower = Audio { sample_rate: 44_100, channels: 2 };
        rig.timeline.track(&Track { params: Params::Audio(slower), ..audio() });
        let next = rig.timeline.frame(frame(audio().id, 1_010, 0)).unwrap().frame.dts;
        assert!((next.0 - 44_541).abs() < 4_410, "{next:?}");
    }

    #[test]
    fn frames_of_unknown_tracks_are_refused() {
        assert!(Timeline::new(Config::rtmp()).frame(frame(TrackId::video(3), 0, 0)).is_none());
    }

    proptest! {
        #[test]
        fn decode_times_always_increase(
            steps in proptest::collection::vec((any::<bool>(), prop_oneof![
                8 => -60_i64..120,
                2 => -10_000_i64..10_000,
                1 => any::<u32>().prop_map(i64::from),
            ]), 1..400),
        ) {
            let mut rig = Rig::new();
            let mut at = 0;
            for (is_video, step) in steps {
                at += step;
                rig.push(if is_video { video().id } else { audio().id }, at);
            }
        }

        #[test]
        fn any_timestamp_is_survived(raw in any::<i64>(), pts in any::<i64>(), second in any::<i64>()) {
            for config in [Config::rtmp(), Config::default()] {
                let mut timeline = Timeline::new(config);
                timeline.track(&video());
                for dts in [raw, second, raw] {
                    let frame = Frame { dts: Timestamp(dts), pts: Timestamp(pts), ..frame(video().id, 0, 0) };
                    timeline.frame(frame);
                }
            }
        }
    }
}
