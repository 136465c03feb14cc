//! Two servers on one PostgreSQL: a stream's one place, and what is taken back on one is taken back on the other.

use std::time::Duration;

use platform_core::sql::Location;
use platform_core::testing::Postgres;
use serde_json::{Value, json};

use super::studio::{Studio, assert_becomes, assert_dropped, publish};
use crate::support::http::Client;
use crate::support::{seats, wait};
use crate::v1::rig::{LOOSE, Rig, text};

/// Two servers, and the tenant of the first with a stream.
fn two() -> (Rig, Rig, Studio) {
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
    let mut second = publish(&two, "second", &studio.key);
    two.pulse.wait_live(&studio.id);
    assert_dropped(&mut first);
    wait::holds_for("the second encoder", Duration::from_secs(2), || match second.exited() {
        None => Ok(()),
        Some(status) => Err(format!("it was sent away: {status}")),
    });
}
