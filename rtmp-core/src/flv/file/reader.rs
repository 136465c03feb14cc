//! Reading FLV.

use bytes::{Buf, Bytes, BytesMut};

use super::super::TagKind;
use super::writer::{HEAD_BYTES, TAIL_BYTES};

/// What a stream may make the reader hold.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Size of a tag's body. Default 8 MiB; the reader holds one tag and what was pushed after it.
    pub max_tag_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_tag_bytes: 8 << 20 }
    }
}

/// What a stream is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item {
    /// The header's promise. Files that were never finished promise too little, so tags count, not this.
    Header {
        /// Audio is promised.
        audio: bool,
        /// Video is promised.
        video: bool,
    },
    /// A tag, for [`Demuxer::push`](super::super::Demuxer::push).
    Tag {
        /// What it carries.
        kind: TagKind,
        /// Decode time in milliseconds.
        timestamp_ms: u32,
        /// Its body.
        body: Bytes,
    },
    /// A tag of a reserved type or with encrypted content was passed over.
    Skipped {
        /// The tag type, with its filter bit.
        tag_type: u8,
    },
}

/// Why the stream cannot be read on. The peer's fault; nothing after it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It does not begin with an FLV header.
    #[error("not an FLV stream")]
    NotFlv,
    /// A tag is larger than [`Limits::max_tag_bytes`].
    #[error("a tag of {bytes} bytes at offset {offset} is over the limit of {limit}")]
    TagTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
        /// Where it begins.
        offset: u64,
    },
    /// What should be a tag has a reserved type and does not point back to the tag before: bytes are missing or were added.
    #[error("lost track of the tags at offset {offset}")]
    Desynchronised {
        /// Where the tag should begin.
        offset: u64,
    },
}

/// The header's fixed part.
const FILE_HEADER_BYTES: usize = 9;
/// A header that claims to be longer than this is not one.
const MAX_FILE_HEADER_BYTES: usize = 1024;
/// The filter bit, set where a tag's body is encrypted.
const FILTERED: u8 = 0x20;

#[derive(Clone, Copy, Debug)]
enum State {
    FileHeader,
    /// Bytes of an extended file header still to pass over.
    Extension(usize),
    /// A back pointer and a tag header; the size that the pointer should have.
    TagHeader {
        expected: u32,
    },
    Body(Head),
    Failed(Error),
}

#[derive(Clone, Copy, Debug)]
struct Head {
    tag_type: u8,
    size: usize,
    timestamp_ms: u32,
}

/// Reads an FLV stream that arrives in pieces.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    buffer: BytesMut,
    state: State,
    offset: u64,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Reader {
    /// A reader at the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self { limits, buffer: BytesMut::new(), state: State::FileHeader, offset: 0 }
    }

    /// Takes the next bytes. Call [`Reader::poll`] until it wants more before pushing again, so that the buffer stays small.
    pub fn push(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Failed(_)) {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next item; `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`Error`], then and ever after, when the stream cannot be read on.
    pub fn poll(&mut self) -> Result<Option<Item>, Error> {
        let polled = self.step();
        if let Err(error) = polled {
            self.state = State::Failed(error);
            self.buffer = BytesMut::new();
        }
        polled
    }

    fn step(&mut self) -> Result<Option<Item>, Error> {
        loop {
            match self.state {
                State::FileHeader => {
                    let Some(header) = self.take(FILE_HEADER_BYTES) else {
                        let good = b"FLV\x01".iter().zip(&self.buffer).all(|(expected, got)| expected == got);
                        return if good { Ok(None) } else { Err(Error::NotFlv) };
                    };
                    return self.file_header(&header).map(Some);
                }
                State::Extension(size) => {
                    if self.take(size).is_none() {
                        return Ok(None);
                    }
                    self.state = State::TagHeader { expected: 0 };
                }
                State::TagHeader { expected } => {
                    let Some(header) = self.take(TAIL_BYTES + HEAD_BYTES) else { return Ok(None) };
                    self.state = State::Body(self.tag_header(header, expected)?);
                }
                State::Body(head) => {
                    let Some(body) = self.take(head.size) else { return Ok(None) };
                    self.state = State::TagHeader { expected: (HEAD_BYTES + head.size) as u32 };
                    return Ok(Some(head.item(body)));
                }
                State::Failed(error) => return Err(error),
            }
        }
    }

    fn take(&mut self, size: usize) -> Option<Bytes> {
        if self.buffer.len() < size {
            return None;
        }
        self.offset += size as u64;
        Some(self.buffer.split_to(size).freeze())
    }

    fn file_header(&mut self, header: &[u8]) -> Result<Item, Error> {
        let &[b'F', b'L', b'V', 1, flags, o0, o1, o2, o3] = header else { return Err(Error::NotFlv) };
        let size = u32::from_be_bytes([o0, o1, o2, o3]) as usize;
        if !(FILE_HEADER_BYTES..=MAX_FILE_HEADER_BYTES).contains(&size) {
            return Err(Error::NotFlv);
        }
        self.state = State::Extension(size - FILE_HEADER_BYTES);
        Ok(Item::Header { audio: flags & 4 != 0, video: flags & 1 != 0 })
    }

    fn tag_header(&self, mut header: Bytes, expected: u32) -> Result<Head, Error> {
        let offset = self.offset - HEAD_BYTES as u64;
        let lost = Error::Desynchronised { offset };
        let back = header.try_get_u32().map_err(|_| lost)?;
        let tag_type = header.try_get_u8().map_err(|_| lost)?;
        let size = header.try_get_uint(3).map_err(|_| lost)? as usize;
        let time = header.try_get_uint(3).map_err(|_| lost)? as u32;
        let top = header.try_get_u8().map_err(|_| lost)?;
        // Wrong back pointers alone are common in files that were cut or joined.
        if back != expected && TagKind::from_number(tag_type & !FILTERED).is_none() {
            return Err(lost);
        }
        if size > self.limits.max_tag_bytes {
            return Err(Error::TagTooLarge { bytes: size, limit: self.limits.max_tag_bytes, offset });
        }
        Ok(Head { tag_type, size, timestamp_ms: u32::from(top) << 24 | time })
    }
}

impl Head {
    fn item(self, body: Bytes) -> Item {
        let Self { tag_type, timestamp_ms, .. } = self;
        match TagKind::from_number(tag_type) {
            Some(kind) => Item::Tag { kind, timestamp_ms, body },
            None => Item::Skipped { tag_type },
        }
    }
}
