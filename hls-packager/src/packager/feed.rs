//! One track as it comes in.

use std::collections::VecDeque;
use std::time::Instant;

use media_core::codec::frame_samples;
use media_core::{Codec, Frame, Timestamp, Track, TrackKind};

use super::cadence::Cadence;
use super::lane::Placing;

/// The most frames of a track that wait until it is known which segment they belong to: over a minute of AAC. The oldest
/// is dropped for a further one.
pub(super) const MAX_WAITING_FRAMES: usize = 4_096;

/// The most bytes of a track that wait.
pub(super) const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;

/// One packaged track.
#[derive(Debug)]
pub(super) struct Feed {
    /// Its newest configuration.
    pub(super) track: Track,
    /// Counts its configurations.
    pub(super) generation: u32,
    /// The generation that its lane is configured for.
    pub(super) lane_generation: u32,
    /// Its lane.
    pub(super) lane: usize,
    /// Whether parts of its lane are made of its frames; the other tracks of a TS stream accompany.
    pub(super) main: bool,
    /// What to add to its times, in ticks, to get those of its lane.
    pub(super) offset: i64,
    /// When its last frame came.
    pub(super) arrived: Instant,
    /// Whether the encoder does not have it any more.
    pub(super) absent: bool,
    /// Whether it sends nothing while others do.
    pub(super) stalled: bool,
    /// Whether frames are dropped until one can be decoded by itself.
    pub(super) needs_key: bool,
    /// Whether any frame was placed since the encoder came.
    pub(super) started: bool,
    /// Frames that came too late.
    pub(super) late: u64,
    /// How long each frame lasts, where its codec says that once for all.
    fixed: Option<i64>,
    cadence: Cadence,
    last_in: Option<i64>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
}

/// A frame whose segment is not known yet.
#[derive(Debug)]
pub(super) struct Waiting {
    /// On its lane's clock.
    pub(super) frame: Frame,
    /// When it is presented, in life time.
    pub(super) at_ns: i64,
    /// The configuration that it needs.
    pub(super) generation: u32,
}

impl Feed {
    /// `interval` is how long a frame nominally lasts, in ticks.
    pub(super) fn new(track: Track, lane: usize, main: bool, interval: i64, now: Instant) -> Self {
        let fixed = fixed_interval(&track);
        Self {
            track,
            generation: 0,
            lane_generation: 0,
            lane,
            main,
            offset: 0,
            arrived: now,
            absent: false,
            stalled: false,
            needs_key: false,
            started: false,
            late: 0,
            fixed,
            cadence: Cadence::new(interval),
            last_in: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
        }
    }

    pub(super) fn is_video(&self) -> bool {
        self.track.kind() == TrackKind::Video
    }

    /// Whether nothing is to be expected of it for now.
    pub(super) fn idle(&self) -> bool {
        self.absent || self.stalled
    }

    /// Checks that decode times increase. `Err` is the time before.
    pub(super) fn advance(&mut self, dts: i64) -> Result<(), i64> {
        match self.last_in {
            Some(last) if dts <= last => return Err(last),
            Some(last) => self.cadence.observe(dts.saturating_sub(last)),
            None => {}
        }
        self.last_in = Some(dts);
        Ok(())
    }

    /// What follows does not continue what came before.
    pub(super) fn break_off(&mut self) {
        self.last_in = None;
    }

    /// How a frame is placed.
    pub(super) fn placing(&self, data: &[u8]) -> Placing {
        let exact = !self.is_video();
        let samples = match (exact, self.fixed) {
            (true, None) => interval(&self.track, data),
            (_, fixed) => fixed,
        };
        Placing { interval: samples.unwrap_or_else(|| self.cadence.interval()), exact }
    }

    /// The frame on its lane's clock.
    pub(super) fn shift(&self, mut frame: Frame) -> Frame {
        frame.dts = Timestamp(frame.dts.0.saturating_add(self.offset));
        frame.pts = Timestamp(frame.pts.0.saturating_add(self.offset));
        frame
    }

    pub(super) fn wait(&mut self, waiting: Waiting) {
        self.waiting_bytes += waiting.frame.data.len();
        self.waiting.push_back(waiting);
        while self.waiting.len() > MAX_WAITING_FRAMES || self.waiting_bytes > MAX_WAITING_BYTES {
            self.next_waiting();
            self.late += 1;
        }
    }

    pub(super) fn first_waiting(&self) -> Option<&Waiting> {
        self.waiting.front()
    }

    pub(super) fn last_waiting(&self) -> Option<&Waiting> {
        self.waiting.back()
    }

    pub(super) fn next_waiting(&mut self) -> Option<Waiting> {
        let next = self.waiting.pop_front()?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(next.frame.data.len());
        Some(next)
    }

    /// Takes a configuration. Returns whether it differs: encoders repeat headers, which changes nothing.
    pub(super) fn configure(&mut self, track: &Track) -> bool {
        if self.track == *track {
            return false;
        }
        if track.timescale != self.track.timescale {
            // Another clock counts in other ticks: nothing measured in the old ones holds.
            self.cadence = Cadence::new(super::renditions::nominal_interval(track, None));
            self.last_in = None;
        }
        self.track = track.clone();
        self.fixed = fixed_interval(track);
        self.generation += 1;
        true
    }
}

/// How long an audio frame lasts, in ticks of its track.
pub(super) fn interval(track: &Track, data: &[u8]) -> Option<i64> {
    let samples = frame_samples(track.codec, &track.config, data).filter(|samples| *samples > 0)?;
    let rate = track.audio().map_or(0, |audio| audio.sample_rate);
    match rate == track.timescale.hz() || rate == 0 {
        true => Some(i64::from(samples)),
        false => Some((i64::from(samples) * i64::from(track.timescale.hz()) / i64::from(rate)).max(1)),
    }
}

/// AAC's configuration says how long each of its frames lasts; reading it for every frame would be a waste.
fn fixed_interval(track: &Track) -> Option<i64> {
    (track.codec == Codec::Aac).then(|| interval(track, &[]))?
}
