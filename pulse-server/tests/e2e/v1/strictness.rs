//! What is not understood is refused, and not passed over.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{Caller, Rig, Tenant};
use crate::support::rtmp_wire::Wire;
use crate::support::seats;

#[test]
fn parameters_that_would_do_nothing_are_refused_wherever_they_stand() {
    let _seats = seats::some();
    let rig = Rig::start();
    let tenant = Tenant::create(&rig, "sam@example.org");
    let stream = format!("/v1/streams/{}", tenant.stream);
    let (unknown, twice) = ("unknown_parameter", "duplicate_parameter");
    for (method, path, rule) in [
        ("GET", format!("{stream}?fields=name"), unknown),
        ("GET", "/v1/status?verbose".to_owned(), unknown),
        ("GET", "/v1/streams?limit=1&limit=2".to_owned(), twice),
        ("GET", "/v1/streams?search=a&search=b".to_owned(), twice),
        ("GET", "/v1/usage?limit=3".to_owned(), unknown),
        ("DELETE", format!("{stream}?force=true"), unknown),
        ("POST", "/v1/streams?dry_run=1".to_owned(), unknown),
    ] {
        let answer = rig.ask(&tenant.key, method, &path, &Value::Null);
        let place = format!("{method} {path}: {}", answer.text());
        assert_eq!((answer.status, answer.problem_code().as_str()), (400, "invalid_request"), "{place}");
        assert_eq!(answer.json()["errors"][0]["rule"], rule, "{place}");
    }
    assert_eq!(rig.ask(&tenant.key, "GET", "/v1/streams?search=%FF", &Value::Null).status, 400);
    // Who may not ask is told that, and nothing else.
    assert_eq!(rig.ask(&Caller::nobody(), "GET", &format!("{stream}?x=1"), &Value::Null).status, 401);
    let head = rig.ask(&tenant.key, "HEAD", "/v1/streams?limit=1", &Value::Null);
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn a_request_is_for_one_host() {
    let _seats = seats::some();
    let rig = Rig::start();
    let status = |path: &str, hosts: &str| {
        let mut wire = Wire::connect(rig.pulse.http_address());
        wire.send(format!("GET {path} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n").as_bytes()).unwrap();
        let answer = String::from_utf8_lossy(&wire.hear_out(Duration::from_secs(10))).into_owned();
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    for path in ["/v1/status", "/healthz"] {
        assert_eq!(status(path, "Host: a\r\n"), "200", "{path}");
        assert_eq!(status(path, ""), "400", "{path}");
        assert_eq!(status(path, "Host: a\r\nHost: b\r\n"), "400", "{path}");
    }
}

#[test]
fn bodies_in_another_form_are_refused() {
    let _seats = seats::some();
    let rig = Rig::start();
    let tenant = Tenant::create(&rig, "sam@example.org");
    let input = r#"{"name":"Another"}"#;
    let latin = rig.raw(&tenant.key, "POST", "/v1/streams", "application/json; charset=latin1", input);
    let packed = tenant.key.with("content-encoding", "gzip");
    let packed = rig.raw(&packed, "POST", "/v1/streams", "application/json", input);
    let both = tenant.key.with("content-type", "text/plain");
    let both = rig.raw(&both, "POST", "/v1/streams", "application/json", input);
    for answer in [latin, packed, both] {
        let (status, code) = (answer.status, answer.problem_code());
        assert_eq!((status, code.as_str()), (415, "unsupported_media_type"), "{}", answer.text());
    }
    let twice = tenant.key.with("idempotency-key", "a").with("idempotency-key", "b");
    let answer = rig.ask(&twice, "POST", "/v1/streams", &json!({"name": "Another"}));
    assert_eq!(answer.status, 400, "{}", answer.text());
    for (path, body, place) in [
        ("/v1/streams", json!({"name": "a", "latency_mode": {"low": null}}), "/latency_mode"),
        ("/v1/streams", json!({"name": "a", "labels": {"k": "\u{0}"}}), "/labels/k"),
        ("/v1/streams/bulk", json!({"streams": [["a"]]}), "/streams/0"),
    ] {
        let answer = rig.ask(&tenant.key, "POST", path, &body);
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(answer.json()["errors"][0]["pointer"], place, "{}", answer.text());
    }
    let keys = tenant.key.with("x-pulse-key", "another");
    assert_eq!(rig.ask(&keys, "GET", "/v1/streams", &Value::Null).status, 401);
    let fine = rig.raw(&tenant.key, "POST", "/v1/streams", "application/json; charset=utf-8", input);
    assert_eq!(fine.status, 201, "{}", fine.text());
}
