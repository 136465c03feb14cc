//! Streams at scale and what goes with them: many at once, presets, labels, schedules, revocations, hooks, application names.

use serde_json::{Value, json};

use super::requests::HOOK;
use super::rig::{Rig, Tenant, text};
use crate::support::seats;

const NOTHING: Value = Value::Null;

#[test]
fn many_streams_are_created_and_deleted_with_a_result_for_each() {
    let _seats = seats::some();
    let mut rig = Rig::start();
    let tenant = Tenant::create(&rig, "owner@example.org");
    let streams =
        json!([{"name": "One"}, {"name": ""}, {"name": "town HALL"}, {"name": "Two", "preset": "none"}]);
    let once = tenant.key.with("idempotency-key", "many-1");
    let created = rig.done(&once, "POST", "/v1/streams/bulk", &json!({"streams": streams}), 200);
    let status = |answer: &Value| {
        let data = answer["data"].as_array().unwrap();
        data.iter().map(|one| one["status"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(status(&created), [201, 400, 409, 400], "{created}");
    let first = &created["data"][0];
    assert!(text(&first["stream"]["stream_key"]["key"]).len() > 50 && first["problem"].is_null(), "{first}");
    assert_eq!(created["data"][1]["problem"]["errors"][0]["pointer"], "/name");
    assert_eq!(created["data"][2]["problem"]["code"], "conflict");
    assert!(created["data"][2]["stream"].is_null());
    // Under the same key it is the same answer, and nothing more is there.
    assert_eq!(rig.done(&once, "POST", "/v1/streams/bulk", &json!({"streams": streams}), 200), created);
    assert_eq!(rig.get(&tenant.key, "/v1/streams")["data"].as_array().unwrap().len(), 2);
    let (one, unknown) = (text(&first["stream"]["id"]), "str_01kas6hwd0f6t8q2mnxk1zr5vb");
    let ids = json!({"stream_ids": [one, unknown, one]});
    let deleted = rig.done(&tenant.key, "POST", "/v1/streams/bulk/delete", &ids, 200);
    assert_eq!(status(&deleted), [204, 404, 404], "{deleted}");
    rig.done(&tenant.key, "GET", &format!("/v1/streams/{one}"), &NOTHING, 404);
    let many: Vec<_> = (0..1_001).map(|name| json!({"name": name.to_string()})).collect();
    rig.done(&tenant.key, "POST", "/v1/streams/bulk", &json!({"streams": many}), 400);
    // A thousand fit into a request.
    let created = rig.done(&tenant.key, "POST", "/v1/streams/bulk", &json!({"streams": many[1..]}), 200);
    assert!(status(&created).iter().all(|status| *status == 201));
    let project = rig.get(&tenant.owner, &format!("/v1/projects/{}", tenant.project));
    assert_eq!(project["stream_count"], 1_001);
    rig.pulse.assert_sound();
}

#[test]
fn presets_fill_in_and_labels_find() {
    let _seats = seats::some();
    let rig = Rig::start();
    let tenant = Tenant::create(&rig, "owner@example.org");
    let presets = format!("/v1/projects/{}/presets", tenant.project);
    let stream = json!({"playback_policy": "signed", "labels": {"room": "main", "city": "Bern"}});
    let preset = rig.post(&tenant.owner, &presets, &json!({"name": "Council", "stream": stream}));
    assert_eq!(preset["stream"]["labels"]["city"], "Bern");
    assert!(preset["stream"].get("latency_mode").is_none(), "{preset}");
    let input = json!({"name": "Monday", "preset": "council", "labels": {"room": "side"}});
    let made = rig.post(&tenant.key, "/v1/streams", &input);
    assert_eq!((&made["playback_policy"], &made["latency_mode"]), (&json!("signed"), &json!("low")));
    assert_eq!(made["labels"], json!({"room": "side", "city": "Bern"}));
    rig.done(&tenant.key, "POST", "/v1/streams", &json!({"name": "Tuesday", "preset": "none"}), 400);
    let names = |label: &str| {
        let found = rig.get(&tenant.key, &format!("/v1/streams?label={label}"));
        found["data"].as_array().unwrap().iter().map(|one| text(&one["name"]).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("room:side"), ["Monday"]);
    assert_eq!(names("city%3ABern"), ["Monday"]);
    assert!(names("room:main").is_empty());
    let wrong = rig.done(&tenant.key, "GET", "/v1/streams?label=room", &NOTHING, 400);
    assert_eq!(wrong["errors"][0]["parameter"], "label", "{wrong}");
    let own = format!("{presets}/{}", text(&preset["id"]));
    let changed = rig.done(&tenant.owner, "PUT", &own, &json!({"name": "Council", "stream": {}}), 200);
    assert_eq!(changed["stream"]["labels"], json!({}));
    rig.done(&tenant.owner, "DELETE", &own, &NOTHING, 204);
    rig.done(&tenant.owner, "GET", &own, &NOTHING, 404);
}

#[test]
fn schedules_revocations_and_disconnections_are_asked_for() {
    let _seats = seats::some();
    let rig = Rig::start();
    let tenant = Tenant::create(&rig, "owner@example.org");
    let stream = format!("/v1/streams/{}", tenant.stream);
    let schedule = format!("{stream}/schedule");
    let none = rig.get(&tenant.key, &schedule);
    assert_eq!(none, json!({"starts_at": null, "ends_at": null, "lead_seconds": 900, "opens_at": null}));
    let input =
        json!({"starts_at": "2099-01-01T12:00:00Z", "ends_at": "2099-01-01T13:00:00Z", "lead_seconds": 60});
    let planned = rig.done(&tenant.key, "PUT", &schedule, &input, 200);
    assert_eq!(planned["opens_at"], "2099-01-01T11:59:00.000Z");
    let wrong = json!({"starts_at": "2099-01-01T12:00:00Z", "ends_at": "2099-01-01T12:00:00Z"});
    let wrong = rig.done(&tenant.key, "PUT", &schedule, &wrong, 400);
    assert_eq!(wrong["errors"][0]["pointer"], "/ends_at");
    rig.done(&tenant.key, "DELETE", &schedule, &NOTHING, 204);
    assert_eq!(rig.get(&tenant.key, &schedule), none);
    let revoke = format!("{stream}/tokens/revoke");
    for body in [json!({"jti": "x"}), json!({"viewer_id": "ann"}), json!({"all": true})] {
        rig.done(&tenant.key, "POST", &revoke, &body, 204);
    }
    for body in [json!({}), json!({"jti": "x", "all": true}), json!({"all": false}), json!({"jti": ""})] {
        rig.done(&tenant.key, "POST", &revoke, &body, 400);
    }
    rig.done(&tenant.key, "POST", &format!("{stream}/disconnect"), &NOTHING, 204);
    let log = rig.get(&tenant.owner, &format!("/v1/audit-logs?project_id={}", tenant.project));
    let actions: Vec<_> = log["data"].as_array().unwrap().iter().map(|row| text(&row["action"])).collect();
    for action in ["stream.disconnected", "stream.tokens_revoked", "stream.scheduled"] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
}

#[test]
fn a_hook_shows_its_secret_once_and_an_app_is_one_projects() {
    let _seats = seats::some();
    let rig = Rig::start();
    let operator = rig.operator("op@example.org");
    let tenant = Tenant::create(&rig, "owner@example.org");
    let hooks = format!("/v1/projects/{}/hooks", tenant.project);
    rig.done(&tenant.owner, "GET", &hooks, &NOTHING, 404);
    let hook: Value = serde_json::from_str(HOOK).unwrap();
    let made = rig.done(&tenant.owner, "PUT", &hooks, &hook, 200);
    assert!(text(&made["secret"]).starts_with("pulse_hook_"), "{made}");
    assert_eq!((&made["timeout_ms"], &made["on_failure"]), (&json!(2_000), &json!("deny")));
    assert!(rig.done(&tenant.owner, "PUT", &hooks, &hook, 200)["secret"].is_null());
    assert!(rig.get(&tenant.owner, &hooks).get("secret").is_none());
    let rotated = rig.done(&tenant.owner, "POST", &format!("{hooks}/secret/rotate"), &NOTHING, 200);
    assert_ne!(rotated["secret"], made["secret"]);
    for wrong in
        [json!({"url": "ftp://example.org"}), json!({"url": "https://example.org", "timeout_ms": 10_001})]
    {
        rig.done(&tenant.owner, "PUT", &hooks, &wrong, 400);
    }
    rig.done(&tenant.owner, "DELETE", &hooks, &NOTHING, 204);
    let input = json!({"name": "studio", "project_id": tenant.project});
    let bound = rig.post(&operator, "/v1/admin/apps", &input);
    rig.done(&operator, "POST", "/v1/admin/apps", &input, 409);
    let app = format!("/v1/admin/apps/{}", text(&bound["id"]));
    assert_eq!(bound["allow_rename"], false);
    assert_eq!(rig.done(&operator, "PATCH", &app, &json!({"allow_rename": true}), 200)["allow_rename"], true);
    assert_eq!(rig.get(&operator, "/v1/admin/apps")["data"][0]["name"], "studio");
    rig.done(&operator, "DELETE", &app, &NOTHING, 204);
    rig.done(&operator, "DELETE", &app, &NOTHING, 404);
}
