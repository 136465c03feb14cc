//! Input that is meant to break a server: it costs its own connection, within bounds. The first four are what `rml_rtmp` dies of.

use bytes::BytesMut;
use proptest::prelude::*;
use rtmp_core::amf::{Object, Value};
use rtmp_core::message::MessageKind;
use rtmp_core::server::{Config, Event};
use rtmp_core::{CloseReason, HandshakeError, ProtocolError, chunk};

use crate::media::{audio_header, video_body, video_header};
use crate::wire::{Wire, command_body, message_bytes};

fn protocol_error(wire: &Wire) -> &ProtocolError {
    match wire.closed() {
        Some(CloseReason::Protocol(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rml_rtmp_dies_of_a_short_command() {
    let whole = command_body("connect", 1.0, &[Object::new().with("app", "live").into()]);
    for end in 0..whole.len() {
        let mut wire = Wire::ready();
        wire.message(MessageKind::COMMAND_AMF0, 0, 0, &whole[..end]);
        wire.message(MessageKind::COMMAND_AMF3, 0, 0, &whole[..end]);
    }
    let mut wire = Wire::ready();
    wire.message(MessageKind::COMMAND_AMF0, 0, 0, &[]);
    wire.connect("live");
    assert!(wire.has_result(1.0), "a command that says nothing is no harm");
}

#[test]
fn rml_rtmp_dies_of_a_lone_set_data_frame() {
    let mut body = BytesMut::new();
    Value::from("@setDataFrame").encode(&mut body);
    let mut wire = Wire::publishing();
    wire.message(MessageKind::DATA_AMF0, 0, 1, &body);
    wire.message(MessageKind::DATA_AMF0, 0, 1, &[]);
    assert_eq!(wire.closed(), None);
    let mut wire = Wire::ready();
    wire.message(MessageKind::DATA_AMF0, 0, 1, &body);
    assert_eq!(wire.closed(), None);
}

#[test]
fn rml_rtmp_dies_of_interleaved_chunks() {
    let mut wire = Wire::publishing();
    let video = message_bytes(MessageKind::VIDEO, 0, 1, &[&video_header()[..], &[0; 300]].concat());
    let mut video = video.to_vec();
    video[0] = 6;
    // A whole audio message between the first and second chunk of a video message.
    let audio = message_bytes(MessageKind::AUDIO, 0, 1, &audio_header());
    wire.bytes(&[&video[..12 + 128], &audio].concat());
    assert!(wire.events.iter().any(|event| matches!(event, Event::Track(_))));
    assert_eq!(wire.closed(), None);
}

#[test]
fn rml_rtmp_dies_of_nested_values() {
    let mut body = command_body("connect", 1.0, &[]);
    body.extend([3, 0, 1, b'a'].repeat(3_500));
    assert!(body.len() >= 14_000);
    let mut wire = Wire::ready();
    wire.message(MessageKind::COMMAND_AMF0, 0, 0, &body);
    assert_eq!(protocol_error(&wire), &ProtocolError::Connect);
    let mut wire = Wire::publishing();
    let mut body = BytesMut::new();
    Value::from("onMetaData").encode(&mut body);
    body.extend([3, 0, 1, b'a'].repeat(3_500));
    wire.message(MessageKind::DATA_AMF0, 0, 1, &body);
    assert_eq!(wire.closed(), None, "bad metadata cost themselves");
}

#[test]
fn other_protocols_end_at_the_first_byte() {
    let mut wire = Wire::new(Config::default());
    wire.bytes(b"GET / HTTP/1.1\r\n\r\n");
    let version = HandshakeError::Version { version: b'G' };
    assert_eq!(protocol_error(&wire), &ProtocolError::Handshake(version));
    assert_eq!(wire.transmitted, 0, "nothing is told to who does not speak RTMP");
}

#[test]
fn long_messages_wait_for_admission() {
    let header = |len: u32| [&[6, 0, 0, 0][..], &len.to_be_bytes()[1..], &[9, 1, 0, 0, 0]].concat();
    let mut wire = Wire::connected("live");
    wire.bytes(&header(64 * 1024 + 1));
    let too_long = |len, limit| ProtocolError::Chunk(chunk::Error::MessageTooLong { len, limit });
    assert_eq!(protocol_error(&wire), &too_long(65_537, 65_536));
    let mut wire = Wire::publishing();
    wire.bytes(&header(64 * 1024 + 1));
    assert_eq!(wire.closed(), None);
    let mut wire = Wire::publishing();
    wire.bytes(&header(8 * 1024 * 1024 + 1));
    assert_eq!(protocol_error(&wire), &too_long(8_388_609, 8_388_608));
    let mut wire = Wire::playing();
    wire.bytes(&header(64 * 1024 + 1));
    assert_eq!(protocol_error(&wire), &too_long(65_537, 65_536));
}

#[test]
fn unfinished_messages_are_bounded_together() {
    let mut wire = Wire::publishing();
    for chunk_stream in 10..40 {
        wire.bytes(&[chunk_stream, 0, 0, 0, 0x10, 0, 0, 9, 1, 0, 0, 0]);
        wire.bytes(&[0; 128]);
        for _ in 0..6_000 {
            wire.bytes(&[0xc0 | chunk_stream]);
            wire.bytes(&[0; 128]);
        }
        if wire.session.is_closed() {
            let assembly = chunk::Error::Assembly { limit: 12 * 1024 * 1024 };
            assert_eq!(protocol_error(&wire), &ProtocolError::Chunk(assembly));
            assert!(chunk_stream >= 20, "{chunk_stream}");
            return;
        }
    }
    panic!("never");
}

#[test]
fn chunk_streams_are_bounded() {
    let mut wire = Wire::ready();
    for chunk_stream in 10..40 {
        wire.bytes(&[chunk_stream, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0]);
    }
    let error = chunk::Error::ChunkStreams { limit: 16 };
    assert_eq!(protocol_error(&wire), &ProtocolError::Chunk(error));
}

#[test]
fn headers_out_of_place_end_the_connection() {
    for (bytes, error) in [
        (vec![0x86, 0, 0, 0], chunk::Error::Fresh { chunk_stream: 6, format: 2 }),
        (vec![0xc6], chunk::Error::Fresh { chunk_stream: 6, format: 3 }),
        (vec![0x02, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0], chunk::Error::Control { kind: 1 }),
        (vec![0x02, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0], chunk::Error::Control { kind: 1 }),
        (vec![0x02, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0], chunk::Error::Control { kind: 2 }),
    ] {
        let mut wire = Wire::ready();
        wire.bytes(&bytes);
        assert_eq!(protocol_error(&wire), &ProtocolError::Chunk(error));
    }
    let mut wire = Wire::ready();
    let begin = [&[6, 0, 0, 0, 0, 1, 0, 9, 1, 0, 0, 0][..], &[0; 128]].concat();
    wire.bytes(&[begin.clone(), begin].concat());
    assert_eq!(protocol_error(&wire), &ProtocolError::Chunk(chunk::Error::Interrupted { chunk_stream: 6 }));
}

#[test]
fn commands_are_counted() {
    let mut wire = Wire::ready();
    wire.connect("live");
    for _ in 0..60 {
        wire.command(0, "ping", 2.0, &[Value::Null]);
    }
    assert_eq!(protocol_error(&wire), &ProtocolError::Commands);
    let results = wire.commands().len();
    assert!(results <= 50, "{results}");

    let mut wire = Wire::publishing();
    for round in 0..10 {
        for _ in 0..40 {
            wire.command(0, "ping", 2.0, &[Value::Null]);
        }
        wire.message(MessageKind::AUDIO, round * 1_000, 1, &[]);
        wire.wait(std::time::Duration::from_secs(1));
        assert_eq!(wire.closed(), None, "{round}");
    }
}

#[test]
fn message_streams_are_bounded() {
    let mut wire = Wire::ready();
    wire.connect("live");
    for _ in 0..9 {
        wire.command(0, "createStream", 2.0, &[Value::Null]);
    }
    assert_eq!(protocol_error(&wire), &ProtocolError::Streams);
}

#[test]
fn connecting_twice_or_to_nowhere_is_refused() {
    let mut wire = Wire::connected("live");
    wire.connect("live");
    assert_eq!(protocol_error(&wire), &ProtocolError::Connect);
    let mut wire = Wire::ready();
    wire.command(0, "connect", 1.0, &[Value::Null]);
    assert_eq!(protocol_error(&wire), &ProtocolError::Connect);
}

#[test]
fn what_is_sent_ahead_of_a_decision_is_kept_up_to_a_bound() {
    let mut wire = Wire::connected("live");
    let request = wire.publish("key");
    wire.message(MessageKind::VIDEO, 0, 1, &video_header());
    wire.message(MessageKind::VIDEO, 0, 1, &video_body(0));
    assert!(wire.events.is_empty(), "nothing happens before the decision");
    wire.session.accept_publish(wire.now, request);
    wire.poll();
    assert!(matches!(wire.events[..], [Event::Track(_), Event::Frame(_)]), "{:?}", wire.events);

    let mut wire = Wire::connected("live");
    let _request = wire.publish("key");
    for _ in 0..65 {
        wire.bytes(&[0; 1024]);
    }
    assert_eq!(protocol_error(&wire), &ProtocolError::Impatient);
}

#[test]
fn media_of_who_was_not_let_in_mean_nothing() {
    for mut wire in [Wire::ready(), Wire::connected("live"), Wire::playing()] {
        wire.events.clear();
        wire.message(MessageKind::VIDEO, 0, 1, &video_header());
        wire.message(MessageKind::AGGREGATE, 0, 1, &[9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert!(wire.events.is_empty());
    }
}

#[test]
fn a_flood_of_pings_is_answered_once_each() {
    let mut wire = Wire::ready();
    let before = wire.transmitted;
    let mut flood = vec![0x02, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0];
    for _ in 0..9_000 {
        flood.extend([0xc2, 0, 6, 0, 0, 0, 0]);
    }
    wire.bytes(&flood);
    assert!(wire.transmitted - before <= 3 * flood.len());
}

#[test]
fn a_tiny_window_is_acknowledged_once_an_input() {
    let mut wire = Wire::ready();
    wire.message(MessageKind::WINDOW_ACK_SIZE, 0, 0, &1u32.to_be_bytes());
    wire.answers.clear();
    let empty = [4, 0, 0, 0, 0, 0, 0, 8, 1, 0, 0, 0];
    wire.bytes(&[&empty[..], &[0xc4; 5_000]].concat());
    assert_eq!(wire.answers.len(), 1);
}

/// What an encoder sends from the handshake on, and after it was let in.
fn conversation() -> (Vec<u8>, Vec<u8>) {
    let mut before = vec![3];
    before.resize(1 + 2 * 1536, 0);
    let connect = Object::new().with("app", "live").with("tcUrl", "rtmp://h/live");
    for (stream, body) in [
        (0, command_body("connect", 1.0, &[connect.into()])),
        (0, command_body("releaseStream", 2.0, &[Value::Null, "key".into()])),
        (0, command_body("createStream", 4.0, &[Value::Null])),
        (1, command_body("publish", 5.0, &[Value::Null, "key".into(), "live".into()])),
    ] {
        before.extend(message_bytes(MessageKind::COMMAND_AMF0, 0, stream, &body));
    }
    let mut after = Vec::new();
    let metadata = [Value::from("onMetaData"), Value::EcmaArray(Object::new().with("width", 1280.0))];
    let mut body = BytesMut::new();
    metadata.iter().for_each(|value| value.encode(&mut body));
    for (kind, body) in [
        (MessageKind::DATA_AMF0, body.to_vec()),
        (MessageKind::VIDEO, video_header()),
        (MessageKind::AUDIO, audio_header()),
        (MessageKind::VIDEO, video_body(0)),
        (MessageKind::AUDIO, vec![0xaf, 1, 0x21, 0x10]),
    ] {
        after.extend(message_bytes(kind, 40, 1, &body));
    }
    (before, after)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn mutated_conversations_end_or_go_on(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..8),
        step in 1..5_000usize,
    ) {
        let (before, after) = conversation();
        let split = before.len();
        let mut bytes = [before, after].concat();
        for (at, byte, after_handshake) in edits {
            let start = if after_handshake { 3073 } else { 0 };
            let at = start + at.index(bytes.len() - start);
            bytes[at] = byte;
        }
        let mut wire = Wire::new(Config::default());
        wire.step = step;
        wire.bytes(&bytes[..split]);
        if let Some(Event::Publish(_)) = wire.events.last() {
            let request = wire.publish_request();
            wire.session.accept_publish(wire.now, request);
        }
        wire.bytes(&bytes[split..]);
        wire.wait(std::time::Duration::from_secs(60));
        prop_assert!(wire.session.is_closed());
        let closed = wire.events.iter().filter(|event| matches!(event, Event::Closed { .. })).count();
        prop_assert_eq!(closed, 1);
    }
}
