//! Drivers on tokio, over any connection that reads and writes: TCP, TLS, a pipe in a test.
//!
//! [`accept`] takes a connection to the peer's request, which is accepted or rejected: [`PendingPublish`] becomes a
//! [`Publisher`] whose events are awaited, [`PendingPlay`] a [`Player`] whose two halves go to whatever writes the media.
//! [`Client`] publishes or plays. [`Listener`] is accept over TCP.
//!
//! ```no_run
//! use rtmp_core::server::{Event, Rejection};
//! use rtmp_core::tokio::{Config, Incoming, Listener};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = Listener::bind("0.0.0.0:1935".parse()?, Config::default()).await?;
//! loop {
//!     let (connection, from) = listener.accept().await?;
//!     tokio::spawn(async move {
//!         match connection.request().await {
//!             Ok(Incoming::Publish(pending)) if pending.request().target.key.expose() == "secret" => {
//!                 let mut publisher = pending.accept().await;
//!                 loop {
//!                     match publisher.next_event().await {
//!                         Event::Frame(frame) => println!("{from}: {} bytes", frame.data.len()),
//!                         Event::Closed { reason } => break println!("{from}: {reason}"),
//!                         _ => {}
//!                     }
//!                 }
//!             }
//!             Ok(Incoming::Publish(pending)) => pending.reject(Rejection::BadName).await,
//!             Ok(Incoming::Play(pending)) => pending.reject(Rejection::NotFound).await,
//!             Err(reason) => println!("{from}: {reason}"),
//!         }
//!     });
//! }
//! # }
//! ```

mod accept;
mod client;
mod driver;
pub mod fanout;
mod listen;
mod merge;
mod play;
mod publish;
mod scratch;

pub use accept::{Config, Incoming, PendingPlay, PendingPublish, accept};
pub use client::{Client, ClientError};
pub use listen::{Connection, Listener};
pub use merge::DEFAULT_READ_MERGE;
pub use play::{Player, PlayerInput, PlayerReader, PlayerWriter};
pub use publish::Publisher;
pub use scratch::READ_BYTES;
