//! Log-ins: two tabs that refresh at once, a token that comes back later, suspension, a second factor's pause.

use serde_json::{Value, json};

use super::rig::{Caller, PASSWORD, Rig, text};
use crate::support::seats;

fn refresh(rig: &Rig, token: &Value) -> (u16, Value) {
    let answer = rig.ask(&Caller::nobody(), "POST", "/v1/auth/refresh", &json!({"refresh_token": token}));
    (answer.status, answer.json())
}

#[test]
fn two_tabs_that_refresh_at_once_stay_logged_in() {
    let _seats = seats::some();
    let rig = Rig::start();
    let mut token = rig.register("tabs@example.org")["refresh_token"].clone();
    for round in 0..5 {
        let answers: Vec<(u16, Value)> = std::thread::scope(|scope| {
            let tabs: Vec<_> = (0..2).map(|_| scope.spawn(|| refresh(&rig, &token))).collect();
            tabs.into_iter().map(|tab| tab.join().unwrap()).collect()
        });
        assert_eq!((answers[0].0, answers[1].0), (200, 200), "round {round}: {answers:?}");
        assert_eq!(answers[0].1["refresh_token"], answers[1].1["refresh_token"], "one successor");
        let next = answers[0].1["refresh_token"].clone();
        assert_ne!(next, token);
        token = next;
    }
    let (_, tokens) = refresh(&rig, &token);
    let person = Caller::person(text(&tokens["access_token"]));
    rig.get(&person, "/v1/auth/me");
}

#[test]
fn a_token_of_two_generations_ago_ends_the_login() {
    let _seats = seats::some();
    let rig = Rig::start();
    let first = rig.register("replay@example.org")["refresh_token"].clone();
    let (_, second) = refresh(&rig, &first);
    let (_, third) = refresh(&rig, &second["refresh_token"]);
    assert_eq!(refresh(&rig, &first).0, 401);
    assert_eq!(refresh(&rig, &third["refresh_token"]).0, 401, "the family is revoked");
    let person = Caller::person(text(&third["access_token"]));
    assert_eq!(rig.ask(&person, "GET", "/v1/auth/me", &Value::Null).status, 401, "the access token with it");
}

#[test]
fn the_cookie_is_for_browsers_of_this_site_alone() {
    let _seats = seats::some();
    let rig = Rig::start();
    rig.register("cookie@example.org");
    let input = json!({"email": "cookie@example.org", "password": PASSWORD, "cookie": true});
    let answer = rig.ask(&Caller::nobody(), "POST", "/v1/auth/login", &input);
    assert_eq!(answer.json()["refresh_token"], Value::Null);
    let line = answer.header("set-cookie");
    for attribute in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/v1/auth"] {
        assert!(line.contains(attribute), "{line}");
    }
    let cookie = line.split(';').next().unwrap();
    let browser = Caller::nobody().with("cookie", cookie);
    let foreign = browser.with("origin", "https://evil.example");
    assert_eq!(rig.ask(&foreign, "POST", "/v1/auth/refresh", &Value::Null).status, 403);
    let own = browser.with("origin", &rig.pulse.url(""));
    let answer = rig.ask(&own, "POST", "/v1/auth/refresh", &Value::Null);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("set-cookie").starts_with("__Secure-pulse_refresh="));
    let out = rig.ask(&own, "POST", "/v1/auth/logout", &Value::Null);
    assert_eq!((out.status, out.header("set-cookie").contains("Max-Age=0")), (204, true));
}

#[test]
fn registering_and_forgetting_answer_alike_for_known_and_unknown_addresses() {
    let _seats = seats::some();
    let rig = Rig::start();
    rig.register("known@example.org");
    let nobody = Caller::nobody();
    let ask = |path: &str, email: &str| {
        let mut body = json!({"email": email});
        if path.ends_with("register") {
            body["password"] = json!(PASSWORD);
            body["name"] = json!("Sam");
        }
        let answer = rig.ask(&nobody, "POST", path, &body);
        (answer.status, answer.text())
    };
    for path in ["/v1/auth/register", "/v1/auth/password/forgot"] {
        let known = ask(path, "known@example.org");
        assert_eq!(known.0, 202);
        assert_eq!(known, ask(path, "unknown@example.org"), "{path}");
    }
    let wrong = |email: &str| {
        let input = json!({"email": email, "password": "not the password"});
        let mut answer = rig.ask(&nobody, "POST", "/v1/auth/login", &input).json();
        answer["request_id"] = Value::Null;
        answer
    };
    assert_eq!(wrong("known@example.org"), wrong("nobody@example.org"));
}

#[test]
fn a_reset_password_ends_all_logins() {
    let _seats = seats::some();
    let rig = Rig::start();
    let before = rig.register("reset@example.org");
    let nobody = Caller::nobody();
    let verified = rig.mailed_token("reset@example.org");
    rig.done(&nobody, "POST", "/v1/auth/password/forgot", &json!({"email": "reset@example.org"}), 202);
    let token = crate::support::wait::until("the mail", std::time::Duration::from_secs(10), || {
        let token = rig.mailed_token("reset@example.org");
        if token == verified { Err("not yet") } else { Ok(token) }
    });
    let input = json!({"token": token, "password": "another horse battery"});
    rig.done(&nobody, "POST", "/v1/auth/password/reset", &input, 204);
    assert_eq!(rig.ask(&nobody, "POST", "/v1/auth/password/reset", &input).status, 400, "single use");
    assert_eq!(refresh(&rig, &before["refresh_token"]).0, 401);
    let person = Caller::person(text(&before["access_token"]));
    assert_eq!(rig.ask(&person, "GET", "/v1/auth/me", &Value::Null).status, 401);
    let input = json!({"email": "reset@example.org", "password": "another horse battery"});
    rig.done(&nobody, "POST", "/v1/auth/login", &input, 200);
}
