//! Streams as they are shown.

use std::collections::BTreeMap;

use platform_core::sql::Tx;
use platform_core::{ProjectId, WallTime};
use serde::Serialize;
use tenancy::stream::{self, LatencyMode, PlaybackPolicy};
use tenancy::{Call, Error, StreamId};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::keys::StreamKey;
use crate::v1::api::Api;
use crate::v1::live::State;
use crate::v1::schema;

/// A stream.
#[derive(Serialize, ToSchema)]
pub(in crate::v1) struct Stream {
    #[schema(value_type = schema::StreamId)]
    id: StreamId,
    #[schema(value_type = schema::ProjectId)]
    project_id: ProjectId,
    /// No other stream of the project has it.
    name: String,
    description: String,
    #[schema(value_type = schema::LatencyMode)]
    latency_mode: LatencyMode,
    #[schema(value_type = schema::PlaybackPolicy)]
    playback_policy: PlaybackPolicy,
    labels: BTreeMap<String, String>,
    #[schema(value_type = Metadata)]
    metadata: serde_json::Map<String, serde_json::Value>,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
    #[schema(value_type = schema::Time)]
    updated_at: WallTime,
    /// Since when an operator suspends it: it cannot be published or played.
    #[schema(value_type = Option<schema::Time>, required)]
    suspended_at: Option<WallTime>,
    #[serde(flatten)]
    state: State,
}

impl Stream {
    /// A stream as it is, with what it is doing.
    pub(in crate::v1) fn new(stream: &stream::Stream, state: State) -> Self {
        Self {
            id: stream.id,
            project_id: stream.project_id,
            name: stream.name.clone(),
            description: stream.description.clone(),
            latency_mode: stream.latency_mode,
            playback_policy: stream.playback_policy,
            labels: stream.labels.0.clone(),
            metadata: stream.metadata.0.clone(),
            created_at: stream.created_at,
            updated_at: stream.updated_at,
            suspended_at: stream.suspended_at,
            state,
        }
    }
}

impl Stream {
    /// A stream that was changed, with what it is doing.
    pub(in crate::v1) async fn with_state(
        stream: stream::Stream,
        tx: &mut Tx,
        call: &Call,
        api: &Api,
    ) -> Result<Self, Error> {
        let states = api.live.states_of(tx, call, std::slice::from_ref(&stream)).await?;
        Ok(Self::new(&stream, states.of(stream.id)))
    }
}

/// A new stream with its first key.
#[derive(Serialize, ToSchema)]
pub(super) struct CreatedStream {
    #[serde(flatten)]
    stream: Stream,
    /// Its first key, for the encoder.
    stream_key: StreamKey,
}

impl TryFrom<stream::Created> for CreatedStream {
    type Error = Error;

    fn try_from(created: stream::Created) -> Result<Self, Error> {
        let stream_key = StreamKey::new(created.key, &created.secret)?;
        Ok(Self { stream: Stream::new(&created.stream, State::idle()), stream_key })
    }
}

/// Any JSON object of up to 8 KiB.
pub(in crate::v1) struct Metadata;

impl PartialSchema for Metadata {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("Any JSON object of up to 8 KiB."))
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .into()
    }
}

impl ToSchema for Metadata {
    fn name() -> std::borrow::Cow<'static, str> {
        "Metadata".into()
    }
}
