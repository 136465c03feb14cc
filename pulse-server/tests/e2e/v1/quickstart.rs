//! What `docs/quickstart.md` promises: from an empty server to a stream with keys and a minted token.

use serde_json::json;

use super::rig::{Caller, Rig, text};
use crate::support::seats;

#[test]
fn a_newcomer_gets_from_an_empty_server_to_a_stream_with_keys_and_a_minted_token() {
    let _seats = seats::some();
    let mut rig = Rig::start();
    let nobody = Caller::nobody();
    assert_eq!(rig.get(&nobody, "/v1/status")["status"], "ok");

    let sam = rig.person("sam@example.org");
    assert_eq!(rig.get(&sam, "/v1/auth/me")["email"], "sam@example.org");
    let organization = rig.post(&sam, "/v1/organizations", &json!({"name": "Example Media"}));
    let input = json!({"organization_id": organization["id"], "name": "Live events"});
    let project = rig.post(&sam, "/v1/projects", &input);
    let project = format!("/v1/projects/{}", text(&project["id"]));

    let scopes = ["streams.read", "streams.write", "stream_keys.read", "tokens.mint", "usage.read"];
    let key = rig.post(&sam, &format!("{project}/keys"), &json!({"name": "backend", "scopes": scopes}));
    assert!(text(&key["key"]).starts_with("pulse_key_") && text(&key["secret"]).starts_with("pulse_secret_"));
    let backend = Caller::key(&key);
    rig.post(&sam, &format!("{project}/signing-keys"), &json!({"name": "player"}));

    let input = json!({"name": "Town hall", "playback_policy": "signed", "labels": {"team": "news"}});
    let stream = rig.post(&backend, "/v1/streams", &input);
    let id = text(&stream["id"]);
    assert!(text(&stream["stream_key"]["key"]).len() > 50, "{stream}");
    let again = rig.get(&backend, &format!("/v1/streams/{id}/keys"));
    assert_eq!(again["data"][0]["key"], stream["stream_key"]["key"]);
    assert_eq!(rig.get(&backend, "/v1/streams")["data"][0]["id"], stream["id"]);

    let token = rig.post(&backend, &format!("/v1/streams/{id}/tokens"), &json!({"viewer_id": "viewer-17"}));
    assert_eq!(text(&token["token"]).split('.').count(), 3, "{token}");
    let usage = rig.get(&backend, "/v1/usage");
    let streams =
        usage["limits"].as_array().unwrap().iter().find(|one| one["resource"] == "streams").unwrap();
    assert_eq!(streams["current"], 1);

    // What happened is in the log, the newest first, and survives a kill.
    rig.pulse.kill();
    rig.pulse.start_again();
    let organization_id = text(&organization["id"]);
    let log = rig.get(&sam, &format!("/v1/audit-logs?organization_id={organization_id}"));
    let actions: Vec<&str> = log["data"].as_array().unwrap().iter().map(|row| text(&row["action"])).collect();
    assert!(actions.contains(&"stream.created") && actions.contains(&"organization.created"), "{actions:?}");
    assert_eq!(rig.get(&backend, &format!("/v1/streams/{id}"))["name"], "Town hall");
    let csv = rig.ask(
        &sam,
        "GET",
        &format!("/v1/audit-logs/export?organization_id={organization_id}"),
        &json!(null),
    );
    assert!(csv.header("content-type").starts_with("text/csv"), "{}", csv.text());
    assert_eq!(csv.text().lines().count(), actions.len() + 1, "{}", csv.text());
    rig.pulse.assert_sound();
}

#[test]
fn the_reference_page_and_its_parts_come_from_the_server_itself() {
    let _seats = seats::some();
    let rig = Rig::start();
    let page = rig.pulse.get("/docs/");
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for part in ["page.js", "page.css"] {
        assert!(page.text().contains(part));
        assert_eq!(rig.pulse.get(&format!("/docs/{part}")).status, 200);
    }
    assert!(!page.text().contains("//cdn"), "nothing comes from elsewhere");
    assert_eq!(rig.pulse.get("/docs").header("location"), "/docs/");
    let bare = rig.pulse.get("/");
    assert_eq!((bare.status, bare.header("location")), (302, "/docs/"));
    assert!(rig.pulse.get("/openapi.json").json()["paths"].as_object().unwrap().len() > 30);
}

#[test]
fn the_reference_page_shows_every_operation_in_a_browser_under_its_strict_policy() {
    let _seats = seats::some();
    let rig = Rig::start();
    let operations: usize = {
        let document = rig.pulse.get("/openapi.json").json();
        document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum()
    };
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let mut browser = std::process::Command::new(chromium);
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"]);
    browser.arg(format!("--user-data-dir={}", rig.pulse.stage().path().join("profile").display()));
    browser.args(["--enable-logging=stderr", &rig.pulse.url("/docs/#create_stream")]);
    let output = browser.output().expect("Chromium is installed (make setup-test)");
    let (page, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!log.contains("Content Security Policy"), "{log}");
    assert_eq!(page.matches("class=\"operation\"").count(), operations, "{log}");
    assert!(!page.contains('`'), "what stands between backquotes is shown as code");
    // The one that the address names is open, with its fields and a form.
    for shown in ["playback_policy", "Try it", "Answer 201"] {
        assert!(page.contains(shown), "{shown} is not on the page: {log}");
    }
}
