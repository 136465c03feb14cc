//! One chunk stream: what its headers said last, and the message it is in the middle of.

use bytes::BytesMut;

use super::Error;
use super::header::Fields;
use super::slab::Slab;
use crate::message::{Message, MessageHeader, MessageKind};

/// A message up to this size gets its buffer at once; a longer one only as its bytes arrive, so that an announcement alone
/// costs a peer nothing.
const EAGER_BYTES: usize = 64 * 1024;

/// The time field of the last header of types 0 to 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    /// Of a type 0 header.
    Absolute(u32),
    /// Of a type 1 or 2 header.
    Delta(u32),
}

/// What later headers of the chunk stream build on.
#[derive(Debug)]
pub(super) struct ChunkStream {
    pub(super) id: u32,
    time: Time,
    extended: bool,
    timestamp_ms: u32,
    len: u32,
    kind: u8,
    stream_id: u32,
    /// A message has begun and not ended.
    open: bool,
    body: BytesMut,
}

impl ChunkStream {
    pub(super) fn new(id: u32) -> Self {
        Self {
            id,
            time: Time::Absolute(0),
            extended: false,
            timestamp_ms: 0,
            len: 0,
            kind: 0,
            stream_id: 0,
            open: false,
            body: BytesMut::new(),
        }
    }

    /// Whether the next chunk continues a message.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether a type 3 chunk may carry an extended timestamp, and which: the field of the last header as it stood.
    pub(super) fn extended(&self) -> Option<u32> {
        let (Time::Absolute(field) | Time::Delta(field)) = self.time;
        self.extended.then_some(field)
    }

    /// Bytes allocated for the message under way.
    pub(super) fn held(&self) -> usize {
        self.body.capacity()
    }

    /// Bytes still missing from the message under way.
    pub(super) fn missing(&self) -> usize {
        (self.len as usize).saturating_sub(self.body.len())
    }

    /// A type 0, 1 or 2 chunk begins a message. `time` is the field or the extended timestamp that replaces it: absolute in
    /// type 0, a delta in types 1 and 2, extended or not (veovera/enhanced-rtmp#42).
    pub(super) fn begin(&mut self, format: u8, fields: Fields, time: u32, limit: u32) -> Result<(), Error> {
        self.extended = fields.is_extended();
        self.len = fields.len.unwrap_or(self.len);
        self.kind = fields.kind.unwrap_or(self.kind);
        self.stream_id = fields.stream_id.unwrap_or(self.stream_id);
        if format == 0 {
            self.time = Time::Absolute(time);
            self.timestamp_ms = time;
        } else {
            self.time = Time::Delta(time);
            self.timestamp_ms = self.timestamp_ms.wrapping_add(time);
        }
        self.open(limit)
    }

    /// A type 3 chunk begins a message: the last delta applies again, and after a type 0 header its timestamp counts as the
    /// delta (§5.3.1.2.4). FMLE sends audio like this, ffmpeg too when two deltas agree.
    ///
    /// `extended` is the extended timestamp that stood in the chunk. After a type 0 header it is taken as absolute: as a
    /// delta it would be a jump of at least 4.66 hours, which no sender means.
    pub(super) fn begin_again(&mut self, extended: Option<u32>, limit: u32) -> Result<(), Error> {
        match (self.time, extended) {
            (Time::Absolute(_), Some(time)) => {
                self.time = Time::Absolute(time);
                self.timestamp_ms = time;
            }
            (Time::Delta(_), Some(delta)) => {
                self.time = Time::Delta(delta);
                self.timestamp_ms = self.timestamp_ms.wrapping_add(delta);
            }
            (Time::Absolute(delta) | Time::Delta(delta), None) => {
                self.timestamp_ms = self.timestamp_ms.wrapping_add(delta);
            }
        }
        self.open(limit)
    }

    /// Whether a type 1 or 2 header inside a message only repeats what is known; some senders write one on each chunk.
    pub(super) fn repeats(&self, format: u8, fields: Fields) -> bool {
        format != 0
            && fields.len.is_none_or(|len| len == self.len)
            && fields.kind.is_none_or(|kind| kind == self.kind)
    }

    fn open(&mut self, limit: u32) -> Result<(), Error> {
        if self.len > limit {
            return Err(Error::MessageTooLong { len: self.len, limit });
        }
        self.open = true;
        Ok(())
    }

    /// Appends bytes of the body, of which there are at most [`missing`](Self::missing). Allocates at most `allowed` bytes
    /// more than it holds.
    pub(super) fn append(&mut self, bytes: &[u8], allowed: usize, slab: &mut Slab) -> Result<(), usize> {
        let needed = self.body.len() + bytes.len();
        if needed > self.body.capacity() {
            let target = self.next_capacity(needed);
            let more = target.saturating_sub(self.body.capacity());
            if more > allowed {
                return Err(more);
            }
            self.grow(target, slab);
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    fn grow(&mut self, capacity: usize, slab: &mut Slab) {
        let mut grown = match MessageKind(self.kind) {
            // What a session keeps of other messages it keeps for long.
            MessageKind::AUDIO | MessageKind::VIDEO => slab.take(capacity),
            _ => BytesMut::with_capacity(capacity),
        };
        grown.extend_from_slice(&self.body);
        self.body = grown;
    }

    /// The whole message at once where it is short; else twice what is needed, up to the whole message.
    fn next_capacity(&self, needed: usize) -> usize {
        let len = self.len as usize;
        if len <= EAGER_BYTES { len } else { needed.saturating_mul(2).clamp(EAGER_BYTES, len) }
    }

    /// The message, once nothing of it is missing.
    pub(super) fn finish(&mut self) -> Message {
        self.open = false;
        let header = MessageHeader {
            kind: MessageKind(self.kind),
            timestamp_ms: self.timestamp_ms,
            stream_id: self.stream_id,
        };
        Message { header, body: std::mem::take(&mut self.body).freeze() }
    }

    /// Drops the message under way (§5.4.2).
    pub(super) fn abort(&mut self) {
        self.open = false;
        self.body = BytesMut::new();
    }
}
