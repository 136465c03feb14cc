//! A channel outlives its encoder: GAP while it is away, the same life when it returns in time, a new one when not.

use std::collections::HashSet;
use std::time::Duration;

use crate::support::feed::Feed;
use crate::support::follower::Follow;
use crate::support::playback::Playback;
use crate::support::server::{Pulse, Setup};
use crate::support::viewer::{self, Viewer};
use crate::support::{seats, wait};

const ID: &str = "channel";

/// What a change of encoder may take to reach a viewer, the encoder's start included.
const PATIENCE: Duration = Duration::from_secs(20);

fn start(grace_s: u32) -> Pulse {
    Setup::new().stream(ID).section(&format!("[ingest]\ngrace_s = {grace_s}")).start()
}

#[test]
fn an_encoder_that_returns_in_time_continues_the_life() {
    let _seats = seats::some();
    let mut pulse = start(30);
    let folder = pulse.stage().path().to_owned();
    let mut encoder = Feed::new().publish("encoder", &folder, &pulse.publish_url(ID));
    pulse.wait_playable(ID);
    let viewer = Viewer::join(&pulse, ID);
    viewer.wait_shown(3.0, PATIENCE);
    encoder.kill();
    viewer.wait("GAP", PATIENCE, |playback| gap_seconds(playback) >= 3.0);
    // Who joins meanwhile gets the same playlist, not an end.
    let latecomer = Viewer::join(&pulse, ID);
    let before = viewer.look(Playback::shown_seconds);
    let _again = Feed::new().publish("encoder-again", &folder, &pulse.publish_url(ID));
    viewer.wait_shown(before + 3.0, PATIENCE);
    latecomer.wait_shown(2.0, PATIENCE);
    for (who, viewer) in [("viewer", viewer), ("latecomer", latecomer)] {
        for (follow, playback) in viewer.leave() {
            viewer::assert_conforms(who, follow, &playback);
            assert!(playback.interruptions.is_empty(), "{who} {follow:?}: {:?}", playback.interruptions);
            assert!(!playback.ended, "{who} {follow:?} was sent away");
            assert_in_order(&playback);
            assert_discontinuity_after_gap(&playback);
            viewer::assert_decodes(pulse.stage(), who, follow, &playback);
        }
    }
    pulse.assert_sound();
}

#[test]
fn an_encoder_that_returns_with_another_picture_gets_a_new_initialization_segment() {
    let _seats = seats::some();
    let pulse = start(30);
    let folder = pulse.stage().path().to_owned();
    let mut encoder = Feed::new().publish("encoder", &folder, &pulse.publish_url(ID));
    pulse.wait_playable(ID);
    let viewer = Viewer::join(&pulse, ID);
    viewer.wait_shown(2.0, PATIENCE);
    encoder.kill();
    let before = viewer.look(Playback::shown_seconds);
    let larger = Feed::new().size("640x360").sample_rate(44_100);
    let _again = larger.publish("encoder-again", &folder, &pulse.publish_url(ID));
    viewer.wait_shown(before + 3.0, PATIENCE);
    for (follow, playback) in viewer.leave() {
        viewer::assert_conforms("viewer", follow, &playback);
        assert!(playback.inits.len() >= 2, "{follow:?}: {} initialization segments", playback.inits.len());
        viewer::assert_decodes(pulse.stage(), "viewer", follow, &playback);
    }
}

#[test]
fn an_encoder_that_returns_too_late_begins_a_new_life() {
    let _seats = seats::some();
    let mut pulse = start(3);
    let folder = pulse.stage().path().to_owned();
    let mut encoder = Feed::new().publish("encoder", &folder, &pulse.publish_url(ID));
    pulse.wait_playable(ID);
    let viewer = Viewer::join(&pulse, ID);
    viewer.wait_shown(2.0, PATIENCE);
    encoder.kill();
    viewer.wait("EXT-X-ENDLIST", PATIENCE, |playback| playback.ended);
    let mut old = viewer.leave();
    wait::until("the stream to be offline", Duration::from_secs(5), || {
        let answer = pulse.get(&format!("/hls/{ID}/index.m3u8"));
        let seen = (answer.status, answer.problem_code());
        wait::check(seen == (404, "stream_offline".to_owned()), format!("{seen:?}"))
    });
    let _again = Feed::new().publish("encoder-again", &folder, &pulse.publish_url(ID));
    pulse.wait_playable(ID);
    let viewer = Viewer::join(&pulse, ID);
    viewer.wait_shown(2.0, PATIENCE);
    for ((follow, new), (_, old)) in viewer.leave().into_iter().zip(old.drain(..)) {
        viewer::assert_smooth("viewer", follow, &new);
        let last = old.pieces.last().unwrap().msn;
        assert!(
            new.pieces[0].msn > last,
            "{follow:?}: media sequence went from {last} to {}",
            new.pieces[0].msn
        );
        let names: HashSet<&str> = old.pieces.iter().map(|piece| file_name(&piece.uri)).collect();
        let again = new.pieces.iter().map(|piece| file_name(&piece.uri)).find(|name| names.contains(name));
        assert_eq!(again, None, "{follow:?}: a name of the old life names something else now");
    }
    pulse.assert_sound();
}

/// The network of a laptop that is shut: no FIN, no RST, only silence.
#[test]
fn an_encoder_that_falls_silent_counts_as_gone() {
    let _seats = seats::some();
    let pulse = start(60);
    let mut encoder = Feed::new().publish("encoder", pulse.stage().path(), &pulse.publish_url(ID));
    pulse.wait_playable(ID);
    let viewer = Viewer::join_for(&pulse, ID, &[Follow::Video]);
    viewer.wait_shown(1.0, PATIENCE);
    encoder.freeze();
    viewer.wait("GAP", PATIENCE, |playback| gap_seconds(playback) > 0.0);
    wait::until("its connection to be dropped", PATIENCE, || {
        let log = pulse.log();
        wait::check(log.contains("timed out waiting for media"), log)
    });
    encoder.thaw();
    assert!(!encoder.wait(PATIENCE).success(), "the encoder did not notice");
    for (follow, playback) in viewer.leave() {
        viewer::assert_conforms("viewer", follow, &playback);
        assert!(!playback.ended);
    }
}

/// Seconds that the playlist declared to hold nothing, after media had been there.
fn gap_seconds(playback: &Playback) -> f64 {
    let first = playback.pieces.iter().position(|piece| !piece.gap).unwrap_or(playback.pieces.len());
    playback.pieces[first..].iter().filter(|piece| piece.gap).map(|piece| piece.duration).sum()
}

fn assert_in_order(playback: &Playback) {
    for pair in playback.pieces.windows(2) {
        let places = [(pair[0].msn, pair[0].part), (pair[1].msn, pair[1].part)];
        assert!(places[0] < places[1], "{places:?} are out of order");
    }
}

fn assert_discontinuity_after_gap(playback: &Playback) {
    let last_gap = playback.pieces.iter().rposition(|piece| piece.gap).expect("there was a gap");
    let next = playback.pieces.get(last_gap + 1).expect("media followed the gap");
    assert!(next.discontinuity && next.independent, "{next:?} follows the gap");
}

fn file_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}
