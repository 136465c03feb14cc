//! The two directions of a player's connection.
//!
//! A thousand players are written to at every tick, and what that costs beside the kernel is mostly memory that has gone cold since the
//! last: the lock between two halves, the reactor's entry. A TCP connection needs neither.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::io::Errno;
use rustix::net::SendFlags;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_rustls::server::TlsStream;

use super::socket::Socket;

/// Connections that can be taken apart.
pub(super) trait Halves: Sized {
    /// What comes from the peer.
    type Read: AsyncRead + Send + Unpin + 'static;
    /// What goes to it. Wakes nobody when it takes more.
    type Write: AsyncWrite + Send + Unpin + 'static;

    fn halves(self) -> (Self::Read, Self::Write);
}

impl Halves for TlsStream<Socket> {
    type Read = ReadHalf<Self>;
    type Write = WriteHalf<Self>;

    fn halves(self) -> (Self::Read, Self::Write) {
        tokio::io::split(self)
    }
}

impl Halves for Socket {
    type Read = Reading;
    type Write = Writing;

    fn halves(mut self) -> (Reading, Writing) {
        self.watch();
        match self {
            Self::Watched(stream) => {
                let (read, write) = stream.into_split();
                (Reading(Some(read)), Writing(Some(write)))
            }
            _ => (Reading(None), Writing(None)),
        }
    }
}

/// What comes over TCP; nothing of a connection that was lost.
#[derive(Debug)]
pub(super) struct Reading(Option<OwnedReadHalf>);

/// What goes over TCP, written without asking the reactor first.
#[derive(Debug)]
pub(super) struct Writing(Option<OwnedWriteHalf>);

impl AsyncRead for Reading {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Some(read) => Pin::new(read).poll_read(cx, buf),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Writing {
    fn write(
        &self,
        call: impl FnOnce(&tokio::net::TcpStream) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let Some(half) = &self.0 else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        match call(half.as_ref()) {
            // Whoever writes asks again.
            Err(Errno::AGAIN | Errno::INTR) => Poll::Pending,
            done => Poll::Ready(done.map_err(Into::into)),
        }
    }
}

impl AsyncWrite for Writing {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(|stream| rustix::net::send(stream, bytes, SendFlags::NOSIGNAL))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(|stream| rustix::io::writev(stream, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Some(half) => Pin::new(half).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn a_full_connection_is_pending_and_a_closed_one_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut read, mut write) = Socket::Watched(listener.accept().await.unwrap().0).halves();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let bytes = [7; 100_000];
        let mut written = 0;
        while let Poll::Ready(len) =
            Pin::new(&mut write).poll_write_vectored(&mut cx, &[IoSlice::new(&bytes)])
        {
            written += len.unwrap();
        }
        let mut received = vec![0; written];
        peer.read_exact(&mut received).await.unwrap();
        peer.write_all(b"pause").await.unwrap();
        let mut said = [0; 5];
        read.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"pause");
        drop((peer, read));
        let refused = loop {
            match Pin::new(&mut write).poll_write(&mut cx, &bytes) {
                Poll::Ready(Err(error)) => break error,
                _ => tokio::task::yield_now().await,
            }
        };
        assert!(matches!(refused.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset));
    }
}
