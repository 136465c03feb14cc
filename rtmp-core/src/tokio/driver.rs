//! What all drivers do: read into the session, write what it transmits, keep its timer.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ::tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use ::tokio::time::{Sleep, sleep_until, timeout};
use bytes::{Buf, Bytes};

use super::merge::Merge;
use super::scratch::{self, READ_BYTES};
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
    /// The last read emptied the connection.
    drained: bool,
    /// Media have come: reads may be merged from here on.
    media: bool,
    /// The connection wakes nobody: it is asked at every tick.
    unwatched: bool,
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
            drained: false,
            media: false,
            unwatched: false,
        }
    }

    /// Merges reads over another time from here on.
    pub(super) fn set_read_merge(&mut self, period: Duration) {
        self.merge.set_period(period);
    }

    /// Asks the connection at every tick from here on, because it wakes nobody. `false`, and nothing changes, where reads are not
    /// merged.
    pub(super) fn ask_at_ticks(&mut self) -> bool {
        self.unwatched = self.merge.is_on();
        self.unwatched
    }

    /// The next event. Cancel-safe: nothing is lost when the future is dropped.
    pub(super) async fn next_event(&mut self) -> S::Event {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<S::Event> {
        loop {
            match self.session.poll_output() {
                Output::Transmit(bytes) => {
                    self.unsent_bytes += bytes.len();
                    self.unsent.push_back(bytes);
                    // Whatever cannot be written now is written below, or after the events before it were taken.
                    self.poll_write(cx);
                }
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
        // Not only after reads that ended a message: ffmpeg writes a message's header apart from its body.
        if (self.media || self.unwatched) && std::mem::take(&mut self.drained) {
            self.merge.hold();
        }
        if self.unsent_bytes > S::READ_WHILE_QUEUED || self.merge.poll_go(cx).is_pending() {
            return false;
        }
        let (io, session) = (&mut self.io, &mut self.session);
        let read = scratch::poll_read(io, cx, |bytes| {
            match bytes {
                [] => session.handle_eof(now()),
                bytes => session.handle_input(now(), bytes),
            }
            bytes.len()
        });
        match read {
            Poll::Pending if self.unwatched => {
                self.merge.hold();
                return self.merge.poll_go(cx).is_ready();
            }
            Poll::Pending => return false,
            Poll::Ready(Ok(len)) => self.drained = len < READ_BYTES,
            Poll::Ready(Err(_)) => self.session.handle_eof(now()),
        }
        true
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
