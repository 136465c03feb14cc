//! The server as a library in the test's own process, with an authority of the test's.

use std::net::SocketAddr;
use std::sync::Arc;

use pulse_server::Server;
use pulse_server::authority::Authority;
use pulse_server::config::Config;
use rtmp_core::tokio::Client;
use rtmp_core::{CloseReason, RtmpUrl};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// A running server, and what it wrote.
pub(crate) struct Embedded {
    server: Server,
    _data: TempDir,
}

impl Embedded {
    /// Starts one that asks `authority`, or that is open.
    pub(crate) async fn start(authority: Option<Arc<dyn Authority>>) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder can be made");
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = Config::default();
        config.data_dir = data.path().to_owned();
        config.open = authority.is_none();
        config.http.listen = loopback;
        (config.rtmp.listen, config.ops.listen) = (Some(loopback), Some(loopback));
        let server = match authority {
            Some(authority) => Server::start_with(config, authority).await,
            None => Server::start(config).await,
        };
        Self { server: server.expect("the server starts"), _data: data }
    }

    /// Asks to publish to the application `live`, or to play.
    pub(crate) async fn publish(&self, key: &str) -> Result<Client<TcpStream>, CloseReason> {
        Client::publish(self.connect().await, self.rtmp_url("live", key)).await
    }

    pub(crate) async fn play(&self, id: &str) -> Result<Client<TcpStream>, CloseReason> {
        Client::play(self.connect().await, self.rtmp_url("play", id)).await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.rtmp_address()).await.expect("the server accepts connections")
    }

    pub(crate) fn rtmp_url(&self, app: &str, name: &str) -> RtmpUrl {
        RtmpUrl::parse(&format!("rtmp://{}/{app}/{name}", self.rtmp_address())).expect("a valid address")
    }

    fn rtmp_address(&self) -> SocketAddr {
        self.server.addresses().rtmp.expect("RTMP is on")
    }

    /// An address on the public listener.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.addresses().http.expect("HTTP is on"))
    }
}
