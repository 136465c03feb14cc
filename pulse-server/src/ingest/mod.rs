//! RTMP in: connections, who they are, and what they may do.

mod connection;
mod connections;
mod play;
mod publish;
mod rejections;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtmp_core::server::{Config as SessionConfig, Event, ServerSession};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::app::App;
use crate::config::Config;
use crate::tls::Certificate;
use connection::Connection;
pub use connections::Connections;
use connections::Counted;
pub use rejections::Rejections;

/// How long a TLS handshake may take.
const TLS_TIMEOUT: Duration = Duration::from_secs(5);

/// Accepts connections until `draining` says otherwise.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    tls: Option<Arc<Certificate>>,
    mut draining: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = draining.wait_for(|draining| *draining) => return,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, usually: let some close before trying again.
                tracing::warn!(%error, "cannot accept an RTMP connection");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let limits = &app.config.load().limits;
        let (most, of_address) = (limits.rtmp_connections, limits.rtmp_connections_per_address);
        let Some(counted) = app.rtmp_connections.enter(remote.ip(), most, of_address) else {
            tracing::warn!(%remote, "RTMP connection refused: too many, in all or of this address (limits.rtmp_connections)");
            continue;
        };
        tokio::spawn(accept(Arc::clone(&app), stream, remote, tls.clone(), counted));
    }
}

async fn accept(
    app: Arc<App>,
    stream: TcpStream,
    remote: SocketAddr,
    tls: Option<Arc<Certificate>>,
    _counted: Counted,
) {
    // Ticks are written whole; waiting for more would only add latency.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return converse(&app, stream, remote).await };
    match timeout(TLS_TIMEOUT, tls.rtmps().accept(stream)).await {
        Ok(Ok(stream)) => Box::pin(converse(&app, stream, remote)).await,
        Ok(Err(error)) => tracing::debug!(%remote, %error, "RTMPS handshake failed"),
        Err(_) => tracing::debug!(%remote, "RTMPS handshake timed out"),
    }
}

/// Talks to a peer until it publishes or plays, and then does that.
async fn converse<I>(app: &Arc<App>, io: I, remote: SocketAddr)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = app.config.load();
    let session = ServerSession::new(session_config(&config), seed(), Instant::now());
    let merge = Duration::from_millis(config.rtmp.read_merge_ms);
    drop(config);
    let mut connection = Connection::new(io, session, merge);
    loop {
        match connection.next().await {
            Event::Publish(request) => return publish::run(app, connection, request, remote).await,
            Event::Play(request) => return play::run(app, connection, request, remote).await,
            Event::Closed { reason } => {
                return tracing::debug!(%remote, %reason, "RTMP connection closed before it published or played");
            }
            _ => {}
        }
    }
}

fn session_config(config: &Config) -> Arc<SessionConfig> {
    let rtmp = &config.rtmp;
    let mut session = SessionConfig::default();
    session.timeouts.handshake = Duration::from_secs(rtmp.handshake_timeout_s);
    session.timeouts.request = Duration::from_secs(rtmp.command_timeout_s);
    session.timeouts.publisher_silent = Duration::from_secs(config.ingest.silent_timeout_s);
    session.limits.publisher.message_bytes = u32::try_from(rtmp.max_message_bytes).unwrap_or(u32::MAX);
    session.chunk_size = u32::try_from(rtmp.chunk_size).unwrap_or(u32::MAX);
    Arc::new(session)
}

/// Connections differ in what they send first; nothing secret depends on it.
fn seed() -> u64 {
    let mut seed = [0; 8];
    let _ = getrandom::fill(&mut seed);
    u64::from_le_bytes(seed)
}
