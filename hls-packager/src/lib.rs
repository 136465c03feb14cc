//! Live HLS: frames in; init segments, parts, segments and playlists out.
//!
//! A [`Packager`] cuts the frames of one stream (repaired by [`media_core::timeline`]) into CMAF or MPEG-TS parts and segments. A
//! [`Window`] holds them, renders playlists by RFC 8216bis (classic and Low-Latency) and answers requests: at once, or by telling the
//! driver what to wait for. Neither opens a socket, reads a clock or depends on a runtime; the driver owns the waiters.
//!
//! It encodes nothing and repairs no clock.

pub mod cmaf;
pub mod container;
pub mod ts;

mod clock;
mod config;
mod event;
mod health;
mod journal;
mod packager;
mod rendition;
mod window;

pub use clock::Now;
pub use config::{Config, MAX_TARGET_DURATION_S, MAX_WINDOW_S};
pub use container::Container;
pub use event::{Event, Head, Init, Part, Segment, Settled};
pub use health::Health;
pub use journal::{Journal, JournalError, MAX_JOURNAL_BYTES};
pub use packager::{
    Announced, FrameError, MAX_AUDIO_TRACKS, MAX_PART_BYTES, MAX_PART_FRAMES, MAX_STAGED_BYTES,
    MAX_STAGED_FRAMES, Packager,
};
pub use rendition::{Rendition, RenditionId};
pub use window::{
    Body, Cache, Chunks, Invalid, MAX_HOLD, Missing, Reply, Request, Resource, START_HOLD, Text, Topic, Wake,
    Window,
};
