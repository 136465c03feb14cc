//! Stream keys: what an encoder publishes with.
//!
//! A key is `{project}_{random}`: the 26 digits of its project's id, so that the project is known without a look-up, and 160
//! random bits. The store finds it by its HMAC; the key itself is sealed beside that, to be shown again.

use std::time::Duration;

use platform_core::{EventType, ProjectId, Secret, WallTime};
use serde_json::json;

use crate::authority::{Access, Permission, Target, authorize};
use crate::error::STATE;
use crate::field::Fields;
use crate::page::{Page, PageRequest, page};
use crate::store::{Entity, Tx, at_least, is, null, record, set};
use crate::stream::Stream;
use crate::vault::{DataKey, Keys};
use crate::{Call, Error, StreamId, StreamKeyId};

/// Keys of a stream with which an encoder may publish, 20.
const MAX_KEYS: u32 = 20;
/// How long an old key may go on beside its successor, 7 days.
pub const MAX_OVERLAP: Duration = Duration::from_secs(7 * 86_400);
/// Random bytes in a key: 160 bits.
const RANDOM: usize = 20;

const ROTATED: EventType = EventType::of("key.rotated");

record! {
    /// A stream key.
    pub struct StreamKey in "tenancy_stream_keys" {
        /// `stk_…`, which is not secret.
        pub id: StreamKeyId,
        /// Of which stream.
        pub stream_id: StreamId,
        /// What it is called: `main encoder`.
        pub name: String,
        /// Its HMAC, by which it is found.
        pub(crate) lookup: Vec<u8>,
        /// The key, sealed.
        pub(crate) sealed: Vec<u8>,
        /// When it was created.
        pub created_at: WallTime,
        /// From when on it cannot be used.
        pub expires_at: Option<WallTime>,
        /// When it was revoked.
        pub revoked_at: Option<WallTime>,
    }
    unique "lookup" on "lookup"
}

impl StreamKey {
    /// Whether an encoder may publish with it.
    pub fn is_usable(&self, now: WallTime) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// A stream key in full.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its record.
    pub key: StreamKey,
    /// The key itself, for the encoder.
    pub secret: Secret,
}

/// A stream key to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamKeyInput {
    /// What it is called.
    pub name: String,
    /// From when on it cannot be used.
    pub expires_at: Option<WallTime>,
}

/// What caches know the keys of a stream as.
pub(crate) fn keys_of(stream_id: StreamId) -> Entity {
    Entity::named(ENTITY, stream_id.to_string())
}

/// The kind of [`keys_of`].
pub(crate) const ENTITY: &str = "stream keys";

fn context(id: StreamKeyId) -> String {
    format!("stream key {id}")
}

/// What a key is found by.
pub(crate) fn lookup(keys: &Keys, key: &[u8]) -> Vec<u8> {
    keys.mac(DataKey::StreamKey, key)
}

/// A key's text.
fn generate(project_id: ProjectId) -> Secret {
    let project = project_id.to_string();
    let digits = project.rsplit_once('_').map_or("", |(_, digits)| digits);
    let random = Secret::random(RANDOM).base32();
    let mut key = digits.as_bytes().to_vec();
    key.push(b'_');
    key.extend_from_slice(random.expose());
    Secret::new(key)
}

/// The project that a key names, without a look-up; `None` for what is no key.
pub fn project_of(key: &str) -> Option<ProjectId> {
    let (project, random) = key.split_once('_')?;
    let well_formed = random.len() == Secret::new([0; RANDOM]).base32().len();
    if well_formed { ProjectId::parse(&format!("prj_{project}")).ok() } else { None }
}

/// Adds a key to a stream, without asking whether that is allowed.
pub(crate) async fn insert<T: Tx>(
    tx: &mut T,
    call: &Call,
    stream: &Stream,
    name: &str,
    expires_at: Option<WallTime>,
) -> Result<(StreamKey, Secret), Error> {
    let secret = generate(stream.project_id);
    let id = call.id();
    let key = StreamKey {
        id,
        stream_id: stream.id,
        name: name.to_owned(),
        lookup: lookup(call.keys(), secret.expose()),
        sealed: call.keys().seal(DataKey::Sealing, &context(id), secret.expose())?,
        created_at: call.now,
        expires_at,
        revoked_at: None,
    };
    tx.append(&key).await?;
    Ok((key, secret))
}

/// Adds a key to a stream: for a second encoder, or a backup.
///
/// # Errors
///
/// See [`authorize`].
pub async fn create<T: Tx>(
    tx: &mut T,
    call: &Call,
    stream_id: StreamId,
    input: &StreamKeyInput,
) -> Result<Shown, Error> {
    let access = authorize(tx, call, Permission::StreamKeysWrite, Target::Stream(stream_id)).await?;
    let mut fields = Fields::new();
    let name = fields.name("/name", &input.name);
    if input.expires_at.is_some_and(|end| end <= call.now) {
        fields.wrong("/expires_at", "in_the_past", "A key expires in the future, or not at all.");
    }
    fields.check()?;
    room_for_one(tx, call, stream_id).await?;
    let (key, secret) = insert(tx, call, access.stream()?, &name, input.expires_at).await?;
    record(tx, call, &access, "stream_key.created", key.id).await?;
    Ok(Shown { key, secret })
}

/// Whether a stream may have another key.
async fn room_for_one<T: Tx>(tx: &mut T, call: &Call, stream_id: StreamId) -> Result<(), Error> {
    // The keys are counted, so they are added one after the other.
    tx.lock::<Stream>(stream_id).await?;
    if good(tx, stream_id, call.now).await?.len() >= MAX_KEYS as usize {
        return Err(Error::refused(STATE, "A stream has at most 20 keys; revoke one."));
    }
    Ok(())
}

/// The keys of a stream with which it may be published, [`MAX_KEYS`] at most of those that end and of those that do not.
pub(crate) async fn good<T: Tx>(
    tx: &mut T,
    stream_id: StreamId,
    now: WallTime,
) -> Result<Vec<StreamKey>, Error> {
    let live = vec![is("stream_id", stream_id), null("revoked_at")];
    let lasting = [live.clone(), vec![null("expires_at")]].concat();
    // What expires now has ended.
    let ending = [live, vec![at_least("expires_at", now.plus(Duration::from_millis(1)))]].concat();
    let mut keys: Vec<StreamKey> = tx.list(lasting, MAX_KEYS).await?;
    keys.extend(tx.list::<StreamKey>(ending, MAX_KEYS).await?);
    Ok(keys)
}

/// The keys of a stream that are not revoked, in full, those too that have expired in the last 30 days. That they were shown is audited.
///
/// # Errors
///
/// See [`authorize`].
pub async fn list<T: Tx>(
    tx: &mut T,
    call: &Call,
    stream_id: StreamId,
    request: PageRequest<StreamKeyId>,
) -> Result<Page<Shown, StreamKeyId>, Error> {
    let access = authorize(tx, call, Permission::StreamKeysRead, Target::Stream(stream_id)).await?;
    let filter = vec![is("stream_id", stream_id), null("revoked_at")];
    let keys = page(tx, filter, request, |key: &StreamKey| key.id).await?;
    let about = access.about(Entity::of(access.stream()?.id));
    call.audit(tx, "stream_keys.shown", &about, &[]).await?;
    let mut shown = Vec::new();
    for key in keys.data {
        let secret = call.keys().open(DataKey::Sealing, &context(key.id), &key.sealed);
        let secret = secret.ok_or_else(|| Error::internal("a stream key does not unseal"))?;
        shown.push(Shown { key, secret });
    }
    Ok(Page { data: shown, next: keys.next })
}

/// Replaces a key. The old one goes on for `overlap`, or ends at once if that is zero.
///
/// # Errors
///
/// See [`authorize`]; [`Error::Refused`] when the key has ended.
pub async fn rotate<T: Tx>(
    tx: &mut T,
    call: &Call,
    stream_id: StreamId,
    id: StreamKeyId,
    overlap: Duration,
) -> Result<Shown, Error> {
    let access = authorize(tx, call, Permission::StreamKeysWrite, Target::Stream(stream_id)).await?;
    if overlap > MAX_OVERLAP {
        return Err(Error::field(
            "/overlap_seconds",
            "too_large",
            "At most 604,800 seconds, which is 7 days.",
        ));
    }
    if !overlap.is_zero() {
        room_for_one(tx, call, stream_id).await?;
    }
    let old = of_stream(tx, stream_id, id).await?;
    if !old.is_usable(call.now) {
        return Err(Error::refused(STATE, "The key has ended; create another one."));
    }
    let end = call.now.plus(overlap);
    let end = old.expires_at.map_or(end, |expires_at| expires_at.min(end));
    tx.update::<StreamKey>(vec![is("id", id)], vec![set("expires_at", end)]).await?;
    let (key, secret) = insert(tx, call, access.stream()?, &old.name, None).await?;
    record(tx, call, &access, "stream_key.rotated", id).await?;
    let about = access.about(Entity::of(key.id));
    call.announce(tx, ROTATED, &about, &json!({ "stream_id": stream_id, "key_id": key.id, "replaces": id }))
        .await?;
    Ok(Shown { key, secret })
}

/// Revokes a key, whose publisher is dropped.
///
/// # Errors
///
/// See [`authorize`].
pub async fn revoke<T: Tx>(
    tx: &mut T,
    call: &Call,
    stream_id: StreamId,
    id: StreamKeyId,
) -> Result<(), Error> {
    let access = authorize(tx, call, Permission::StreamKeysWrite, Target::Stream(stream_id)).await?;
    let filter = vec![is("id", id), is("stream_id", stream_id), null("revoked_at")];
    if tx.update::<StreamKey>(filter, vec![set("revoked_at", call.now)]).await? == 0 {
        return Err(Error::NotFound);
    }
    record(tx, call, &access, "stream_key.revoked", id).await
}

/// The stream that a key publishes to, if it may be published: neither key nor stream nor what that lies in has ended or is
/// suspended.
///
/// # Errors
///
/// [`Error::NotFound`] for anything else, without a reason.
pub async fn resolve<T: Tx>(tx: &mut T, call: &Call, key: &Secret) -> Result<(Stream, StreamKey), Error> {
    let found: StreamKey =
        tx.find(vec![is("lookup", lookup(call.keys(), key.expose()))]).await?.ok_or(Error::NotFound)?;
    let target = Target::Stream(found.stream_id);
    let access = authorize(tx, &call.by(crate::Principal::System), Permission::StreamsRead, target).await?;
    let stream = access.stream()?.clone();
    let suspended = access.organization()?.suspended_at.is_some() || stream.suspended_at.is_some();
    if suspended || !found.is_usable(call.now) {
        return Err(Error::NotFound);
    }
    Ok((stream, found))
}

async fn of_stream<T: Tx>(tx: &mut T, stream_id: StreamId, id: StreamKeyId) -> Result<StreamKey, Error> {
    tx.find(vec![is("id", id), is("stream_id", stream_id)]).await?.ok_or(Error::NotFound)
}

async fn record<T: Tx>(
    tx: &mut T,
    call: &Call,
    access: &Access,
    action: &str,
    id: StreamKeyId,
) -> Result<(), Error> {
    call.audit(tx, action, &access.about(Entity::of(id)), &[]).await?;
    // Who knows keys knows them by their stream.
    tx.changed(keys_of(access.stream()?.id), call.now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_project_and_has_160_random_bits() {
        let project = ProjectId::from_uuid(7 << 64);
        let (a, b) = (generate(project), generate(project));
        assert_ne!(a, b);
        assert_eq!(a.len(), 26 + 1 + 32);
        assert_eq!(project_of(a.expose_str().unwrap()), Some(project));
        for other in ["", "demo", "a_b", "00000000000000000000000000_short"] {
            assert_eq!(project_of(other), None, "{other}");
        }
    }
}
