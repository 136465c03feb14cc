//! What a handler is given: who asks, the database, and the one way to change something.

use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use hyper::{Method, StatusCode, Uri};
use platform_core::sql::{BoxFuture, Tx};
use serde::Serialize;
use tenancy::{Call, Error, Principal};

use super::api::Api;
use super::declared::Declared;
use super::failure::Failure;
use super::idempotency::{self, Key};
use super::limits::Remaining;

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A request of a known caller. Without valid credentials it is 401, before anything else is looked at.
#[derive(Clone)]
pub(crate) struct Context {
    /// The API's state.
    pub(crate) api: Arc<Api>,
    /// Who asks, when and from where.
    pub(crate) call: Call,
    /// The request, if it can be sent again.
    idempotency: Option<Key>,
    /// What was asked for.
    pub(super) asked: Asked,
    /// Whether what this request creates can be got below its path.
    can_be_got: bool,
    /// What is left of a limit that the operation has beside the caller's.
    pub(super) own_limit: Arc<OnceLock<Remaining>>,
}

/// What was asked for.
#[derive(Clone)]
pub(super) struct Asked {
    /// By which method.
    pub(super) method: Method,
    /// Where.
    pub(super) at: Uri,
    /// Whether over TLS.
    pub(super) secure: bool,
}

/// A request of anybody. Credentials, right or wrong, do not matter.
pub(crate) struct Anybody(pub(crate) Context);

/// What the pipeline puts beside a request.
#[derive(Clone)]
pub(super) struct Prepared {
    /// The request, whose principal is nobody where the credentials are wrong.
    pub(super) context: Context,
    /// What is wrong with the credentials.
    pub(super) refused: Option<Failure>,
    /// Which parameters operations take.
    pub(super) declared: Arc<Declared>,
}

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let prepared = prepared(parts)?;
        match prepared.refused {
            Some(failure) => Err(failure),
            None if prepared.context.call.principal == Principal::Anonymous => {
                Err(Failure::unauthenticated())
            }
            None => {
                prepared.declared.check(parts)?;
                let can_be_got = prepared.declared.has_one_below(parts);
                Ok(Self { can_be_got, ..prepared.context })
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Anybody {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let prepared = prepared(parts)?;
        prepared.declared.check(parts)?;
        Ok(Self(prepared.context))
    }
}

fn prepared(parts: &Parts) -> Result<Prepared, Failure> {
    let prepared = parts.extensions.get::<Prepared>().cloned();
    prepared.ok_or_else(|| Error::internal("a request came past the pipeline").into())
}

/// A change's input, with what goes into its transaction beside.
struct Job<I, F> {
    call: Call,
    api: Arc<Api>,
    asked: Asked,
    key: Option<Key>,
    status: StatusCode,
    input: I,
    work: F,
}

/// What a change answers.
struct Answered {
    status: StatusCode,
    body: Vec<u8>,
    replayed: bool,
}

impl Context {
    pub(super) fn new(api: Arc<Api>, call: Call, idempotency: Option<Key>, asked: Asked) -> Self {
        Self { api, call, idempotency, asked, can_be_got: false, own_limit: Arc::default() }
    }

    /// Something to read with.
    pub(crate) async fn reader(&self) -> Result<Tx, Failure> {
        Ok(self.api.db.read().await?)
    }

    /// Carries out a change in one transaction and answers with what it returned. Under an idempotency key the answer is
    /// stored in that transaction, and the change is made once.
    pub(crate) async fn change<I, T, F>(
        &self,
        status: StatusCode,
        input: I,
        work: F,
    ) -> Result<Response, Failure>
    where
        I: Send + Sync + 'static,
        T: Serialize + Send + Sync + 'static,
        F: for<'t> Fn(&'t mut Tx, &'t Call, &'t I) -> BoxFuture<'t, Result<T, Error>> + Send + Sync + 'static,
    {
        let key = self.idempotency.clone();
        let _in_flight = match &key {
            Some(key) => Some(self.api.in_flight.enter(key)?),
            None => None,
        };
        let (api, asked) = (Arc::clone(&self.api), self.asked.clone());
        let job = Job { call: self.call.clone(), api, asked, key, status, input, work };
        let answered: Result<_, Error> = self.api.db.write(job, |tx, job| Box::pin(carry_out(tx, job))).await;
        if let Err(error) = &answered {
            self.api.quota_notices.tell(&self.api.db, &self.api.tenancy, self.call.now, error);
        }
        let answered = answered?;
        let created = answered.status == StatusCode::CREATED && self.can_be_got;
        let location = created.then(|| self.location(&answered.body));
        let mut response = answered.into_response();
        if let Some(location) = location.flatten() {
            response.headers_mut().insert(LOCATION, location);
        }
        Ok(response)
    }

    /// Where that is which was created: below where it was asked for, by its id (RFC 9110 §15.3.2).
    fn location(&self, body: &[u8]) -> Option<HeaderValue> {
        #[derive(serde::Deserialize)]
        struct Created<'a> {
            id: &'a str,
        }
        let Created { id } = serde_json::from_slice(body).ok()?;
        HeaderValue::try_from(format!("{}/{id}", self.asked.at.path().trim_end_matches('/'))).ok()
    }

    /// Refuses what an organization has no requests left for.
    pub(crate) fn check_requests(&self) -> Result<(), Error> {
        self.api.usage.check_person(&self.call, &self.asked.method)
    }
}

async fn carry_out<I, T, F>(tx: &mut Tx, job: &Job<I, F>) -> Result<Answered, Error>
where
    I: Send + Sync,
    T: Serialize + Send + Sync,
    F: for<'t> Fn(&'t mut Tx, &'t Call, &'t I) -> BoxFuture<'t, Result<T, Error>> + Send + Sync,
{
    if let Some(key) = &job.key
        && let Some((status, body)) = idempotency::find(tx, &job.call, key).await?
    {
        return Ok(Answered { status, body, replayed: true });
    }
    let output = (job.work)(tx, &job.call, &job.input).await?;
    // Only now is it known which organization a person has changed.
    job.api.usage.check_person(&job.call, &job.asked.method)?;
    let body =
        if job.status == StatusCode::NO_CONTENT { Ok(Vec::new()) } else { serde_json::to_vec(&output) };
    let body = body.map_err(|error| Error::internal(error.to_string()))?;
    if let Some(key) = &job.key {
        idempotency::keep(tx, &job.call, key, job.status, &body).await?;
    }
    Ok(Answered { status: job.status, body, replayed: false })
}

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        let has_body = !self.body.is_empty();
        let mut response = Response::new(self.body.into());
        *response.status_mut() = self.status;
        if has_body {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if self.replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
