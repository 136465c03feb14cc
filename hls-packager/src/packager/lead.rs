//! The leading track: its key frames, or its parts if it is audio, begin segments in all renditions.

use std::time::Duration;

use media_core::Frame;

use super::cuts::wall_ns;
use super::lane::Placing;
use super::life::Life;
use super::outbox::Outbox;
use crate::event::Event;
use crate::health::Health;

/// How far dates may drift from the wall clock before they are led back, in nanoseconds.
const MAX_DRIFT_NS: i64 = 500_000_000;

/// By how much dates step at a segment while they are led back, in nanoseconds. RFC 8216bis §6.2.1 allows less than a second.
const DATE_STEP_NS: i64 = 50_000_000;

/// Segments of the leading track shorter than this are not stepped: the later one must only partially overlap (RFC 8216bis §6.2.1).
const MIN_STEPPED: Duration = Duration::from_millis(500);

/// The same for the other renditions, in nanoseconds: their segments are up to a part shorter.
const MIN_STEPPED_BACK_NS: i64 = 2 * DATE_STEP_NS;

/// A discontinuity does not end a segment shorter than this: an encoder that changes its headers with every frame makes gaps, not a
/// segment and an init segment a frame.
const MIN_BEFORE_DISCONTINUITY: Duration = Duration::from_millis(200);

/// The longest that a picture stands for frames that are missing, before they are a gap up to the next key frame.
const MAX_STRETCH: Duration = Duration::from_secs(1);

impl Life {
    /// A frame of the leading track, on its lane's clock.
    pub(super) fn lead(&mut self, frame: Frame, out: &mut Outbox) {
        let leader = self.leader;
        self.change_clock_if_other(leader, &frame, out);
        let Some(feed) = self.feeds.get_mut(leader) else { return };
        let placing = feed.placing(&frame.data);
        let index = feed.lane;
        let Some(lane) = self.lanes.get(index) else { return };
        let dts = frame.dts.0;
        if lane.is_late(dts, placing) {
            feed.needs_key = feed.is_video();
            report_late(feed, out);
            return;
        }
        if feed.needs_key && !frame.keyframe {
            self.bridge_whole_parts(index, dts, out);
            return;
        }
        feed.needs_key = false;
        feed.started = true;
        let video = feed.is_video();
        if video && frame.keyframe {
            self.measure_gop(index, dts, out);
        }
        if self.is_hole(index, &frame, placing) {
            self.bridge(index, dts, out);
            if !frame.keyframe {
                self.need_key(leader);
                return;
            }
        }
        match self.cuts_before(index, &frame, video, placing) {
            true => self.cut_before(index, &frame, out),
            false if self.is_of_another_configuration(leader) => {
                self.need_key(leader);
                return;
            }
            false => self.room_for(index, dts, placing, out),
        }
        self.part_for(index, frame, placing, out);
    }

    /// A track with another clock than its lane (audio of another sampling frequency) begins a segment at once: its times compare
    /// with nothing in this one.
    fn change_clock_if_other(&mut self, leader: usize, frame: &Frame, out: &mut Outbox) {
        let Some(feed) = self.feeds.get(leader) else { return };
        let index = feed.lane;
        let Some(lane) = self.lanes.get_mut(index).filter(|lane| lane.clock != feed.track.timescale) else {
            return;
        };
        lane.flush(None, &self.cuts, out);
        self.wants_discontinuity = false;
        self.cut(index, true, out);
        self.reconfigure_if_changed(index, &frame.data, out);
    }

    /// Whether what comes cannot be decoded with the init segment in force.
    fn is_of_another_configuration(&self, feed: usize) -> bool {
        self.feeds.get(feed).is_some_and(|feed| feed.is_video() && feed.generation != feed.lane_generation)
    }

    fn need_key(&mut self, feed: usize) {
        if let Some(feed) = self.feeds.get_mut(feed) {
            feed.needs_key = true;
        }
    }

    /// Whether what is missing before `frame` is a gap. A picture can stand for up to [`MAX_STRETCH`], in parts of a frame each, so that
    /// an encoder which drops some frames costs no others.
    fn is_hole(&self, index: usize, frame: &Frame, placing: Placing) -> bool {
        let Some(lane) = self.lanes.get(index) else { return false };
        let longest = match (placing.exact, frame.keyframe) {
            (true, _) => lane.part_max() - placing.interval,
            (false, true) => lane.part_max(),
            (false, false) => lane.part_max().max(lane.ticks(MAX_STRETCH)),
        };
        lane.missing_before(frame.dts.0) > longest.max(0)
    }

    /// Fills what is missing up to decode time `to` with gaps, in segments of their own: hls.js never recovers from a gap part that
    /// follows parts of media in the same segment, if it knows of it when it loads those.
    pub(super) fn bridge(&mut self, index: usize, to: i64, out: &mut Outbox) {
        let Some(lane) = self.lanes.get_mut(index) else { return };
        lane.flush(None, &self.cuts, out);
        if lane.segment_has_media() {
            self.cut(index, false, out);
            self.welcome(out);
        }
        self.fill_leader(index, to, out);
    }

    /// The same for whole parts only, while frames come that cannot be decoded.
    fn bridge_whole_parts(&mut self, index: usize, dts: i64, out: &mut Outbox) {
        let Some(lane) = self.lanes.get(index) else { return };
        let whole = lane.missing_before(dts) / lane.part_max() * lane.part_max();
        if whole > 0 {
            let to = dts - lane.missing_before(dts) % lane.part_max();
            self.bridge(index, to, out);
        }
    }

    /// Whether a segment begins with `frame`.
    fn cuts_before(&self, index: usize, frame: &Frame, video: bool, placing: Placing) -> bool {
        let Some(lane) = self.lanes.get(index) else { return false };
        if lane.segment_is_empty() {
            return self.wants_discontinuity && (frame.keyframe || !video);
        }
        if self.wants_discontinuity && (frame.keyframe || !video) {
            return lane.segment_until(frame.dts.0) >= MIN_BEFORE_DISCONTINUITY;
        }
        if !video {
            let full = lane.segment_until(frame.dts.0 + placing.interval) + self.config.part();
            return lane.part_is_empty() && full > self.target_duration();
        }
        let long_enough = Duration::from_millis(u64::from(self.config.min_segment_ms));
        frame.keyframe && (!lane.segment_starts_with_key() || lane.segment_until(frame.dts.0) >= long_enough)
    }

    /// Ends the open segment at `frame`, which begins the next.
    fn cut_before(&mut self, index: usize, frame: &Frame, out: &mut Outbox) {
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.flush(Some(frame.dts.0), &self.cuts, out);
        }
        let discontinuity = std::mem::take(&mut self.wants_discontinuity);
        self.cut(index, discontinuity, out);
        if discontinuity {
            self.reconfigure_if_changed(index, &frame.data, out);
        }
        self.welcome(out);
    }

    /// Begins a segment in lane `index` where what was given out ends; the other lanes follow.
    pub(super) fn cut(&mut self, index: usize, discontinuity: bool, out: &mut Outbox) {
        let Some(lane) = self.lanes.get_mut(index) else { return };
        let now_ns = wall_ns(out.now().wall);
        let at_ns = lane.end_ns();
        if lane.segment_is_empty() {
            // Nothing of the segment was shown in this rendition. Where another one has shown some, the discontinuity waits.
            let shown = self.lanes.iter().any(|lane| {
                lane.media_sequence() == self.cuts.newest().media_sequence && !lane.segment_is_empty()
            });
            match (discontinuity, shown) {
                (true, false) => self.amend(at_ns, now_ns, out),
                (true, true) => self.wants_discontinuity = true,
                (false, _) => {}
            }
            return;
        }
        let step = self.date_step(index, at_ns, now_ns);
        let Some(lane) = self.lanes.get_mut(index) else { return };
        lane.next_segment(&self.cuts, out);
        if let Some(closed) = self.closed.get_mut(index) {
            *closed = out.now().instant;
        }
        self.cuts.push(at_ns, discontinuity.then_some(now_ns), step);
        if discontinuity {
            out.checkpoint(|journal| journal.discontinuity_sequence += 1);
        }
    }

    /// Puts a discontinuity before the newest segment, of which nothing was shown.
    fn amend(&mut self, at_ns: i64, now_ns: i64, out: &mut Outbox) {
        let already = self.cuts.newest().discontinuity;
        self.cuts.amend(at_ns, now_ns);
        if !already {
            out.checkpoint(|journal| journal.discontinuity_sequence += 1);
        }
    }

    /// By how much the date steps at a cut, to lead it back to the wall clock.
    fn date_step(&self, index: usize, at_ns: i64, now_ns: i64) -> i64 {
        let date_ns = at_ns.saturating_add(self.cuts.newest().date_offset_ns);
        let behind_ns = now_ns.saturating_sub(date_ns);
        let long_enough = self.lanes.get(index).is_some_and(|lane| lane.segment_given() >= MIN_STEPPED);
        let due = long_enough && behind_ns.abs() > MAX_DRIFT_NS;
        match behind_ns.signum() {
            1 if due => DATE_STEP_NS,
            -1 if due && self.all_reach_past_a_step_before(at_ns) => -DATE_STEP_NS,
            _ => 0,
        }
    }

    /// Whether in every lane the segment that a cut at `at_ns` ends is so long that a date which steps back after it is after the one
    /// before it. Some lanes are not there yet.
    fn all_reach_past_a_step_before(&self, at_ns: i64) -> bool {
        let newest = self.cuts.newest();
        let part_ns = i64::from(self.targets.part_ms) * 1_000_000;
        self.lanes.iter().all(|lane| {
            let here = lane.media_sequence() == newest.media_sequence;
            let begins_ns = match here {
                true => lane.segment_start_ns(),
                // Its last frame before can reach past the cut.
                false => newest.at_ns.max(lane.edge_ns()).saturating_add(part_ns),
            };
            // A lane ends a segment by less than a part before the cut.
            let ends_ns = at_ns.saturating_sub(part_ns).max(if here { lane.end_ns() } else { i64::MIN });
            ends_ns.saturating_sub(begins_ns) >= MIN_STEPPED_BACK_NS
        })
    }

    fn room_for(&mut self, index: usize, dts: i64, placing: Placing, out: &mut Outbox) {
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.make_room(dts, placing, &self.cuts, out);
        }
    }

    /// Fills the leading lane with gaps up to decode time `to`, in segments that are not too long.
    pub(super) fn fill_leader(&mut self, index: usize, to: i64, out: &mut Outbox) {
        loop {
            self.cut_if_full(index, out);
            let Some(lane) = self.lanes.get_mut(index) else { return };
            if !lane.gap_towards(to, &self.cuts, out) {
                return;
            }
        }
    }

    /// Cuts where a further part could make the segment too long for TARGETDURATION.
    fn cut_if_full(&mut self, index: usize, out: &mut Outbox) {
        let Some(lane) = self.lanes.get(index) else { return };
        let part = Duration::from_millis(u64::from(self.targets.part_ms));
        if lane.segment_given() + part <= self.targets.longest_segment() || !lane.part_is_empty() {
            return;
        }
        self.cut(index, false, out);
        self.welcome(out);
    }

    /// Puts `frame` into the open part; if it begins one, after a cut inside the GOP where the segment is full.
    fn part_for(&mut self, index: usize, frame: Frame, placing: Placing, out: &mut Outbox) {
        self.cut_if_full(index, out);
        let Some(lane) = self.lanes.get(index) else { return };
        if !frame.keyframe && !lane.segment_has_media() {
            self.cut_inside_gop(index, frame.dts.0, out);
        }
        let Some(lane) = self.lanes.get(index) else { return };
        if !lane.has_init() && lane.segment_is_empty() {
            self.reconfigure(index, &frame.data, out);
        }
        if let Some(lane) = self.lanes.get_mut(index).filter(|lane| lane.has_init()) {
            lane.append(frame, placing, &self.cuts, out);
        }
    }

    fn cut_inside_gop(&mut self, index: usize, dts: i64, out: &mut Outbox) {
        let Some(lane) = self.lanes.get(index) else { return };
        let at_ms = lane.presented_ms(dts);
        let complaint = self.gop.cut_inside(at_ms, self.targets.target_duration_s);
        if let Some(health) = complaint {
            out.health(health);
        }
        self.remember_gops(out);
        self.lose_independence(out);
    }

    /// A segment begins without a key frame, so EXT-X-INDEPENDENT-SEGMENTS is not true any more.
    pub(super) fn lose_independence(&mut self, out: &mut Outbox) {
        if std::mem::take(&mut self.independent_segments) {
            out.checkpoint(|journal| journal.independent_segments = false);
            out.push(Event::Dependent);
        }
    }

    fn measure_gop(&mut self, index: usize, dts: i64, out: &mut Outbox) {
        let Some(lane) = self.lanes.get(index) else { return };
        let Some(gop_ms) = self.gop.key_frame(lane.presented_ms(dts)) else { return };
        let limit_ms = self.targets.longest_segment().as_millis() as u64;
        if let Some(health) = self.gop.ended(gop_ms, limit_ms, self.targets.target_duration_s) {
            out.health(health);
        }
        self.remember_gops(out);
    }

    /// Keeps what GOPs there were for the next life. Only news that changes its targets is worth a write.
    fn remember_gops(&mut self, out: &mut Outbox) {
        let (longest_ms, gops) = (self.gop.longest_ms(), self.earlier_gops + self.gop.count());
        out.note(|journal| journal.gops = gops);
        let known_ms = out.journal().map_or(0, |journal| journal.longest_gop_ms);
        let limit_ms = self.targets.longest_segment().as_millis() as u64;
        match longest_ms > known_ms + 250 && longest_ms > limit_ms {
            true => out.checkpoint(|journal| journal.longest_gop_ms = longest_ms),
            false => out.note(|journal| journal.longest_gop_ms = known_ms.max(longest_ms)),
        }
    }
}

/// Counts a late frame, and says so when there are twice as many as when it was said last.
pub(super) fn report_late(feed: &mut super::feed::Feed, out: &mut Outbox) {
    if !feed.started {
        return;
    }
    feed.late += 1;
    if feed.late.is_power_of_two() && feed.late >= 8 {
        out.health(Health::LateFrames { track: feed.track.id, frames: feed.late });
    }
}
