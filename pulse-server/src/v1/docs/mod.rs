//! `/docs`: the API's reference in the browser, made of `/openapi.json` by a small page of our own.
//!
//! Everything lies in the binary, so that it works without the internet, and under a policy that allows nothing else.

use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};

/// What the page may do: its own script and style, and asking this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router {
    let page = || async { file(include_str!("page.html"), "text/html; charset=utf-8") };
    let script = || async { file(include_str!("page.js"), "text/javascript; charset=utf-8") };
    let style = || async { file(include_str!("page.css"), "text/css; charset=utf-8") };
    Router::new()
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(page))
        .route("/docs/page.js", get(script))
        .route("/docs/page.css", get(style))
}

fn file(text: &'static str, media_type: &'static str) -> Response {
    let headers =
        [(CONTENT_TYPE, media_type), (CACHE_CONTROL, "no-cache"), (CONTENT_SECURITY_POLICY, POLICY)];
    (headers, text).into_response()
}
