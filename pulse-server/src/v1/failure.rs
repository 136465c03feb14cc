//! Errors on their way out.
//!
//! Whatever goes wrong, in a handler, in an extractor or in routing, becomes a [`Failure`]; the
//! [pipeline](super::pipeline) alone turns it into a problem document, so that none leaves without the request's id.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use platform_core::problem::code;
use platform_core::{FieldError, Problem, sql};

/// Why a request was not done.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    problem: Problem,
    /// For the log, never for the client.
    cause: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Failure {
    /// The same failure, whose answer has a header beside the usual ones.
    pub(crate) fn and_header(self, name: HeaderName, value: HeaderValue) -> Self {
        let mut headers = self.0.headers.clone();
        headers.push((name, value));
        Self(Arc::new(Inner { problem: self.0.problem.clone(), cause: self.0.cause.clone(), headers }))
    }

    /// The machine code.
    pub(crate) fn code(&self) -> platform_core::Code {
        self.0.problem.code
    }

    /// One field of the body that breaks a rule.
    pub(crate) fn field(pointer: &'static str, rule: &'static str, detail: &'static str) -> Self {
        Problem::invalid(vec![FieldError::body(pointer, rule, detail)]).into()
    }

    /// One parameter that breaks a rule.
    pub(crate) fn parameter(name: &'static str, rule: &'static str, detail: &'static str) -> Self {
        Problem::invalid(vec![FieldError::parameter(name, rule, detail)]).into()
    }

    /// Credentials are missing or wrong.
    pub(crate) fn unauthenticated() -> Self {
        tenancy::Error::Unauthenticated.into()
    }

    /// The document, for the request with this id.
    pub(crate) fn document(&self, request_id: &str) -> Vec<u8> {
        let problem = Problem { request_id: Some(request_id.to_owned()), ..self.0.problem.clone() };
        serde_json::to_vec(&problem).unwrap_or_default()
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Adds what the answer has beside the usual headers.
    pub(crate) fn add_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0.headers {
            headers.insert(name, value.clone());
        }
        if let Some(after) = self.0.problem.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            // Not `Basic`, for which browsers ask the person by themselves.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"pulse\""));
        }
    }

    /// Writes a fault of ours into the log.
    pub(crate) fn log(&self, request_id: &str) {
        if let Some(cause) = &self.0.cause {
            tracing::error!(request_id, code = self.0.problem.code.name(), "{cause}");
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(Arc::new(Inner { problem, cause: None, headers: Vec::new() }))
    }
}

impl From<tenancy::Error> for Failure {
    fn from(error: tenancy::Error) -> Self {
        let cause = error.cause().map(|_| error.to_string());
        Self(Arc::new(Inner { problem: error.problem(), cause, headers: Vec::new() }))
    }
}

impl From<sql::Error> for Failure {
    fn from(error: sql::Error) -> Self {
        tenancy::Error::from(error).into()
    }
}

impl IntoResponse for Failure {
    /// An empty answer that carries the failure to the pipeline.
    fn into_response(self) -> Response {
        let mut response = Response::new(axum::body::Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}

/// Nothing is at this address.
pub(super) async fn not_found() -> Failure {
    code::NOT_FOUND.problem("There is nothing at this address; /openapi.json lists what there is.").into()
}

/// Something is, for other methods, which axum names in `Allow`.
pub(super) async fn method_not_allowed() -> Failure {
    code::METHOD_NOT_ALLOWED.problem("This address takes other methods; `Allow` lists them.").into()
}
