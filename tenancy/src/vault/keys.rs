//! The data keys, unlocked.

use std::fmt;

use aws_lc_rs::hmac;
use platform_core::Secret;

use super::{DataKey, seal};
use crate::Error;

/// The data keys of a store, in the memory of a process that knows the master key.
pub struct Keys(Vec<Unlocked>);

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

    fn key(&self, id: DataKey) -> &Unlocked {
        self.0.iter().find(|key| key.id == id).expect("unlocking makes every key that is missing")
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}
