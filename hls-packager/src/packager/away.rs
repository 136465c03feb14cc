//! While the encoder is away: the playlists go on with gaps, at the pace of the clock (RFC 8216bis §6.2.1).

use std::time::{Duration, Instant};

use media_core::Frame;

use super::feed::Feed;
use super::lane::{Lane, MAX_FILL_S};
use super::life::{Life, lead_of, to_ns};
use super::outbox::Outbox;
use crate::health::Health;

/// How many gap parts are made at once after the driver was late. The rest follows in the next call.
const MAX_PARTS_AT_ONCE: u64 = 600;

/// The encoder is away since some moment.
#[derive(Debug)]
pub(super) struct Away {
    /// Where the gap began, in life time.
    from_ns: i64,
    since: Instant,
    /// Gap parts so far.
    parts: u64,
    /// The decode time of the first frame of video that could not be started with, in nanoseconds.
    waits_for_key: Option<i64>,
    /// When audio came without video.
    audio_since: Option<Instant>,
}

impl Life {
    /// The encoder is away: what was received goes out, and gaps follow.
    pub(super) fn go_away(&mut self, out: &mut Outbox) {
        if let Some(away) = &mut self.away {
            // Perhaps another encoder: what was seen of the one before tells nothing of its clock.
            (away.waits_for_key, away.audio_since) = (None, None);
            self.feeds.iter_mut().for_each(Feed::break_off);
            return;
        }
        let from_ns = self.sync(out);
        self.cut_all(false, out);
        self.gop.break_off();
        self.feeds.iter_mut().for_each(Feed::break_off);
        let since = out.now().instant;
        self.away = Some(Away { from_ns, since, parts: 0, waits_for_key: None, audio_since: None });
    }

    /// The life ends: what was received goes out, and all renditions end with the same segment.
    pub(super) fn finish(&mut self, out: &mut Outbox) {
        match self.away.is_some() {
            true => self.go_on(out),
            false => _ = self.sync(out),
        }
        self.cut_all(false, out);
    }

    /// How long a gap part lasts.
    fn gap_part(&self) -> Duration {
        // The whole number of frames that PART-TARGET is made of: below it by what a late timer may need.
        Duration::from_millis(u64::from(self.targets.part_ms.saturating_sub(2).max(1)))
    }

    /// When the next gap part is due.
    pub(super) fn gap_due(&self) -> Option<Instant> {
        let away = self.away.as_ref()?;
        let parts = u32::try_from(away.parts + 1).unwrap_or(u32::MAX);
        away.since.checked_add(self.gap_part().checked_mul(parts)?)
    }

    /// Makes the gap parts that are due.
    pub(super) fn go_on(&mut self, out: &mut Outbox) {
        for _ in 0..MAX_PARTS_AT_ONCE {
            if self.gap_due().is_none_or(|due| due > out.now().instant) {
                return;
            }
            let part = self.gap_part();
            let full = self.lanes.iter().any(|lane| lane.segment_given() + part > self.target_duration());
            if full {
                self.cut_all(false, out);
            }
            let Some(away) = &mut self.away else { return };
            away.parts += 1;
            let until_ns = away.from_ns + (part.as_nanos() as i64).saturating_mul(away.parts as i64);
            self.gap_until(until_ns, out);
        }
    }

    /// A frame while the encoder is away. Returns whether packaging goes on with it.
    pub(super) fn comes_back(&mut self, index: usize, frame: &Frame, out: &mut Outbox) -> bool {
        self.go_on(out);
        if !self.can_start_with(index, frame, out) {
            return false;
        }
        self.start_with(index, frame, out);
        true
    }

    fn can_start_with(&mut self, index: usize, frame: &Frame, out: &mut Outbox) -> bool {
        let now = out.now().instant;
        let video_lane = self.feeds.iter().any(|feed| feed.is_video() && feed.main);
        let video_here = self.feeds.iter().any(|feed| feed.is_video() && feed.main && !feed.absent);
        let (Some(feed), Some(away)) = (self.feeds.get(index), self.away.as_mut()) else { return false };
        if !feed.main {
            return false;
        }
        if feed.is_video() {
            let dts_ns = to_ns(frame.dts.0, feed.track.timescale);
            let first_ns = *away.waits_for_key.get_or_insert(dts_ns);
            let waited_ms = u64::try_from((dts_ns - first_ns) / 1_000_000).unwrap_or(0);
            let too_long = waited_ms >= u64::from(self.config.max_key_wait_ms);
            if too_long && !frame.keyframe {
                out.health(Health::NoKeyFrame { waited_ms });
            }
            return frame.keyframe || too_long;
        }
        let since = *away.audio_since.get_or_insert(now);
        let patience_ms = match (video_lane, video_here) {
            (false, _) => 0,
            (true, false) => self.config.settle_ms,
            (true, true) if away.waits_for_key.is_some() => return false,
            (true, true) => self.config.settle_promised_ms,
        };
        now.saturating_duration_since(since) >= Duration::from_millis(u64::from(patience_ms))
    }

    /// Ends the gap and puts `frame` on the timeline at this moment, after a discontinuity.
    fn start_with(&mut self, index: usize, frame: &Frame, out: &mut Outbox) {
        let Some(away) = self.away.take() else { return };
        let now = out.now().instant;
        let passed = now.saturating_duration_since(away.since).as_nanos();
        let until_ns = away.from_ns.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX));
        let until_ns = self.lanes.iter().map(Lane::end_ns).fold(until_ns, i64::max);
        self.gap_until(until_ns, out);
        self.leader = index;
        self.wants_discontinuity = false;
        self.cut_all(true, out);
        let leading = self.leading_lane();
        for lane in 0..self.lanes.len() {
            let first: &[u8] = if lane == leading { &frame.data } else { &[] };
            self.reconfigure_if_changed(lane, first, out);
        }
        self.align(index, frame, out);
        self.rebase = false;
        for feed in &mut self.feeds {
            feed.stalled = false;
            feed.started = false;
            feed.needs_key = false;
            feed.arrived = now;
        }
        self.welcome(out);
    }

    /// Fills all lanes up to the same moment, in segments that are not too long. Some lanes have more to fill than others.
    fn gap_until(&mut self, until_ns: i64, out: &mut Outbox) {
        let longest = self.targets.longest_segment();
        let first_ns = self.lanes.iter().map(Lane::end_ns).min().unwrap_or(until_ns);
        let until_ns = until_ns.min(first_ns.saturating_add(MAX_FILL_S * 1_000_000_000));
        loop {
            let too_long = |lane: &Lane| {
                let rest = u64::try_from(until_ns.saturating_sub(lane.end_ns())).unwrap_or(0);
                lane.segment_given() + Duration::from_nanos(rest) > longest
            };
            if self.lanes.iter().any(too_long) {
                self.cut_all(false, out);
            }
            let full_ns = self.lanes.iter().map(Lane::segment_start_ns).min().unwrap_or(until_ns);
            let full_ns = full_ns.saturating_add(longest.as_nanos() as i64);
            self.fill_all(full_ns.min(until_ns), out);
            if full_ns >= until_ns {
                return;
            }
        }
    }

    /// Puts `frame`, the leading track's or in its absence another's, where the open segments begin: nothing of them was given out.
    pub(super) fn align(&mut self, index: usize, frame: &Frame, out: &mut Outbox) {
        let leading = self.leading_lane();
        let Some(at_ns) = self.lanes.get(leading).map(Lane::end_ns) else { return };
        let Some(feed) = self.feeds.get(index) else { return };
        let clock = feed.track.timescale;
        let lead = if index == self.leader { lead_of(frame, clock) } else { 0 };
        self.set_offset(at_ns.saturating_sub(to_ns(frame.dts.0.saturating_add(lead), clock)));
        for feed in self.feeds.iter().filter(|feed| feed.main) {
            if let Some(lane) = self.lanes.get_mut(feed.lane) {
                let lead = if feed.lane == leading { lead } else { 0 };
                lane.restart(at_ns, lane.clock, lead, self.targets.part_ms);
            }
        }
        self.closed.fill(out.now().instant);
    }

    /// Gives out all that was received. Returns where the longest lane ends, in life time.
    pub(super) fn sync(&mut self, out: &mut Outbox) -> i64 {
        let leading = self.leading_lane();
        if let Some(lane) = self.lanes.get_mut(leading) {
            lane.flush(None, &self.cuts, out);
        }
        let waiting = self.feeds.iter().filter_map(|feed| feed.last_waiting());
        let ahead_ns = waiting.map(|waiting| waiting.at_ns).max();
        let part_ns = i64::from(self.targets.part_ms) * 1_000_000;
        if let (Some(ahead_ns), Some(lane)) = (ahead_ns, self.lanes.get(leading))
            && (ahead_ns > lane.end_ns() + part_ns
                || ahead_ns - self.first_begins_ns() > self.targets.longest_segment().as_nanos() as i64)
        {
            // The others are ahead: there have to be cuts for them.
            let to = lane.to_ticks(ahead_ns);
            self.bridge(leading, to, out);
        }
        let certain_ns = self.lanes.iter().map(Lane::edge_ns).chain(ahead_ns).max().unwrap_or(0);
        self.follow_until(certain_ns.saturating_add(1), out);
        self.cross_all(out);
        for lane in &mut self.lanes {
            lane.flush(None, &self.cuts, out);
        }
        self.lanes.iter().map(Lane::end_ns).max().unwrap_or(0)
    }

    /// Where the newest segment begins in the lane that begins it first; those which are not there yet begin it less than a part early.
    fn first_begins_ns(&self) -> i64 {
        let newest = self.cuts.newest();
        let part_ns = i64::from(self.targets.part_ms) * 1_000_000;
        let begins = self.lanes.iter().map(|lane| match lane.media_sequence() == newest.media_sequence {
            true => lane.segment_start_ns(),
            false => newest.at_ns.saturating_sub(part_ns),
        });
        begins.min().unwrap_or(newest.at_ns)
    }

    /// Fills all lanes up to the same moment.
    pub(super) fn fill_all(&mut self, until_ns: i64, out: &mut Outbox) {
        for lane in &mut self.lanes {
            lane.fill(lane.to_ticks(until_ns), &self.cuts, out);
        }
    }

    /// Begins a segment in all lanes, wherever each of them ends.
    pub(super) fn cut_all(&mut self, discontinuity: bool, out: &mut Outbox) {
        if self.lanes.iter().any(|lane| !lane.segment_is_empty()) {
            for lane in self.lanes.iter_mut().filter(|lane| lane.segment_is_empty()) {
                lane.fill(lane.to_ticks(lane.end_ns()) + 1, &self.cuts, out);
            }
        }
        let leading = self.leading_lane();
        self.cut(leading, discontinuity, out);
        self.cross_all(out);
        self.welcome(out);
    }

    fn cross_all(&mut self, out: &mut Outbox) {
        let leading = self.leading_lane();
        for index in 0..self.feeds.len() {
            while let Some(feed) = self.feeds.get(index).filter(|feed| feed.main && feed.lane != leading) {
                let next = self.lanes.get(feed.lane).map_or(0, |lane| lane.media_sequence() + 1);
                if self.cuts.find(next).is_none() {
                    break;
                }
                self.cross(index, out);
            }
        }
        let passed = self.lanes.iter().map(Lane::media_sequence).min().unwrap_or(0);
        self.cuts.forget(passed);
    }
}
