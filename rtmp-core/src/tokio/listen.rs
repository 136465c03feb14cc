//! Accepting over TCP.

use std::io;
use std::net::SocketAddr;

use ::tokio::net::{TcpListener, TcpStream};

use super::accept::{Config, Incoming, accept};
use crate::session::CloseReason;

/// A TCP listener. It sets no limit on connections: whoever accepts does.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    config: Config,
}

impl Listener {
    /// Listens on an address.
    ///
    /// # Errors
    /// The system's, such as a port that is taken.
    pub async fn bind(address: SocketAddr, config: Config) -> io::Result<Self> {
        Ok(Self { tcp: TcpListener::bind(address).await?, config })
    }

    /// The address it listens on, with the port the system chose if none was given.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// The next connection, of which nothing was read yet.
    ///
    /// # Errors
    /// The system's. Most pass (a connection reset early, too many open files): wait a little and go on.
    pub async fn accept(&self) -> io::Result<(Connection, SocketAddr)> {
        let (tcp, from) = self.tcp.accept().await?;
        // Answers are small and waited for; media are written a tick at a time.
        tcp.set_nodelay(true)?;
        Ok((Connection { tcp, config: self.config.clone() }, from))
    }
}

/// A connection of which nothing was read yet.
#[derive(Debug)]
pub struct Connection {
    tcp: TcpStream,
    config: Config,
}

impl Connection {
    /// What the peer wants: see [`accept`].
    ///
    /// # Errors
    /// Why the connection ended before it asked for anything.
    pub async fn request(self) -> Result<Incoming<TcpStream>, CloseReason> {
        accept(self.tcp, &self.config).await
    }
}
