//! Whether other servers have any streams, so that a server that is alone does not ask for each.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the answer is taken for true: a stream of another server is shown as live so much later.
const GOOD: Duration = Duration::from_secs(1);

/// The last answer.
#[derive(Debug, Default)]
pub(super) struct Elsewhere(Mutex<Option<(Instant, bool)>>);

impl Elsewhere {
    /// The answer, unless it is too old.
    pub(super) fn known(&self) -> Option<bool> {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.filter(|(at, _)| at.elapsed() < GOOD).map(|(_, any)| any)
    }

    /// There is a new one.
    pub(super) fn learn(&self, any: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), any));
    }
}
