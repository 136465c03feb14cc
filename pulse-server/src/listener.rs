//! TCP listeners: opened with a long queue, accepted from until the server drains.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// Connections that the kernel holds until they are accepted; a reconnect storm should not be refused.
const BACKLOG: u32 = 4096;
/// The pause after a failed accept: out of descriptors, usually, and some may close meanwhile.
const PAUSE: Duration = Duration::from_millis(100);
/// How often refusals are logged at most; a flood of connections must not become a flood of lines.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// Opens a listener.
///
/// # Errors
/// When the address cannot be had.
pub(crate) fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The next connection, which sends without delay: what belongs together is written together. `None` once `draining` says so.
pub(crate) async fn accept(
    listener: &TcpListener,
    draining: &mut watch::Receiver<bool>,
) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = draining.wait_for(|draining| *draining) => return None,
        };
        match accepted {
            Ok((stream, remote)) => {
                // Fails only on a connection that is gone, which its first read will tell.
                let _ = stream.set_nodelay(true);
                return Some((stream, remote));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Counts refused connections between two lines of the log.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    count: u64,
    logged: Option<Instant>,
}

impl Refusals {
    /// Notes that a connection was refused; `limit` is the setting that says so.
    pub(crate) fn note(&mut self, remote: SocketAddr, limit: &'static str) {
        self.count += 1;
        if self.logged.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            tracing::warn!(last = %remote, refused = self.count, limit, "connections refused");
            (self.count, self.logged) = (0, Some(Instant::now()));
        }
    }
}
