//! Streams of projects.

use std::collections::BTreeMap;

use platform_core::{EventType, ProjectId, WallTime};
use serde_json::json;

use crate::authority::{self, Access, Permission, Target, authorize};
use crate::field::Fields;
use crate::label::{self, Label};
use crate::name::{name_key, search_key};
use crate::page::{Page, PageRequest, page};
use crate::project;
use crate::quota::{self, Resource};
use crate::store::{
    Change, Condition, Entity, Json, Tx, at_least, clear, is, named, null, one_of, record, set, some,
};
use crate::stream_key::{self, StreamKey};
use crate::{Call, Error, StreamId, name, retention, schedule};

const CREATED: EventType = EventType::of("stream.created");
const UPDATED: EventType = EventType::of("stream.updated");
const DELETED: EventType = EventType::of("stream.deleted");

named! {
    /// How far behind the encoder viewers are.
    pub enum LatencyMode {
        /// Low-Latency HLS: about two seconds.
        Low = "low",
        /// Classic HLS: segments only.
        Standard = "standard",
    }
}

named! {
    /// Who may play.
    pub enum PlaybackPolicy {
        /// Anybody who knows the stream's id.
        Public = "public",
        /// Who brings a token that was signed with a key of the project.
        Signed = "signed",
    }
}

record! {
    /// A stream.
    pub struct Stream in "tenancy_streams" {
        /// `str_…`.
        pub id: StreamId,
        /// Its project.
        pub project_id: ProjectId,
        /// Its name, which no other stream of the project has.
        pub name: String,
        /// What it is compared by.
        pub(crate) name_key: String,
        /// What it is about.
        pub description: String,
        /// How far behind viewers are.
        pub latency_mode: LatencyMode,
        /// Who may play.
        pub playback_policy: PlaybackPolicy,
        /// Short texts by which the tenant sorts streams.
        pub labels: Json<BTreeMap<String, String>>,
        /// What the tenant keeps with it.
        pub metadata: Json<serde_json::Map<String, serde_json::Value>>,
        /// Playback tokens and handles of older epochs are void.
        pub epoch: i64,
        /// When it was created.
        pub created_at: WallTime,
        /// When it was changed.
        pub updated_at: WallTime,
        /// Since when an operator suspends it: it cannot be published or played.
        pub suspended_at: Option<WallTime>,
        /// When it was deleted.
        pub deleted_at: Option<WallTime>,
        /// When the epoch was raised last. Tokens that name no epoch and were signed until then are void.
        pub epoch_at: Option<WallTime>,
        /// Publishers of older epochs are to go.
        pub publish_epoch: i64,
        /// When it is planned to start; `None`: it may be published at any time before [`ends_at`](Self::ends_at).
        pub starts_at: Option<WallTime>,
        /// From when on it cannot be published.
        pub ends_at: Option<WallTime>,
        /// How many seconds before [`starts_at`](Self::starts_at) it may be published.
        pub lead_seconds: i64,
    }
    unique "name" on "project_id", "name_key"; while "deleted_at" is null
}

/// A stream to be created.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamInput {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// How far behind viewers are.
    pub latency_mode: LatencyMode,
    /// Who may play.
    pub playback_policy: PlaybackPolicy,
    /// Short texts by which the tenant sorts streams.
    pub labels: BTreeMap<String, String>,
    /// What the tenant keeps with it.
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

impl StreamInput {
    /// A public stream of low latency.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            latency_mode: LatencyMode::Low,
            playback_policy: PlaybackPolicy::Public,
            labels: BTreeMap::new(),
            metadata: serde_json::Map::new(),
        }
    }
}

/// What of a stream is to change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamPatch {
    /// Its name.
    pub name: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// How far behind viewers are.
    pub latency_mode: Option<LatencyMode>,
    /// Who may play.
    pub playback_policy: Option<PlaybackPolicy>,
    /// All labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// All metadata.
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Which streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamFilter {
    /// Names that begin with this, without regard to case.
    pub search: Option<String>,
    /// Only with this policy.
    pub playback_policy: Option<PlaybackPolicy>,
    /// Only with this latency mode.
    pub latency_mode: Option<LatencyMode>,
    /// Only with this label.
    pub label: Option<Label>,
}

impl StreamFilter {
    fn conditions(&self, project_id: Option<ProjectId>) -> Vec<Condition> {
        let mut filter = vec![null("deleted_at")];
        filter.extend(self.search.as_ref().map(|text| Condition::Prefix("name_key", search_key(text))));
        filter.extend(self.playback_policy.map(|policy| is("playback_policy", policy)));
        filter.extend(self.latency_mode.map(|mode| is("latency_mode", mode)));
        filter.extend(self.label.as_ref().map(|label| label.condition(project_id)));
        filter
    }
}

/// A stream with its first key, shown in full.
#[derive(Clone, Debug)]
pub struct Created {
    /// The stream.
    pub stream: Stream,
    /// Its first key.
    pub key: StreamKey,
    /// The key itself, for the encoder.
    pub secret: platform_core::Secret,
}

/// Creates a stream with its first key.
///
/// # Errors
///
/// See [`authorize`]; [`Error::Conflict`] for its name; [`Error::QuotaExceeded`].
pub async fn create<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    input: &StreamInput,
) -> Result<Created, Error> {
    let access = project::open(tx, call, Permission::StreamsWrite, project_id).await?;
    let stream = made(call, project_id, input)?;
    let taking = quota::Taking::of(tx, &access, Resource::Streams, 1).await?;
    // First the project's row, then the counter: everybody in this order, so that none waits for another in a circle. All in
    // one journey; what found no room is rolled back with its error.
    let changes = [project::counting_stream(project_id, 1), taking.change(), Change::insert(&stream)];
    let [counted, taken, added] = tx.change(changes).await?;
    if counted.is_none() {
        return Err(Error::NotFound);
    }
    taking.finish(tx, call, taken).await?;
    if added.is_none() {
        return Err(tx.conflict(&stream).await);
    }
    complete(tx, call, &access, stream).await
}

/// A stream of this input, which is checked.
pub(crate) fn made(call: &Call, project_id: ProjectId, input: &StreamInput) -> Result<Stream, Error> {
    let mut fields = Fields::new();
    let name = fields.name("/name", &input.name);
    let description = fields.description("/description", &input.description);
    fields.labels("/labels", &input.labels);
    fields.metadata("/metadata", &input.metadata);
    fields.check()?;
    Ok(Stream {
        id: call.id(),
        project_id,
        name_key: name_key(&name),
        name,
        description,
        latency_mode: input.latency_mode,
        playback_policy: input.playback_policy,
        labels: Json(input.labels.clone()),
        metadata: Json(input.metadata.clone()),
        epoch: 0,
        created_at: call.now,
        updated_at: call.now,
        suspended_at: None,
        deleted_at: None,
        epoch_at: None,
        publish_epoch: 0,
        starts_at: None,
        ends_at: None,
        lead_seconds: schedule::LEAD.as_secs() as i64,
    })
}

/// What comes with a stream that was added: its first key, its labels, and that it is told.
pub(crate) async fn complete<T: Tx>(
    tx: &mut T,
    call: &Call,
    access: &Access,
    stream: Stream,
) -> Result<Created, Error> {
    label::put(tx, &stream).await?;
    let (key, secret) = stream_key::insert(tx, call, &stream, "default", None).await?;
    let about = access.about(Entity::of(stream.id));
    call.audit(tx, "stream.created", &about, &[]).await?;
    call.announce(tx, CREATED, &about, &data(&stream)).await?;
    Ok(Created { stream, key, secret })
}

/// What events say of a stream. What the tenant keeps with it is theirs to ask for: each change would carry all of it for as
/// long as events are kept.
fn data(stream: &Stream) -> serde_json::Value {
    json!({
        "stream_id": stream.id,
        "name": stream.name,
        "latency_mode": stream.latency_mode,
        "playback_policy": stream.playback_policy,
    })
}

/// A stream.
///
/// # Errors
///
/// See [`authorize`].
pub async fn read<T: Tx>(tx: &mut T, call: &Call, id: StreamId) -> Result<Stream, Error> {
    authorize(tx, call, Permission::StreamsRead, Target::Stream(id)).await?.stream().cloned()
}

/// The stream of a project that has this name, for the live path.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn of_name<T: Tx>(tx: &mut T, project_id: ProjectId, name: &str) -> Result<StreamId, Error> {
    // As it is written down, or was by an earlier version.
    let names = [name.to_owned(), name::normal(name)];
    let filter = vec![is("project_id", project_id), one_of("name", names), null("deleted_at")];
    let found: Vec<Stream> = tx.list(filter, 2).await?;
    let exact = found.iter().find(|stream| stream.name == name);
    exact.or(found.first()).map(|stream| stream.id).ok_or(Error::NotFound)
}

/// The streams of a project.
///
/// # Errors
///
/// See [`authorize`].
pub async fn list<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    wanted: &StreamFilter,
    request: PageRequest<StreamId>,
) -> Result<Page<Stream, StreamId>, Error> {
    project::open(tx, call, Permission::StreamsRead, project_id).await?;
    let mut filter = wanted.conditions(Some(project_id));
    filter.push(is("project_id", project_id));
    page(tx, filter, request, |stream: &Stream| stream.id).await
}

/// All streams. For operators.
///
/// # Errors
///
/// See [`operator`](authority::operator).
pub async fn list_all<T: Tx>(
    tx: &mut T,
    call: &Call,
    wanted: &StreamFilter,
    request: PageRequest<StreamId>,
) -> Result<Page<Stream, StreamId>, Error> {
    authority::operator(call)?;
    page(tx, wanted.conditions(None), request, |stream: &Stream| stream.id).await
}

/// Changes a stream.
///
/// # Errors
///
/// See [`authorize`]; [`Error::Conflict`] for its name.
pub async fn update<T: Tx>(
    tx: &mut T,
    call: &Call,
    id: StreamId,
    patch: &StreamPatch,
) -> Result<Stream, Error> {
    let access = authorize(tx, call, Permission::StreamsWrite, Target::Stream(id)).await?;
    let (mut fields, mut assign, mut changed) = (Fields::new(), Vec::new(), Vec::new());
    if let Some(name) = &patch.name {
        let name = fields.name("/name", name);
        assign.extend([set("name_key", name_key(&name)), set("name", name)]);
        changed.push("name");
    }
    if let Some(description) = &patch.description {
        assign.push(set("description", fields.description("/description", description)));
        changed.push("description");
    }
    if let Some(mode) = patch.latency_mode {
        assign.push(set("latency_mode", mode));
        changed.push("latency_mode");
    }
    if let Some(policy) = patch.playback_policy {
        assign.push(set("playback_policy", policy));
        changed.push("playback_policy");
    }
    if let Some(labels) = &patch.labels {
        fields.labels("/labels", labels);
        assign.push(set("labels", Json(labels.clone())));
        changed.push("labels");
    }
    if let Some(metadata) = &patch.metadata {
        fields.metadata("/metadata", metadata);
        assign.push(set("metadata", Json(metadata.clone())));
        changed.push("metadata");
    }
    fields.check()?;
    assign.push(set("updated_at", call.now));
    tx.update::<Stream>(vec![is("id", id), null("deleted_at")], assign).await?;
    let stream: Stream = tx.get(id).await?.ok_or(Error::NotFound)?;
    if patch.labels.is_some() {
        label::replace(tx, &stream).await?;
    }
    let about = access.about(Entity::of(stream.id));
    call.audit(tx, "stream.updated", &about, &changed).await?;
    call.announce(tx, UPDATED, &about, &data(&stream)).await?;
    Ok(stream)
}

/// Deletes a stream, with its keys. An operator can bring it back for 30 days.
///
/// # Errors
///
/// See [`authorize`].
pub async fn delete<T: Tx>(tx: &mut T, call: &Call, id: StreamId) -> Result<(), Error> {
    let access = authorize(tx, call, Permission::StreamsWrite, Target::Stream(id)).await?;
    let assign = vec![set("deleted_at", call.now), set("updated_at", call.now)];
    if tx.update::<Stream>(vec![is("id", id), null("deleted_at")], assign).await? == 0 {
        return Err(Error::NotFound);
    }
    // A project that was deleted meanwhile has given its streams back already, this one too.
    if project::count_stream(tx, access.project_id()?, -1).await? {
        quota::give_back(tx, access.organization_id, Resource::Streams, 1).await?;
    }
    tell_deleted(tx, call, &access, id).await
}

/// Tells that a stream was deleted.
pub(crate) async fn tell_deleted<T: Tx>(
    tx: &mut T,
    call: &Call,
    access: &Access,
    id: StreamId,
) -> Result<(), Error> {
    let about = access.about(Entity::of(id));
    call.audit(tx, "stream.deleted", &about, &[]).await?;
    call.announce(tx, DELETED, &about, &json!({ "stream_id": id })).await
}

/// The stream of a project that a publisher calls by its name, or by its id.
///
/// # Errors
///
/// The store's.
pub async fn named<T: Tx>(tx: &mut T, project_id: ProjectId, name: &str) -> Result<Option<StreamId>, Error> {
    let this = match name.parse::<StreamId>() {
        Ok(id) => is("id", id),
        Err(_) => is("name_key", search_key(name)),
    };
    let filter = vec![is("project_id", project_id), this, null("deleted_at")];
    Ok(tx.find::<Stream>(filter).await?.map(|stream| stream.id))
}

/// Brings a deleted stream back, with its keys. For operators.
///
/// # Errors
///
/// [`Error::NotFound`] when it was not deleted in the last 30 days, or what it lies in is deleted; [`Error::Conflict`] when
/// its name was given to another; [`Error::QuotaExceeded`].
pub async fn restore<T: Tx>(tx: &mut T, call: &Call, id: StreamId) -> Result<Stream, Error> {
    authority::operator(call)?;
    let deleted: Stream = tx.get(id).await?.ok_or(Error::NotFound)?;
    let access = project::open(tx, call, Permission::StreamsWrite, deleted.project_id).await?;
    let filter = vec![is("id", id), at_least("deleted_at", call.now.minus(retention::KEPT))];
    let assign = vec![clear("deleted_at"), set("updated_at", call.now)];
    if tx.update::<Stream>(filter, assign).await? == 0 {
        return Err(Error::NotFound);
    }
    if !project::count_stream(tx, deleted.project_id, 1).await? {
        return Err(Error::NotFound);
    }
    quota::take(tx, call, &access, Resource::Streams, 1).await?;
    call.record(tx, "stream.restored", access.about(Entity::of(id)), &[]).await?;
    tx.get(id).await?.ok_or(Error::NotFound)
}

/// Suspends a stream, or lifts that. For operators.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn suspend<T: Tx>(tx: &mut T, call: &Call, id: StreamId, suspended: bool) -> Result<Stream, Error> {
    authority::operator(call)?;
    let access = authorize(tx, call, Permission::Operate, Target::Stream(id)).await?;
    let mark = if suspended { set("suspended_at", call.now) } else { clear("suspended_at") };
    let unmarked = if suspended { null("suspended_at") } else { some("suspended_at") };
    if tx.update::<Stream>(vec![is("id", id), unmarked], vec![mark]).await? == 1 {
        let action = if suspended { "stream.suspended" } else { "stream.resumed" };
        call.record(tx, action, access.about(Entity::of(access.stream()?.id)), &["suspended_at"]).await?;
    }
    tx.get(id).await?.ok_or(Error::NotFound)
}
