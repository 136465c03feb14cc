//! Putting messages together from a peer's chunks.

use super::header::{Basic, Fields, LONGEST};
use super::slab::Slab;
use super::stream::ChunkStream;
use super::{Error, INITIAL_CHUNK_SIZE};
use crate::message::{Message, MessageKind};

/// What a peer may make the reader hold: `assembly_bytes`, and about 100 bytes for each chunk stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest message in bytes. Default 8 MiB: a key frame of a 4K stream at 60 Mbit/s has about 2 MiB. The protocol's
    /// own limit is 16 MiB - 1.
    pub message_bytes: u32,
    /// Most chunk streams. Default 64; encoders use fewer than ten.
    pub chunk_streams: usize,
    /// Most bytes in messages begun and not ended, all chunk streams together. Default 12 MiB: one message of the longest
    /// kind, and what else may be interleaved with it.
    pub assembly_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes: 8 * 1024 * 1024, chunk_streams: 64, assembly_bytes: 12 * 1024 * 1024 }
    }
}

impl Limits {
    /// For peers who have not been let in, or who have nothing long to say: messages of 64 KiB, 128 KiB of them begun.
    pub const fn small() -> Self {
        Self { message_bytes: 64 * 1024, chunk_streams: 16, assembly_bytes: 128 * 1024 }
    }
}

/// Puts a peer's chunks together into messages.
///
/// Takes input in pieces of any size and keeps of it only what belongs to a header cut short or to an unfinished message,
/// whose buffer has exactly the message's size. Set chunk size and abort messages are obeyed here and not handed on.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    chunk_size: u32,
    streams: Vec<ChunkStream>,
    held: usize,
    /// The chunk being read: which of `streams`, and how much of its payload is missing.
    current: Option<(usize, usize)>,
    partial: [u8; LONGEST],
    partial_len: usize,
    slab: Slab,
}

/// What the bytes at the front of the input are.
enum Head {
    /// The beginning of a header.
    Partial,
    /// A header of this many bytes, after which comes payload for a chunk stream.
    Whole { len: usize, stream: usize },
}

impl Reader {
    /// A reader at the beginning of a connection, with a chunk size of 128.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            chunk_size: INITIAL_CHUNK_SIZE,
            streams: Vec::new(),
            held: 0,
            current: None,
            partial: [0; LONGEST],
            partial_len: 0,
            slab: Slab::off(),
        }
    }

    /// Other limits from the next header on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Puts audio and video messages of up to 16 KiB side by side into allocations of 32 KiB from here on: cheaper for a publisher's stream,
    /// where what is kept is kept in order; each kept message may keep such an allocation.
    pub fn share_allocations(&mut self) {
        self.slab.turn_on();
    }

    /// The last message will not be kept. For the next 64 nothing is shared, so that a peer cannot make a few kept bytes hold many.
    pub fn discarded(&mut self) {
        self.slab.discarded();
    }

    /// Bytes held for unfinished messages.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Reads from the front of `input` up to the end of the next message, and returns it; `None` once the input is used up.
    ///
    /// # Errors
    /// [`Error`] when the peer breaks the protocol or a limit. The reader must not be used after that.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Message>, Error> {
        loop {
            match self.current {
                Some((_, missing)) if missing > 0 && self.partial_len == 0 && input.is_empty() => {
                    return Ok(None);
                }
                Some((stream, missing)) if missing > 0 => self.read_payload(stream, missing, input)?,
                Some((stream, _)) => match self.end_chunk(stream) {
                    Some(message) if !self.obey(&message)? => return Ok(Some(message)),
                    _ => {}
                },
                None => {
                    if !self.read_header(input)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Takes payload: first what a header's look-ahead left in `partial`, then the input.
    fn read_payload(&mut self, stream: usize, missing: usize, input: &mut &[u8]) -> Result<(), Error> {
        let taken = if self.partial_len > 0 {
            let kept = self.partial;
            let (taken, rest) = split(kept.get(..self.partial_len).unwrap_or_default(), missing);
            self.append(stream, taken)?;
            self.set_partial(rest);
            taken.len()
        } else {
            let (taken, rest) = split(input, missing);
            self.append(stream, taken)?;
            *input = rest;
            taken.len()
        };
        self.current = Some((stream, missing - taken));
        Ok(())
    }

    fn append(&mut self, stream: usize, bytes: &[u8]) -> Result<(), Error> {
        let limit = self.limits.assembly_bytes;
        let allowed = limit.saturating_sub(self.held);
        let Some(stream) = self.streams.get_mut(stream) else { return Ok(()) };
        let before = stream.held();
        stream.append(bytes, allowed, &mut self.slab).map_err(|_| Error::Assembly { limit })?;
        self.held += stream.held() - before;
        Ok(())
    }

    /// A chunk's payload is whole; perhaps its message is, too.
    fn end_chunk(&mut self, stream: usize) -> Option<Message> {
        self.current = None;
        let stream = self.streams.get_mut(stream)?;
        if stream.missing() > 0 {
            return None;
        }
        self.held = self.held.saturating_sub(stream.held());
        Some(stream.finish())
    }

    /// Reads a chunk header; `false` when the input ended before it did.
    fn read_header(&mut self, input: &mut &[u8]) -> Result<bool, Error> {
        if self.partial_len == 0 {
            return Ok(match self.parse(input)? {
                Head::Whole { len, stream } => {
                    *input = input.get(len..).unwrap_or_default();
                    self.begin_chunk(stream);
                    true
                }
                Head::Partial => {
                    self.set_partial(input);
                    *input = &[];
                    false
                }
            });
        }
        let mut bytes = self.partial;
        let room = bytes.get_mut(self.partial_len..).unwrap_or_default();
        let fresh = room.len().min(input.len());
        for (to, from) in room.iter_mut().zip(*input) {
            *to = *from;
        }
        let seen = bytes.get(..self.partial_len + fresh).unwrap_or_default();
        match self.parse(seen)? {
            Head::Whole { len, stream } => {
                // The header may end inside what was kept, when the look-ahead found no extended timestamp.
                let taken = len.saturating_sub(self.partial_len);
                let kept = self.partial;
                self.set_partial(kept.get(len..self.partial_len).unwrap_or_default());
                *input = input.get(taken..).unwrap_or_default();
                self.begin_chunk(stream);
                Ok(true)
            }
            Head::Partial => {
                self.set_partial(seen);
                *input = &[];
                Ok(false)
            }
        }
    }

    fn set_partial(&mut self, bytes: &[u8]) {
        self.partial_len = bytes.len().min(LONGEST);
        for (to, from) in self.partial.iter_mut().zip(bytes) {
            *to = *from;
        }
    }

    fn begin_chunk(&mut self, stream: usize) {
        let missing = self.streams.get(stream).map_or(0, ChunkStream::missing);
        self.current = Some((stream, missing.min(self.chunk_size as usize)));
    }

    /// Reads the header at the front of `bytes`. Changes the chunk stream only when the header is whole.
    fn parse(&mut self, bytes: &[u8]) -> Result<Head, Error> {
        let Some(basic) = Basic::parse(bytes) else { return Ok(Head::Partial) };
        let rest = bytes.get(basic.len..).unwrap_or_default();
        if basic.format == 3 {
            return self.parse_type_3(basic, rest);
        }
        let Some(fields) = Fields::parse(basic.format, rest) else { return Ok(Head::Partial) };
        let mut len = basic.len + Fields::wire_len(basic.format);
        let mut time = fields.time;
        if fields.is_extended() {
            let Some(extended) = u32_at(bytes, len) else { return Ok(Head::Partial) };
            (len, time) = (len + 4, extended);
        }
        let limit = self.limits.message_bytes;
        let index = self.stream_for(basic)?;
        if let Some(stream) = self.streams.get_mut(index) {
            if !stream.is_open() {
                stream.begin(basic.format, fields, time, limit)?;
            } else if !stream.repeats(basic.format, fields) {
                return Err(Error::Interrupted { chunk_stream: basic.chunk_stream });
            }
        }
        Ok(Head::Whole { len, stream: index })
    }

    /// A type 3 chunk has no fields of its own, but an extended timestamp where the header it repeats had one. On the first
    /// chunk of a message that is certain. On the others librtmp and old OBS leave it out (obs#10097): there the next bytes
    /// are it only if they are equal to it, which the first differing byte decides.
    fn parse_type_3(&mut self, basic: Basic, rest: &[u8]) -> Result<Head, Error> {
        let limit = self.limits.message_bytes;
        let index = self.stream_for(basic)?;
        let mut len = basic.len;
        let Some(stream) = self.streams.get_mut(index) else { return Ok(Head::Partial) };
        match (stream.extended(), stream.is_open()) {
            (Some(_), false) => {
                let Some(extended) = u32_at(rest, 0) else { return Ok(Head::Partial) };
                len += 4;
                stream.begin_again(Some(extended), limit)?;
            }
            (None, false) => stream.begin_again(None, limit)?,
            (Some(field), true) => {
                let field = field.to_be_bytes();
                if rest.starts_with(&field) {
                    len += 4;
                } else if field.starts_with(rest) {
                    return Ok(Head::Partial);
                }
            }
            (None, true) => {}
        }
        Ok(Head::Whole { len, stream: index })
    }

    /// Where in `streams` a chunk stream is. A fresh one has to begin with a whole header; librtmp's pings begin with type 1.
    fn stream_for(&mut self, basic: Basic) -> Result<usize, Error> {
        let Basic { format, chunk_stream, .. } = basic;
        if let Some(index) = self.streams.iter().position(|stream| stream.id == chunk_stream) {
            return Ok(index);
        }
        if format > 1 {
            return Err(Error::Fresh { chunk_stream, format });
        }
        let limit = self.limits.chunk_streams;
        if self.streams.len() >= limit {
            return Err(Error::ChunkStreams { limit });
        }
        self.streams.push(ChunkStream::new(chunk_stream));
        Ok(self.streams.len() - 1)
    }

    /// Obeys the messages that concern chunks themselves; `false` when this is another.
    fn obey(&mut self, message: &Message) -> Result<bool, Error> {
        let kind = message.header.kind;
        if kind != MessageKind::SET_CHUNK_SIZE && kind != MessageKind::ABORT {
            return Ok(false);
        }
        let value = u32_at(&message.body, 0).ok_or(Error::Control { kind: kind.0 })?;
        if kind == MessageKind::ABORT {
            if let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == value) {
                self.held = self.held.saturating_sub(stream.held());
                stream.abort();
            }
            return Ok(true);
        }
        // The highest bit has to be zero (§5.4.1).
        if value == 0 || value > 0x7fff_ffff {
            return Err(Error::Control { kind: kind.0 });
        }
        self.chunk_size = value;
        Ok(true)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// `bytes` up to `at` or their end, and the rest.
fn split(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at(at.min(bytes.len()))
}
