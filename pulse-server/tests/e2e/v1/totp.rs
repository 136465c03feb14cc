//! The second factor, from setting it up to turning it off.

use serde_json::{Value, json};

use super::rig::{Caller, PASSWORD, Rig, text};
use super::scene::code;
use crate::support::seats;

const EMAIL: &str = "careful@example.org";

fn log_in(rig: &Rig, code: Option<&str>) -> (u16, Value) {
    let mut input = json!({"email": EMAIL, "password": PASSWORD});
    if let Some(code) = code {
        input["code"] = json!(code);
    }
    let answer = rig.ask(&Caller::nobody(), "POST", "/v1/auth/login", &input);
    (answer.status, answer.json())
}

#[test]
fn a_second_factor_is_set_up_asked_for_replaced_by_recovery_codes_and_turned_off() {
    let _seats = seats::some();
    let rig = Rig::start();
    let person = rig.person(EMAIL);
    let post = |path: &str, body: &Value, status: u16| rig.done(&person, "POST", path, body, status);
    post("/v1/auth/totp/setup", &json!({"password": "not the password"}), 400);
    let own = json!({"password": PASSWORD});
    let secret = post("/v1/auth/totp/setup", &own, 200);
    assert!(text(&secret["uri"]).starts_with("otpauth://totp/"), "{secret}");
    let secret = text(&secret["secret"]).to_owned();
    // Until a code has shown that the authenticator has it, nothing is asked for.
    assert_eq!(log_in(&rig, None).0, 200);
    post("/v1/auth/totp/confirm", &json!({"code": "000000x"}), 400);
    let used = code(&secret);
    let recovery = post("/v1/auth/totp/confirm", &json!({"code": used}), 200)["recovery_codes"].clone();
    let recovery: Vec<&str> = recovery.as_array().unwrap().iter().map(text).collect();
    assert_eq!(recovery.len(), 10);
    assert_eq!(rig.get(&person, "/v1/auth/me")["totp_enabled"], true);
    post("/v1/auth/totp/setup", &own, 409);

    let (status, refused) = log_in(&rig, None);
    assert_eq!((status, &refused["code"]), (401, &json!("second_factor_required")), "{refused}");
    assert_eq!(log_in(&rig, Some(&used)).0, 401, "a code works once");
    // The next one, which a clock that is a step slow takes for the present one.
    let next = super::scene::code_at(&secret, 1);
    assert_eq!(log_in(&rig, Some(&next)).0, 200);
    assert_eq!(log_in(&rig, Some(&next)).0, 401, "a code works once");
    assert_eq!(log_in(&rig, Some(recovery[0])).0, 200);
    assert_eq!(log_in(&rig, Some(recovery[0])).0, 401, "a recovery code works once");
    let dashed = recovery[1].to_uppercase();
    assert_eq!(log_in(&rig, Some(&dashed)).0, 200, "as somebody types it");

    post("/v1/auth/totp/disable", &json!({"password": "not the password", "code": recovery[2]}), 400);
    post("/v1/auth/totp/disable", &json!({"password": PASSWORD, "code": recovery[0]}), 401);
    post("/v1/auth/totp/disable", &json!({"password": PASSWORD, "code": recovery[2]}), 204);
    assert_eq!(rig.get(&person, "/v1/auth/me")["totp_enabled"], false);
    assert_eq!(log_in(&rig, None).0, 200);
    post("/v1/auth/totp/disable", &json!({"password": PASSWORD, "code": recovery[3]}), 409);
}
