//! The loads, one a subcommand.

pub mod accounts;
pub mod api;
pub mod bare;
pub mod blocked;
pub mod first_playlist;
pub mod floor;
pub mod get;
pub mod hls;
pub mod hot;
pub mod join;
pub mod play;
pub mod publish;
pub mod relay;
pub mod revoke;
pub mod urls;

use std::io::Write;
use std::sync::Arc;

use serde_json::Value;

use crate::clip::Clip;
use crate::rtmp::publish::CHUNK_SIZE;
use crate::wire::Wire;

/// Connections made at once before the server is given time to accept them: half of nginx's backlog.
const CONNECT_BURST: usize = 200;

/// Runs a load on one thread.
///
/// # Errors
/// The load's.
pub fn block_on(load: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(load)
}

/// The clip's chunks for a run of `seconds`, with half a minute to spare.
fn wire(seconds: f64) -> anyhow::Result<Arc<Wire>> {
    Ok(Arc::new(Wire::new(&Clip::load()?, seconds.ceil() as u32 + 30, CHUNK_SIZE)))
}

/// `{n}` in a URL is the stream's number.
fn numbered(url: &str, n: usize) -> String {
    url.replace("{n}", &n.to_string())
}

/// Prints one line and sees that it is read at once.
pub(crate) fn print(report: &Value) {
    let mut out = std::io::stdout().lock();
    // Who does not read has gone.
    let _ = writeln!(out, "{report}").and_then(|()| out.flush());
}
