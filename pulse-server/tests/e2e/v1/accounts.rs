//! Accounts under attack: guesses at once, mails that others ask for, answers before they are kept.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::rig::{Caller, PASSWORD, Rig};
use crate::support::seats;
use crate::support::wait;

const PATIENCE: Duration = Duration::from_secs(10);

fn log_in(rig: &Rig, email: &str, password: &str) -> (u16, String) {
    let input = json!({"email": email, "password": password});
    let answer = rig.ask(&Caller::nobody(), "POST", "/v1/auth/login", &input);
    (answer.status, answer.text())
}

#[test]
fn of_guesses_that_come_at_once_five_are_checked_and_a_reset_password_lets_the_owner_in() {
    let _seats = seats::some();
    let rig = Rig::start();
    rig.register("sam@example.org");
    let verified = rig.mailed_token("sam@example.org");
    let began = Instant::now();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let guesses: Vec<_> =
            (0..24).map(|_| scope.spawn(|| log_in(&rig, "sam@example.org", "wrong password").0)).collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    let checked = statuses.iter().filter(|status| **status == 401).count();
    // Five, and one at the end of each pause: after 2 s, 4 s more, 8 s more.
    let pauses = [2, 6, 14, 30, 62].iter().filter(|seconds| **seconds <= began.elapsed().as_secs()).count();
    assert!((5..=5 + pauses).contains(&checked), "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 401 | 429)), "{statuses:?}");
    // Until the pause is a long one.
    while log_in(&rig, "sam@example.org", "wrong password").0 != 429 {}

    let nobody = Caller::nobody();
    rig.done(&nobody, "POST", "/v1/auth/password/forgot", &json!({"email": "Sam@example.org"}), 202);
    let token = wait::until("the mail", PATIENCE, || {
        let token = rig.mailed_token("sam@example.org");
        if token == verified { Err("not yet") } else { Ok(token) }
    });
    let input = json!({"token": token, "password": "another horse battery"});
    rig.done(&nobody, "POST", "/v1/auth/password/reset", &input, 204);
    let (status, text) = log_in(&rig, "sam@example.org", "another horse battery");
    assert_eq!(status, 200, "{text}");
}

#[test]
fn mails_to_one_address_are_bounded_alike_whether_it_has_an_account_or_not() {
    let _seats = seats::some();
    let rig = Rig::start();
    rig.register("known@example.org");
    let ask = |path: &str, email: &str| {
        let mut body = json!({"email": email});
        if path.ends_with("register") {
            body["password"] = json!(PASSWORD);
            body["name"] = json!("Sam");
        }
        let answer = rig.ask(&Caller::nobody(), "POST", path, &body);
        (answer.status, answer.problem_code())
    };
    for (path, free) in [("/v1/auth/register", 4), ("/v1/auth/password/forgot", 5)] {
        // Registering it was one.
        for _ in 0..free {
            assert_eq!(ask(path, "known@example.org").0, 202, "{path}");
        }
        for _ in 0..5 {
            assert_eq!(ask(path, "unknown@example.org").0, 202, "{path}");
        }
        for email in ["known@example.org", "Unknown@Example.org"] {
            assert_eq!(ask(path, email), (429, "rate_limited".to_owned()), "{path} {email}");
        }
        assert_eq!(ask(path, "other@example.org").0, 202, "others are not concerned");
    }
}

#[test]
fn what_was_accepted_is_kept_when_the_server_is_killed_at_once() {
    let _seats = seats::some();
    let mut rig = Rig::start();
    let nobody = Caller::nobody();
    let input = json!({"email": "sam@example.org", "password": PASSWORD, "name": "Sam"});
    rig.done(&nobody, "POST", "/v1/auth/register", &input, 202);
    rig.pulse.kill();
    rig.pulse.start_again();
    let verify = json!({"token": rig.mailed_token("sam@example.org")});
    rig.done(&nobody, "POST", "/v1/auth/email/verify", &verify, 204);
    let verified = rig.mailed_token("sam@example.org");
    rig.done(&nobody, "POST", "/v1/auth/password/forgot", &json!({"email": "sam@example.org"}), 202);
    rig.pulse.kill();
    rig.pulse.start_again();
    wait::until("the mail", PATIENCE, || {
        let token = rig.mailed_token("sam@example.org");
        wait::check(token != verified, "not yet")
    });
}

#[test]
fn what_cannot_be_chosen_is_named_and_no_attempt() {
    let _seats = seats::some();
    let rig = Rig::start();
    let sam = rig.person("sam@example.org");
    for _ in 0..8 {
        let input = json!({"password": "wrong password", "new_password": "short"});
        let refused = rig.done(&sam, "POST", "/v1/auth/password/change", &input, 400);
        assert_eq!(refused["errors"][0]["pointer"], "/new_password", "{refused}");
    }
    for (email, name, pointer) in [("nonsense", "Sam", "/email"), ("a@example.org", " ", "/name")] {
        let input = json!({"email": email, "password": PASSWORD, "name": name});
        let refused = rig.done(&Caller::nobody(), "POST", "/v1/auth/register", &input, 400);
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
    let refused =
        rig.done(&Caller::nobody(), "POST", "/v1/auth/password/forgot", &json!({"email": "x"}), 400);
    assert_eq!(refused["errors"][0]["pointer"], "/email", "{refused}");
    let input = json!({"token": "nonsense", "password": PASSWORD});
    assert_eq!(
        rig.done(&Caller::nobody(), "POST", "/v1/auth/password/reset", &input, 400)["code"],
        "invalid_token"
    );
    let input = json!({"password": PASSWORD, "new_password": "another horse battery"});
    assert_eq!(rig.done(&sam, "POST", "/v1/auth/password/change", &input, 204), Value::Null);
}
