//! The server's own end: `kill -9` and return, and a polite SIGTERM.

use std::time::Duration;

use crate::support::feed::Feed;
use crate::support::follower::Follow;
use crate::support::play::Play;
use crate::support::playback::Playback;
use crate::support::process::succeeded;
use crate::support::server::Setup;
use crate::support::viewer::{self, Viewer};
use crate::support::{seats, wait};

const ID: &str = "channel";

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn after_kill_9_the_life_and_its_media_sequence_go_on() {
    let _seats = seats::some();
    let mut pulse = Setup::new().stream(ID).start();
    let folder = pulse.stage().path().to_owned();
    let mut encoder = Feed::new().publish("encoder", &folder, &pulse.publish_url(ID));
    pulse.wait_playable(ID);
    let viewer = Viewer::join(&pulse, ID);
    viewer.wait_shown(5.0, PATIENCE);
    pulse.kill();
    assert!(!encoder.wait(PATIENCE).success(), "the encoder did not notice");
    pulse.start_again();
    // The stream has a life that waits for its encoder, and nothing yet to show.
    let answer = pulse.get(&format!("/hls/{ID}/index.m3u8"));
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(
        answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0),
        "{:?}",
        answer.headers
    );
    let shown = viewer.look(Playback::shown_seconds);
    let before = viewer.look(|playback| playback.pieces.len());
    let _again = Feed::new().publish("encoder-again", &folder, &pulse.publish_url(ID));
    viewer.wait_shown(shown + 3.0, PATIENCE);
    for (follow, playback) in viewer.leave() {
        viewer::assert_conforms("viewer", follow, &playback);
        assert!(!playback.ended, "{follow:?}: the life was ended");
        assert!(!playback.interruptions.is_empty(), "{follow:?}: the server was never gone");
        for pair in playback.pieces.windows(2) {
            let places = [(pair[0].msn, pair[0].part), (pair[1].msn, pair[1].part)];
            assert!(places[0] < places[1], "{follow:?}: {places:?} after the restart");
        }
        assert_eq!(
            life(&playback, 0),
            life(&playback, playback.pieces.len() - 1),
            "{follow:?}: not the same life"
        );
        assert!(playback.pieces.len() > before || follow != Follow::Video);
        viewer::assert_decodes(pulse.stage(), "viewer", follow, &playback);
    }
    pulse.assert_sound();
}

#[test]
fn sigterm_lets_viewers_finish_and_ends_with_success() {
    let _seats = seats::some();
    let mut pulse = Setup::new().stream(ID).start();
    let folder = pulse.stage().path().to_owned();
    let _encoder = Feed::new().publish("encoder", &folder, &pulse.publish_url(ID));
    pulse.wait_playable(ID);
    let viewer = Viewer::join_for(&pulse, ID, &[Follow::Video]);
    viewer.wait_shown(2.0, PATIENCE);
    let mut players: Vec<_> = [("flv", pulse.flv_url(ID)), ("rtmp", pulse.rtmp_url(ID))]
        .into_iter()
        .map(|(name, url)| Play::new(url, 60).start(name, pulse.stage()))
        .collect();
    wait::until("the players to be there", PATIENCE, || {
        let live = pulse.wait_live(ID);
        wait::check((live.viewers.flv, live.viewers.rtmp) == (1, 1), format!("{live:?}"))
    });
    let (status, took) = pulse.stop();
    succeeded(status).unwrap_or_else(|how| panic!("the server: {how}"));
    assert!(took < Duration::from_secs(12), "it took {took:?} to end");
    for player in &mut players {
        player.process().wait(PATIENCE);
    }
    drop(viewer);
}

/// The part of a piece's name that does not change within a life: all but its numbers after the life's.
fn life(playback: &Playback, piece: usize) -> String {
    let uri = &playback.pieces[piece].uri;
    let name = uri.rsplit('/').next().unwrap_or_default();
    name.split(|symbol: char| !symbol.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned()
}
