//! HTTP for viewers: playlists, parts and segments, FLV, the player page; and the pages that mails lead to.

mod account;
mod admission;
pub(crate) mod body;
mod conn;
mod cors;
mod flv;
mod head;
mod hls;
pub(crate) mod host;
pub(crate) mod page;
pub(crate) mod problem;
mod range;
mod router;

pub(crate) use conn::{Connections, serve};

pub(crate) use crate::app::App;
