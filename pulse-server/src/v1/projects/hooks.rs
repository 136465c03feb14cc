//! `/v1/projects/{id}/hooks`.

use std::time::Duration;

use axum::response::Response;
use hyper::StatusCode;
use platform_core::address::Refused;
use platform_core::{ProjectId, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::Error;
use tenancy::hook::{self, HookEvent, HookFormat, HookInput, OnFailure, Shown};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::body::Input;
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::Path;
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(read, replace, delete)).routes(routes!(rotate))
}

/// The hook of a project: the tenant's backend is asked when somebody publishes or plays.
#[derive(Serialize, ToSchema)]
struct Hook {
    #[schema(value_type = schema::ProjectId)]
    project_id: ProjectId,
    url: String,
    #[schema(value_type = Vec<schema::HookEvent>)]
    events: Vec<HookEvent>,
    #[schema(value_type = schema::HookFormat)]
    format: HookFormat,
    timeout_ms: i64,
    #[schema(value_type = schema::OnFailure)]
    on_failure: OnFailure,
    enabled: bool,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
    #[schema(value_type = schema::Time)]
    updated_at: WallTime,
}

impl From<hook::Hook> for Hook {
    fn from(hook: hook::Hook) -> Self {
        Self {
            project_id: hook.id,
            url: hook.url,
            events: hook.events.0,
            format: hook.format,
            timeout_ms: hook.timeout_ms,
            on_failure: hook.on_failure,
            enabled: hook.enabled,
            created_at: hook.created_at,
            updated_at: hook.updated_at,
        }
    }
}

/// A hook, with its secret where that is new.
#[derive(Serialize, ToSchema)]
struct HookWithSecret {
    #[serde(flatten)]
    hook: Hook,
    /// What signs requests: shown when the hook is configured first and when the secret is rotated, else null.
    #[schema(required, example = "pulse_hook_…")]
    secret: Option<String>,
}

impl TryFrom<Shown> for HookWithSecret {
    type Error = Error;

    fn try_from(shown: Shown) -> Result<Self, Error> {
        let text = |secret: platform_core::Secret| {
            let text = secret.expose_str().map(str::to_owned);
            text.ok_or_else(|| Error::internal("a hook's secret is no text"))
        };
        Ok(Self { secret: shown.secret.map(text).transpose()?, hook: shown.hook.into() })
    }
}

/// What becomes of a hook.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PutHook {
    /// An `http` or `https` URL without credentials, of up to 2,048 bytes. An address that is not public is refused here, a name
    /// that leads to one when it is called, unless the operator allows its network.
    #[schema(max_length = 2048, example = "https://backend.example.org/pulse")]
    url: String,
    /// When the backend is asked (`publish`, `play`) and told (`done`, when a publisher has gone); each once. `publish`, if it
    /// is left out.
    #[serde(default = "publish")]
    #[schema(value_type = Vec<schema::HookEvent>, min_items = 1, max_items = 3)]
    events: Vec<HookEvent>,
    /// `json`, if it is left out; `form` has the fields of nginx-rtmp's notifications.
    #[serde(default = "json")]
    #[schema(value_type = schema::HookFormat)]
    format: HookFormat,
    /// How long the backend may take, up to 10,000. 2,000, if it is left out.
    #[serde(default = "timeout")]
    #[schema(minimum = 1, maximum = 10000, example = 2000)]
    timeout_ms: u64,
    /// What holds when the backend does not answer: `deny`, if it is left out.
    #[serde(default)]
    #[schema(value_type = schema::OnFailure)]
    on_failure: OnFailure,
    /// Whether it is asked at all.
    #[serde(default = "enabled")]
    enabled: bool,
}

fn publish() -> Vec<HookEvent> {
    vec![HookEvent::Publish]
}

fn json() -> HookFormat {
    HookFormat::Json
}

fn timeout() -> u64 {
    hook::TIMEOUT.as_millis() as u64
}

fn enabled() -> bool {
    true
}

impl From<PutHook> for HookInput {
    fn from(hook: PutHook) -> Self {
        let PutHook { url, events, format, timeout_ms, on_failure, enabled } = hook;
        Self { url, events, format, timeout: Duration::from_millis(timeout_ms), on_failure, enabled }
    }
}

/// Refuses an address that hooks may not go to, for an early answer. A name may lead elsewhere by the time that it is called, which is
/// when it is looked at; what is no URL is refused with the other fields.
fn check_address(ctx: &Context, url: &str) -> Result<(), Failure> {
    let mut policy = ctx.api.config().hooks.policy();
    policy.ports = vec![1..=u16::MAX];
    match policy.target(url) {
        Err(Refused::Address { resolved: false, .. }) => {
            let detail = "This address is not public; the operator of this server can allow its network with `hooks.allowed_networks`.";
            Err(Failure::field("/url", "not_public", detail))
        }
        _ => Ok(()),
    }
}

/// The hook of a project
#[utoipa::path(get, path = "/v1/projects/{project_id}/hooks", operation_id = "read_hook", tag = "hooks",
    params(("project_id" = schema::ProjectId, Path)), responses((status = 200, body = Hook)))]
async fn read(ctx: Context, Path(id): Path<ProjectId>) -> Result<axum::Json<Hook>, Failure> {
    let hook = hook::read(&mut ctx.reader().await?, &ctx.call, id).await?;
    Ok(axum::Json(hook.into()))
}

/// Configure the hook of a project
///
/// The secret is shown the first time.
#[utoipa::path(put, path = "/v1/projects/{project_id}/hooks", operation_id = "replace_hook", tag = "hooks",
    params(("project_id" = schema::ProjectId, Path)), request_body = PutHook,
    responses((status = 200, body = HookWithSecret)))]
async fn replace(
    ctx: Context,
    Path(id): Path<ProjectId>,
    Input(input): Input<PutHook>,
) -> Result<Response, Failure> {
    check_address(&ctx, &input.url)?;
    ctx.change(StatusCode::OK, (id, HookInput::from(input)), |tx, call, (id, input)| {
        Box::pin(async move { HookWithSecret::try_from(hook::put(tx, call, *id, input).await?) })
    })
    .await
}

/// Give the hook of a project another secret
///
/// The new secret is shown this once.
#[utoipa::path(post, path = "/v1/projects/{project_id}/hooks/secret/rotate", operation_id = "rotate_hook_secret",
    tag = "hooks", params(("project_id" = schema::ProjectId, Path)),
    responses((status = 200, body = HookWithSecret)))]
async fn rotate(ctx: Context, Path(id): Path<ProjectId>) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, id, |tx, call, id| {
        Box::pin(async move { HookWithSecret::try_from(hook::rotate(tx, call, *id).await?) })
    })
    .await
}

/// Remove the hook of a project
#[utoipa::path(delete, path = "/v1/projects/{project_id}/hooks", operation_id = "delete_hook", tag = "hooks",
    params(("project_id" = schema::ProjectId, Path)),
    responses((status = 204, description = "Nobody is asked any more.")))]
async fn delete(ctx: Context, Path(id): Path<ProjectId>) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, id, |tx, call, id| Box::pin(hook::delete(tx, call, *id))).await
}
