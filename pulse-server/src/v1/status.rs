//! `/v1/status`.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::context::Anybody;
use super::failure::Failure;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(read))
}

/// How the API is.
#[derive(Serialize, ToSchema)]
struct ServerStatus {
    /// `ok`, or `maintenance` while nothing can be changed.
    #[schema(example = "ok")]
    status: &'static str,
    /// The server's version.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Whether anybody may register.
    registrations_open: bool,
}

/// How the API is
#[utoipa::path(get, path = "/v1/status", operation_id = "read_status", tag = "status", security(()),
    responses((status = 200, body = ServerStatus)))]
async fn read(Anybody(ctx): Anybody) -> Result<axum::Json<ServerStatus>, Failure> {
    let settings = ctx.api.settings().await?;
    Ok(axum::Json(ServerStatus {
        status: if settings.maintenance { "maintenance" } else { "ok" },
        version: env!("CARGO_PKG_VERSION"),
        registrations_open: settings.registrations,
    }))
}
