//! Reading many publishers in step, several messages at a time.
//!
//! An encoder writes some 70 messages a second, and a wake-up for each costs more than the bytes. Once media have come, a
//! publisher is left alone after each read until the next tick of a clock that all share, and what came meanwhile is read at
//! once.

use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

use ::tokio::time::{Instant, Sleep, sleep_until};

/// How long reads may be put off by default.
pub const DEFAULT_READ_MERGE: Duration = Duration::from_millis(20);

/// Puts reads off to the next tick.
#[derive(Debug)]
pub(super) struct Merge {
    period: Duration,
    /// Made for the first media, as most connections that fail never have any.
    sleep: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Merge {
    /// Ticks of `period`; zero for none.
    pub(super) fn new(period: Duration) -> Self {
        Self { period, sleep: None, waiting: false }
    }

    /// Whether reads are put off at all.
    pub(super) fn is_on(&self) -> bool {
        !self.period.is_zero()
    }

    /// What there was has been read.
    pub(super) fn hold(&mut self) {
        if self.period.is_zero() {
            return;
        }
        let tick = next_tick(Instant::now(), self.period);
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(tick),
            None => self.sleep = Some(Box::pin(sleep_until(tick))),
        }
        self.waiting = true;
    }

    /// Ready when reading may go on.
    pub(super) fn poll_go(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.waiting {
            if let Some(sleep) = &mut self.sleep
                && sleep.as_mut().poll(cx).is_pending()
            {
                return Poll::Pending;
            }
            self.waiting = false;
        }
        Poll::Ready(())
    }
}

/// The first multiple of `period` after `now`, counted from the first call in this process.
fn next_tick(now: Instant, period: Duration) -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    let since = now.saturating_duration_since(*EPOCH.get_or_init(|| now)).as_nanos();
    let period = period.as_nanos().max(1);
    let wait = period - since % period;
    // A period is far below the 584 years that 64 bits of nanoseconds hold.
    now + Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_wait_for_the_same_tick() {
        let period = Duration::from_millis(20);
        let start = Instant::now();
        let first = next_tick(start, period);
        assert!(first > start && first <= start + period);
        for offset in 1..20 {
            let now = first - Duration::from_millis(offset);
            assert_eq!(next_tick(now.max(start), period), first);
        }
        assert_eq!(next_tick(first, period), first + period);
    }
}
