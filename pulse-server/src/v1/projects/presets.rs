//! `/v1/projects/{id}/presets`.

use std::collections::BTreeMap;

use axum::response::Response;
use hyper::StatusCode;
use platform_core::{ProjectId, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::PresetId;
use tenancy::preset::{self, PresetInput, StreamDefaults};
use tenancy::stream::{LatencyMode, PlaybackPolicy};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::body::{Input, given, object};
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::{List, Listed, Path, Unfiltered};
use crate::v1::schema;
use crate::v1::streams::Metadata;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, replace, delete))
}

/// What streams that name the preset are like, where they do not say it themselves.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Defaults {
    /// Up to 2,000 characters.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000, nullable = false)]
    description: Option<String>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::LatencyMode, required = false)]
    latency_mode: Option<LatencyMode>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::PlaybackPolicy, required = false)]
    playback_policy: Option<PlaybackPolicy>,
    /// Up to 32 short texts by which you sort streams. A stream's own are added, and win.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// What you keep with it: a JSON object of up to 8 KiB. A stream's own members are added, and win.
    #[serde(default)]
    #[schema(value_type = Metadata)]
    metadata: serde_json::Map<String, serde_json::Value>,
}

impl From<Defaults> for StreamDefaults {
    fn from(defaults: Defaults) -> Self {
        let Defaults { description, latency_mode, playback_policy, labels, metadata } = defaults;
        Self { description, latency_mode, playback_policy, labels, metadata }
    }
}

impl From<StreamDefaults> for Defaults {
    fn from(defaults: StreamDefaults) -> Self {
        let StreamDefaults { description, latency_mode, playback_policy, labels, metadata } = defaults;
        Self { description, latency_mode, playback_policy, labels, metadata }
    }
}

/// A preset of a project.
#[derive(Serialize, ToSchema)]
struct Preset {
    #[schema(value_type = schema::PresetId)]
    id: PresetId,
    #[schema(value_type = schema::ProjectId)]
    project_id: ProjectId,
    /// No other preset of the project has it.
    name: String,
    stream: Defaults,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
    #[schema(value_type = schema::Time)]
    updated_at: WallTime,
}

impl From<preset::Preset> for Preset {
    fn from(preset: preset::Preset) -> Self {
        let preset::Preset { id, project_id, name, stream, created_at, updated_at, .. } = preset;
        Self { id, project_id, name, stream: stream.0.into(), created_at, updated_at }
    }
}

/// A preset to be created, or what becomes of one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PutPreset {
    /// 1 to 100 characters that no other preset of the project has.
    #[schema(min_length = 1, max_length = 100, example = "Council")]
    name: String,
    #[serde(deserialize_with = "object")]
    stream: Defaults,
}

impl From<PutPreset> for PresetInput {
    fn from(preset: PutPreset) -> Self {
        Self { name: preset.name, stream: preset.stream.into() }
    }
}

/// The presets of a project
#[utoipa::path(get, path = "/v1/projects/{project_id}/presets", operation_id = "list_presets", tag = "presets",
    params(("project_id" = schema::ProjectId, Path)), responses((status = 200, body = Listed<Preset>)))]
async fn list(
    ctx: Context,
    Path(id): Path<ProjectId>,
    list: List<Unfiltered>,
) -> Result<axum::Json<Listed<Preset>>, Failure> {
    let keys = ctx.api.tenancy.keys();
    let page = preset::list(&mut ctx.reader().await?, &ctx.call, id, list.page(keys)?).await?;
    list.answer(keys, page, Preset::from)
}

/// Create a preset
///
/// A project has up to 50.
#[utoipa::path(post, path = "/v1/projects/{project_id}/presets", operation_id = "create_preset", tag = "presets",
    params(("project_id" = schema::ProjectId, Path)), request_body = PutPreset,
    responses((status = 201, body = Preset)))]
async fn create(
    ctx: Context,
    Path(id): Path<ProjectId>,
    Input(input): Input<PutPreset>,
) -> Result<Response, Failure> {
    ctx.change(StatusCode::CREATED, (id, PresetInput::from(input)), |tx, call, (id, input)| {
        Box::pin(async move { preset::create(tx, call, *id, input).await.map(Preset::from) })
    })
    .await
}

/// A preset
#[utoipa::path(get, path = "/v1/projects/{project_id}/presets/{preset_id}", operation_id = "read_preset",
    tag = "presets", params(("project_id" = schema::ProjectId, Path), ("preset_id" = schema::PresetId, Path)),
    responses((status = 200, body = Preset)))]
async fn read(
    ctx: Context,
    Path((project_id, id)): Path<(ProjectId, PresetId)>,
) -> Result<axum::Json<Preset>, Failure> {
    let preset = preset::read(&mut ctx.reader().await?, &ctx.call, project_id, id).await?;
    Ok(axum::Json(preset.into()))
}

/// Replace a preset
///
/// Streams that were created of it stay as they are.
#[utoipa::path(put, path = "/v1/projects/{project_id}/presets/{preset_id}", operation_id = "replace_preset",
    tag = "presets", params(("project_id" = schema::ProjectId, Path), ("preset_id" = schema::PresetId, Path)),
    request_body = PutPreset, responses((status = 200, body = Preset)))]
async fn replace(
    ctx: Context,
    Path(ids): Path<(ProjectId, PresetId)>,
    Input(input): Input<PutPreset>,
) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, (ids, PresetInput::from(input)), |tx, call, ((project_id, id), input)| {
        Box::pin(async move { preset::replace(tx, call, *project_id, *id, input).await.map(Preset::from) })
    })
    .await
}

/// Delete a preset
///
/// Streams that were created of it stay as they are.
#[utoipa::path(delete, path = "/v1/projects/{project_id}/presets/{preset_id}", operation_id = "delete_preset",
    tag = "presets", params(("project_id" = schema::ProjectId, Path), ("preset_id" = schema::PresetId, Path)),
    responses((status = 204, description = "It is deleted.")))]
async fn delete(ctx: Context, Path(ids): Path<(ProjectId, PresetId)>) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, ids, |tx, call, (project_id, id)| {
        Box::pin(preset::delete(tx, call, *project_id, *id))
    })
    .await
}
