//! Links in mails, followed in Chromium to the pages that the server has for them (`web/e2e/account.test.mjs`).

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::rig::{Caller, PASSWORD, Rig, Tenant, text};
use super::scene::code;
use crate::support::page::Page;
use crate::support::seats;

const NEW_PASSWORD: &str = "another horse battery";

fn log_in(rig: &Rig, email: &str, password: &str) -> u16 {
    let input = json!({"email": email, "password": password});
    rig.ask(&Caller::nobody(), "POST", "/v1/auth/login", &input).status
}

/// Gives somebody a second factor; a recovery code.
fn careful(rig: &Rig, person: &Caller) -> String {
    let setup = rig.done(person, "POST", "/v1/auth/totp/setup", &json!({"password": PASSWORD}), 200);
    let input = json!({"code": code(text(&setup["secret"]))});
    let codes = rig.done(person, "POST", "/v1/auth/totp/confirm", &input, 200);
    text(&codes["recovery_codes"][0]).to_owned()
}

/// The file that has the server's log, in which its mails are.
fn log(folder: &Path) -> String {
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let has_mails = |path: &PathBuf| {
        path.is_file() && std::fs::read_to_string(path).is_ok_and(|text| text.contains("mail to "))
    };
    files.into_iter().find(has_mails).expect("mails are in the log").display().to_string()
}

#[test]
fn links_in_mails_verify_an_address_replace_a_password_and_accept_invitations_in_a_browser() {
    let _seats = seats::all();
    let mut rig = Rig::start();
    let tenant = Tenant::create(&rig, "owner@example.org");
    rig.person("kim@example.org");
    let ray = rig.person("ray@example.org");
    let recovery = careful(&rig, &ray);
    let input = json!({"email": "sam@example.org", "password": PASSWORD, "name": "Sam"});
    rig.done(&Caller::nobody(), "POST", "/v1/auth/register", &input, 202);
    rig.mailed_token("sam@example.org");
    let invitations = format!("/v1/organizations/{}/invitations", tenant.organization);
    for (email, role) in [("ray@example.org", "developer"), ("lee@example.org", "viewer")] {
        rig.post(&tenant.owner, &invitations, &json!({"email": email, "role": role}));
    }
    // Fetching a page, whatever comes with it, uses nothing up.
    let token = rig.mailed_token("sam@example.org");
    assert_eq!(rig.pulse.get(&format!("/verify-email?token={token}")).status, 200);
    assert_eq!(log_in(&rig, "sam@example.org", PASSWORD), 401, "the address is not verified yet");

    let variables = [
        ("PULSE_MAILS", log(rig.pulse.stage().path())),
        ("PULSE_PASSWORD", PASSWORD.to_owned()),
        ("PULSE_NEW_PASSWORD", NEW_PASSWORD.to_owned()),
        ("PULSE_UNVERIFIED", "sam@example.org".to_owned()),
        ("PULSE_FORGETFUL", "kim@example.org".to_owned()),
        ("PULSE_INVITED", "ray@example.org".to_owned()),
        ("PULSE_CODE", recovery),
        ("PULSE_NEWCOMER", "lee@example.org".to_owned()),
    ];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    Page::start(&rig.pulse, "", "account.test.mjs", &variables).assert_passes();

    assert_eq!(log_in(&rig, "sam@example.org", PASSWORD), 200);
    assert_eq!(log_in(&rig, "kim@example.org", PASSWORD), 401);
    assert_eq!(log_in(&rig, "kim@example.org", NEW_PASSWORD), 200);
    let members = rig.get(&tenant.owner, &format!("/v1/organizations/{}/members", tenant.organization));
    let mut roles: Vec<&str> = members["data"].as_array().unwrap().iter().map(role).collect();
    roles.sort_unstable();
    assert_eq!(roles, ["developer", "owner", "viewer"], "{members}");
    // The page logs out again, after it has accepted.
    let exported = rig.admin(&["export-user", "lee@example.org"], "").unwrap();
    let logins = exported["sessions"].as_array().unwrap();
    assert!(!logins.is_empty() && logins.iter().all(|login| !login["revoked_at"].is_null()), "{exported}");
    rig.pulse.assert_sound();
}

fn role(member: &Value) -> &str {
    text(&member["role"])
}
