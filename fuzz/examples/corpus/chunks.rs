//! Seeds of chunks.

use std::io;

use bytes::BytesMut;
use rtmp_core::chunk::{Chunking, write_message};
use rtmp_core::message::{MessageHeader, MessageKind};

use crate::folder::Folder;
use crate::recorded::Recording;

/// C0, C1 and C2, which the chunks follow.
pub const HANDSHAKE_BYTES: usize = 1 + 2 * 1536;

pub fn write(folder: &mut Folder, recordings: &[Recording]) -> io::Result<()> {
    for (recording, piece) in recordings.iter().zip([1, 8, 16, 64, 128, 255]) {
        folder.add(recording.name, &[&[piece], &recording.rtmp[HANDSHAKE_BYTES..]].concat())?;
    }
    for (name, wire) in by_hand() {
        folder.add(name, &[&[8], &wire[..]].concat())?;
    }
    Ok(())
}

fn by_hand() -> Vec<(&'static str, Vec<u8>)> {
    let extended: &[u8] = &[0x06, 0xff, 0xff, 0xff, 0, 0, 200, 9, 1, 0, 0, 0, 1, 0, 0, 0];
    let payload = [7; 128];
    vec![
        ("trap_1_extended_repeated", [extended, &payload, &[0xc6, 1, 0, 0, 0], &payload[..72]].concat()),
        ("trap_1_extended_omitted", [extended, &payload, &[0xc6], &payload[..72]].concat()),
        (
            "trap_1_payload_looks_extended",
            [extended, &payload, &[0xc6, 1, 0, 0, 0, 1, 0, 0, 0], &payload[..68]].concat(),
        ),
        (
            "trap_2_extended_delta",
            [
                &message(4, MessageKind::AUDIO, 5, &[1])[..],
                &[
                    0x44, 0xff, 0xff, 0xff, 0, 0, 1, 8, 1, 0, 0, 0, 2, 0x84, 0xff, 0xff, 0xff, 1, 0, 0, 0, 3,
                    0xc4, 1, 0, 0, 0, 4,
                ],
            ]
            .concat(),
        ),
        (
            "trap_2_type_3_begins_a_message",
            [&message(4, MessageKind::AUDIO, 20, &[1])[..], &[0xc4, 2, 0xc4, 3]].concat(),
        ),
        ("trap_3_exactly_ffffff", message(4, MessageKind::AUDIO, 0xff_ffff, &[1; 300])),
        ("trap_17_three_byte_header", message(65_599, MessageKind::VIDEO, 0, &[1; 300])),
        ("trap_17_two_byte_header", message(319, MessageKind::VIDEO, 0, &[1; 300])),
        (
            "trap_17_chunk_size_within_a_message",
            [
                &message(6, MessageKind::VIDEO, 0, &payload[..]).as_slice()[..6],
                &[200, 9, 1, 0, 0, 0],
                &payload[..],
                &[2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 16, 0xc6],
                &payload[..16],
                &[0xc6],
                &payload[..16],
            ]
            .concat(),
        ),
        (
            "trap_17_abort",
            [
                &[6, 0, 0, 0, 0, 0, 200, 9, 1, 0, 0, 0][..],
                &payload,
                &[2, 0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 0, 6],
                &message(6, MessageKind::VIDEO, 9, &[1]),
            ]
            .concat(),
        ),
        ("trap_17_aggregate", message(4, MessageKind::AGGREGATE, 9, &aggregate())),
        ("chunk_size_zero", vec![2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        (
            "chunk_size_huge",
            vec![
                2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 6, 0, 0, 0, 0, 0, 1, 9, 0, 0, 0,
                0, 5,
            ],
        ),
        ("too_many_streams", (2..40).flat_map(|id| message(id, MessageKind::AUDIO, 0, &[1])).collect()),
        (
            "unfinished_on_many_streams",
            (2..18)
                .flat_map(|id| [&[id, 0, 0, 0, 0, 0xff, 0xff, 9, 1, 0, 0, 0][..], &payload].concat())
                .collect(),
        ),
        ("no_length", vec![6, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0, 0x86, 0, 0, 1, 0xc6]),
    ]
}

pub fn message(chunk_stream: u32, kind: MessageKind, timestamp_ms: u32, body: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    let header = MessageHeader { kind, timestamp_ms, stream_id: 1 };
    write_message(&header, &[body], Chunking { chunk_stream, chunk_size: 128 }, &mut out);
    out.to_vec()
}

/// Two FLV tags.
fn aggregate() -> Vec<u8> {
    let tag = |kind, ms| [&[kind, 0, 0, 3, 0, 0, ms, 0, 0, 0, 0][..], &[0xaf, 1, 7], &[0, 0, 0, 14]].concat();
    [tag(8, 100), tag(8, 121)].concat()
}
