//! The HTTP API, `/v1`: thin handlers over the rules of `tenancy`.
//!
//! A request goes through the [pipeline](pipeline) (request id, client address, rate limits, credentials, body), a
//! handler, and the pipeline again, which gives every answer its headers and every failure its problem document. The
//! OpenAPI document is made of the handlers.

mod admin;
mod api;
mod audit_logs;
mod auth;
mod backoff;
mod body;
pub(crate) mod client_address;
mod context;
mod credentials;
mod declared;
mod docs;
mod document;
mod failure;
mod headers;
mod idempotency;
mod json;
mod limits;
pub(crate) mod live;
mod metering;
mod organizations;
mod parameters;
mod passwords;
mod pipeline;
mod principals;
mod projects;
mod quota_notices;
mod request_id;
mod router;
mod schema;
mod status;
mod streams;
mod usage;

pub(crate) use api::Api;
pub(crate) use auth::requests as account_requests;
pub(crate) use pipeline::V1;
