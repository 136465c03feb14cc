//! Idempotency keys: a write that is repeated under the same key is carried out once.
//!
//! A key belongs to its caller, method and path. The answer is kept sealed, in the transaction of the change, for 24 hours; an
//! answer that is an error is not kept, so that the key can be used again. With it is kept what the gate let the request through to:
//! who may not do it any more does not get the answer again, nor does anybody once what it shows was deleted.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use hyper::header::{HeaderMap, HeaderName};
use hyper::{Method, StatusCode};
use platform_core::Secret;
use platform_core::problem::code;
use platform_core::sql::Tx;
use serde::{Deserialize, Serialize};
use tenancy::gate::{self, Passed};
use tenancy::idempotency::{Earlier, MAX_KEY, Repeatable};
use tenancy::{Call, Error, StreamId};

use super::failure::Failure;
use super::limits::Limits;

/// The header.
pub(super) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Answers of fewer bytes than this, 1 KiB, are kept as they are: deflated they would hardly be shorter.
const DEFLATED_FROM: usize = 1 << 10;
/// What waiting callers are told to do.
const IN_FLIGHT: &str = "The first request with this key is still being answered; ask again in a moment.";

/// A request that can be sent again.
#[derive(Clone, Debug)]
pub(super) struct Key {
    repeatable: Repeatable,
    /// Caller, method, path and key.
    scope: Arc<str>,
}

impl Key {
    /// The key of a request, if it brought one. Who is nobody has none: they cannot be told from another nobody.
    pub(super) fn of(
        headers: &HeaderMap,
        method: &Method,
        path: &str,
        call: &Call,
        body: &[u8],
        limits: &Limits,
    ) -> Result<Option<Self>, Failure> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if matches!(*method, Method::GET | Method::HEAD) {
            return Ok(None);
        }
        if values.next().is_some() {
            let detail = "There is more than one idempotency key.";
            return Err(Failure::parameter("Idempotency-Key", "duplicate_parameter", detail));
        }
        let key = value.to_str().ok().filter(|key| (1..=MAX_KEY).contains(&key.len()));
        let detail = "An idempotency key has 1 to 255 visible characters.";
        let key = key.ok_or_else(|| Failure::parameter("Idempotency-Key", "length", detail))?;
        let repeatable = Repeatable::new(call, method.as_str(), path, key, body);
        let scope = format!("{:?}\n{method}\n{path}\n{key}", call.principal).into();
        let rate = limits.per_minute(&call.principal);
        Ok(repeatable.map(|repeatable| Self { repeatable: repeatable.at_rate(rate), scope }))
    }
}

/// Keys whose first request is being answered by this process.
#[derive(Default)]
pub(super) struct InFlight(Mutex<HashSet<Arc<str>>>);

/// A key in flight, until dropped.
pub(super) struct Entered<'a> {
    all: &'a InFlight,
    scope: Arc<str>,
}

impl InFlight {
    /// Takes a key; refused while another request has it.
    pub(super) fn enter(&self, key: &Key) -> Result<Entered<'_>, Failure> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.insert(Arc::clone(&key.scope)) {
            let problem = code::IDEMPOTENCY_IN_FLIGHT.problem(IN_FLIGHT).retry_after(Duration::from_secs(1));
            return Err(problem.into());
        }
        Ok(Entered { all: self, scope: Arc::clone(&key.scope) })
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.scope);
    }
}

/// What is kept of a request that was carried out.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    passed: Vec<Passed>,
    /// Whether the body is deflated.
    #[serde(default)]
    deflated: bool,
}

/// What an answer shows: one thing, or the streams that were created together.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Shown<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    stream: Option<ItemStream>,
}

#[derive(Deserialize)]
struct ItemStream {
    id: StreamId,
}

/// The answer that an earlier sending got, if the caller may still do what it did.
pub(super) async fn find(
    tx: &mut Tx,
    call: &Call,
    key: &Key,
) -> Result<Option<(StatusCode, Vec<u8>)>, Error> {
    let answer = match key.repeatable.earlier(tx, call).await? {
        Earlier::None => return Ok(None),
        Earlier::Mismatch => {
            let detail = "This key was used with another body; use a new key for another request.";
            return Err(Error::Refused { code: code::IDEMPOTENCY_MISMATCH, detail });
        }
        Earlier::Answer(answer) => answer,
    };
    let no_answer = || Error::internal("a kept answer is not one");
    let (kept, body) = read(answer.expose()).ok_or_else(no_answer)?;
    let body = if kept.deflated { inflate(body).ok_or_else(no_answer)? } else { body.to_vec() };
    let status = StatusCode::from_u16(kept.status).map_err(|_| Error::internal("a kept status is none"))?;
    for passed in &kept.passed {
        passed.again(tx, call, !body.is_empty()).await?;
    }
    if is_there(tx, &body).await? { Ok(Some((status, body))) } else { Err(Error::NotFound) }
}

/// Whether what an answer shows is still there.
async fn is_there(tx: &mut Tx, body: &[u8]) -> Result<bool, Error> {
    // An answer of another form shows nothing that can be deleted.
    let shown: Shown<'_> = serde_json::from_slice(body).unwrap_or_default();
    let streams: Vec<StreamId> =
        shown.data.into_iter().filter_map(|item| item.stream.map(|stream| stream.id)).collect();
    let one = match &shown.id {
        Some(id) => gate::is_there(tx, id).await?,
        None => true,
    };
    Ok(one && gate::streams_are_there(tx, &streams).await?)
}

/// The parts of what is kept: the length of the first in four bytes, and both.
fn read(kept: &[u8]) -> Option<(Kept, &[u8])> {
    let (length, rest) = kept.split_first_chunk::<4>()?;
    let (head, body) = rest.split_at_checked(u32::from_be_bytes(*length).try_into().ok()?)?;
    Some((serde_json::from_slice(head).ok()?, body))
}

fn deflate(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// The body of an answer that was kept deflated. It is our own, sealed: no limit.
fn inflate(deflated: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    DeflateDecoder::new(deflated).read_to_end(&mut body).ok()?;
    Some(body)
}

/// What is kept of an answer.
fn written(status: StatusCode, passed: Vec<Passed>, body: &[u8]) -> Result<Secret, Error> {
    let deflated = body.len() >= DEFLATED_FROM;
    let body = match deflated {
        true => Cow::Owned(deflate(body).map_err(|error| Error::internal(error.to_string()))?),
        false => Cow::Borrowed(body),
    };
    let head = serde_json::to_vec(&Kept { status: status.as_u16(), passed, deflated });
    let head = head.map_err(|error| Error::internal(error.to_string()))?;
    let length = u32::try_from(head.len()).map_err(|error| Error::internal(error.to_string()))?;
    Ok(Secret::new([&length.to_be_bytes(), head.as_slice(), body.as_ref()].concat()))
}

/// Keeps an answer, in the transaction of the change, and what the gate let the call through to.
pub(super) async fn keep(
    tx: &mut Tx,
    call: &Call,
    key: &Key,
    status: StatusCode,
    body: &[u8],
) -> Result<(), Error> {
    let answer = written(status, call.passed(), body)?;
    match key.repeatable.keep(tx, call, &answer).await {
        // By another process.
        Err(Error::Conflict { .. }) => {
            Err(Error::Refused { code: code::IDEMPOTENCY_IN_FLIGHT, detail: IN_FLIGHT })
        }
        kept => kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_as_it_was_and_a_long_one_in_fewer_bytes() {
        let item =
            |number: u32| format!(r#"{{"status":201,"stream":{{"id":"str_{number}","name":"{number}"}}}}"#);
        let long = (0..1_000).map(item).collect::<Vec<_>>().join(",");
        for body in ["", "{}", long.as_str()] {
            let kept = written(StatusCode::CREATED, Vec::new(), body.as_bytes()).unwrap();
            let (head, stored) = read(kept.expose()).unwrap();
            assert_eq!((head.status, head.deflated), (201, body.len() >= DEFLATED_FROM));
            let again = if head.deflated { inflate(stored).unwrap() } else { stored.to_vec() };
            assert_eq!(again, body.as_bytes());
            assert!(stored.len() <= body.len() && (!head.deflated || stored.len() < body.len() / 4));
        }
    }

    #[test]
    fn what_was_kept_before_answers_were_deflated_is_read() {
        let head = br#"{"status":201,"passed":[]}"#;
        let kept = [&(head.len() as u32).to_be_bytes(), head.as_slice(), b"{}"].concat();
        let (head, body) = read(&kept).unwrap();
        assert!(!head.deflated && body == b"{}");
    }
}
