//! A TCP connection that can be taken from the runtime's reactor, and given back.
//!
//! The reactor is woken for every segment that arrives, whether anybody waits for it or not: with hundreds of publishers of 70 messages
//! a second this costs more than reading them. A publisher's connection is therefore unwatched, and read at ticks.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// The connection.
#[derive(Debug)]
pub(super) enum Socket {
    /// The reactor wakes who waits for it.
    Watched(TcpStream),
    /// Nobody is woken; non-blocking all the same.
    Unwatched {
        /// The connection.
        stream: std::net::TcpStream,
        /// The last read emptied it: the next one need not ask the kernel to be told so.
        drained: bool,
        /// Bytes that were given out and are still in the kernel's buffer.
        peeked: usize,
        /// Leaves what it reads in the kernel's buffer until the next read.
        lazy: bool,
    },
    /// It could not be moved between the two.
    Lost,
}

/// Connections over a [`Socket`].
pub(super) trait Unwatch {
    /// The socket beneath.
    fn socket(&mut self) -> &mut Socket;
}

impl Unwatch for Socket {
    fn socket(&mut self) -> &mut Socket {
        self
    }
}

impl Unwatch for TlsStream<Socket> {
    fn socket(&mut self) -> &mut Socket {
        self.get_mut().0
    }
}

impl Socket {
    /// Takes it from the reactor.
    pub(super) fn unwatch(&mut self) {
        if let Self::Watched(stream) = std::mem::replace(self, Self::Lost) {
            delay_acknowledgements(&stream);
            *self = stream.into_std().map_or(Self::Lost, |stream| Self::Unwatched {
                stream,
                drained: false,
                peeked: 0,
                lazy: false,
            });
        }
    }

    /// Leaves what is read in the kernel's buffer until the next read, or does not any more. A read that empties the buffer sends an
    /// acknowledgement, which costs as much as the read; for a connection that is read at long ticks, leaving the bytes until there are more
    /// spares it.
    pub(super) fn set_lazy(&mut self, on: bool) {
        if let Self::Unwatched { lazy, .. } = self {
            *lazy = on;
        }
    }

    /// Gives it back.
    pub(super) fn watch(&mut self) {
        *self = match std::mem::replace(self, Self::Lost) {
            Self::Unwatched { stream, peeked, .. } => discard(&stream, peeked, &mut [0; 4096])
                .and_then(|()| TcpStream::from_std(stream))
                .map_or(Self::Lost, Self::Watched),
            other => other,
        };
    }
}

/// Takes bytes from the kernel's buffer that were given out before.
fn discard(stream: &std::net::TcpStream, bytes: usize, scratch: &mut [u8]) -> io::Result<()> {
    let mut left = bytes;
    while left > 0 {
        let most = left.min(scratch.len());
        match discard_once(stream, scratch.get_mut(..most).unwrap_or_default())? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            discarded => left = left.saturating_sub(discarded),
        }
    }
    Ok(())
}

/// Linux copies nothing with this flag (tcp(7)).
#[cfg(target_os = "linux")]
fn discard_once(stream: &std::net::TcpStream, scratch: &mut [u8]) -> io::Result<usize> {
    let (_, discarded) = rustix::net::recv(stream, scratch, rustix::net::RecvFlags::TRUNC)?;
    Ok(discarded)
}

#[cfg(not(target_os = "linux"))]
fn discard_once(mut stream: &std::net::TcpStream, scratch: &mut [u8]) -> io::Result<usize> {
    stream.read(scratch)
}

/// Lets the kernel acknowledge as for an interactive connection: every other full segment, or with a timer. Otherwise every read that
/// empties the socket sends an acknowledgement, a fifth of what a publisher costs. Where the system has no such switch, it does.
fn delay_acknowledgements(stream: &TcpStream) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = stream.set_quickack(false);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = stream;
}

/// What a call on an unwatched socket means: nobody will be woken, whoever asks will ask again.
fn at_once<T>(done: io::Result<T>) -> Poll<io::Result<T>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Poll::Pending,
        done => Poll::Ready(done),
    }
}

fn lost<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Watched(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unwatched { stream, drained, peeked, lazy } => {
                if std::mem::take(drained) {
                    return Poll::Pending;
                }
                let bytes = buf.initialize_unfilled();
                discard(stream, std::mem::take(peeked), bytes)?;
                let read = if *lazy { stream.peek(bytes) } else { stream.read(bytes) };
                if let Ok(len) = read {
                    *peeked = if *lazy { len } else { 0 };
                    *drained = (1..bytes.len()).contains(&len);
                }
                at_once(read.map(|len| buf.advance(len)))
            }
            Self::Lost => lost(),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Watched(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unwatched { stream, .. } => at_once(stream.write(bytes)),
            Self::Lost => lost(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Watched(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            Self::Unwatched { stream, .. } => at_once(stream.write_vectored(pieces)),
            Self::Lost => lost(),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Watched(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unwatched { stream, .. } => Poll::Ready(stream.shutdown(Shutdown::Write)),
            Self::Lost => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// What an unwatched socket has, once it has something.
    async fn ask(socket: &mut Socket) -> Vec<u8> {
        let mut bytes = [0; 8];
        loop {
            let mut buf = ReadBuf::new(&mut bytes);
            let mut cx = Context::from_waker(std::task::Waker::noop());
            match Pin::new(&mut *socket).poll_read(&mut cx, &mut buf) {
                Poll::Ready(done) => break done.map(|()| buf.filled().to_vec()).unwrap(),
                Poll::Pending => tokio::task::yield_now().await,
            }
        }
    }

    #[tokio::test]
    async fn an_unwatched_socket_is_read_when_asked_and_watched_again_when_given_back() {
        for lazy in [false, true] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let mut socket = Socket::Watched(listener.accept().await.unwrap().0);
            socket.unwatch();
            socket.set_lazy(lazy);
            for words in ["one", "two", "a longer one"] {
                peer.write_all(words.as_bytes()).await.unwrap();
                let mut heard = ask(&mut socket).await;
                while heard.len() < words.len() {
                    heard.extend(ask(&mut socket).await);
                }
                assert_eq!(heard, words.as_bytes(), "lazy: {lazy}");
            }
            socket.watch();
            peer.write_all(b"two").await.unwrap();
            let mut bytes = [0; 8];
            assert_eq!(socket.read(&mut bytes).await.unwrap(), 3);
            socket.write_all(b"back").await.unwrap();
            assert_eq!(peer.read(&mut bytes).await.unwrap(), 4);
        }
    }

    #[tokio::test]
    async fn the_end_comes_after_everything_that_was_left_in_the_buffer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut socket = Socket::Watched(listener.accept().await.unwrap().0);
        socket.unwatch();
        socket.set_lazy(true);
        peer.write_all(b"last").await.unwrap();
        drop(peer);
        assert_eq!(ask(&mut socket).await, b"last");
        assert_eq!(ask(&mut socket).await, b"");
    }
}
