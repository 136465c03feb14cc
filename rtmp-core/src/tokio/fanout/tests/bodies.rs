//! FLV over HTTP.

use std::task::{Context, Waker};

use super::stream::*;
use super::*;
use crate::flv::file::{Item, Reader};
use crate::flv::{Demuxer, Media};

const FLV: Wire = Wire::Flv { form: WireForm::Legacy };

/// What a body has now.
fn ready(body: &mut Body) -> Vec<Bytes> {
    let mut context = Context::from_waker(Waker::noop());
    let mut pieces = Vec::new();
    while let std::task::Poll::Ready(Some(bytes)) = body.poll_next(&mut context) {
        pieces.push(bytes);
    }
    pieces
}

/// The decode times of the frames in an FLV stream, in milliseconds.
fn frames(stream: &[u8]) -> Vec<i64> {
    let mut reader = Reader::default();
    reader.push(stream);
    let mut demuxer = Demuxer::default();
    let mut times = Vec::new();
    while let Some(item) = reader.poll().unwrap() {
        let Item::Tag { kind, timestamp_ms, body } = item else { continue };
        times.extend(demuxer.push(kind, timestamp_ms, body).filter_map(|media| match media {
            Media::Frame(frame) => Some(frame.dts.0 / 1000),
            _ => None,
        }));
    }
    times
}

/// A stream whose pictures a demuxer accepts.
fn picture(stream: &mut Stream, ms: i64, keyframe: bool) {
    use media_core::{Frame, Timestamp};
    let unit = if keyframe { fixtures::AVC_IDR } else { fixtures::AVC_SLICE };
    let data = fixtures::prefixed(&[unit]);
    stream.publisher.frame(Frame { track: VIDEO, dts: Timestamp(ms), pts: Timestamp(ms), keyframe, data });
}

#[test]
fn a_body_is_an_flv_stream_from_the_newest_key_frame_on() {
    run(async {
        let mut stream = Stream::new();
        for n in 0..5 {
            picture(&mut stream, n * 40, n % 3 == 0);
        }
        let fanout = Fanout::new(stream.broadcast.clone(), FLV, config());
        let mut body = fanout.body();
        let mut got = body.next().await.unwrap().to_vec();
        assert_eq!(got[..13], *b"FLV\x01\x05\0\0\0\x09\0\0\0\0");
        settle().await;
        picture(&mut stream, 200, false);
        tick().await;
        got.extend(ready(&mut body).concat());
        assert_eq!(frames(&got), [120, 160, 200]);
        stream.publisher.end();
        tick().await;
        assert_eq!((body.next().await, body.end()), (None, Some(End::StreamEnded)));
        assert_eq!(fanout.stats().audience, 1);
        drop(body);
        assert_eq!(fanout.stats().audience, 0);
    });
}

#[test]
fn a_body_ends_where_the_encoder_came_back_with_what_its_form_does_not_carry() {
    run(async {
        let mut stream = Stream::new();
        picture(&mut stream, 0, true);
        let fanout = Fanout::new(stream.broadcast.clone(), FLV, config());
        let mut body = fanout.body();
        tick().await;
        let mut got = ready(&mut body);
        picture(&mut stream, 40, false);
        stream.publisher.tracks(tracks(Codec::Hevc).into());
        stream.sound(80);
        tick().await;
        got.extend(ready(&mut body));
        assert_eq!(body.end(), Some(End::CodecsChanged));
        assert_eq!(frames(&got.concat())[..2], [0, 40], "what came before is not lost");
        // Somebody else made do with the new form; the encoder is back with the old codec.
        stream.publisher.tracks(tracks(Codec::H264).into());
        picture(&mut stream, 120, true);
        tick().await;
        let mut again = fanout.body();
        assert_eq!(frames(&ready(&mut again).concat()), [120]);
    });
}

#[test]
fn bodies_share_their_bytes() {
    run(async {
        let mut stream = Stream::new();
        picture(&mut stream, 0, true);
        let fanout = Fanout::new(stream.broadcast.clone(), FLV, config());
        let mut bodies = [fanout.body(), fanout.body()];
        tick().await;
        let [one, two] = bodies.each_mut().map(ready);
        assert_eq!(
            one.iter().map(|piece| piece.as_ptr()).collect::<Vec<_>>(),
            two.iter().map(|piece| piece.as_ptr()).collect::<Vec<_>>()
        );
    });
}

#[test]
fn a_body_that_is_not_read_keeps_no_more_than_the_ring_and_ends_the_second_time() {
    run(async {
        let mut stream = Stream::new();
        picture(&mut stream, 0, true);
        let mut config = config();
        config.bounds.max_bytes = 2_000;
        let fanout = Fanout::new(stream.broadcast.clone(), FLV, config);
        let mut body = fanout.body();
        tick().await;
        let mut got = vec![body.next().await.unwrap()];
        let fall = |from: i64| {
            let mut publish = Vec::new();
            for n in from..from + 200 {
                publish.push((n * 40, n % 10 == 0));
            }
            publish
        };
        for (ms, key) in fall(1) {
            picture(&mut stream, ms, key);
            tick().await;
        }
        assert!(fanout.stats().retained_bytes <= 2_000 + 500);
        got.extend(ready(&mut body));
        let times = frames(&got.concat());
        assert!(
            times.first().is_some_and(|first| first % 400 == 0) && times.last() == Some(&8_000),
            "{times:?}"
        );
        for (ms, key) in fall(201) {
            picture(&mut stream, ms, key);
            tick().await;
        }
        ready(&mut body);
        assert_eq!(body.end(), Some(End::TooSlow));
    });
}

#[test]
fn a_body_that_nobody_reads_does_not_keep_the_ring_full() {
    run(async {
        let mut stream = Stream::new();
        picture(&mut stream, 0, true);
        let mut config = config();
        config.bounds.max_age = Duration::from_secs(2);
        let fanout = Fanout::new(stream.broadcast.clone(), FLV, config);
        let mut body = fanout.body();
        body.next().await.unwrap();
        let mut one_gop = 0;
        for n in 1..200 {
            picture(&mut stream, n * 40, n % 25 == 0);
            tick().await;
            one_gop = if n == 24 { fanout.stats().retained_bytes } else { one_gop };
        }
        let held = fanout.stats().retained_bytes;
        assert!(held <= one_gop * 3 / 2, "{held} bytes, where a group of pictures has {one_gop}");
        drop(body);
    });
}
