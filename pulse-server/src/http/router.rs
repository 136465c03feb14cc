//! Which request goes where.

use std::sync::Arc;

use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Method, Response, StatusCode};

use super::body::Body;
use super::cors::Readers;
use super::head::Head;
use super::problem::Problem;
use super::{App, account, cors, flv, hls, host, page};

/// Answers a request.
pub(super) async fn answer(app: &Arc<App>, head: &Head) -> Response<Body> {
    let path = head.path();
    if !head.sound_host {
        return Problem::new(StatusCode::BAD_REQUEST, "invalid_request", host::UNSOUND).response();
    }
    if head.method == Method::OPTIONS {
        return Box::pin(preflight(app, head)).await;
    }
    if head.method != Method::GET && head.method != Method::HEAD {
        return method_not_allowed();
    }
    if let Some(rest) = path.strip_prefix("/hls/") {
        let answer = hls::answer(app, head, rest).await;
        // What a connection may wait in is part of its size, and that this is to be looked up is rare.
        return match Readers::known(app, head.path()) {
            Some(readers) => media(answer, &readers, head),
            None => Box::pin(looked_up(app, head, answer)).await,
        };
    }
    if let Some(rest) = path.strip_prefix("/flv/") {
        // What a connection may wait in is part of its size: what is not a request for HLS media has a place of its own.
        return Box::pin(async move { looked_up(app, head, flv::answer(app, head, rest).await).await }).await;
    }
    if let Some(rest) = path.strip_prefix("/watch/") {
        return page::answer(rest);
    }
    match path {
        "/" => to_docs(),
        "/healthz" => plain("ok\n", StatusCode::OK),
        "/readyz" if app.is_ready() => plain("ready\n", StatusCode::OK),
        "/readyz" => plain("not ready\n", StatusCode::SERVICE_UNAVAILABLE),
        _ => account::answer(path).unwrap_or_else(nothing),
    }
}

fn nothing() -> Response<Body> {
    Problem::not_found("not_found", "There is nothing at this address.").response()
}

/// Whoever opens the server's bare address sees what it can do.
fn to_docs() -> Response<Body> {
    let mut response = plain("The API's reference is at /docs/.\n", StatusCode::FOUND);
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/docs/"));
    response
}

async fn preflight(app: &App, head: &Head) -> Response<Body> {
    cors::preflight(&Readers::of(app, head.path()).await, head.origin.as_deref())
}

async fn looked_up(app: &App, head: &Head, answer: Result<Response<Body>, Problem>) -> Response<Body> {
    media(answer, &Readers::of(app, head.path()).await, head)
}

fn media(answer: Result<Response<Body>, Problem>, readers: &Readers, head: &Head) -> Response<Body> {
    let mut response = answer.unwrap_or_else(|problem| problem.response());
    cors::allow(response.headers_mut(), readers, head.origin.as_deref());
    response
}

fn method_not_allowed() -> Response<Body> {
    let detail = "Media is fetched with GET or HEAD.";
    let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail).response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    cors::allow(response.headers_mut(), &Readers::Anybody, None);
    response
}

fn plain(text: &'static str, status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Full(bytes::Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
