//! What all drivers do: read into the session, write what it transmits, keep its timer.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use ::tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use ::tokio::time::{Sleep, sleep_until, timeout};
use bytes::{Buf, Bytes};

use super::merge::Merge;
use super::scratch;
use crate::{ClientSession, Output, ServerSession, client, server};

/// How long a connection is kept to deliver its last words.
const LINGER: Duration = Duration::from_secs(1);

/// A session of either side.
pub(super) trait Session {
    type Event;
    /// With more than this waiting to be written nothing is read, so that a peer who does not read cannot make us queue
    /// answers.
    const READ_WHILE_QUEUED: usize;
    fn handle_input(&mut self, now: Instant, input: &[u8]);
    fn handle_timeout(&mut self, now: Instant);
    fn handle_eof(&mut self, now: Instant);
    fn poll_output(&mut self) -> Output<Self::Event>;
    fn take_transmit(&mut self) -> Option<Bytes>;
    fn is_closed(&self) -> bool;
    fn is_media(event: &Self::Event) -> bool;
}

impl Session for ServerSession {
    type Event = server::Event;
    const READ_WHILE_QUEUED: usize = 0;

    fn handle_input(&mut self, now: Instant, input: &[u8]) {
        self.handle_input(now, input);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn handle_eof(&mut self, now: Instant) {
        self.handle_eof(now);
    }

    fn poll_output(&mut self) -> Output<server::Event> {
        self.poll_output()
    }

    fn take_transmit(&mut self) -> Option<Bytes> {
        self.take_transmit()
    }

    fn is_closed(&self) -> bool {
        self.is_closed()
    }

    fn is_media(event: &server::Event) -> bool {
        matches!(event, server::Event::Frame(_))
    }
}

impl Session for ClientSession {
    type Event = client::Event;
    /// What waits is mostly media of ours: the server's words have to be heard meanwhile.
    const READ_WHILE_QUEUED: usize = 16 * 1024 * 1024;

    fn handle_input(&mut self, now: Instant, input: &[u8]) {
        self.handle_input(now, input);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn handle_eof(&mut self, now: Instant) {
        self.handle_eof(now);
    }

    fn poll_output(&mut self) -> Output<client::Event> {
        self.poll_output()
    }

    fn take_transmit(&mut self) -> Option<Bytes> {
        self.take_transmit()
    }

    fn is_closed(&self) -> bool {
        self.is_closed()
    }

    fn is_media(event: &client::Event) -> bool {
        matches!(event, client::Event::Frame(_))
    }
}

/// A session and its connection.
#[derive(Debug)]
pub(super) struct Driver<Io, S> {
    pub(super) io: Io,
    pub(super) session: S,
    /// Bytes the session gave out and the connection has not taken.
    pub(super) unsent: VecDeque<Bytes>,
    unsent_bytes: usize,
    timer: Option<Pin<Box<Sleep>>>,
    merge: Merge,
    /// Media have come: reads may be merged from here on.
    media: bool,
}

impl<Io: AsyncRead + AsyncWrite + Unpin, S: Session> Driver<Io, S> {
    pub(super) fn new(io: Io, session: S, read_merge: Duration) -> Self {
        Self {
            io,
            session,
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            timer: None,
            merge: Merge::new(read_merge),
            media: false,
        }
    }

    /// The next event. Cancel-safe: nothing is lost when the future is dropped.
    pub(super) async fn next_event(&mut self) -> S::Event {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<S::Event> {
        loop {
            match self.session.poll_output() {
                // Whatever cannot be written now is written below, or after the events before it were taken.
                Output::Transmit(bytes) => self.transmit(bytes, cx),
                Output::Event(event) => {
                    self.media |= S::is_media(&event);
                    return Poll::Ready(event);
                }
                // Asked once more after the last event: there is nothing that could wake us.
                Output::Timeout(_) if self.session.is_closed() => return Poll::Pending,
                Output::Timeout(at) => {
                    self.poll_write(cx);
                    if !self.poll_timer(at, cx) && !self.poll_read(cx) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// The next event of what the connection has by `now`. Nobody is woken for what comes later.
    pub(super) fn try_event(&mut self, now: Instant) -> Option<S::Event> {
        let cx = &mut Context::from_waker(Waker::noop());
        loop {
            match self.session.poll_output() {
                Output::Transmit(bytes) => self.transmit(bytes, cx),
                Output::Event(event) => return Some(event),
                Output::Timeout(_) if self.session.is_closed() => return None,
                Output::Timeout(at) if at <= now => self.session.handle_timeout(now),
                Output::Timeout(_) => {
                    self.poll_write(cx);
                    if !self.session.is_closed() && self.read_once(now, cx).is_pending() {
                        return None;
                    }
                }
            }
        }
    }

    fn transmit(&mut self, bytes: Bytes, cx: &mut Context<'_>) {
        self.unsent_bytes += bytes.len();
        self.unsent.push_back(bytes);
        self.poll_write(cx);
    }

    /// Takes over what the session transmits at this moment, and writes what the connection takes.
    pub(super) fn write_queued(&mut self, cx: &mut Context<'_>) {
        if let Some(bytes) = self.session.take_transmit() {
            self.unsent_bytes += bytes.len();
            self.unsent.push_back(bytes);
        }
        self.poll_write(cx);
    }

    /// Writes what can be written without waiting.
    pub(super) async fn write_now(&mut self) {
        std::future::poll_fn(|cx| {
            self.write_queued(cx);
            Poll::Ready(())
        })
        .await;
    }

    /// Bytes that wait for the connection.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.unsent_bytes
    }

    /// Writes what the connection takes.
    fn poll_write(&mut self, cx: &mut Context<'_>) {
        while let Some(front) = self.unsent.front_mut() {
            match Pin::new(&mut self.io).poll_write(cx, front) {
                Poll::Pending => return,
                Poll::Ready(Ok(written)) if written > 0 => {
                    front.advance(written.min(front.len()));
                    self.unsent_bytes = self.unsent_bytes.saturating_sub(written);
                    if front.is_empty() {
                        self.unsent.pop_front();
                    }
                }
                Poll::Ready(_) => {
                    self.unsent.clear();
                    self.unsent_bytes = 0;
                    self.session.handle_eof(now());
                    return;
                }
            }
        }
        self.unsent.shrink_to(4);
    }

    /// Calls the session at its moment; `true` when it was called. A timer that was set for an earlier moment is left alone: a
    /// session ignores calls that come early, and moments are put off with nearly every read.
    fn poll_timer(&mut self, at: Instant, cx: &mut Context<'_>) -> bool {
        let at = ::tokio::time::Instant::from_std(at);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() > at {
            timer.as_mut().reset(at);
        }
        if timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        timer.as_mut().reset(at.max(::tokio::time::Instant::now() + Duration::from_millis(1)));
        self.session.handle_timeout(now());
        true
    }

    /// Reads what there is; `false` when there is nothing, or it is not time.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> bool {
        if self.merge.poll_go(cx).is_pending() {
            return false;
        }
        if !self.media || !self.merge.is_on() {
            return self.read_once(now(), cx).is_ready();
        }
        // Up to the last byte, as TLS gives out a record at a time; and then nothing until the next tick, whatever comes.
        if self.read_once(now(), &mut Context::from_waker(Waker::noop())).is_ready() {
            return true;
        }
        self.merge.hold();
        self.merge.poll_go(cx).is_ready()
    }

    fn read_once(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.unsent_bytes > S::READ_WHILE_QUEUED {
            return Poll::Pending;
        }
        let (io, session) = (&mut self.io, &mut self.session);
        let read = scratch::poll_read(io, cx, |bytes| match bytes {
            [] => session.handle_eof(now),
            bytes => session.handle_input(now, bytes),
        });
        if let Err(_failed) = ready!(read) {
            self.session.handle_eof(now);
        }
        Poll::Ready(())
    }

    /// Delivers what is left to say and closes the connection, within a second. What the peer still sends is read and thrown
    /// away: closing with unread bytes would reset the connection, and the peer would lose what it was told.
    pub(super) async fn close(mut self) {
        self.unsent.extend(self.session.take_transmit());
        let _ = timeout(LINGER, self.say_goodbye()).await;
    }

    async fn say_goodbye(&mut self) -> io::Result<()> {
        for bytes in self.unsent.drain(..) {
            self.io.write_all(&bytes).await?;
        }
        self.io.shutdown().await?;
        let io = &mut self.io;
        while std::future::poll_fn(|cx| scratch::poll_read(io, cx, <[u8]>::len)).await? > 0 {}
        Ok(())
    }
}

/// The runtime's clock, which tests can pause.
pub(super) fn now() -> Instant {
    ::tokio::time::Instant::now().into_std()
}

/// A seed for a handshake: different for each connection, secret of nothing.
pub(super) fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
