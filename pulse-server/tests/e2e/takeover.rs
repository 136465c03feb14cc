//! Two encoders with one key: the newcomer takes over, frames never mix, and a fight comes to rest.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::feed::Feed;
use crate::support::follower::Follow;
use crate::support::playback::Playback;
use crate::support::process::Process;
use crate::support::server::{Pulse, Setup};
use crate::support::viewer::{self, Viewer};
use crate::support::{play, seats, wait};

const ID: &str = "channel";

const PATIENCE: Duration = Duration::from_secs(15);

/// Two takeovers are borne within this.
const SPAN: Duration = Duration::from_secs(10);

fn publish(pulse: &Pulse, name: &str, size: &'static str) -> Process {
    Feed::new().size(size).publish(name, pulse.stage().path(), &pulse.publish_url(ID))
}

#[test]
fn an_encoder_takes_over_its_own_half_open_connection_at_once() {
    let _seats = seats::some();
    let pulse = Setup::new().stream(ID).start();
    let mut old = publish(&pulse, "old", "320x180");
    pulse.wait_playable(ID);
    let viewer = Viewer::join_for(&pulse, ID, &[Follow::Video]);
    viewer.wait_shown(2.0, PATIENCE);
    old.freeze();
    let shown = viewer.look(Playback::shown_seconds);
    let started = Instant::now();
    let mut new = publish(&pulse, "new", "320x180");
    viewer.wait_shown(shown + 1.0, PATIENCE);
    // Far below the 10 s of silence after which the old connection would have been dropped.
    assert!(started.elapsed() < Duration::from_secs(6), "it took {:?}", started.elapsed());
    old.thaw();
    assert!(!old.wait(PATIENCE).success(), "the old encoder was not told");
    new.alive().unwrap_or_else(|error| panic!("{error}"));
    for (follow, playback) in viewer.leave() {
        viewer::assert_conforms("viewer", follow, &playback);
        assert!(playback.interruptions.is_empty() && !playback.ended, "{:?}", playback.interruptions);
        viewer::assert_decodes(pulse.stage(), "viewer", follow, &playback);
    }
}

#[test]
fn frames_of_two_encoders_never_mix() {
    let _seats = seats::some();
    let mut pulse = Setup::new().stream(ID).start();
    let mut old = publish(&pulse, "old", "320x180");
    pulse.wait_playable(ID);
    let viewer = Viewer::join_for(&pulse, ID, &[Follow::Video]);
    viewer.wait_shown(2.0, PATIENCE);
    let shown = viewer.look(Playback::shown_seconds);
    let _new = publish(&pulse, "new", "640x360");
    assert!(!old.wait(PATIENCE).success(), "the old encoder was not told");
    viewer.wait_shown(shown + 3.0, PATIENCE);
    for (follow, playback) in viewer.leave() {
        viewer::assert_conforms("viewer", follow, &playback);
        let stretches = playback.stretches();
        let widths: Vec<i64> =
            stretches.iter().enumerate().map(|(index, stretch)| width(&pulse, index, stretch)).collect();
        let mut distinct = widths.clone();
        distinct.dedup();
        assert_eq!(distinct, [320, 640], "the pictures of each stretch: {widths:?}");
        viewer::assert_decodes(pulse.stage(), "viewer", follow, &playback);
    }
    pulse.assert_sound();
}

#[test]
fn two_encoders_that_fight_come_to_rest() {
    let _seats = seats::all();
    let pulse = Setup::new().stream(ID).start();
    let mut encoders = [publish(&pulse, "first", "320x180"), publish(&pulse, "second", "320x180")];
    pulse.wait_playable(ID);
    let viewer = Viewer::join_for(&pulse, ID, &[Follow::Video]);
    viewer.wait_shown(1.0, PATIENCE);
    // Each comes back whenever it is sent away, as encoders do.
    let started = Instant::now();
    let mut starts = 2;
    while started.elapsed() < SPAN {
        for encoder in &mut encoders {
            if encoder.exited().is_some() {
                starts += 1;
                *encoder = publish(&pulse, &format!("again{starts}"), "320x180");
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
    pulse.wait_health(ID, "publishers_fight", Duration::from_secs(1));
    let (_, playback) = viewer.leave().remove(0);
    let changes = playback.pieces.iter().skip(1).filter(|piece| piece.discontinuity).count();
    assert!(changes <= 3, "{changes} changes of encoder in {SPAN:?}");
    assert!(playback.shown_seconds() >= 5.0, "viewers saw {} s of {SPAN:?}", playback.shown_seconds());
    assert!(starts > 3, "the encoders never fought: {starts} starts");
    viewer::assert_conforms("viewer", Follow::Video, &playback);
}

#[test]
fn a_newcomer_is_refused_where_the_configuration_says_so() {
    let _seats = seats::some();
    let pulse = Setup::new().stream(ID).section("[ingest]\ntakeover = \"reject\"").start();
    let mut first = publish(&pulse, "first", "320x180");
    pulse.wait_playable(ID);
    let viewer = Viewer::join_for(&pulse, ID, &[Follow::Video]);
    viewer.wait_shown(1.0, PATIENCE);
    let mut second = publish(&pulse, "second", "640x360");
    assert!(!second.wait(PATIENCE).success(), "the newcomer got in");
    wait::holds_for("the first encoder's stream", Duration::from_secs(1), || first.alive());
    for (follow, playback) in viewer.leave() {
        viewer::assert_smooth("viewer", follow, &playback);
    }
}

/// The width that ffprobe finds in a stretch.
fn width(pulse: &Pulse, index: usize, stretch: &[u8]) -> i64 {
    let file = pulse.stage().write(&format!("stretch-{index}.mp4"), stretch);
    let probed = play::probe(pulse.stage(), &format!("probe-{index}"), &file.display().to_string());
    play::streams(&probed, "video")[0]["width"].as_i64().unwrap()
}
