//! Tracks that fall silent while the encoder is connected.

use std::time::{Duration, Instant};

use media_core::Frame;

use super::feed::Feed;
use super::life::Life;
use super::outbox::Outbox;
use crate::health::Health;

/// By how much a stall is acted upon before a segment would be overdue.
const MARGIN: Duration = Duration::from_millis(250);

/// How long an open part of audio waits for the next frame. Its parts may be short: each can be decoded by itself.
const PATIENCE: Duration = Duration::from_millis(150);

impl Life {
    /// When silence of `feed` becomes a gap: after half a target duration, and not before a segment is due, which RFC 8216bis §6.2.1 wants
    /// 1.5 target durations after the one before. Until then an uplink that recovers costs a wait, not a gap up to the next key frame.
    fn deadline(&self, feed: &Feed) -> Option<Instant> {
        let target = self.target_duration();
        let closed = self.closed.get(feed.lane)?;
        let due = closed.checked_add((target * 3 / 2).saturating_sub(MARGIN))?;
        Some(due.max(feed.arrived.checked_add(target / 2)?))
    }

    /// When something has to be done if nothing comes.
    pub(super) fn timeout(&self) -> Option<Instant> {
        if self.away.is_some() {
            return self.gap_due();
        }
        let deadlines = self.awaited().filter_map(|feed| self.deadline(feed));
        let flushes = self.awaited().filter_map(|feed| self.flush_due(feed));
        deadlines.chain(flushes).min()
    }

    /// When the open part of `feed` goes out though it is not full. Sound that pauses would otherwise be given out together with the gap
    /// that follows it, which hls.js never recovers from.
    fn flush_due(&self, feed: &Feed) -> Option<Instant> {
        let lane = self.lanes.get(feed.lane)?;
        let waits = !feed.is_video() && !lane.part_is_empty() && feed.first_waiting().is_none();
        waits.then(|| feed.arrived.checked_add(PATIENCE))?
    }

    /// Gives out open parts that nothing comes for.
    fn flush_overdue(&mut self, out: &mut Outbox) {
        let now = out.now().instant;
        for index in 0..self.feeds.len() {
            let Some(feed) = self.feeds.get(index).filter(|feed| feed.main && !feed.idle()) else { continue };
            let due = self.flush_due(feed).is_some_and(|due| due <= now);
            if let Some(lane) = self.lanes.get_mut(feed.lane).filter(|_| due) {
                lane.flush(None, &self.cuts, out);
            }
        }
    }

    fn awaited(&self) -> impl Iterator<Item = &Feed> {
        self.feeds.iter().filter(|feed| feed.main && !feed.idle())
    }

    /// Time has passed.
    pub(super) fn time_passed(&mut self, out: &mut Outbox) {
        if self.away.is_some() {
            self.go_on(out);
            return;
        }
        self.flush_overdue(out);
        let now = out.now().instant;
        let silent = |life: &Self, feed: &Feed| life.deadline(feed).is_some_and(|deadline| deadline <= now);
        if !self.awaited().any(|feed| silent(self, feed)) {
            return;
        }
        // One track's segment is due a little before another's.
        let half = self.target_duration() / 2;
        if self.awaited().all(|feed| now.saturating_duration_since(feed.arrived) >= half) {
            let last = self.awaited().map(|feed| feed.arrived).max();
            let silent_ms = last.map_or(0, |last| now.saturating_duration_since(last).as_millis() as u64);
            out.health(Health::EncoderStalled { silent_ms });
            self.go_away(out);
            return;
        }
        let stalled: Vec<bool> =
            self.feeds.iter().map(|feed| feed.main && !feed.idle() && silent(self, feed)).collect();
        for (feed, _) in self.feeds.iter_mut().zip(&stalled).filter(|(_, stalled)| **stalled) {
            feed.stalled = true;
            out.health(Health::TrackStalled { track: feed.track.id });
        }
        if stalled.get(self.leader).copied().unwrap_or(false) {
            self.elect(out);
        }
        self.follow(out);
    }

    /// The leading track is gone: another one leads.
    pub(super) fn elect(&mut self, out: &mut Outbox) {
        let Some(next) = self.feeds.iter().position(|feed| feed.main && !feed.idle()) else {
            self.go_away(out);
            return;
        };
        self.sync(out);
        self.cut_all(false, out);
        self.leader = next;
    }

    /// A key frame of video comes while audio leads: it leads from here on.
    pub(super) fn take_lead(&mut self, index: usize, frame: Frame, out: &mut Outbox) {
        self.sync(out);
        let Some(feed) = self.feeds.get(index) else { return };
        let lead = super::life::lead_of(&frame, feed.track.timescale);
        // Where composition offsets are others than before, decode times do not go on though presentation does.
        let steps = self.lanes.get(feed.lane).is_some_and(|lane| lane.would_step(lead));
        self.cut_all(steps, out);
        self.leader = index;
        self.gop.break_off();
        let leading = self.leading_lane();
        if let (Some(lane), Some(feed)) = (self.lanes.get_mut(leading), self.feeds.get_mut(index)) {
            feed.needs_key = false;
            lane.restart(lane.end_ns(), lane.clock, lead, self.targets.part_ms);
        }
        self.reconfigure_if_changed(leading, &frame.data, out);
        self.lead(frame, out);
        self.follow(out);
    }
}
