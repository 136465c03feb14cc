//! What the fuzz targets do with their input. Each module is one target: `run` panics where a promise is broken.
//!
//! The first bytes of an input often choose how the rest is given (in which pieces, to which end of a connection), so that one
//! corpus covers the ways in which the same bytes can arrive. `examples/corpus.rs` writes the corpora.

pub mod amf;
pub mod chunk_reader;
pub mod client_session;
pub mod codec_headers;
pub mod flv;
pub mod hls_request;
pub mod packager;
pub mod script;
pub mod server_session;
pub mod timeline;
pub mod ts_round_trip;

mod adversary;
mod samples;
