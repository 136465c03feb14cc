//! What is kept of a request while it is answered.

use std::net::SocketAddr;

use hyper::header::{
    ACCEPT_ENCODING, HeaderMap, HeaderName, IF_NONE_MATCH, IF_RANGE, ORIGIN, RANGE, REFERER,
};
use hyper::{Method, Request};

use super::host;

/// What answering needs of a request.
///
/// All of it is copied: whoever keeps hyper's own for the seconds that a blocking request waits keeps the buffer of 8 KiB that it was
/// read into, and makes the connection allocate another to read on.
#[derive(Debug)]
pub(super) struct Head {
    /// Who asks.
    pub(super) remote: SocketAddr,
    /// The method.
    pub(super) method: Method,
    /// Whether it says as it must for which host it is.
    pub(super) sound_host: bool,
    path: Box<str>,
    query: Option<Box<str>>,
    /// Whether Accept-Encoding allows gzip.
    pub(super) gzip: bool,
    /// Range, where it is text.
    pub(super) range: Option<Box<str>>,
    /// If-Range, whatever it is.
    pub(super) if_range: Option<Box<[u8]>>,
    /// If-None-Match, whatever it is.
    pub(super) if_none_match: Option<Box<[u8]>>,
    /// Referer, where it is text.
    pub(super) referrer: Option<Box<str>>,
    /// Origin, where it is text.
    pub(super) origin: Option<Box<str>>,
}

impl Head {
    /// What `request` says.
    pub(super) fn of<B>(request: &Request<B>, remote: SocketAddr) -> Self {
        let (uri, headers) = (request.uri(), request.headers());
        let bytes = |name: HeaderName| headers.get(name).map(|value| value.as_bytes().into());
        let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(Into::into);
        Self {
            remote,
            method: request.method().clone(),
            sound_host: host::is_sound(request.version(), headers),
            path: uri.path().into(),
            query: uri.query().map(Into::into),
            gzip: accepts_gzip(headers),
            range: text(RANGE),
            if_range: bytes(IF_RANGE),
            if_none_match: bytes(IF_NONE_MATCH),
            referrer: text(REFERER),
            origin: text(ORIGIN),
        }
    }

    /// The target's path.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The target's query, where there is one.
    pub(super) fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    accepted.split(',').any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        matches!(name.trim(), "gzip" | "*")
            && !matches!(quality.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::header::HeaderValue;
    use hyper::http::uri::PathAndQuery;

    use super::*;

    #[test]
    fn a_waiting_request_keeps_nothing_of_the_read_buffer() {
        let buffer = Bytes::from(
            b"/hls/show/-/video/index.m3u8?_HLS_msn=7 bytes=0-9 \"tag\" \"tag\" http://a/".to_vec(),
        );
        let mut words = buffer.split(|byte| *byte == b' ').map(|word| buffer.slice_ref(word));
        let target = PathAndQuery::from_maybe_shared(words.next().unwrap()).unwrap();
        let mut request = Request::new(());
        *request.uri_mut() = target.into();
        for (name, value) in [RANGE, IF_RANGE, IF_NONE_MATCH, REFERER].into_iter().zip(words) {
            request.headers_mut().insert(name, HeaderValue::from_maybe_shared(value).unwrap());
        }
        let head = Head::of(&request, SocketAddr::from(([127, 0, 0, 1], 80)));
        assert!(!buffer.is_unique(), "the request shares the buffer");
        drop(request);
        assert!(buffer.is_unique());
        assert_eq!((head.path(), head.query()), ("/hls/show/-/video/index.m3u8", Some("_HLS_msn=7")));
        assert_eq!(head.range.as_deref(), Some("bytes=0-9"));
        assert_eq!(head.if_range.as_deref(), Some(b"\"tag\"".as_slice()));
        assert_eq!(head.if_none_match, head.if_range);
        assert_eq!(head.referrer.as_deref(), Some("http://a/"));
    }

    #[test]
    fn gzip_is_taken_where_it_is_not_refused() {
        let gzip = |accepted: &'static str| {
            accepts_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accepted))]))
        };
        for accepted in ["gzip", "deflate, gzip;q=0.5", "br,*", "*;q=1"] {
            assert!(gzip(accepted), "{accepted}");
        }
        for refused in ["", "identity", "br, deflate", "gzip;q=0", "gzip; q=0.000"] {
            assert!(!gzip(refused), "{refused}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
