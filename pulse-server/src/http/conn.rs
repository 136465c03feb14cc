//! HTTP connections: HTTP/1.1 and HTTP/2, in the clear and over TLS, bounded and drained.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, timeout};

use super::App;
use super::body::Body;
use super::head::Head;
use crate::listener::{Refusals, accept};
use crate::tls::Certificate;
use crate::v1::{V1, client_address};

/// How long a client may take for a request's head, and stay idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a TLS handshake may take.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take nothing of an answer before it is cut off.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Bounds what a connection buffers of its requests, head included.
const MAX_BUFFER: usize = 16 * 1024;
/// Concurrent requests of one HTTP/2 connection: both renditions' playlists, parts and a page beside them.
const MAX_STREAMS: u32 = 64;
/// How an HTTP/2 client without TLS begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI ";

/// Counts open connections against the configured bound.
#[derive(Clone, Default)]
pub struct Connections(Arc<AtomicUsize>);

struct Counted(Connections);

impl Connections {
    fn enter(&self, most: usize) -> Option<Counted> {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(self.clone());
        (before < most).then_some(counted)
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Accepts connections until `draining` says otherwise; each is then finished gracefully.
pub(crate) async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    tls: Option<Arc<Certificate>>,
    mut draining: watch::Receiver<bool>,
) {
    let mut refusals = Refusals::default();
    while let Some((stream, remote)) = accept(&listener, &mut draining).await {
        match app.connections.enter(app.config.load().limits.http_connections) {
            Some(counted) => {
                let (app, draining) = (Arc::clone(&app), draining.clone());
                let viewer = Viewer { app, remote, secure: tls.is_some(), draining };
                tokio::spawn(connection(viewer, stream, tls.clone(), counted));
            }
            None => refusals.note(remote, "limits.http_connections"),
        }
    }
}

/// One client of ours.
struct Viewer {
    app: Arc<App>,
    remote: SocketAddr,
    /// Whether over TLS.
    secure: bool,
    draining: watch::Receiver<bool>,
}

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Serves a connection to its end.
///
/// Many thousands of these wait at once, nearly all of them in HTTP/1: other protocols' larger states are boxed, and no value is moved
/// from one future into another that lives as long, because both would have room for it.
fn connection(
    viewer: Viewer,
    stream: TcpStream,
    tls: Option<Arc<Certificate>>,
    counted: Counted,
) -> impl Future<Output = ()> + Send {
    let remote = viewer.remote;
    async move {
        let ended = match tls {
            Some(tls) => Box::pin(secure(viewer, stream, &tls)).await,
            None if speaks_http2(&stream).await => Box::pin(http2(viewer, stream)).await,
            None => http1(viewer, stream).await,
        };
        if let Err(error) = ended {
            tracing::debug!(%remote, %error, "HTTP connection ended");
        }
        drop(counted);
    }
}

async fn secure(viewer: Viewer, stream: TcpStream, tls: &Certificate) -> Ended {
    let stream = timeout(TLS_TIMEOUT, tls.https().accept(stream)).await??;
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        http2(viewer, stream).await
    } else {
        http1(viewer, stream).await
    }
}

/// Whether the client's first bytes are HTTP/2's preface.
async fn speaks_http2(stream: &TcpStream) -> bool {
    let mut head = [0; PREFACE.len()];
    // Fewer bytes than these are no HTTP request yet, and what HTTP/1 does with them is right.
    matches!(timeout(HEAD_TIMEOUT, stream.peek(&mut head)).await, Ok(Ok(4)) if head == PREFACE)
}

fn http1<I>(viewer: Viewer, io: I) -> impl Future<Output = Ended>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(Guarded::new(io)), service(viewer.app, viewer.remote, viewer.secure));
    async move {
        tokio::select! {
            ended = &mut connection => return Ok(ended?),
            () = drained(viewer.draining) => Pin::new(&mut connection).graceful_shutdown(),
        }
        Ok((&mut connection).await?)
    }
}

async fn http2<I>(viewer: Viewer, io: I) -> Ended
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_BUFFER as u32)
        .serve_connection(TokioIo::new(Guarded::new(io)), service(viewer.app, viewer.remote, viewer.secure));
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return Ok(ended?),
        () = drained(viewer.draining) => connection.as_mut().graceful_shutdown(),
    }
    Ok(connection.await?)
}

/// Answers requests. A request is let go of before its answer is waited for: see [`Head`].
fn service(
    app: Arc<App>,
    remote: SocketAddr,
    secure: bool,
) -> impl Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send + 'static> {
    service_fn(move |request: Request<Incoming>| {
        let app = Arc::clone(&app);
        let head = Head::of(&request, client(&app, &request, remote));
        // What a connection may wait in is part of its size: the API's answers have a place of their own.
        let api = V1::has(head.path()).then(|| {
            let app = Arc::clone(&app);
            Box::pin(async move { app.v1().answer(request, remote, secure).await })
        });
        async move {
            Ok(match api {
                Some(answer) => answer.await,
                None => super::router::answer(&app, &head).await,
            })
        }
    })
}

/// Who asks, where a trusted proxy stands between.
fn client<B>(app: &App, request: &Request<B>, remote: SocketAddr) -> SocketAddr {
    if !request.headers().contains_key(client_address::FORWARDED_FOR) {
        return remote;
    }
    let trusted = &app.config.load().api.trusted_proxies;
    SocketAddr::new(client_address::of(remote.ip(), request.headers(), trusted), remote.port())
}

async fn drained(mut draining: watch::Receiver<bool>) {
    // An error means that the server is gone, which is as good a reason.
    let _ = draining.wait_for(|draining| *draining).await;
}

/// Cuts off a peer that takes nothing for [`STALL_TIMEOUT`], which hyper does not do by itself.
struct Guarded<I> {
    io: I,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<I> Guarded<I> {
    fn new(io: I) -> Self {
        Self { io, stalled: None }
    }

    fn progress<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let deadline = Instant::now() + STALL_TIMEOUT;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Guarded<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Guarded<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.progress(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.progress(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.progress(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_returned<A, F>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    /// With the buffers that hyper allocates (8 KiB to read, 8 KiB to write), this is what a connection costs.
    #[test]
    fn the_state_of_a_connection_is_small() {
        let connection =
            size_of_returned(|(viewer, stream, tls, counted)| connection(viewer, stream, tls, counted));
        assert!(connection <= 1_152, "{connection} bytes for a connection");
        let answer = size_of_returned(|(app, remote, request)| service(app, remote, false).call(request));
        assert!(answer <= 736, "{answer} bytes for the answer it waits for");
    }
}
