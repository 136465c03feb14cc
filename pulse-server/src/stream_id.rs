//! The public name of a stream.

use std::fmt;
use std::sync::Arc;

/// Longest id of a stream, in characters.
pub const MAX_ID_LEN: usize = 64;

/// Whether `id` may name a stream.
pub fn is_valid_id(id: &str) -> bool {
    (1..=MAX_ID_LEN).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}

/// A stream's id: 1 to 64 characters `A-Z a-z 0-9 _ -`. Everybody may see it; the stream key is the secret. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(Arc<str>);

impl StreamId {
    /// The id, if `text` may be one.
    pub fn parse(text: &str) -> Option<Self> {
        is_valid_id(text).then(|| Self(text.into()))
    }

    /// Whether it has the form of the ids that tenants' streams are given, `str_…`.
    pub fn is_tenants(&self) -> bool {
        tenancy::StreamId::parse(&self.0).is_ok()
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
