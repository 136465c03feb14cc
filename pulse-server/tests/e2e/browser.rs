//! The player page in Chromium. The page's own tests are in `web/e2e` and run under node; here is the server that they
//! play from, and its death.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::feed::Feed;
use crate::support::process::{Process, command};
use crate::support::seats;
use crate::support::server::Setup;

const ID: &str = "page";

/// Thirty seconds of playing, and a browser's start.
const PATIENCE: Duration = Duration::from_secs(120);

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web")
}

/// Runs one of the page's test files against a server.
fn node(name: &str, folder: &Path, url: &str, variables: &[(&str, &str)]) -> Process {
    let mut node = command("node");
    node.arg("--test").arg(format!("e2e/{name}")).current_dir(web());
    node.env("PULSE_URL", url).env("PULSE_STREAM", ID).envs(variables.iter().copied());
    Process::start("node", node, folder)
}

fn assert_passes(mut node: Process) {
    let status = node.wait(PATIENCE);
    assert!(status.success(), "{status}\n{}\n{}", node.output(), node.errors());
}

#[test]
fn the_page_plays_thirty_seconds_in_chromium_without_a_stall() {
    let _seats = seats::all();
    let mut pulse = Setup::new().stream(ID).start();
    let folder = pulse.stage().path().to_owned();
    let _encoder = Feed::new().gop(50).publish("encoder", &folder, &pulse.publish_url(ID));
    pulse.wait_playable(ID);
    assert_passes(node("play.test.mjs", &folder, &pulse.url(""), &[]));
    pulse.assert_sound();
}
