//! `/flv/{stream}.flv`: the stream as one endless FLV file.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response};
use rtmp_core::tokio::fanout;

use super::App;
use super::admission::{denied, token, view};
use super::body::{Body, StreamError};
use super::head::Head;
use super::problem::Problem;
use crate::app::Withdrawn;
use crate::authority::Grant;
use crate::live::Phase;
use crate::stream_id::StreamId;

/// Answers what follows `/flv/`.
pub(super) async fn answer(app: &Arc<App>, head: &Head, rest: &str) -> Result<Response<Body>, Problem> {
    let stream = rest.strip_suffix(".flv").and_then(StreamId::parse);
    let stream = stream.ok_or_else(|| Problem::not_found("stream_not_found", "There is no such stream."))?;
    let ask = view(head, stream.clone(), token(head));
    let admitted = app.admit(|authority| authority.play(ask)).await;
    let (grant, hold) = admitted.map_err(|refusal| denied(app, &stream, head.remote, &refusal))?;
    // From here on: what was granted may be taken back while the stream's tracks are waited for.
    let withdrawn = Box::pin(app.withdrawn(hold, grant.limits.expires_in));
    let life = match app.registry.find(&stream).map(|channel| channel.phase()) {
        Some(Phase::Live(life) | Phase::Away(life)) => life,
        Some(Phase::Restarted) => {
            let detail = "The server was restarted and waits for the stream's encoder.";
            return Err(Problem::unavailable("stream_reconnecting", detail, Duration::from_secs(1)));
        }
        Some(Phase::Offline(_)) | None => {
            return Err(Problem::not_found("stream_offline", "The stream is not live."));
        }
    };
    let body = if head.method == Method::HEAD {
        Body::empty()
    } else {
        let fanout = life.outputs.flv().await.map_err(|_| too_many_forms())?;
        app.counters.plays.fetch_add(1, Relaxed);
        tracing::info!(stream = %grant.stream, remote = %head.remote, "playing over FLV");
        Body::Stream(Box::pin(Viewer { body: fanout.body(), withdrawn, grant, remote: head.remote }))
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("video/x-flv"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn too_many_forms() -> Problem {
    let detail = "The stream is sent in as many forms as there may be.";
    Problem::unavailable("limit_reached", detail, Duration::from_secs(5))
}

/// A viewer's body: the fan-out's bytes until the stream ends or the right to see it does.
struct Viewer {
    body: fanout::Body,
    withdrawn: Pin<Box<dyn Future<Output = Withdrawn> + Send>>,
    grant: Grant,
    remote: SocketAddr,
}

impl HttpBody for Viewer {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let this = self.get_mut();
        if this.withdrawn.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        this.body.poll_next(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let why = self
            .body
            .end()
            .map_or("the viewer left, or may not watch any more".to_owned(), |end| end.to_string());
        tracing::info!(stream = %self.grant.stream, remote = %self.remote, why, "FLV viewer gone");
    }
}
