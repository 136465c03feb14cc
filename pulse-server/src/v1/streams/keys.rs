//! `/v1/streams/{id}/keys`.

use axum::response::Response;
use hyper::StatusCode;
use platform_core::{Secret, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::stream_key::{self, Shown, StreamKeyInput};
use tenancy::{Error, StreamId, StreamKeyId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::body::Input;
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::{List, Listed, Path, Unfiltered};
use crate::v1::projects::Rotate;
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke)).routes(routes!(rotate))
}

/// A stream key: what an encoder publishes with.
#[derive(Serialize, ToSchema)]
pub(super) struct StreamKey {
    /// Its id, which is not secret.
    #[schema(value_type = schema::StreamKeyId)]
    id: StreamKeyId,
    #[schema(value_type = schema::StreamId)]
    stream_id: StreamId,
    name: String,
    /// The key itself: `rtmp://HOST:1935/live/{key}`.
    key: String,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
    #[schema(value_type = Option<schema::Time>, required)]
    expires_at: Option<WallTime>,
}

impl StreamKey {
    /// A key as it is shown to whoever may read keys.
    pub(super) fn new(key: stream_key::StreamKey, secret: &Secret) -> Result<Self, Error> {
        let stream_key::StreamKey { id, stream_id, name, created_at, expires_at, .. } = key;
        let key = secret.expose_str().ok_or_else(|| Error::internal("a stream key is no text"))?.to_owned();
        Ok(Self { id, stream_id, name, key, created_at, expires_at })
    }
}

impl TryFrom<Shown> for StreamKey {
    type Error = Error;

    fn try_from(shown: Shown) -> Result<Self, Error> {
        Self::new(shown.key, &shown.secret)
    }
}

/// A stream key to be created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateStreamKey {
    /// What it is called, 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100, example = "backup encoder")]
    name: String,
    /// From when on it cannot be used; never, if it is left out.
    #[schema(value_type = Option<schema::Time>)]
    expires_at: Option<WallTime>,
}

/// The keys of a stream, in full
///
/// That they were shown is written into the audit log.
#[utoipa::path(get, path = "/v1/streams/{stream_id}/keys", operation_id = "list_stream_keys", tag = "stream keys",
    params(("stream_id" = schema::StreamId, Path)), responses((status = 200, body = Listed<StreamKey>)))]
async fn list(
    ctx: Context,
    Path(id): Path<StreamId>,
    list: List<Unfiltered>,
) -> Result<axum::Json<Listed<StreamKey>>, Failure> {
    let keys = ctx.api.tenancy.keys();
    let input = (ctx.call.clone(), id, list.page(keys)?);
    // A write, because of the audit row.
    let page = ctx.api.db.write(input, |tx, (call, id, request)| {
        Box::pin(async move {
            let page = stream_key::list(tx, call, *id, *request).await?;
            let data: Result<Vec<_>, _> = page.data.into_iter().map(StreamKey::try_from).collect();
            Ok::<_, Error>(tenancy::Page { data: data?, next: page.next })
        })
    });
    list.answer(keys, page.await?, |key| key)
}

/// Add a key to a stream
///
/// For a second encoder, or a backup.
#[utoipa::path(post, path = "/v1/streams/{stream_id}/keys", operation_id = "create_stream_key", tag = "stream keys",
    params(("stream_id" = schema::StreamId, Path)), request_body = CreateStreamKey,
    responses((status = 201, body = StreamKey)))]
async fn create(
    ctx: Context,
    Path(id): Path<StreamId>,
    Input(input): Input<CreateStreamKey>,
) -> Result<Response, Failure> {
    let input = StreamKeyInput { name: input.name, expires_at: input.expires_at };
    ctx.change(StatusCode::CREATED, (id, input), |tx, call, (id, input)| {
        Box::pin(async move { StreamKey::try_from(stream_key::create(tx, call, *id, input).await?) })
    })
    .await
}

/// Replace a stream key
#[utoipa::path(post, path = "/v1/streams/{stream_id}/keys/{key_id}/rotate", operation_id = "rotate_stream_key",
    tag = "stream keys", params(("stream_id" = schema::StreamId, Path), ("key_id" = schema::StreamKeyId, Path)),
    request_body = Rotate, responses((status = 200, body = StreamKey)))]
async fn rotate(
    ctx: Context,
    Path(ids): Path<(StreamId, StreamKeyId)>,
    Input(input): Input<Rotate>,
) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, (ids, input.overlap()), |tx, call, ((stream_id, id), overlap)| {
        Box::pin(async move {
            StreamKey::try_from(stream_key::rotate(tx, call, *stream_id, *id, *overlap).await?)
        })
    })
    .await
}

/// Revoke a stream key
#[utoipa::path(delete, path = "/v1/streams/{stream_id}/keys/{key_id}", operation_id = "revoke_stream_key",
    tag = "stream keys", params(("stream_id" = schema::StreamId, Path), ("key_id" = schema::StreamKeyId, Path)),
    responses((status = 204, description = "It cannot be used any more.")))]
async fn revoke(ctx: Context, Path(ids): Path<(StreamId, StreamKeyId)>) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, ids, |tx, call, (stream_id, id)| {
        Box::pin(stream_key::revoke(tx, call, *stream_id, *id))
    })
    .await
}
