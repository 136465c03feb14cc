//! A writer of chunks that uses every freedom the protocol has: all chunk types, any interleaving, changing chunk sizes,
//! extended timestamps repeated or left out.

use std::collections::HashMap;

use rtmp_core::message::{Message, MessageHeader, MessageKind};

const EXTENDED: u32 = 0xff_ffff;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Time {
    Absolute(u32),
    Delta(u32),
}

#[derive(Clone, Debug)]
struct Last {
    header: MessageHeader,
    len: usize,
    time: Time,
}

/// A message being written.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) chunk_stream: u32,
    body: Vec<u8>,
    written: usize,
    extended: Option<u32>,
}

pub(crate) struct Scribe {
    pub(crate) out: Vec<u8>,
    pub(crate) chunk_size: usize,
    /// Leave extended timestamps out of continuation chunks, as librtmp did.
    pub(crate) omit_extended: bool,
    last: HashMap<u32, Last>,
}

impl Scribe {
    pub(crate) fn new() -> Self {
        Self { out: Vec::new(), chunk_size: 128, omit_extended: false, last: HashMap::new() }
    }

    fn basic(&mut self, format: u8, chunk_stream: u32) {
        let format = format << 6;
        match chunk_stream {
            2..64 => self.out.push(format | chunk_stream as u8),
            64..320 => self.out.extend([format, (chunk_stream - 64) as u8]),
            _ => {
                self.out.push(format | 1);
                self.out.extend(((chunk_stream - 64) as u16).to_le_bytes());
            }
        }
    }

    /// Writes the first chunk of a message with the shortest header that is at least type `least` and can say it.
    pub(crate) fn begin(&mut self, chunk_stream: u32, message: &Message, most: u8) -> Open {
        let Message { header, body } = message;
        let format = (0..=most)
            .rev()
            .find(|format| self.can(*format, chunk_stream, message))
            .expect("type 0 always can");
        let last = self.last.get(&chunk_stream);
        let delta = last.map_or(0, |last| header.timestamp_ms.wrapping_sub(last.header.timestamp_ms));
        let time = match (format, last) {
            (0, _) => Time::Absolute(header.timestamp_ms),
            (3, Some(last)) => last.time,
            _ => Time::Delta(delta),
        };
        let (Time::Absolute(field) | Time::Delta(field)) = time;
        let extended = (field >= EXTENDED).then_some(field);
        self.basic(format, chunk_stream);
        if format < 3 {
            self.out.extend(&field.min(EXTENDED).to_be_bytes()[1..]);
        }
        if format < 2 {
            self.out.extend(&(body.len() as u32).to_be_bytes()[1..]);
            self.out.push(header.kind.0);
        }
        if format == 0 {
            self.out.extend(header.stream_id.to_le_bytes());
        }
        extended.into_iter().for_each(|field| self.out.extend(field.to_be_bytes()));
        self.last.insert(chunk_stream, Last { header: *header, len: body.len(), time });
        let mut open = Open { chunk_stream, body: body.to_vec(), written: 0, extended };
        self.payload(&mut open);
        open
    }

    fn can(&self, format: u8, chunk_stream: u32, message: &Message) -> bool {
        let Some(last) = self.last.get(&chunk_stream) else { return format == 0 };
        let header = &message.header;
        let delta = header.timestamp_ms.wrapping_sub(last.header.timestamp_ms);
        let same_stream = header.stream_id == last.header.stream_id;
        let same_kind = header.kind == last.header.kind && message.body.len() == last.len;
        let same_delta = match last.time {
            Time::Absolute(field) if field >= EXTENDED => delta == 0,
            Time::Absolute(field) | Time::Delta(field) => delta == field,
        };
        match format {
            0 => true,
            1 => same_stream,
            2 => same_stream && same_kind,
            _ => same_stream && same_kind && same_delta,
        }
    }

    /// Writes the next chunk of a message; `true` when it was the last.
    pub(crate) fn go_on(&mut self, open: &mut Open) -> bool {
        if open.written == open.body.len() {
            return true;
        }
        self.basic(3, open.chunk_stream);
        if let Some(field) = open.extended {
            let ambiguous = open.body[open.written..].starts_with(&field.to_be_bytes()[..1]);
            if !self.omit_extended || ambiguous {
                self.out.extend(field.to_be_bytes());
            }
        }
        self.payload(open);
        open.written == open.body.len()
    }

    fn payload(&mut self, open: &mut Open) {
        let end = open.body.len().min(open.written + self.chunk_size);
        self.out.extend(&open.body[open.written..end]);
        open.written = end;
    }

    /// Changes the chunk size, between any two chunks.
    pub(crate) fn set_chunk_size(&mut self, size: usize) {
        let header = MessageHeader { kind: MessageKind::SET_CHUNK_SIZE, timestamp_ms: 0, stream_id: 0 };
        let body = (size as u32).to_be_bytes().to_vec().into();
        let mut open = self.begin(2, &Message { header, body }, 0);
        while !self.go_on(&mut open) {}
        self.chunk_size = size;
    }

    /// Writes a whole message.
    pub(crate) fn message(&mut self, chunk_stream: u32, message: &Message, most: u8) {
        let mut open = self.begin(chunk_stream, message, most);
        while !self.go_on(&mut open) {}
    }
}
