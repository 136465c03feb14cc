//! Errors of the API: RFC 9457 problem documents with stable machine codes, without a web framework.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

/// A kind of problem: a stable machine code, the HTTP status and the title that go with it.
///
/// A crate declares its own as constants beside its errors; those that belong to no crate are in [`code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code {
    name: &'static str,
    status: u16,
    title: &'static str,
}

impl Code {
    /// A code. `name` is `snake_case` and never changes; `status` is from 400 to 599; `title` is a few words that do not vary.
    ///
    /// # Panics
    ///
    /// When `status` is no error. In a `const` that is a compile error.
    #[expect(clippy::panic, reason = "codes are constants, for which this is a compile error")]
    pub const fn new(name: &'static str, status: u16, title: &'static str) -> Self {
        if status < 400 || status > 599 {
            panic!("a problem has a status from 400 to 599");
        }
        Self { name, status, title }
    }

    /// The machine code: `stream_not_found`.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        self.status
    }

    /// A few words for a person, always the same for a code.
    pub const fn title(self) -> &'static str {
        self.title
    }

    /// A problem of this kind. `detail` says in a sentence what was wrong this time and what to do.
    pub fn problem(self, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(self, detail)
    }
}

/// Codes that belong to no crate.
pub mod code {
    use super::Code;

    /// Fields of the request break a rule; `errors` names each.
    pub const INVALID_REQUEST: Code = Code::new("invalid_request", 400, "The request is not valid");
    /// The body is no JSON.
    pub const INVALID_JSON: Code = Code::new("invalid_json", 400, "The body is not JSON");
    /// An id in the path or a parameter is of another kind, or is none.
    pub const INVALID_ID: Code = Code::new("invalid_id", 400, "Not an id of the expected kind");
    /// The cursor was not made here, or for other filters.
    pub const INVALID_CURSOR: Code =
        Code::new("invalid_cursor", 400, "The cursor does not belong to this list");
    /// No credentials, or wrong, expired or revoked ones.
    pub const UNAUTHENTICATED: Code =
        Code::new("unauthenticated", 401, "Credentials are missing or not valid");
    /// The caller is known and may not do this.
    pub const FORBIDDEN: Code = Code::new("forbidden", 403, "Not allowed");
    /// A limit of the plan is reached.
    pub const QUOTA_EXCEEDED: Code = Code::new("quota_exceeded", 403, "A limit of the plan is reached");
    /// There is no such thing, or the caller may not know of it.
    pub const NOT_FOUND: Code = Code::new("not_found", 404, "Not found");
    /// The path exists, the method on it does not.
    pub const METHOD_NOT_ALLOWED: Code = Code::new("method_not_allowed", 405, "Method not allowed");
    /// It contradicts what is there.
    pub const CONFLICT: Code = Code::new("conflict", 409, "It contradicts the present state");
    /// The first request with this idempotency key is still being answered.
    pub const IDEMPOTENCY_IN_FLIGHT: Code =
        Code::new("idempotency_in_flight", 409, "The first request with this key is still being answered");
    /// The body is too large.
    pub const BODY_TOO_LARGE: Code = Code::new("body_too_large", 413, "The body is too large");
    /// The body is not in a format that is read here.
    pub const UNSUPPORTED_MEDIA_TYPE: Code =
        Code::new("unsupported_media_type", 415, "The body's format is not read here");
    /// The idempotency key was used with another body.
    pub const IDEMPOTENCY_MISMATCH: Code =
        Code::new("idempotency_mismatch", 422, "The key was used with another request");
    /// Too many requests; `Retry-After` says when to come back.
    pub const RATE_LIMITED: Code = Code::new("rate_limited", 429, "Too many requests");
    /// A fault of ours. The log has it under the request's id.
    pub const INTERNAL: Code = Code::new("internal", 500, "Internal error");
    /// Something this needs is away or busy; nothing was changed.
    pub const UNAVAILABLE: Code = Code::new("unavailable", 503, "Temporarily unavailable");
}

/// A field that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where it is: a JSON pointer into the body (RFC 6901), or the name of a parameter.
    #[serde(flatten)]
    pub place: Place,
    /// The rule, `snake_case`, stable: `required`, `too_long`, `unknown_field`.
    pub rule: &'static str,
    /// A sentence for a person, with the limit.
    pub detail: Cow<'static, str>,
}

/// Where in a request a wrong field is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the body: `/labels/3`, or empty for the whole.
    Pointer(Cow<'static, str>),
    /// In the query or path, or a header: its name.
    Parameter(Cow<'static, str>),
}

impl FieldError {
    /// A field of the body, by JSON pointer.
    pub fn body(
        pointer: impl Into<Cow<'static, str>>,
        rule: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { place: Place::Pointer(pointer.into()), rule, detail: detail.into() }
    }

    /// A parameter, by name.
    pub fn parameter(
        name: impl Into<Cow<'static, str>>,
        rule: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { place: Place::Parameter(name.into()), rule, detail: detail.into() }
    }
}

/// A JSON pointer to `segment` below `parent` (RFC 6901 §3: `~` and `/` are escaped).
pub fn pointer(parent: &str, segment: &str) -> String {
    format!("{parent}/{}", segment.replace('~', "~0").replace('/', "~1"))
}

/// An answer that says what was wrong and what to do. Serializes to the body of `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// A sentence about this occurrence. Never a secret, an SQL text or another tenant's id.
    pub detail: Cow<'static, str>,
    /// The fields at fault, [`MAX_ERRORS`](Self::MAX_ERRORS) at most in the document.
    pub errors: Vec<FieldError>,
    /// Members beside the standard ones: `limit`, `current`.
    pub extensions: BTreeMap<&'static str, Value>,
    /// When to come back; the driver makes a `Retry-After` header of it.
    pub retry_after: Option<Duration>,
    /// The request's id, for support.
    pub request_id: Option<String>,
}

impl Problem {
    /// How many fields a document names. A body of a mebibyte can have very many wrong ones.
    pub const MAX_ERRORS: usize = 50;
    /// The media type of the document.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// A problem without particulars.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            extensions: BTreeMap::new(),
            retry_after: None,
            request_id: None,
        }
    }

    /// [`code::INVALID_REQUEST`] with these fields.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self {
            errors,
            ..Self::new(code::INVALID_REQUEST, "Fields of the request break a rule; `errors` names them.")
        }
    }

    /// With a member beside the standard ones, which win where the names are the same.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Into<Value>) -> Self {
        self.extensions.insert(member, value.into());
        self
    }

    /// With the time to come back.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }
}

/// Members that an extension cannot replace.
const STANDARD: [&str; 7] = ["type", "title", "status", "detail", "code", "errors", "request_id"];

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        // A relative reference with its whole path, as RFC 9457 §3.1.1 has it where no absolute one is known.
        map.serialize_entry("type", &format_args!("/problems/{}", self.code.name))?;
        map.serialize_entry("title", self.code.title)?;
        map.serialize_entry("status", &self.code.status)?;
        map.serialize_entry("detail", &self.detail)?;
        map.serialize_entry("code", self.code.name)?;
        if !self.errors.is_empty() {
            let shown = self.errors.get(..Self::MAX_ERRORS).unwrap_or(&self.errors);
            map.serialize_entry("errors", shown)?;
        }
        for (member, value) in &self.extensions {
            if !STANDARD.contains(member) {
                map.serialize_entry(member, value)?;
            }
        }
        if let Some(id) = &self.request_id {
            map.serialize_entry("request_id", id)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_that_of_rfc_9457() {
        let mut problem = code::QUOTA_EXCEEDED
            .problem("10 of 10 streams exist; delete one or ask for a larger plan.")
            .with("limit", 10)
            .with("current", 10)
            .with("status", 200);
        problem.request_id = Some("req_1".to_owned());
        assert_eq!(
            serde_json::to_string(&problem).unwrap(),
            r#"{"type":"/problems/quota_exceeded","title":"A limit of the plan is reached","status":403,"detail":"10 of 10 streams exist; delete one or ask for a larger plan.","code":"quota_exceeded","current":10,"limit":10,"request_id":"req_1"}"#
        );
    }

    #[test]
    fn fields_name_pointer_and_rule() {
        let problem = Problem::invalid(vec![
            FieldError::body(pointer("/labels", "a/b~c"), "too_long", "At most 63 characters."),
            FieldError::parameter("limit", "out_of_range", "From 1 to 100."),
        ]);
        let document = serde_json::to_value(&problem).unwrap();
        assert_eq!(
            document["errors"],
            serde_json::json!([
                {"pointer": "/labels/a~1b~0c", "rule": "too_long", "detail": "At most 63 characters."},
                {"parameter": "limit", "rule": "out_of_range", "detail": "From 1 to 100."},
            ])
        );
    }

    #[test]
    fn a_document_names_fifty_fields_at_most() {
        let errors = vec![FieldError::body("", "unknown_field", "Not a field."); 1_000];
        let document = serde_json::to_value(Problem::invalid(errors)).unwrap();
        assert_eq!(document["errors"].as_array().unwrap().len(), Problem::MAX_ERRORS);
    }
}
