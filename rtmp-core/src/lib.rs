//! RTMP and Enhanced RTMP as sans-IO sessions.

mod aggregate;
pub mod amf;
mod capability;
pub mod chunk;
mod command;
mod control;
pub mod flv;
mod handshake;
pub mod message;
mod name;
mod percent;
mod session;
#[cfg(feature = "tokio")]
pub mod tokio;
mod url;

pub use capability::Capabilities;
pub use command::ConnectInfo;
pub use handshake::Error as HandshakeError;
pub use name::{MAX_FIELD_BYTES, MAX_PARAMS, Params, StreamKey, Target};
pub use session::client::{self, ClientSession};
pub use session::server::{self, ServerSession};
pub use session::{Awaited, CloseReason, Output, ProtocolError};
pub use url::{RTMP_PORT, RTMPS_PORT, RtmpUrl, UrlError};
