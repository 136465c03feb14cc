//! Chromium: the player page, and hls.js as it comes. What is looked at in the browser is in `web/e2e` and runs under node;
//! here are the server that it plays from, the encoder, and the server's death.

use crate::support::feed::Feed;
use crate::support::page::Page;
use crate::support::process::Process;
use crate::support::seats;
use crate::support::server::{Pulse, Setup};

const ID: &str = "page";

/// What a debug build on a machine that also encodes and decodes is held to; the benchmarks hold a release build to more.
const LIMITS: [(&str, &str); 2] = [("PULSE_MAX_FIRST_FRAME_MS", "3000"), ("PULSE_MAX_LATENCY_S", "2.0")];

#[test]
fn the_page_plays_thirty_seconds_without_a_stall() {
    let _seats = seats::all();
    let mut pulse = Setup::new().stream(ID).start();
    let _encoder = publish(&pulse, "encoder");
    pulse.wait_playable(ID);
    Page::start(&pulse, ID, "play.test.mjs", &LIMITS).assert_passes();
    pulse.assert_sound();
}

/// The first playlist a stream ever gives is one that hls.js plays: it raises `levelEmptyError` for parts without a segment.
#[test]
fn hls_js_with_its_defaults_plays_from_the_first_playlist_on() {
    let _seats = seats::all();
    let mut pulse = Setup::new().stream(ID).start();
    let page = Page::start(&pulse, ID, "plain.test.mjs", &[("PULSE_WAIT_S", "30")]);
    let _encoder = publish(&pulse, "encoder");
    page.assert_passes();
    pulse.assert_sound();
}

#[test]
fn the_page_resumes_after_kill_9() {
    let _seats = seats::all();
    let mut pulse = Setup::new().stream(ID).start();
    let first = publish(&pulse, "encoder");
    pulse.wait_playable(ID);
    let mut page = Page::start(&pulse, ID, "resume.test.mjs", &[]);
    page.wait_event("kill-server");
    pulse.kill();
    page.wait_event("restart-server");
    drop(first);
    pulse.start_again();
    let _again = publish(&pulse, "encoder-again");
    page.assert_passes();
    pulse.assert_sound();
}

/// A key frame every two seconds.
fn publish(pulse: &Pulse, name: &str) -> Process {
    Feed::new().gop(50).publish(name, pulse.stage().path(), &pulse.publish_url(ID))
}
