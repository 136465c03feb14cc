//! An id's text: prefix, underscore, 26 digits.

use std::fmt;
use std::ops::Deref;

use super::MAX_PREFIX;
use crate::base32;

/// Digits of a UUID: 26 times 5 bits, of which the first digit's top two are always zero.
const DIGITS: usize = 26;

/// The text of an id, on the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdText {
    bytes: [u8; MAX_PREFIX + 1 + DIGITS],
    len: usize,
}

impl IdText {
    pub(super) fn new(prefix: &str, uuid: u128) -> Self {
        let digits = (0..DIGITS).map(|at| base32::digit((uuid >> (5 * (DIGITS - 1 - at))) as u8));
        let mut text = Self { bytes: [0; MAX_PREFIX + 1 + DIGITS], len: 0 };
        for (place, byte) in text.bytes.iter_mut().zip(prefix.bytes().chain([b'_']).chain(digits)) {
            *place = byte;
            text.len += 1;
        }
        text
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl Deref for IdText {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for IdText {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for IdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for IdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The UUID of 26 digits; `None` for anything else, a first digit above 7 included, which would not fit.
pub(super) fn decode(digits: &str) -> Option<u128> {
    let digits = digits.as_bytes();
    if digits.len() != DIGITS || *digits.first()? > b'7' {
        return None;
    }
    digits.iter().try_fold(0u128, |uuid, digit| Some((uuid << 5) | u128::from(base32::value(*digit)?)))
}

/// Whether the TypeID specification (§ Type Prefix) allows this prefix: `[a-z]([a-z_]{0,61}[a-z])?`.
pub(super) fn is_prefix(prefix: &str) -> bool {
    prefix.len() <= 63
        && prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        && prefix.starts_with(|first: char| first != '_')
        && !prefix.ends_with('_')
}
