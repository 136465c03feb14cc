//! RTMP and Enhanced RTMP as sans-IO sessions.

pub mod amf;
pub mod chunk;
pub mod flv;
mod handshake;
pub mod message;
mod name;
mod percent;

pub use name::{Params, StreamKey, Target};
