//! RTMP and Enhanced RTMP as sans-IO sessions, for servers and clients, publishers and players.
//!
//! - [`ServerSession`] is one connection of an encoder or player, [`ClientSession`] one to a server. Bytes and the time go in,
//!   bytes, events and the next timer come out; who owns the socket is no concern of theirs.
//! - [`flv`] turns message bodies into `media_core`'s tracks and frames and back, in legacy FLV and Enhanced RTMP (veovera
//!   E-RTMP v2), and [`chunk::write_message`] writes a message once for any number of players.
//! - [`chunk`] and [`amf`] are the layers beneath, of use to tools.
//! - Feature `tokio` (off by default) adds drivers over any `AsyncRead + AsyncWrite` connection, in the module `tokio`.
//!
//! It follows Adobe's RTMP specification of 2012 where encoders do, and encoders where they do not; leniency names who needs
//! it. A peer costs at most what [`server::Limits`] says, and never more than its own connection.
//!
//! What it is not: it repairs no clock (frames bear the wire's 32-bit milliseconds, which wrap and jump:
//! `media_core::timeline`), knows no users and no streams, limits no number of connections, and speaks neither TLS (which goes
//! beneath) nor RTMPE, RTMPT or shared objects.
//!
//! # A server on a blocking socket
//! ```no_run
//! use std::io::{ErrorKind, Read, Write};
//! use std::net::TcpStream;
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//!
//! use rtmp_core::server::{Event, Rejection};
//! use rtmp_core::{Output, ServerSession};
//!
//! fn serve(mut socket: TcpStream) -> std::io::Result<()> {
//!     let mut session = ServerSession::new(Arc::default(), 1, Instant::now());
//!     let mut buffer = vec![0; 64 * 1024];
//!     loop {
//!         let wake = loop {
//!             match session.poll_output() {
//!                 Output::Transmit(bytes) => socket.write_all(&bytes)?,
//!                 Output::Event(Event::Publish(request)) if request.target.key.expose() == "secret" => {
//!                     session.accept_publish(Instant::now(), request);
//!                 }
//!                 Output::Event(Event::Publish(request)) => {
//!                     session.reject(Instant::now(), request, Rejection::BadName);
//!                 }
//!                 Output::Event(Event::Play(request)) => {
//!                     session.reject(Instant::now(), request, Rejection::NotFound);
//!                 }
//!                 Output::Event(Event::Track(track)) => println!("{:?}: {}", track.id, track.rfc6381),
//!                 Output::Event(Event::Frame(frame)) => println!("{:?}: {} bytes", frame.dts, frame.data.len()),
//!                 Output::Event(Event::Closed { reason }) => return Ok(println!("{reason}")),
//!                 Output::Event(_) => {}
//!                 Output::Timeout(at) => break at,
//!             }
//!         };
//!         let wait = wake.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
//!         socket.set_read_timeout(Some(wait))?;
//!         match socket.read(&mut buffer) {
//!             Ok(0) => session.handle_eof(Instant::now()),
//!             Ok(read) => session.handle_input(Instant::now(), &buffer[..read]),
//!             Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
//!                 session.handle_timeout(Instant::now());
//!             }
//!             Err(error) => return Err(error),
//!         }
//!     }
//! }
//! ```

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
