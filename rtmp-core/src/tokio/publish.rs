//! An accepted publisher.

use std::time::Instant;

use ::tokio::io::{AsyncRead, AsyncWrite};

use super::driver::{Driver, now};
use crate::server::{Ending, Event, ServerSession};

/// An accepted publisher. Dropping it closes the connection.
#[derive(Debug)]
pub struct Publisher<Io> {
    driver: Driver<Io, ServerSession>,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Publisher<Io> {
    pub(super) fn new(driver: Driver<Io, ServerSession>) -> Self {
        Self { driver }
    }

    /// What the publisher sends: tracks, frames, metadata, and at the end [`Event::Closed`], after which there is nothing to wait
    /// for. The connection is read only in here, so a publisher whose events nobody takes is slowed down.
    ///
    /// Cancel-safe: dropping the future loses nothing.
    pub async fn next_event(&mut self) -> Event {
        self.driver.next_event().await
    }

    /// The next event of what the connection has by `now`, for servers that ask all their publishers at ticks: with hundreds of them this
    /// saves a timer, a wake-up and a task switch each. Ask until there is none. Nobody is woken for what comes later, so the connection may
    /// be one that the reactor does not watch.
    pub fn try_event(&mut self, now: Instant) -> Option<Event> {
        self.driver.try_event(now)
    }

    /// The connection, for its addresses or its certificate.
    pub fn io(&self) -> &Io {
        &self.driver.io
    }

    /// The connection, to take it from the runtime's reactor, or to give it back before it is ended.
    pub fn io_mut(&mut self) -> &mut Io {
        &mut self.driver.io
    }

    /// Ends the publishing: the encoder is told and the connection closed, within a second.
    pub async fn end(mut self, why: Ending) {
        self.driver.session.end(now(), why);
        self.driver.close().await;
    }

    /// Asks the encoder to connect anew at its next key frame, here or to `tc_url`; `false` if it did not announce that it can.
    /// Events go on meanwhile.
    pub fn request_reconnect(&mut self, tc_url: Option<&str>) -> bool {
        self.driver.session.request_reconnect(now(), tc_url)
    }

    /// Delivers the last words after [`Event::Closed`] and closes the connection, within a second.
    pub async fn close(self) {
        self.driver.close().await;
    }
}
