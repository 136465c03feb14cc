//! Bodies of requests: JSON, bounded.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use platform_core::problem::code;
use serde::Deserialize as _;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};

use super::failure::Failure;
use super::json::parse;

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
    // With two of them it is two things.
    let mut all = headers.get_all(CONTENT_TYPE).iter();
    let (Some(media_type), None) = (all.next(), all.next()) else { return false };
    let media_type = media_type.to_str().unwrap_or_default();
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

/// For fields of a `PATCH`: what is there has a value, so that `null` is not taken for "leave it".
pub(crate) fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// For an object within a body: for a struct serde would also take an array, of the fields' values without their names.
pub(crate) fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    Object::deserialize(deserializer).map(|Object(value)| value)
}

/// For a list of [objects](object) within a body.
pub(crate) fn objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    let list = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(list.into_iter().map(|Object(value)| value).collect())
}

/// What an object says.
struct Object<T>(T);

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Object<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: serde::Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields))
            }
        }

        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut twice = HeaderMap::new();
        for media_type in ["application/json", "text/plain"] {
            twice.append(CONTENT_TYPE, media_type.parse().unwrap());
        }
        assert!(!is_json(&twice));
    }
}
