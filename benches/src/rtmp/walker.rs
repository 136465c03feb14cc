//! Follows chunks without putting messages together.
//!
//! A thousand players' media is counted, not copied: of audio and video only the first and last bytes are kept. It trusts the server
//! under test and shares no code with it.

use rtmp_core::message::MessageKind;

use crate::stamps::{Tail, push_tail};

/// Longest control message or command that is kept whole.
const MAX_BODY_BYTES: usize = 8_192;

/// A whole message.
#[derive(Debug)]
pub struct Seen<'a> {
    /// What it is.
    pub kind: MessageKind,
    /// Its timestamp, in milliseconds.
    pub timestamp_ms: u32,
    /// Its first two bytes: frame type and codec, and packet type.
    pub head: [u8; 2],
    /// Its last bytes.
    pub tail: Tail,
    /// The whole of it unless it is audio or video.
    pub body: &'a [u8],
}

impl Seen<'_> {
    /// Whether it is a video frame, and not a header.
    pub fn is_video_frame(&self) -> bool {
        self.kind == MessageKind::VIDEO && self.head.last() == Some(&1)
    }

    /// Whether decoding can begin with it.
    pub fn is_key_frame(&self) -> bool {
        self.is_video_frame() && self.head.first().is_some_and(|byte| byte >> 4 == 1)
    }
}

/// Bytes that are not chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

/// A place in a stream of chunks.
#[derive(Debug)]
pub struct Walker {
    chunk_size: usize,
    streams: Vec<ChunkStream>,
    /// The chunk stream whose payload is next, and how much of this chunk is missing.
    payload: Option<(usize, usize)>,
    header: Vec<u8>,
}

#[derive(Debug)]
struct ChunkStream {
    id: u32,
    kind: u8,
    /// The timestamp field of the last header, by which type 3 headers count on.
    delta: u32,
    timestamp_ms: u32,
    extended: bool,
    len: usize,
    received: usize,
    head: [u8; 2],
    tail: Tail,
    body: Vec<u8>,
}

impl Walker {
    /// At the beginning of a connection whose peer sends chunks of `chunk_size`: 128, unless agreed elsewhere.
    pub fn new(chunk_size: usize) -> Self {
        Self { chunk_size, streams: Vec::new(), payload: None, header: Vec::new() }
    }

    /// Goes on through `input`.
    ///
    /// # Errors
    /// [`Lost`] when these are no chunks.
    pub fn feed(&mut self, mut input: &[u8], mut seen: impl FnMut(&Seen<'_>)) -> Result<(), Lost> {
        while !input.is_empty() {
            input = match self.payload {
                Some((stream, missing)) => self.walk_payload(stream, missing, input, &mut seen)?,
                None => self.walk_header(input, &mut seen)?,
            };
        }
        Ok(())
    }

    fn walk_payload<'a>(
        &mut self,
        index: usize,
        missing: usize,
        input: &'a [u8],
        seen: &mut impl FnMut(&Seen<'_>),
    ) -> Result<&'a [u8], Lost> {
        let (bytes, rest) = input.split_at(missing.min(input.len()));
        self.streams.get_mut(index).ok_or(Lost)?.take(bytes);
        self.payload = Some((index, missing - bytes.len()));
        if missing == bytes.len() {
            self.payload = None;
            self.end_chunk(index, seen)?;
        }
        Ok(rest)
    }

    fn end_chunk(&mut self, index: usize, seen: &mut impl FnMut(&Seen<'_>)) -> Result<(), Lost> {
        let stream = self.streams.get_mut(index).ok_or(Lost)?;
        if stream.received < stream.len {
            return Ok(());
        }
        stream.received = 0;
        let kind = MessageKind(stream.kind);
        if kind == MessageKind::SET_CHUNK_SIZE {
            let size = stream.body.first_chunk().map(|size| u32::from_be_bytes(*size));
            self.chunk_size = size.filter(|size| *size > 0).ok_or(Lost)? as usize;
            return Ok(());
        }
        let ChunkStream { timestamp_ms, head, tail, .. } = *stream;
        seen(&Seen { kind, timestamp_ms, head, tail, body: &stream.body });
        Ok(())
    }

    /// Takes one byte after the other until the header is whole: headers are one in a thousand bytes.
    fn walk_header<'a>(
        &mut self,
        input: &'a [u8],
        seen: &mut impl FnMut(&Seen<'_>),
    ) -> Result<&'a [u8], Lost> {
        let mut rest = input;
        while let Some((byte, after)) = rest.split_first() {
            self.header.push(*byte);
            rest = after;
            let Some(index) = self.parse_header()? else { continue };
            self.header.clear();
            let stream = self.streams.get(index).ok_or(Lost)?;
            let missing = (stream.len - stream.received).min(self.chunk_size);
            if missing == 0 {
                self.end_chunk(index, seen)?;
            } else {
                self.payload = Some((index, missing));
            }
            break;
        }
        Ok(rest)
    }

    /// The chunk stream of the header in `header`, once it is whole.
    fn parse_header(&mut self) -> Result<Option<usize>, Lost> {
        let header = self.header.as_slice();
        let first = *header.first().ok_or(Lost)?;
        let (basic, id) = match (first & 0x3f, header) {
            (0, [_, low, ..]) => (2, 64 + u32::from(*low)),
            (1, [_, low, high, ..]) => (3, 64 + u32::from(*low) + 256 * u32::from(*high)),
            (0 | 1, _) => return Ok(None),
            (id, _) => (1, u32::from(id)),
        };
        let format = first >> 6;
        let fields = basic + [11, 7, 3, 0].get(usize::from(format)).ok_or(Lost)?;
        if header.len() < fields {
            return Ok(None);
        }
        let known = self.streams.iter().position(|stream| stream.id == id);
        let time = be24(header, basic);
        let extended = match known.and_then(|index| self.streams.get(index)) {
            Some(stream) if format == 3 => stream.extended,
            _ => format < 3 && time == 0xff_ffff,
        };
        let whole = fields + if extended { 4 } else { 0 };
        if header.len() < whole {
            return Ok(None);
        }
        let time = if extended { be32(header, fields) } else { time };
        let index = match (known, format) {
            (Some(index), _) => index,
            (None, 3) => return Err(Lost),
            (None, _) => {
                self.streams.push(ChunkStream::new(id));
                self.streams.len() - 1
            }
        };
        let (len, kind) = (be24(header, basic + 3) as usize, header.get(basic + 6).copied());
        let stream = self.streams.get_mut(index).ok_or(Lost)?;
        stream.extended = extended;
        if stream.received == 0 {
            stream.begin(format, time, len, kind.unwrap_or(0));
        }
        Ok(Some(index))
    }
}

impl ChunkStream {
    fn new(id: u32) -> Self {
        let (head, tail) = ([0; 2], Tail::default());
        let (kind, delta, timestamp_ms, extended, len, received) = (0, 0, 0, false, 0, 0);
        Self { id, kind, delta, timestamp_ms, extended, len, received, head, tail, body: Vec::new() }
    }

    /// A message begins with a header of this format.
    fn begin(&mut self, format: u8, time: u32, len: usize, kind: u8) {
        if format < 2 {
            (self.len, self.kind) = (len, kind);
        }
        match format {
            0 => (self.timestamp_ms, self.delta) = (time, 0),
            1 | 2 => {
                self.delta = time;
                self.timestamp_ms = self.timestamp_ms.wrapping_add(time);
            }
            _ => self.timestamp_ms = self.timestamp_ms.wrapping_add(self.delta),
        }
        (self.head, self.tail) = ([0; 2], Tail::default());
        self.body.clear();
    }

    fn take(&mut self, bytes: &[u8]) {
        let media = self.kind == MessageKind::AUDIO.0 || self.kind == MessageKind::VIDEO.0;
        for (to, from) in self.head.iter_mut().skip(self.received).zip(bytes) {
            *to = *from;
        }
        if !media && self.received + bytes.len() <= MAX_BODY_BYTES {
            self.body.extend_from_slice(bytes);
        }
        self.received += bytes.len();
        if self.received + self.tail.len() > self.len {
            push_tail(&mut self.tail, bytes);
        }
    }
}

fn be24(bytes: &[u8], at: usize) -> u32 {
    bytes.iter().skip(at).take(3).fold(0, |value, byte| value << 8 | u32::from(*byte))
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes.iter().skip(at).take(4).fold(0, |value, byte| value << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use rtmp_core::chunk::{Chunking, write_message};
    use rtmp_core::message::MessageHeader;

    use super::*;
    use crate::stamps::tail_of;

    #[test]
    fn messages_are_followed_however_they_arrive() {
        let mut out = BytesMut::new();
        let bodies: Vec<Vec<u8>> = (0..20u8).map(|n| vec![n; 1 + usize::from(n) * 97]).collect();
        for (n, body) in bodies.iter().enumerate() {
            let kind = if n % 2 == 0 { MessageKind::VIDEO } else { MessageKind::AUDIO };
            // The later half has extended timestamps.
            let timestamp_ms = 0xff_fff6 + n as u32;
            let chunking = Chunking { chunk_stream: 4 + (n as u32 % 2) * 300, chunk_size: 128 };
            write_message(&MessageHeader { kind, timestamp_ms, stream_id: 1 }, &[body], chunking, &mut out);
        }
        for piece in [1, 2, 5, 131, 100_000] {
            let mut walker = Walker::new(128);
            let mut found = Vec::new();
            for input in out.chunks(piece) {
                walker.feed(input, |seen| found.push((seen.timestamp_ms, seen.tail))).unwrap();
            }
            let tails = bodies.iter().map(|body| tail_of(body));
            assert_eq!(found, (0xff_fff6..).zip(tails).collect::<Vec<_>>(), "pieces of {piece}");
        }
    }

    #[test]
    fn a_deltas_header_counts_on() {
        let mut walker = Walker::new(128);
        let mut times = Vec::new();
        let full = [4, 0, 0, 100, 0, 0, 1, 9, 1, 0, 0, 0, 7];
        let input = [&full[..], &[0x84, 0, 0, 20, 7], &[0xc4, 7], &[0x44, 0, 0, 5, 0, 0, 1, 9, 7]].concat();
        walker.feed(&input, |seen| times.push(seen.timestamp_ms)).unwrap();
        assert_eq!(times, [100, 120, 140, 145]);
    }
}
