//! `/v1/admin/streams`.

use std::sync::Arc;

use axum::response::Response;
use hyper::StatusCode;
use serde::Deserialize;
use tenancy::StreamId;
use tenancy::stream::{self, StreamFilter};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::operator;
use crate::v1::body::Input;
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::{List, Listed, Path};
use crate::v1::schema;
use crate::v1::streams::Stream;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(update)).routes(routes!(restore))
}

/// Which streams.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Names that begin with this.
    search: Option<String>,
}

/// What of a stream operators change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SuspendStream {
    /// Whether it can be neither published nor played.
    suspended: bool,
}

/// All streams
#[utoipa::path(get, path = "/v1/admin/streams", operation_id = "admin_list_streams", tag = "operators",
    params(Filter), responses((status = 200, body = Listed<Stream>)))]
async fn list(ctx: Context, list: List<Filter>) -> Result<axum::Json<Listed<Stream>>, Failure> {
    let keys = ctx.api.tenancy.keys();
    let filter = StreamFilter { search: list.filter.search.clone(), ..StreamFilter::default() };
    let request = list.page(keys)?;
    let mut tx = ctx.reader().await?;
    let page = stream::list_all(&mut tx, &ctx.call, &filter, request).await?;
    let states = ctx.api.live.states_of(&mut tx, &ctx.call, &page.data).await?;
    list.answer(keys, page, |stream| Stream::new(&stream, states.of(stream.id)))
}

/// Suspend a stream
#[utoipa::path(patch, path = "/v1/admin/streams/{stream_id}", operation_id = "admin_suspend_stream",
    tag = "operators", params(("stream_id" = schema::StreamId, Path)), request_body = SuspendStream,
    responses((status = 200, body = Stream)))]
async fn update(
    ctx: Context,
    Path(id): Path<StreamId>,
    Input(input): Input<SuspendStream>,
) -> Result<Response, Failure> {
    let input = (id, input, Arc::clone(&ctx.api));
    ctx.change(StatusCode::OK, input, |tx, call, (id, input, api)| {
        Box::pin(async move {
            let stream = stream::suspend(tx, &operator(call)?, *id, input.suspended).await?;
            Stream::with_state(stream, tx, call, api).await
        })
    })
    .await
}

/// Bring a deleted stream back, with its keys
#[utoipa::path(post, path = "/v1/admin/streams/{stream_id}/restore", operation_id = "admin_restore_stream",
    tag = "operators", params(("stream_id" = schema::StreamId, Path)), responses((status = 200, body = Stream)))]
async fn restore(ctx: Context, Path(id): Path<StreamId>) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, (id, Arc::clone(&ctx.api)), |tx, call, (id, api)| {
        Box::pin(async move {
            let stream = stream::restore(tx, &operator(call)?, *id).await?;
            Stream::with_state(stream, tx, call, api).await
        })
    })
    .await
}
