//! `/v1/projects`.

mod hooks;
mod keys;
mod presets;
mod settings;
mod signing_keys;

use axum::response::Response;
use hyper::StatusCode;
use platform_core::{OrganizationId, ProjectId, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::project::{self, ProjectInput, ProjectPatch};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{Input, given, object};
use super::context::Context;
use super::failure::Failure;
use super::parameters::{List, Listed, Path};
use super::schema;
pub(super) use keys::Rotate;
use settings::Settings;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, update, delete))
        .merge(settings::routes())
        .merge(keys::routes())
        .merge(signing_keys::routes())
        .merge(presets::routes())
        .merge(hooks::routes())
}

/// A project of an organization: it has streams and keys.
#[derive(Serialize, ToSchema)]
struct Project {
    #[schema(value_type = schema::ProjectId)]
    id: ProjectId,
    #[schema(value_type = schema::OrganizationId)]
    organization_id: OrganizationId,
    /// No other project of the organization has it.
    name: String,
    description: String,
    settings: Settings,
    /// How many streams it has.
    stream_count: i64,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
    #[schema(value_type = schema::Time)]
    updated_at: WallTime,
}

impl From<project::Project> for Project {
    fn from(project: project::Project) -> Self {
        let project::Project { id, organization_id, name, description, created_at, updated_at, .. } = project;
        let stream_count = project.streams;
        let settings = project.settings.0.into();
        Self { id, organization_id, name, description, settings, stream_count, created_at, updated_at }
    }
}

/// A project to be created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateProject {
    /// Where.
    #[schema(value_type = schema::OrganizationId)]
    organization_id: OrganizationId,
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100, example = "Live events")]
    name: String,
    /// Up to 2,000 characters.
    #[serde(default)]
    #[schema(max_length = 2000)]
    description: String,
    /// How it behaves.
    #[serde(default, deserialize_with = "object")]
    settings: Settings,
}

/// What of a project is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateProject {
    /// 1 to 100 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    name: Option<String>,
    /// Up to 2,000 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(max_length = 2000, nullable = false)]
    description: Option<String>,
}

/// Which projects.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Of one organization, instead of all that you reach.
    #[param(value_type = Option<schema::OrganizationId>)]
    organization_id: Option<OrganizationId>,
    /// Names that begin with this.
    search: Option<String>,
}

/// The projects that you reach
#[utoipa::path(get, path = "/v1/projects", operation_id = "list_projects", tag = "projects", params(Filter),
    responses((status = 200, body = Listed<Project>)))]
async fn list(ctx: Context, list: List<Filter>) -> Result<axum::Json<Listed<Project>>, Failure> {
    let keys = ctx.api.tenancy.keys();
    let Filter { organization_id, search } = &list.filter;
    let request = list.page(keys)?;
    let mut tx = ctx.reader().await?;
    let page = project::list(&mut tx, &ctx.call, *organization_id, search.as_deref(), request).await?;
    list.answer(keys, page, Project::from)
}

/// Create a project
#[utoipa::path(post, path = "/v1/projects", operation_id = "create_project", tag = "projects",
    request_body = CreateProject, responses((status = 201, body = Project)))]
async fn create(ctx: Context, Input(input): Input<CreateProject>) -> Result<Response, Failure> {
    let CreateProject { organization_id, name, description, settings } = input;
    let input = (organization_id, ProjectInput { name, description, settings: settings.into() });
    ctx.change(StatusCode::CREATED, input, |tx, call, (organization_id, input)| {
        Box::pin(async move { project::create(tx, call, *organization_id, input).await.map(Project::from) })
    })
    .await
}

/// A project
#[utoipa::path(get, path = "/v1/projects/{project_id}", operation_id = "read_project", tag = "projects",
    params(("project_id" = schema::ProjectId, Path)), responses((status = 200, body = Project)))]
async fn read(ctx: Context, Path(id): Path<ProjectId>) -> Result<axum::Json<Project>, Failure> {
    let project = project::read(&mut ctx.reader().await?, &ctx.call, id).await?;
    Ok(axum::Json(project.into()))
}

/// Change a project
#[utoipa::path(patch, path = "/v1/projects/{project_id}", operation_id = "update_project", tag = "projects",
    params(("project_id" = schema::ProjectId, Path)), request_body = UpdateProject,
    responses((status = 200, body = Project)))]
async fn update(
    ctx: Context,
    Path(id): Path<ProjectId>,
    Input(input): Input<UpdateProject>,
) -> Result<Response, Failure> {
    let patch = ProjectPatch { name: input.name, description: input.description, settings: None };
    ctx.change(StatusCode::OK, (id, patch), |tx, call, (id, patch)| {
        Box::pin(async move { project::update(tx, call, *id, patch).await.map(Project::from) })
    })
    .await
}

/// Delete a project
///
/// Its streams and keys are out of reach with it. An operator can bring it back for 30 days.
#[utoipa::path(delete, path = "/v1/projects/{project_id}", operation_id = "delete_project", tag = "projects",
    params(("project_id" = schema::ProjectId, Path)),
    responses((status = 204, description = "It is deleted.")))]
async fn delete(ctx: Context, Path(id): Path<ProjectId>) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, id, |tx, call, id| Box::pin(project::delete(tx, call, *id))).await
}
