//! Chromium: the player page, and hls.js as it comes. What is looked at in the browser is in `web/e2e` and runs under node;
//! here are the server that it plays from, the encoder, and the server's death.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::feed::Feed;
use crate::support::process::{Process, command};
use crate::support::server::{Pulse, Setup};
use crate::support::{seats, wait};

const ID: &str = "page";

/// Thirty seconds of playing, and a browser's start.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a debug build on a machine that also encodes and decodes is held to; the benchmarks hold a release build to more.
const LIMITS: [(&str, &str); 2] = [("PULSE_MAX_FIRST_FRAME_MS", "3000"), ("PULSE_MAX_LATENCY_S", "2.0")];

#[test]
fn the_page_plays_thirty_seconds_without_a_stall() {
    let _seats = seats::all();
    let mut pulse = Setup::new().stream(ID).start();
    let _encoder = publish(&pulse, "encoder");
    pulse.wait_playable(ID);
    assert_passes(node(&pulse, "play.test.mjs", &LIMITS));
    pulse.assert_sound();
}

/// The first playlist a stream ever gives is one that hls.js plays: it raises `levelEmptyError` for parts without a segment.
#[test]
fn hls_js_with_its_defaults_plays_from_the_first_playlist_on() {
    let _seats = seats::all();
    let mut pulse = Setup::new().stream(ID).start();
    let page = node(&pulse, "plain.test.mjs", &[("PULSE_WAIT_S", "30")]);
    let _encoder = publish(&pulse, "encoder");
    assert_passes(page);
    pulse.assert_sound();
}

#[test]
fn the_page_resumes_after_kill_9() {
    let _seats = seats::all();
    let mut pulse = Setup::new().stream(ID).start();
    let first = publish(&pulse, "encoder");
    pulse.wait_playable(ID);
    let mut page = node(&pulse, "resume.test.mjs", &[]);
    wait_event(&mut page, "kill-server");
    pulse.kill();
    wait_event(&mut page, "restart-server");
    drop(first);
    pulse.start_again();
    let _again = publish(&pulse, "encoder-again");
    assert_passes(page);
    pulse.assert_sound();
}

/// A key frame every two seconds.
fn publish(pulse: &Pulse, name: &str) -> Process {
    Feed::new().gop(50).publish(name, pulse.stage().path(), &pulse.publish_url(ID))
}

/// Runs one of the page's test files against a server.
fn node(pulse: &Pulse, file: &str, variables: &[(&str, &str)]) -> Process {
    let mut node = command("node");
    node.arg(format!("e2e/{file}")).current_dir(web());
    node.env("PULSE_URL", pulse.url("")).env("PULSE_STREAM", ID).envs(variables.iter().copied());
    Process::start("node", node, pulse.stage().path())
}

/// Waits for a line that asks for something.
#[track_caller]
fn wait_event(page: &mut Process, event: &str) {
    let line = format!("pulse-e2e {{\"event\":\"{event}\"");
    wait::until(event, PATIENCE, || {
        page.alive().map_err(|ended| format!("{ended}\n{}", page.output()))?;
        let output = page.output();
        wait::check(output.contains(&line), output)
    });
}

#[track_caller]
fn assert_passes(mut page: Process) {
    let status = page.wait(PATIENCE);
    assert!(status.success(), "{status}\n{}\n{}", page.output(), page.errors());
}

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web")
}
