//! What happens to every request before its handler and to every answer after it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode, Version};
use platform_core::{Problem, WallTime};
use tenancy::{MAINTENANCE, Principal};
use tower::ServiceExt as _;

use super::api::Api;
use super::body::{self, Received};
use super::context::{Asked, Context, Prepared};
use super::declared::Declared;
use super::failure::Failure;
use super::idempotency::{self, Key};
use super::limits::Remaining;
use super::{client_address, credentials, headers, principals, request_id};
use crate::http::body::Body;
use crate::http::host;

/// The API: its state and its routes.
#[derive(Clone)]
pub(crate) struct V1 {
    api: Arc<Api>,
    router: axum::Router,
    declared: Arc<Declared>,
}

/// What is known of a request from its head.
struct Sender {
    request_id: String,
    address: IpAddr,
    secure: bool,
}

impl V1 {
    /// The API over its state.
    pub(crate) fn new(api: Arc<Api>) -> Self {
        let (router, declared) = super::router::routes();
        Self { router, declared: Arc::new(declared), api }
    }

    /// The API's state.
    pub(crate) fn api(&self) -> &Arc<Api> {
        &self.api
    }

    /// Whether a path is the API's.
    pub(crate) fn has(path: &str) -> bool {
        path.starts_with("/v1/")
            || matches!(path, "/v1" | "/openapi.json" | "/docs")
            || path.starts_with("/docs/")
    }

    /// Answers a request, which came over TLS if it is `secure`.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        remote: SocketAddr,
        secure: bool,
    ) -> hyper::Response<Body> {
        let (head, body) = request.into_parts();
        let config = self.api.config();
        let sender = Sender {
            request_id: request_id::of(&head.headers),
            secure,
            address: client_address::of(remote.ip(), &head.headers, &config.api.trusted_proxies),
        };
        let origin = headers::allowed_origin(&head.headers, &config.api.dashboard_origins);
        let mut remaining = None;
        let mut response = if head.method == Method::OPTIONS && origin.is_some() {
            preflight()
        } else {
            let (reusable, mut body) = (head.version == Version::HTTP_2, Some(body));
            let handled = self.handle(head, &mut body, &sender, &mut remaining).await;
            let mut response = handled.unwrap_or_else(IntoResponse::into_response);
            // A body that nobody has read stands before the connection's next request.
            let read = match body {
                Some(body) => body::discard(body).await,
                None => true,
            };
            if !read && !reusable {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        };
        finish(&mut response, &sender.request_id, remaining);
        headers::allow(response.headers_mut(), origin);
        response.map(|body| Body::Stream(Box::pin(body.map_err(Into::into))))
    }

    async fn handle(
        &self,
        mut head: Parts,
        body: &mut Option<Incoming>,
        sender: &Sender,
        remaining: &mut Option<Remaining>,
    ) -> Result<Response, Failure> {
        let client = client_address::group(sender.address);
        let of_address = self.api.limits.address(client)?;
        *remaining = Some(of_address);
        if !host::is_sound(head.version, &head.headers) {
            return Err(Failure::parameter("Host", "host", host::UNSOUND));
        }
        let now = WallTime::from(SystemTime::now());
        let authenticated = principals::of(&self.api, credentials::of(&head.headers), now).await;
        let (principal, refused) = match authenticated {
            Ok(principal) => (principal, None),
            Err(failure) if failure.status() == StatusCode::UNAUTHORIZED => {
                (Principal::Anonymous, Some(failure))
            }
            Err(failure) => return Err(failure),
        };
        if let Some(of_caller) = self.api.limits.principal(&principal)? {
            *remaining = Some(of_address.tighter(of_caller));
        }
        self.api.usage.check_key(&principal)?;
        self.check_maintenance(&head, &principal).await?;
        let received = if matches!(head.method, Method::GET | Method::HEAD) {
            Received(Bytes::new())
        } else {
            let known = principal != Principal::Anonymous;
            body::receive(&head.headers, known, body).await?
        };
        let mut call = self.api.tenancy.call(principal, now);
        let person = matches!(call.principal, Principal::User(_));
        if person || head.headers.contains_key(idempotency::HEADER) {
            call = call.noting();
        }
        call.address = Some(sender.address);
        call.request_id = Some(sender.request_id.clone());
        if !person {
            self.api.usage.count_request(&call);
        }
        let limits = &self.api.limits;
        let key = Key::of(&head.headers, &head.method, head.uri.path(), &call, &received.0, limits)?;
        let asked = Asked { method: head.method.clone(), at: head.uri.clone(), secure: sender.secure };
        let person = person.then(|| call.clone());
        let context = Context::new(Arc::clone(&self.api), call, key, asked);
        let own_limit = Arc::clone(&context.own_limit);
        head.extensions.insert(Prepared { context, refused, declared: Arc::clone(&self.declared) });
        head.extensions.insert(received);
        let request = Request::from_parts(head, axum::body::Body::empty());
        // axum's router does not fail.
        let response = self.router.clone().oneshot(request).await.into_response();
        if let (Some(of_caller), Some(of_operation)) = (*remaining, own_limit.get()) {
            *remaining = Some(of_caller.tighter(*of_operation));
        }
        if let Some(call) = person {
            // Only now is it known of which organization they have asked.
            self.api.usage.count_request(&call);
        }
        Ok(response)
    }

    /// In maintenance the API reads only, but for operators and for logging in.
    async fn check_maintenance(&self, head: &Parts, principal: &Principal) -> Result<(), Failure> {
        let path = head.uri.path();
        let harmless = matches!(head.method, Method::GET | Method::HEAD)
            || path.starts_with("/v1/admin/")
            || matches!(path, "/v1/auth/login" | "/v1/auth/refresh" | "/v1/auth/logout");
        let operator = matches!(principal, Principal::User(user) if user.is_admin);
        if harmless || operator || !self.api.settings().await?.maintenance {
            return Ok(());
        }
        let detail = "The operator works on this server; nothing can be changed until that is over.";
        Err(Problem::new(MAINTENANCE, detail).retry_after(std::time::Duration::from_secs(60)).into())
    }
}

fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    headers::allow_preflight(response.headers_mut());
    response
}

/// Gives an answer what all have, and a failure its document.
fn finish(response: &mut Response, request_id: &str, remaining: Option<Remaining>) {
    if let Some(remaining) = remaining {
        remaining.add_to(response.headers_mut());
    }
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        failure.log(request_id);
        let document = failure.document(request_id);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(document.len()));
        failure.add_headers(headers);
        *response.body_mut() = document.into();
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(request_id::HEADER, id);
    }
    headers::secure(response.headers_mut());
}
