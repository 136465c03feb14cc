//! Sealing: AES-256-GCM under a key that belongs to one place.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use platform_core::Secret;

use crate::Error;

/// The first byte of what is sealed, by which a later form could be told.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;

/// `plain`, sealed: version, nonce, ciphertext and tag. It opens only under the same key and context.
///
/// Each context has a key of its own, derived by HMAC, so that random nonces never come near the number at which they might
/// repeat (NIST SP 800-38D §8.3), however much is sealed.
pub(super) fn seal(key: &Secret, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
    let key = derived(key, context).ok_or_else(failed)?;
    let mut text = plain.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from([VERSION]), &mut text).map_err(|_| failed())?;
    let mut sealed = Vec::with_capacity(1 + NONCE_BYTES + text.len());
    sealed.push(VERSION);
    sealed.extend_from_slice(nonce.as_ref());
    sealed.extend_from_slice(&text);
    Ok(sealed)
}

/// What [`seal`] sealed; `None` when that was under another key or context, or the bytes were changed.
pub(super) fn open(key: &Secret, context: &[u8], sealed: &[u8]) -> Option<Secret> {
    let (&version, rest) = sealed.split_first()?;
    let (nonce, text) = rest.split_at_checked(NONCE_BYTES)?;
    if version != VERSION {
        return None;
    }
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let plain = derived(key, context)?.open_in_place(nonce, Aad::from([VERSION]), &mut text).ok()?;
    Some(Secret::new(plain.to_vec()))
}

fn derived(key: &Secret, context: &[u8]) -> Option<RandomizedNonceKey> {
    let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), context);
    RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).ok()
}

fn failed() -> Error {
    Error::internal("sealing failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_only_where_it_belongs() {
        let (key, other) = (Secret::random(32), Secret::random(32));
        let sealed = seal(&key, b"a", b"plain").unwrap();
        assert_eq!(open(&key, b"a", &sealed), Some(Secret::from("plain")));
        assert_eq!(open(&key, b"b", &sealed), None);
        assert_eq!(open(&other, b"a", &sealed), None);
        assert_ne!(seal(&key, b"a", b"plain").unwrap(), sealed, "nonces are random");
    }

    #[test]
    fn changed_or_cut_bytes_do_not_open() {
        let key = Secret::random(32);
        let sealed = seal(&key, b"a", b"plain").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&key, b"a", &changed), None, "byte {at}");
            assert_eq!(open(&key, b"a", &sealed[..at]), None, "{at} bytes");
        }
    }
}
