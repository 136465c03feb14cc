//! Trap 19: however a connection ends, it ends once and in one way; and it does end.

use std::time::Duration;

use rtmp_core::amf::Value;
use rtmp_core::message::MessageKind;
use rtmp_core::server::{Config, Ending, Event, Rejection};
use rtmp_core::{Awaited, CloseReason};

use crate::media::video_header;
use crate::wire::Wire;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The one reason for which the session closed.
fn reason(wire: &Wire) -> CloseReason {
    let closed: Vec<_> = wire.events.iter().filter(|event| matches!(event, Event::Closed { .. })).collect();
    assert_eq!(closed.len(), 1, "{closed:?}");
    assert!(matches!(wire.events.last(), Some(Event::Closed { .. })), "the last event");
    wire.closed().expect("closed").clone()
}

#[test]
fn trap_19_every_ending_is_the_same_ending() {
    type End = fn(&mut Wire);
    let orderly: [End; 4] = [
        |wire| wire.command(0, "FCUnpublish", 6.0, &[Value::Null, "key".into()]),
        |wire| wire.command(0, "deleteStream", 7.0, &[Value::Null, Value::Number(1.0)]),
        |wire| wire.command(1, "closeStream", 0.0, &[Value::Null]),
        |wire| wire.command(0, "deleteStream", 7.0, &[Value::Null]),
    ];
    for end in orderly {
        let mut wire = Wire::publishing();
        end(&mut wire);
        assert_eq!(reason(&wire), CloseReason::Finished);
        assert!(wire.codes().contains(&"NetStream.Unpublish.Success".to_owned()));
        // What follows changes nothing any more.
        orderly.iter().for_each(|end| end(&mut wire));
        wire.session.handle_eof(wire.now);
        wire.session.handle_timeout(wire.now + secs(100));
        wire.session.end(wire.now, Ending::Shutdown);
        wire.poll();
        assert_eq!(reason(&wire), CloseReason::Finished);
    }
    let mut wire = Wire::publishing();
    wire.session.handle_eof(wire.now);
    wire.poll();
    assert_eq!(reason(&wire), CloseReason::Disconnected);
}

#[test]
fn trap_19_another_stream_deleted_is_not_ours() {
    let mut wire = Wire::publishing();
    wire.command(0, "deleteStream", 7.0, &[Value::Null, Value::Number(2.0)]);
    wire.command(2, "closeStream", 0.0, &[Value::Null]);
    assert!(!wire.session.is_closed());
}

#[test]
fn trap_19_a_silent_publisher_is_half_open() {
    let mut wire = Wire::publishing();
    wire.wait(secs(9));
    wire.message(MessageKind::VIDEO, 0, 1, &video_header());
    wire.wait(secs(9));
    assert_eq!(wire.closed(), None);
    wire.wait(secs(2));
    assert_eq!(reason(&wire), CloseReason::Timeout(Awaited::Media));
}

/// The header of a video message of a megabyte, on a chunk stream of its own, whose chunks are as long as the message.
fn begin_long_message(wire: &mut Wire) {
    wire.message(MessageKind::SET_CHUNK_SIZE, 0, 0, &(1_u32 << 20).to_be_bytes());
    wire.bytes(&[0x07, 0, 0, 0, 0x10, 0, 0, 9, 1, 0, 0, 0]);
}

#[test]
fn a_publisher_that_trickles_and_completes_nothing_is_silent() {
    let mut wire = Wire::publishing();
    begin_long_message(&mut wire);
    for _ in 0..9 {
        wire.wait(secs(1));
        wire.bytes(&[0; 1_000]);
    }
    assert_eq!(wire.closed(), None);
    wire.wait(secs(1));
    assert_eq!(reason(&wire), CloseReason::Timeout(Awaited::Media));
}

#[test]
fn a_publisher_whose_uplink_takes_minutes_for_one_picture_is_not_silent() {
    let mut wire = Wire::publishing();
    begin_long_message(&mut wire);
    for _ in 0..120 {
        wire.wait(secs(1));
        // 32 kbit/s.
        wire.bytes(&[0; 4_000]);
        assert_eq!(wire.closed(), None);
    }
}

#[test]
fn a_publisher_that_only_pings_acknowledges_and_commands_is_silent() {
    let mut wire = Wire::publishing();
    for second in 0..10_u32 {
        assert_eq!(wire.closed(), None, "after {second} s");
        wire.message(MessageKind::ACKNOWLEDGEMENT, 0, 0, &second.to_be_bytes());
        wire.message(MessageKind::USER_CONTROL, 0, 0, &[0, 6, 0, 0, 0, 0]);
        wire.command(0, "FCPublish", 6.0, &[Value::Null, "key".into()]);
        wire.wait(secs(1));
    }
    assert_eq!(reason(&wire), CloseReason::Timeout(Awaited::Media));
}

#[test]
fn a_publisher_that_pauses_its_picture_is_heard_by_its_sound_or_by_empty_messages() {
    for (kind, body) in [
        (MessageKind::AUDIO, &[0xaf, 1, 0x21, 0x10][..]),
        (MessageKind::AUDIO, &[]),
        (MessageKind::VIDEO, &[]),
        (MessageKind::DATA_AMF0, &[2, 0, 1, b'x']),
    ] {
        let mut wire = Wire::publishing();
        for n in 0..10 {
            wire.wait(secs(9));
            wire.message(kind, n * 9_000, 1, body);
            assert_eq!(wire.closed(), None, "{kind:?}");
        }
    }
}

#[test]
fn a_handshake_has_five_seconds() {
    let mut wire = Wire::new(Config::default());
    wire.bytes(&[3, 0, 0]);
    wire.wait(Duration::from_millis(4_999));
    assert_eq!(wire.closed(), None);
    wire.bytes(&[0]);
    wire.wait(Duration::from_millis(1));
    assert_eq!(reason(&wire), CloseReason::Timeout(Awaited::Handshake));
}

#[test]
fn a_request_has_ten_seconds_whatever_else_is_said() {
    let mut wire = Wire::connected("live");
    for _ in 0..9 {
        wire.wait(secs(1));
        wire.command(0, "createStream", 2.0, &[Value::Null]);
        wire.command(0, "deleteStream", 0.0, &[Value::Null, Value::Number(2.0)]);
    }
    assert_eq!(wire.closed(), None);
    wire.wait(secs(1));
    assert_eq!(reason(&wire), CloseReason::Timeout(Awaited::Request));
}

#[test]
fn a_decision_has_fifteen_seconds_and_a_late_one_does_nothing() {
    let mut wire = Wire::connected("live");
    let request = wire.publish("key");
    wire.wait(secs(14));
    assert_eq!(wire.closed(), None);
    wire.wait(secs(1));
    assert_eq!(reason(&wire), CloseReason::Timeout(Awaited::Decision));
    wire.session.accept_publish(wire.now, request);
    wire.poll();
    assert!(wire.session.is_closed());
}

#[test]
fn a_wrong_key_gets_bad_name_and_a_close() {
    let mut wire = Wire::connected("live");
    let request = wire.publish("wrong");
    wire.answers.clear();
    wire.session.reject(wire.now, request, Rejection::BadName);
    wire.poll();
    assert_eq!(wire.codes(), ["NetStream.Publish.BadName"]);
    assert_eq!(reason(&wire), CloseReason::Rejected(Rejection::BadName));
}

#[test]
fn each_rejection_has_its_status() {
    for (why, publish, play) in [
        (Rejection::BadName, "NetStream.Publish.BadName", "NetStream.Play.StreamNotFound"),
        (Rejection::Busy, "NetStream.Publish.BadName", "NetStream.Play.StreamNotFound"),
        (Rejection::NotFound, "NetStream.Publish.BadName", "NetStream.Play.StreamNotFound"),
        (Rejection::Unsupported, "NetStream.Publish.BadName", "NetStream.Play.Failed"),
        (Rejection::Unavailable, "NetStream.Publish.Failed", "NetStream.Play.Failed"),
    ] {
        let mut wire = Wire::connected("live");
        let request = wire.publish("key");
        wire.session.reject(wire.now, request, why);
        wire.poll();
        assert_eq!(wire.codes().last().map(String::as_str), Some(publish));
        let mut wire = Wire::connected("play");
        let request = wire.play("stream");
        wire.session.reject(wire.now, request, why);
        wire.poll();
        assert_eq!(wire.codes().last().map(String::as_str), Some(play));
        assert_eq!(reason(&wire), CloseReason::Rejected(why));
    }
}

#[test]
fn an_accepted_publisher_can_be_ended() {
    let mut wire = Wire::publishing();
    wire.session.end(wire.now, Ending::TakenOver);
    wire.poll();
    assert_eq!(wire.codes(), ["NetStream.Publish.Denied"]);
    assert_eq!(reason(&wire), CloseReason::Ended(Ending::TakenOver));
}

#[test]
fn a_disconnect_while_deciding_is_noticed() {
    let mut wire = Wire::connected("live");
    let request = wire.publish("key");
    wire.session.handle_eof(wire.now);
    wire.session.accept_publish(wire.now, request);
    wire.poll();
    assert_eq!(reason(&wire), CloseReason::Disconnected);
}
