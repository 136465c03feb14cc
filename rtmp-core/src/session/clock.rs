//! Moments at which a session has to do something.

use std::time::{Duration, Instant};

/// How far ahead a session without a timer puts its next wake-up.
const NEVER: Duration = Duration::from_secs(3600);

/// `now + wait`, or far ahead if the clock has no such moment.
pub(super) fn after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).or_else(|| now.checked_add(NEVER)).unwrap_or(now)
}

/// When to wake up a session that has nothing to wait for.
pub(super) fn never(now: Instant) -> Instant {
    after(now, NEVER)
}
