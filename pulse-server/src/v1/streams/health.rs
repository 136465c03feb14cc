//! `/v1/streams/{id}/health`.

use serde::Serialize;
use tenancy::StreamId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::live::{Problem, Severity};
use crate::v1::parameters::Path;
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(read))
}

/// How a stream is.
#[derive(Serialize, ToSchema)]
struct StreamHealth {
    /// Whether nothing is wrong at this moment, apart from what is only information.
    healthy: bool,
    /// What is or was wrong since the stream began, the current and the worst first.
    problems: Vec<Problem>,
}

/// What is wrong with a stream, and which setting of the encoder mends it
///
/// Of the server that has the encoder, since the stream began; for a minute after its end.
#[utoipa::path(get, path = "/v1/streams/{stream_id}/health", operation_id = "read_stream_health", tag = "streams",
    params(("stream_id" = schema::StreamId, Path)), responses((status = 200, body = StreamHealth)))]
async fn read(ctx: Context, Path(id): Path<StreamId>) -> Result<axum::Json<StreamHealth>, Failure> {
    ctx.api.cache.stream(&ctx.api.db, &ctx.call, id).await?;
    let problems = ctx.api.live.path().map(|path| path.problems(id)).unwrap_or_default();
    let wrong = |problem: &Problem| problem.current && problem.severity != Severity::Info;
    Ok(axum::Json(StreamHealth { healthy: !problems.iter().any(wrong), problems }))
}
