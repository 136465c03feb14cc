//! The migration hook: projects' own backends decide who publishes and plays, as they did behind nginx-rtmp.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use platform_core::WallTime;
use platform_core::sql::Location;
use platform_core::testing::Postgres;
use serde_json::{Value, json};
use sha2::Sha256;

use super::rig::{Caller, LOOSE, Rig, Tenant, text};
use crate::support::backend::Backend;
use crate::support::certificate::CertificateAuthority;
use crate::support::feed::Feed;
use crate::support::nginx::Nginx;
use crate::support::play::Play;
use crate::support::seats;
use crate::support::server::Setup;
use crate::support::stage::Stage;
use crate::support::wait;

/// An encoder's start and end.
const PATIENCE: Duration = Duration::from_secs(25);

/// Hooks may lead to this machine.
const HERE: &str = "[hooks]\nallowed_networks = ['127.0.0.1/32']\n";

/// A server, a tenant whose project has an application `relay`, and a public stream `show`.
fn set_up(section: &str) -> (Rig, Tenant, String) {
    set_up_with(Setup::new(), section)
}

fn set_up_with(setup: Setup, section: &str) -> (Rig, Tenant, String) {
    let rig = Rig::with(setup.section(&format!("[ingest]\ngrace_s = 1\n{section}{LOOSE}")));
    let operator = rig.operator("op@example.org");
    let tenant = Tenant::create(&rig, "owner@example.org");
    let app = json!({"name": "relay", "project_id": tenant.project, "allow_rename": true});
    rig.post(&operator, "/v1/admin/apps", &app);
    let stream =
        rig.post(&tenant.owner, "/v1/streams", &json!({"project_id": tenant.project, "name": "show"}));
    let id = text(&stream["id"]).to_owned();
    (rig, tenant, id)
}

/// Configures the project's hook; its secret, the first time.
fn hook(rig: &Rig, tenant: &Tenant, hook: &Value) -> Value {
    rig.done(&tenant.owner, "PUT", &format!("/v1/projects/{}/hooks", tenant.project), hook, 200)["secret"]
        .clone()
}

fn publish_url(rig: &Rig, name: &str) -> String {
    format!("rtmp://{}/relay/{name}", rig.pulse.rtmp_address())
}

#[track_caller]
fn until_live(rig: &Rig, tenant: &Tenant, id: &str) {
    wait::until(&format!("{id} to be live"), PATIENCE, || {
        let stream = rig.get(&tenant.key, &format!("/v1/streams/{id}"));
        wait::check(stream["status"] == "live", stream.to_string())
    });
}

/// What does not depend on which server was asked, and the names of what does. nginx-rtmp cuts `flashver` off.
fn comparable(mut form: BTreeMap<String, String>) -> BTreeMap<String, String> {
    if let Some(software) = form.get_mut("flashver") {
        software.truncate(31);
    }
    for name in ["tcurl", "clientid"] {
        let value = form.get_mut(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert!(!value.is_empty());
        "another".clone_into(value);
    }
    form
}

#[test]
fn a_backend_of_nginx_rtmp_is_told_by_pulse_what_nginx_told_it() {
    let _seats = seats::some();
    let backend = Backend::start();
    let stage = Stage::new("nginx");
    let notify = ["on_publish", "on_play", "on_publish_done"]
        .map(|event| format!("{event} {};", backend.url("/ok/nginx")));
    let nginx = Nginx::start(&stage, &notify.join("\n"));
    let (mut rig, tenant, id) = set_up(HERE);
    let input =
        json!({"url": backend.url("/ok/pulse"), "events": ["publish", "play", "done"], "format": "form"});
    hook(&rig, &tenant, &input);
    let name = "show?user=sam&pass=a%20b";
    let mut encoders = [
        Feed::new().publish("to-nginx", stage.path(), &nginx.url(name)),
        Feed::new().publish("to-pulse", stage.path(), &publish_url(&rig, name)),
    ];
    until_live(&rig, &tenant, &id);
    let before = comparable(backend.wait_call("/ok/nginx", "publish"));
    let now = comparable(backend.wait_call("/ok/pulse", "publish"));
    assert_eq!(now, before);
    assert_eq!((now["app"].as_str(), now["name"].as_str(), now["user"].as_str()), ("relay", "show", "sam"));
    let parts = [("at-nginx", nginx.url("show")), ("at-pulse", rig.pulse.rtmp_url(&id))];
    for (player, url) in parts {
        Play::new(url, 1).run(player, &stage);
    }
    let before = comparable(backend.wait_call("/ok/nginx", "play"));
    let mut now = comparable(backend.wait_call("/ok/pulse", "play"));
    assert_eq!(
        (now["app"].as_str(), now["name"].as_str()),
        ("play", id.as_str()),
        "a stream is played by its id"
    );
    now.extend(["app", "name"].map(|field| (field.to_owned(), before[field].clone())));
    assert_eq!(now, before);
    for encoder in &mut encoders {
        encoder.terminate();
        encoder.wait(PATIENCE);
    }
    let before = comparable(backend.wait_call("/ok/nginx", "publish_done"));
    let done = backend.wait_call("/ok/pulse", "publish_done");
    assert_eq!(done["clientid"], backend.wait_call("/ok/pulse", "publish")["clientid"], "the same peer");
    assert_eq!(comparable(done), before);
    rig.pulse.assert_sound();
}

#[test]
fn a_signed_question_is_answered_with_a_rename_and_the_stream_of_that_name_is_live() {
    let _seats = seats::some();
    let backend = Backend::start();
    let (mut rig, tenant, id) = set_up(HERE);
    let secret = hook(&rig, &tenant, &json!({"url": backend.url("/rename/show"), "events": ["publish"]}));
    let mut encoder =
        Feed::new().publish("encoder", rig.pulse.stage().path(), &publish_url(&rig, "old-key-7"));
    until_live(&rig, &tenant, &id);
    let schedule = format!("/v1/streams/{id}/schedule");
    let asked = backend.asked("/rename/show").remove(0);
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!((&body["type"], &body["data"]["name"]), (&json!("publish"), &json!("old-key-7")), "{body}");
    assert_eq!(body["data"]["project_id"], tenant.project.as_str());
    let mut mac = Hmac::<Sha256>::new_from_slice(text(&secret).as_bytes()).unwrap();
    let (id, at) = (&asked.headers["webhook-id"], &asked.headers["webhook-timestamp"]);
    mac.update(format!("{id}.{at}.{}", asked.body).as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(asked.headers["webhook-signature"], format!("v1,{signature}"));
    // Let in by a hook, it ends with the stream's schedule as others do.
    let ends_at = WallTime::from(SystemTime::now() + Duration::from_secs(2));
    rig.done(&tenant.owner, "PUT", &schedule, &json!({"ends_at": ends_at}), 200);
    encoder.wait(PATIENCE);
    rig.pulse.assert_sound();
}

#[test]
fn who_is_denied_neither_publishes_nor_plays() {
    let _seats = seats::some();
    let backend = Backend::start();
    let (mut rig, tenant, id) = set_up(HERE);
    hook(&rig, &tenant, &json!({"url": backend.url("/deny"), "events": ["publish", "play"]}));
    let mut encoder = Feed::new().publish("encoder", rig.pulse.stage().path(), &publish_url(&rig, "show"));
    assert!(!encoder.wait(PATIENCE).success());
    let keys = rig.get(&tenant.owner, &format!("/v1/streams/{id}/keys"));
    let url = rig.pulse.publish_url_with_key(text(&keys["data"][0]["key"]));
    let mut encoder = Feed::new().publish("with-a-key", rig.pulse.stage().path(), &url);
    assert!(!encoder.wait(PATIENCE).success(), "the hook has a word after the key");
    let playlist = rig.pulse.get(&format!("/hls/{id}/index.m3u8"));
    assert_eq!(playlist.status, 403, "{}", playlist.text());
    assert_eq!(rig.get(&tenant.key, &format!("/v1/streams/{id}"))["status"], "idle");
    let before = backend.asked("/deny").len();
    rig.pulse.get(&format!("/hls/{id}/index.m3u8"));
    assert_eq!(backend.asked("/deny").len(), before, "an answer holds for a moment");
    rig.pulse.assert_sound();
}

#[test]
fn freeing_an_application_name_ends_who_publishes_under_it_and_nobody_else() {
    let _seats = seats::some();
    let backend = Backend::start();
    let (mut rig, tenant, id) = set_up(HERE);
    hook(&rig, &tenant, &json!({"url": backend.url("/ok"), "events": ["publish"]}));
    let mut under_it = Feed::new().publish("relay", rig.pulse.stage().path(), &publish_url(&rig, "show"));
    until_live(&rig, &tenant, &id);
    let other =
        rig.post(&tenant.owner, "/v1/streams", &json!({"project_id": tenant.project, "name": "by key"}));
    let url = rig.pulse.publish_url_with_key(text(&other["stream_key"]["key"]));
    let mut by_key = Feed::new().publish("by-key", rig.pulse.stage().path(), &url);
    until_live(&rig, &tenant, text(&other["id"]));
    let operator = Caller::person(text(&rig.login("op@example.org")["access_token"]));
    let bound = rig.get(&operator, "/v1/admin/apps")["data"][0]["id"].clone();
    let path = format!("/v1/admin/apps/{}", text(&bound));
    // What the operator says of renaming is nobody's binding.
    rig.done(&operator, "PATCH", &path, &json!({"allow_rename": false}), 200);
    wait::holds_for("the publisher", Duration::from_millis(1_500), || under_it.alive());
    rig.done(&operator, "DELETE", &path, &Value::Null, 204);
    wait::until("who publishes under it to be sent away", Duration::from_secs(3), || {
        under_it.exited().ok_or("it publishes on")
    });
    let mut again = Feed::new().publish("again", rig.pulse.stage().path(), &publish_url(&rig, "show"));
    assert!(!again.wait(PATIENCE).success(), "the name is nobody's");
    by_key.alive().unwrap();
    rig.pulse.assert_sound();
}

#[test]
fn an_application_whose_project_and_stream_are_known_is_published_to_without_the_database() {
    let _seats = seats::some();
    let backend = Backend::start();
    let postgres = Postgres::own();
    let database = postgres.database();
    let Location::Postgres(url) = &database else { panic!("not PostgreSQL") };
    let (mut rig, tenant, id) = set_up(&format!("{HERE}[database]\nurl = {:?}\n", url.expose_str().unwrap()));
    hook(&rig, &tenant, &json!({"url": backend.url("/ok"), "events": ["publish"]}));
    let first = Feed::new().publish("first", rig.pulse.stage().path(), &publish_url(&rig, &id));
    until_live(&rig, &tenant, &id);
    let before = backend.asked("/ok").len();
    postgres.stop();
    wait::until("the API to be without its database", PATIENCE, || {
        let answer = rig.ask(&tenant.key, "GET", "/v1/streams", &Value::Null);
        wait::check(answer.status == 503, format!("{}: {}", answer.status, answer.text()))
    });
    drop(first);
    let mut again = Feed::new().publish("again", rig.pulse.stage().path(), &publish_url(&rig, &id));
    wait::until("the hook to be asked again", PATIENCE, || {
        wait::check(backend.asked("/ok").len() > before, "not yet")
    });
    wait::holds_for("the publisher", Duration::from_secs(4), || again.alive());
    rig.pulse.assert_sound();
}

#[test]
fn a_backend_that_does_not_answer_decides_nothing() {
    let _seats = seats::some();
    let backend = Backend::start();
    let (mut rig, tenant, id) = set_up(HERE);
    let silent = |on_failure: &str| json!({"url": backend.url("/hang"), "events": ["publish"], "timeout_ms": 300, "on_failure": on_failure});
    hook(&rig, &tenant, &silent("deny"));
    let mut encoder = Feed::new().publish("closed", rig.pulse.stage().path(), &publish_url(&rig, "show"));
    assert!(!encoder.wait(PATIENCE).success());
    hook(&rig, &tenant, &silent("allow"));
    let _encoder = Feed::new().publish("open", rig.pulse.stage().path(), &publish_url(&rig, "show"));
    until_live(&rig, &tenant, &id);
    assert!(backend.asked("/hang").len() >= 2);
    rig.pulse.assert_sound();
}

#[test]
fn a_backend_is_asked_over_https_if_its_certificate_is_of_a_trusted_authority_and_for_its_name() {
    let _seats = seats::some();
    // The other one only calls itself the same.
    let (trusted, unknown) = (CertificateAuthority::create(), CertificateAuthority::create());
    let right = Backend::start_tls(&trusted.issue("right", "IP:127.0.0.1"));
    let other = Backend::start_tls(&trusted.issue("other", "DNS:backend.example.org"));
    let stranger = Backend::start_tls(&unknown.issue("stranger", "IP:127.0.0.1"));
    let setup = Setup::new().variable("SSL_CERT_FILE", trusted.certificate());
    let (mut rig, tenant, id) = set_up_with(setup, HERE);
    let ask = |backend: &Backend, on_failure: &str| {
        let events = ["publish", "play"];
        hook(&rig, &tenant, &json!({"url": backend.url("/ok"), "events": events, "on_failure": on_failure}));
    };
    let playlist = format!("/hls/{id}/index.m3u8");
    for (backend, name, why) in
        [(&other, "of-another-name", "not valid for name"), (&stranger, "of-a-stranger", "BadSignature")]
    {
        ask(backend, "deny");
        let mut encoder = Feed::new().publish(name, rig.pulse.stage().path(), &publish_url(&rig, "show"));
        assert!(!encoder.wait(PATIENCE).success(), "{name}");
        let answer = rig.pulse.get(&playlist);
        assert_eq!((answer.status, answer.problem_code().as_str()), (503, "admission_unavailable"));
        assert!(rig.pulse.log().contains(why), "the operator learns why: {}", rig.pulse.log());
        assert!(backend.asked("/ok").is_empty(), "nothing is said to whom is not trusted");
    }
    ask(&right, "deny");
    let encoder = Feed::new().publish("encoder", rig.pulse.stage().path(), &publish_url(&rig, "show"));
    until_live(&rig, &tenant, &id);
    wait::until("the stream to be playable", PATIENCE, || {
        let answer = rig.pulse.get(&playlist);
        wait::check(answer.status == 200, answer.text())
    });
    let asked = right.asked("/ok").into_iter().map(|asked| serde_json::from_str(&asked.body).unwrap());
    let types: Vec<Value> = asked.map(|body: Value| body["type"].clone()).collect();
    assert!(types.contains(&json!("publish")) && types.contains(&json!("play")), "{types:?}");
    drop(encoder);

    // What a project wants that fails open is let in without having been asked.
    ask(&other, "allow");
    let _encoder = Feed::new().publish("open", rig.pulse.stage().path(), &publish_url(&rig, "show"));
    wait::until("to be let in", PATIENCE, || {
        let log = rig.pulse.log();
        wait::check(log.contains("a hook does not answer; let in"), log)
    });
    until_live(&rig, &tenant, &id);
    assert!(other.asked("/ok").is_empty());
    rig.pulse.assert_sound();
}

#[test]
fn a_hook_does_not_lead_to_what_only_the_server_can_reach() {
    let _seats = seats::some();
    let backend = Backend::start();
    let (mut rig, tenant, _) = set_up(HERE);
    let configured = json!({"url": backend.url("/ok"), "events": ["publish"]});
    hook(&rig, &tenant, &configured);
    let config = rig.pulse.stage().path().join("pulse.toml");
    let without = std::fs::read_to_string(&config).unwrap().replace(HERE, "[hooks]\n");
    std::fs::write(&config, without).unwrap();
    rig.pulse.reload();

    // What is entered from now on is refused at once, however it is written.
    let hooks = format!("/v1/projects/{}/hooks", tenant.project);
    wait::until("the address to be refused", PATIENCE, || {
        let answer = rig.ask(&tenant.owner, "PUT", &hooks, &configured);
        wait::check(answer.status == 400, answer.text())
    });
    for url in [
        "http://0x7f.1:8000/",
        "https://10.1.2.3/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fd00::1]:81/",
    ] {
        let refused = rig.done(&tenant.owner, "PUT", &hooks, &json!({"url": url}), 400);
        assert_eq!(refused["errors"][0]["pointer"], "/url", "{refused}");
        assert_eq!(refused["errors"][0]["rule"], "not_public", "{refused}");
    }
    // What was there is looked at when it is asked, and the operator learns what would allow it.
    let mut encoder = Feed::new().publish("encoder", rig.pulse.stage().path(), &publish_url(&rig, "show"));
    assert!(!encoder.wait(PATIENCE).success());
    assert!(backend.asked("/ok").is_empty(), "{:?}", backend.asked("/ok"));
    let log = rig.pulse.log();
    assert!(log.contains("loopback address, which is not allowed; hooks.allowed_networks"), "{log}");
    rig.pulse.assert_sound();
}
