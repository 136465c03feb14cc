//! API keys: a tenant's backend.
//!
//! A key has a public part, `pulse_key_…`, by which it is found, and a secret one, `pulse_secret_…` of 32 random bytes, of
//! which the store has the HMAC. What a key may do was its creator's to give.

use std::sync::Arc;
use std::time::Duration;

use platform_core::{EventType, ProjectId, Secret, WallTime};
use serde_json::json;

use crate::authority::{Permission, Target, authorize};
use crate::error::{STATE, SUSPENDED};
use crate::field::Fields;
use crate::organization::Organization;
use crate::page::{Page, PageRequest, page};
use crate::plan::Plan;
use crate::principal::KeyPrincipal;
use crate::project::{self, Project};
use crate::store::{Entity, Json, Tx, is, null, record, set};
use crate::vault::{DataKey, Keys};
use crate::{ApiKeyId, Call, Error, UserId};

/// Keys of a project that are not revoked, 100.
const MAX_KEYS: u32 = 100;
/// How long an old secret may go on beside its successor, 7 days.
pub const MAX_OVERLAP: Duration = Duration::from_secs(7 * 86_400);
/// How a public part begins.
pub const PUBLIC_PREFIX: &str = "pulse_key_";
/// How a secret begins.
pub const SECRET_PREFIX: &str = "pulse_secret_";

const ROTATED: EventType = EventType::of("key.rotated");

record! {
    /// An API key.
    pub struct ApiKey in "tenancy_api_keys" {
        /// `key_…`.
        pub id: ApiKeyId,
        /// Of which project.
        pub project_id: ProjectId,
        /// What it is called.
        pub name: String,
        /// The public part, `pulse_key_…`.
        pub public: String,
        /// The secret's HMAC.
        pub(crate) secret: Vec<u8>,
        /// The HMAC of the secret before a rotation.
        pub(crate) previous: Option<Vec<u8>>,
        /// Until when the secret before goes on.
        pub previous_expires_at: Option<WallTime>,
        /// What it may do, sorted.
        pub scopes: Json<Vec<Permission>>,
        /// By whom it was created; `None` for an operator.
        pub created_by: Option<UserId>,
        /// When it was created.
        pub created_at: WallTime,
        /// When it was last used, to the minute.
        pub last_used_at: Option<WallTime>,
        /// From when on it cannot be used.
        pub expires_at: Option<WallTime>,
        /// When it was revoked.
        pub revoked_at: Option<WallTime>,
    }
    unique "public" on "public"
}

/// An API key with its secret, which is shown this once.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The key.
    pub key: ApiKey,
    /// Its secret, `pulse_secret_…`.
    pub secret: Secret,
}

/// An API key to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiKeyInput {
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Permission>,
    /// From when on it cannot be used.
    pub expires_at: Option<WallTime>,
}

fn prefixed(prefix: &str, random: &Secret) -> Secret {
    Secret::new([prefix.as_bytes(), random.base32().expose()].concat())
}

/// Creates a key. Its scopes are among what the creator may do.
///
/// # Errors
///
/// See [`authorize`].
pub async fn create<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    input: &ApiKeyInput,
) -> Result<Shown, Error> {
    let access = project::open(tx, call, Permission::ApiKeysManage, project_id).await?;
    let mut fields = Fields::new();
    let name = fields.name("/name", &input.name);
    if input.scopes.is_empty() {
        fields.wrong("/scopes", "required", "A key has at least one scope.");
    }
    if !input.scopes.iter().all(|scope| scope.is_scope()) {
        fields.wrong("/scopes", "not_a_scope", "An API key cannot have one of these permissions.");
    }
    if input.expires_at.is_some_and(|end| end <= call.now) {
        fields.wrong("/expires_at", "in_the_past", "A key expires in the future, or not at all.");
    }
    fields.check()?;
    if let Some(role) = access.role
        && let Some(&more) = input.scopes.iter().find(|scope| !scope.granted_to(role))
    {
        return Err(Error::Forbidden(more));
    }
    // The keys are counted, so they are added one after the other.
    tx.lock::<Project>(project_id).await?;
    let filter = vec![is("project_id", project_id), null("revoked_at")];
    if tx.list::<ApiKey>(filter, MAX_KEYS).await?.len() >= MAX_KEYS as usize {
        return Err(Error::refused(STATE, "A project has at most 100 API keys; revoke one."));
    }
    let mut scopes = input.scopes.clone();
    scopes.sort_unstable();
    scopes.dedup();
    let secret = prefixed(SECRET_PREFIX, &Secret::random(32));
    let key = ApiKey {
        id: call.id(),
        project_id,
        name,
        public: prefixed(PUBLIC_PREFIX, &Secret::random(16)).expose_str().unwrap_or_default().to_owned(),
        secret: call.keys().mac(DataKey::ApiSecret, secret.expose()),
        previous: None,
        previous_expires_at: None,
        scopes: Json(scopes),
        created_by: call.user().ok(),
        created_at: call.now,
        last_used_at: None,
        expires_at: input.expires_at,
        revoked_at: None,
    };
    tx.insert(&key).await?;
    let about = access.about(Entity::of(key.id));
    call.audit(tx, "api_key.created", &about, &[]).await?;
    Ok(Shown { key, secret })
}

/// The keys of a project that are not revoked, without secrets.
///
/// # Errors
///
/// See [`authorize`].
pub async fn list<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    request: PageRequest<ApiKeyId>,
) -> Result<Page<ApiKey, ApiKeyId>, Error> {
    project::open(tx, call, Permission::ApiKeysRead, project_id).await?;
    let filter = vec![is("project_id", project_id), null("revoked_at")];
    page(tx, filter, request, |key: &ApiKey| key.id).await
}

/// Gives a key another secret. The old one goes on for `overlap`, or ends at once if that is zero.
///
/// # Errors
///
/// See [`authorize`]; [`Error::Refused`] when the key has ended.
pub async fn rotate<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    id: ApiKeyId,
    overlap: Duration,
) -> Result<Shown, Error> {
    let access = project::open(tx, call, Permission::ApiKeysManage, project_id).await?;
    if overlap > MAX_OVERLAP {
        return Err(Error::field(
            "/overlap_seconds",
            "too_large",
            "At most 604,800 seconds, which is 7 days.",
        ));
    }
    let filter = vec![is("id", id), is("project_id", project_id), null("revoked_at")];
    let old: ApiKey = tx.find(filter.clone()).await?.ok_or(Error::NotFound)?;
    if old.expires_at.is_some_and(|end| end <= call.now) {
        return Err(Error::refused(STATE, "The key has ended; create another one."));
    }
    let secret = prefixed(SECRET_PREFIX, &Secret::random(32));
    let previous = (!overlap.is_zero()).then(|| old.secret.clone());
    let assign = vec![
        set("secret", call.keys().mac(DataKey::ApiSecret, secret.expose())),
        set("previous_expires_at", previous.is_some().then(|| call.now.plus(overlap))),
        set("previous", previous),
    ];
    tx.update::<ApiKey>(filter, assign).await?;
    let about = access.about(Entity::of(id));
    call.audit(tx, "api_key.rotated", &about, &["secret"]).await?;
    call.announce(tx, ROTATED, &about, &json!({ "key_id": id })).await?;
    let key: ApiKey = tx.get(id).await?.ok_or(Error::NotFound)?;
    Ok(Shown { key, secret })
}

/// Revokes a key.
///
/// # Errors
///
/// See [`authorize`].
pub async fn revoke<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    id: ApiKeyId,
) -> Result<(), Error> {
    let access = authorize(tx, call, Permission::ApiKeysManage, Target::Project(project_id)).await?;
    let filter = vec![is("id", id), is("project_id", project_id), null("revoked_at")];
    if tx.update::<ApiKey>(filter, vec![set("revoked_at", call.now)]).await? == 0 {
        return Err(Error::NotFound);
    }
    call.record(tx, "api_key.revoked", access.about(Entity::of(id)), &["revoked_at"]).await
}

/// What is known of a key, for checking secrets without the store.
#[derive(Clone, Debug)]
pub struct KnownKey {
    key: ApiKey,
    principal: Arc<KeyPrincipal>,
    suspended: bool,
}

impl KnownKey {
    /// Which key.
    pub fn id(&self) -> ApiKeyId {
        self.key.id
    }

    /// Whether this is the id of its project or organization.
    pub(crate) fn rests_on(&self, id: &str) -> bool {
        self.principal.project_id.text().as_str() == id
            || self.principal.organization_id.text().as_str() == id
    }

    /// About how many bytes it has on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let texts = self.key.name.len() + self.key.public.len();
        let macs = self.key.secret.len() + self.key.previous.as_ref().map_or(0, Vec::len);
        // Scopes are there twice; the plan's limits are a small tree.
        texts + macs + 2 * self.key.scopes.0.len() + size_of::<KeyPrincipal>() + 512
    }

    /// Who brings this secret: one HMAC, whatever is wrong.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]; [`Error::Refused`] with the code `suspended` for the right secret of a suspended tenant.
    pub fn check(&self, keys: &Keys, secret: &Secret, now: WallTime) -> Result<Arc<KeyPrincipal>, Error> {
        let mac = Secret::new(keys.mac(DataKey::ApiSecret, secret.expose()));
        let right = mac == Secret::new(self.key.secret.as_slice());
        let previous = self.key.previous.as_ref().is_some_and(|previous| {
            self.key.previous_expires_at.is_some_and(|end| now < end)
                && mac == Secret::new(previous.as_slice())
        });
        let usable = self.key.revoked_at.is_none() && self.key.expires_at.is_none_or(|end| now < end);
        if !(right || previous) || !usable {
            return Err(Error::Unauthenticated);
        }
        if self.suspended {
            return Err(Error::refused(
                SUSPENDED,
                "The organization is suspended; ask the operator of this server.",
            ));
        }
        Ok(Arc::clone(&self.principal))
    }
}

/// Finds a key by its public part, with what it rests on; `None` when any of it is not there.
///
/// # Errors
///
/// The store's.
pub async fn find<T: Tx>(tx: &mut T, public: &str) -> Result<Option<KnownKey>, Error> {
    let filter = vec![is("public", public.to_owned()), null("revoked_at")];
    let Some(key) = tx.find::<ApiKey>(filter).await? else { return Ok(None) };
    let Some(project) = tx.get::<Project>(key.project_id).await? else { return Ok(None) };
    let Some(organization) = tx.get::<Organization>(project.organization_id).await? else { return Ok(None) };
    if project.deleted_at.is_some() || organization.deleted_at.is_some() {
        return Ok(None);
    }
    let limits = Plan::limits_of(tx, &organization).await?;
    let principal = KeyPrincipal {
        limits,
        id: key.id,
        project_id: project.id,
        organization_id: organization.id,
        scopes: key.scopes.0.clone(),
    };
    let suspended = organization.suspended_at.is_some();
    Ok(Some(KnownKey { key, principal: Arc::new(principal), suspended }))
}

/// Notes that keys were used, for `last_used_at`. The server gathers them for a minute; no cache is told.
///
/// # Errors
///
/// The store's.
pub async fn touch<T: Tx>(tx: &mut T, call: &Call, ids: &[ApiKeyId]) -> Result<(), Error> {
    for id in ids {
        tx.update::<ApiKey>(vec![is("id", *id)], vec![set("last_used_at", call.now)]).await?;
    }
    Ok(())
}
