//! A shard's own view of the ring, so that it writes without holding the lock.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use media_core::ring::{Lookup, Ring};

use super::wire::Batch;
use crate::capability::Needs;

/// The batches that the ring held when it was looked at last. Costs a pointer each; what the ring drops is dropped here at the next
/// look, one tick later.
#[derive(Debug, Default)]
pub(super) struct Window {
    first: u64,
    batches: VecDeque<Arc<Batch>>,
    entry_point: Option<u64>,
    pub(super) status: Status,
}

/// What becomes of the stream after the newest batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// What it takes to play it.
    pub(super) needs: Needs,
    /// It has ended.
    pub(super) ended: bool,
    /// Nobody can ask for it any more.
    pub(super) closed: bool,
}

impl Window {
    /// Brings the view up to date; whether anything changed.
    pub(super) fn follow(&mut self, ring: &Ring<Arc<Batch>>, status: Status) -> bool {
        let changed = self.next() != ring.next() || self.status != status;
        self.status = status;
        while self.first < ring.oldest() && self.batches.pop_front().is_some() {
            self.first += 1;
        }
        if self.batches.is_empty() {
            self.first = ring.oldest();
        }
        while let Lookup::Entry(batch, _) = ring.at(self.next()) {
            self.batches.push_back(Arc::clone(batch));
        }
        self.entry_point = ring.entry_point();
        changed
    }

    /// The number after the newest batch.
    pub(super) fn next(&self) -> u64 {
        self.first + self.batches.len() as u64
    }

    /// The number of the oldest batch.
    pub(super) fn oldest(&self) -> u64 {
        self.first
    }

    pub(super) fn batch(&self, number: u64) -> Option<&Batch> {
        let index = number.checked_sub(self.first)?;
        self.batches.get(usize::try_from(index).ok()?).map(|batch| &**batch)
    }

    /// The number of the newest batch that somebody may begin at.
    pub(super) fn entry_number(&self) -> Option<u64> {
        self.entry_point
    }

    /// The newest batch that somebody may begin at, and what to send first.
    pub(super) fn entry_point(&self) -> Option<(u64, Bytes)> {
        let number = self.entry_point?;
        Some((number, self.batch(number)?.start.clone()?))
    }
}
