//! Publishing with stream keys: the right ones do, and are cut off when they no longer are.

use std::time::{Duration, SystemTime};

use platform_core::WallTime;
use serde_json::{Value, json};

use super::studio::{AT_ONCE, Studio, assert_dropped, limit, publish, quick, stream};
use crate::support::rtmp_wire::Wire;
use crate::support::{seats, wait};
use crate::v1::rig::{Rig, text};

/// Whether a key is refused, in a way that says nothing of why.
#[track_caller]
fn assert_refused(rig: &Rig, key: &str) {
    let mut wire = Wire::connected(rig.pulse.rtmp_address(), "live");
    wire.publish(key);
    assert!(wire.hears("NetStream.Publish.BadName", Duration::from_secs(10)), "{key} was not refused");
}

#[test]
fn a_stream_key_publishes_its_stream_until_it_is_revoked_and_others_do_not() {
    let _seats = seats::some();
    let rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let mut encoder = studio.publish(&rig);
    // What looks like a key and is none, what names the stream, and what is close to the key.
    let (head, last) = studio.key.split_at(studio.key.len() - 1);
    let close = format!("{head}{}", if last == "a" { "b" } else { "a" });
    for wrong in [&studio.id, &studio.tenant.project.replace("prj_", ""), &close] {
        assert_refused(&rig, wrong);
    }
    let keys = rig.get(&studio.tenant.owner, &studio.path("/keys"));
    let key_id = text(&keys["data"][0]["id"]);
    rig.done(&studio.tenant.owner, "DELETE", &studio.path(&format!("/keys/{key_id}")), &Value::Null, 204);
    assert_dropped(&mut encoder);
    assert_refused(&rig, &studio.key);
    let log = rig.pulse.log();
    assert!(log.contains("revoked or has ended"), "the operator learns why: {log}");
    let gone = log.lines().find(|line| line.contains("publisher gone")).expect("its end is logged");
    assert!(gone.contains("its key or token was revoked"), "{gone}");
    assert!(!log.contains(&studio.key), "and no key");
}

#[test]
fn a_rotated_key_goes_on_for_as_long_as_was_asked_and_no_longer() {
    let _seats = seats::some();
    let rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let mut encoder = studio.publish(&rig);
    studio.rotate_with(&rig, &json!({"overlap_seconds": 3}));
    wait::holds_for("the old key", Duration::from_millis(1_500), || match encoder.exited() {
        None => Ok(()),
        Some(status) => Err(format!("it was sent away: {status}")),
    });
    assert_dropped(&mut encoder);
    assert_refused(&rig, &studio.key);
}

#[test]
fn a_key_that_is_rotated_without_overlap_is_void_at_once_and_the_new_one_publishes() {
    let _seats = seats::some();
    let rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let mut encoder = studio.publish(&rig);
    let new_key = studio.rotate(&rig);
    assert_dropped(&mut encoder);
    assert_refused(&rig, &studio.key);
    let mut again = publish(&rig, "with-the-old-key", &studio.key);
    assert!(!again.wait(Duration::from_secs(20)).success(), "ffmpeg is told");
    let _encoder = publish(&rig, "with-the-new-key", &new_key);
    rig.pulse.wait_live(&studio.id);
}

#[test]
fn a_foreign_key_or_token_publishes_its_own_stream_and_no_other() {
    let _seats = seats::some();
    let rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let foreign = Studio::open(&rig, "b@example.org");
    let (_, sibling_key) = stream(&rig, &studio.tenant, "Sibling", "public");
    let minted = rig.post(&foreign.tenant.key, &foreign.path("/tokens/publish"), &json!({}));
    let playback = studio.token(&rig, &json!({}));
    for wrong in [
        format!("{}?token={}", studio.id, text(&minted["token"])),
        format!("{}?token={}", studio.id, text(&playback["token"])),
        format!("{}?token={}", studio.id, foreign.key),
        format!("{}?key={}", studio.id, studio.key),
        format!("{}/{}", studio.id, foreign.key),
    ] {
        assert_refused(&rig, &wrong);
    }
    let _theirs = foreign.publish(&rig);
    let _sibling = publish(&rig, "sibling", &sibling_key);
    wait::until("both streams and no more", AT_ONCE * 5, || {
        let live = rig.pulse.live();
        assert!(live.iter().all(|one| one.id != studio.id), "{live:?}");
        wait::check(live.len() == 2, format!("{live:?}"))
    });
}

#[test]
fn whoever_is_refused_is_told_the_same_and_the_operator_why() {
    let _seats = seats::some();
    let rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let owner = &studio.tenant.owner;
    let made = |name| stream(&rig, &studio.tenant, name, "public");
    let (revoked, deleted, early) = (made("Revoked"), made("Deleted"), made("Early"));
    let key_id =
        text(&rig.get(owner, &format!("/v1/streams/{}/keys", revoked.0))["data"][0]["id"]).to_owned();
    rig.done(owner, "DELETE", &format!("/v1/streams/{}/keys/{key_id}", revoked.0), &Value::Null, 204);
    rig.done(owner, "DELETE", &format!("/v1/streams/{}", deleted.0), &Value::Null, 204);
    let starts_at = WallTime::from(SystemTime::now() + Duration::from_secs(3600));
    let schedule = format!("/v1/streams/{}/schedule", early.0);
    rig.done(owner, "PUT", &schedule, &json!({"starts_at": starts_at}), 200);
    let old_key = studio.key.clone();
    studio.rotate(&rig);
    let suspended = Studio::open(&rig, "b@example.org");
    rig.admin(&["suspend-organization", &suspended.tenant.organization], "").unwrap();
    let withdrawn = rig.post(&studio.tenant.key, &studio.path("/tokens/publish"), &json!({}));
    let revoke = json!({"jti": withdrawn["token_id"]});
    rig.done(&studio.tenant.key, "POST", &studio.path("/tokens/revoke"), &revoke, 204);
    let refused = [
        ("no key at all", "nothing-like-a-key".to_owned(), ""),
        ("one that was revoked", revoked.1, "was revoked or has ended"),
        ("one that was replaced", old_key, "was revoked or has ended"),
        ("one of a deleted stream", deleted.1, "there is no such stream"),
        ("one out of its schedule", early.1, "out of its schedule"),
        ("one of who is suspended", suspended.key, "suspended"),
        (
            "a revoked token",
            format!("{}?token={}", studio.id, text(&withdrawn["token"])),
            "the token was revoked",
        ),
    ];
    // All at once, as each is answered late.
    let ask = |key: &str| {
        let mut wire = Wire::connected(rig.pulse.rtmp_address(), "live");
        wire.publish(key);
        wire
    };
    let wires: Vec<_> = refused.iter().map(|(_, key, _)| ask(key)).collect();
    let told: Vec<_> = wires.into_iter().map(|wire| wire.hear_out(Duration::from_secs(20))).collect();
    let log = rig.pulse.log();
    for ((what, key, why), told_it) in refused.iter().zip(&told) {
        assert_eq!(told_it, &told[0], "{what}: {}", String::from_utf8_lossy(told_it));
        assert!(log.contains(why), "{what}: the operator does not learn why:\n{log}");
        assert!(!log.contains(key.rsplit('=').next().unwrap()), "{what} is in the log");
    }
    assert!(String::from_utf8_lossy(&told[0]).contains("NetStream.Publish.BadName"));
}

#[test]
fn what_is_suspended_or_deleted_is_off_the_air_and_comes_back() {
    let _seats = seats::some();
    let rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let organization = studio.tenant.organization.clone();
    let mut encoder = studio.publish(&rig);
    rig.admin(&["suspend-organization", &organization], "").unwrap();
    assert_dropped(&mut encoder);
    assert_refused(&rig, &studio.key);
    rig.admin(&["resume-organization", &organization], "").unwrap();
    let mut encoder = studio.publish(&rig);
    rig.done(&studio.tenant.owner, "DELETE", &studio.path(""), &Value::Null, 204);
    assert_dropped(&mut encoder);
    assert_refused(&rig, &studio.key);
}

#[test]
fn a_plan_says_how_many_streams_are_published_and_a_killed_server_keeps_no_place() {
    let _seats = seats::some();
    let mut rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let operator = rig.operator("op@example.org");
    limit(&rig, &operator, &studio.tenant, "one", &json!({"concurrent_publishers": 1}));
    let (other, other_key) = stream(&rig, &studio.tenant, "Other", "public");
    let encoder = studio.publish(&rig);
    let mut refused = publish(&rig, "second", &other_key);
    wait::until("the second to be refused", AT_ONCE, || refused.exited().ok_or("it publishes"));
    assert!(rig.pulse.log().contains("concurrent_publishers"), "{}", rig.pulse.log());
    drop(encoder);
    rig.pulse.kill();
    rig.pulse.start_again();
    let _encoder = publish(&rig, "third", &other_key);
    rig.pulse.wait_live(&other);
}

/// Has a stream end soon.
#[track_caller]
fn end_soon(rig: &Rig, studio: &Studio) {
    let ends_at = WallTime::from(SystemTime::now() + Duration::from_secs(3));
    rig.done(&studio.tenant.owner, "PUT", &studio.path("/schedule"), &json!({"ends_at": ends_at}), 200);
}

#[test]
fn a_publishing_token_publishes_its_stream_from_its_network_until_it_or_all_or_its_signing_key_are_revoked() {
    let _seats = seats::some();
    let rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let mint_for = |input: Value| rig.post(&studio.tenant.key, &studio.path("/tokens/publish"), &input);
    let mint = || mint_for(json!({"ip": "127.0.0.0/8"}));
    let name = |token: &Value| format!("{}?token={}", studio.id, text(&token["token"]));
    assert_refused(&rig, &name(&mint_for(json!({"ip": "203.0.113.0/24"}))));
    assert!(rig.pulse.log().contains("the token is for another network"), "{}", rig.pulse.log());
    let token = mint();
    let mut encoder = publish(&rig, "first", &name(&token));
    rig.pulse.wait_live(&studio.id);
    let revoke = json!({"jti": token["token_id"]});
    rig.done(&studio.tenant.key, "POST", &studio.path("/tokens/revoke"), &revoke, 204);
    assert_dropped(&mut encoder);
    assert_refused(&rig, &name(&token));
    let token = mint();
    let mut encoder = publish(&rig, "second", &name(&token));
    rig.pulse.wait_live(&studio.id);
    rig.done(&studio.tenant.key, "POST", &studio.path("/tokens/revoke"), &json!({"all": true}), 204);
    assert_dropped(&mut encoder);
    assert_refused(&rig, &name(&token));
    let token = mint();
    let mut encoder = publish(&rig, "third", &name(&token));
    rig.pulse.wait_live(&studio.id);
    let path = format!("/v1/projects/{}/signing-keys/{}", studio.tenant.project, studio.tenant.signing_key);
    rig.done(&studio.tenant.owner, "DELETE", &path, &Value::Null, 204);
    assert_dropped(&mut encoder);
    assert_refused(&rig, &name(&token));
}

#[test]
fn a_schedule_that_ends_ends_who_publishes() {
    let _seats = seats::some();
    let rig = quick();
    let studio = Studio::open(&rig, "a@example.org");
    let mut encoder = studio.publish(&rig);
    end_soon(&rig, &studio);
    wait::until("the schedule's end", AT_ONCE * 2, || encoder.exited().ok_or("it publishes on"));
    assert_refused(&rig, &studio.key);
}
