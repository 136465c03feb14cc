//! Which request goes where.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::body::Body;
use super::problem::Problem;
use super::{App, cors, flv, hls, page};

/// Answers a request.
pub(super) async fn answer(app: &Arc<App>, request: Request<Incoming>, remote: SocketAddr) -> Response<Body> {
    let (head, _) = request.into_parts();
    let path = head.uri.path();
    if head.method == Method::OPTIONS {
        return cors::preflight();
    }
    if head.method != Method::GET && head.method != Method::HEAD {
        return method_not_allowed();
    }
    if let Some(rest) = path.strip_prefix("/hls/") {
        return media(hls::answer(app, &head, rest, remote).await);
    }
    if let Some(rest) = path.strip_prefix("/flv/") {
        return media(flv::answer(app, &head, rest, remote).await);
    }
    if let Some(rest) = path.strip_prefix("/watch/") {
        return page::answer(rest);
    }
    match path {
        "/healthz" => plain("ok\n", StatusCode::OK),
        "/readyz" if app.is_ready() => plain("ready\n", StatusCode::OK),
        "/readyz" => plain("not ready\n", StatusCode::SERVICE_UNAVAILABLE),
        _ => Problem::not_found("not_found", "There is nothing at this address.").response(),
    }
}

fn media(answer: Result<Response<Body>, Problem>) -> Response<Body> {
    let mut response = answer.unwrap_or_else(|problem| problem.response());
    cors::allow(response.headers_mut());
    response
}

fn method_not_allowed() -> Response<Body> {
    let detail = "Media is fetched with GET or HEAD.";
    let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail).response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    cors::allow(response.headers_mut());
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
