//! The other lanes: cut where the leading one is, whenever their frames come.

use super::feed::{Feed, Waiting};
use super::lane::Lane;
use super::lead::report_late;
use super::life::Life;
use super::outbox::Outbox;

/// What a following lane does next.
enum Step {
    /// Its frames have reached where the next segment begins, or will not come, or would make this one too long.
    Cross,
    /// Its first waiting frame belongs to the open segment.
    Place,
    /// Nothing comes for it: a gap up to this moment, in life time.
    Gap(i64),
    /// It waits for frames, or to learn which segment its frames belong to.
    Wait,
}

impl Life {
    /// Moves the following lanes on as far as is certain: a cut can be no earlier than where the leading lane's last frame ends.
    pub(super) fn follow(&mut self, out: &mut Outbox) {
        let leading = self.leading_lane();
        let Some(certain_ns) = self.lanes.get(leading).map(Lane::edge_ns) else { return };
        self.follow_until(certain_ns, out);
    }

    /// The same up to a given moment.
    pub(super) fn follow_until(&mut self, certain_ns: i64, out: &mut Outbox) {
        let leading = self.leading_lane();
        for index in 0..self.feeds.len() {
            let follows = self.feeds.get(index).is_some_and(|feed| feed.main && feed.lane != leading);
            while follows && self.step(index, certain_ns, out) {}
        }
        let passed = self.lanes.iter().map(Lane::media_sequence).min().unwrap_or(0);
        self.cuts.forget(passed);
    }

    pub(super) fn leading_lane(&self) -> usize {
        self.feeds.get(self.leader).map_or(0, |feed| feed.lane)
    }

    fn step(&mut self, index: usize, certain_ns: i64, out: &mut Outbox) -> bool {
        match self.next_step(index, certain_ns) {
            Step::Wait => return false,
            Step::Cross => self.cross(index, out),
            Step::Place => self.place_waiting(index, out),
            Step::Gap(until_ns) => {
                let lane = self.feeds.get(index).map_or(0, |feed| feed.lane);
                if let Some(lane) = self.lanes.get_mut(lane) {
                    lane.flush(None, &self.cuts, out);
                    lane.fill(lane.to_ticks(until_ns), &self.cuts, out);
                }
            }
        }
        true
    }

    fn next_step(&self, index: usize, certain_ns: i64) -> Step {
        let Some(feed) = self.feeds.get(index) else { return Step::Wait };
        let Some(lane) = self.lanes.get(feed.lane) else { return Step::Wait };
        let next = self.cuts.find(lane.media_sequence() + 1);
        match (feed.first_waiting(), next) {
            (Some(waiting), Some(cut)) if waiting.at_ns >= cut.at_ns => Step::Cross,
            (None, Some(cut)) if lane.edge_ns() >= cut.at_ns || feed.idle() => Step::Cross,
            (Some(waiting), Some(_)) if self.too_long_with(waiting, feed, lane) => Step::Cross,
            (Some(_), Some(_)) => Step::Place,
            (Some(waiting), None)
                if waiting.at_ns < certain_ns && !self.too_long_with(waiting, feed, lane) =>
            {
                Step::Place
            }
            (None, None) if feed.idle() => self.gap_of(lane, feed.stalled, certain_ns),
            _ => Step::Wait,
        }
    }

    /// Whether the open segment would be too long for TARGETDURATION with this frame: it can have begun almost a part before its cut.
    fn too_long_with(&self, waiting: &Waiting, feed: &Feed, lane: &Lane) -> bool {
        if waiting.generation != feed.lane_generation {
            // It is not for this segment, and perhaps of another clock.
            return false;
        }
        let (dts, interval) = (waiting.frame.dts.0, feed.placing(&waiting.frame.data).interval);
        let too_long = lane.segment_until(dts.saturating_add(interval)) > self.targets.longest_following();
        // A segment has one frame at least, or a gap.
        too_long && (!lane.segment_is_empty() || is_gap_before(dts, interval, lane))
    }

    /// A lane for which nothing comes stays behind by what its frames may be late once they come again.
    fn gap_of(&self, lane: &Lane, may_return: bool, certain_ns: i64) -> Step {
        let part_ns = i64::from(self.targets.part_ms) * 1_000_000;
        let behind_ns = match may_return {
            true => (self.target_duration() / 2).as_nanos() as i64,
            false => 0,
        };
        let until_ns = lane.end_ns() + part_ns - 2_000_000;
        let longest_ns = self.targets.longest_following().as_nanos() as i64;
        let fits = lane.segment_is_empty() || until_ns - lane.segment_start_ns() <= longest_ns;
        match fits && until_ns <= certain_ns - behind_ns && until_ns > lane.end_ns() {
            true => Step::Gap(until_ns),
            false => Step::Wait,
        }
    }

    /// Ends the open segment of a following lane at the next cut.
    pub(super) fn cross(&mut self, index: usize, out: &mut Outbox) {
        let Some(feed) = self.feeds.get(index) else { return };
        let Some(lane) = self.lanes.get_mut(feed.lane) else { return };
        let Some(cut) = self.cuts.find(lane.media_sequence() + 1).copied() else { return };
        let interval = feed.placing(&[]).interval;
        lane.flush(None, &self.cuts, out);
        let begins = lane.to_ticks(cut.at_ns);
        if is_gap_before(begins, interval, lane) || lane.segment_is_empty() {
            // What is missing of a part can be part of the next segment's first. Frames from before the cut are in the next segment where
            // they would make this one too long; and a segment is never empty.
            let waiting = feed.first_waiting().filter(|waiting| waiting.generation == feed.lane_generation);
            let waiting = waiting.map_or(begins, |waiting| lane.to_ticks(waiting.at_ns));
            let at_most = lane.segment_start().saturating_add(lane.ticks(self.targets.longest_following()));
            let at_least = begins - lane.missing_before(begins) + 1;
            lane.fill(begins.min(waiting).min(at_most).max(at_least), &self.cuts, out);
        }
        lane.next_segment(&self.cuts, out);
        if let Some(closed) = self.closed.get_mut(feed.lane) {
            *closed = out.now().instant;
        }
        let (lane, first) = (feed.lane, feed.first_waiting().map(|waiting| waiting.frame.data.clone()));
        if cut.discontinuity {
            self.reconfigure_if_changed(lane, &first.unwrap_or_default(), out);
        }
    }

    fn place_waiting(&mut self, index: usize, out: &mut Outbox) {
        let Some(feed) = self.feeds.get_mut(index) else { return };
        let Some(waiting) = feed.next_waiting() else { return };
        if waiting.generation != feed.lane_generation {
            // Its configuration is that of the next discontinuity on. What came before goes out now, and not together with the gap.
            if let Some(lane) = self.lanes.get_mut(feed.lane) {
                lane.flush(None, &self.cuts, out);
            }
            return;
        }
        let placing = feed.placing(&waiting.frame.data);
        let Some(lane) = self.lanes.get_mut(feed.lane) else { return };
        let dts = waiting.frame.dts.0;
        if lane.is_late(dts, placing) {
            report_late(feed, out);
            return;
        }
        feed.started = true;
        lane.make_room(dts, placing, &self.cuts, out);
        if is_gap_before(dts, placing.interval, lane) {
            lane.flush(None, &self.cuts, out);
            lane.fill(dts, &self.cuts, out);
        }
        let (index, unconfigured) = (feed.lane, !lane.has_init());
        if unconfigured && lane.segment_is_empty() {
            self.reconfigure(index, &waiting.frame.data, out);
        }
        if let Some(lane) = self.lanes.get_mut(index).filter(|lane| lane.has_init()) {
            lane.append(waiting.frame, placing, &self.cuts, out);
        }
    }
}

/// Whether so much is missing before a frame at decode time `dts` that it is a gap.
fn is_gap_before(dts: i64, interval: i64, lane: &Lane) -> bool {
    lane.missing_before(dts) > lane.part_max() - interval
}
