//! Presets of a project: what its streams are like if nothing else is said.

use std::collections::BTreeMap;

use platform_core::{ProjectId, WallTime};
use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::authority::Permission;
use crate::error::STATE;
use crate::field::Fields;
use crate::name::{name_key, normal, search_key};
use crate::page::{Page, PageRequest, page};
use crate::project::{self, Project};
use crate::store::{Entity, Json, Tx, is, record, set};
use crate::stream::{LatencyMode, PlaybackPolicy, StreamInput};
use crate::{Call, Error, PresetId};

/// Presets of a project, 50.
pub const MAX_PRESETS: u32 = 50;

record! {
    /// A preset.
    pub struct Preset in "tenancy_presets" {
        /// `pst_…`.
        pub id: PresetId,
        /// Of which project.
        pub project_id: ProjectId,
        /// Its name, which no other preset of the project has.
        pub name: String,
        /// What it is compared by.
        pub(crate) name_key: String,
        /// What streams get from it.
        pub stream: Json<StreamDefaults>,
        /// When it was created.
        pub created_at: WallTime,
        /// When it was changed.
        pub updated_at: WallTime,
    }
    unique "name" on "project_id", "name_key"
}

/// What a stream is like; what is `None` is not said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamDefaults {
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How far behind viewers are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_mode: Option<LatencyMode>,
    /// Who may play.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub playback_policy: Option<PlaybackPolicy>,
    /// Short texts by which the tenant sorts streams.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What the tenant keeps with it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, serde_json::Value>,
}

impl StreamDefaults {
    /// These, and what they do not say from `others`. Labels and metadata are taken together, key by key.
    #[must_use]
    pub fn over(&self, others: &Self) -> Self {
        let mut labels = others.labels.clone();
        labels.extend(self.labels.clone());
        let mut metadata = others.metadata.clone();
        metadata.extend(self.metadata.clone());
        Self {
            description: self.description.clone().or_else(|| others.description.clone()),
            latency_mode: self.latency_mode.or(others.latency_mode),
            playback_policy: self.playback_policy.or(others.playback_policy),
            labels,
            metadata,
        }
    }

    /// The input of a stream with this name; what nothing says is as in [`StreamInput::named`].
    pub fn named(&self, name: &str) -> StreamInput {
        let plain = StreamInput::named(name);
        StreamInput {
            description: self.description.clone().unwrap_or(plain.description),
            latency_mode: self.latency_mode.unwrap_or(plain.latency_mode),
            playback_policy: self.playback_policy.unwrap_or(plain.playback_policy),
            labels: self.labels.clone(),
            metadata: self.metadata.clone(),
            name: plain.name,
        }
    }

    fn check(&self, fields: &mut Fields) {
        if let Some(description) = &self.description {
            fields.description("/description", description);
        }
        fields.labels("/labels", &self.labels);
        fields.metadata("/metadata", &self.metadata);
    }
}

/// A preset to be created, or what becomes of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PresetInput {
    /// Its name.
    pub name: String,
    /// What streams get from it.
    pub stream: StreamDefaults,
}

impl PresetInput {
    fn check(&self) -> Result<String, Error> {
        let mut fields = Fields::new();
        let name = fields.name("/name", &self.name);
        self.stream.check(&mut fields);
        fields.check()?;
        Ok(name)
    }
}

/// A stream to be created, perhaps of a preset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamDraft {
    /// Its name.
    pub name: String,
    /// The name of the preset that says what this does not.
    pub preset: Option<String>,
    /// What it is like.
    pub stream: StreamDefaults,
}

/// Creates a preset.
///
/// # Errors
///
/// See [`authorize`](crate::authority::authorize); [`Error::Conflict`] for its name; [`Error::Refused`] when there are
/// [`MAX_PRESETS`].
pub async fn create<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    input: &PresetInput,
) -> Result<Preset, Error> {
    let access = project::open(tx, call, Permission::ProjectsUpdate, project_id).await?;
    let name = input.check()?;
    // One at a time, so that the bound holds.
    tx.lock::<Project>(project_id).await?;
    if tx.count::<Preset>(vec![is("project_id", project_id)]).await? >= u64::from(MAX_PRESETS) {
        return Err(Error::refused(STATE, "A project has at most 50 presets; delete one."));
    }
    let preset = Preset {
        id: call.id(),
        project_id,
        name_key: name_key(&name),
        name,
        stream: Json(input.stream.clone()),
        created_at: call.now,
        updated_at: call.now,
    };
    tx.insert(&preset).await?;
    call.audit(tx, "preset.created", &access.about(Entity::of(preset.id)), &[]).await?;
    Ok(preset)
}

/// The presets of a project.
///
/// # Errors
///
/// See [`authorize`](crate::authority::authorize).
pub async fn list<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    request: PageRequest<PresetId>,
) -> Result<Page<Preset, PresetId>, Error> {
    project::open(tx, call, Permission::ProjectsRead, project_id).await?;
    page(tx, vec![is("project_id", project_id)], request, |preset: &Preset| preset.id).await
}

/// A preset.
///
/// # Errors
///
/// See [`authorize`](crate::authority::authorize).
pub async fn read<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    id: PresetId,
) -> Result<Preset, Error> {
    project::open(tx, call, Permission::ProjectsRead, project_id).await?;
    tx.find(vec![is("id", id), is("project_id", project_id)]).await?.ok_or(Error::NotFound)
}

/// Replaces a preset. Streams that were created of it stay as they are.
///
/// # Errors
///
/// As [`create`].
pub async fn replace<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    id: PresetId,
    input: &PresetInput,
) -> Result<Preset, Error> {
    let access = project::open(tx, call, Permission::ProjectsUpdate, project_id).await?;
    let name = input.check()?;
    let filter = vec![is("id", id), is("project_id", project_id)];
    let assign = vec![
        set("name_key", name_key(&name)),
        set("name", name),
        set("stream", Json(input.stream.clone())),
        set("updated_at", call.now),
    ];
    if tx.update::<Preset>(filter, assign).await? == 0 {
        return Err(Error::NotFound);
    }
    call.audit(tx, "preset.updated", &access.about(Entity::of(id)), &["name", "stream"]).await?;
    tx.get(id).await?.ok_or(Error::NotFound)
}

/// Deletes a preset. Streams that were created of it stay as they are.
///
/// # Errors
///
/// See [`authorize`](crate::authority::authorize).
pub async fn delete<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    id: PresetId,
) -> Result<(), Error> {
    let access = project::open(tx, call, Permission::ProjectsUpdate, project_id).await?;
    if tx.delete::<Preset>(vec![is("id", id), is("project_id", project_id)], 1).await? == 0 {
        return Err(Error::NotFound);
    }
    call.audit(tx, "preset.deleted", &access.about(Entity::of(id)), &[]).await
}

/// What a stream gets from a draft, with what its preset says.
///
/// # Errors
///
/// See [`authorize`](crate::authority::authorize); [`Error::Invalid`] when the project has no such preset.
pub async fn filled<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    draft: &StreamDraft,
) -> Result<StreamInput, Error> {
    let filled = fill(tx, call, project_id, std::slice::from_ref(draft)).await?.pop();
    filled.ok_or_else(|| Error::internal("a draft makes an input"))?
}

/// The preset of a project that has exactly this name; otherwise the one that has it to people.
async fn called<T: Tx>(tx: &mut T, project_id: ProjectId, name: &str) -> Result<Option<Preset>, Error> {
    let exact = vec![is("project_id", project_id), is("name", normal(name))];
    if let Some(preset) = tx.find(exact).await? {
        return Ok(Some(preset));
    }
    tx.find(vec![is("project_id", project_id), is("name_key", search_key(name))]).await
}

/// What streams get from drafts, with what their presets say. Each preset is looked up once.
///
/// # Errors
///
/// See [`authorize`](crate::authority::authorize). A draft that names no preset of the project gets an error of its own.
pub async fn fill<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    drafts: &[StreamDraft],
) -> Result<Vec<Result<StreamInput, Error>>, Error> {
    project::open(tx, call, Permission::StreamsWrite, project_id).await?;
    let mut presets: BTreeMap<String, Option<StreamDefaults>> = BTreeMap::new();
    let mut filled = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let Some(name) = &draft.preset else {
            filled.push(Ok(draft.stream.named(&draft.name)));
            continue;
        };
        if !presets.contains_key(name) {
            presets.insert(name.clone(), called(tx, project_id, name).await?.map(|preset| preset.stream.0));
        }
        filled.push(match presets.get(name) {
            Some(Some(preset)) => Ok(draft.stream.over(preset).named(&draft.name)),
            _ => Err(Error::field("/preset", "unknown", "The project has no such preset.")),
        });
    }
    Ok(filled)
}
