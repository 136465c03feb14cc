//! The matrix of roles and scopes, against a table of its own, through the gate.

use std::sync::Arc;

use tenancy::authority::{Permission, Role, Target, authorize};
use tenancy::store::Store;
use tenancy::{Error, KeyPrincipal, Principal};

use crate::world::{World, on_each_store, read};

on_each_store!(the_gate_keeps_to_the_table, a_key_reaches_its_project_within_its_scopes);

/// Each permission: owner, admin, developer, viewer, and whether a key may have it. Written by hand, not derived.
const TABLE: [(&str, bool, bool, bool, bool, bool); 23] = [
    ("organization.read", true, true, true, true, false),
    ("organization.update", true, true, false, false, false),
    ("organization.delete", true, false, false, false, false),
    ("billing.manage", true, false, false, false, false),
    ("members.read", true, true, true, true, false),
    ("member_emails.read", true, true, true, false, false),
    ("members.manage", true, true, false, false, false),
    ("owners.manage", true, false, false, false, false),
    ("projects.read", true, true, true, true, true),
    ("projects.update", true, true, true, false, false),
    ("projects.manage", true, true, false, false, false),
    ("api_keys.read", true, true, true, false, false),
    ("api_keys.manage", true, true, true, false, false),
    ("signing_keys.read", true, true, true, false, false),
    ("signing_keys.manage", true, true, true, false, false),
    ("streams.read", true, true, true, true, true),
    ("streams.write", true, true, true, false, true),
    ("stream_keys.read", true, true, true, false, true),
    ("stream_keys.write", true, true, true, false, true),
    ("tokens.mint", true, true, true, false, true),
    ("usage.read", true, true, true, true, true),
    ("audit.read", true, true, true, false, false),
    ("operate", false, false, false, false, false),
];

#[test]
fn the_table_names_every_permission() {
    let named: Vec<_> = TABLE.iter().map(|row| row.0).collect();
    let all: Vec<_> = Permission::ALL.iter().map(|permission| permission.as_str()).collect();
    assert_eq!(named, all);
    for (name, .., scope) in TABLE {
        assert_eq!(Permission::named(name).unwrap().is_scope(), scope, "{name}");
    }
}

async fn the_gate_keeps_to_the_table<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let stream_id = w.stream(&owner, project_id, "Camera").await.unwrap().stream.id;
    let admin = w.member(&owner, organization_id, "admin@example.org", Role::Admin).await;
    let developer = w.member(&owner, organization_id, "developer@example.org", Role::Developer).await;
    let viewer = w.member(&owner, organization_id, "viewer@example.org", Role::Viewer).await;
    let (stranger, ..) = w.tenant("b@example.org").await;
    let targets =
        [Target::Organization(organization_id), Target::Project(project_id), Target::Stream(stream_id)];
    for (name, by_owner, by_admin, by_developer, by_viewer, _) in TABLE {
        let permission = Permission::named(name).unwrap();
        for target in targets {
            for (principal, may) in
                [(&owner, by_owner), (&admin, by_admin), (&developer, by_developer), (&viewer, by_viewer)]
            {
                match read!(w, principal, |tx, call| authorize(tx, call, permission, target)) {
                    Ok(_) => assert!(may, "{name} on {target:?}"),
                    Err(Error::Forbidden(denied)) => {
                        assert!(!may && denied == permission, "{name} on {target:?}");
                    }
                    Err(error) => panic!("{name} on {target:?}: {error}"),
                }
            }
            let foreign = read!(w, &stranger, |tx, call| authorize(tx, call, permission, target));
            assert!(matches!(foreign, Err(Error::NotFound)), "{name} on {target:?}");
            let nobody = read!(w, &Principal::Anonymous, |tx, call| authorize(tx, call, permission, target));
            assert!(matches!(nobody, Err(Error::Unauthenticated)), "{name} on {target:?}");
        }
    }
}

async fn a_key_reaches_its_project_within_its_scopes<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let (stranger, foreign_organization, foreign_project) = w.tenant("b@example.org").await;
    let own = w.stream(&owner, project_id, "Camera").await.unwrap().stream.id;
    let foreign = w.stream(&stranger, foreign_project, "Camera").await.unwrap().stream.id;
    let random = w.tenancy.id(w.now);
    for scope in Permission::scopes() {
        let key = Principal::Key(Arc::new(KeyPrincipal {
            id: w.tenancy.id(w.now),
            project_id,
            organization_id,
            scopes: vec![*scope],
            limits: Arc::default(),
        }));
        for permission in Permission::ALL {
            let may = permission == scope;
            for (target, own) in [
                (Target::Project(project_id), true),
                (Target::Stream(own), true),
                (Target::Project(foreign_project), false),
                (Target::Stream(foreign), false),
                (Target::Stream(random), false),
            ] {
                match read!(w, &key, |tx, call| authorize(tx, call, *permission, target)) {
                    Ok(_) => assert!(may && own, "{scope}: {permission} on {target:?}"),
                    Err(Error::NotFound) => assert!(may && !own, "{scope}: {permission} on {target:?}"),
                    // Alike for what is there, what is not, and what is foreign.
                    Err(Error::Forbidden(_)) => assert!(!may, "{scope}: {permission} on {target:?}"),
                    Err(error) => panic!("{error}"),
                }
            }
            for organization in [organization_id, foreign_organization] {
                let target = Target::Organization(organization);
                let result = read!(w, &key, |tx, call| authorize(tx, call, *permission, target));
                assert!(matches!(result, Err(Error::Forbidden(_))), "{permission}");
            }
        }
    }
}
