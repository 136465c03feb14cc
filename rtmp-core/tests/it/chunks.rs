//! Chunks put together again are the messages they were cut from, whatever the cutting.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use rtmp_core::chunk::{Chunking, Limits, Reader, write_message};
use rtmp_core::message::{Message, MessageHeader, MessageKind};

use crate::scribe::{Open, Scribe};

/// Reads `bytes` in pieces whose sizes repeat `steps`.
pub(crate) fn read(bytes: &[u8], steps: &[usize]) -> Vec<Message> {
    let mut reader = Reader::new(Limits::default());
    let mut messages = Vec::new();
    let mut rest = bytes;
    for step in steps.iter().cycle() {
        let (mut piece, later) = rest.split_at((*step).min(rest.len()));
        while let Some(message) = reader.read(&mut piece).expect("valid chunks") {
            messages.push(message);
        }
        assert!(piece.is_empty());
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    assert_eq!(reader.held(), 0);
    messages
}

/// Timestamps near the places where something happens.
fn timestamp() -> impl Strategy<Value = u32> {
    prop_oneof![
        0..100u32,
        0xff_fff0..0x100_0010u32,
        0x7fff_fff0..0x8000_0010u32,
        (u32::MAX - 50)..=u32::MAX,
        any::<u32>(),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let kind = prop_oneof![Just(8), Just(9), Just(18), Just(20)];
    let len = prop_oneof![0..4usize, 0..300usize, 0..3_000usize];
    (kind, timestamp(), 0..3u32, len, any::<u8>(), any::<bool>()).prop_map(
        |(kind, timestamp_ms, stream_id, len, fill, echo)| {
            // Payload that looks like the timestamp is what a look-ahead can be fooled by.
            let pattern = if echo { timestamp_ms.to_be_bytes() } else { [fill, fill, 1, fill] };
            let body = pattern.iter().copied().cycle().take(len).collect::<Vec<_>>().into();
            Message { header: MessageHeader { kind: MessageKind(kind), timestamp_ms, stream_id }, body }
        },
    )
}

#[derive(Clone, Debug)]
struct Plan {
    chunk_stream: u32,
    message: Message,
    most: u8,
}

fn plan() -> impl Strategy<Value = Plan> {
    let chunk_stream = prop_oneof![Just(3), Just(4), Just(63), Just(64), Just(319), Just(320), Just(65_599)];
    (chunk_stream, message(), 0..4u8).prop_map(|(chunk_stream, message, most)| Plan {
        chunk_stream,
        message,
        most,
    })
}

/// Writes the plans, going on with one open message or another, and the messages in the order in which they end.
fn write(plans: Vec<Plan>, choices: &[(u8, usize)], omit_extended: bool) -> (Vec<u8>, Vec<Message>) {
    let mut scribe = Scribe::new();
    scribe.omit_extended = omit_extended;
    let mut open: Vec<(Open, Message)> = Vec::new();
    let mut ended = Vec::new();
    let mut choices = choices.iter().cycle();
    let mut next = move || *choices.next().expect("a cycle");
    let go_on =
        |scribe: &mut Scribe, open: &mut Vec<(Open, Message)>, at: usize, ended: &mut Vec<Message>| {
            if scribe.go_on(&mut open[at].0) {
                ended.push(open.remove(at).1);
            }
        };
    for plan in plans {
        let (what, value) = next();
        if what % 5 == 0 {
            scribe.set_chunk_size(1 + value % 700);
        }
        for _ in 0..what % 4 {
            if !open.is_empty() {
                let at = value % open.len();
                go_on(&mut scribe, &mut open, at, &mut ended);
            }
        }
        while let Some(at) = open.iter().position(|(open, _)| open.chunk_stream == plan.chunk_stream) {
            go_on(&mut scribe, &mut open, at, &mut ended);
        }
        let begun = scribe.begin(plan.chunk_stream, &plan.message, plan.most);
        let mut probe = begun.clone();
        let len = scribe.out.len();
        let whole = scribe.go_on(&mut probe) && scribe.out.len() == len;
        scribe.out.truncate(len);
        if whole {
            ended.push(plan.message);
        } else {
            open.push((begun, plan.message));
        }
    }
    while !open.is_empty() {
        let (_, value) = next();
        let at = value % open.len();
        go_on(&mut scribe, &mut open, at, &mut ended);
    }
    (scribe.out, ended)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn trap_17_any_interleaving_of_any_chunks_is_read(
        plans in prop::collection::vec(plan(), 1..20),
        choices in prop::collection::vec((any::<u8>(), any::<usize>()), 1..20),
        steps in prop::collection::vec(1..2_000usize, 1..5),
        omit_extended: bool,
    ) {
        let (bytes, messages) = write(plans, &choices, omit_extended);
        prop_assert_eq!(&read(&bytes, &[usize::MAX]), &messages);
        prop_assert_eq!(&read(&bytes, &steps), &messages);
        prop_assert_eq!(&read(&bytes, &[1]), &messages);
    }

    #[test]
    fn what_we_write_we_read(
        message in message(),
        chunk_stream in 2..65_600u32,
        chunk_size in prop_oneof![1..200u32, Just(60_000), Just(u32::MAX)],
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(message.body.len() + 1);
        let (front, back) = message.body.split_at(cut);
        let mut bytes = BytesMut::new();
        let mut reader = Reader::new(Limits::default());
        let size = MessageHeader { kind: MessageKind::SET_CHUNK_SIZE, timestamp_ms: 0, stream_id: 0 };
        let told = chunk_size.min(0x7fff_ffff);
        write_message(&size, &[&told.to_be_bytes()], Chunking { chunk_stream: 2, chunk_size: 128 }, &mut bytes);
        write_message(&message.header, &[front, back], Chunking { chunk_stream, chunk_size }, &mut bytes);
        prop_assert_eq!(reader.read(&mut &bytes[..]), Ok(Some(message)));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..5_000), step in 1..100usize) {
        let mut reader = Reader::new(Limits::small());
        for mut piece in bytes.chunks(step) {
            while let Ok(Some(message)) = reader.read(&mut piece) {
                prop_assert!(message.body.len() <= 64 * 1024);
            }
            prop_assert!(reader.held() <= 128 * 1024);
        }
    }
}

#[test]
fn a_body_has_a_buffer_of_exactly_its_size() {
    let body = Bytes::from(vec![7; 200_000]);
    let header = MessageHeader { kind: MessageKind::VIDEO, timestamp_ms: 0, stream_id: 1 };
    let mut bytes = BytesMut::new();
    write_message(&header, &[&body], Chunking { chunk_stream: 6, chunk_size: 128 }, &mut bytes);
    let mut reader = Reader::new(Limits::default());
    let mut most = 0;
    for mut piece in bytes.chunks(4_000) {
        if let Some(message) = reader.read(&mut piece).expect("valid") {
            assert_eq!(message.body, body);
            assert_eq!(Vec::from(message.body).capacity(), body.len());
        }
        most = most.max(reader.held());
    }
    assert!(most <= body.len(), "{most}");
}
