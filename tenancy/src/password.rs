//! Passwords: Argon2id.
//!
//! Hashing and checking take tens of milliseconds of a core and 19 MiB. Whoever calls does it outside of transactions, few at
//! a time.

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use platform_core::Secret;
use serde::{Deserialize, Serialize};

use crate::Error;

/// Memory of a hash, 19 MiB, in KiB (OWASP's first choice for Argon2id).
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Bytes of salt.
const SALT: usize = 16;

/// Characters of a password, 10 at least.
pub const MIN: usize = 10;
/// Characters of a password, 256 at most.
pub const MAX: usize = 256;

/// A hash with the parameters above that belongs to no password, for accounts that do not exist.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cHVsc2UgdGVuYW5jeSAxNg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password's hash, as a PHC string. It serializes, so that a driver can keep it, sealed, until it is used.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The PHC string.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash")
    }
}

fn argon2() -> Argon2<'static> {
    let params =
        Params::new(MEMORY_KIB, PASSES, 1, None).expect("the parameters are constants within the bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Whether a password can be chosen, which costs nothing. `pointer` names the field.
///
/// # Errors
///
/// [`Error::Invalid`] when it is shorter than [`MIN`] or longer than [`MAX`].
pub fn check(password: &Secret, pointer: &'static str) -> Result<(), Error> {
    let text = password.expose_str().unwrap_or_default();
    match text.chars().count() {
        ..MIN => Err(Error::field(pointer, "too_short", "A password has at least 10 characters.")),
        MIN..=MAX => Ok(()),
        _ => Err(Error::field(pointer, "too_long", "A password has at most 256 characters.")),
    }
}

/// Hashes a password that somebody has chosen.
///
/// # Errors
///
/// See [`check`], for `/password`; before anything is computed.
pub fn hash(password: &Secret) -> Result<PasswordHash, Error> {
    check(password, "/password")?;
    let salt = Secret::random(SALT);
    let hash = argon2().hash_password_with_salt(password.expose(), salt.expose());
    hash.map(|hash| PasswordHash(hash.to_string())).map_err(|error| Error::internal(error.to_string()))
}

/// Whether a password is the one of a hash. Without a hash it is not, after as long a time.
pub(crate) fn verify(password: &Secret, hash: Option<&str>) -> bool {
    // A longer one cannot be right, and costs a hash like any other.
    let bytes = password.expose().get(..MAX * 4).unwrap_or(password.expose());
    let verified = argon2().verify_password(bytes, hash.unwrap_or(NOBODY)).is_ok();
    verified && hash.is_some() && bytes.len() == password.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_has_the_stated_parameters_and_a_salt() {
        let password = Secret::from("correct horse battery");
        let (a, b) = (hash(&password).unwrap(), hash(&password).unwrap());
        assert_ne!(a, b);
        assert!(a.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", a.as_str());
        assert!(verify(&password, Some(a.as_str())));
        assert!(!verify(&Secret::from("correct horse batterz"), Some(a.as_str())));
    }

    #[test]
    fn nobody_has_a_password_and_costs_as_much() {
        let parsed = argon2::password_hash::phc::PasswordHash::new(NOBODY).unwrap();
        assert_eq!(Params::try_from(&parsed).unwrap().m_cost(), MEMORY_KIB);
        assert_eq!(Params::try_from(&parsed).unwrap().t_cost(), PASSES);
        assert_eq!(parsed.hash.unwrap().len(), 32);
        assert!(!verify(&Secret::from("whatever it may be"), None));
    }

    #[test]
    fn what_is_longer_than_a_password_is_none() {
        let longest = "\u{1F3A5}".repeat(MAX);
        let hash = hash(&Secret::from(longest.as_str())).unwrap();
        assert!(verify(&Secret::from(longest.as_str()), Some(hash.as_str())));
        assert!(!verify(&Secret::from(longest + "x"), Some(hash.as_str())));
    }

    #[test]
    fn lengths_are_bounded() {
        for (length, accepted) in [(9, false), (10, true), (256, true), (257, false)] {
            assert_eq!(hash(&Secret::from("é".repeat(length))).is_ok(), accepted, "{length}");
        }
    }
}
