//! Bodies of requests: JSON, bounded, with a JSON pointer for what is wrong.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use platform_core::problem::{code, pointer};
use platform_core::{FieldError, Problem};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::failure::Failure;

/// Bytes of a body, 1 MiB.
const MAX_BYTES: usize = 1 << 20;
/// Bytes of a body without credentials, 64 KiB: of these anybody can send as many as there are connections.
const MAX_ANONYMOUS_BYTES: usize = 64 << 10;
/// Bytes of a body that are read away after an answer that did not need it, 64 KiB, and how long that may take.
const MAX_DISCARDED: usize = 64 << 10;
const MAX_DISCARDING: Duration = Duration::from_millis(500);
/// How long a body may take to arrive, 30 s.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body as it arrived, put beside the request by the pipeline.
#[derive(Clone)]
pub(super) struct Received(pub(super) Bytes);

/// Reads away a body that does not matter; `false` where it is long or slow in coming.
pub(super) async fn discard<B>(body: B) -> bool
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let rest = Limited::new(body, MAX_DISCARDED).collect();
    matches!(tokio::time::timeout(MAX_DISCARDING, rest).await, Ok(Ok(_)))
}

/// Reads the body of a request to its end. It stays where it is when it is not read.
pub(super) async fn receive<B>(
    headers: &HeaderMap,
    known: bool,
    body: &mut Option<B>,
) -> Result<Received, Failure>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let most = if known { MAX_BYTES } else { MAX_ANONYMOUS_BYTES };
    let too_large = || {
        let detail = format!("The body may have {most} bytes here.");
        Failure::from(code::BODY_TOO_LARGE.problem(detail).with("limit", most))
    };
    // One that says by itself that it is too large is not read.
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > most as u64) {
        return Err(too_large());
    }
    let Some(body) = body.take() else { return Ok(Received(Bytes::new())) };
    match tokio::time::timeout(PATIENCE, Limited::new(body, most).collect()).await {
        Ok(Ok(collected)) => Ok(Received(collected.to_bytes())),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(code::INVALID_REQUEST.problem("The body broke off.").into()),
        Err(_) => Err(code::INVALID_REQUEST.problem("The body did not arrive within 30 seconds.").into()),
    }
}

/// The body, read as JSON into `T`. An empty body counts as `{}`.
pub(crate) struct Input<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Input<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let received = parts.extensions.get::<Received>();
        let bytes = received.map_or(Bytes::new(), |received| received.0.clone());
        if bytes.is_empty() {
            return parse(b"{}").map(Self);
        }
        if !is_json(&parts.headers) {
            let detail = "Send the body with `Content-Type: application/json`, in UTF-8.";
            return Err(code::UNSUPPORTED_MEDIA_TYPE.problem(detail).into());
        }
        if parts.headers.get_all(CONTENT_ENCODING).iter().any(|coding| coding != "identity") {
            let detail = "Send the body as it is, without `Content-Encoding`.";
            return Err(code::UNSUPPORTED_MEDIA_TYPE.problem(detail).into());
        }
        parse(&bytes).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = media_type.split(';').map(str::trim);
    // JSON has no other character set (RFC 8259 §8.1), and whoever names one may have meant it.
    let in_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, set)) if name.trim().eq_ignore_ascii_case("charset") => {
            set.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) && parts.all(in_utf8)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    // serde would take an array for an object without its names.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Failure::field("", "wrong_type", "Expected an object."));
    }
    if has_null_character(bytes) {
        return Err(Failure::field("", "invalid_text", "Text cannot have the character U+0000."));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let place = place(error.path());
        problem(place, error.inner())
    })?;
    json.end().map_err(|error| problem(String::new(), &error))?;
    Ok(value)
}

/// Whether a string of the JSON has U+0000, which PostgreSQL cannot store. As itself it is no JSON, so it stands there escaped.
fn has_null_character(json: &[u8]) -> bool {
    let escapes = json.windows(6).enumerate().filter(|(_, text)| *text == b"\\u0000");
    escapes.map(|(at, _)| json.get(..at).unwrap_or_default()).any(|before| {
        let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
        backslashes.is_multiple_of(2)
    })
}

fn place(path: &serde_path_to_error::Path) -> String {
    path.iter().fold(String::new(), |parent, segment| match segment {
        Segment::Seq { index } => pointer(&parent, &index.to_string()),
        Segment::Map { key } => pointer(&parent, key),
        Segment::Enum { .. } | Segment::Unknown => parent,
    })
}

/// What serde says, as a problem. Values are not repeated: they may be secret.
fn problem(place: String, error: &serde_json::Error) -> Failure {
    if error.classify() != serde_json::error::Category::Data {
        let detail = format!("The body is not JSON: see line {}, column {}.", error.line(), error.column());
        return code::INVALID_JSON.problem(detail).into();
    }
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let named = text.split('`').nth(1).unwrap_or_default();
    let (place, rule, detail) = if text.starts_with("missing field") {
        (pointer(&place, named), "required", "This field is needed.".to_owned())
    } else if text.starts_with("unknown field") {
        // The path may or may not have the name already.
        let last = pointer("", named);
        let place = if place.ends_with(&last) { place } else { pointer(&place, named) };
        (place, "unknown_field", "There is no such field, or what it is for does not exist yet.".to_owned())
    } else if text.starts_with("duplicate field") {
        (pointer(&place, named), "duplicate_field", "This field is there twice.".to_owned())
    } else if text.starts_with("unknown variant") {
        let allowed = text.split_once("expected ").map_or("", |(_, allowed)| allowed);
        (place, "unknown_value", format!("Allowed: {allowed}."))
    } else if let Some((_, expected)) = text.split_once("expected ") {
        (place, "wrong_type", format!("Expected {expected}."))
    } else {
        // Messages of our own types, which name no value.
        (place, "invalid", format!("{text}."))
    };
    Problem::invalid(vec![FieldError::body(place, rule, detail)]).into()
}

/// For fields of a `PATCH`: what is there has a value, so that `null` is not taken for "leave it".
pub(crate) fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(default, deserialize_with = "given")]
        #[expect(dead_code, reason = "only read into")]
        count: Option<u8>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "only read into")]
        name: String,
        #[serde(default)]
        #[expect(dead_code, reason = "only read into")]
        inner: Vec<Inner>,
    }

    #[test]
    fn text_that_not_every_database_stores_is_refused() {
        for (json, refused) in [
            (r#"{"name":"a\u0000"}"#, true),
            (r#"{"name":"\\\u0000"}"#, true),
            (r#"{"name":"\\u0000"}"#, false),
            (r#"{"name":"u0000"}"#, false),
        ] {
            assert_eq!(has_null_character(json.as_bytes()), refused, "{json}");
            assert_eq!(parse::<Body>(json.as_bytes()).is_err(), refused, "{json}");
        }
    }

    fn first(text: &str) -> (String, String) {
        let failure = parse::<Body>(text.as_bytes()).unwrap_err();
        let document: serde_json::Value = serde_json::from_slice(&failure.document("r")).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        match document["errors"].get(0) {
            Some(error) => (text(&error["pointer"]), text(&error["rule"])),
            None => (String::new(), text(&document["code"])),
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_pointer_and_rule() {
        let cases = [
            (r#"{}"#, "/name", "required"),
            (r#"{"name":7}"#, "/name", "wrong_type"),
            (r#"{"name":"a","nmae":"b"}"#, "/nmae", "unknown_field"),
            (r#"{"name":"a","a/b":1}"#, "/a~1b", "unknown_field"),
            (r#"{"name":"a","name":"b"}"#, "/name", "duplicate_field"),
            (r#"{"name":"a","inner":[{},{"count":999}]}"#, "/inner/1/count", "wrong_type"),
            (r#"{"name":"a","inner":[{"count":null}]}"#, "/inner/0/count", "wrong_type"),
            (r#"{"name":"a","inner":[{"x":1}]}"#, "/inner/0/x", "unknown_field"),
            (r#"{"name":"#, "", "invalid_json"),
            (r#"{"name":"a"} x"#, "", "invalid_json"),
            ("[]", "", "wrong_type"),
            (r#"["a"]"#, "", "wrong_type"),
        ];
        for (text, pointer, rule) in cases {
            assert_eq!(first(text), (pointer.to_owned(), rule.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_body_is_json_in_utf_8() {
        for (media_type, json) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json;charset=\"utf-8\"", true),
            ("application/json; charset=latin1", false),
            ("application/json-seq", false),
            ("text/plain", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, media_type.parse().unwrap())]);
            assert_eq!(is_json(&headers), json, "{media_type}");
        }
    }

    #[test]
    fn values_are_not_repeated() {
        let failure = parse::<Body>(br#"{"name":["hunter2"]}"#).unwrap_err();
        assert!(!String::from_utf8(failure.document("r")).unwrap().contains("hunter2"));
    }
}
