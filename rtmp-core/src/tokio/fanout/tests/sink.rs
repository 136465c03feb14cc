//! A connection that takes what a test allows, and remembers it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use ::tokio::io::AsyncWrite;

#[derive(Clone, Debug, Default)]
pub(super) struct Sink {
    state: Arc<Mutex<State>>,
    plain: bool,
}

#[derive(Debug, Default)]
struct State {
    written: Vec<u8>,
    writes: usize,
    room: Option<usize>,
    fails: bool,
    shut: bool,
}

impl Sink {
    /// A connection that takes everything.
    pub(super) fn open() -> Self {
        Self::default()
    }

    /// A connection that takes `room` bytes.
    pub(super) fn narrow(room: usize) -> Self {
        let sink = Self::default();
        sink.allow(room);
        sink
    }

    /// A connection without vectored writes, like TLS.
    pub(super) fn plain() -> Self {
        Self { plain: true, ..Self::default() }
    }

    /// From now on it takes `room` bytes more.
    pub(super) fn allow(&self, room: usize) {
        self.state.lock().unwrap().room = Some(room);
    }

    pub(super) fn fail(&self) {
        self.state.lock().unwrap().fails = true;
    }

    pub(super) fn written(&self) -> Vec<u8> {
        self.state.lock().unwrap().written.clone()
    }

    pub(super) fn writes(&self) -> usize {
        self.state.lock().unwrap().writes
    }

    pub(super) fn is_shut(&self) -> bool {
        self.state.lock().unwrap().shut
    }
}

impl AsyncWrite for Sink {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state.lock().unwrap();
        if state.fails {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let taken = state.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        if taken == 0 {
            return Poll::Pending;
        }
        if let Some(room) = &mut state.room {
            *room -= taken;
        }
        state.writes += 1;
        state.written.extend_from_slice(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        self.poll_write(cx, &all)
    }

    fn is_write_vectored(&self) -> bool {
        !self.plain
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.lock().unwrap().shut = true;
        Poll::Ready(Ok(()))
    }
}
