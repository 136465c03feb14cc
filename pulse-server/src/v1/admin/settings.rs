//! `/v1/admin/settings`.

use axum::response::Response;
use hyper::StatusCode;
use platform_core::WallTime;
use serde::{Deserialize, Serialize};
use tenancy::PlanId;
use tenancy::settings::{self, SettingsPatch};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::body::{Input, given};
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(read, update))
}

/// Settings of the server.
#[derive(Serialize, ToSchema)]
struct ServerSettings {
    /// Whether anybody may register.
    registrations: bool,
    /// Whether nothing can be changed through the API, but by operators. Who publishes and plays is not concerned.
    maintenance: bool,
    /// The plan of new organizations.
    #[schema(value_type = schema::PlanId)]
    default_plan_id: PlanId,
    #[schema(value_type = schema::Time)]
    updated_at: WallTime,
    /// For how many days the audit log is kept.
    #[schema(minimum = 1, maximum = 3650)]
    audit_days: i64,
}

impl From<settings::Settings> for ServerSettings {
    fn from(settings: settings::Settings) -> Self {
        let settings::Settings {
            registrations, maintenance, default_plan_id, updated_at, audit_days, ..
        } = settings;
        Self { registrations, maintenance, default_plan_id, updated_at, audit_days }
    }
}

/// What of the settings is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateServerSettings {
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    registrations: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    maintenance: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = schema::PlanId, required = false)]
    default_plan_id: Option<PlanId>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, minimum = 1, maximum = 3650)]
    audit_days: Option<i64>,
}

/// Settings of the server
#[utoipa::path(get, path = "/v1/admin/settings", operation_id = "admin_read_settings", tag = "operators",
    responses((status = 200, body = ServerSettings)))]
async fn read(ctx: Context) -> Result<axum::Json<ServerSettings>, Failure> {
    let settings = settings::read(&mut ctx.reader().await?, &ctx.call).await?;
    Ok(axum::Json(settings.into()))
}

/// Change settings of the server
#[utoipa::path(patch, path = "/v1/admin/settings", operation_id = "admin_update_settings", tag = "operators",
    request_body = UpdateServerSettings, responses((status = 200, body = ServerSettings)))]
async fn update(ctx: Context, Input(input): Input<UpdateServerSettings>) -> Result<Response, Failure> {
    let UpdateServerSettings { registrations, maintenance, default_plan_id, audit_days } = input;
    let patch = SettingsPatch { registrations, maintenance, default_plan_id, audit_days };
    ctx.change(StatusCode::OK, patch, |tx, call, patch| {
        Box::pin(async move { settings::update(tx, call, patch).await.map(ServerSettings::from) })
    })
    .await
}
