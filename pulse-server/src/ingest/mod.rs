//! RTMP in: connections, who they are, and what they may do.

mod connections;
mod feeding;
mod halves;
mod play;
mod publish;
mod rejections;
mod socket;
mod ticks;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rtmp_core::server;
use rtmp_core::tokio::Incoming;
use rtmp_core::{ConnectInfo, Target};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::app::App;
use crate::authority::Client;
use crate::config::Config;
use crate::listener::{self, Refusals};
use crate::tls::Certificate;
pub(crate) use connections::Connections;
use connections::Counted;
use halves::Halves;
pub(crate) use rejections::Rejections;
use socket::{Socket, Unwatch};
pub(crate) use ticks::Ticks;

/// What a peer said of itself.
fn client(target: &Target, connect: &ConnectInfo) -> Client {
    Client {
        app: target.app.to_string(),
        software: connect.software.to_string(),
        tc_url: connect.tc_url.to_string(),
        swf_url: connect.swf_url.to_string(),
        page_url: connect.page_url.to_string(),
        params: target.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    }
}

/// How long a TLS handshake may take.
const TLS_TIMEOUT: Duration = Duration::from_secs(5);

/// Accepts connections until `draining` says otherwise.
pub(crate) async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    tls: Option<Arc<Certificate>>,
    mut draining: watch::Receiver<bool>,
) {
    let (mut refusals, mut shared) = (Refusals::default(), Shared::of(&app));
    while let Some((stream, remote)) = listener::accept(&listener, &mut draining).await {
        shared.renew(&app);
        let limits = &shared.config.limits;
        let (most, of_address) = (limits.rtmp_connections, limits.rtmp_connections_per_address);
        match app.rtmp_connections.enter(remote.ip(), most, of_address) {
            Some(counted) => {
                let peer = Peer { app: Arc::clone(&app), remote, _counted: counted };
                tokio::spawn(accept(peer, stream, tls.clone(), shared.connection.clone()));
            }
            None => refusals.note(remote, "limits.rtmp_connections, in all or per address"),
        }
    }
}

/// What new connections have in common, made once for each configuration.
struct Shared {
    config: Arc<Config>,
    connection: rtmp_core::tokio::Config,
}

impl Shared {
    fn of(app: &App) -> Self {
        let config = app.config.load_full();
        Self { connection: connection_config(&config), config }
    }

    fn renew(&mut self, app: &App) {
        if !Arc::ptr_eq(&self.config, &app.config.load()) {
            *self = Self::of(app);
        }
    }
}

/// Whose connection it is, for as long as it is served.
struct Peer {
    app: Arc<App>,
    remote: SocketAddr,
    _counted: Counted,
}

async fn accept(
    peer: Peer,
    stream: TcpStream,
    tls: Option<Arc<Certificate>>,
    config: rtmp_core::tokio::Config,
) {
    let (stream, remote) = (Socket::Watched(stream), peer.remote);
    let Some(tls) = tls else { return converse(peer, stream, &config).await };
    match timeout(TLS_TIMEOUT, tls.rtmps().accept(stream)).await {
        Ok(Ok(stream)) => Box::pin(converse(peer, stream, &config)).await,
        Ok(Err(error)) => tracing::debug!(%remote, %error, "RTMPS handshake failed"),
        Err(_) => tracing::debug!(%remote, "RTMPS handshake timed out"),
    }
}

/// Talks to a peer until it publishes or plays. Those who are let in go on in a task of their own, which is smaller than what led
/// there.
async fn converse<I>(peer: Peer, io: I, config: &rtmp_core::tokio::Config)
where
    I: AsyncRead + AsyncWrite + Unwatch + Halves + Unpin + Send + 'static,
{
    match rtmp_core::tokio::accept(io, config).await {
        Ok(Incoming::Publish(pending)) => Box::pin(publish::admit(peer, pending)).await,
        Ok(Incoming::Play(pending)) => Box::pin(play::admit(peer, pending)).await,
        Err(reason) => {
            tracing::debug!(remote = %peer.remote, %reason, "RTMP connection closed before it published or played");
        }
    }
}

fn connection_config(config: &Config) -> rtmp_core::tokio::Config {
    let rtmp = &config.rtmp;
    let mut session = server::Config::default();
    session.timeouts.handshake = Duration::from_secs(rtmp.handshake_timeout_s);
    session.timeouts.request = Duration::from_secs(rtmp.command_timeout_s);
    session.timeouts.publisher_silent = Duration::from_secs(config.ingest.silent_timeout_s);
    session.limits.publisher.message_bytes = narrow(rtmp.max_message_bytes);
    // One message of the longest kind, and what else may be interleaved with it.
    session.limits.publisher.assembly_bytes = rtmp.max_message_bytes + rtmp.max_message_bytes / 2;
    let mut connection = rtmp_core::tokio::Config::default();
    connection.session = Arc::new(session);
    // Publishers whose reads are merged are asked at our own ticks.
    connection.read_merge = Duration::ZERO;
    connection
}

/// The configuration has checked the range.
fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_message_that_is_allowed_can_be_put_together() {
        let mut config = Config::default();
        config.rtmp.max_message_bytes = (16 << 20) - 1;
        let limits = connection_config(&config).session.limits.publisher;
        assert!(limits.assembly_bytes > limits.message_bytes as usize);
    }
}
