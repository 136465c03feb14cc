//! Waiting for something to become true, with a deadline and the last thing that was seen instead.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const PACE: Duration = Duration::from_millis(25);

/// Tries until `attempt` succeeds and returns what it returned. Panics at the deadline with the last error.
#[track_caller]
pub(crate) fn until<T, E: fmt::Display>(
    what: &str,
    patience: Duration,
    mut attempt: impl FnMut() -> Result<T, E>,
) -> T {
    let started = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(last) if started.elapsed() >= patience => {
                panic!("waited {patience:?} for {what}; last seen: {last}")
            }
            Err(_) => thread::sleep(PACE),
        }
    }
}

/// Looks at a condition for the whole of `span` and panics as soon as it does not hold.
#[track_caller]
pub(crate) fn holds_for<E: fmt::Display>(
    what: &str,
    span: Duration,
    mut look: impl FnMut() -> Result<(), E>,
) {
    let started = Instant::now();
    while started.elapsed() < span {
        if let Err(seen) = look() {
            panic!("{what} did not hold after {:?}: {seen}", started.elapsed());
        }
        thread::sleep(PACE);
    }
}

/// `Ok` when the condition holds, else the description.
pub(crate) fn check(holds: bool, otherwise: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
