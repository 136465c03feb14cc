//! The Pulse server: wiring of the crates, as a library.
//!
//! A [`Server`] accepts RTMP publishers, packages them for HLS and hands them out over Low-Latency HLS, RTMP and HTTP-FLV. Who may do what
//! is for an [`Authority`](authority::Authority) to say; the built-in one knows the configured streams.
//!
//! ```no_run
//! use pulse_server::{Server, config::Config};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let mut config = Config::default();
//! config.open = true;
//! let server = Server::start(config).await?;
//! println!("publish to rtmp://{}/live/anything", server.addresses().rtmp.unwrap());
//! tokio::signal::ctrl_c().await?;
//! server.drain().await;
//! # Ok(())
//! # }
//! ```

mod app;
pub mod authority;
pub mod cli;
pub mod config;
pub mod demo;
mod http;
mod identity;
mod ingest;
mod listener;
mod live;
mod live_path;
mod logging;
mod mail;
mod network;
mod operate;
mod ops;
mod platform;
mod run;
mod server;
mod stream_id;
mod tls;
mod v1;

pub use app::App;
pub use platform::{MasterKeyError, PlatformError};
pub use run::run;
pub use server::{Addresses, Server, StartError};
pub use stream_id::StreamId;
