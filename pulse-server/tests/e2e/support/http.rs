//! A small blocking HTTP/1.1 client with keep-alive.

use std::time::Duration;

use ureq::http::HeaderMap;

/// Above the 8 s that the server may hold a blocking request.
const PATIENCE: Duration = Duration::from_secs(12);

/// Upper bound of a body that a test reads into memory.
const BODY_LIMIT_BYTES: u64 = 64 << 20;

/// A client with connections of its own.
#[derive(Clone)]
pub(crate) struct Client(ureq::Agent);

/// An answer, whatever its status.
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The whole body.
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .build();
        Self(config.into())
    }

    /// `GET`; the error is a sentence.
    pub(crate) fn try_get(&self, url: &str) -> Result<Answer, String> {
        self.try_get_with(url, &[])
    }

    /// `GET` with headers; the error is a sentence.
    pub(crate) fn try_get_with(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        self.try_ask("GET", url, headers)
    }

    /// A request without a body; the error is a sentence.
    fn try_ask(&self, method: &str, url: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        self.try_send(method, url, headers, ())
    }

    /// A request with a body that must be answered, with any status.
    #[track_caller]
    pub(crate) fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.try_send(method, url, headers, body).unwrap_or_else(|error| panic!("{error}"))
    }

    /// `POST` of JSON; the error is a sentence.
    pub(crate) fn try_post(&self, url: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer, String> {
        let mut headers = headers.to_vec();
        headers.push(("content-type", "application/json"));
        self.try_send("POST", url, &headers, body)
    }

    fn try_send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: impl ureq::AsSendBody,
    ) -> Result<Answer, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{method} {url}: {error}");
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).map_err(|error| failed(&error))?;
        let mut response = self.0.run(request).map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response
            .body_mut()
            .with_config()
            .limit(BODY_LIMIT_BYTES)
            .read_to_vec()
            .map_err(|error| format!("{method} {url}: {status}, then in the body: {error}"))?;
        Ok(Answer { status, headers, body })
    }

    /// A request without a body that must be answered, with any status.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, url: &str, headers: &[(&str, &str)]) -> Answer {
        self.try_ask(method, url, headers).unwrap_or_else(|error| panic!("{error}"))
    }

    /// `GET` that must be answered, with any status.
    #[track_caller]
    pub(crate) fn get(&self, url: &str) -> Answer {
        self.try_get(url).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// A header's value, empty where it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The `code` of a problem+json body, empty where there is none.
    pub(crate) fn problem_code(&self) -> String {
        serde_json::from_slice::<serde_json::Value>(&self.body)
            .ok()
            .and_then(|problem| problem.get("code")?.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}
