//! The live window: what viewers can ask for at this moment.

mod reply;
mod request;

use std::time::Instant;

pub use reply::{Body, Cache, Chunks, MAX_HOLD, Missing, Reply, Resource, START_HOLD, Text, Topic};
pub use request::{Invalid, Request};

use crate::event::Event;

/// What viewers can ask for: playlists, segments, parts and init segments of one stream.
///
/// [`apply`](Self::apply) each event of the stream's packager in order; [`answer`](Self::answer) requests. Answers are a function of the
/// events and the request, and `answer` takes `&self`, so a driver keeps it behind one lock and holds that briefly: a playlist is
/// rendered at most once for each version, on first request, and everybody gets the same bytes.
#[derive(Debug, Default)]
pub struct Window {
    version: u64,
}

/// Who has to look again after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Nobody.
    Nobody,
    /// Those who wait on this topic.
    Topic(Topic),
    /// Everybody.
    Everybody,
}

impl Window {
    /// A window of a stream of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what the packager made.
    pub fn apply(&mut self, event: Event) -> Wake {
        match event {
            Event::Journal(_) | Event::Health(_) => Wake::Nobody,
            _ => {
                self.version += 1;
                Wake::Everybody
            }
        }
    }

    /// The version of `topic`: moves whenever those who wait on it have to ask again.
    pub fn version(&self, _topic: Topic) -> u64 {
        self.version
    }

    /// The answer to `request` at `now`.
    pub fn answer(&self, _now: Instant, _request: &Request) -> Reply {
        Reply::NotFound(Missing::Unknown)
    }
}
