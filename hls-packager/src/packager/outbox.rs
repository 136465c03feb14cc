//! Events on their way out, and the journal that goes ahead of them.

use std::collections::VecDeque;
use std::time::SystemTime;

use super::cuts::wall_ns;
use crate::clock::Now;
use crate::event::{Event, Part, Segment};
use crate::health::Health;
use crate::journal::Journal;

/// How many media sequence numbers are reserved at once: what a crash may skip.
const SEGMENT_BLOCK: u64 = 8;

/// How many part numbers are reserved at once.
const PART_BLOCK: u64 = 1_024;

/// Steps in which the distance of dates from the wall clock is reserved, in milliseconds.
const AHEAD_STEP_MS: u64 = 250;

/// The most that is reserved beyond what is needed, in milliseconds.
const MAX_AHEAD_STEP_MS: u64 = 64_000;

/// Events in order. What uses a number comes after the journal that reserves it.
#[derive(Debug)]
pub(super) struct Outbox {
    events: VecDeque<Event>,
    journal: Option<Journal>,
    /// The clocks of the call that is being served; every input sets them first.
    now: Option<Now>,
    /// The latest date that a part or segment of any rendition ends at.
    newest_end: SystemTime,
    /// By how much more than needed the distance of dates from the wall clock is reserved, in milliseconds.
    ahead_step_ms: u64,
    /// Whether that distance grew since segments were reserved last.
    ahead_grew: bool,
}

impl Outbox {
    pub(super) fn new(journal: Option<Journal>) -> Self {
        Self {
            events: VecDeque::new(),
            journal,
            now: None,
            newest_end: SystemTime::UNIX_EPOCH,
            ahead_step_ms: AHEAD_STEP_MS,
            ahead_grew: false,
        }
    }

    pub(super) fn set_now(&mut self, now: Now) {
        self.now = Some(now);
    }

    /// The clocks of the call that is being served.
    pub(super) fn now(&self) -> Now {
        self.now.expect("every input method sets the clocks before it does anything else")
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn push(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn health(&mut self, health: Health) {
        self.events.push_back(Event::Health(health));
    }

    pub(super) fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref()
    }

    /// Changes the journal without writing it: what may be lost in a crash, and goes out with the next checkpoint.
    pub(super) fn note(&mut self, change: impl FnOnce(&mut Journal)) {
        if let Some(journal) = &mut self.journal {
            change(journal);
        }
    }

    /// Changes the journal and writes it if that changed anything.
    pub(super) fn checkpoint(&mut self, change: impl FnOnce(&mut Journal)) {
        let Some(mut journal) = self.journal.clone() else { return };
        change(&mut journal);
        if self.journal.as_ref() != Some(&journal) {
            self.begin(journal);
        }
    }

    /// Writes `journal`, whatever was there before.
    pub(super) fn begin(&mut self, mut journal: Journal) {
        journal.wall_ms = journal.wall_ms.max(wall_ns(self.now().wall) / 1_000_000);
        self.events.push_back(Event::Journal(journal.clone()));
        self.journal = Some(journal);
    }

    /// A part, whose last sample ends at `end`.
    pub(super) fn part(&mut self, part: Part, end: SystemTime) {
        self.reserve(part.head.media_sequence, part.number, end);
        self.events.push_back(Event::Part(part));
    }

    pub(super) fn segment(&mut self, segment: Segment) {
        self.reserve(segment.head.media_sequence, 0, segment.head.date + segment.duration);
        self.events.push_back(Event::Segment(segment));
    }

    /// Writes the journal if it does not cover these yet.
    fn reserve(&mut self, media_sequence: u64, part_number: u64, end: SystemTime) {
        self.newest_end = self.newest_end.max(end);
        let ahead = self.newest_end.duration_since(self.now().wall);
        let ahead_ms = ahead.map_or(0, |ahead| ahead.as_millis() as u64);
        let covers = |journal: &Journal| {
            media_sequence < journal.media_sequence
                && part_number < journal.part_number
                && ahead_ms <= journal.ahead_ms
        };
        if self.journal.as_ref().is_none_or(covers) {
            return;
        }
        let (mut step_ms, mut grew) = (self.ahead_step_ms, self.ahead_grew);
        self.checkpoint(|journal| {
            if media_sequence >= journal.media_sequence {
                journal.media_sequence = media_sequence + SEGMENT_BLOCK;
                // It is written anyway: dates that were led back to the wall clock are not so far ahead for ever.
                if !std::mem::take(&mut grew) {
                    step_ms = (step_ms / 2).max(AHEAD_STEP_MS);
                    journal.ahead_ms =
                        journal.ahead_ms.min(ahead_ms.next_multiple_of(AHEAD_STEP_MS) + step_ms);
                }
            }
            if part_number >= journal.part_number {
                journal.part_number = part_number + PART_BLOCK;
            }
            if ahead_ms > journal.ahead_ms {
                journal.ahead_ms = ahead_ms.next_multiple_of(AHEAD_STEP_MS) + step_ms;
                // An input faster than real time runs ahead without end: doubling keeps the writes few.
                step_ms = (step_ms * 2).min(MAX_AHEAD_STEP_MS);
                grew = true;
            }
        });
        (self.ahead_step_ms, self.ahead_grew) = (step_ms, grew);
    }
}
