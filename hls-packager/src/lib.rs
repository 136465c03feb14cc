//! Live HLS: frames in; init segments, parts, segments and playlists out.
//!
//! A [`Packager`] cuts the frames of one stream (repaired by [`media_core::timeline`]) into CMAF or MPEG-TS parts and segments. A
//! [`Window`] holds them, renders playlists by RFC 8216bis (classic and Low-Latency) and answers requests: at once, or by telling the
//! driver what to wait for. Neither opens a socket, reads a clock or depends on a runtime; the driver owns the waiters.
//!
//! It encodes nothing and repairs no clock.
//!
//! ```
//! use std::time::{Instant, SystemTime};
//!
//! use hls_packager::{Config, Event, Now, Packager, Reply, Request, Window};
//! # use hls_packager::Journal;
//! # fn received() -> Vec<media_core::Frame> { Vec::new() }
//! # fn sync_to_disk(_: &Journal) {}
//!
//! let now = || Now::new(Instant::now(), SystemTime::now());
//! let mut packager = Packager::new(Config::default(), None);
//! let mut window = Window::new();
//! packager.tracks(now(), &[]); // what the publisher's headers say
//! for frame in received() {
//!     packager.frame(now(), frame)?;
//!     packager.handle_timeout(now()); // here at each frame; a driver also calls it at `poll_timeout`
//!     while let Some(event) = packager.poll_event() {
//!         if let Event::Journal(journal) = &event {
//!             sync_to_disk(journal); // before what follows it is applied
//!         }
//!         window.apply(event);
//!     }
//! }
//!
//! let request = Request::parse("video/index.m3u8", Some("_HLS_msn=7&_HLS_part=2"), Instant::now());
//! match window.answer(Instant::now(), &request) {
//!     Reply::Ready(resource) => println!("200, {} bytes of {}", resource.body.len(), resource.content_type),
//!     Reply::Wait { on, version, until } => println!("ask again when {on:?} is not {version} any more, or at {until:?}"),
//!     Reply::NotFound(why) => println!("404 {why:?}"),
//!     Reply::Invalid(why) => println!("400 {why}"),
//!     Reply::Unavailable { retry_after_s } => println!("503, Retry-After: {retry_after_s}"),
//! }
//! # Ok::<(), hls_packager::FrameError>(())
//! ```

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
pub use rendition::{Rendition, RenditionId, Renditions};
pub use window::{
    Body, Cache, Chunks, Invalid, MAX_HOLD, Missing, Reply, Request, Resource, START_HOLD, Text, Topic,
    Variant, Wake, Window,
};
