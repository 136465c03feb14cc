//! Players that keep up.

use std::task::{Context, Waker};

use super::stream::*;
use super::*;

#[test]
fn a_joiner_gets_headers_and_the_group_of_pictures_at_once() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        stream.picture(40);
        stream.key(80);
        stream.sound(100);
        stream.picture(120);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        let (sink, began) = (Sink::open(), Instant::now());
        let _delivery = fanout.attach(sink.clone(), hello());
        settle().await;
        assert_eq!((kinds(&sink.written()), began.elapsed()), ("mVAksp".to_owned(), Duration::ZERO));
        // The second one does not wait for a tick either.
        let second = Sink::open();
        let _delivery = fanout.attach(second.clone(), hello());
        settle().await;
        assert_eq!((second.written(), began.elapsed()), (sink.written(), Duration::ZERO));
        let times: Vec<u32> =
            messages(&sink.written()).iter().take(3).map(|message| message.header.timestamp_ms).collect();
        assert_eq!(times, [0, 80, 80]);
        assert_eq!(fanout.stats().audience, 2);
    });
}

#[test]
fn without_a_gop_cache_a_joiner_begins_at_the_next_key_frame() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        stream.picture(40);
        let config = Config { gop_cache: false, ..config() };
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config);
        let mut joiners = Vec::new();
        for at in [80, 160] {
            let sink = Sink::open();
            let delivery = fanout.attach(sink.clone(), hello());
            let mut body = fanout.body();
            tick().await;
            assert_eq!(sink.written(), hello(), "the cached pictures are not for it");
            stream.picture(at);
            stream.key(at + 40);
            tick().await;
            assert_eq!(kinds(&sink.written()), "mVAk");
            let waited = body.poll_next(&mut Context::from_waker(Waker::noop()));
            assert!(waited.is_ready());
            joiners.push((delivery, body));
        }
    });
}

#[test]
fn a_tick_is_one_write_for_each_player() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        let sinks = [(); 10].map(|()| Sink::open());
        let deliveries = sinks.clone().map(|sink| fanout.attach(sink, hello()));
        tick().await;
        for ms in 1..=6 {
            stream.picture(ms * 33);
            stream.sound(ms * 33 + 5);
            if ms % 3 == 0 {
                tick().await;
            }
        }
        for sink in &sinks {
            assert_eq!((kinds(&sink.written()), sink.writes()), ("mVAkpspspspspsps".to_owned(), 3));
        }
        drop(deliveries);
    });
}

#[test]
fn without_a_tick_pictures_go_out_at_once_and_sound_rides_along() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let config = Config { batch: Duration::ZERO, ..config() };
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config);
        let sink = Sink::open();
        let _delivery = fanout.attach(sink.clone(), hello());
        settle().await;
        let writes = sink.writes();
        stream.sound(10);
        settle().await;
        assert_eq!(sink.writes(), writes);
        stream.picture(33);
        settle().await;
        assert_eq!((kinds(&sink.written()), sink.writes()), ("mVAksp".to_owned(), writes + 1));
        // Sound does not wait for ever for a picture that does not come.
        stream.sound(40);
        ::tokio::time::sleep(Duration::from_millis(51)).await;
        settle().await;
        assert_eq!(kinds(&sink.written()), "mVAksps");
    });
}

#[test]
fn trap_14_sound_alone_is_a_stream() {
    run(async {
        let mut stream = Stream::of(tracks(Codec::H264).split_off(1));
        stream.sound(0);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        let sink = Sink::open();
        let _delivery = fanout.attach(sink.clone(), hello());
        settle().await;
        stream.sound(23);
        stream.sound(46);
        tick().await;
        assert_eq!(kinds(&sink.written()), "mAsss");
    });
}

#[test]
fn trap_18_a_form_without_the_picture_is_no_way_to_play_the_stream() {
    run(async {
        let mut stream = Stream::of(tracks(Codec::Hevc));
        stream.key(0);
        stream.sound(5);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        let sink = Sink::open();
        let mut delivery = fanout.attach(sink.clone(), hello());
        tick().await;
        assert_eq!(kinds(&sink.written()), "mAs");
        assert_eq!(delivery.ended().await, End::CodecsChanged);
    });
}

#[test]
fn trap_13_somebody_may_begin_without_a_key_frame_after_a_while() {
    run(async {
        let mut stream = Stream::new();
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        let sink = Sink::open();
        let _delivery = fanout.attach(sink.clone(), hello());
        for n in 0..200 {
            stream.picture(n * 40);
            tick().await;
        }
        let times = times(&sink.written());
        assert!(times.first().is_some_and(|first| (3_000..7_000).contains(first)), "{times:?}");
        assert_eq!(times.last(), Some(&(199 * 40)));
    });
}

#[test]
fn new_headers_stand_before_the_first_frame_they_apply_to() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        let sink = Sink::open();
        let _delivery = fanout.attach(sink.clone(), hello());
        tick().await;
        stream.publisher.pause();
        tick().await;
        stream.publisher.resume();
        let mut changed = tracks(Codec::H264);
        changed[0].config = [&changed[0].config[..], &[0]].concat().into();
        stream.publisher.tracks(changed.into());
        tick().await;
        let joiner = Sink::open();
        let _joiner = fanout.attach(joiner.clone(), hello());
        tick().await;
        assert_eq!(kinds(&joiner.written()), "", "nothing to begin with since the encoder came back");
        stream.key(100);
        stream.picture(140);
        tick().await;
        assert_eq!(kinds(&sink.written()), "mVAkmVAkp");
        assert_eq!(kinds(&joiner.written()), "mVAkp");
    });
}

#[test]
fn pausing_holds_the_media_back_and_goes_on_at_the_newest_key_frame() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        let sink = Sink::open();
        let delivery = fanout.attach(sink.clone(), hello());
        tick().await;
        delivery.pause(true);
        settle().await;
        stream.picture(40);
        tick().await;
        delivery.send(answer(1));
        settle().await;
        assert_eq!(kinds(&sink.written()), "mVAkc");
        delivery.pause(false);
        tick().await;
        assert_eq!(times(&sink.written()), [0, 40], "nothing was missed");
        delivery.pause(true);
        for ms in [80, 120, 160, 200] {
            stream.frame(VIDEO, ms, ms == 160, 100);
        }
        tick().await;
        delivery.pause(false);
        tick().await;
        assert_eq!(times(&sink.written()), [0, 40, 160, 200]);
    });
}

#[test]
fn a_long_pause_is_no_fall() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let fanout = Fanout::new(
            stream.broadcast.clone(),
            rtmp(WireForm::Legacy),
            Config { max_falls: 1, ..config() },
        );
        let sink = Sink::open();
        let delivery = fanout.attach(sink.clone(), hello());
        tick().await;
        delivery.pause(true);
        for n in 1..1000 {
            stream.frame(VIDEO, n * 100, n % 50 == 0, 100);
            tick().await;
        }
        assert!(fanout.stats().retained_bytes < 20_000, "a pause keeps nothing: {:?}", fanout.stats());
        delivery.pause(false);
        tick().await;
        assert_eq!(times(&sink.written())[..3], [0, 95_000, 95_100]);
    });
}

#[test]
fn receive_audio_and_video_leave_whole_messages_out() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        let sink = Sink::open();
        let delivery = fanout.attach(sink.clone(), hello());
        tick().await;
        let mut ms = 0;
        let mut some = |stream: &mut Stream, key: bool| {
            for n in 0..4 {
                ms += 10;
                stream.frame(VIDEO, ms, key && n == 2, 50);
                stream.sound(ms);
            }
        };
        delivery.receive_audio(false);
        settle().await;
        some(&mut stream, false);
        tick().await;
        assert_eq!(kinds(&sink.written()), "mVAkpppp");
        delivery.receive_audio(true);
        delivery.receive_video(false);
        settle().await;
        some(&mut stream, true);
        tick().await;
        assert_eq!(kinds(&sink.written()), "mVAkppppssss");
        delivery.receive_video(true);
        settle().await;
        some(&mut stream, true);
        tick().await;
        assert_eq!(kinds(&sink.written()), "mVAkppppssssssksps", "from the key frame on");
    });
}

#[test]
fn the_end_of_the_stream_comes_after_its_last_message() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        let sink = Sink::open();
        let mut delivery = fanout.attach(sink.clone(), hello());
        settle().await;
        stream.picture(40);
        stream.publisher.end();
        assert_eq!(delivery.ended().await, End::StreamEnded);
        assert_eq!(kinds(&sink.written()), "mVAkp");
        delivery.send(answer(1));
        delivery.finish().await;
        assert_eq!(kinds(&sink.written()), "mVAkpc");
        assert!(sink.is_shut());
        settle().await;
        assert_eq!(fanout.stats().audience, 0);
        // Somebody who comes after the end hears so.
        let mut late = fanout.attach(Sink::open(), hello());
        assert_eq!(late.ended().await, End::StreamEnded);
    });
}

#[test]
fn leaving_frees_the_place_and_the_stream_is_followed_only_while_somebody_is_there() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        settle().await;
        assert_eq!(stream.broadcast.subscribers(), 0);
        for _ in 0..3 {
            let sink = Sink::open();
            let delivery = fanout.attach(sink.clone(), hello());
            settle().await;
            assert_eq!((kinds(&sink.written()), stream.broadcast.subscribers()), ("mVAk".to_owned(), 1));
            drop(delivery);
            for n in 1..400 {
                stream.frame(VIDEO, n * 50, true, 50);
                tick().await;
            }
            assert_eq!((fanout.stats().audience, stream.broadcast.subscribers()), (0, 0));
            assert_eq!(fanout.stats().retained_bytes, 0);
            stream.key(0);
        }
    });
}

#[test]
fn a_fan_out_without_handles_ends_with_its_last_player() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        let sink = Sink::open();
        let delivery = fanout.attach(sink.clone(), hello());
        drop(fanout);
        tick().await;
        stream.picture(40);
        tick().await;
        assert_eq!(kinds(&sink.written()), "mVAkp");
        drop(delivery);
        stream.picture(80);
        tick().await;
        stream.picture(120);
        tick().await;
        assert_eq!(stream.broadcast.subscribers(), 0);
    });
}

#[test]
fn many_players_do_not_keep_others_from_their_turn() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let config = Config { batch: Duration::ZERO, ..config() };
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config);
        let deliveries: Vec<_> = (0..5_000).map(|_| fanout.attach(Sink::open(), hello())).collect();
        for _ in 0..5 {
            tick().await;
        }
        let before = fanout.stats().sent_bytes;
        stream.picture(40);
        let mut turns = 0;
        while fanout.stats().sent_bytes < before + 5_000 * 100 {
            ::tokio::task::yield_now().await;
            turns += 1;
        }
        assert!(turns >= 60, "{turns} turns while 5,000 players were written to, 64 at a time");
        drop(deliveries);
    });
}

#[test]
fn players_spread_over_shards() {
    run(async {
        let stream = Stream::new();
        let fanout = Fanout::new(
            stream.broadcast.clone(),
            rtmp(WireForm::Legacy),
            Config { max_shards: 3, ..config() },
        );
        let deliveries: Vec<_> = (0..900).map(|_| fanout.attach(Sink::open(), hello())).collect();
        let shards: Vec<usize> = fanout.inner.shared.lock().shards().map(|(_, players)| players).collect();
        assert_eq!(shards, [300, 300, 300]);
        drop(deliveries);
    });
}

#[test]
fn a_hub_has_one_fan_out_for_each_wire_and_not_too_many() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let hub = Hub::new(stream.broadcast.clone(), config());
        let wire = rtmp(WireForm::Legacy);
        let (one, two) = (hub.fanout(wire).unwrap(), hub.fanout(wire).unwrap());
        assert!(Arc::ptr_eq(&one.inner, &two.inner));
        let sink = Sink::open();
        let other = hub.fanout(Wire::Rtmp { form: WireForm::Legacy, stream_id: 7 }).unwrap();
        let _delivery = other.attach(sink.clone(), hello());
        settle().await;
        assert!(messages(&sink.written()).iter().all(|message| message.header.stream_id == 7));
        let more: Vec<_> = (10..30)
            .filter_map(|stream_id| hub.fanout(Wire::Rtmp { form: WireForm::Legacy, stream_id }))
            .collect();
        assert_eq!(more.len(), Hub::MAX_ODD_WIRES - 1);
    });
}

#[test]
fn strangers_with_message_streams_of_their_own_do_not_use_up_the_wires() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let hub = Hub::new(stream.broadcast.clone(), config());
        let odd = |stream_id| hub.fanout(Wire::Rtmp { form: WireForm::Legacy, stream_id });
        let strangers: Vec<_> = (1000..1020).filter_map(odd).map(|fanout| fanout.body()).collect();
        for form in WireForm::ALL {
            assert!(hub.fanout(rtmp(form)).is_some() && hub.fanout(Wire::Flv { form }).is_some(), "{form:?}");
        }
        assert!(odd(7).is_none());
        drop(strangers);
        settle().await;
        assert!(odd(7).is_some(), "places are free again when those who had them are gone");
    });
}
