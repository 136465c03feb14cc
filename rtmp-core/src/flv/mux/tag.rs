//! One media message.

use bytes::{Bytes, BytesMut};

use super::super::TagKind;

/// A message: a few bytes of header, and a payload shared with the frame it was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// What it carries.
    pub kind: TagKind,
    /// Decode time in milliseconds, modulo 2^32.
    pub timestamp_ms: u32,
    pub(super) head: Head,
    /// What follows the header.
    pub payload: Bytes,
}

impl Tag {
    /// A message whose whole body is `payload`.
    pub fn new(kind: TagKind, timestamp_ms: u32, payload: Bytes) -> Self {
        Self { kind, timestamp_ms, head: Head::default(), payload }
    }

    /// The body's header: at most [`Tag::MAX_HEAD_BYTES`].
    pub fn head(&self) -> &[u8] {
        self.head.bytes.get(..usize::from(self.head.len)).unwrap_or_default()
    }

    /// The body's size in bytes.
    pub fn len(&self) -> usize {
        usize::from(self.head.len) + self.payload.len()
    }

    /// Whether the body is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The body in one piece; copies.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.len());
        out.extend_from_slice(self.head());
        out.extend_from_slice(&self.payload);
        out.freeze()
    }

    /// The largest header: ModEx, multitrack wrapper and composition time.
    pub const MAX_HEAD_BYTES: usize = 16;
}

/// A header, in place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    bytes: [u8; Tag::MAX_HEAD_BYTES],
    len: u8,
}

impl Head {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut head = Self::default();
        head.extend(bytes);
        head
    }

    pub(super) fn extend(&mut self, more: &[u8]) {
        let start = usize::from(self.len);
        debug_assert!(start + more.len() <= Tag::MAX_HEAD_BYTES, "no header is longer");
        if let Some(place) = self.bytes.get_mut(start..start + more.len()) {
            place.copy_from_slice(more);
            self.len += more.len() as u8;
        }
    }
}
