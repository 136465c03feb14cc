//! The vocabulary of live media.
//!
//! What a publisher sends is a handful of [tracks](track::Track) and a sequence of [frames](frame::Frame). This crate names
//! them, reads their [codec headers](codec), repairs their [clock](timeline) and fans them out ([`broadcast`]). It opens no
//! socket, reads no clock and depends on no runtime.

pub mod broadcast;
pub mod codec;
pub mod frame;
pub mod ring;
pub mod time;
pub mod timeline;
pub mod track;

pub use codec::Codec;
pub use frame::Frame;
pub use time::{Timescale, Timestamp};
pub use track::{Track, TrackId, TrackKind};
