//! Keys that sign playback tokens: of a project, by key id. Ed25519 for backends that should not be able to sign with what
//! verifies, HS256 for speed. A tenant may sign by itself: it gets the secret once, at creation.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use platform_core::{ProjectId, Secret, WallTime};

use crate::authority::{Access, Permission};
use crate::error::STATE;
use crate::field::Fields;
use crate::page::{Page, PageRequest, page};
use crate::project;
use crate::store::{Entity, Tx, is, named, null, record, set};
use crate::vault::{DataKey, Keys};
use crate::{Call, Error, SigningKeyId};

/// Keys of a project that are not revoked, 10.
pub(crate) const MAX_KEYS: u32 = 10;

named! {
    /// How a playback token is signed (RFC 7518 §3.1, RFC 8037 §3.1).
    pub enum SigningAlgorithm {
        /// Ed25519.
        EdDsa = "EdDSA",
        /// HMAC-SHA-256.
        Hs256 = "HS256",
    }
}

record! {
    /// A key that signs playback tokens.
    pub struct SigningKey in "tenancy_signing_keys" {
        /// `sig_…`, the `kid` of tokens.
        pub id: SigningKeyId,
        /// Of which project.
        pub project_id: ProjectId,
        /// What it is called.
        pub name: String,
        /// How it signs. A token's own `alg` is never believed.
        pub algorithm: SigningAlgorithm,
        /// The public key of Ed25519, 32 bytes.
        pub public: Option<Vec<u8>>,
        /// The secret of HS256, or Ed25519's PKCS #8, sealed.
        pub(crate) sealed: Vec<u8>,
        /// When it was created.
        pub created_at: WallTime,
        /// When it was revoked, after which its tokens are void.
        pub revoked_at: Option<WallTime>,
    }
}

/// A signing key with its secret, which is shown this once.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The key.
    pub key: SigningKey,
    /// HS256: 32 bytes. Ed25519: the private key as PKCS #8 in DER (RFC 8410).
    pub secret: Secret,
}

/// A signing key to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyInput {
    /// What it is called.
    pub name: String,
    /// How it signs.
    pub algorithm: SigningAlgorithm,
}

impl SigningKey {
    /// The secret, unsealed.
    pub(crate) fn secret(&self, keys: &Keys) -> Result<Secret, Error> {
        let secret = keys.open(DataKey::Sealing, &context(self.id), &self.sealed);
        secret.ok_or_else(|| Error::internal("a signing key does not unseal"))
    }
}

fn context(id: SigningKeyId) -> String {
    format!("signing key {id}")
}

fn generate(algorithm: SigningAlgorithm) -> Result<(Secret, Option<Vec<u8>>), Error> {
    match algorithm {
        SigningAlgorithm::Hs256 => Ok((Secret::random(32), None)),
        SigningAlgorithm::EdDsa => {
            let failed = |_| Error::internal("no Ed25519 key could be made");
            let pair = Ed25519KeyPair::generate().map_err(failed)?;
            let pkcs8 = pair.to_pkcs8v1().map_err(failed)?;
            Ok((Secret::new(pkcs8.as_ref().to_vec()), Some(pair.public_key().as_ref().to_vec())))
        }
    }
}

/// Creates a signing key.
///
/// # Errors
///
/// See [`authorize`](crate::authority::authorize).
pub async fn create<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    input: &SigningKeyInput,
) -> Result<Shown, Error> {
    let access = project::open(tx, call, Permission::SigningKeysManage, project_id).await?;
    let mut fields = Fields::new();
    let name = fields.name("/name", &input.name);
    fields.check()?;
    // The keys are counted, so they are added one after the other.
    tx.lock::<project::Project>(project_id).await?;
    let filter = vec![is("project_id", project_id), null("revoked_at")];
    if tx.list::<SigningKey>(filter, MAX_KEYS).await?.len() >= MAX_KEYS as usize {
        return Err(Error::refused(STATE, "A project has at most 10 signing keys; revoke one."));
    }
    let (secret, public) = generate(input.algorithm)?;
    let id = call.id();
    let key = SigningKey {
        id,
        project_id,
        name,
        algorithm: input.algorithm,
        public,
        sealed: call.keys().seal(DataKey::Sealing, &context(id), secret.expose())?,
        created_at: call.now,
        revoked_at: None,
    };
    tx.insert(&key).await?;
    record(tx, call, &access, "signing_key.created", id, &[]).await?;
    Ok(Shown { key, secret })
}

/// The signing keys of a project that are not revoked, without secrets.
///
/// # Errors
///
/// See [`authorize`](crate::authority::authorize).
pub async fn list<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    request: PageRequest<SigningKeyId>,
) -> Result<Page<SigningKey, SigningKeyId>, Error> {
    project::open(tx, call, Permission::SigningKeysRead, project_id).await?;
    let filter = vec![is("project_id", project_id), null("revoked_at")];
    page(tx, filter, request, |key: &SigningKey| key.id).await
}

/// Revokes a signing key, after which no token of it is accepted.
///
/// # Errors
///
/// See [`authorize`](crate::authority::authorize).
pub async fn revoke<T: Tx>(
    tx: &mut T,
    call: &Call,
    project_id: ProjectId,
    id: SigningKeyId,
) -> Result<(), Error> {
    let access = project::open(tx, call, Permission::SigningKeysManage, project_id).await?;
    let filter = vec![is("id", id), is("project_id", project_id), null("revoked_at")];
    if tx.update::<SigningKey>(filter, vec![set("revoked_at", call.now)]).await? == 0 {
        return Err(Error::NotFound);
    }
    record(tx, call, &access, "signing_key.revoked", id, &["revoked_at"]).await
}

/// The kind of the entity that caches know the keys of a project as.
pub(crate) const ENTITY: &str = "signing keys";

async fn record<T: Tx>(
    tx: &mut T,
    call: &Call,
    access: &Access,
    action: &str,
    id: SigningKeyId,
    changed: &[&str],
) -> Result<(), Error> {
    call.audit(tx, action, &access.about(Entity::of(id)), changed).await?;
    tx.changed(Entity::named(ENTITY, access.project_id()?.to_string()), call.now).await
}
