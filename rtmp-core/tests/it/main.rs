//! Both sides of the protocol on a virtual clock: against each other, against `rml_rtmp`, against every trap that encoders and
//! players have set, and against input that is meant to break them. Input arrives whole and byte by byte.

#![expect(clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod amf;
mod chunks;
#[cfg(feature = "tokio")]
mod drivers;
mod endings;
mod hostile;
mod interop;
mod media;
mod orders;
mod peers;
mod play;
mod scribe;
mod traps;
mod wire;
