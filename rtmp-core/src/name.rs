//! Where a publisher or player wants to go: application, stream name or key, and query parameters.

use std::fmt;

use crate::command::bounded;
use crate::percent;

/// Longest application, name or query taken from one field of a peer, in bytes; the rest is cut off. A JWT with its
/// claims fits; a peer's three fields together cost at most 24 KiB.
pub const MAX_FIELD_BYTES: usize = 8 * 1024;

/// Most query parameters kept from one request.
pub const MAX_PARAMS: usize = 32;

/// A stream key or name as the peer gave it, percent-decoded once.
///
/// For a publisher this is a secret, so `Debug` prints nothing of it and equality takes the same time for all keys of a
/// length.
#[derive(Clone, Eq, Default)]
pub struct StreamKey(Box<str>);

impl StreamKey {
    /// Wraps a key.
    pub fn new(key: impl Into<Box<str>>) -> Self {
        Self(key.into())
    }

    /// The secret itself. Not for logs.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the peer gave no name at all (GoPro cameras publish with an empty one).
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for StreamKey {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.0.as_bytes(), other.0.as_bytes());
        a.len() == b.len() && a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey(…)")
    }
}

/// Query parameters of a request, percent-decoded once. `Debug` prints the names only: the values may be tokens.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(Box<str>, Box<str>)>);

impl Params {
    /// The first value given for `name`: the stream name's query comes before the application's, that before `tcUrl`'s.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// All parameters, in order of precedence.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn extend_from_query(&mut self, query: &str, decode: bool) {
        for pair in query.split(['&', '?']).filter(|pair| !pair.is_empty()) {
            if self.0.len() == MAX_PARAMS {
                return;
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let text = |raw: &str| if decode { percent::decode(raw) } else { raw.to_owned() };
            self.0.push((text(name).into(), text(value).into()));
        }
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// What a peer's `connect` and `publish` or `play` name together.
///
/// Encoders split a URL in different places: ffmpeg at its last `/`, OBS between its two fields, with or without an
/// application. So the pieces are joined and split anew: the first path segment is the application, the rest the key. A
/// single segment without an application is the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// First path segment, percent-decoded once; empty when the peer gave none.
    pub app: Box<str>,
    /// The rest of the path, percent-decoded once; empty when the peer gave none.
    pub key: StreamKey,
    /// Query parameters found in the stream name, the application and `tcUrl`, in this order of precedence.
    pub params: Params,
}

impl Target {
    /// Reads the three fields in which peers place parts of one URL.
    pub fn parse(app: &str, tc_url: &str, name: &str) -> Self {
        let max = MAX_FIELD_BYTES;
        let (app, tc_url, name) = (bounded(app, max), bounded(tc_url, max), bounded(name, max));
        let mut params = Params::default();
        let name = path_of(name, Field::Name, &mut params);
        let mut app_path = path_of(app, Field::App, &mut params);
        let tc_path = path_of(url_path(tc_url), Field::App, &mut params);
        if trimmed(&app_path).is_empty() {
            app_path = tc_path;
        }
        let (app, key) = split(trimmed(&app_path), trimmed(&name));
        Self { app: app.into(), key: StreamKey::new(key), params }
    }
}

/// The path of `raw`, decoded; its query goes to `params`. A query whose question mark came percent-encoded is found after
/// decoding and not decoded a second time.
fn path_of(raw: &str, field: Field, params: &mut Params) -> String {
    if let Some((path, query)) = raw.split_once('?') {
        let (query, rest) = match field {
            Field::Name => (query, ""),
            Field::App => cut_query(query),
        };
        params.extend_from_query(query, true);
        return percent::decode(path) + &percent::decode(rest);
    }
    let decoded = percent::decode(raw);
    match decoded.split_once('?') {
        Some((path, query)) => {
            params.extend_from_query(query, false);
            path.to_owned()
        }
        None => decoded,
    }
}

/// `rtmp://host/app?token=x/name` may arrive whole in the application or `tcUrl`: there a slash ends the query and the path
/// goes on. In a stream name nothing can follow, so a slash is part of the value.
fn cut_query(query: &str) -> (&str, &str) {
    match query.find('/') {
        Some(at) => query.split_at(at),
        None => (query, ""),
    }
}

#[derive(Clone, Copy)]
enum Field {
    Name,
    App,
}

fn split<'a>(app: &'a str, name: &'a str) -> (&'a str, String) {
    let (path, rest) = if app.is_empty() { (name, "") } else { (app, name) };
    match path.split_once('/') {
        Some((first, second)) if rest.is_empty() => (first, second.to_owned()),
        Some((first, second)) => (first, format!("{second}/{rest}")),
        None if app.is_empty() => ("", name.to_owned()),
        None => (app, name.to_owned()),
    }
}

fn trimmed(path: &str) -> &str {
    path.trim_matches('/')
}

fn url_path(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or("", |(_, rest)| rest);
    after_scheme.find(['/', '?']).and_then(|at| after_scheme.get(at..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(app: &str, tc_url: &str, name: &str) -> (String, String, Option<String>) {
        let target = Target::parse(app, tc_url, name);
        (target.app.into(), target.key.expose().into(), target.params.get("token").map(Into::into))
    }

    fn expect(app: &str, key: &str, token: Option<&str>) -> (String, String, Option<String>) {
        (app.into(), key.into(), token.map(Into::into))
    }

    #[test]
    fn trap_15_the_token_may_be_anywhere() {
        let with = expect("live", "key", Some("x y"));
        assert_eq!(parse("live", "rtmp://h/live", "key?token=x%20y"), with);
        assert_eq!(parse("live?vhost=v&token=x%20y", "rtmp://h/live?vhost=v&token=x%20y", "key"), with);
        assert_eq!(parse("live", "rtmp://h:1935/live?token=x%20y", "key"), with);
        assert_eq!(parse("live?token=x%20y/key", "", ""), with);
        assert_eq!(parse("live", "", "key"), expect("live", "key", None));
    }

    #[test]
    fn trap_15_the_stream_name_wins_over_the_application() {
        let target = Target::parse("live?token=a&room=1", "rtmp://h/live?token=b", "key?token=c");
        assert_eq!(target.params.get("token"), Some("c"));
        assert_eq!(target.params.get("room"), Some("1"));
    }

    #[test]
    fn trap_15_decoding_happens_once() {
        assert_eq!(parse("live", "", "key?token=%2541"), expect("live", "key", Some("%41")));
        assert_eq!(parse("live", "", "key%3Ftoken%3D%2541"), expect("live", "key", Some("%41")));
        assert_eq!(parse("live", "", "a%2Fb"), expect("live", "a/b", None));
    }

    #[test]
    fn trap_15_every_split_of_a_path_is_the_same_target() {
        let same = expect("live", "proj/key", None);
        assert_eq!(parse("live", "rtmp://h/live", "proj/key"), same);
        assert_eq!(parse("live/proj", "rtmp://h/live/proj", "key"), same);
        assert_eq!(parse("", "rtmp://h", "live/proj/key"), same);
        assert_eq!(parse("live/proj/key", "rtmp://h/live/proj/key", ""), same);
        assert_eq!(parse("live/", "rtmp://h/live/", "/proj/key/"), same);
    }

    #[test]
    fn trap_15_an_empty_application_or_name_is_kept_empty() {
        assert_eq!(parse("", "rtmp://h", "key"), expect("", "key", None));
        assert_eq!(parse("live", "rtmp://h/live", ""), expect("live", "", None));
        assert_eq!(parse("", "", ""), expect("", "", None));
    }

    #[test]
    fn secrets_are_not_printed() {
        let target = Target::parse("live", "", "secretkey?token=secretvalue");
        let printed = format!("{target:?}");
        assert!(!printed.contains("secret"), "{printed}");
        assert!(printed.contains("token"), "{printed}");
    }

    #[test]
    fn overlong_fields_are_cut_at_a_character() {
        let name = "é".repeat(MAX_FIELD_BYTES);
        assert_eq!(Target::parse("live", "", &name).key.expose().len(), MAX_FIELD_BYTES);
        let query = format!("k?{}", "a=1&".repeat(100));
        assert_eq!(Target::parse("live", "", &query).params.iter().count(), MAX_PARAMS);
    }
}
