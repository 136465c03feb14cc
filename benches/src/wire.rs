//! The clip as RTMP chunks, serialised once and shared by all publishers of a process.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use rtmp_core::chunk::{Chunking, write_message};
use rtmp_core::flv::TagKind;
use rtmp_core::message::{MessageHeader, MessageKind};

use crate::clip::{Clip, PERIOD_MS, Tag};
use crate::stamps::{Tail, tail_of};

/// The message stream that both nginx-rtmp and Pulse give to a connection's only stream.
const STREAM_ID: u32 = 1;

/// One message of the stream.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When it is due, from the stream's beginning, in milliseconds; also its RTMP timestamp.
    pub at_ms: u32,
    /// Where its chunks are.
    pub range: Range<usize>,
    /// What identifies it at a receiver.
    pub tail: Tail,
    /// Video or audio; headers have a time of zero.
    pub kind: TagKind,
}

/// A stream as RTMP chunks: headers, then the clip over and over with rising timestamps.
#[derive(Clone, Debug)]
pub struct Wire {
    bytes: Bytes,
    entries: Vec<Entry>,
}

impl Wire {
    /// At least `seconds` of stream (250 kB a second), in chunks of `chunk_size`.
    pub fn new(clip: &Clip, seconds: u32, chunk_size: u32) -> Self {
        let loops = (seconds * 1_000).div_ceil(PERIOD_MS).max(1);
        let mut out = BytesMut::with_capacity((clip.media_bytes() + 65_536) * loops as usize);
        let mut entries = Vec::new();
        let mut put = |tag: &Tag, at_ms: u32| {
            let start = out.len();
            let (kind, chunk_stream) = match tag.kind {
                TagKind::Audio => (MessageKind::AUDIO, 4),
                TagKind::Video => (MessageKind::VIDEO, 6),
                TagKind::Script => (MessageKind::DATA_AMF0, 5),
            };
            let header = MessageHeader { kind, timestamp_ms: at_ms, stream_id: STREAM_ID };
            write_message(&header, &[&tag.body], Chunking { chunk_stream, chunk_size }, &mut out);
            entries.push(Entry { at_ms, range: start..out.len(), tail: tail_of(&tag.body), kind: tag.kind });
        };
        clip.headers.iter().for_each(|tag| put(tag, 0));
        for round in 0..loops {
            clip.frames.iter().for_each(|tag| put(tag, round * PERIOD_MS + tag.at_ms));
        }
        Self { bytes: out.freeze(), entries }
    }

    /// The messages, by time.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The chunks of an entry, or of several that follow each other.
    pub fn chunks(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// All chunks of the entries from `from` on that are due before `until_ms`, and the index after them.
    pub fn due(&self, from: usize, until_ms: u32) -> (Range<usize>, usize) {
        let rest = self.entries.get(from..).unwrap_or_default();
        let count = rest.iter().take_while(|entry| entry.at_ms < until_ms).count();
        let start = rest.first().map_or(self.bytes.len(), |entry| entry.range.start);
        let end = count.checked_sub(1).and_then(|last| rest.get(last)).map_or(start, |entry| entry.range.end);
        (start..end, from + count)
    }
}
