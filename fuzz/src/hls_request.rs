//! Any path and query is a request, and what it names it names in one spelling.

use std::time::Instant;

use hls_packager::{Reply, Request, Window};

use crate::script::Script;

/// The length of the path, the path, and the query.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let len = usize::from(script.u8());
    let path = String::from_utf8_lossy(script.bytes(len)).into_owned();
    let query = String::from_utf8_lossy(script.rest()).into_owned();
    let now = Instant::now();
    let request = Request::parse(&path, Some(&query), now);
    if let Some(rendition) = request.rendition() {
        assert!(path.starts_with(&format!("{rendition}/")), "{path} is of {rendition}");
    }
    assert!(!request.is_media_playlist() || path.ends_with("/index.m3u8"));
    assert_eq!(request, Request::parse(&path, Some(&query), now));
    if let Reply::Ready(_) = Window::new().answer(now, &request) {
        panic!("an empty window answered {path}");
    }
}
