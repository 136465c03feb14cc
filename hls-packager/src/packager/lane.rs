//! One rendition being made: frames in, parts and segments out.
//!
//! A part goes out with its last frame, without waiting for the next one to learn how long that lasts. So a part's end is a
//! prediction, and binding: the next part begins exactly there. Where the next frame turns out to be early or late, its *decode*
//! time is moved to the seam (by a millisecond with RTMP's clock, by less than a part with lost frames), its *presentation* time is
//! not, unless it would come before the decode time. Each prediction starts from a frame's true time, so errors never add up, and
//! durations in playlists, fragment durations and decode times agree to the tick.

use std::time::Duration;

use bytes::Bytes;
use media_core::{Frame, Timescale, Timestamp, Track, TrackId, time};

use super::cuts::{Cut, Cuts};
use super::outbox::Outbox;
use super::targets::MIN_PART_PERCENT;
use crate::cmaf;
use crate::container::{Container, Error};
use crate::event::{Event, Head, Init, Part, Segment};
use crate::health::Health;
use crate::rendition::RenditionId;
use crate::ts::{self, Tables};

/// The most media in a part, in bytes; a longer one becomes a gap. A part of 200 ms at 1 Gbit/s has 25 MB.
pub const MAX_PART_BYTES: usize = 32 * 1024 * 1024;

/// The most frames in a part; the frames after them are dropped with it.
pub const MAX_PART_FRAMES: usize = 4_096;

/// The longest gap that is filled at once, in seconds: longer than the longest grace period.
pub(super) const MAX_FILL_S: i64 = 2 * 3_600;

/// A rendition's muxer.
#[derive(Debug)]
enum Muxer {
    Cmaf { sequence: u32 },
    MpegTs(ts::Muxer),
}

/// Durations of parts, in ticks of a lane's clock.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// PART-TARGET.
    max: i64,
    /// 85 % of it.
    min: i64,
}

/// What has to be known to place a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placing {
    /// How long the frame will probably last, in ticks.
    pub(super) interval: i64,
    /// Whether frames have exact durations (audio), so that a hole between two is one; otherwise the frame before lasts longer.
    pub(super) exact: bool,
}

/// One rendition being made. Times are in ticks of `clock`, decode times unless said.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) id: RenditionId,
    pub(super) clock: Timescale,
    /// The track that parts are made of, whose clock this is.
    track: TrackId,
    /// What composition adds to decode times at key frames: life time is presentation time.
    lead: i64,
    limits: Limits,
    muxer: Muxer,
    init: Option<u64>,
    next_number: u64,
    /// Whether the newest part has media.
    after_media: bool,
    segment: OpenSegment,
    part: OpenPart,
}

#[derive(Debug)]
struct OpenSegment {
    media_sequence: u64,
    start: i64,
    parts: u32,
    media: bool,
    starts_with_key: bool,
}

#[derive(Debug, Default)]
struct OpenPart {
    frames: Vec<Frame>,
    bytes: usize,
    /// Frames that did not fit [`MAX_PART_BYTES`] or [`MAX_PART_FRAMES`].
    overflow: bool,
    independent: bool,
    start: i64,
    /// Where the last frame probably ends; the start without frames.
    edge: i64,
    /// The last frame's decode time.
    last: Option<i64>,
}

impl Lane {
    /// A rendition of `tracks`, the main one first, whose next segment is `media_sequence`. [`Self::restart`] says when it begins.
    ///
    /// # Errors
    /// The TS muxer's.
    pub(super) fn new(
        id: RenditionId,
        tracks: &[Track],
        part_ms: u32,
        media_sequence: u64,
        next_number: u64,
    ) -> Result<Self, Error> {
        let main = tracks.first().ok_or(Error::Empty)?;
        let muxer = match id {
            RenditionId::Muxed => Muxer::MpegTs(ts::Muxer::new(tracks)?),
            _ => Muxer::Cmaf { sequence: 0 },
        };
        let clock = main.timescale;
        let mut lane = Self {
            id,
            clock,
            track: main.id,
            lead: 0,
            limits: Limits { max: 0, min: 0 },
            muxer,
            init: None,
            next_number,
            after_media: false,
            segment: OpenSegment { media_sequence, start: 0, parts: 0, media: false, starts_with_key: false },
            part: OpenPart::default(),
        };
        lane.set_clock(clock, part_ms);
        Ok(lane)
    }

    fn set_clock(&mut self, clock: Timescale, part_ms: u32) {
        self.clock = clock;
        let max = i64::from(part_ms) * i64::from(clock.hz()) / 1_000;
        let min = (max * MIN_PART_PERCENT as i64).div_euclid(100) + 1;
        self.limits = Limits { max: max.max(2), min: min.min(max).max(1) };
    }

    /// The container of this rendition.
    pub(super) fn container(&self) -> Container {
        match self.muxer {
            Muxer::Cmaf { .. } => Container::Cmaf,
            Muxer::MpegTs(_) => Container::MpegTs,
        }
    }

    /// What composition adds to decode times at key frames, in nanoseconds.
    pub(super) fn lead_ns(&self) -> i64 {
        (i128::from(self.lead) * 1_000_000_000).div_euclid(i128::from(self.clock.hz())) as i64
    }

    /// Whether decode times would step without a gap before it if what follows had a composition offset of `lead` ticks.
    pub(super) fn would_step(&self, lead: i64) -> bool {
        self.after_media && self.lead != lead
    }

    /// Where the last frame probably ends, in life time.
    pub(super) fn edge_ns(&self) -> i64 {
        self.to_ns(self.part.edge)
    }

    /// Where what was given out ends, in life time.
    pub(super) fn end_ns(&self) -> i64 {
        self.to_ns(self.part.start)
    }

    /// Where the open segment begins, in decode time.
    pub(super) fn segment_start(&self) -> i64 {
        self.segment.start
    }

    /// The same in life time.
    pub(super) fn segment_start_ns(&self) -> i64 {
        self.to_ns(self.segment.start)
    }

    /// How much of the open segment was given out.
    pub(super) fn segment_given(&self) -> Duration {
        time::duration(self.part.start - self.segment.start, self.clock)
    }

    /// How long the open segment would be if it ended at decode time `dts`.
    pub(super) fn segment_until(&self, dts: i64) -> Duration {
        time::duration(dts - self.segment.start, self.clock)
    }

    pub(super) fn media_sequence(&self) -> u64 {
        self.segment.media_sequence
    }

    pub(super) fn segment_starts_with_key(&self) -> bool {
        self.segment.starts_with_key
    }

    /// Whether the open segment has a frame.
    pub(super) fn segment_has_media(&self) -> bool {
        self.segment.media || self.part.last.is_some()
    }

    /// When a frame with decode time `dts` and the usual composition offset is presented, in milliseconds of life time.
    pub(super) fn presented_ms(&self, dts: i64) -> i64 {
        self.to_ns(dts).div_euclid(1_000_000)
    }

    /// Whether nothing of the open segment was given out and nothing is waiting in it.
    pub(super) fn segment_is_empty(&self) -> bool {
        self.segment.parts == 0 && self.part.last.is_none()
    }

    /// Whether no frame waits for its part to be full.
    pub(super) fn part_is_empty(&self) -> bool {
        self.part.last.is_none()
    }

    pub(super) fn has_init(&self) -> bool {
        self.init.is_some() || matches!(self.muxer, Muxer::MpegTs(_))
    }

    fn to_ns(&self, ticks: i64) -> i64 {
        let nanos = i128::from(ticks + self.lead) * 1_000_000_000;
        nanos.div_euclid(i128::from(self.clock.hz())) as i64
    }

    /// The decode time of life time `ns`, rounded up: life time never steps back on the way.
    pub(super) fn to_ticks(&self, ns: i64) -> i64 {
        let scaled = i128::from(ns) * i128::from(self.clock.hz());
        -((-scaled).div_euclid(1_000_000_000)) as i64 - self.lead
    }

    /// Starts the open segment, of which nothing was given out, anew at life time `at_ns`, with the clock of what follows. `lead` is the
    /// composition offset of its first frame, in ticks.
    pub(super) fn restart(&mut self, at_ns: i64, clock: Timescale, lead: i64, part_ms: u32) {
        self.set_clock(clock, part_ms);
        self.lead = lead;
        let start = self.to_ticks(at_ns);
        self.segment.start = start;
        self.part = OpenPart {
            start,
            edge: start,
            frames: std::mem::take(&mut self.part.frames),
            ..OpenPart::default()
        };
        self.part.frames.clear();
    }

    /// Another clock for the open segment, of which nothing was given out.
    pub(super) fn change_clock(&mut self, clock: Timescale, part_ms: u32) {
        let at_ns = self.end_ns();
        self.restart(at_ns, clock, 0, part_ms);
    }

    /// The configuration of what follows, from the open segment on.
    ///
    /// # Errors
    /// The muxer's; then this rendition has only gaps until the next one.
    pub(super) fn configure(
        &mut self,
        tracks: &[Track],
        first: &[u8],
        out: &mut Outbox,
    ) -> Result<(), Error> {
        match &mut self.muxer {
            Muxer::MpegTs(muxer) => *muxer = ts::Muxer::new(tracks)?,
            Muxer::Cmaf { .. } => {
                self.init = None;
                let track = tracks.first().ok_or(Error::Empty)?;
                let data = cmaf::init_segment(track, first)?;
                let number = self.segment.media_sequence;
                self.init = Some(number);
                out.push(Event::Init(Init { rendition: self.id, number, data }));
            }
        }
        Ok(())
    }

    /// Makes room for a frame at decode time `dts`: gives out the open part if the frame does not fit into it.
    pub(super) fn make_room(&mut self, dts: i64, placing: Placing, cuts: &Cuts, out: &mut Outbox) {
        if self.part_is_empty() {
            return;
        }
        let edge = self.part.edge;
        let hole = placing.exact && dts - edge > placing.interval / 2;
        // A part that has to be longer than what is there would reach over frames that come after the hole: it goes on to the next instead.
        if hole && edge >= self.part.start + self.limits.min {
            self.finish_part(edge, cuts, out);
        } else if dts + placing.interval > self.part.start + self.limits.max + slack(placing) {
            self.finish_part(dts, cuts, out);
        }
    }

    /// PART-TARGET, in ticks.
    pub(super) fn part_max(&self) -> i64 {
        self.limits.max
    }

    /// A duration in ticks.
    pub(super) fn ticks(&self, duration: Duration) -> i64 {
        let ticks = duration.as_nanos() * u128::from(self.clock.hz()) / 1_000_000_000;
        i64::try_from(ticks).unwrap_or(i64::MAX)
    }

    /// Ticks from the end of the last frame, as far as known, to decode time `dts`.
    pub(super) fn missing_before(&self, dts: i64) -> i64 {
        dts.saturating_sub(self.part.edge)
    }

    /// Whether a frame at `dts` comes too late: what was given out reaches past it by more than can be made up for.
    pub(super) fn is_late(&self, dts: i64, placing: Placing) -> bool {
        let late = self.part.start - dts;
        match placing.exact {
            true => late > placing.interval / 2,
            false => late > self.limits.max,
        }
    }

    /// Appends `frame` (with its true times) to the open part, and gives that out if no other would fit.
    pub(super) fn append(&mut self, mut frame: Frame, placing: Placing, cuts: &Cuts, out: &mut Outbox) {
        let dts = frame.dts.0;
        let placed = match self.part.last {
            Some(last) => dts.max(last + 1),
            // At the seam, unless there is a hole in audio.
            None if placing.exact && dts - self.part.start > placing.interval / 2 => dts,
            None => self.part.start,
        };
        frame.dts = Timestamp(placed);
        frame.pts = match frame.pts.0 >= dts {
            true => Timestamp(frame.pts.0.max(placed)),
            false => frame.pts.offset(placed - dts),
        };
        if self.segment.parts == 0 && self.part.last.is_none() {
            self.segment.starts_with_key = frame.keyframe;
        }
        self.part.independent |= frame.keyframe;
        self.part.last = Some(placed);
        let from = if placing.exact { placed } else { dts };
        self.part.edge = (from + placing.interval).max(placed + 1);
        self.hold(frame);
        if self.part.edge + placing.interval > self.part.start + self.limits.max + slack(placing) {
            let edge = self.part.edge;
            self.finish_part(edge, cuts, out);
        }
    }

    /// Adds a frame of a secondary track to the open part, in its own clock.
    pub(super) fn accompany(&mut self, frame: Frame) {
        self.hold(frame);
    }

    fn hold(&mut self, frame: Frame) {
        self.part.bytes = self.part.bytes.saturating_add(frame.data.len());
        self.part.overflow |= self.part.bytes > MAX_PART_BYTES || self.part.frames.len() >= MAX_PART_FRAMES;
        match self.part.overflow {
            true => self.part.frames.clear(),
            false => self.part.frames.push(frame),
        }
    }

    /// Gives out the open part before it is full: the next frame begins a segment at `dts`, or nothing follows for now.
    pub(super) fn flush(&mut self, dts: Option<i64>, cuts: &Cuts, out: &mut Outbox) {
        let Some(last) = self.part.last else { return };
        let end = dts.unwrap_or(self.part.edge).min(self.part.start + self.limits.max).max(last + 1);
        self.give_out(end, cuts, out);
    }

    /// Gives out the open part with an end near `end` that suits RFC 8216bis §4.4.4.9.
    fn finish_part(&mut self, end: i64, cuts: &Cuts, out: &mut Outbox) {
        let Some(last) = self.part.last else { return };
        let (start, Limits { min, max }) = (self.part.start, self.limits);
        let exact_enough = end.max(start + min).min(start + max);
        self.give_out(exact_enough.max(last + 1), cuts, out);
    }

    fn give_out(&mut self, end: i64, cuts: &Cuts, out: &mut Outbox) {
        let data = self.mux(end, out);
        let independent = self.part.independent && data.is_some();
        self.segment.media |= data.is_some();
        self.emit_part(end, independent, data, cuts, out);
    }

    fn mux(&mut self, end: i64, out: &mut Outbox) -> Option<Bytes> {
        let frames = std::mem::take(&mut self.part.frames);
        let muxed = match (&mut self.muxer, self.part.overflow, self.init) {
            (_, true, _) => Err(Some(self.part.bytes)),
            (Muxer::Cmaf { .. }, _, None) => Err(None),
            (Muxer::Cmaf { sequence }, ..) => {
                *sequence = sequence.wrapping_add(1);
                cmaf::fragment(*sequence, &frames, Timestamp(end)).map_err(|_| Some(self.part.bytes))
            }
            (Muxer::MpegTs(muxer), ..) => {
                // Tables in every independent part, and where a segment starts without a key frame.
                let tables = match self.part.independent || self.segment.parts == 0 {
                    true => Tables::Write,
                    false => Tables::Omit,
                };
                muxer.part(&frames, tables).map_err(|_| Some(self.part.bytes))
            }
        };
        if let Err(Some(bytes)) = &muxed {
            out.health(Health::PartRefused { track: self.track, bytes: *bytes as u64 });
        }
        // The allocation serves the next part.
        self.part.frames = frames;
        self.part.frames.clear();
        muxed.ok()
    }

    fn emit_part(&mut self, end: i64, independent: bool, data: Option<Bytes>, cuts: &Cuts, out: &mut Outbox) {
        let cut = self.cut(cuts);
        let part = Part {
            rendition: self.id,
            head: self.head(cut),
            index: self.segment.parts,
            number: self.next_number,
            duration: time::duration(end - self.part.start, self.clock),
            independent,
            data,
        };
        self.after_media = part.data.is_some();
        out.part(part, cut.date(self.to_ns(end)));
        self.next_number += 1;
        self.segment.parts += 1;
        self.part.start = end;
        self.part.edge = end;
        self.part.last = None;
        self.part.bytes = 0;
        self.part.overflow = false;
        self.part.independent = false;
    }

    fn cut(&self, cuts: &Cuts) -> Cut {
        cuts.find(self.segment.media_sequence).copied().unwrap_or_else(|| cuts.newest())
    }

    fn head(&self, cut: Cut) -> Head {
        Head {
            media_sequence: self.segment.media_sequence,
            discontinuity: cut.discontinuity,
            init: self.init,
            date: cut.date(self.to_ns(self.segment.start)),
        }
    }

    /// Fills up to decode time `to` with gap parts; the open part has to be empty.
    pub(super) fn fill(&mut self, to: i64, cuts: &Cuts, out: &mut Outbox) {
        // Whatever goes wrong with a clock, a gap costs memory: beyond this the frames after it are placed where it ends.
        let to = to.min(self.part.start + MAX_FILL_S * i64::from(self.clock.hz()));
        while self.gap_towards(to, cuts, out) {}
    }

    /// One gap part on the way to decode time `to`. Returns whether it is on the way still.
    pub(super) fn gap_towards(&mut self, to: i64, cuts: &Cuts, out: &mut Outbox) -> bool {
        let end = to.min(self.part.start + self.limits.max);
        if end <= self.part.start {
            return false;
        }
        self.emit_part(end, false, None, cuts, out);
        end < to
    }

    /// Ends the open segment where its last part ends, and opens the next.
    pub(super) fn next_segment(&mut self, cuts: &Cuts, out: &mut Outbox) {
        out.segment(Segment {
            rendition: self.id,
            head: self.head(self.cut(cuts)),
            duration: time::duration(self.part.start - self.segment.start, self.clock),
            gap: !self.segment.media,
        });
        self.segment = OpenSegment {
            media_sequence: self.segment.media_sequence + 1,
            start: self.part.start,
            parts: 0,
            media: false,
            starts_with_key: false,
        };
    }
}

/// By how much a frame may reach past a part's end: a predicted duration is not exact, an audio frame's is.
fn slack(placing: Placing) -> i64 {
    match placing.exact {
        true => 0,
        false => placing.interval / 2,
    }
}
