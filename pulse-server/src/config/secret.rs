//! A value that is never printed and is compared in constant time.

use std::fmt;
use std::hint::black_box;

use sha2::{Digest, Sha256};

/// What stands in logs, errors and `Debug` output in place of a secret.
const REDACTED: &str = "[redacted]";

/// A stream key or another credential.
///
/// `Debug` and `Display` print `[redacted]`, whatever the value. Equality takes the same time wherever two values of
/// one length differ: it folds the differences of all bytes and looks at the result once. Lengths are not hidden.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a value. Nothing is checked here.
    pub fn new(value: impl Into<Box<str>>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that must send it or show it to its owner. Never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `presented`, as a peer sent it, is this secret; constant time for a given length.
    pub fn matches(&self, presented: &str) -> bool {
        equal_in_constant_time(self.0.as_bytes(), presented.as_bytes())
    }
}

/// What stands in a log for a text that may be a secret in the wrong place: its length, and enough of its SHA-256 to recognize it by
/// (`printf %s TEXT | sha256sum`).
pub(crate) fn fingerprint(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let head = u32::from_be_bytes(digest.first_chunk().copied().unwrap_or_default());
    format!("[redacted: {} characters, sha256 {head:08x}]", text.chars().count())
}

/// Folds the bytes' differences; `black_box` keeps the optimiser from leaving the loop at the first one.
fn equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let difference = a.iter().zip(b).fold(0_u8, |sum, (x, y)| black_box(sum | (x ^ y)));
    black_box(difference) == 0
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("correct-horse");
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "[redacted] [redacted] Some([redacted])"
        );
    }

    #[test]
    fn a_fingerprint_tells_texts_apart_and_nothing_of_them() {
        // printf %s correct-horse | sha256sum
        assert_eq!(fingerprint("correct-horse"), "[redacted: 13 characters, sha256 9dca666e]");
        assert_ne!(fingerprint("correct-horsE"), fingerprint("correct-horse"));
    }

    #[test]
    fn equality_is_by_value() {
        let secret = Secret::new("correct-horse");
        assert!(secret.matches("correct-horse"));
        assert!(!secret.matches("correct-horsE"));
        assert!(!secret.matches("Correct-horse"));
        assert!(!secret.matches("correct-horse-"));
        assert!(!secret.matches(""));
        assert_eq!(secret, Secret::new("correct-horse"));
        assert_ne!(secret, Secret::new("battery-stapl"));
    }
}
