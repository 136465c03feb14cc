//! `/v1/projects/{id}/settings`.

use axum::response::Response;
use hyper::StatusCode;
use platform_core::ProjectId;
use serde::{Deserialize, Serialize};
use tenancy::project::{self, ProjectPatch, ProjectSettings};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::body::Input;
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::Path;
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(read, replace))
}

/// How a project behaves.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    /// Web origins whose pages may read the project's media: `https://example.org`, or `*`. Empty: any.
    #[schema(max_items = 50, example = json!(["https://example.org"]))]
    allowed_origins: Vec<String>,
}

impl From<ProjectSettings> for Settings {
    fn from(settings: ProjectSettings) -> Self {
        Self { allowed_origins: settings.allowed_origins }
    }
}

impl From<Settings> for ProjectSettings {
    fn from(settings: Settings) -> Self {
        Self::with_allowed_origins(settings.allowed_origins)
    }
}

/// A project's settings
#[utoipa::path(get, path = "/v1/projects/{project_id}/settings", operation_id = "read_project_settings",
    tag = "projects", params(("project_id" = schema::ProjectId, Path)),
    responses((status = 200, body = Settings)))]
async fn read(ctx: Context, Path(id): Path<ProjectId>) -> Result<axum::Json<Settings>, Failure> {
    let project = project::read(&mut ctx.reader().await?, &ctx.call, id).await?;
    Ok(axum::Json(project.settings.0.into()))
}

/// Replace a project's settings
#[utoipa::path(put, path = "/v1/projects/{project_id}/settings", operation_id = "replace_project_settings",
    tag = "projects", params(("project_id" = schema::ProjectId, Path)), request_body = Settings,
    responses((status = 200, body = Settings)))]
async fn replace(
    ctx: Context,
    Path(id): Path<ProjectId>,
    Input(settings): Input<Settings>,
) -> Result<Response, Failure> {
    let patch = ProjectPatch { settings: Some(settings.into()), ..ProjectPatch::default() };
    ctx.change(StatusCode::OK, (id, patch), |tx, call, (id, patch)| {
        Box::pin(async move {
            project::update(tx, call, *id, patch).await.map(|project| Settings::from(project.settings.0))
        })
    })
    .await
}
