//! A person who is erased leaves no address behind: not in the database, nor in its log, nor in the server's.

use std::path::Path;

use serde_json::{Value, json};

use super::mail::{Mailbox, token};
use super::rig::{Caller, LOOSE, PASSWORD, Rig, Tenant};
use crate::support::seats;

const EMAIL: &str = "erase.me.4711@example.org";
const NAME: &str = "Erasmus Unmistakable";

/// Files in a folder and its folders that have a text in them, whatever its case: what `grep -rail` finds.
fn found(folder: &Path, text: &str) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(found(&path, text));
        } else if let Ok(bytes) = std::fs::read(&path) {
            let is_it = |window: &[u8]| window.eq_ignore_ascii_case(text.as_bytes());
            if bytes.windows(text.len()).any(is_it) {
                files.push(path.display().to_string());
            }
        }
    }
    files
}

#[test]
fn neither_address_nor_name_of_an_erased_person_is_left_in_database_or_logs() {
    let _seats = seats::some();
    let mailbox = Mailbox::open();
    let mut rig = Rig::start_with(&format!("{}{LOOSE}", mailbox.section()));
    let nobody = Caller::nobody();
    let register = |email: &str, name: &str| {
        let input = json!({"email": email, "password": PASSWORD, "name": name});
        rig.done(&nobody, "POST", "/v1/auth/register", &input, 202);
        let token = token(&mailbox.next(email));
        rig.done(&nobody, "POST", "/v1/auth/email/verify", &json!({"token": token}), 204);
        Caller::person(rig.login(email)["access_token"].as_str().unwrap())
    };
    let tenant = Tenant::of(&rig, register("sam@example.org", "Sam"));
    let person = register(EMAIL, NAME);
    // All that may write the address down: a wrong password, a forgotten one, mails, an invitation accepted and one not, an
    // answer that is kept for a repetition.
    let wrong = json!({"email": EMAIL, "password": "not the password"});
    rig.done(&nobody, "POST", "/v1/auth/login", &wrong, 401);
    rig.done(&nobody, "POST", "/v1/auth/password/forgot", &json!({"email": EMAIL}), 202);
    mailbox.next(EMAIL);
    let invitations = format!("/v1/organizations/{}/invitations", tenant.organization);
    rig.post(
        &tenant.owner.with("idempotency-key", "1"),
        &invitations,
        &json!({"email": EMAIL, "role": "viewer"}),
    );
    let accept = json!({"token": token(&mailbox.next(EMAIL))});
    rig.done(&person.with("idempotency-key", "2"), "POST", "/v1/invitations/accept", &accept, 200);
    let second = rig.post(&tenant.owner, "/v1/organizations", &json!({"name": "Second"}));
    let invitations = format!("/v1/organizations/{}/invitations", second["id"].as_str().unwrap());
    rig.post(&tenant.owner, &invitations, &json!({"email": EMAIL, "role": "viewer"}));
    mailbox.next(EMAIL);
    rig.done(&person, "PATCH", "/v1/auth/me", &json!({"name": format!("{NAME} II")}), 200);
    let folder = rig.pulse.stage().path().to_owned();
    assert!(!found(&folder.join("data"), EMAIL).is_empty(), "it is there before, or nothing is shown");

    rig.admin(&["erase-user", EMAIL], "").unwrap();
    rig.done(&nobody, "POST", "/v1/auth/login", &wrong, 401);
    let gone = |when: &str| {
        for text in [EMAIL, NAME] {
            assert_eq!(found(&folder, text), Vec::<String>::new(), "{when}");
        }
    };
    gone("while the server runs");
    rig.done(&person, "GET", "/v1/auth/me", &Value::Null, 401);
    rig.pulse.kill();
    gone("after kill -9");
    rig.pulse.start_again();
    rig.get(&tenant.owner, "/v1/auth/me");
    rig.pulse.stop();
    gone("after the next one has stopped");
}
