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
        let composition_us = frame.pts.since(frame.dts).saturating_mul(1_000_000) / i64::from(clock.input.hz());
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
                let aligned = (input_us.saturating_add(offset) - edge).abs() <= max_skew;
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
        if clock.epoch != epoch && (input_us.saturating_add(offset) - edge).abs() <= max_skew {
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
        if composition_us.abs() > micros(self.config.max_composition) {
            return 0;
        }
        // Rounded to nearest, so that 33 ms and 34 ms stay apart by whole ticks of 90 kHz.
        let scaled = composition_us.saturating_mul(i64::from(output.hz()));
        (scaled + 500_000 * scaled.signum()) / 1_000_000
    }
}

fn clock_output(clocks: &[Clock], index: usize) -> Timescale {
    clocks.get(index).map_or(Timescale::MICROS, |clock| clock.output)
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
            let carry = |ticks: i64| Timestamp(ticks).rescale(self.output, output).0.saturating_add(1);
            self.last_out = self.last_out.map(carry);
            self.output = output;
        }
        self.expected = None;
        self.codec = track.codec;
        self.input = track.timescale;
        self.config = track.config.clone();
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
        let counted = self.expected.filter(|expected| (expected - wanted).abs() <= drift);
        let target = counted.unwrap_or(wanted);
        let dts = match self.last_out {
            Some(last) if target <= last => last.saturating_add(1),
            _ => target,
        };
        self.last_out = Some(dts);
        self.expected = match self.codec.kind() {
            TrackKind::Audio => {
                frame_samples(self.codec, &self.config, data).map(|samples| dts.saturating_add(i64::from(samples)))
            }
            _ => None,
        };
        (dts, dts != target)
    }
}
