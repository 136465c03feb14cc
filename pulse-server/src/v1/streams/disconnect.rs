//! `/v1/streams/{id}/disconnect`.

use axum::response::Response;
use hyper::StatusCode;
use tenancy::{StreamId, revocation};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::Path;
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(disconnect))
}

/// Drop who publishes a stream
///
/// Within a second, wherever the encoder is connected. Its key is as good as before: revoke it too if it is not to come back.
#[utoipa::path(post, path = "/v1/streams/{stream_id}/disconnect", operation_id = "disconnect_publisher",
    tag = "streams", params(("stream_id" = schema::StreamId, Path)),
    responses((status = 204, description = "Whoever published is dropped.")))]
async fn disconnect(ctx: Context, Path(id): Path<StreamId>) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, id, |tx, call, id| {
        Box::pin(async move { revocation::disconnect(tx, call, *id).await.map(drop) })
    })
    .await
}
