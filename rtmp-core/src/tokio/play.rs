//! An accepted player, up to where the media are written.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use ::tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use ::tokio::time::{Sleep, sleep_until};
use bytes::{Bytes, BytesMut};

use super::driver::{Driver, now};
use super::scratch;
use crate::capability::Capabilities;
use crate::command::ConnectInfo;
use crate::server::{Ending, Event, PlayNotice, ServerSession};
use crate::session::Output;

/// An accepted player. Dropping it closes the connection.
///
/// It has to be [split](Player::split): the reading half follows what the player says, the writing half takes the media.
#[derive(Debug)]
pub struct Player<Io> {
    driver: Driver<Io, ServerSession>,
    connect: Arc<ConnectInfo>,
    stream_id: u32,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Player<Io> {
    pub(super) fn new(driver: Driver<Io, ServerSession>, connect: Arc<ConnectInfo>, stream_id: u32) -> Self {
        Self { driver, connect, stream_id }
    }

    /// What the player can receive.
    pub fn capabilities(&self) -> &Capabilities {
        &self.connect.capabilities
    }

    /// The message stream on which the media have to be sent.
    pub fn stream_id(&self) -> u32 {
        self.stream_id
    }

    /// The connection, for its addresses or its certificate.
    pub fn io(&self) -> &Io {
        &self.driver.io
    }

    /// The two directions, to be driven apart.
    pub fn split(self) -> (PlayerReader<ReadHalf<Io>>, PlayerWriter<WriteHalf<Io>>) {
        self.split_with(::tokio::io::split)
    }

    /// [`Player::split`] for a connection that is taken apart in a way of its own, without the lock between the halves that any
    /// connection needs.
    pub fn split_with<R, W>(self, split: impl FnOnce(Io) -> (R, W)) -> (PlayerReader<R>, PlayerWriter<W>) {
        let Driver { io, mut session, unsent, .. } = self.driver;
        let mut first = BytesMut::new();
        unsent.iter().for_each(|bytes| first.extend_from_slice(bytes));
        let mut events = Vec::new();
        loop {
            match session.poll_output() {
                Output::Transmit(bytes) => first.extend_from_slice(&bytes),
                Output::Event(event) => events.push(event),
                Output::Timeout(_) => break,
            }
        }
        let (read, write) = split(io);
        let reader = PlayerReader { io: read, session, early: events.into_iter(), timer: None };
        let writer = PlayerWriter {
            io: write,
            first: first.freeze(),
            capabilities: self.connect.capabilities,
            stream_id: self.stream_id,
        };
        (reader, writer)
    }
}

/// What comes from a player's reading half.
#[derive(Debug)]
pub enum PlayerInput {
    /// The player paused, wants no sound, or is gone: [`Event::Closed`] is the last.
    Event(Event),
    /// Bytes of the session's own (answers, pings), to be written between two whole messages.
    Transmit(Bytes),
}

/// The reading half of a player: its commands, and the session's timers. Uses no read buffer of its own.
#[derive(Debug)]
pub struct PlayerReader<R> {
    io: R,
    session: ServerSession,
    early: std::vec::IntoIter<Event>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<R: AsyncRead + Unpin> PlayerReader<R> {
    /// What the player says next. Whoever writes has to take [`PlayerInput::Transmit`] in order; while it does not ask, nothing
    /// is read from the player.
    ///
    /// Cancel-safe: dropping the future loses nothing.
    pub async fn next(&mut self) -> PlayerInput {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`PlayerReader::next`], for those who drive many players from one task.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<PlayerInput> {
        if let Some(event) = self.early.next() {
            return Poll::Ready(PlayerInput::Event(event));
        }
        loop {
            match self.session.poll_output() {
                Output::Transmit(bytes) => return Poll::Ready(PlayerInput::Transmit(bytes)),
                Output::Event(event) => return Poll::Ready(PlayerInput::Event(event)),
                // Asked once more after the last event: there is nothing that could wake us.
                Output::Timeout(_) if self.session.is_closed() => return Poll::Pending,
                Output::Timeout(at) => {
                    if !self.poll_timer(at, cx) && !self.poll_read(cx) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// Ends the playing: what is to be said comes as [`PlayerInput::Transmit`], then [`Event::Closed`].
    pub fn end(&mut self, why: Ending) {
        self.session.end(now(), why);
    }

    /// Tells the player of its stream's publisher, as [`PlayerInput::Transmit`]. A fan-out that tells all players at once shares
    /// [`PlayNotice::to_bytes`] between them.
    pub fn notify(&mut self, notice: PlayNotice) {
        self.session.notify(now(), notice);
    }

    fn poll_timer(&mut self, at: Instant, cx: &mut Context<'_>) -> bool {
        let at = ::tokio::time::Instant::from_std(at);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        if timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.session.handle_timeout(now());
        true
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> bool {
        let session = &mut self.session;
        let read = scratch::poll_read(&mut self.io, cx, |bytes| match bytes {
            [] => session.handle_eof(now()),
            bytes => session.handle_input(now(), bytes),
        });
        match read {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => self.session.handle_eof(now()),
        }
        true
    }
}

/// The writing half of a player, and what has to be known to write to it.
#[derive(Debug)]
#[non_exhaustive]
pub struct PlayerWriter<W> {
    /// Where to write.
    pub io: W,
    /// What has to be written before the first media message.
    pub first: Bytes,
    /// What the player can receive.
    pub capabilities: Capabilities,
    /// The message stream on which the media have to be sent.
    pub stream_id: u32,
}
