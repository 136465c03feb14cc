//! The response body: shared bytes, never copied, or a live stream of them.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// Why a streaming body broke off.
pub(crate) type StreamError = Box<dyn std::error::Error + Send + Sync>;

/// A body that ends when its source does, polled for bytes.
pub(crate) type ByteStream = Pin<Box<dyn HttpBody<Data = Bytes, Error = StreamError> + Send>>;

/// A response body.
pub(crate) enum Body {
    /// One run of bytes.
    Full(Bytes),
    /// A range of shared pieces (a segment shares its parts' bytes).
    Pieces(Pieces),
    /// A live stream without a length.
    Stream(ByteStream),
}

/// What is left to send of a packaged resource.
pub(crate) struct Pieces {
    source: hls_packager::Body,
    next: usize,
    skip: usize,
    remaining: usize,
}

impl Pieces {
    /// `len` bytes from `start` on. The caller has checked that the resource has them.
    pub(crate) fn new(source: hls_packager::Body, start: usize, len: usize) -> Self {
        let (mut next, mut skip) = (0, start);
        for piece in source.pieces() {
            if skip < piece.len() {
                break;
            }
            skip -= piece.len();
            next += 1;
        }
        Self { source, next, skip, remaining: len }
    }

    fn take(&mut self) -> Option<Bytes> {
        if self.remaining == 0 {
            return None;
        }
        let mut piece = self.source.pieces().get(self.next)?.clone();
        piece.advance(self.skip.min(piece.len()));
        piece.truncate(self.remaining);
        self.next += 1;
        self.skip = 0;
        self.remaining -= piece.len();
        Some(piece)
    }
}

impl Body {
    /// No bytes.
    pub(crate) fn empty() -> Self {
        Self::Full(Bytes::new())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Full(bytes)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        match self.get_mut() {
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Pieces(pieces) => Poll::Ready(pieces.take().map(|piece| Ok(Frame::data(piece)))),
            Self::Stream(stream) => stream.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_empty(),
            Self::Pieces(pieces) => pieces.remaining == 0,
            Self::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Pieces(pieces) => SizeHint::with_exact(pieces.remaining as u64),
            Self::Stream(stream) => stream.size_hint(),
        }
    }
}
