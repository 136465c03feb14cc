//! `/v1/projects/{id}/keys`.

use std::time::Duration;

use axum::response::Response;
use hyper::StatusCode;
use platform_core::{ProjectId, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::api_key::{self, ApiKeyInput, Shown};
use tenancy::{ApiKeyId, Error, Permission};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::body::Input;
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::{List, Listed, Path, Unfiltered};
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke)).routes(routes!(rotate))
}

/// An API key, without its secret.
#[derive(Serialize, ToSchema)]
struct ApiKey {
    #[schema(value_type = schema::ApiKeyId)]
    id: ApiKeyId,
    #[schema(value_type = schema::ProjectId)]
    project_id: ProjectId,
    name: String,
    /// The public part, for `X-Pulse-Key`.
    #[schema(example = "pulse_key_0123456789abcdefghjkmnpqrs")]
    key: String,
    #[schema(value_type = Vec<schema::Scope>)]
    scopes: Vec<Permission>,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
    /// To the minute.
    #[schema(value_type = Option<schema::Time>, required)]
    last_used_at: Option<WallTime>,
    #[schema(value_type = Option<schema::Time>, required)]
    expires_at: Option<WallTime>,
    /// Until when the secret before the last rotation goes on.
    #[schema(value_type = Option<schema::Time>, required)]
    previous_secret_expires_at: Option<WallTime>,
}

impl From<api_key::ApiKey> for ApiKey {
    fn from(key: api_key::ApiKey) -> Self {
        Self {
            id: key.id,
            project_id: key.project_id,
            name: key.name,
            key: key.public,
            scopes: key.scopes.0,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            previous_secret_expires_at: key.previous_expires_at,
        }
    }
}

/// An API key with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
struct ApiKeyWithSecret {
    #[serde(flatten)]
    key: ApiKey,
    /// The secret part, for `X-Pulse-Secret`. It is not shown again.
    #[schema(example = "pulse_secret_…")]
    secret: String,
}

impl TryFrom<Shown> for ApiKeyWithSecret {
    type Error = Error;

    fn try_from(shown: Shown) -> Result<Self, Error> {
        let secret = shown.secret.expose_str().ok_or_else(|| Error::internal("a secret is no text"))?;
        Ok(Self { secret: secret.to_owned(), key: shown.key.into() })
    }
}

/// An API key to be created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateApiKey {
    /// What it is called, 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100, example = "backend")]
    name: String,
    /// What it may do: at least one, and nothing that you may not.
    #[schema(value_type = Vec<schema::Scope>, min_items = 1)]
    scopes: Vec<Permission>,
    /// From when on it cannot be used; never, if it is left out.
    #[schema(value_type = Option<schema::Time>)]
    expires_at: Option<WallTime>,
}

/// How a key is rotated.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::v1) struct Rotate {
    /// For how long the old one goes on beside the new one, up to 604,800 (7 days). 0, and what is meant if it is left out,
    /// ends it at once.
    #[serde(default)]
    #[schema(maximum = 604800, example = 3600)]
    overlap_seconds: u64,
}

impl Rotate {
    pub(in crate::v1) fn overlap(&self) -> Duration {
        Duration::from_secs(self.overlap_seconds)
    }
}

/// The API keys of a project
#[utoipa::path(get, path = "/v1/projects/{project_id}/keys", operation_id = "list_api_keys", tag = "API keys",
    params(("project_id" = schema::ProjectId, Path)), responses((status = 200, body = Listed<ApiKey>)))]
async fn list(
    ctx: Context,
    Path(id): Path<ProjectId>,
    list: List<Unfiltered>,
) -> Result<axum::Json<Listed<ApiKey>>, Failure> {
    let keys = ctx.api.tenancy.keys();
    let page = api_key::list(&mut ctx.reader().await?, &ctx.call, id, list.page(keys)?).await?;
    list.answer(keys, page, ApiKey::from)
}

/// Create an API key
///
/// The secret is shown this once.
#[utoipa::path(post, path = "/v1/projects/{project_id}/keys", operation_id = "create_api_key", tag = "API keys",
    params(("project_id" = schema::ProjectId, Path)), request_body = CreateApiKey,
    responses((status = 201, body = ApiKeyWithSecret)))]
async fn create(
    ctx: Context,
    Path(id): Path<ProjectId>,
    Input(input): Input<CreateApiKey>,
) -> Result<Response, Failure> {
    let CreateApiKey { name, scopes, expires_at } = input;
    let input = ApiKeyInput { name, scopes, expires_at };
    ctx.change(StatusCode::CREATED, (id, input), |tx, call, (id, input)| {
        Box::pin(async move { ApiKeyWithSecret::try_from(api_key::create(tx, call, *id, input).await?) })
    })
    .await
}

/// Give an API key another secret
///
/// The new secret is shown this once.
#[utoipa::path(post, path = "/v1/projects/{project_id}/keys/{key_id}/rotate", operation_id = "rotate_api_key",
    tag = "API keys", params(("project_id" = schema::ProjectId, Path), ("key_id" = schema::ApiKeyId, Path)),
    request_body = Rotate, responses((status = 200, body = ApiKeyWithSecret)))]
async fn rotate(
    ctx: Context,
    Path(ids): Path<(ProjectId, ApiKeyId)>,
    Input(input): Input<Rotate>,
) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, (ids, input.overlap()), |tx, call, ((project_id, id), overlap)| {
        Box::pin(async move {
            ApiKeyWithSecret::try_from(api_key::rotate(tx, call, *project_id, *id, *overlap).await?)
        })
    })
    .await
}

/// Revoke an API key
#[utoipa::path(delete, path = "/v1/projects/{project_id}/keys/{key_id}", operation_id = "revoke_api_key",
    tag = "API keys", params(("project_id" = schema::ProjectId, Path), ("key_id" = schema::ApiKeyId, Path)),
    responses((status = 204, description = "It cannot be used any more.")))]
async fn revoke(ctx: Context, Path(ids): Path<(ProjectId, ApiKeyId)>) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, ids, |tx, call, (project_id, id)| {
        Box::pin(api_key::revoke(tx, call, *project_id, *id))
    })
    .await
}
