//! What must not be printed, compared byte by byte or left in memory.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::base32;

/// Bytes that are secret: a key, a password, a token.
///
/// `Debug` and `Display` print `[redacted]`, equality takes the same time wherever two secrets differ (their length is not
/// secret), and the memory is overwritten when it is dropped. It deserializes from a string and does not serialize: whoever
/// shows a secret writes [`expose`](Self::expose).
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// These bytes, which are not copied.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// `len` random bytes from the operating system. 32 for a key or a token.
    ///
    /// # Panics
    ///
    /// When the operating system has none, which does not happen on a Linux that has booted; going on with bytes that can
    /// be guessed would be worse.
    pub fn random(len: usize) -> Self {
        let mut bytes = Zeroizing::new(vec![0; len]);
        fill(&mut bytes);
        Self(bytes)
    }

    /// The bytes. Every caller is a place where the secret may get out.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text; `None` where they are not UTF-8.
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes in base32 (digits and lower-case letters without `i`, `l`, `o`, `u`), itself a secret: 52 characters for 32
    /// bytes, selected by a double click.
    #[must_use]
    pub fn base32(&self) -> Self {
        Self::new(base32::encode(&self.0))
    }

    /// What [`base32`](Self::base32) made `text` of; `None` for any other text.
    pub fn from_base32(text: &str) -> Option<Self> {
        base32::decode(text.as_bytes()).map(Self::new)
    }

    /// The bytes in base64url without padding (RFC 4648 §5), itself a secret: 43 characters for 32 bytes.
    #[must_use]
    pub fn base64url(&self) -> Self {
        Self::new(URL_SAFE_NO_PAD.encode(&*self.0))
    }

    /// What [`base64url`](Self::base64url) made `text` of; `None` for any other text.
    pub fn from_base64url(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok().map(Self::new)
    }
}

/// Fills `bytes` from the operating system; see [`Secret::random`] for why it does not return an error.
pub(crate) fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system has random bytes once it has booted");
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_it() {
        let secret = Secret::from("hunter2");
        for printed in [format!("{secret}"), format!("{secret:?}"), format!("{:#?}", Some(&secret))] {
            assert!(!printed.contains("hunter2") && printed.contains("[redacted]"), "{printed}");
        }
    }

    #[test]
    fn equality_is_of_the_bytes() {
        assert_eq!(Secret::from("abc"), Secret::new(*b"abc"));
        for other in ["abd", "bbc", "ab", "abcd", ""] {
            assert_ne!(Secret::from("abc"), Secret::from(other));
        }
    }

    #[test]
    fn random_secrets_differ() {
        let (a, b) = (Secret::random(32), Secret::random(32));
        assert_eq!((a.len(), b.len()), (32, 32));
        assert_ne!(a, b);
        assert!(Secret::random(0).is_empty());
    }

    #[test]
    fn texts_come_back() {
        let secret = Secret::random(32);
        let (short, url) = (secret.base32(), secret.base64url());
        assert_eq!((short.len(), url.len()), (52, 43));
        assert_eq!(Secret::from_base32(short.expose_str().unwrap()), Some(secret.clone()));
        assert_eq!(Secret::from_base64url(url.expose_str().unwrap()), Some(secret));
        assert_eq!(Secret::from_base32("not base32"), None);
        assert_eq!(Secret::from_base64url("AA=="), None);
    }

    #[test]
    fn it_comes_from_json_as_a_string() {
        let secret: Secret = serde_json::from_str(r#""hunter2""#).unwrap();
        assert_eq!(secret.expose_str(), Some("hunter2"));
        assert!(serde_json::from_str::<Secret>("7").is_err());
    }
}
