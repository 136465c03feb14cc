//! Each trap of the wire that encoders and players have set, by its number.

use std::time::Duration;

use bytes::Bytes;
use media_core::{Frame, TrackId};
use rtmp_core::amf::{Object, Value};
use rtmp_core::chunk::{Limits, Reader};
use rtmp_core::message::{Message, MessageHeader, MessageKind};
use rtmp_core::server::{Config, Event};

use crate::chunks::read;
use crate::media::{audio_header, video_body, video_header};
use crate::scribe::Scribe;
use crate::wire::{Wire, message_bytes};

fn message(kind: MessageKind, timestamp_ms: u32, body: &[u8]) -> Message {
    let header = MessageHeader { kind, timestamp_ms, stream_id: 1 };
    Message { header, body: Bytes::copy_from_slice(body) }
}

fn audio(timestamp_ms: u32, body: &[u8]) -> Message {
    message(MessageKind::AUDIO, timestamp_ms, body)
}

/// Reads whole and byte by byte, and expects the same of both.
fn read_both(bytes: &[u8]) -> Vec<Message> {
    let messages = read(bytes, &[usize::MAX]);
    assert_eq!(read(bytes, &[1]), messages);
    messages
}

fn times(bytes: &[u8]) -> Vec<u32> {
    read_both(bytes).iter().map(|message| message.header.timestamp_ms).collect()
}

fn frames(wire: &Wire) -> Vec<&Frame> {
    let mut frames = Vec::new();
    for event in &wire.events {
        if let Event::Frame(frame) = event {
            frames.push(frame);
        }
    }
    frames
}

#[test]
fn trap_1_extended_timestamps_on_continuation_chunks_are_read_present_and_absent() {
    for omit in [false, true] {
        for body in [
            vec![7; 300],
            vec![0x01; 300],
            [vec![9; 128], vec![0x01, 0x00, 0x00, 0x07], vec![9; 40]].concat(),
        ] {
            let sent = [audio(0x0100_0000, &body), audio(0x0100_0010, &[1, 2, 3])];
            let mut scribe = Scribe::new();
            scribe.omit_extended = omit;
            sent.iter().for_each(|message| scribe.message(4, message, 0));
            assert_eq!(read_both(&scribe.out), sent, "omitted: {omit}");
        }
    }
}

#[test]
fn trap_1_a_continuation_that_begins_like_the_timestamp_is_not_swallowed() {
    // The extended timestamp is left out, and what follows shares two or three bytes with it; or fewer than four bytes are left.
    for tail in [&[1u8, 0, 5, 5, 5][..], &[1, 0, 0, 7], &[1, 0, 9], &[9], &[1, 9]] {
        let body = [&[9; 128][..], tail].concat();
        let mut bytes = vec![0x04, 0xff, 0xff, 0xff, 0, 0, body.len() as u8, 8, 1, 0, 0, 0, 1, 0, 0, 0];
        bytes.extend(&body[..128]);
        bytes.push(0xc4);
        bytes.extend(tail);
        let next = [0x04, 0, 0, 1, 0, 0, 1, 8, 1, 0, 0, 0, 0xaa];
        bytes.extend(next);
        assert_eq!(read_both(&bytes), [audio(0x0100_0000, &body), audio(1, &[0xaa])], "{tail:?}");
    }
}

#[test]
fn trap_1_a_message_that_begins_with_type_3_always_has_its_extended_timestamp() {
    let bytes = [
        &[0x04, 0xff, 0xff, 0xff, 0, 0, 1, 8, 1, 0, 0, 0, 1, 0, 0, 0, 0xaa][..],
        &[0xc4, 1, 0, 0, 0x20, 0xbb],
    ];
    assert_eq!(times(&bytes.concat()), [0x0100_0000, 0x0100_0020]);
}

#[test]
fn trap_2_extended_timestamps_of_types_1_and_2_are_deltas() {
    let start = [0x04, 0, 0, 100, 0, 0, 1, 8, 1, 0, 0, 0, 0xaa];
    let type_1 = [0x44, 0xff, 0xff, 0xff, 0, 0, 1, 8, 0x01, 0, 0, 0, 0xbb];
    let type_2 = [0x84, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0xcc];
    let again = [0xc4, 0x02, 0, 0, 0, 0xdd];
    let times = times(&[&start[..], &type_1, &type_2, &again].concat());
    assert_eq!(times, [100, 0x0100_0064, 0x0300_0064, 0x0500_0064]);
}

#[test]
fn trap_2_a_message_that_begins_with_type_3_repeats_the_delta() {
    // FMLE's audio: one type 1 header, then C4 bytes.
    let fmle = [
        &[0x04, 0, 0, 100, 0, 0, 1, 8, 1, 0, 0, 0, 1][..],
        &[0x44, 0, 0, 23, 0, 0, 1, 8, 2],
        &[0xc4, 3, 0xc4, 4],
    ];
    assert_eq!(times(&fmle.concat()), [100, 123, 146, 169]);
    // After a type 0 header its timestamp is the delta: what ffmpeg sends when both are 40.
    let ffmpeg = [&[0x04, 0, 0, 40, 0, 0, 1, 8, 1, 0, 0, 0, 1][..], &[0xc4, 2]];
    assert_eq!(times(&ffmpeg.concat()), [40, 80]);
}

#[test]
fn trap_3_the_last_three_byte_timestamp_is_extended() {
    for time in [0xff_fffe, 0xff_ffff, 0x100_0000] {
        let mut scribe = Scribe::new();
        scribe.message(4, &audio(time, &[1; 300]), 0);
        assert_eq!(scribe.out[1..4] == [0xff; 3], time >= 0xff_ffff);
        assert_eq!(times(&scribe.out), [time]);
    }
    let wire = publish_at(0xff_ffff);
    assert_eq!(frames(&wire)[0].dts.0, 16_777_215_000);
}

/// A publisher that sent its headers and a key frame at a time.
fn publish_at(timestamp_ms: u32) -> Wire {
    let mut wire = Wire::publishing();
    wire.message(MessageKind::VIDEO, timestamp_ms, 1, &video_header());
    wire.message(MessageKind::VIDEO, timestamp_ms, 1, &video_body(0));
    wire
}

#[test]
fn trap_4_deltas_carry_timestamps_over_the_wrap() {
    let sent = [audio(u32::MAX - 20, &[1]), audio(2, &[2]), audio(25, &[3])];
    for most in 0..=3 {
        let mut scribe = Scribe::new();
        sent.iter().for_each(|message| scribe.message(4, message, most));
        assert_eq!(read_both(&scribe.out), sent);
    }
    let wire = publish_at(u32::MAX);
    assert_eq!(frames(&wire)[0].dts.0, i64::from(u32::MAX) * 1000, "raw, for the timeline to unwrap");
}

#[test]
fn trap_5_negative_deltas_and_backward_jumps_are_followed() {
    let sent = [audio(1000, &[1]), audio(990, &[2]), audio(0, &[3]), audio(1013, &[4])];
    for most in 0..=3 {
        let mut scribe = Scribe::new();
        sent.iter().for_each(|message| scribe.message(4, message, most));
        assert_eq!(read_both(&scribe.out), sent);
    }
    let mut wire = publish_at(5000);
    wire.message(MessageKind::VIDEO, 10, 1, &video_body(0));
    let dts: Vec<_> = frames(&wire).iter().map(|frame| frame.dts.0).collect();
    assert_eq!((dts, wire.closed()), (vec![5_000_000, 10_000], None));
}

#[test]
fn trap_6_composition_time_is_signed() {
    let mut wire = publish_at(100);
    wire.message(MessageKind::VIDEO, 133, 1, &video_body(-34));
    let frames = frames(&wire);
    assert_eq!(frames.iter().map(|frame| frame.pts.since(frame.dts)).collect::<Vec<_>>(), [0, -34_000]);
}

#[test]
fn trap_7_acknowledgements_count_all_bytes() {
    let mut wire = Wire::publishing();
    wire.message(MessageKind::WINDOW_ACK_SIZE, 0, 0, &100_000u32.to_be_bytes());
    let body = vec![0; 30_000];
    for _ in 0..10 {
        wire.message(MessageKind::AUDIO, 0, 1, &body);
    }
    let acks = acknowledgements(&wire);
    assert_eq!(acks.len(), 5, "twice a window: {acks:?}");
    assert!(acks.is_sorted() && acks[4] > 280_000, "totals, not differences: {acks:?}");
}

#[test]
fn trap_7_a_peer_that_names_no_window_is_acknowledged_by_default() {
    let mut wire = Wire::publishing();
    let body = vec![0; 30_000];
    for _ in 0..100 {
        wire.message(MessageKind::AUDIO, 0, 1, &body);
    }
    assert_eq!(acknowledgements(&wire).len(), 2);
}

fn acknowledgements(wire: &Wire) -> Vec<u32> {
    let acks = wire.answers.iter().filter(|message| message.header.kind == MessageKind::ACKNOWLEDGEMENT);
    acks.map(|message| u32::from_be_bytes(message.body[..].try_into().expect("four bytes"))).collect()
}

#[test]
fn trap_9_metadata_comes_wrapped_bare_repeated_wrong_or_not_at_all() {
    let object = Object::new()
        .with("width", 0.0)
        .with("videocodecid", "avc1")
        .with("list", Value::Array(vec![1.0.into()]));
    let bare = ["onMetaData".into(), Value::EcmaArray(object)];
    let mut wire = Wire::publishing();
    for values in
        [&bare[..], &[&["@setDataFrame".into()][..], &bare].concat(), &bare, &["@setDataFrame".into()]]
    {
        let mut body = bytes::BytesMut::new();
        values.iter().for_each(|value: &Value| value.encode(&mut body));
        wire.message(MessageKind::DATA_AMF0, 0, 1, &body);
        wire.message(MessageKind::DATA_AMF3, 0, 1, &[&[0], &body[..]].concat());
    }
    wire.message(MessageKind::VIDEO, 0, 1, &video_header());
    wire.message(MessageKind::VIDEO, 0, 1, &video_body(0));
    let metadata = wire.events.iter().filter(|event| matches!(event, Event::Metadata(_))).count();
    assert_eq!((metadata, frames(&wire).len(), wire.closed()), (6, 1, None));
}

#[test]
fn trap_15_the_key_and_its_parameters_are_found_wherever_they_stand() {
    for (app, tc_url, name) in [
        ("live", "rtmp://h/live", "key?token=a%2Bb"),
        ("live?vhost=x&token=a%2Bb", "rtmp://h/live?vhost=x&token=a%2Bb", "key"),
        ("live", "rtmp://h/live?token=a%2Bb", "key"),
        ("", "rtmp://h", "live/key?token=a%2Bb"),
        ("live", "rtmp://h/live", "key%3Ftoken%3Da%2Bb"),
        ("live/key", "rtmp://h/live/key?token=a%2Bb", ""),
    ] {
        let mut wire = Wire::ready();
        wire.command(0, "connect", 1.0, &[Object::new().with("app", app).with("tcUrl", tc_url).into()]);
        let request = wire.publish(name);
        assert_eq!((&*request.target.app, request.target.key.expose()), ("live", "key"), "{app} {name}");
        assert_eq!(request.target.params.get("token"), Some("a+b"), "{app} {name}");
        let printed = format!("{request:?}");
        assert!(!printed.contains("key") || printed.contains("key: StreamKey(…)"), "{printed}");
        assert!(!printed.contains("a+b") && !printed.contains("a%2Bb"), "{printed}");
    }
}

#[test]
fn trap_17_the_chunk_size_changes_between_chunks_of_interleaved_messages() {
    let (first, second) = (audio(10, &[1; 700]), message(MessageKind::VIDEO, 20, &[2; 700]));
    let mut scribe = Scribe::new();
    let mut one = scribe.begin(4, &first, 0);
    let mut two = scribe.begin(6, &second, 0);
    scribe.set_chunk_size(1);
    assert!(!scribe.go_on(&mut one));
    scribe.set_chunk_size(65_536);
    assert!(scribe.go_on(&mut two) && scribe.go_on(&mut one));
    assert_eq!(read_both(&scribe.out), [second, first]);
}

#[test]
fn trap_17_an_aborted_message_is_forgotten() {
    let mut scribe = Scribe::new();
    scribe.begin(4, &audio(10, &[1; 700]), 0);
    let abort = MessageHeader { kind: MessageKind::ABORT, timestamp_ms: 0, stream_id: 0 };
    scribe.message(2, &Message { header: abort, body: Bytes::from_static(&[0, 0, 0, 4]) }, 0);
    let next = audio(11, &[3; 5]);
    scribe.message(4, &next, 1);
    assert_eq!(read_both(&scribe.out), [next]);
    let mut reader = Reader::new(Limits::default());
    reader.read(&mut &scribe.out[..140]).expect("valid");
    assert_eq!(reader.held(), 700);
    assert_eq!(reader.read(&mut &scribe.out[140..156]), Ok(None));
    assert_eq!(reader.held(), 0);
}

#[test]
fn trap_17_amf3_commands_are_obeyed() {
    let mut wire = Wire::connected("live");
    let body = crate::wire::command_body("publish", 5.0, &[Value::Null, "key".into(), "live".into()]);
    wire.message(MessageKind::COMMAND_AMF3, 0, 1, &[&[0], &body[..]].concat());
    assert_eq!(wire.publish_request().target.key.expose(), "key");
}

#[test]
fn trap_17_aggregates_are_taken_apart() {
    let tag = |kind: u8, time: u8, body: &[u8]| {
        let len = body.len() as u8;
        [&[kind, 0, 0, len, 0, 0, time, 0, 0, 0, 0][..], body, &[0, 0, 0, len + 11]].concat()
    };
    let mut wire = Wire::publishing();
    let parts = [
        tag(9, 5, &video_header()),
        tag(8, 5, &audio_header()),
        tag(9, 5, &video_body(0)),
        tag(9, 38, &video_body(0)),
    ];
    wire.message(MessageKind::AGGREGATE, 1000, 1, &parts.concat());
    let dts: Vec<_> = frames(&wire).iter().map(|frame| frame.dts.0).collect();
    assert_eq!(dts, [1_000_000, 1_033_000]);
}

#[test]
fn trap_17_a_handshake_in_one_write_with_the_commands_behind_it() {
    for step in [1, 1000, usize::MAX] {
        let mut wire = Wire::new(Config::default());
        wire.step = step;
        let mut bytes = vec![3];
        bytes.resize(1 + 2 * 1536, 0xee);
        let connect = Object::new().with("app", "live");
        let body = crate::wire::command_body("connect", 1.0, &[connect.into()]);
        bytes.extend(message_bytes(MessageKind::COMMAND_AMF0, 0, 0, &body));
        wire.bytes(&bytes);
        assert!(wire.has_result(1.0), "{step}");
    }
}

#[test]
fn trap_17_type_1_on_a_fresh_chunk_stream_is_librtmps_ping() {
    let ping = [0x42, 0, 0, 0, 0, 0, 6, 4, 0, 6, 0, 0, 0, 9];
    let mut wire = Wire::ready();
    wire.bytes(&ping);
    assert_eq!(wire.answers.last().map(|answer| &answer.body[..]), Some(&[0, 7, 0, 0, 0, 9][..]));
}

#[test]
fn trap_18_hevc_under_the_number_of_its_old_encoders() {
    let mut wire = Wire::publishing();
    wire.message(MessageKind::VIDEO, 0, 1, &[0x1c, 0, 0, 0, 0, 1]);
    assert_eq!(wire.closed(), None, "a bad header costs itself");
}

#[test]
fn media_on_another_message_stream_are_those_of_the_one_publisher() {
    let mut wire = Wire::publishing();
    wire.message(MessageKind::VIDEO, 0, 0, &video_header());
    wire.message(MessageKind::VIDEO, 0, 7, &video_body(0));
    assert_eq!(frames(&wire)[0].track, TrackId::video(0));
    wire.wait(Duration::from_secs(1));
}
