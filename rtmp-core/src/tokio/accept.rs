//! A connection up to the peer's request.

use std::sync::Arc;
use std::time::Duration;

use ::tokio::io::{AsyncRead, AsyncWrite};

use super::driver::{Driver, now, seed};
use super::merge::DEFAULT_READ_MERGE;
use super::play::Player;
use super::publish::Publisher;
use crate::server::{self, Event, PlayRequest, PlayStart, PublishRequest, Rejection, ServerSession};
use crate::session::CloseReason;

/// What all connections of a server share.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// For the sessions.
    pub session: Arc<server::Config>,
    /// How long reads from a publisher may be put off, so that several messages are read at once and many publishers in one
    /// go. Default [`DEFAULT_READ_MERGE`]; zero reads every message as it comes.
    pub read_merge: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { session: Arc::default(), read_merge: DEFAULT_READ_MERGE }
    }
}

/// What a peer wants.
#[derive(Debug)]
pub enum Incoming<Io> {
    /// To publish.
    Publish(PendingPublish<Io>),
    /// To play.
    Play(PendingPlay<Io>),
}

/// Takes a connection through handshake and commands to the peer's request.
///
/// Ends by itself within the timeouts of [`server::Config`].
///
/// # Errors
/// Why the connection ended before it asked for anything.
pub async fn accept<Io>(io: Io, config: &Config) -> Result<Incoming<Io>, CloseReason>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let session = ServerSession::new(Arc::clone(&config.session), seed(), now());
    let mut driver = Driver::new(io, session, config.read_merge);
    loop {
        match driver.next_event().await {
            Event::Publish(request) => return Ok(Incoming::Publish(PendingPublish { driver, request })),
            Event::Play(request) => return Ok(Incoming::Play(PendingPlay { driver, request })),
            Event::Closed { reason } => {
                driver.close().await;
                return Err(reason);
            }
            _ => {}
        }
    }
}

/// A request to publish. Nothing is read from the connection until it is answered; dropping it closes the connection.
#[derive(Debug)]
pub struct PendingPublish<Io> {
    driver: Driver<Io, ServerSession>,
    request: PublishRequest,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> PendingPublish<Io> {
    /// What the peer wants.
    pub fn request(&self) -> &PublishRequest {
        &self.request
    }

    /// The connection, for its addresses or its certificate.
    pub fn io(&self) -> &Io {
        &self.driver.io
    }

    /// Lets the publisher in, and tells it so at once. If the connection ended meanwhile, its first event says so.
    pub async fn accept(self) -> Publisher<Io> {
        let Self { mut driver, request } = self;
        driver.session.handle_timeout(now());
        driver.session.accept_publish(now(), request);
        driver.write_now().await;
        Publisher::new(driver)
    }

    /// Turns it away, and closes the connection once it was told, within a second.
    pub async fn reject(self, why: Rejection) {
        let Self { mut driver, request } = self;
        driver.session.reject(now(), request, why);
        driver.close().await;
    }
}

/// A request to play. Nothing is read from the connection until it is answered; dropping it closes the connection.
#[derive(Debug)]
pub struct PendingPlay<Io> {
    driver: Driver<Io, ServerSession>,
    request: PlayRequest,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> PendingPlay<Io> {
    /// What the peer wants.
    pub fn request(&self) -> &PlayRequest {
        &self.request
    }

    /// The connection, for its addresses or its certificate.
    pub fn io(&self) -> &Io {
        &self.driver.io
    }

    /// Lets the player in. If the connection ended meanwhile, its first event says so.
    pub fn accept(self, start: &PlayStart) -> Player<Io> {
        let Self { mut driver, request } = self;
        let (connect, stream_id) = (Arc::clone(&request.connect), request.stream_id);
        driver.session.handle_timeout(now());
        driver.session.accept_play(now(), request, start);
        Player::new(driver, connect, stream_id)
    }

    /// Turns it away, and closes the connection once it was told, within a second.
    pub async fn reject(self, why: Rejection) {
        let Self { mut driver, request } = self;
        driver.session.reject(now(), request, why);
        driver.close().await;
    }
}
