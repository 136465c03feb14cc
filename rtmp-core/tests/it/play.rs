//! What a player gets, and what its commands do.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use media_core::{Codec, Timescale, Track, TrackId};
use rtmp_core::amf::{Object, Value};
use rtmp_core::chunk::{Chunking, DEFAULT_CHUNK_SIZE, Limits, Reader, write_message};
use rtmp_core::flv::WireForm;
use rtmp_core::message::{MessageHeader, MessageKind};
use rtmp_core::server::{Ending, Event, PlayNotice, PlayStart};
use rtmp_core::{Capabilities, CloseReason};

use crate::media::{audio_track, video_track};
use crate::wire::{Wire, values};

#[test]
fn playing_begins_with_stream_begin_reset_start_and_sample_access() {
    let mut wire = Wire::connected("play");
    let request = wire.play("stream?token=t");
    assert_eq!((request.target.key.expose(), request.stream_id), ("stream", 1));
    wire.answers.clear();
    let mut start = PlayStart::default();
    start.metadata = Some(Bytes::from_static(&[2, 0, 1, b'm']));
    wire.session.accept_play(wire.now, request, &start);
    wire.poll();
    let kinds: Vec<_> = wire.answers.iter().map(|answer| answer.header.kind.0).collect();
    assert_eq!(kinds, [4, 20, 20, 18, 18]);
    assert_eq!(wire.answers[0].body[..], [0, 0, 0, 0, 0, 1]);
    assert_eq!(wire.codes(), ["NetStream.Play.Reset", "NetStream.Play.Start"]);
    assert_eq!(
        values(&wire.answers[3].body),
        ["|RtmpSampleAccess".into(), true.into(), Value::Boolean(true)]
    );
    assert!(wire.answers[1..].iter().all(|answer| answer.header.stream_id == 1));
}

#[test]
fn a_fan_outs_bytes_and_the_sessions_own_can_alternate() {
    let mut wire = Wire::playing();
    let mut shared = BytesMut::new();
    let header = MessageHeader { kind: MessageKind::VIDEO, timestamp_ms: 0x0100_0000, stream_id: 1 };
    let body = vec![5; 200_000];
    let chunking = Chunking { chunk_stream: 6, chunk_size: DEFAULT_CHUNK_SIZE };
    write_message(&header, &[&body], chunking, &mut shared);

    // The player's side: it was told the chunk size in the answer to connect.
    let mut player = Reader::new(Limits::default());
    let size = [2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0xea, 0x60];
    assert_eq!(player.read(&mut &size[..]), Ok(None));
    for _ in 0..3 {
        assert_eq!(player.read(&mut &shared[..]).expect("valid").expect("whole").body, body);
        let ping = {
            wire.now += Duration::from_secs(31);
            wire.session.handle_timeout(wire.now);
            match wire.session.poll_output() {
                rtmp_core::Output::Transmit(bytes) => bytes,
                other => panic!("{other:?}"),
            }
        };
        let ping = player.read(&mut &ping[..]).expect("valid").expect("whole");
        assert_eq!(ping.header.kind, MessageKind::USER_CONTROL);
    }
}

#[test]
fn pause_and_kinds_are_reported_and_seek_is_refused_politely() {
    let mut wire = Wire::playing();
    wire.answers.clear();
    let null = Value::Null;
    wire.command(1, "pause", 0.0, &[null.clone(), true.into(), 1000.0.into()]);
    wire.command(1, "pauseRaw", 0.0, &[null.clone(), false.into(), 1000.0.into()]);
    wire.command(1, "receiveAudio", 0.0, &[null.clone(), false.into()]);
    wire.command(1, "receiveVideo", 0.0, &[null.clone(), false.into()]);
    wire.command(1, "seek", 0.0, &[null, 5000.0.into()]);
    let events = std::mem::take(&mut wire.events);
    assert!(
        matches!(
            events[..],
            [Event::Pause(true), Event::Pause(false), Event::ReceiveAudio(false), Event::ReceiveVideo(false)]
        ),
        "{events:?}"
    );
    assert_eq!(wire.codes(), ["NetStream.Pause.Notify", "NetStream.Unpause.Notify", "NetStream.Seek.Failed"]);
    assert!(!wire.session.is_closed());
}

#[test]
fn notices_are_the_same_from_the_session_and_for_all() {
    for notice in [PlayNotice::Published, PlayNotice::Unpublished] {
        let mut wire = Wire::playing();
        wire.answers.clear();
        wire.session.notify(wire.now, notice);
        wire.poll();
        let mut reader = Reader::new(Limits::default());
        let shared = reader.read(&mut &notice.to_bytes(1)[..]).expect("valid");
        // The test's reader of shared bytes stands at 128 bytes, so only a notice within that is read; both are one chunk.
        assert_eq!(shared, wire.answers.pop());
    }
}

#[test]
fn a_player_is_ended_by_either_side() {
    let mut wire = Wire::playing();
    wire.command(0, "deleteStream", 0.0, &[Value::Null, Value::Number(1.0)]);
    assert_eq!(wire.closed(), Some(&CloseReason::Finished));
    let mut wire = Wire::playing();
    wire.session.end(wire.now, Ending::StreamEnded);
    wire.poll();
    assert_eq!(wire.codes().last().map(String::as_str), Some("NetStream.Play.Stop"));
    assert_eq!(wire.closed(), Some(&CloseReason::Ended(Ending::StreamEnded)));
}

#[test]
fn a_quiet_player_is_pinged_and_kept() {
    let mut wire = Wire::playing();
    wire.answers.clear();
    wire.wait(Duration::from_secs(95));
    assert_eq!(wire.answers.len(), 3);
    assert_eq!(wire.closed(), None);
}

#[test]
fn reconnecting_is_asked_only_of_those_who_can() {
    let mut wire = Wire::playing();
    assert!(!wire.session.request_reconnect(wire.now, None));
    let mut wire = Wire::ready();
    let object = Object::new().with("app", "live").with("capsEx", 1.0);
    wire.command(0, "connect", 1.0, &[object.into()]);
    assert!(wire.session.request_reconnect(wire.now, Some("rtmp://other/live")));
    wire.poll();
    let (name, _, values) = wire.commands().pop().expect("a command");
    let info = values[1].as_object().expect("information");
    assert_eq!((name.as_str(), info.text("tcUrl")), ("onStatus", Some("rtmp://other/live")));
    assert_eq!(info.text("code"), Some("NetConnection.Connect.ReconnectRequest"));
}

#[test]
fn the_wire_form_follows_what_a_player_announced() {
    let legacy = Capabilities::default();
    let all = Capabilities::all();
    let mut single = all;
    single.multitrack = false;
    let opus_head = [b"OpusHead" as &[u8], &[1, 2, 0x38, 0x01, 0x80, 0xbb, 0, 0, 0, 0, 0]].concat();
    let opus = Track::from_config(TrackId::audio(0), Codec::Opus, Timescale::MICROS, opus_head.into())
        .expect("valid");
    let plain = [video_track(), audio_track(0)];
    let modern = [video_track(), opus.clone()];
    let many = [video_track(), audio_track(0), audio_track(1)];
    for (peer, tracks, form) in [
        (legacy, &plain[..], Some(WireForm::Legacy)),
        (all, &plain, Some(WireForm::Legacy)),
        (legacy, &modern, None),
        (legacy.with(Codec::Opus), &modern, Some(WireForm::Enhanced)),
        (legacy.with(Codec::Av1), &modern, None),
        (all, &modern, Some(WireForm::Enhanced)),
        (legacy, &many, Some(WireForm::Legacy)),
        (single, &many, Some(WireForm::Legacy)),
        (all, &many, Some(WireForm::Multitrack)),
    ] {
        assert_eq!(peer.wire_form(tracks), form, "{peer:?}");
    }
}
