//! Every role and every scope, against the literal table of who may send what.

use super::requests::{Allowed, Ids, REQUESTS, additions, ids_of};
use super::rig::{Caller, Rig, SCOPES, Tenant};
use crate::support::seats;
use serde_json::json;

const ROLES: [&str; 4] = ["viewer", "developer", "admin", "owner"];

fn rank(role: &str) -> usize {
    ROLES.iter().position(|one| *one == role).unwrap()
}

/// A project with one of everything in the tenant's organization, so that what destroys does it to nobody else's.
fn fresh(rig: &Rig, tenant: &Tenant, ids: &Ids, number: usize) -> Ids {
    let owner = &tenant.owner;
    let id = |value: &serde_json::Value| value["id"].as_str().unwrap().to_owned();
    let input = json!({"organization_id": tenant.organization, "name": format!("Project {number}")});
    let project = id(&rig.post(owner, "/v1/projects", &input));
    let stream = rig.post(owner, "/v1/streams", &json!({"project_id": project, "name": "Stream"}));
    let keys =
        rig.post(owner, &format!("/v1/projects/{project}/keys"), &json!({"name": "k", "scopes": SCOPES}));
    let signing = rig.post(owner, &format!("/v1/projects/{project}/signing-keys"), &json!({"name": "s"}));
    let preset = additions(rig, tenant, &project);
    let mut fresh = ids.clone();
    for (name, id) in &mut fresh {
        match *name {
            "project" => *id = project.clone(),
            "stream" => *id = stream["id"].as_str().unwrap().to_owned(),
            "stream_key" => *id = stream["stream_key"]["id"].as_str().unwrap().to_owned(),
            "api_key" => *id = keys["id"].as_str().unwrap().to_owned(),
            "signing_key" => *id = signing["id"].as_str().unwrap().to_owned(),
            "preset" => id.clone_from(&preset),
            _ => {}
        }
    }
    fresh
}

/// An invitation of the organization that nobody else needs; an organization has a hundred at most.
fn invite(rig: &Rig, tenant: &Tenant, ids: &mut Ids, number: usize) {
    let invitations = format!("/v1/organizations/{}/invitations", tenant.organization);
    let input = json!({"email": format!("new{number}@example.org"), "role": "viewer"});
    let invitation = rig.post(&tenant.owner, &invitations, &input);
    for (name, id) in ids {
        if *name == "invitation" {
            *id = invitation["id"].as_str().unwrap().to_owned();
        }
    }
}

/// Deletes a fresh project, if it is still there: a plan has fifty at most.
fn discard(rig: &Rig, tenant: &Tenant, fresh: &Ids) {
    let project = fresh.iter().find(|(name, _)| *name == "project").map(|(_, id)| id).unwrap();
    rig.ask(&tenant.owner, "DELETE", &format!("/v1/projects/{project}"), &serde_json::Value::Null);
}

#[test]
fn every_role_may_what_the_table_says_and_nothing_else() {
    let _seats = seats::some();
    let rig = Rig::start();
    let tenant = Tenant::create(&rig, "owner@example.org");
    let people: Vec<Caller> = ROLES
        .iter()
        .map(|role| match *role {
            "owner" => tenant.owner.clone(),
            role => tenant.member(&rig, &format!("{role}@example.org"), role),
        })
        .collect();
    let ids = ids_of(&rig, &tenant);
    let mut number = 0;
    // The organization itself goes last.
    let (last, rest): (Vec<_>, Vec<_>) =
        REQUESTS.iter().partition(|request| request.operation == "delete_organization");
    for request in rest.into_iter().chain(last).filter(|request| !request.special) {
        let Allowed::Role(lowest, _) = request.allowed else { continue };
        for (role, person) in ROLES.iter().zip(&people) {
            let allowed = rank(role) >= rank(lowest);
            number += 1;
            let destroys = allowed && request.method != "GET";
            let mut ids = if destroys { fresh(&rig, &tenant, &ids, number) } else { ids.clone() };
            if destroys && request.path.contains("{invitation}") {
                invite(&rig, &tenant, &mut ids, number);
            }
            let (path, mut body) = request.with(&ids);
            if request.operation == "create_project" {
                body["name"] = json!(format!("Created {number}"));
            }
            let answer = rig.ask(person, request.method, &path, &body);
            let place = format!("{} as {role}: {} {}", request.operation, answer.status, answer.text());
            if allowed {
                assert!(answer.status < 300, "{place}");
                if destroys {
                    discard(&rig, &tenant, &ids);
                }
            } else {
                assert_eq!((answer.status, answer.problem_code().as_str()), (403, "forbidden"), "{place}");
            }
        }
    }
}

#[test]
fn every_scope_opens_what_the_table_says_and_nothing_else() {
    let _seats = seats::some();
    let rig = Rig::start();
    let tenant = Tenant::create(&rig, "owner@example.org");
    let ids = ids_of(&rig, &tenant);
    for granted in SCOPES {
        let key = tenant.key_with(&rig, &[granted]);
        // What destroys comes last, and needs a stream that the next scope does not.
        for request in REQUESTS.iter().filter(|request| !request.special) {
            let needed = match request.allowed {
                Allowed::Role(_, needed) => needed,
                Allowed::Operator => None,
                Allowed::Self_ | Allowed::Public => continue,
            };
            let mut ids = ids.clone();
            if needed == Some(granted) && request.method != "GET" {
                let input =
                    json!({"project_id": tenant.project, "name": format!("{granted} {}", request.operation)});
                let stream = rig.post(&tenant.owner, "/v1/streams", &input);
                for (name, id) in &mut ids {
                    match *name {
                        "stream" => *id = stream["id"].as_str().unwrap().to_owned(),
                        "stream_key" => *id = stream["stream_key"]["id"].as_str().unwrap().to_owned(),
                        _ => {}
                    }
                }
            }
            let (path, body) = request.with(&ids);
            let answer = rig.ask(&key, request.method, &path, &body);
            let place = format!("{} with {granted}: {} {}", request.operation, answer.status, answer.text());
            if needed == Some(granted) {
                assert!(answer.status < 300, "{place}");
            } else {
                assert_eq!(answer.status, 403, "{place}");
            }
        }
    }
}

#[test]
fn nobody_grants_above_their_own_role_and_the_last_owner_stays() {
    let _seats = seats::some();
    let rig = Rig::start();
    let tenant = Tenant::create(&rig, "owner@example.org");
    let admin = tenant.member(&rig, "admin@example.org", "admin");
    let organization = format!("/v1/organizations/{}", tenant.organization);
    let members = rig.get(&tenant.owner, &format!("{organization}/members"));
    let member = |email: &str| {
        let all = members["data"].as_array().unwrap();
        let found = all.iter().find(|member| member["email"] == email).unwrap();
        format!("{organization}/members/{}", found["id"].as_str().unwrap())
    };
    let owner = json!({"role": "owner"});
    let invite = json!({"email": "x@example.org", "role": "owner"});
    rig.done(&admin, "POST", &format!("{organization}/invitations"), &invite, 403);
    rig.done(&admin, "PATCH", &member("admin@example.org"), &owner, 403);
    rig.done(&admin, "PATCH", &member("owner@example.org"), &json!({"role": "viewer"}), 403);
    let nothing = serde_json::Value::Null;
    rig.done(&admin, "DELETE", &member("owner@example.org"), &nothing, 403);
    let kept = rig.done(&tenant.owner, "DELETE", &member("owner@example.org"), &nothing, 409);
    assert_eq!(kept["code"], "sole_owner");
    rig.done(&tenant.owner, "PATCH", &member("owner@example.org"), &json!({"role": "viewer"}), 409);
    // With a second owner the first may go.
    rig.done(&tenant.owner, "PATCH", &member("admin@example.org"), &owner, 200);
    rig.done(&tenant.owner, "DELETE", &member("owner@example.org"), &nothing, 204);
    rig.done(&tenant.owner, "GET", &organization, &nothing, 404);
    rig.done(&admin, "GET", &organization, &nothing, 200);
}
