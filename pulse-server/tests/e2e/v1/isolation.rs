//! Nobody reaches what is another's, nor learns that it exists: for every operation of the OpenAPI document.

use std::collections::BTreeSet;

use serde_json::Value;

use super::requests::{Allowed, Ids, REQUESTS, Request, ids_of, random_ids};
use super::rig::{Caller, Rig, Tenant};
use crate::support::http::Answer;
use crate::support::seats;

/// What of an answer must not differ: all but the request's id and what counts requests.
fn shown(answer: &Answer) -> (u16, Value) {
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    (answer.status, body)
}

#[test]
fn the_table_of_requests_has_every_operation_of_the_document() {
    let _seats = seats::some();
    let rig = Rig::start();
    let document = rig.pulse.get("/openapi.json").json();
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            let request = REQUESTS.iter().find(|request| request.operation == name);
            let request = request.unwrap_or_else(|| panic!("{name} ({method} {path}) is not in the table"));
            assert_eq!(request.method.to_lowercase(), *method, "{name}");
            let parts = |path: &str| path.split('?').next().unwrap().split('/').count();
            assert_eq!(parts(request.path), parts(path), "{name}");
            assert_eq!(
                request.allowed == Allowed::Public,
                operation["security"] == serde_json::json!([]),
                "{name}"
            );
            described.insert(name);
        }
    }
    assert_eq!(described.len(), REQUESTS.len(), "the table has operations that do not exist");
}

/// Sends the request of every kind of intruder, for what is the tenant's and for what does not exist.
fn intrude(rig: &Rig, request: &Request, intruders: &[(&str, Caller)], ids: &Ids) {
    let (path, body) = request.with(ids);
    let (random_path, random_body) = request.with(&random_ids(ids));
    for (kind, intruder) in intruders {
        let real = rig.ask(intruder, request.method, &path, &body);
        let random = rig.ask(intruder, request.method, &random_path, &random_body);
        let place = format!("{} by {kind}: {}", request.operation, real.text());
        assert!((400..500).contains(&real.status), "{place}");
        assert_eq!(shown(&real), shown(&random), "{place}");
        for (_, id) in ids {
            assert!(!real.text().contains(id.as_str()), "{place} names {id}");
        }
    }
}

#[test]
fn every_operation_answers_every_intruder_as_if_nothing_were_there() {
    let _seats = seats::some();
    let mut rig = Rig::start();
    let operator = rig.operator("op@example.org");
    let victim = Tenant::create(&rig, "victim@example.org");
    let mallory = Tenant::create(&rig, "mallory@example.org");
    let ids = ids_of(&rig, &victim);
    let other = rig.post(
        &victim.owner,
        "/v1/projects",
        &serde_json::json!({"organization_id": victim.organization, "name": "Other"}),
    );
    let sibling = rig.post(
        &victim.owner,
        &format!("/v1/projects/{}/keys", other["id"].as_str().unwrap()),
        &serde_json::json!({"name": "sibling", "scopes": super::rig::SCOPES}),
    );
    let nobodies =
        [("nobody", Caller::nobody()), ("an expired token", Caller::person("eyJhbGciOiJIUzI1NiJ9.e30.AAAA"))];
    let mut strangers = vec![
        ("another tenant's owner", mallory.owner.clone()),
        ("another tenant's key", mallory.key.clone()),
        ("another project's key", Caller::key(&sibling)),
    ];
    strangers.extend(nobodies.clone());
    let before = rig.get(&operator, "/v1/admin/organizations");
    for request in REQUESTS.iter().filter(|request| request.allowed != Allowed::Public) {
        match request.allowed {
            Allowed::Role(_, scope) if request.names_something() => {
                let mut intruders = strangers.clone();
                // A key of the same project, with all scopes but the one.
                let other = super::rig::SCOPES.iter().copied().filter(|other| Some(*other) != scope);
                if scope.is_some() {
                    intruders
                        .push(("a key without the scope", victim.key_with(&rig, &other.collect::<Vec<_>>())));
                }
                intrude(&rig, request, &intruders, &ids);
            }
            Allowed::Operator => {
                let mut intruders = strangers.clone();
                intruders.push(("the tenant's own owner", victim.owner.clone()));
                intrude(&rig, request, &intruders, &ids);
            }
            _ => {
                let (path, body) = request.with(&ids);
                for (kind, nobody) in &nobodies {
                    let answer = rig.ask(nobody, request.method, &path, &body);
                    assert_eq!(answer.status, 401, "{} by {kind}: {}", request.operation, answer.text());
                }
            }
        }
    }
    assert_eq!(rig.get(&operator, "/v1/admin/organizations"), before, "something was changed");
    // Nothing of it has touched what the rightful callers reach: what they send succeeds, children before their parents.
    let rank = |request: &&Request| match (request.method, request.operation) {
        ("GET", _) => 0,
        ("DELETE", "delete_organization") => 5,
        ("DELETE", "delete_project") => 4,
        ("DELETE", "delete_stream") => 3,
        ("DELETE", _) => 2,
        _ => 1,
    };
    // A rotated key is another one, whose old one cannot be revoked twice; rotation has its turn elsewhere.
    let usual = |request: &&Request| !request.special && request.operation != "rotate_stream_key";
    let mut rightful: Vec<&Request> = REQUESTS.iter().filter(usual).collect();
    rightful.sort_by_key(rank);
    for request in rightful {
        let caller = if request.allowed == Allowed::Operator { &operator } else { &victim.owner };
        let (path, body) = request.with(&ids);
        let answer = rig.ask(caller, request.method, &path, &body);
        assert!(answer.status < 300, "{}: {} {}", request.operation, answer.status, answer.text());
    }
    rig.pulse.assert_sound();
}
