//! `/v1/streams/{id}/stats`.

use serde::Serialize;
use tenancy::StreamId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::live::{STEP_SECONDS, Step};
use crate::v1::parameters::Path;
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(read))
}

/// The last hour of a stream.
#[derive(Serialize, ToSchema)]
struct StreamStats {
    /// How long a step is.
    #[schema(example = 10)]
    step_seconds: u64,
    /// The oldest first. Steps in which the stream did not go on are not there.
    steps: Vec<Step>,
}

/// The last hour of a stream, in steps of 10 seconds
///
/// Of the server that has the encoder, from one broadcast to the next; an hour after the end it is gone.
#[utoipa::path(get, path = "/v1/streams/{stream_id}/stats", operation_id = "read_stream_stats", tag = "streams",
    params(("stream_id" = schema::StreamId, Path)), responses((status = 200, body = StreamStats)))]
async fn read(ctx: Context, Path(id): Path<StreamId>) -> Result<axum::Json<StreamStats>, Failure> {
    ctx.api.cache.stream(&ctx.api.db, &ctx.call, id).await?;
    let steps = ctx.api.live.path().map(|path| path.steps(id)).unwrap_or_default();
    Ok(axum::Json(StreamStats { step_seconds: STEP_SECONDS, steps }))
}
