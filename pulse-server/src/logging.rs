//! Structured logs to standard error.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::config::{Log, LogFormat, LogLevel};

/// Changes the level while the server runs.
#[derive(Clone, Debug)]
pub(crate) struct Level(reload::Handle<LevelFilter, Registry>);

impl Level {
    /// Sets the least important level that is written.
    pub(crate) fn set(&self, level: LogLevel) {
        // Fails only when logging was never started.
        let _ = self.0.reload(filter(level));
    }
}

/// Lets something be logged once a second, however often it happens: what anybody can cause must not fill a disk.
#[derive(Debug, Default)]
pub(crate) struct Sparingly(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    last: Option<Instant>,
    unsaid: u64,
}

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(1);

impl Sparingly {
    /// How often it was not said since it was said last, if it is to be said now.
    pub(crate) fn say(&self) -> Option<u64> {
        self.say_at(Instant::now())
    }

    fn say_at(&self, now: Instant) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.last.is_some_and(|last| now.saturating_duration_since(last) < PAUSE) {
            said.unsaid += 1;
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.unsaid))
    }
}

/// Starts logging for the process.
pub(crate) fn start(config: &Log) -> Level {
    let (filter, handle) = reload::Layer::new(filter(config.level));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let lines = match config.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // A process has one; a second start (tests) goes on with the first.
    let _ = registry.with(lines).try_init();
    Level(handle)
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_often_is_said_once_a_second_with_how_often_it_was_not() {
        let (sparingly, start) = (Sparingly::default(), Instant::now());
        let say = |ms| sparingly.say_at(start + Duration::from_millis(ms));
        let said: Vec<_> = [0, 1, 999, 1_000, 1_500, 3_000, 5_000].into_iter().map(say).collect();
        assert_eq!(said, [Some(0), None, None, Some(2), None, Some(1), Some(0)]);
    }
}
