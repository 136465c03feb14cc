//! `/v1/streams/{id}/qualities`.

use serde::Serialize;
use tenancy::StreamId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::live::Variant;
use crate::v1::parameters::Path;
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(read))
}

/// What plays.
#[derive(Serialize, ToSchema)]
struct Qualities {
    /// What players choose from; none while nothing plays over HLS.
    variants: Vec<Variant>,
}

/// What of a stream plays now
///
/// What the multivariant playlist lists for a viewer who may see all of it, of the server that has the encoder.
#[utoipa::path(get, path = "/v1/streams/{stream_id}/qualities", operation_id = "list_stream_qualities",
    tag = "streams", params(("stream_id" = schema::StreamId, Path)), responses((status = 200, body = Qualities)))]
async fn read(ctx: Context, Path(id): Path<StreamId>) -> Result<axum::Json<Qualities>, Failure> {
    ctx.api.cache.stream(&ctx.api.db, &ctx.call, id).await?;
    let variants = ctx.api.live.path().map(|path| path.variants(id)).unwrap_or_default();
    Ok(axum::Json(Qualities { variants }))
}
