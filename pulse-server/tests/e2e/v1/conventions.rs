//! What every answer has, and what bad input gets.

use platform_core::sql::Location;
use platform_core::testing::Postgres;
use serde_json::{Value, json};

use super::rig::{Caller, LOOSE, Rig, Tenant, text};
use crate::support::seats;

#[test]
fn every_error_is_a_problem_document_with_the_requests_id() {
    let _seats = seats::some();
    let rig = Rig::start();
    let tenant = Tenant::create(&rig, "sam@example.org");
    let streams = "/v1/streams";
    let stream = format!("/v1/streams/{}", tenant.stream);
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(1 << 20));
    let json_type = "application/json";
    let cases: [(&str, &str, &str, &str, u16, &str); 14] = [
        ("POST", streams, json_type, "{", 400, "invalid_json"),
        ("POST", streams, json_type, "[]", 400, "invalid_request"),
        ("POST", streams, json_type, r#"{"name":"a","nmae":1}"#, 400, "invalid_request"),
        ("POST", streams, json_type, r#"{"name":""}"#, 400, "invalid_request"),
        ("POST", streams, "text/plain", r#"{"name":"a"}"#, 415, "unsupported_media_type"),
        ("POST", streams, json_type, &large, 413, "body_too_large"),
        ("PUT", streams, json_type, "{}", 405, "method_not_allowed"),
        ("POST", "/v1/nothing", json_type, "{}", 404, "not_found"),
        ("POST", "/v1", json_type, "{}", 404, "not_found"),
        ("PATCH", "/v1/streams/nonsense", json_type, "{}", 400, "invalid_id"),
        ("PATCH", &format!("/v1/streams/{}", tenant.project), json_type, "{}", 400, "invalid_id"),
        ("PATCH", "/v1/streams/%FF", json_type, "{}", 400, "invalid_id"),
        ("PATCH", &stream, json_type, r#"{"name":null}"#, 400, "invalid_request"),
        ("POST", streams, json_type, r#"{"name":"town HALL"}"#, 409, "conflict"),
    ];
    let caller = tenant.key.with("x-request-id", "test-request-0001");
    for (method, path, kind, body, status, code) in cases {
        let answer = rig.raw(&caller, method, path, kind, body);
        let place = format!("{method} {path}: {}", answer.text());
        assert_eq!((answer.status, answer.problem_code().as_str()), (status, code), "{place}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{place}");
        assert_eq!(answer.header("cache-control"), "no-store", "{place}");
        assert_eq!(answer.header("x-request-id"), "test-request-0001", "{place}");
        assert_eq!(answer.json()["request_id"], "test-request-0001", "{place}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{place}");
    }
    let wrong =
        rig.raw(&tenant.key, "POST", streams, json_type, r#"{"name":"a","labels":{"a b":"c"}}"#).json();
    assert_eq!(wrong["errors"][0]["pointer"], "/labels/a b", "{wrong}");
    let unknown = rig.raw(&tenant.key, "POST", streams, json_type, r#"{"name":"a","recording":true}"#).json();
    assert_eq!(unknown["errors"][0]["rule"], "unknown_field", "{unknown}");
    assert_eq!(rig.raw(&caller, "PUT", streams, json_type, "{}").header("allow"), "GET,HEAD,POST");
    let anonymous = rig.ask(&Caller::nobody(), "GET", streams, &Value::Null);
    assert_eq!((anonymous.status, anonymous.header("www-authenticate")), (401, "Bearer realm=\"pulse\""));
}

#[test]
fn pages_go_on_where_they_ended_whatever_is_created_meanwhile() {
    let _seats = seats::some();
    let rig = Rig::start();
    let tenant = Tenant::create(&rig, "sam@example.org");
    let create = |name: &str| rig.post(&tenant.key, "/v1/streams", &json!({"name": name}));
    for number in 0..6 {
        create(&format!("Stream {number}"));
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = rig.get(&tenant.key, &format!("/v1/streams?limit=3&search=stream&cursor={cursor}"));
        seen.extend(page["data"].as_array().unwrap().iter().map(|one| text(&one["name"]).to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = next.to_owned();
        create(&format!("Stream between {}", seen.len()));
    }
    assert_eq!(seen, ["Stream 5", "Stream 4", "Stream 3", "Stream 2", "Stream 1", "Stream 0"]);
    for wrong in [
        format!("/v1/streams?limit=3&cursor={cursor}"),
        format!("/v1/streams?search=other&cursor={cursor}"),
        "/v1/streams?cursor=abc".to_owned(),
    ] {
        let answer = rig.ask(&tenant.key, "GET", &wrong, &Value::Null);
        assert_eq!((answer.status, answer.problem_code().as_str()), (400, "invalid_cursor"), "{wrong}");
    }
    for wrong in ["limit=0", "limit=101", "limit=x", "colour=red", "playback_policy=secret"] {
        let answer = rig.ask(&tenant.key, "GET", &format!("/v1/streams?{wrong}"), &Value::Null);
        assert_eq!((answer.status, answer.problem_code().as_str()), (400, "invalid_request"), "{wrong}");
    }
}

#[test]
fn a_repeated_write_is_carried_out_once() {
    let _seats = seats::some();
    let mut rig = Rig::start();
    let tenant = Tenant::create(&rig, "sam@example.org");
    let keyed = tenant.key.with("idempotency-key", "create-1");
    let input = json!({"name": "Once"});
    let first = rig.ask(&keyed, "POST", "/v1/streams", &input);
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, ""));
    rig.pulse.kill();
    rig.pulse.start_again();
    let again = rig.ask(&keyed, "POST", "/v1/streams", &input);
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"));
    assert_eq!(again.body, first.body, "the secret included");
    let other = rig.ask(&keyed, "POST", "/v1/streams", &json!({"name": "Twice"}));
    assert_eq!((other.status, other.problem_code().as_str()), (422, "idempotency_mismatch"));
    // Another caller's key of the same name is another one, and so is another path's.
    let owner = tenant.owner.with("idempotency-key", "create-1");
    let mut theirs = input.clone();
    theirs["project_id"] = json!(tenant.project);
    assert_eq!(rig.ask(&owner, "POST", "/v1/streams", &theirs).status, 409, "the name is taken");
    // An error is not kept: the key can be used again.
    theirs["name"] = json!("Free");
    assert_eq!(rig.ask(&owner, "POST", "/v1/streams", &theirs).status, 201);
    let names = rig.get(&tenant.key, "/v1/streams");
    let once = names["data"].as_array().unwrap().iter().filter(|one| one["name"] == "Once").count();
    assert_eq!(once, 1);
}

#[test]
fn one_key_at_once_is_one_stream_however_many_ask() {
    let _seats = seats::some();
    let rig = Rig::start();
    let tenant = Tenant::create(&rig, "sam@example.org");
    let keyed = tenant.key.with("idempotency-key", "race");
    let answers: Vec<(u16, String)> = std::thread::scope(|scope| {
        let ask = || rig.ask(&keyed, "POST", "/v1/streams", &json!({"name": "Race"}));
        let all: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
        all.into_iter().map(|one| one.join().unwrap()).map(|one| (one.status, one.problem_code())).collect()
    });
    for (status, code) in &answers {
        assert!(*status == 201 || code == "idempotency_in_flight", "{answers:?}");
    }
    assert!(answers.iter().any(|(status, _)| *status == 201), "{answers:?}");
    assert_eq!(rig.get(&tenant.key, "/v1/streams?search=race")["data"].as_array().unwrap().len(), 1);
}

#[test]
fn a_hundred_creations_at_once_against_a_quota_of_ten_give_ten() {
    let _seats = seats::some();
    let database = Postgres::shared().database();
    let Location::Postgres(url) = &database else { panic!("not PostgreSQL") };
    let url = format!("[database]\nurl = {:?}\n", url.expose_str().unwrap());
    for database in ["", &url] {
        create_a_hundred_of_ten(&Rig::start_with(&format!("{database}{LOOSE}")));
    }
}

fn create_a_hundred_of_ten(rig: &Rig) {
    let operator = rig.operator("op@example.org");
    let tenant = Tenant::create(rig, "sam@example.org");
    let plan = rig.post(&operator, "/v1/admin/plans", &json!({"name": "Ten", "limits": {"streams": 10}}));
    let path = format!("/v1/admin/organizations/{}", tenant.organization);
    rig.done(&operator, "PATCH", &path, &json!({"plan_id": plan["id"]}), 200);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = |number: usize| {
            rig.ask(&tenant.key, "POST", "/v1/streams", &json!({"name": format!("Stream {number}")})).status
        };
        let all: Vec<_> = (0..100).map(|number| scope.spawn(move || ask(number))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    // One was there before.
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 9, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 91, "{statuses:?}");
}

#[test]
fn beyond_a_rate_requests_wait_and_wrong_passwords_wait_longer() {
    let _seats = seats::some();
    let rig = Rig::start_with("[api]\nrequests_per_key = 5\nlogins_per_address = 30");
    let tenant = Tenant::create(&rig, "sam@example.org");
    let list: Vec<_> = (0..6).map(|_| rig.ask(&tenant.key, "GET", "/v1/streams", &Value::Null)).collect();
    assert_eq!(list[0].header("ratelimit-policy"), "\"key\";q=5;w=60");
    assert!(list[0].header("ratelimit").starts_with("\"key\";r=4;t="), "{}", list[0].header("ratelimit"));
    let refused = &list[5];
    assert_eq!((refused.status, refused.problem_code().as_str()), (429, "rate_limited"));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    rig.get(&tenant.owner, "/v1/auth/me");

    let wrong = json!({"email": "sam@example.org", "password": "not the password"});
    let logins: Vec<_> =
        (0..6).map(|_| rig.ask(&Caller::nobody(), "POST", "/v1/auth/login", &wrong)).collect();
    let statuses: Vec<u16> = logins.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429], "the account pauses");
    assert_eq!(logins[0].header("ratelimit-policy"), "\"login\";q=30;w=60", "the tightest is told");
    for email in ["a@example.org", "b@example.org"] {
        let input = json!({"email": email, "password": "not the password"});
        assert_eq!(rig.ask(&Caller::nobody(), "POST", "/v1/auth/login", &input).status, 401, "others do not");
    }
    let flood: Vec<u16> = (0..30)
        .map(|n| {
            let input = json!({"email": format!("{n}@example.org")});
            rig.ask(&Caller::nobody(), "POST", "/v1/auth/password/forgot", &input).status
        })
        .collect();
    assert!(flood.contains(&429), "{flood:?}");
}

#[test]
fn an_address_that_has_less_left_than_its_caller_is_told_that() {
    let _seats = seats::some();
    let rig = Rig::start_with("[api]\nrequests_per_address = 50\nlogins_per_address = 1000");
    let tenant = Tenant::create(&rig, "sam@example.org");
    for caller in [&tenant.key, &tenant.owner] {
        let answer = rig.ask(caller, "GET", "/v1/projects", &Value::Null);
        assert_eq!(answer.header("ratelimit-policy"), "\"address\";q=50;w=60");
    }
}

#[test]
fn pages_of_the_dashboard_alone_may_read_answers() {
    let _seats = seats::some();
    let rig = Rig::start_with("[api]\ndashboard_origins = [\"https://dash.example\"]");
    let from = |origin: &str| Caller::nobody().with("origin", origin);
    let own = rig.ask(&from("https://dash.example"), "GET", "/v1/status", &Value::Null);
    assert_eq!(own.header("access-control-allow-origin"), "https://dash.example");
    assert_eq!(own.header("access-control-allow-credentials"), "true");
    let other = rig.ask(&from("https://evil.example"), "GET", "/v1/status", &Value::Null);
    assert_eq!(other.header("access-control-allow-origin"), "");
    let preflight = rig.ask(&from("https://dash.example"), "OPTIONS", "/v1/streams", &Value::Null);
    assert_eq!(preflight.status, 204);
    assert!(preflight.header("access-control-allow-headers").contains("Idempotency-Key"));
    // Media goes on being for everybody.
    assert_eq!(
        rig.ask(&from("https://evil.example"), "GET", "/hls/x/index.m3u8", &Value::Null)
            .header("access-control-allow-origin"),
        "*"
    );
}

#[test]
fn a_revoked_key_and_a_rotated_one_end_at_once_and_an_overlap_goes_on() {
    let _seats = seats::some();
    let rig = Rig::start();
    let tenant = Tenant::create(&rig, "sam@example.org");
    let status = |key: &Caller| rig.ask(key, "GET", "/v1/streams", &Value::Null).status;
    let rotate = format!("/v1/projects/{}/keys/{}/rotate", tenant.project, tenant.api_key);
    let second = rig.done(&tenant.owner, "POST", &rotate, &json!({"overlap_seconds": 3600}), 200);
    assert_eq!((status(&tenant.key), status(&Caller::key(&second))), (200, 200));
    let third = rig.done(&tenant.owner, "POST", &rotate, &json!({}), 200);
    assert_eq!((status(&tenant.key), status(&Caller::key(&second))), (401, 401));
    let third = Caller::key(&third);
    assert_eq!(status(&third), 200);
    let path = format!("/v1/projects/{}/keys/{}", tenant.project, tenant.api_key);
    rig.done(&tenant.owner, "DELETE", &path, &Value::Null, 204);
    assert_eq!(status(&third), 401);
}

#[test]
fn a_connection_goes_on_after_a_body_that_nobody_wanted() {
    let _seats = seats::some();
    let rig = Rig::start_with("[api]\nrequests_per_address = 2");
    // One that is too large is not waited for, and says that the connection ends.
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(100_000));
    let refused = rig.raw(&Caller::nobody(), "POST", "/v1/auth/login", "application/json", &large);
    assert_eq!((refused.status, refused.header("connection")), (413, "close"));
    rig.get(&Caller::nobody(), "/v1/status");
    let body = json!({"name": "x".repeat(40_000)});
    for round in 0..50 {
        let refused = rig.ask(&Caller::nobody(), "POST", "/v1/auth/login", &body);
        assert_eq!((refused.status, refused.header("connection")), (429, ""), "round {round}");
    }
}

#[test]
fn clients_behind_a_trusted_proxy_are_told_apart_and_nobody_else_chooses_their_address() {
    let _seats = seats::some();
    let login = |rig: &Rig, address: &str| {
        let caller = Caller::nobody().with("x-forwarded-for", address);
        let input = json!({"email": format!("{address}@example.org"), "password": "not the password"});
        rig.ask(&caller, "POST", "/v1/auth/login", &input).status
    };
    let trusting = Rig::start_with("[api]\nlogins_per_address = 1\ntrusted_proxies = [\"127.0.0.1\"]");
    assert_eq!(login(&trusting, "203.0.113.1"), 401);
    assert_eq!(login(&trusting, "203.0.113.1"), 429);
    assert_eq!(login(&trusting, "203.0.113.2"), 401);
    assert_eq!(
        login(&trusting, "198.51.100.9, 203.0.113.2"),
        429,
        "what the client itself wrote is not believed"
    );
    let wary = Rig::start_with("[api]\nlogins_per_address = 1");
    assert_eq!(login(&wary, "203.0.113.1"), 401);
    assert_eq!(login(&wary, "203.0.113.2"), 429);
}
