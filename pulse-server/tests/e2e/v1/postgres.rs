//! Two servers on one PostgreSQL: what one changes, the other knows.

use std::time::{Duration, Instant};

use platform_core::sql::Location;
use platform_core::testing::Postgres;
use serde_json::{Value, json};

use super::rig::{Caller, LOOSE, Rig, Tenant, text};
use crate::support::{seats, wait};

/// Changes are announced, not polled for: a second, on a machine that the test has for itself.
const PATIENCE: Duration = Duration::from_secs(1);

#[test]
fn two_servers_on_one_database_see_each_others_changes_and_revocations() {
    let _seats = seats::all();
    let database = Postgres::shared().database();
    let Location::Postgres(url) = &database else { panic!("not PostgreSQL") };
    let url = format!("[database]\nurl = {:?}\n", url.expose_str().unwrap());
    let one = Rig::start_with(&format!("{url}{LOOSE}"));
    let key = one.pulse.stage().path().join("data/master.key");
    let two = Rig::start_with(&format!("{url}master_key_file = {key:?}\n{LOOSE}"));

    let tenant = Tenant::create(&one, "sam@example.org");
    let status = |rig: &Rig, caller: &Caller| rig.ask(caller, "GET", "/v1/streams", &Value::Null).status;
    assert_eq!((status(&one, &tenant.key), status(&two, &tenant.key)), (200, 200));
    let path = format!("/v1/streams/{}", tenant.stream);
    assert_eq!(two.get(&tenant.key, &path)["name"], "Town hall");
    one.done(&tenant.owner, "PATCH", &path, &json!({"name": "Renamed"}), 200);
    wait::until("the other server to forget the stream", PATIENCE, || {
        let name = two.get(&tenant.key, &path)["name"].clone();
        wait::check(name == "Renamed", name.to_string())
    });

    let revoked = Instant::now();
    let path = format!("/v1/projects/{}/keys/{}", tenant.project, tenant.api_key);
    one.done(&tenant.owner, "DELETE", &path, &Value::Null, 204);
    wait::until("the other server to refuse the key", PATIENCE, || {
        wait::check(status(&two, &tenant.key) == 401, "still accepted")
    });
    assert!(revoked.elapsed() < PATIENCE);

    // A login of one is a login of the other, and ends on both.
    let tokens = two.login("sam@example.org");
    let person = Caller::person(text(&tokens["access_token"]));
    one.get(&person, "/v1/auth/me");
    two.get(&person, "/v1/auth/me");
    two.done(&person, "POST", "/v1/auth/logout", &Value::Null, 204);
    wait::until("the first server to forget the login", PATIENCE, || {
        let status = one.ask(&person, "GET", "/v1/auth/me", &Value::Null).status;
        wait::check(status == 401, status.to_string())
    });
}
