//! `/v1/admin/apps`.

use axum::response::Response;
use hyper::StatusCode;
use platform_core::{ProjectId, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::{AppId, app};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::body::Input;
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::{List, Listed, Path, Unfiltered};
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(update, delete))
}

/// An RTMP application name that is bound to a project, for encoders whose keys name none: there the project's hook decides.
#[derive(Serialize, ToSchema)]
struct App {
    #[schema(value_type = schema::AppId)]
    id: AppId,
    /// The name, as in `rtmp://HOST/{name}`.
    name: String,
    #[schema(value_type = schema::ProjectId)]
    project_id: ProjectId,
    /// Whether the hook may rename a stream by a redirection.
    allow_rename: bool,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
}

impl From<app::App> for App {
    fn from(app: app::App) -> Self {
        let app::App { id, name, project_id, allow_rename, created_at } = app;
        Self { id, name, project_id, allow_rename, created_at }
    }
}

/// A name to be bound.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BindApp {
    /// 1 to 64 letters, digits, `_`, `-` or `.`; not `play`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.-]+$", example = "studio")]
    name: String,
    #[schema(value_type = schema::ProjectId)]
    project_id: ProjectId,
    /// Whether the hook may rename a stream by a redirection.
    #[serde(default)]
    allow_rename: bool,
}

/// What of a bound name is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateApp {
    /// Whether the hook may rename a stream by a redirection.
    allow_rename: bool,
}

/// All RTMP application names that are bound
#[utoipa::path(get, path = "/v1/admin/apps", operation_id = "admin_list_apps", tag = "operators",
    responses((status = 200, body = Listed<App>)))]
async fn list(ctx: Context, list: List<Unfiltered>) -> Result<axum::Json<Listed<App>>, Failure> {
    let keys = ctx.api.tenancy.keys();
    let page = app::list(&mut ctx.reader().await?, &ctx.call, list.page(keys)?).await?;
    list.answer(keys, page, App::from)
}

/// Bind an RTMP application name to a project
#[utoipa::path(post, path = "/v1/admin/apps", operation_id = "admin_bind_app", tag = "operators",
    request_body = BindApp, responses((status = 201, body = App)))]
async fn create(ctx: Context, Input(input): Input<BindApp>) -> Result<Response, Failure> {
    ctx.change(StatusCode::CREATED, input, |tx, call, input| {
        Box::pin(async move {
            let bound = app::bind(tx, call, &input.name, input.project_id, input.allow_rename);
            bound.await.map(App::from)
        })
    })
    .await
}

/// Change how an RTMP application name is bound
#[utoipa::path(patch, path = "/v1/admin/apps/{app_id}", operation_id = "admin_update_app", tag = "operators",
    params(("app_id" = schema::AppId, Path)), request_body = UpdateApp, responses((status = 200, body = App)))]
async fn update(
    ctx: Context,
    Path(id): Path<AppId>,
    Input(input): Input<UpdateApp>,
) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, (id, input.allow_rename), |tx, call, (id, allow_rename)| {
        Box::pin(async move { app::update(tx, call, *id, *allow_rename).await.map(App::from) })
    })
    .await
}

/// Free an RTMP application name
#[utoipa::path(delete, path = "/v1/admin/apps/{app_id}", operation_id = "admin_unbind_app", tag = "operators",
    params(("app_id" = schema::AppId, Path)),
    responses((status = 204, description = "It is bound to no project.")))]
async fn delete(ctx: Context, Path(id): Path<AppId>) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, id, |tx, call, id| Box::pin(app::unbind(tx, call, *id))).await
}
