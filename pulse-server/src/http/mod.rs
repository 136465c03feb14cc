//! HTTP for viewers: playlists, parts and segments, FLV, the player page.

mod admission;
pub mod body;
mod conn;
mod cors;
mod flv;
mod hls;
pub mod page;
pub mod problem;
mod range;
mod router;

pub use conn::{Connections, serve};

pub use crate::app::App;
