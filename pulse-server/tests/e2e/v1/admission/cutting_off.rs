//! Cut off at media speed: by the API, by the command line, and from another server of the same database.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::servers::two;
use super::studio::{AT_ONCE, Studio, assert_dropped, publish, quick};
use crate::support::http::Client;
use crate::support::play::{Play, Playing};
use crate::support::{seats, wait};
use crate::v1::rig::{Rig, text};

/// Players start well within this.
const START: Duration = Duration::from_secs(20);

/// One viewer of a stream in three ways.
struct Onlookers {
    playlist: String,
    players: [Playing; 2],
}

impl Onlookers {
    /// Viewers who watch by now, under the same viewer id.
    #[track_caller]
    fn of(rig: &Rig, studio: &Studio, viewer_id: &str) -> Self {
        let token = text(&studio.token(rig, &json!({"viewer_id": viewer_id}))["token"]).to_owned();
        let playlist = studio.session(rig, &token);
        let urls = [("rtmp", rig.pulse.rtmp_url(&studio.id)), ("flv", rig.pulse.flv_url(&studio.id))];
        let players = urls.map(|(name, url)| {
            Play::new(format!("{url}?token={token}"), 60)
                .start(&format!("{name}-{viewer_id}"), rig.pulse.stage())
        });
        let onlookers = Self { playlist, players };
        wait::until("the players", START, || {
            let live = rig.pulse.live_stream(&studio.id).ok_or("not live")?;
            wait::check(live.viewers.rtmp == 1 && live.viewers.flv == 1, format!("{:?}", live.viewers))
        });
        assert_eq!(Client::new().get(&onlookers.playlist).status, 200);
        onlookers
    }

    /// None of them goes on.
    #[track_caller]
    fn assert_gone(mut self, how: &str, since: Instant) {
        let client = Client::new();
        wait::until("the session's end", AT_ONCE, || {
            let answer = client.try_get(&self.playlist)?;
            let seen = format!("{} {}", answer.status, answer.problem_code());
            wait::check(answer.status == 403 && answer.problem_code() == "session_revoked", seen)
        });
        for player in &mut self.players {
            wait::until("a player's end", AT_ONCE, || player.process().exited().ok_or("it plays on"));
        }
        println!("{how}: viewers are gone after {:?}", since.elapsed());
    }
}

#[test]
fn the_api_ends_a_viewer_and_then_the_publisher_whose_key_stays_good() {
    let _seats = seats::all();
    let mut rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let mut encoder = studio.publish(&rig);
    let viewer = Onlookers::of(&rig, &studio, "v1");
    let revoke = json!({"viewer_id": "v1"});
    let other = text(&studio.token(&rig, &json!({"viewer_id": "v2"}))["token"]).to_owned();
    let kept = studio.session(&rig, &other);
    let asked = Instant::now();
    rig.done(&studio.tenant.key, "POST", &studio.path("/tokens/revoke"), &revoke, 204);
    viewer.assert_gone("API", asked);
    assert_eq!(Client::new().get(&kept).status, 200, "another viewer goes on");
    rig.done(&studio.tenant.key, "POST", &studio.path("/disconnect"), &Value::Null, 204);
    assert_dropped(&mut encoder);
    for said in ["they were told to disconnect", "its leave to publish was taken back"] {
        assert!(rig.pulse.log().contains(said), "the operator learns that {said}:\n{}", rig.pulse.log());
    }
    // All tokens are void, and a key is none.
    let mut encoder = publish(&rig, "again", &studio.key);
    rig.pulse.wait_live(&studio.id);
    rig.done(&studio.tenant.key, "POST", &studio.path("/tokens/revoke"), &json!({"all": true}), 204);
    wait::until("the other viewer's end", AT_ONCE, || {
        wait::check(Client::new().get(&kept).status == 403, "it goes on")
    });
    rig.pulse.wait_live(&studio.id);
    encoder.alive().unwrap();
    rig.pulse.assert_sound();
}

#[test]
fn the_command_line_ends_publisher_and_viewers_of_who_is_suspended() {
    let _seats = seats::all();
    let mut rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let mut encoder = studio.publish(&rig);
    let viewer = Onlookers::of(&rig, &studio, "v1");
    let asked = Instant::now();
    rig.admin(&["suspend-organization", &studio.tenant.organization], "").unwrap();
    viewer.assert_gone("command line", asked);
    assert_dropped(&mut encoder);
    rig.pulse.assert_sound();
}

#[test]
fn a_server_ends_publisher_and_viewers_of_another_by_api_and_by_command_line() {
    let _seats = seats::all();
    let (one, mut two, studio) = two();
    let mut encoder = studio.publish(&two);
    let viewer = Onlookers::of(&two, &studio, "v1");
    let asked = Instant::now();
    let revoke = json!({"viewer_id": "v1"});
    one.done(&studio.tenant.key, "POST", &studio.path("/tokens/revoke"), &revoke, 204);
    viewer.assert_gone("API of another server", asked);
    one.done(&studio.tenant.key, "POST", &studio.path("/disconnect"), &Value::Null, 204);
    assert_dropped(&mut encoder);

    let mut encoder = publish(&two, "again", &studio.key);
    two.pulse.wait_live(&studio.id);
    let viewer = Onlookers::of(&two, &studio, "v2");
    let asked = Instant::now();
    one.admin(&["suspend-organization", &studio.tenant.organization], "").unwrap();
    viewer.assert_gone("command line of another server", asked);
    assert_dropped(&mut encoder);
    two.pulse.assert_sound();
}
