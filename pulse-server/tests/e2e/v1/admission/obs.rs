//! OBS Studio with a tenant's stream key, typed into its settings.

use std::time::Duration;

use super::studio::{Studio, quick};
use crate::support::obs::Obs;
use crate::support::stage::Stage;
use crate::support::{seats, wait};

/// It connects again some seconds after it was sent away.
const PATIENCE: Duration = Duration::from_secs(40);

#[test]
fn obs_publishes_with_a_stream_key_until_it_is_rotated_and_then_with_the_new_one() {
    let _seats = seats::all();
    let mut rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let server = format!("rtmp://{}/live", rig.pulse.rtmp_address());
    let mut obs = Obs::start(rig.pulse.stage(), &server, &studio.key);
    obs.wait_streaming();
    rig.pulse.wait_live(&studio.id);
    let new_key = studio.rotate(&rig);
    wait::until("OBS to be off the air", PATIENCE, || {
        let live = rig.pulse.live_stream(&studio.id);
        wait::check(live.as_ref().is_none_or(|live| live.status != "live"), format!("{live:?}"))
    });
    // It tries again by itself, and is told then that its key is no good.
    obs.wait_refused();
    let log = rig.pulse.log();
    assert!(log.contains("was revoked or has ended"), "the operator learns why:\n{log}");
    assert!(!log.contains(&studio.key), "the key is in the log");
    drop(obs);
    let stage = Stage::new("obs-again");
    let mut obs = Obs::start(&stage, &server, &new_key);
    obs.wait_streaming();
    rig.pulse.wait_live(&studio.id);
    rig.pulse.assert_sound();
}

#[test]
fn obs_with_a_key_of_nobody_is_refused() {
    let _seats = seats::some();
    let mut rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    // Of the right form: one character is another.
    let (head, last) = studio.key.split_at(studio.key.len() - 1);
    let wrong = format!("{head}{}", if last == "a" { "b" } else { "a" });
    let server = format!("rtmp://{}/live", rig.pulse.rtmp_address());
    let obs = Obs::start(rig.pulse.stage(), &server, &wrong);
    obs.wait_refused();
    assert!(rig.pulse.live().is_empty());
    let log = rig.pulse.log();
    assert!(log.contains("there is no such stream key"), "the operator learns why:\n{log}");
    assert!(!log.contains(&wrong), "the key is in the log");
    rig.pulse.assert_sound();
}
