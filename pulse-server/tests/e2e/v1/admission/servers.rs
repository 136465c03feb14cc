//! Two servers on one PostgreSQL: a stream's one place, whose it is after a kill, and what is taken back on one is taken back on the other.

use std::time::{Duration, Instant};

use platform_core::sql::Location;
use platform_core::testing::Postgres;
use serde_json::{Value, json};
use tenancy::lease::{RENEW, TERM};

use super::studio::{AT_ONCE, Studio, assert_becomes, assert_dropped, limit, publish, stream};
use crate::support::http::Client;
use crate::support::rtmp_wire::Wire;
use crate::support::{seats, wait};
use crate::v1::rig::{LOOSE, Rig, text};

/// A server's start, and an encoder's.
const START: Duration = Duration::from_secs(10);

/// Two servers, and the tenant of the first with a stream.
pub(super) fn two() -> (Rig, Rig, Studio) {
    let database = Postgres::shared().database();
    let Location::Postgres(url) = &database else { panic!("not PostgreSQL") };
    let url = format!("[database]\nurl = {:?}\n", url.expose_str().unwrap());
    let rest = format!("{LOOSE}\n[ingest]\ngrace_s = 1");
    let one = Rig::start_with(&format!("{url}{rest}"));
    let key = one.pulse.stage().path().join("data/master.key");
    let two = Rig::start_with(&format!("{url}master_key_file = {key:?}\n{rest}"));
    let studio = Studio::open(&one, "a@example.org");
    (one, two, studio)
}

/// Each of these servers shows the stream as live, in a list and alone.
#[track_caller]
fn assert_shown_live(servers: &[&Rig], studio: &Studio) {
    for (number, rig) in servers.iter().enumerate() {
        wait::until(&format!("server {number} to show it as live"), AT_ONCE, || {
            let alone = rig.get(&studio.tenant.key, &studio.path(""));
            let list = rig.get(&studio.tenant.key, "/v1/streams");
            let list = list["data"].as_array().unwrap();
            let listed = list.iter().find(|one| one["id"] == alone["id"]).unwrap();
            let live = alone["status"] == "live" && listed["status"] == "live";
            wait::check(live, format!("{} alone, {} in the list", alone["status"], listed["status"]))
        });
    }
}

#[test]
fn what_one_server_takes_back_ends_on_the_other() {
    let _seats = seats::all();
    let (one, two, studio) = two();
    let mut encoder = studio.publish(&two);
    let token = text(&studio.token(&one, &json!({"viewer_id": "v1"}))["token"]).to_owned();
    let playlist = studio.session(&two, &token);
    assert_eq!(Client::new().get(&playlist).status, 200);
    let path = format!("/v1/projects/{}/signing-keys/{}", studio.tenant.project, studio.tenant.signing_key);
    one.done(&studio.tenant.owner, "DELETE", &path, &Value::Null, 204);
    assert_becomes(&Client::new(), &playlist, 403);
    let keys = one.get(&studio.tenant.owner, &studio.path("/keys"));
    let path = studio.path(&format!("/keys/{}", text(&keys["data"][0]["id"])));
    one.done(&studio.tenant.owner, "DELETE", &path, &Value::Null, 204);
    assert_dropped(&mut encoder);
}

#[test]
fn an_encoder_that_comes_to_another_server_takes_the_stream_along() {
    let _seats = seats::all();
    let (one, two, studio) = two();
    let mut first = studio.publish(&one);
    assert_shown_live(&[&one, &two], &studio);
    let mut second = publish(&two, "second", &studio.key);
    two.pulse.wait_live(&studio.id);
    assert_dropped(&mut first);
    // The first knows it as one that was here a moment ago.
    assert_shown_live(&[&one, &two], &studio);
    wait::holds_for("the second encoder", Duration::from_secs(2), || match second.exited() {
        None => Ok(()),
        Some(status) => Err(format!("it was sent away: {status}")),
    });
}

/// Two servers, and a tenant whose plan has one place for a publisher: it is taken on the first server, which is killed then. Also the
/// stream and the key of who wants the place, and the moment of the kill.
fn killed() -> (Rig, Rig, Studio, (String, String), Instant) {
    let (mut one, two, studio) = two();
    let operator = one.operator("op@example.org");
    limit(&one, &operator, &studio.tenant, "one", &json!({"concurrent_publishers": 1}));
    let other = stream(&one, &studio.tenant, "Other", "public");
    let encoder = studio.publish(&one);
    assert!(!may_publish(&two, &other.1), "there is one place");
    one.pulse.kill();
    let killed = Instant::now();
    drop(encoder);
    assert!(!may_publish(&two, &other.1), "a place is not free because its server says nothing");
    assert_eq!(two.get(&studio.tenant.key, &studio.path(""))["status"], "live", "as far as is known");
    (one, two, studio, other, killed)
}

/// Whether an encoder with this key is let in. It leaves at once.
#[track_caller]
fn may_publish(rig: &Rig, key: &str) -> bool {
    let mut wire = Wire::connected(rig.pulse.rtmp_address(), "live");
    wire.publish(key);
    let said = wire.hears("NetStream.Publish.", START);
    assert!(said, "no answer");
    wire.hears("NetStream.Publish.Start", Duration::from_millis(100))
}

#[test]
fn the_place_of_a_server_that_was_killed_is_free_within_the_lease() {
    let _seats = seats::some();
    let (_one, two, studio, (_, other_key), killed) = killed();
    wait::until("the place", TERM + START, || wait::check(may_publish(&two, &other_key), "it is taken"));
    let took = killed.elapsed();
    assert!((TERM / 3..=TERM + AT_ONCE).contains(&took), "free after {took:?}");
    wait::until("the stream to be known as gone", AT_ONCE, || {
        let status = two.get(&studio.tenant.key, &studio.path(""))["status"].clone();
        wait::check(status == "idle", status.to_string())
    });
}

#[test]
fn a_server_that_was_killed_and_starts_again_gives_back_what_it_held() {
    let _seats = seats::some();
    let (mut one, two, _studio, (other, other_key), killed) = killed();
    one.pulse.start_again();
    wait::until("the place", START, || wait::check(may_publish(&two, &other_key), "it is taken"));
    // The last renewal was ten seconds before the kill at most.
    assert!(killed.elapsed() < TERM - RENEW, "given back, not run out: {:?}", killed.elapsed());
    let _encoder = publish(&two, "other", &other_key);
    two.pulse.wait_live(&other);
}
