//! Encoders get in: what they send is playable over HLS, FLV and RTMP, decoded by a client that is not ours.

use std::time::Duration;

use crate::support::feed::Feed;
use crate::support::gstreamer::{self, Sink};
use crate::support::play::Play;
use crate::support::process::{Process, succeeded};
use crate::support::server::{Pulse, Setup, key_of};
use crate::support::viewer::{self, Viewer};
use crate::support::{seats, wait};

/// Seconds that each protocol is played.
const SECONDS: u32 = 3;

#[test]
fn ffmpeg_publishes() {
    let _seats = seats::some();
    let pulse = Setup::new().stream("ffmpeg").start();
    let encoder = Feed::new().publish("encoder", pulse.stage().path(), &pulse.publish_url("ffmpeg"));
    assert_plays_everywhere(pulse, "ffmpeg", encoder);
}

#[test]
fn gstreamer_publishes_with_its_own_sink() {
    let _seats = seats::some();
    let pulse = Setup::new().stream("gst").start();
    let url = pulse.publish_url("gst");
    let encoder = gstreamer::publish("encoder", pulse.stage().path(), Sink::Rtmp2, &url);
    assert_plays_everywhere(pulse, "gst", encoder);
}

#[test]
fn gstreamer_publishes_through_librtmp() {
    let _seats = seats::some();
    let pulse = Setup::new().stream("gst").start();
    let url = pulse.publish_url("gst");
    let encoder = gstreamer::publish("encoder", pulse.stage().path(), Sink::Librtmp, &url);
    assert_plays_everywhere(pulse, "gst", encoder);
}

/// ffmpeg puts a query that stands in the middle on the application's name, and one at the end on the key.
#[test]
fn a_token_may_stand_on_the_application_or_on_the_key() {
    let _seats = seats::some();
    let pulse = Setup::new().stream("app").stream("key").start();
    let folder = pulse.stage().path();
    let on_app = format!("rtmp://{}/live?token=abc%2Fdef/{}", pulse.rtmp_address(), key_of("app"));
    let _first = Feed::new().no_audio().publish("on-app", folder, &on_app);
    let on_key = format!("{}?token=abc", pulse.publish_url("key"));
    let _second = Feed::new().no_audio().publish("on-key", folder, &on_key);
    pulse.wait_live("app");
    pulse.wait_live("key");
    let log = pulse.log();
    assert!(!log.contains("abc"), "a token is in the log:\n{log}");
}

#[test]
fn an_open_server_names_the_stream_after_any_key() {
    let _seats = seats::some();
    let pulse = Setup::new().stream("named").open().start();
    let folder = pulse.stage().path();
    let _any = Feed::new().no_audio().publish("any", folder, &pulse.publish_url_with_key("whatever-1"));
    pulse.wait_playable("whatever-1");
    // A stream that is configured still wants its own key.
    let mut other = Feed::new().no_audio().publish("other", folder, &pulse.publish_url_with_key("named"));
    assert!(!other.wait(Duration::from_secs(10)).success(), "its id was taken for its key");
}

/// Without `-re`, minutes of media arrive within seconds.
#[test]
fn trap_20_a_file_that_arrives_faster_than_real_time_is_taken_within_bounds() {
    let _seats = seats::some();
    let mut pulse = Setup::new().stream("fast").start();
    let before = pulse.process().resident_bytes();
    let mut encoder = Feed::new().unpaced().seconds(120).publish(
        "encoder",
        pulse.stage().path(),
        &pulse.publish_url("fast"),
    );
    let status = encoder.wait(Duration::from_secs(60));
    succeeded(status).unwrap_or_else(|how| panic!("the encoder: {how}\n{}", encoder.errors()));
    let grown = pulse.process().resident_bytes().saturating_sub(before);
    // 60 s of window at 0.4 Mbit/s, its copy in the ring, and a debug build's overhead.
    assert!(grown < 64 << 20, "the server grew by {} MiB", grown >> 20);
    let viewer = Viewer::join(&pulse, "fast");
    viewer.wait("something to play", Duration::from_secs(10), |playback| !playback.pieces.is_empty());
    for (follow, playback) in viewer.leave() {
        viewer::assert_conforms("after the file", follow, &playback);
    }
    pulse.assert_sound();
}

fn assert_plays_everywhere(mut pulse: Pulse, id: &str, mut encoder: Process) {
    pulse.wait_playable(id);
    let live = pulse.wait_live(id);
    assert_eq!(live.tracks.len(), 2, "{live:?}");
    let viewer = Viewer::join(&pulse, id);
    viewer.wait_shown(f64::from(SECONDS), Duration::from_secs(15));
    for (follow, playback) in viewer.leave() {
        viewer::assert_smooth("viewer", follow, &playback);
        viewer::assert_decodes(pulse.stage(), "viewer", follow, &playback);
    }
    for (name, url) in [("flv", pulse.flv_url(id)), ("rtmp", pulse.rtmp_url(id))] {
        let played = Play::new(url, SECONDS).run(name, pulse.stage());
        played.assert_clean(name, f64::from(SECONDS) - 0.2);
        played.assert_video(name, "h264");
        played.assert_stream(name, "Audio", "aac", 1);
    }
    encoder.alive().unwrap_or_else(|error| panic!("{error}"));
    let complaint = encoder.errors();
    assert!(!complaint.to_lowercase().contains("error"), "the encoder complains:\n{complaint}");
    drop(encoder);
    wait::until("the server to notice that the encoder is gone", Duration::from_secs(3), || {
        wait::check(pulse.log().contains(id), "the log does not name the stream")
    });
    pulse.assert_sound();
}
