//! Requests that are sent again under an idempotency key, by somebody who may not do them any more; where created things are.

use serde_json::{Value, json};

use super::rig::{Caller, PASSWORD, Rig, Tenant, text};
use crate::support::seats;

/// The request again, under the same key: status, and whether it was given again.
fn again(rig: &Rig, caller: &Caller, method: &str, path: &str, body: &Value) -> (u16, bool) {
    let answer = rig.ask(&caller.with("idempotency-key", "once"), method, path, body);
    (answer.status, answer.header("idempotent-replayed") == "true")
}

#[test]
fn who_may_not_do_it_any_more_does_not_get_the_answer_again() {
    let _seats = seats::some();
    let rig = Rig::start();
    let tenant = Tenant::create(&rig, "owner@example.org");
    let member = tenant.member(&rig, "member@example.org", "admin");
    let organization = format!("/v1/organizations/{}", tenant.organization);
    let keys = format!("/v1/projects/{}/keys", tenant.project);
    let key = json!({"name": "mine", "scopes": ["streams.read"]});
    let stream = json!({"name": "Mine", "project_id": tenant.project});
    let renamed = json!({"name": "Acme and sons"});
    let requests = [
        ("POST", keys.as_str(), &key, 201),
        ("POST", "/v1/streams", &stream, 201),
        ("PATCH", organization.as_str(), &renamed, 200),
        ("DELETE", &format!("/v1/streams/{}", tenant.stream), &Value::Null, 204),
    ];
    for (method, path, body, status) in requests {
        assert_eq!(again(&rig, &member, method, path, body), (status, false), "{method} {path}");
        assert_eq!(again(&rig, &member, method, path, body), (status, true), "{method} {path}");
    }
    let members = rig.get(&tenant.owner, &format!("{organization}/members"));
    let own = members["data"].as_array().unwrap().iter().find(|one| one["email"] == "member@example.org");
    let place = format!("{organization}/members/{}", text(&own.unwrap()["id"]));
    rig.done(&tenant.owner, "PATCH", &place, &json!({"role": "viewer"}), 200);
    for (method, path, body, _) in requests {
        assert_eq!(again(&rig, &member, method, path, body), (403, false), "{method} {path}");
    }
    rig.done(&tenant.owner, "DELETE", &place, &Value::Null, 204);
    for (method, path, body, _) in requests {
        assert_eq!(again(&rig, &member, method, path, body), (404, false), "{method} {path}");
    }
}

#[test]
fn what_shows_something_is_not_given_again_when_that_was_deleted() {
    let _seats = seats::some();
    let rig = Rig::start();
    let tenant = Tenant::create(&rig, "owner@example.org");
    let stream = format!("/v1/streams/{}", tenant.stream);
    let (keys, name) = (format!("{stream}/keys"), json!({"name": "backup"}));
    assert_eq!(again(&rig, &tenant.key, "POST", &keys, &name), (201, false));
    assert_eq!(again(&rig, &tenant.key, "DELETE", &stream, &Value::Null), (204, false));
    assert_eq!(again(&rig, &tenant.key, "POST", &keys, &name), (404, false), "a stream key");
    assert_eq!(again(&rig, &tenant.key, "DELETE", &stream, &Value::Null), (204, true));
    // Created and deleted itself, and not only what it lies in.
    let created = |path: &str, body: &Value, pointer: &str| {
        let answer = rig.ask(&tenant.owner.with("idempotency-key", "once"), "POST", path, body);
        assert!(answer.status < 300, "{path}: {}", answer.text());
        assert_eq!(again(&rig, &tenant.owner, "POST", path, body), (answer.status, true), "{path}");
        text(answer.json().pointer(pointer).unwrap()).to_owned()
    };
    let project = format!("/v1/projects/{}", tenant.project);
    let (api_keys, presets) = (format!("{project}/keys"), format!("{project}/presets"));
    let api_key = json!({"name": "mine", "scopes": ["streams.read"]});
    let fresh = json!({"name": "Fresh", "project_id": tenant.project});
    let many =
        json!({"project_id": tenant.project, "streams": [{"name": "M1"}, {"name": "M2"}, {"name": "M1"}]});
    for (path, body, pointer, place) in [
        ("/v1/streams", &fresh, "/id", "/v1/streams"),
        ("/v1/streams/bulk", &many, "/data/1/stream/id", "/v1/streams"),
        (&api_keys, &api_key, "/id", &api_keys),
        (&presets, &json!({"name": "plain", "stream": {}}), "/id", &presets),
    ] {
        let id = created(path, body, pointer);
        rig.done(&tenant.owner, "DELETE", &format!("{place}/{id}"), &Value::Null, 204);
        assert_eq!(again(&rig, &tenant.owner, "POST", path, body), (404, false), "{path}");
    }
    let organization = json!({"name": "Another"});
    assert_eq!(again(&rig, &tenant.owner, "POST", "/v1/organizations", &organization), (201, false));
    assert_eq!(again(&rig, &tenant.owner, "POST", "/v1/organizations", &organization), (201, true));
    // A login that has ended is nobody's.
    rig.done(
        &tenant.owner,
        "POST",
        "/v1/auth/password/change",
        &json!({"password": PASSWORD, "new_password": "another horse"}),
        204,
    );
    assert_eq!(again(&rig, &tenant.owner, "POST", "/v1/organizations", &organization), (401, false));
}

#[test]
fn an_operators_answer_is_not_for_who_is_none_any_more() {
    let _seats = seats::some();
    let rig = Rig::start();
    let (operator, other) = (rig.operator("op@example.org"), rig.operator("other@example.org"));
    let plan = json!({"name": "Team", "limits": {"streams": 3}});
    assert_eq!(again(&rig, &other, "POST", "/v1/admin/plans", &plan), (201, false));
    assert_eq!(again(&rig, &other, "POST", "/v1/admin/plans", &plan), (201, true));
    let id = text(&rig.get(&other, "/v1/auth/me")["id"]).to_owned();
    rig.done(&operator, "PATCH", &format!("/v1/admin/users/{id}"), &json!({"is_admin": false}), 200);
    let (status, replayed) = again(&rig, &other, "POST", "/v1/admin/plans", &plan);
    assert!(matches!(status, 401 | 403) && !replayed, "{status}");
}

#[test]
fn what_is_created_says_where_it_is() {
    let _seats = seats::some();
    let rig = Rig::start();
    let tenant = Tenant::create(&rig, "owner@example.org");
    let presets = format!("/v1/projects/{}/presets", tenant.project);
    let stream = json!({"name": "Another", "project_id": tenant.project});
    let preset = json!({"name": "plain", "stream": {}});
    for (path, body) in [("/v1/streams", stream), (presets.as_str(), preset)] {
        for _ in 0..2 {
            let answer = rig.ask(&tenant.owner.with("idempotency-key", "once"), "POST", path, &body);
            assert_eq!(answer.status, 201, "{}", answer.text());
            let location = answer.header("location").to_owned();
            assert_eq!(location, format!("{path}/{}", text(&answer.json()["id"])));
            rig.get(&tenant.owner, &location);
        }
    }
    // What cannot be got by itself is nowhere.
    let keys = format!("/v1/projects/{}/keys", tenant.project);
    let key = json!({"name": "mine", "scopes": ["streams.read"]});
    let answer = rig.ask(&tenant.owner, "POST", &keys, &key);
    assert_eq!((answer.status, answer.header("location")), (201, ""));
}
