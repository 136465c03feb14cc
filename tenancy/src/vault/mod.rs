//! Keys of the server: a master key wraps random data keys, which do the work.
//!
//! The master key comes from the operator or a file. In the store are only data keys, each sealed under it, so that the
//! master key can be rotated in one transaction without touching what the data keys protect. A value that is sealed beside
//! them tells a wrong master key at start.

mod keys;
mod seal;

pub use keys::{Keys, SessionHandleKeyId};

use platform_core::{Secret, WallTime};

use crate::call::About;
use crate::store::{Entity, Tx, is, named, record, set};
use crate::{Call, Error, store};

named! {
    /// What a data key is for.
    pub enum DataKey {
        /// Seals 32 zero bytes, by which a wrong master key is told.
        Check = "check",
        /// API secrets are stored as its HMAC.
        ApiSecret = "api_secret",
        /// Stream keys are looked up by its HMAC.
        StreamKey = "stream_key",
        /// Tokens in mails, invitations and recovery codes are stored as its HMAC.
        MailToken = "mail_token",
        /// Refresh tokens are its HMAC.
        RefreshToken = "refresh_token",
        /// Access tokens are signed with it.
        AccessToken = "access_token",
        /// Session handles of viewers are signed with it.
        SessionHandle = "session_handle",
        /// Session handles were signed with it before; of no use in a new store.
        SessionHandleBefore = "session_handle_before",
        /// Cursors of lists are sealed with it.
        Cursor = "cursor",
        /// Idempotency keys and bodies are stored as its HMAC.
        Idempotency = "idempotency",
        /// Stream keys, signing keys, TOTP secrets and stored answers are sealed with it.
        Sealing = "sealing",
    }
}

record! {
    /// A data key, sealed under the master key.
    pub struct WrappedKey in "tenancy_data_keys" {
        /// What it is for.
        pub id: DataKey,
        /// The key, sealed.
        pub wrapped: Vec<u8>,
        /// When it was made.
        pub created_at: WallTime,
    }
}

/// The master key: 32 bytes, known to the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterKey(Secret);

/// Why bytes are no master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 32 random bytes, not {0}")]
pub struct MasterKeyLength(pub usize);

/// Why the vault does not open. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The store was written under another master key.
    #[error(
        "this is not the master key that the database was written with; give the right one, or restore the database that belongs to it"
    )]
    WrongMasterKey,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl MasterKey {
    /// Bytes in a master key.
    pub const BYTES: usize = 32;

    /// These bytes as a master key.
    ///
    /// # Errors
    ///
    /// When they are not 32.
    pub fn new(bytes: Secret) -> Result<Self, MasterKeyLength> {
        if bytes.len() == Self::BYTES { Ok(Self(bytes)) } else { Err(MasterKeyLength(bytes.len())) }
    }

    /// A new one, which the caller keeps.
    pub fn generate() -> Self {
        Self(Secret::random(Self::BYTES))
    }

    /// The bytes, to be kept.
    pub fn secret(&self) -> &Secret {
        &self.0
    }

    fn wrap(&self, key: DataKey, plain: &Secret) -> Result<Vec<u8>, Error> {
        seal::seal(&self.0, context(key).as_bytes(), plain.expose())
    }

    fn unwrap(&self, row: &WrappedKey) -> Option<Secret> {
        seal::open(&self.0, context(row.id).as_bytes(), &row.wrapped)
    }
}

/// Binds a sealed key to its place, so that rows cannot be exchanged.
fn context(key: DataKey) -> String {
    format!("pulse data key {}", key.as_str())
}

/// Whether the store has data keys, so that the master key which they are sealed under is the only one that opens it.
///
/// # Errors
///
/// The store's.
pub async fn has_keys<S: store::Store>(store: &S) -> Result<bool, Error> {
    let rows: Vec<WrappedKey> = store.read().await?.list(Vec::new(), 1).await?;
    Ok(!rows.is_empty())
}

/// The data keys of the store, of which those that are missing are made. Outer: the store's fault; inner: the master key's.
pub(crate) async fn unlock<T: Tx>(
    tx: &mut T,
    master: &MasterKey,
    now: WallTime,
) -> Result<Option<Keys>, Error> {
    let mut keys = Vec::new();
    let rows: Vec<WrappedKey> = tx.list(Vec::new(), DataKey::ALL.len() as u32).await?;
    for &id in DataKey::ALL {
        let secret = match rows.iter().find(|row| row.id == id) {
            Some(row) => match master.unwrap(row) {
                Some(secret) => secret,
                None => return Ok(None),
            },
            None => {
                let secret = if id == DataKey::Check {
                    Secret::new([0; 32])
                } else {
                    Secret::random(MasterKey::BYTES)
                };
                let row = WrappedKey { id, wrapped: master.wrap(id, &secret)?, created_at: now };
                if tx.insert_new(&row).await? {
                    secret
                } else {
                    // Another server has made it meanwhile.
                    let row: Option<WrappedKey> = tx.get(id).await?;
                    match row.and_then(|row| master.unwrap(&row)) {
                        Some(secret) => secret,
                        None => return Ok(None),
                    }
                }
            }
        };
        keys.push((id, secret));
    }
    Ok(Some(Keys::new(keys)))
}

/// Wraps all data keys under another master key, in one transaction. What they protect is not touched, and running servers
/// go on; the next start needs `new`.
///
/// # Errors
///
/// [`VaultError::WrongMasterKey`] when `old` is not the present one.
pub async fn rotate<S: store::Store>(
    store: &S,
    call: &Call,
    old: &MasterKey,
    new: &MasterKey,
) -> Result<(), VaultError> {
    let input = (call.clone(), old.clone(), new.clone());
    let rotated = store.write(input, |tx, (call, old, new)| {
        Box::pin(async move {
            let rotated = rewrap(tx, old, new).await?;
            if rotated {
                call.audit(tx, "master_key.rotated", &about("master_key"), &[]).await?;
            }
            Ok(rotated)
        })
    });
    let rotated = rotated.await?;
    if rotated { Ok(()) } else { Err(VaultError::WrongMasterKey) }
}

fn about(key: &'static str) -> About {
    About { organization_id: None, project_id: None, entity: Entity::named(key, key) }
}

/// Replaces the key that session handles are signed with. Handles that were signed with the one before go on as long as that
/// is kept, which is until the next replacement. Servers that are running sign with the one that they have until they start
/// anew, and accept both then.
///
/// # Errors
///
/// [`VaultError::WrongMasterKey`].
pub async fn replace_session_handle_key<S: store::Store>(
    store: &S,
    call: &Call,
    master: &MasterKey,
) -> Result<(), VaultError> {
    let input = (call.clone(), master.clone());
    let replaced = store.write(input, |tx, (call, master)| {
        Box::pin(async move {
            let replaced = hand_over(tx, call, master).await?;
            if replaced {
                let about = about("session_handle_key");
                call.audit(tx, "session_handle_key.replaced", &about, &[]).await?;
            }
            Ok(replaced)
        })
    });
    if replaced.await? { Ok(()) } else { Err(VaultError::WrongMasterKey) }
}

/// Moves the present key to where the one before is, and makes another.
async fn hand_over<T: Tx>(tx: &mut T, call: &Call, master: &MasterKey) -> Result<bool, Error> {
    let Some(present) = tx.get::<WrappedKey>(DataKey::SessionHandle).await? else { return Ok(false) };
    let Some(secret) = master.unwrap(&present) else { return Ok(false) };
    let next = Secret::random(MasterKey::BYTES);
    let as_it_was = vec![is("id", DataKey::SessionHandle), is("wrapped", present.wrapped)];
    let before = vec![is("id", DataKey::SessionHandleBefore)];
    for (id, secret, filter) in
        [(DataKey::SessionHandle, next, as_it_was), (DataKey::SessionHandleBefore, secret, before)]
    {
        let assign = vec![set("wrapped", master.wrap(id, &secret)?), set("created_at", call.now)];
        if tx.update::<WrappedKey>(filter, assign).await? == 0 {
            return Err(Error::refused(crate::error::STATE, "Somebody else is replacing this key."));
        }
    }
    Ok(true)
}

async fn rewrap<T: Tx>(tx: &mut T, old: &MasterKey, new: &MasterKey) -> Result<bool, Error> {
    let rows: Vec<WrappedKey> = tx.list(Vec::new(), DataKey::ALL.len() as u32).await?;
    for row in &rows {
        let Some(secret) = old.unwrap(row) else { return Ok(false) };
        let wrapped = new.wrap(row.id, &secret)?;
        // Only if nobody else has rotated meanwhile, whose key the file of their server has.
        let as_it_was = vec![is("id", row.id), is("wrapped", row.wrapped.clone())];
        if tx.update::<WrappedKey>(as_it_was, vec![set("wrapped", wrapped)]).await? == 0 {
            return Err(Error::refused(crate::error::STATE, "Somebody else is rotating the master key."));
        }
    }
    Ok(!rows.is_empty())
}
