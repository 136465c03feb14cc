//! `/v1/streams/bulk`.

use std::collections::BTreeMap;

use axum::response::Response;
use hyper::StatusCode;
use platform_core::{Problem, ProjectId};
use serde::{Deserialize, Serialize};
use tenancy::preset::{StreamDefaults, StreamDraft};
use tenancy::stream::{LatencyMode, PlaybackPolicy};
use tenancy::{Error, StreamId, bulk};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{CreatedStream, Metadata};
use crate::v1::body::{Input, given, objects};
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(delete))
}

/// Streams to be created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateStreams {
    /// Where. Left out by API keys, which have a project.
    #[schema(value_type = Option<schema::ProjectId>)]
    project_id: Option<ProjectId>,
    /// 1 to 1,000 of them.
    #[serde(deserialize_with = "objects")]
    #[schema(min_items = 1, max_items = 1000)]
    streams: Vec<NewStream>,
}

/// A stream to be created, as one by itself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewStream {
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
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = schema::LatencyMode, required = false)]
    latency_mode: Option<LatencyMode>,
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

impl From<NewStream> for StreamDraft {
    fn from(new: NewStream) -> Self {
        let NewStream { name, preset, description, latency_mode, playback_policy, labels, metadata } = new;
        let stream = StreamDefaults { description, latency_mode, playback_policy, labels, metadata };
        Self { name, preset, stream }
    }
}

/// Streams to be deleted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeleteStreams {
    /// Where they are. Left out by API keys, which have a project.
    #[schema(value_type = Option<schema::ProjectId>)]
    project_id: Option<ProjectId>,
    /// 1 to 1,000 of them.
    #[schema(value_type = Vec<schema::StreamId>, min_items = 1, max_items = 1000)]
    stream_ids: Vec<StreamId>,
}

/// What became of each item, in the order of the request.
#[derive(Serialize, ToSchema)]
struct Results<T> {
    data: Vec<T>,
}

/// What became of a stream that was to be created.
#[derive(Serialize, ToSchema)]
struct CreateResult {
    /// 201, or the status that a request of its own would have had.
    #[schema(example = 201)]
    status: u16,
    /// The stream with its first key; null where it was not created.
    #[schema(required)]
    stream: Option<CreatedStream>,
    /// Why it was not created; else null.
    #[schema(value_type = Option<ItemProblem>, required)]
    problem: Option<Problem>,
}

/// What became of a stream that was to be deleted.
#[derive(Serialize, ToSchema)]
struct DeleteResult {
    /// 204, or the status that a request of its own would have had.
    #[schema(example = 204)]
    status: u16,
    #[schema(value_type = schema::StreamId)]
    stream_id: StreamId,
    /// Why it was not deleted; else null.
    #[schema(value_type = Option<ItemProblem>, required)]
    problem: Option<Problem>,
}

/// A problem document, as an answer of its own would be; pointers are within the item.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what Problem serializes to")]
struct ItemProblem {
    r#type: String,
    title: String,
    status: u16,
    detail: Option<String>,
    /// The machine code.
    #[schema(example = "conflict")]
    code: String,
}

/// Its status, itself where it succeeded, and else why not.
fn split<T>(result: Result<T, Error>, done: StatusCode) -> (u16, Option<T>, Option<Problem>) {
    match result {
        Ok(value) => (done.as_u16(), Some(value), None),
        Err(error) => {
            let problem = error.problem();
            (problem.code.status(), None, Some(problem))
        }
    }
}

/// Create many streams
///
/// In one transaction. What one item gets wrong does not undo the others: each has a result of its own. When the plan has no
/// room for all, the last ones are refused.
#[utoipa::path(post, path = "/v1/streams/bulk", operation_id = "create_streams", tag = "streams",
    request_body = CreateStreams, responses((status = 200, body = Results<CreateResult>)))]
async fn create(ctx: Context, Input(input): Input<CreateStreams>) -> Result<Response, Failure> {
    let project_id = named(&ctx, input.project_id)?;
    let drafts: Vec<StreamDraft> = input.streams.into_iter().map(Into::into).collect();
    ctx.change(StatusCode::OK, (project_id, drafts), |tx, call, (project_id, drafts)| {
        Box::pin(async move {
            let mut data = Vec::with_capacity(drafts.len());
            for result in bulk::create(tx, call, *project_id, drafts).await? {
                let (status, created, problem) = split(result, StatusCode::CREATED);
                let stream = created.map(CreatedStream::try_from).transpose()?;
                data.push(CreateResult { status, stream, problem });
            }
            Ok(Results { data })
        })
    })
    .await
}

/// Delete many streams
///
/// In one transaction. What is not there is said, and does not undo the others.
#[utoipa::path(post, path = "/v1/streams/bulk/delete", operation_id = "delete_streams", tag = "streams",
    request_body = DeleteStreams, responses((status = 200, body = Results<DeleteResult>)))]
async fn delete(ctx: Context, Input(input): Input<DeleteStreams>) -> Result<Response, Failure> {
    let project_id = named(&ctx, input.project_id)?;
    ctx.change(StatusCode::OK, (project_id, input.stream_ids), |tx, call, (project_id, ids)| {
        Box::pin(async move {
            let results = bulk::delete(tx, call, *project_id, ids).await?;
            let shown = |(&stream_id, result)| {
                let (status, _, problem) = split(result, StatusCode::NO_CONTENT);
                DeleteResult { status, stream_id, problem }
            };
            Ok(Results { data: ids.iter().zip(results).map(shown).collect() })
        })
    })
    .await
}

fn named(ctx: &Context, project_id: Option<ProjectId>) -> Result<ProjectId, Failure> {
    let project_id = super::project_of(ctx, project_id);
    project_id.ok_or_else(|| Failure::field("/project_id", "required", "Name the project."))
}
