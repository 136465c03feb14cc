//! Cutting messages into chunks.

use bytes::{BufMut, BytesMut};

use super::EXTENDED;
use crate::message::MessageHeader;

/// Under which conditions a message is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunking {
    /// The chunk stream, 2 to 65,599; outside of that the nearest of them is used.
    pub chunk_stream: u32,
    /// The chunk size the peer was told, in bytes; at least 1.
    pub chunk_size: u32,
}

const LONGEST_CHUNK_STREAM: u32 = 65_599;

/// Appends one whole message: a type 0 chunk with the absolute timestamp, then type 3 chunks.
///
/// Nothing depends on what was sent before, so that the same bytes are good for every peer that was told the same chunk
/// size and uses the same message stream. The body is the concatenation of `parts`; at most 2^24 - 1 bytes of it are sent.
/// From 0xFFFFFF on the timestamp is extended and stands in *every* chunk, as the specification has it (§5.3.1.3): ffmpeg
/// and GStreamer break after 4 h 39 min without it.
pub fn write_message(header: &MessageHeader, parts: &[&[u8]], chunking: Chunking, out: &mut BytesMut) {
    let len = body_len(parts);
    out.reserve(written_len(header, len, chunking));
    let extended = (header.timestamp_ms >= EXTENDED).then_some(header.timestamp_ms);
    put_basic_header(0, chunking.chunk_stream, out);
    out.put_uint(u64::from(header.timestamp_ms.min(EXTENDED)), 3);
    out.put_uint(len as u64, 3);
    out.put_u8(header.kind.0);
    out.put_u32_le(header.stream_id);
    extended.into_iter().for_each(|timestamp| out.put_u32(timestamp));

    let size = chunking.chunk_size.max(1) as usize;
    let (mut room, mut left) = (size, len);
    for part in parts {
        let mut part = part.get(..left).unwrap_or(part);
        while !part.is_empty() {
            if room == 0 {
                put_basic_header(3, chunking.chunk_stream, out);
                extended.into_iter().for_each(|timestamp| out.put_u32(timestamp));
                room = size;
            }
            let (now, later) = part.split_at(room.min(part.len()));
            out.put_slice(now);
            (room, left, part) = (room - now.len(), left - now.len(), later);
        }
    }
}

/// How many bytes [`write_message`] appends for a body of `len` bytes.
pub fn written_len(header: &MessageHeader, len: usize, chunking: Chunking) -> usize {
    let chunks = len.div_ceil(chunking.chunk_size.max(1) as usize).max(1);
    let extended = if header.timestamp_ms >= EXTENDED { 4 } else { 0 };
    len + 11 + chunks * (basic_header_len(chunking.chunk_stream) + extended)
}

fn body_len(parts: &[&[u8]]) -> usize {
    let total = parts.iter().fold(0usize, |sum, part| sum.saturating_add(part.len()));
    total.min(0xff_ffff)
}

fn basic_header_len(chunk_stream: u32) -> usize {
    match chunk_stream {
        ..64 => 1,
        64..320 => 2,
        320.. => 3,
    }
}

/// The one to three bytes that name the chunk type and stream (§5.3.1.1).
fn put_basic_header(format: u8, chunk_stream: u32, out: &mut BytesMut) {
    let chunk_stream = chunk_stream.clamp(2, LONGEST_CHUNK_STREAM);
    let format = format << 6;
    match chunk_stream {
        ..64 => out.put_u8(format | chunk_stream as u8),
        64..320 => out.put_slice(&[format, (chunk_stream - 64) as u8]),
        320.. => {
            out.put_u8(format | 1);
            out.put_u16_le((chunk_stream - 64) as u16);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageKind;

    fn write(chunk_stream: u32, timestamp_ms: u32, chunk_size: u32, parts: &[&[u8]]) -> Vec<u8> {
        let header = MessageHeader { kind: MessageKind::VIDEO, timestamp_ms, stream_id: 1 };
        let chunking = Chunking { chunk_stream, chunk_size };
        let mut out = BytesMut::new();
        write_message(&header, parts, chunking, &mut out);
        assert_eq!(out.len(), written_len(&header, parts.concat().len(), chunking));
        out.to_vec()
    }

    #[test]
    fn a_message_is_cut_at_the_chunk_size_across_its_parts() {
        let bytes = write(6, 0x010203, 2, &[&[1], &[2, 3], &[], &[4]]);
        assert_eq!(bytes, [0x06, 1, 2, 3, 0, 0, 4, 9, 1, 0, 0, 0, 1, 2, 0xc6, 3, 4]);
    }

    #[test]
    fn trap_1_the_extended_timestamp_is_in_every_chunk() {
        let bytes = write(6, 0x0100_0000, 1, &[&[1, 2]]);
        assert_eq!(
            bytes,
            [0x06, 0xff, 0xff, 0xff, 0, 0, 2, 9, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xc6, 1, 0, 0, 0, 2]
        );
    }

    #[test]
    fn trap_3_the_last_timestamp_of_three_bytes_is_extended() {
        assert_eq!(write(4, 0xff_fffe, 128, &[&[7]])[1..4], [0xff, 0xff, 0xfe]);
        assert_eq!(
            write(4, 0xff_ffff, 128, &[&[7]])[1..16],
            [255, 255, 255, 0, 0, 1, 9, 1, 0, 0, 0, 0, 255, 255, 255]
        );
    }

    #[test]
    fn basic_headers_have_one_two_or_three_bytes() {
        assert_eq!(write(63, 0, 128, &[&[7]])[0], 63);
        assert_eq!(write(64, 0, 128, &[&[7]])[..2], [0, 0]);
        assert_eq!(write(319, 0, 128, &[&[7]])[..2], [0, 255]);
        assert_eq!(write(320, 0, 128, &[&[7]])[..3], [1, 0, 1]);
        assert_eq!(write(65_599, 0, 128, &[&[7]])[..3], [1, 255, 255]);
    }

    #[test]
    fn an_empty_message_is_a_header() {
        assert_eq!(write(4, 0, 128, &[]).len(), 12);
    }
}
