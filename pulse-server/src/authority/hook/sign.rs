//! Signatures of requests to backends, as in Standard Webhooks: HMAC-SHA-256 over `id.timestamp.body`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use platform_core::{Secret, WallTime};
use sha2::Sha256;

/// The headers of a signed request.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    /// Of this request, and no other.
    pub(super) id: String,
    /// Seconds since 1970: old requests are not to be taken.
    pub(super) timestamp: i64,
    pub(super) signature: String,
}

/// Signs a body under the bytes of a secret's text.
pub(super) fn sign(secret: &Secret, now: WallTime, body: &[u8]) -> Signed {
    let random = Secret::random(16).base64url();
    let id = format!("hook_{}", random.expose_str().unwrap_or_default());
    let timestamp = now.unix_ms() / 1000;
    let signature = signature(secret.expose(), &id, timestamp, body);
    Signed { id, timestamp, signature }
}

fn signature(secret: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        // By `printf 'hook_1.1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret -binary | base64`.
        let expected = "v1,ybdULTXLtAtOdrLemr4vonwOY56mHbKj2uQw2vUcMMg=";
        assert_eq!(signature(b"secret", "hook_1", 1_700_000_000, br#"{"a":1}"#), expected);
        let one = sign(&Secret::new("secret"), WallTime::MIN, b"x");
        assert_ne!(one.id, sign(&Secret::new("secret"), WallTime::MIN, b"x").id);
    }
}
