//! `/v1/streams`.

mod bulk;
mod disconnect;
mod health;
mod keys;
mod publish_tokens;
mod qualities;
mod revoke;
mod schedule;
mod stats;
mod tokens;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use hyper::StatusCode;
use platform_core::ProjectId;
use serde::Deserialize;
use tenancy::label::Label;
use tenancy::preset::{self, StreamDefaults, StreamDraft};
use tenancy::stream::{self, LatencyMode, PlaybackPolicy, StreamFilter, StreamPatch};
use tenancy::{Principal, StreamId};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{Input, given};
use super::context::Context;
use super::failure::Failure;
use super::parameters::{List, Listed, Path};
use super::schema;
use view::CreatedStream;
pub(super) use view::{Metadata, Stream};

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, update, delete))
        .merge(keys::routes())
        .merge(tokens::routes())
        .merge(revoke::routes())
        .merge(publish_tokens::routes())
        .merge(schedule::routes())
        .merge(disconnect::routes())
        .merge(bulk::routes())
        .merge(health::routes())
        .merge(stats::routes())
        .merge(qualities::routes())
}

/// A stream to be created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateStream {
    /// Where. Left out by API keys, which have a project.
    #[schema(value_type = Option<schema::ProjectId>)]
    project_id: Option<ProjectId>,
    /// 1 to 100 characters that no other stream of the project has.
    #[schema(min_length = 1, max_length = 100, example = "Town hall")]
    name: String,
    /// The name of the preset that says what this does not.
    #[serde(default, deserialize_with = "given")]
    #[schema(max_length = 100, nullable = false)]
    preset: Option<String>,
    /// Up to 2,000 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(max_length = 2000, nullable = false)]
    description: Option<String>,
    /// `low`, if neither this nor a preset says it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = schema::LatencyMode, required = false)]
    latency_mode: Option<LatencyMode>,
    /// `public`, if neither this nor a preset says it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = schema::PlaybackPolicy, required = false)]
    playback_policy: Option<PlaybackPolicy>,
    /// Up to 32 short texts by which you sort streams.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// What you keep with it: a JSON object of up to 8 KiB.
    #[serde(default)]
    #[schema(value_type = Metadata)]
    metadata: serde_json::Map<String, serde_json::Value>,
}

/// What of a stream is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateStream {
    /// 1 to 100 characters that no other stream of the project has.
    #[serde(default, deserialize_with = "given")]
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    name: Option<String>,
    /// Up to 2,000 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(max_length = 2000, nullable = false)]
    description: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = schema::LatencyMode, required = false)]
    latency_mode: Option<LatencyMode>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = schema::PlaybackPolicy, required = false)]
    playback_policy: Option<PlaybackPolicy>,
    /// All labels.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    labels: Option<BTreeMap<String, String>>,
    /// All metadata.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Metadata, required = false)]
    metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Which streams.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Of which project. Left out by API keys, which have one.
    #[param(value_type = Option<schema::ProjectId>)]
    project_id: Option<ProjectId>,
    /// Names that begin with this.
    search: Option<String>,
    #[param(value_type = Option<schema::PlaybackPolicy>)]
    playback_policy: Option<PlaybackPolicy>,
    #[param(value_type = Option<schema::LatencyMode>)]
    latency_mode: Option<LatencyMode>,
    /// With this label: `key:value`.
    #[param(example = "room:main")]
    label: Option<String>,
}

/// The project that is named, or else the API key's.
fn project_of(ctx: &Context, named: Option<ProjectId>) -> Option<ProjectId> {
    match &ctx.call.principal {
        Principal::Key(key) => Some(named.unwrap_or(key.project_id)),
        _ => named,
    }
}

fn label_of(text: &str) -> Result<Label, Failure> {
    let wrong = |_| Failure::parameter("label", "not_a_label", "A key, a colon and a value: `room:main`.");
    text.parse().map_err(wrong)
}

/// The streams of a project
#[utoipa::path(get, path = "/v1/streams", operation_id = "list_streams", tag = "streams", params(Filter),
    responses((status = 200, body = Listed<Stream>)))]
async fn list(ctx: Context, list: List<Filter>) -> Result<axum::Json<Listed<Stream>>, Failure> {
    let keys = ctx.api.tenancy.keys();
    let Filter { project_id, search, playback_policy, latency_mode, label } = &list.filter;
    let project_id = project_of(&ctx, *project_id)
        .ok_or_else(|| Failure::parameter("project_id", "required", "Name the project."))?;
    let filter = StreamFilter {
        search: search.clone(),
        playback_policy: *playback_policy,
        latency_mode: *latency_mode,
        label: label.as_deref().map(label_of).transpose()?,
    };
    let request = list.page(keys)?;
    let mut tx = ctx.reader().await?;
    let page = stream::list(&mut tx, &ctx.call, project_id, &filter, request).await?;
    let states = ctx.api.live.states_of(&mut tx, &ctx.call, &page.data).await?;
    list.answer(keys, page, |stream| Stream::new(&stream, states.of(stream.id)))
}

/// Create a stream
///
/// The answer has its first stream key.
#[utoipa::path(post, path = "/v1/streams", operation_id = "create_stream", tag = "streams",
    request_body = CreateStream, responses((status = 201, body = CreatedStream)))]
async fn create(ctx: Context, Input(input): Input<CreateStream>) -> Result<Response, Failure> {
    let project_id = project_of(&ctx, input.project_id)
        .ok_or_else(|| Failure::field("/project_id", "required", "Name the project."))?;
    let CreateStream { name, preset, description, latency_mode, playback_policy, labels, metadata, .. } =
        input;
    let stream = StreamDefaults { description, latency_mode, playback_policy, labels, metadata };
    let draft = StreamDraft { name, preset, stream };
    ctx.change(StatusCode::CREATED, (project_id, draft), |tx, call, (project_id, draft)| {
        Box::pin(async move {
            let input = preset::filled(tx, call, *project_id, draft).await?;
            CreatedStream::try_from(stream::create(tx, call, *project_id, &input).await?)
        })
    })
    .await
}

/// A stream
#[utoipa::path(get, path = "/v1/streams/{stream_id}", operation_id = "read_stream", tag = "streams",
    params(("stream_id" = schema::StreamId, Path)), responses((status = 200, body = Stream)))]
async fn read(ctx: Context, Path(id): Path<StreamId>) -> Result<axum::Json<Stream>, Failure> {
    let stream = ctx.api.cache.stream(&ctx.api.db, &ctx.call, id).await?;
    let state = ctx.api.live.state(&ctx.api.db, &ctx.call, id).await?;
    Ok(axum::Json(Stream::new(&stream, state)))
}

/// Change a stream
#[utoipa::path(patch, path = "/v1/streams/{stream_id}", operation_id = "update_stream", tag = "streams",
    params(("stream_id" = schema::StreamId, Path)), request_body = UpdateStream,
    responses((status = 200, body = Stream)))]
async fn update(
    ctx: Context,
    Path(id): Path<StreamId>,
    Input(input): Input<UpdateStream>,
) -> Result<Response, Failure> {
    let UpdateStream { name, description, latency_mode, playback_policy, labels, metadata } = input;
    let patch = StreamPatch { name, description, latency_mode, playback_policy, labels, metadata };
    let input = (id, patch, Arc::clone(&ctx.api));
    ctx.change(StatusCode::OK, input, |tx, call, (id, patch, api)| {
        Box::pin(async move {
            let stream = stream::update(tx, call, *id, patch).await?;
            Stream::with_state(stream, tx, call, api).await
        })
    })
    .await
}

/// Delete a stream
///
/// Its keys end with it. An operator can bring it back for 30 days.
#[utoipa::path(delete, path = "/v1/streams/{stream_id}", operation_id = "delete_stream", tag = "streams",
    params(("stream_id" = schema::StreamId, Path)),
    responses((status = 204, description = "It is deleted.")))]
async fn delete(ctx: Context, Path(id): Path<StreamId>) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, id, |tx, call, id| Box::pin(stream::delete(tx, call, *id))).await
}
