//! The player page, embedded at build time.

use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

use super::body::Body;
use super::problem::Problem;
use crate::stream_id::StreamId;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/page.rs"));
}

static FILES: LazyLock<HashMap<&str, &'static [u8]>> =
    LazyLock::new(|| embedded::FILES.iter().copied().collect());

/// What the page may do: its own scripts, styles and media, and nothing inline. Media Source Extensions are attached by a blob URL;
/// there is no worker. Any site may embed the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      media-src 'self' blob:; base-uri 'none'; form-action 'none'";
const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>Pulse</title><h1>The player page is not in this build</h1>\
                         <p>Build it with <code>npm ci &amp;&amp; npm run build</code> in <code>pulse-server/web</code>, then build the \
                         server again; <code>make demo</code> does both. The stream itself can be played at \
                         <code>/hls/STREAM/index.m3u8</code>.";

/// `/watch/…`: the page of a stream, or one of its assets.
pub(crate) fn answer(rest: &str) -> Response<Body> {
    if let Some(asset) = rest.strip_prefix("assets/") {
        return match FILES.get(format!("assets/{asset}").as_str()) {
            Some(bytes) => file(bytes, media_type(asset), "public, max-age=31536000, immutable"),
            None => Problem::not_found("not_found", "The player page has no such file.").response(),
        };
    }
    if StreamId::parse(rest).is_none() {
        return Problem::not_found(
            "stream_not_found",
            "A stream's id is 1 to 64 characters A-Z a-z 0-9 _ -.",
        )
        .response();
    }
    match FILES.get("index.html") {
        Some(bytes) => file(bytes, "text/html; charset=utf-8", "no-cache"),
        None => {
            let mut response = file(NOT_BUILT.as_bytes(), "text/html; charset=utf-8", "no-store");
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
    }
}

/// Whether the page was there at build time.
pub(crate) fn is_built() -> bool {
    FILES.contains_key("index.html")
}

fn file(bytes: &'static [u8], media_type: &'static str, cache: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Full(Bytes::from_static(bytes)));
    let fields: [(HeaderName, &str); 5] = [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, cache),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chromium says in `the_page_plays_thirty_seconds_without_a_stall` whether the page can do without.
    #[test]
    fn every_file_of_the_page_comes_with_a_policy_that_allows_nothing_inline() {
        let answer = answer("show");
        let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        for loose in ["unsafe", "data:", "*", "http:", "https:", "worker-src"] {
            assert!(!policy.contains(loose), "{policy}");
        }
        assert_eq!(policy.matches("blob:").count(), 1, "{policy}");
    }
}
