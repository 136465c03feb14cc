//! Wrong keys and unknown names: a refusal that clients understand, late enough that guessing does not pay.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::feed::Feed;
use crate::support::gstreamer::{self, Sink};
use crate::support::rtmp_wire::Wire;
use crate::support::server::{Setup, key_of};
use crate::support::{play, seats, wait};

const ID: &str = "guarded";

const PATIENCE: Duration = Duration::from_secs(15);

/// What a wrong key waits for its answer.
const DELAY: std::ops::Range<Duration> = Duration::from_millis(900)..Duration::from_millis(3_500);

#[test]
fn ffmpeg_with_a_wrong_key_is_refused_after_a_delay() {
    let _seats = seats::some();
    let pulse = Setup::new().stream(ID).start();
    let url = pulse.publish_url_with_key("guarded_key_of_another");
    let mut encoder = Feed::new().publish("encoder", pulse.stage().path(), &url);
    let status = encoder.wait(PATIENCE);
    let took = encoder.started().elapsed();
    assert!(!status.success(), "it was let in");
    assert!(took >= DELAY.start, "it was told after {took:?}");
    assert!(pulse.live().is_empty(), "{:?}", pulse.live());
    let log = pulse.log();
    assert!(!log.contains("guarded_key_of_another"), "the key is in the log:\n{log}");
}

#[test]
fn gstreamer_with_a_wrong_key_is_refused() {
    let _seats = seats::some();
    let pulse = Setup::new().stream(ID).start();
    let url = pulse.publish_url_with_key("guarded_key_of_another");
    let mut encoder = gstreamer::publish("encoder", pulse.stage().path(), Sink::Rtmp2, &url);
    assert!(!encoder.wait(PATIENCE).success(), "it was let in");
    assert!(pulse.live().is_empty());
}

#[test]
fn many_wrong_keys_from_one_address_do_not_keep_the_right_one_out() {
    let _seats = seats::some();
    let pulse = Setup::new().stream(ID).start();
    let address = pulse.rtmp_address();
    let guessers: Vec<_> = (0..100)
        .map(|guess| {
            thread::spawn(move || {
                let mut wire = Wire::connected(address, "live");
                wire.publish(&format!("guess_{guess}"));
                let asked = Instant::now();
                let told = wire.hears("NetStream.Publish.BadName", PATIENCE);
                let took = asked.elapsed();
                (told, took, wire.closed_within(PATIENCE))
            })
        })
        .collect();
    let answers: Vec<_> = guessers.into_iter().map(|guesser| guesser.join().unwrap()).collect();
    let told: Vec<Duration> = answers.iter().filter(|(told, ..)| *told).map(|(_, took, _)| *took).collect();
    assert!(!told.is_empty() && told.len() <= 64, "{} of 100 were answered", told.len());
    for took in &told {
        assert!(DELAY.contains(took), "an answer came after {took:?}");
    }
    for (_, _, closed) in &answers {
        closed.as_ref().unwrap_or_else(|open| panic!("a guesser's connection is {open}"));
    }
    let _encoder = Feed::new().publish("encoder", pulse.stage().path(), &pulse.publish_url(ID));
    pulse.wait_live(ID);
}

/// Somebody pastes the key where the stream's id belongs.
#[test]
fn a_key_in_the_place_of_a_name_is_not_logged() {
    let _seats = seats::some();
    let pulse = Setup::new().stream(ID).section("[log]\nlevel = \"trace\"").start();
    let key = key_of(ID);
    for path in
        [format!("/hls/{key}/index.m3u8"), format!("/hls/{key}/-/v0/index.m3u8"), format!("/flv/{key}.flv")]
    {
        assert_eq!(pulse.get(&path).status, 404, "{path}");
    }
    play::refused(pulse.stage(), "player", &pulse.rtmp_url(&key), PATIENCE);
    let url = format!("rtmp://{}/{key}/live", pulse.rtmp_address());
    assert!(!Feed::new().publish("encoder", pulse.stage().path(), &url).wait(PATIENCE).success());
    let log = pulse.log();
    assert!(log.contains("viewer refused") && log.contains("[redacted: "), "{log}");
    assert!(!log.contains(&key), "the key is in the log:\n{log}");
}

#[test]
fn a_name_nobody_knows_and_a_stream_that_is_offline_are_told_apart() {
    let _seats = seats::some();
    let pulse = Setup::new().stream(ID).start();
    for (path, code) in [
        ("/hls/nobody/index.m3u8", "stream_not_found"),
        ("/flv/nobody.flv", "stream_not_found"),
        ("/hls/guarded/index.m3u8", "stream_offline"),
        ("/flv/guarded.flv", "stream_offline"),
    ] {
        let answer = pulse.get(path);
        assert_eq!((answer.status, answer.problem_code().as_str()), (404, code), "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
    }
    let (log, took) = play::refused(pulse.stage(), "player", &pulse.rtmp_url("nobody"), PATIENCE);
    assert!(took < PATIENCE, "{took:?}: {log}");
    let log = pulse.log();
    assert!(!log.contains(&key_of(ID)), "a key is in the log:\n{log}");
    wait::check(pulse.live().is_empty(), "something is live").unwrap();
}
