//! Publishing to a server, or playing from it.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use ::tokio::io::{AsyncRead, AsyncWrite};
use media_core::{Frame, Track};

use super::driver::{Driver, now, seed};
use crate::client::{ClientSession, Config, Event, SendError};
use crate::session::CloseReason;
use crate::url::RtmpUrl;

/// Bytes that may wait for the connection before [`Client::send_frame`] waits for it, too.
const UNSENT_BYTES: usize = 64 * 1024;

/// Why a client cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The connection is over.
    #[error(transparent)]
    Closed(CloseReason),
    /// What was to be sent cannot be.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// A client on a connection. Dropping it closes the connection; [`Client::finish`] does so politely.
#[derive(Debug)]
pub struct Client<Io> {
    driver: Driver<Io, ClientSession>,
    /// Taken from the session while sending.
    waiting: Option<Event>,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Client<Io> {
    /// Publishes to `url` over a connection to its host (TLS being the connection's business); returns once the server lets
    /// us.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn publish(io: Io, url: RtmpUrl) -> Result<Self, CloseReason> {
        Self::connect(io, Config::publish(url)).await
    }

    /// Plays `url` over a connection to its host; returns once the server lets us.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn play(io: Io, url: RtmpUrl) -> Result<Self, CloseReason> {
        Self::connect(io, Config::play(url)).await
    }

    /// Publishes or plays, with everything that can be set.
    ///
    /// # Errors
    /// Why the server does not let us.
    pub async fn connect(io: Io, config: Config) -> Result<Self, CloseReason> {
        let session = ClientSession::new(config, seed(), now());
        let mut driver = Driver::new(io, session, Duration::ZERO);
        loop {
            match driver.next_event().await {
                Event::Publishing | Event::Playing => return Ok(Self { driver, waiting: None }),
                Event::Closed { reason } => return Err(reason),
                _ => {}
            }
        }
    }

    /// What the server sends, and at the end [`Event::Closed`].
    ///
    /// Cancel-safe: dropping the future loses nothing.
    pub async fn next_event(&mut self) -> Event {
        match self.waiting.take() {
            Some(event) => event,
            None => self.driver.next_event().await,
        }
    }

    /// Announces a track, or its new headers; they go out before the next frame.
    ///
    /// # Errors
    /// [`ClientError`] when the session is over, or there are too many tracks.
    pub fn send_track(&mut self, track: Track) -> Result<(), ClientError> {
        Ok(self.driver.session.send_track(track)?)
    }

    /// Sends a frame, and waits while more than 64 KiB are on their way to a connection that does not take them.
    ///
    /// Cancel-safe: a frame is queued at the first poll.
    ///
    /// # Errors
    /// [`ClientError`] when the connection is over.
    pub async fn send_frame(&mut self, frame: &Frame) -> Result<(), ClientError> {
        if let Some(Event::Closed { reason }) = &self.waiting {
            return Err(ClientError::Closed(reason.clone()));
        }
        self.driver.session.send_frame(frame)?;
        self.flush(UNSENT_BYTES).await
    }

    /// Waits until everything was handed to the connection.
    ///
    /// # Errors
    /// [`ClientError`] when the connection is over.
    pub async fn flush(&mut self, leave_bytes: usize) -> Result<(), ClientError> {
        poll_fn(|cx| {
            // An event of the last round that nobody has taken stops the reading, but not the writing.
            if self.waiting.is_none()
                && let Poll::Ready(event) = self.driver.poll_event(cx)
            {
                self.waiting = Some(event);
            }
            self.driver.write_queued(cx);
            match &self.waiting {
                Some(Event::Closed { reason }) => Poll::Ready(Err(ClientError::Closed(reason.clone()))),
                _ if self.driver.unsent_bytes() <= leave_bytes => Poll::Ready(Ok(())),
                _ => Poll::Pending,
            }
        })
        .await
    }

    /// The session, for pausing and for what the server announced.
    pub fn session(&mut self) -> &mut ClientSession {
        &mut self.driver.session
    }

    /// Ends publishing or playing as one should, and closes the connection, within a second.
    pub async fn finish(mut self) {
        self.driver.session.finish(now());
        self.driver.close().await;
    }
}
