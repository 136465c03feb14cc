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
pub mod platform;
pub mod playback_token;
pub mod script;
pub mod server_session;
pub mod session_handle;
pub mod tenancy;
pub mod timeline;
pub mod ts_round_trip;

mod adversary;
mod edit;
mod ready;
mod samples;
mod tenant;

// The server's parser of session handles is private to it, and the server is large: what the parser consists of is compiled in here.
#[expect(dead_code, reason = "grants and revocations are not needed for a handle")]
#[path = "../../pulse-server/src/authority/terms.rs"]
mod authority;
#[path = "../../pulse-server/src/stream_id.rs"]
mod stream_id;

/// Every target by its name.
pub const TARGETS: [(&str, fn(&[u8])); 14] = [
    ("amf", amf::run),
    ("chunk_reader", chunk_reader::run),
    ("client_session", client_session::run),
    ("codec_headers", codec_headers::run),
    ("flv", flv::run),
    ("hls_request", hls_request::run),
    ("packager", packager::run),
    ("platform", platform::run),
    ("playback_token", playback_token::run),
    ("server_session", server_session::run),
    ("session_handle", session_handle::run),
    ("tenancy", tenancy::run),
    ("timeline", timeline::run),
    ("ts_round_trip", ts_round_trip::run),
];
