//! How a life begins: afresh, or where the journal says it was.

use std::sync::Arc;
use std::time::Duration;

use media_core::{Track, TrackId, TrackKind};

use super::cuts::{Cut, Cuts, wall_ns};
use super::feed::{self, Feed};
use super::gop::GopMeter;
use super::lane::Lane;
use super::life::{Life, to_ns};
use super::opening::Staged;
use super::outbox::Outbox;
use super::targets::{Targets, part_target_ms};
use super::{Announced, cadence, renditions};
use crate::clock::Now;
use crate::config::Config;
use crate::container::Container;
use crate::event::{Event, Settled};
use crate::journal::Journal;
use crate::rendition::Rendition;

/// Where media begins in life time: decode times before it (composition offsets) have to stay positive in the containers.
const START_NS: i64 = 10_000_000_000;

/// What a life begins with.
#[derive(Debug)]
pub(super) struct Beginning {
    /// The tracks that are packaged, video first.
    pub(super) tracks: Vec<Track>,
    /// What came so far, the first of it a frame to start with.
    pub(super) frames: Vec<Staged>,
    /// The frame rate of video.
    pub(super) rate: Option<f64>,
    pub(super) announced: Option<Announced>,
}

/// What a life's numbers and promises are.
struct Start {
    journal: Journal,
    targets: Targets,
    /// The discontinuity sequence number before the first segment.
    discontinuity_sequence: u64,
    /// Whether a life goes on, so that its viewers see a discontinuity.
    continues: bool,
    low_latency: bool,
    /// The date of the first segment is not before this many nanoseconds since 1970.
    not_before_ns: i64,
    ahead_ns: i64,
}

impl Beginning {
    /// Begins the life: settles its targets, opens its lanes and packages what came so far.
    pub(super) fn begin(mut self, config: &Config, ignored: Vec<TrackId>, out: &mut Outbox) -> Life {
        let start = self.start(config, out);
        out.begin(start.journal.clone());
        out.push(Event::Settled(Arc::new(self.settled(config, &start))));
        let now = out.now();
        let mut life = self.life(config, &start, ignored, out);
        life.open(start.low_latency, &self.frames, out);
        for staged in std::mem::take(&mut self.frames) {
            out.set_now(staged.came);
            if staged.jumped {
                life.discontinuity();
            }
            // It was checked when it was kept.
            let _ = life.frame(staged.frame, out);
        }
        out.set_now(now);
        life
    }

    fn start(&self, config: &Config, out: &Outbox) -> Start {
        let part_ms = self.part_ms(config);
        let fingerprint = renditions::fingerprint(&self.tracks, config.container);
        let has_video = self.tracks.iter().any(|track| track.kind() == TrackKind::Video);
        let kept = out.journal();
        let continues = kept.filter(|journal| !journal.ended && journal.tracks == fingerprint);
        let (targets, low_latency) = match continues {
            Some(journal) => (Targets::of_journal(journal, part_ms), journal.part_target_ms != 0),
            None => (Targets::of_new_life(config, kept, part_ms, has_video), config.low_latency),
        };
        let discontinuity_sequence = match (continues, kept) {
            (Some(journal), _) => journal.discontinuity_sequence,
            (None, Some(journal)) => journal.discontinuity_sequence + 1,
            (None, None) => 0,
        };
        let journal = Journal {
            life: kept.map_or(1, |journal| journal.life + u64::from(continues.is_none())),
            ended: false,
            media_sequence: kept.map_or(1, |journal| journal.media_sequence),
            part_number: kept.map_or(0, |journal| journal.part_number),
            discontinuity_sequence: discontinuity_sequence + u64::from(continues.is_some()),
            target_duration_s: targets.target_duration_s,
            part_target_ms: if low_latency { targets.part_ms } else { 0 },
            window_s: targets.window_s,
            independent_segments: targets.independent_segments,
            longest_gop_ms: kept.map_or(0, |journal| journal.longest_gop_ms),
            gops: kept.map_or(0, |journal| journal.gops),
            wall_ms: kept.map_or(0, |journal| journal.wall_ms),
            // Until something is shown, what was shown before counts.
            ahead_ms: kept.map_or(0, |journal| journal.ahead_ms),
            tracks: fingerprint,
        };
        Start {
            targets,
            discontinuity_sequence,
            continues: continues.is_some(),
            low_latency,
            not_before_ns: kept.map_or(0, |journal| journal.wall_ms.saturating_mul(1_000_000)),
            ahead_ns: kept.map_or(0, |journal| (journal.ahead_ms as i64).saturating_mul(1_000_000)),
            journal,
        }
    }

    /// PART-TARGET for these tracks.
    fn part_ms(&self, config: &Config) -> u32 {
        let durations: Vec<u64> = self.tracks.iter().map(|track| self.frame_ns(track)).collect();
        let (first, others) =
            durations.split_first().map_or((33_333_333, &[][..]), |(first, rest)| (*first, rest));
        // In a transport stream audio goes along with video.
        let others = match config.container {
            Container::Cmaf => others,
            Container::MpegTs => &[],
        };
        part_target_ms(config.part(), first, others)
    }

    /// How long a frame of `track` lasts.
    fn frame_ns(&self, track: &Track) -> u64 {
        if track.kind() == TrackKind::Video
            && let Some(rate) = self.rate
        {
            return cadence::frame_duration(rate).as_nanos() as u64;
        }
        let first = self.frames.iter().find(|staged| staged.frame.track == track.id);
        let ticks = first
            .filter(|_| track.kind() == TrackKind::Audio)
            .and_then(|staged| feed::interval(track, &staged.frame.data))
            .unwrap_or_else(|| renditions::nominal_interval(track, self.rate));
        u64::try_from(to_ns(ticks, track.timescale)).unwrap_or(1).max(1)
    }

    fn settled(&self, config: &Config, start: &Start) -> Settled {
        Settled {
            life: start.journal.life,
            container: config.container,
            target_duration_s: start.targets.target_duration_s,
            part_target: start.low_latency.then(|| Duration::from_millis(u64::from(start.targets.part_ms))),
            window: Duration::from_secs(u64::from(start.targets.window_s)),
            max_window_bytes: config.max_window_bytes,
            independent_segments: start.targets.independent_segments,
            discontinuity_sequence: start.discontinuity_sequence,
            renditions: self.renditions(config),
        }
    }

    fn renditions(&self, config: &Config) -> Vec<Rendition> {
        let frame_rate = self.rate.or_else(|| self.tracks.iter().find_map(renditions::said_rate));
        match config.container {
            Container::MpegTs => {
                vec![Rendition {
                    id: crate::RenditionId::Muxed,
                    tracks: self.tracks.clone().into(),
                    frame_rate,
                }]
            }
            Container::Cmaf => {
                let rendition = |track: &Track| Rendition {
                    id: renditions::id_of(track, config.container),
                    tracks: [track.clone()].into(),
                    frame_rate: frame_rate.filter(|_| track.kind() == TrackKind::Video),
                };
                self.tracks.iter().map(rendition).collect()
            }
        }
    }

    fn life(&self, config: &Config, start: &Start, ignored: Vec<TrackId>, out: &mut Outbox) -> Life {
        let now = out.now();
        let leading = self.frames.first().map(|staged| staged.frame.track);
        let opens_ns = match start.low_latency {
            true => START_NS - i64::from(start.targets.part_ms) * 1_000_000,
            false => START_NS,
        };
        let came = self.frames.first().map_or(now.wall, |staged| staged.came.wall);
        let date_ns = match start.not_before_ns {
            0 => wall_ns(came) - (START_NS - opens_ns),
            kept_ns => wall_ns(came).max(kept_ns) + start.ahead_ns,
        };
        let first = Cut {
            media_sequence: start.journal.media_sequence,
            at_ns: opens_ns,
            discontinuity: start.continues,
            date_offset_ns: date_ns - opens_ns,
        };
        let mut life = Life {
            config: config.clone(),
            targets: start.targets,
            announced: self.announced,
            cuts: Cuts::new(first),
            lanes: Vec::new(),
            closed: Vec::new(),
            feeds: Vec::new(),
            leader: 0,
            offset_ns: 0,
            rebase: false,
            wants_discontinuity: false,
            away: None,
            late_tracks: Vec::new(),
            gop: GopMeter::default(),
            earlier_gops: start.journal.gops,
            independent_segments: start.targets.independent_segments,
            first_number: start.journal.part_number,
            began: now.instant,
            ignored,
        };
        for track in &self.tracks {
            life.add(track, self.rate, start.journal.media_sequence, now, &self.tracks);
        }
        for feed in life.feeds.iter_mut().filter(|feed| feed.is_video()) {
            // A video track without a frame may never have one; it leads as soon as it has.
            feed.absent = !self.frames.iter().any(|staged| staged.frame.track == feed.track.id);
        }
        life.leader =
            life.feeds.iter().position(|feed| Some(feed.track.id) == leading && feed.main).unwrap_or(0);
        life
    }
}

impl Life {
    /// Adds a track that was there when the tracks settled, with its lane if it has one of its own.
    fn add(&mut self, track: &Track, rate: Option<f64>, first: u64, now: Now, all: &[Track]) {
        let interval = renditions::nominal_interval(track, rate);
        let id = renditions::id_of(track, self.config.container);
        if let Some(lane) = self.lanes.iter().position(|lane| lane.id == id) {
            self.feeds.push(Feed::new(track.clone(), lane, false, interval, now.instant));
            return;
        }
        let tracks = match self.config.container {
            Container::Cmaf => std::slice::from_ref(track),
            Container::MpegTs => all,
        };
        // A muxer takes the configurations that made the tracks admissible.
        if let Ok(lane) = Lane::new(id, tracks, self.targets.part_ms, first, self.first_number) {
            self.feeds.push(Feed::new(track.clone(), self.lanes.len(), true, interval, now.instant));
            self.lanes.push(lane);
            self.closed.push(now.instant);
        }
    }

    /// Opens the first segments. With parts, a short gap comes first: hls.js takes a playlist of parts without a segment for an
    /// error, and a segment cut short after the first parts would keep viewers who join in its GOP from its key frame.
    fn open(&mut self, low_latency: bool, frames: &[Staged], out: &mut Outbox) {
        let first_of =
            |track: TrackId| frames.iter().map(|staged| &staged.frame).find(|frame| frame.track == track);
        let opens_ns = self.cuts.newest().at_ns;
        for index in 0..self.lanes.len() {
            if let Some(lane) = self.lanes.get_mut(index) {
                lane.restart(opens_ns, lane.clock, 0, self.targets.part_ms);
            }
            let main = self.feeds.iter().find(|feed| feed.main && feed.lane == index);
            let first = main.and_then(|feed| first_of(feed.track.id)).map(|frame| frame.data.clone());
            self.reconfigure(index, &first.unwrap_or_default(), out);
        }
        if low_latency {
            self.fill_all(START_NS, out);
            self.cut_all(false, out);
        }
        let aligned = |(index, feed): (usize, &Feed)| Some((index, first_of(feed.track.id)?));
        let leader =
            self.feeds.iter().enumerate().filter(|(index, _)| *index == self.leader).find_map(aligned);
        let any = self.feeds.iter().enumerate().find_map(aligned);
        if let Some((index, first)) = leader.or(any) {
            self.align(index, first, out);
        }
    }
}
