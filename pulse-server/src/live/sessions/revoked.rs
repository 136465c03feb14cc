//! What was revoked, against handles that are signed but not known.

use std::collections::{HashMap, VecDeque};

use crate::authority::{Revocation, Terms};
use crate::stream_id::StreamId;

/// Revocations remembered, about 200 bytes each. When one is forgotten, the oldest first, so is every unknown handle of its time: it may
/// have been covered, and whoever has it is admitted anew.
pub(super) const MAX_REVOCATIONS: usize = 4096;

/// What was revoked since the process started, with the time in seconds since 1970.
#[derive(Default)]
pub(super) struct Revoked {
    /// Of one stream each, the oldest first.
    by_stream: HashMap<StreamId, VecDeque<(Revocation, u64)>>,
    /// Of many streams.
    of_many: VecDeque<(Revocation, u64)>,
    /// Where they are, the oldest first.
    order: VecDeque<Option<StreamId>>,
    /// When the newest of those that are not remembered any more was made.
    forgotten: Option<u64>,
}

impl Revoked {
    pub(super) fn push(&mut self, revocation: Revocation, at: u64) {
        if self.order.len() >= MAX_REVOCATIONS {
            self.forget_one();
        }
        let stream = revocation.stream().cloned();
        self.order.push_back(stream.clone());
        let place = match stream {
            Some(stream) => self.by_stream.entry(stream).or_default(),
            None => &mut self.of_many,
        };
        place.push_back((revocation, at));
    }

    fn forget_one(&mut self) {
        let Some(oldest) = self.order.pop_front() else { return };
        let lost = match &oldest {
            None => self.of_many.pop_front(),
            Some(stream) => {
                let place = self.by_stream.get_mut(stream);
                let lost = place.and_then(VecDeque::pop_front);
                if self.by_stream.get(stream).is_some_and(VecDeque::is_empty) {
                    self.by_stream.remove(stream);
                }
                lost
            }
        };
        // Who comes with a handle of a tenant's stream is asked about in the store, which remembers.
        let matters = !oldest.is_some_and(|stream| stream.is_tenants());
        self.forgotten = lost.filter(|_| matters).map(|(_, at)| at).max(self.forgotten);
    }

    /// Whether what was opened at `opened` on these terms was taken back.
    pub(super) fn covers(&self, stream: &StreamId, terms: &Terms, opened: u64) -> bool {
        let covers = |(revocation, at): &(Revocation, u64)| opened <= *at && revocation.covers(stream, terms);
        self.forgotten.is_some_and(|at| opened <= at && !stream.is_tenants())
            || self.of_many.iter().any(covers)
            || self.by_stream.get(stream).is_some_and(|of| of.iter().any(covers))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}
