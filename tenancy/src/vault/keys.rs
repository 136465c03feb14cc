//! The data keys, unlocked.

use std::fmt;

use aws_lc_rs::hmac;
use platform_core::Secret;

use super::{DataKey, seal};
use crate::Error;

/// The data keys of a store, in the memory of a process that knows the master key.
pub struct Keys(Vec<Unlocked>);

/// By which a session handle names its key.
pub type SessionHandleKeyId = [u8; 4];

struct Unlocked {
    id: DataKey,
    secret: Secret,
    hmac: hmac::Key,
}

impl Keys {
    pub(super) fn new(keys: Vec<(DataKey, Secret)>) -> Self {
        let unlocked = |(id, secret): (DataKey, Secret)| {
            let hmac = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
            Unlocked { id, secret, hmac }
        };
        Self(keys.into_iter().map(unlocked).collect())
    }

    /// The HMAC-SHA-256 of `message`: 32 bytes.
    pub fn mac(&self, key: DataKey, message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key(key).hmac, message).as_ref().to_vec()
    }

    /// Whether `mac` is the one of `message`, in a time that does not tell where they differ.
    pub fn verify(&self, key: DataKey, message: &[u8], mac: &[u8]) -> bool {
        hmac::verify(&self.key(key).hmac, message, mac).is_ok()
    }

    /// `plain`, sealed with AES-256-GCM. `context` names the one place where it belongs, and only there it opens.
    ///
    /// # Errors
    ///
    /// When the operating system has no random bytes.
    pub fn seal(&self, key: DataKey, context: &str, plain: &[u8]) -> Result<Vec<u8>, Error> {
        seal::seal(&self.key(key).secret, context.as_bytes(), plain)
    }

    /// What was sealed for this place; `None` for anything else.
    pub fn open(&self, key: DataKey, context: &str, sealed: &[u8]) -> Option<Secret> {
        seal::open(&self.key(key).secret, context.as_bytes(), sealed)
    }

    /// The key itself.
    pub fn secret(&self, key: DataKey) -> &Secret {
        &self.key(key).secret
    }

    /// The keys of session handles, the one to sign with first; what was signed with the other one is accepted as well. Each
    /// with the id by which a handle can name it: four bytes that say nothing of the key.
    pub fn session_handle_keys(&self) -> [(SessionHandleKeyId, &Secret); 2] {
        [DataKey::SessionHandle, DataKey::SessionHandleBefore].map(|key| {
            let mac = self.mac(key, b"pulse session handle key id");
            (mac.first_chunk().copied().unwrap_or_default(), self.secret(key))
        })
    }

    /// The key of session handles with this id; `None` for one that was replaced twice.
    pub fn session_handle_key(&self, id: SessionHandleKeyId) -> Option<&Secret> {
        self.session_handle_keys().into_iter().find(|(key, _)| *key == id).map(|(_, secret)| secret)
    }

    fn key(&self, id: DataKey) -> &Unlocked {
        self.0.iter().find(|key| key.id == id).expect("unlocking makes every key that is missing")
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}
