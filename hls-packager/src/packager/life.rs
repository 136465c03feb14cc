//! A running life: tracks and frames of whichever encoder is there, put on one timeline.

use std::time::{Duration, Instant};

use media_core::{Frame, Timescale, Track, TrackId, TrackKind};

use super::away::Away;
use super::cuts::Cuts;
use super::feed::{Feed, Waiting};
use super::gop::GopMeter;
use super::lane::Lane;
use super::outbox::Outbox;
use super::targets::Targets;
use super::{Announced, FrameError, renditions};
use crate::config::Config;
use crate::event::Event;
use crate::health::Health;
use crate::rendition::Rendition;

/// A step in one track's times beyond which they are taken for another clock, in nanoseconds. Repaired clocks have none.
const MAX_STEP_NS: i64 = 10_000_000_000;

/// A running life.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) config: Config,
    pub(super) targets: Targets,
    pub(super) announced: Option<Announced>,
    pub(super) cuts: Cuts,
    /// One for each rendition; the first is the main one.
    pub(super) lanes: Vec<Lane>,
    /// When each lane's last segment ended.
    pub(super) closed: Vec<Instant>,
    /// One for each packaged track.
    pub(super) feeds: Vec<Feed>,
    /// The feed whose key frames begin segments in all renditions.
    pub(super) leader: usize,
    /// What to add to the encoder's time to get life time.
    pub(super) offset_ns: i64,
    /// The encoder's clock jumped: the next frame says where it is.
    pub(super) rebase: bool,
    /// The next segment begins with a discontinuity.
    pub(super) wants_discontinuity: bool,
    /// While the encoder is away.
    pub(super) away: Option<Away>,
    /// Tracks that came after the others had settled, until the next segment begins.
    pub(super) late_tracks: Vec<Track>,
    pub(super) gop: GopMeter,
    /// GOPs of earlier lives.
    pub(super) earlier_gops: u64,
    /// Whether every segment so far began with a key frame, as EXT-X-INDEPENDENT-SEGMENTS says.
    pub(super) independent_segments: bool,
    /// The first part number of this run.
    pub(super) first_number: u64,
    pub(super) began: Instant,
    /// Tracks that are not packaged.
    pub(super) ignored: Vec<TrackId>,
}

/// Why a life cannot go on with the encoder's tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unfit;

impl Life {
    /// The encoder's tracks, all of them.
    ///
    /// # Errors
    /// [`Unfit`] when a rendition would change its codec: RFC 8216bis has one CODECS for a variant.
    pub(super) fn tracks(&mut self, tracks: &[Track], out: &mut Outbox) -> Result<(), Unfit> {
        for feed in &mut self.feeds {
            let Some(track) = tracks.iter().find(|track| track.id == feed.track.id) else {
                feed.absent = true;
                continue;
            };
            if track.codec != feed.track.codec {
                let (from, to) = (feed.track.codec, track.codec);
                out.health(Health::CodecChanged { track: track.id, from, to });
                return Err(Unfit);
            }
            feed.absent = false;
            if feed.configure(track) {
                feed.offset = to_ticks(self.offset_ns, track.timescale);
                self.wants_discontinuity = true;
            }
        }
        for track in tracks {
            self.admit(track, out)?;
        }
        if self.away.is_none() && self.feeds.get(self.leader).is_some_and(|feed| feed.absent) {
            self.elect(out);
        }
        Ok(())
    }

    /// Takes in a track that was not there when the others settled.
    fn admit(&mut self, track: &Track, out: &mut Outbox) -> Result<(), Unfit> {
        let known =
            self.feeds.iter().any(|feed| feed.track.id == track.id) || self.ignored.contains(&track.id);
        if known || track.kind() == TrackKind::Data {
            return Ok(());
        }
        if let Some(waiting) = self.late_tracks.iter_mut().find(|waiting| waiting.id == track.id) {
            *waiting = track.clone();
            return Ok(());
        }
        let mut packaged: Vec<Track> = self.feeds.iter().map(|feed| feed.track.clone()).collect();
        packaged.extend(self.late_tracks.iter().cloned());
        if let Err(health) = renditions::admissible(track, &packaged, self.config.container) {
            self.ignored.push(track.id);
            out.health(health);
            return Ok(());
        }
        let after_ms = out.now().instant.saturating_duration_since(self.began).as_millis() as u64;
        out.health(Health::LateTrack { track: track.id, after_ms });
        let muxed = self.lanes.first().is_some_and(|lane| lane.container() == crate::Container::MpegTs);
        if muxed && track.kind() == TrackKind::Video {
            // A transport stream's parts are made of its video; its renditions' clock cannot change.
            return Err(Unfit);
        }
        match muxed {
            true => self.admit_muxed(track, out),
            false => self.late_tracks.push(track.clone()),
        }
        Ok(())
    }

    /// A further track of a transport stream is there from the next discontinuity on.
    fn admit_muxed(&mut self, track: &Track, out: &mut Outbox) {
        let interval = renditions::nominal_interval(track, None);
        let mut feed = Feed::new(track.clone(), 0, false, interval, out.now().instant);
        feed.offset = to_ticks(self.offset_ns, track.timescale);
        feed.generation = 1;
        self.feeds.push(feed);
        self.wants_discontinuity = true;
    }

    /// A frame.
    ///
    /// # Errors
    /// [`FrameError::BackwardDecodeTime`].
    pub(super) fn frame(&mut self, frame: Frame, out: &mut Outbox) -> Result<(), FrameError> {
        let Some(index) = self.feeds.iter().position(|feed| feed.track.id == frame.track) else {
            return Ok(());
        };
        let now = out.now();
        let away = self.away.is_some();
        let Some(feed) = self.feeds.get_mut(index) else { return Ok(()) };
        feed.advance(frame.dts.0).map_err(|previous| FrameError::BackwardDecodeTime {
            track: frame.track,
            previous,
            dts: frame.dts.0,
        })?;
        feed.arrived = now.instant;
        feed.absent = false;
        if std::mem::take(&mut feed.stalled) && !away {
            feed.needs_key = feed.is_video();
            out.health(Health::TrackReturned { track: feed.track.id });
        }
        if away && !self.comes_back(index, &frame, out) {
            return Ok(());
        }
        self.rebase_if_needed(index, &frame);
        self.place(index, frame, out);
        Ok(())
    }

    fn place(&mut self, index: usize, frame: Frame, out: &mut Outbox) {
        let Some(feed) = self.feeds.get(index) else { return };
        let frame = feed.shift(frame);
        if !feed.main {
            self.accompany(index, frame);
        } else if index == self.leader {
            self.lead(frame, out);
            self.follow(out);
        } else if feed.is_video() {
            // It was gone, or comes late, and takes the lead where it can be decoded.
            if frame.keyframe {
                self.take_lead(index, frame, out);
            }
        } else {
            if let Some(feed) = self.feeds.get_mut(index) {
                let at_ns = to_ns(frame.dts.0, feed.track.timescale);
                let generation = feed.generation;
                feed.wait(Waiting { frame, at_ns, generation });
            }
            self.follow(out);
        }
    }

    /// A further track of a transport stream goes with the part that is being made.
    fn accompany(&mut self, index: usize, frame: Frame) {
        let Some(feed) = self.feeds.get_mut(index) else { return };
        let Some(lane) = self.lanes.get_mut(feed.lane) else { return };
        let begins = lane.end_ns() - self.config.part().as_nanos() as i64;
        let at_ns = to_ns(frame.dts.0, feed.track.timescale);
        if feed.lane_generation == feed.generation && (feed.started || at_ns >= begins) {
            feed.started = true;
            lane.accompany(frame);
        }
    }

    /// Follows the encoder's clock where it jumps.
    fn rebase_if_needed(&mut self, index: usize, frame: &Frame) {
        let Some(feed) = self.feeds.get(index) else { return };
        let Some(lane) = self.lanes.get(feed.lane) else { return };
        let lead_ns = lane.lead_ns();
        let expected = feed.last_waiting().map_or_else(|| lane.edge_ns(), |last| last.at_ns);
        let found =
            to_ns(frame.dts.0, feed.track.timescale).saturating_add(self.offset_ns).saturating_add(lead_ns);
        let step = found.saturating_sub(expected);
        let jumped = step.abs() > MAX_STEP_NS;
        // A repaired clock goes on by itself after a jump.
        let disturbed = !(-100_000_000..2_000_000_000).contains(&step);
        if jumped || (self.rebase && disturbed) {
            self.set_offset(self.offset_ns.saturating_sub(step));
            self.wants_discontinuity = true;
        }
        self.rebase = false;
    }

    pub(super) fn set_offset(&mut self, offset_ns: i64) {
        self.offset_ns = offset_ns;
        for feed in &mut self.feeds {
            feed.offset = to_ticks(offset_ns, feed.track.timescale);
        }
    }

    /// The encoder's clock jumped.
    pub(super) fn discontinuity(&mut self) {
        self.rebase = true;
        self.wants_discontinuity = true;
        self.gop.break_off();
        for feed in &mut self.feeds {
            feed.break_off();
        }
    }

    pub(super) fn target_duration(&self) -> Duration {
        self.targets.target_duration()
    }

    /// Makes lanes of the tracks that came late: they begin with the segment that begins now.
    pub(super) fn welcome(&mut self, out: &mut Outbox) {
        if self.late_tracks.is_empty() {
            return;
        }
        let newest = self.cuts.newest();
        let now = out.now().instant;
        // The leading one has begun the newest segment; where others do is not known yet.
        let Some(leading) = self.lanes.get(self.leading_lane()) else { return };
        let (after, begins_ns) = (leading.id, leading.segment_start_ns());
        for track in std::mem::take(&mut self.late_tracks) {
            let id = renditions::id_of(&track, self.config.container);
            let tracks = [track.clone()];
            let made = Lane::new(id, &tracks, self.targets.part_ms, newest.media_sequence, self.first_number);
            let Ok(mut lane) = made else { continue };
            lane.restart(begins_ns, track.timescale, 0, self.targets.part_ms);
            let interval = renditions::nominal_interval(&track, None);
            let mut feed = Feed::new(track, self.lanes.len(), true, interval, now);
            feed.offset = to_ticks(self.offset_ns, feed.track.timescale);
            feed.needs_key = feed.is_video();
            self.lanes.push(lane);
            self.closed.push(now);
            self.feeds.push(feed);
            let frame_rate = tracks.iter().find_map(renditions::said_rate);
            let rendition = Rendition { id, tracks: tracks.into(), frame_rate };
            out.push(Event::Added { rendition, after });
            self.reconfigure(self.lanes.len() - 1, &[], out);
        }
    }

    /// The tracks of a lane, the main one first.
    pub(super) fn tracks_of(&self, lane: usize) -> Vec<Track> {
        let of = |main: bool| self.feeds.iter().filter(move |feed| feed.lane == lane && feed.main == main);
        of(true).chain(of(false)).map(|feed| feed.track.clone()).collect()
    }

    /// Configures lane `index` for what follows, if that differs. `first` is the frame that follows.
    pub(super) fn reconfigure_if_changed(&mut self, index: usize, first: &[u8], out: &mut Outbox) {
        let changed =
            self.feeds.iter().any(|feed| feed.lane == index && feed.generation != feed.lane_generation);
        if !changed {
            return;
        }
        let main = self.feeds.iter().find(|feed| feed.lane == index && feed.main);
        if let (Some(lane), Some(feed)) = (self.lanes.get_mut(index), main)
            && lane.clock != feed.track.timescale
        {
            lane.change_clock(feed.track.timescale, self.targets.part_ms);
        }
        self.reconfigure(index, first, out);
        let tracks = self.tracks_of(index);
        if let Some(lane) = self.lanes.get(index) {
            let frame_rate = tracks.iter().find_map(renditions::said_rate);
            out.push(Event::Changed(Rendition { id: lane.id, tracks: tracks.into(), frame_rate }));
        }
    }

    /// Configures lane `index` for the newest configuration of its tracks.
    pub(super) fn reconfigure(&mut self, index: usize, first: &[u8], out: &mut Outbox) {
        let tracks = self.tracks_of(index);
        let Some(lane) = self.lanes.get_mut(index) else { return };
        let refused = lane.configure(&tracks, first, out).err();
        for feed in self.feeds.iter_mut().filter(|feed| feed.lane == index) {
            feed.lane_generation = feed.generation;
        }
        // AC-3 has no header apart from its frames: its lane is configured with the first one.
        let later = first.is_empty() && tracks.first().is_some_and(|track| track.config.is_empty());
        if let (Some(error), Some(track), false) = (refused, tracks.first(), later) {
            out.health(Health::TrackRefused { track: track.id, why: error.to_string() });
        }
    }
}

/// Ticks as nanoseconds, rounded down. Saturates.
pub(super) fn to_ns(ticks: i64, clock: Timescale) -> i64 {
    let nanos = (i128::from(ticks) * 1_000_000_000).div_euclid(i128::from(clock.hz()));
    nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// Nanoseconds as ticks, to the nearest.
pub(super) fn to_ticks(ns: i64, clock: Timescale) -> i64 {
    ((i128::from(ns) * i128::from(clock.hz()) + 500_000_000).div_euclid(1_000_000_000)) as i64
}

/// The composition offset of a frame, where it is one that encoders have.
pub(super) fn lead_of(frame: &Frame, clock: Timescale) -> i64 {
    let longest = 5 * i64::from(clock.hz());
    frame.pts.since(frame.dts).clamp(0, longest)
}
