//! Players that do not keep up.

use proptest::prelude::*;

use super::stream::*;
use super::*;

#[test]
fn a_full_connection_is_tried_again_and_nothing_is_lost() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        let (wide, narrow) = (Sink::open(), Sink::narrow(100));
        let _deliveries = (fanout.attach(wide.clone(), hello()), fanout.attach(narrow.clone(), hello()));
        for n in 1..20 {
            stream.picture(n * 40);
            narrow.allow(70 * n as usize);
            tick().await;
        }
        narrow.allow(1 << 20);
        tick().await;
        assert_eq!(narrow.written(), wide.written());
    });
}

#[test]
fn what_the_session_says_stands_between_whole_messages() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        // Full in the middle of the key frame.
        let sink = Sink::narrow(600);
        let delivery = fanout.attach(sink.clone(), hello());
        settle().await;
        assert_eq!(sink.written().len(), 600);
        delivery.send(answer(1));
        delivery.pause(true);
        settle().await;
        sink.allow(1 << 20);
        tick().await;
        assert_eq!(kinds(&sink.written()), "mVAkc", "the message is finished, pause or not");
    });
}

#[test]
fn a_player_that_falls_off_the_ring_goes_on_at_the_newest_key_frame_and_the_second_time_is_dropped() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let mut config = config();
        config.bounds.max_bytes = 20_000;
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config);
        let sink = Sink::narrow(700);
        let mut delivery = fanout.attach(sink.clone(), hello());
        for n in 1..28 {
            stream.frame(VIDEO, n * 40, n % 10 == 0, 1_000);
            tick().await;
            sink.allow(1);
        }
        sink.allow(1 << 20);
        tick().await;
        // It fell when the twentieth frame came, with the key frame at 400 ms the newest.
        let expected: Vec<u32> = std::iter::once(0).chain((10..28).map(|n| n * 40)).collect();
        assert_eq!(times(&sink.written()), expected);

        sink.allow(0);
        for n in 28..100 {
            stream.frame(VIDEO, n * 40, n % 10 == 0, 1_000);
            tick().await;
            sink.allow(1);
        }
        assert_eq!(delivery.ended().await, End::TooSlow);
        assert_eq!(fanout.stats().audience, 0);
    });
}

#[test]
fn a_connection_that_takes_nothing_for_ten_seconds_is_dropped() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        let mut delivery = fanout.attach(Sink::narrow(10), hello());
        let began = Instant::now();
        assert_eq!(delivery.ended().await, End::Stalled);
        let waited = began.elapsed();
        assert!((Duration::from_secs(10)..Duration::from_millis(10_200)).contains(&waited), "{waited:?}");
    });
}

#[test]
fn a_connection_that_fails_is_dropped_and_the_others_go_on() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        let (bad, good) = (Sink::open(), Sink::open());
        let (mut bad_delivery, _good) =
            (fanout.attach(bad.clone(), hello()), fanout.attach(good.clone(), hello()));
        tick().await;
        bad.fail();
        stream.picture(40);
        assert_eq!(bad_delivery.ended().await, End::Io(std::io::ErrorKind::ConnectionReset));
        settle().await;
        assert_eq!(kinds(&good.written()), "mVAkp");
    });
}

#[test]
fn a_player_that_makes_the_session_talk_and_does_not_read_is_dropped() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        let (silent, reading) = (Sink::narrow(0), Sink::open());
        let mut bad = fanout.attach(silent, hello());
        let good = fanout.attach(reading.clone(), hello());
        for _ in 0..MAX_QUEUED_BYTES / 16 {
            bad.send(answer(1));
            good.send(answer(1));
            settle().await;
        }
        for _ in 0..10 {
            bad.send(answer(1));
            good.send(answer(1));
        }
        assert_eq!(bad.ended().await, End::Overflow);
        settle().await;
        assert_eq!(kinds(&reading.written()).matches('c').count(), MAX_QUEUED_BYTES / 16 + 10);
    });
}

#[test]
fn connections_without_vectored_writes_get_the_same() {
    run(async {
        let mut stream = Stream::new();
        stream.key(0);
        let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config());
        let (vectored, plain) = (Sink::open(), Sink::plain());
        let deliveries = [&vectored, &plain].map(|sink| fanout.attach(sink.clone(), hello()));
        for n in 1..10 {
            stream.frame(VIDEO, n * 40, n == 5, 50);
            deliveries[1].receive_audio(n % 2 == 0);
            tick().await;
        }
        assert_eq!(plain.written(), vectored.written());
    });
}

/// What happens to a player between two ticks.
#[derive(Clone, Copy, Debug)]
enum Act {
    Room(usize),
    Say,
    Pause(bool),
    Audio(bool),
    Video(bool),
    Key,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0usize..900).prop_map(Act::Room),
        1 => Just(Act::Say),
        1 => any::<bool>().prop_map(Act::Pause),
        1 => any::<bool>().prop_map(Act::Audio),
        1 => any::<bool>().prop_map(Act::Video),
        1 => Just(Act::Key),
    ];
    proptest::collection::vec(act, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_happens_a_player_gets_whole_messages_in_order(acts in acts()) {
        run(async {
            let mut stream = Stream::new();
            stream.key(0);
            let mut config = config();
            config.bounds.max_bytes = 6_000;
            config.max_falls = u32::MAX;
            let fanout = Fanout::new(stream.broadcast.clone(), rtmp(WireForm::Legacy), config);
            let sink = Sink::narrow(10);
            let delivery = fanout.attach(sink.clone(), hello());
            let mut said = 0;
            for (n, act) in (1..).zip(acts) {
                match act {
                    Act::Room(room) => sink.allow(room),
                    Act::Say => {
                        said += 1;
                        delivery.send(answer(said));
                    }
                    Act::Pause(paused) => delivery.pause(paused),
                    Act::Audio(receive) => delivery.receive_audio(receive),
                    Act::Video(receive) => delivery.receive_video(receive),
                    Act::Key => stream.key(n * 40 - 20),
                }
                stream.picture(n * 40);
                stream.sound(n * 40 + 1);
                tick().await;
            }
            sink.allow(1 << 20);
            tick().await;
            let bytes = sink.written();
            let messages = messages(&bytes);
            // Every byte belongs to a whole message, and messages of a kind are in order.
            let whole: usize = messages.iter().map(|message| 12 + message.body.len()).sum();
            assert_eq!(whole + hello().len(), bytes.len());
            assert!(times(&bytes).is_sorted(), "{:?}", times(&bytes));
            assert_eq!(kinds(&bytes).matches('c').count(), said as usize);
        });
    }
}
