//! Clocks that are wrong: of a server that is set, and of two servers that do not agree.

use platform_core::sql::Location;
use platform_core::testing::Postgres;
use serde_json::{Value, json};

use super::rig::{Caller, LOOSE, Rig, Tenant, text};
use crate::support::seats;
use crate::support::server::Setup;

fn refresh(rig: &Rig, token: &Value) -> (u16, Value) {
    let answer = rig.ask(&Caller::nobody(), "POST", "/v1/auth/refresh", &json!({"refresh_token": token}));
    (answer.status, answer.json())
}

fn names(rig: &Rig, caller: &Caller) -> Vec<String> {
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = rig.get(caller, &format!("/v1/streams?limit=2&cursor={cursor}"));
        names.extend(page["data"].as_array().unwrap().iter().map(|one| text(&one["name"]).to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { return names };
        cursor = next.to_owned();
    }
}

#[test]
fn two_servers_whose_clocks_are_seconds_apart_take_each_others_logins_keys_and_changes() {
    let _seats = seats::some();
    let database = Postgres::shared().database();
    let Location::Postgres(url) = &database else { panic!("not PostgreSQL") };
    let url = format!("[database]\nurl = {:?}\n", url.expose_str().unwrap());
    let fast = Rig::with(Setup::new().section(&format!("{url}{LOOSE}")).clock(4));
    let key = fast.pulse.stage().path().join("data/master.key");
    let slow = Rig::with(Setup::new().section(&format!("{url}master_key_file = {key:?}\n{LOOSE}")).clock(-4));

    let tenant = Tenant::create(&fast, "sam@example.org");
    // Made in the other's future, and in its past.
    slow.get(&tenant.owner, "/v1/auth/me");
    let of_slow = Caller::person(text(&slow.login("sam@example.org")["access_token"]));
    fast.get(&of_slow, "/v1/auth/me");
    for (number, rig) in [&slow, &fast, &slow].into_iter().enumerate() {
        rig.post(&tenant.key, "/v1/streams", &json!({"name": format!("Stream {number}")}));
    }
    let mut all = names(&slow, &tenant.key);
    assert_eq!(all, names(&fast, &tenant.key));
    all.sort();
    assert_eq!(all, ["Stream 0", "Stream 1", "Stream 2", "Town hall"]);

    // One tab at each, whichever is first.
    let mut token = fast.login("sam@example.org")["refresh_token"].clone();
    for (first, second) in [(&slow, &fast), (&fast, &slow), (&slow, &fast)] {
        let (one, other) = (refresh(first, &token), refresh(second, &token));
        assert_eq!((one.0, other.0), (200, 200), "{one:?} {other:?}");
        assert_eq!(one.1["refresh_token"], other.1["refresh_token"], "one successor");
        token = one.1["refresh_token"].clone();
    }
}

#[test]
fn a_server_whose_clock_is_set_back_an_hour_goes_on() {
    let _seats = seats::some();
    let mut rig = Rig::with(Setup::new().section(LOOSE).clock(3600));
    let tenant = Tenant::create(&rig, "sam@example.org");
    let token = rig.login("sam@example.org")["refresh_token"].clone();
    rig.pulse.stop();
    rig.pulse.set_clock(0);
    rig.pulse.start_again();
    // What is of the future is valid: nobody is logged out, no key ends.
    rig.get(&tenant.owner, "/v1/auth/me");
    let (status, tokens) = refresh(&rig, &token);
    assert_eq!(status, 200, "{tokens}");
    let (status, next) = refresh(&rig, &tokens["refresh_token"]);
    assert_eq!(status, 200, "{next}");
    assert_eq!(refresh(&rig, &token).0, 401, "a token of two generations ago still ends the login");
    for number in 0..3 {
        rig.post(&tenant.key, "/v1/streams", &json!({"name": format!("Stream {number}")}));
    }
    let mut all = names(&rig, &tenant.key);
    all.sort();
    assert_eq!(all, ["Stream 0", "Stream 1", "Stream 2", "Town hall"]);
    rig.login("sam@example.org");
    rig.pulse.assert_sound();
}
