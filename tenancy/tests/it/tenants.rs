//! Organizations and projects: what is foreign does not exist, what is deleted is out of reach and comes back.

use std::time::Duration;

use tenancy::organization::{self, OrganizationFilter};
use tenancy::project::{self, ProjectInput, ProjectPatch, ProjectSettings};
use tenancy::store::{AuditFilter, Store};
use tenancy::{Error, Page, PageRequest, Principal, SUSPENDED, audit, retention, stream};

use crate::world::{World, on_each_store, read, refused, write};

on_each_store!(
    what_is_foreign_does_not_exist,
    deleting_the_parent_hides_what_lies_in_it,
    a_deleted_organization_comes_back_for_thirty_days,
    names_are_unique_within_the_parent_without_regard_to_case,
    a_name_is_free_after_a_deletion_and_then_in_the_way_of_a_restoration,
    suspension_denies_members_and_tells_them,
    lists_are_stable_while_rows_are_inserted,
    searches_are_by_prefix,
    changes_are_audited_by_field_without_values,
    settings_of_projects_are_checked,
    an_organization_has_no_more_than_twenty_owned_by_one,
    tenants_see_that_an_operator_did_something_and_not_which,
    an_account_is_found_by_its_whole_address,
);

async fn what_is_foreign_does_not_exist<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let created = w.stream(&owner, project_id, "Camera").await.unwrap();
    let (stranger, ..) = w.tenant("b@example.org").await;
    let id = created.stream.id;
    for principal in [&stranger] {
        assert!(matches!(
            read!(w, principal, |tx, call| organization::read(tx, call, organization_id)),
            Err(Error::NotFound)
        ));
        assert!(matches!(
            read!(w, principal, |tx, call| project::read(tx, call, project_id)),
            Err(Error::NotFound)
        ));
        assert!(matches!(read!(w, principal, |tx, call| stream::read(tx, call, id)), Err(Error::NotFound)));
        assert!(matches!(
            write!(w, principal, |tx, call| stream::delete(tx, call, id)),
            Err(Error::NotFound)
        ));
        assert!(matches!(w.stream(principal, project_id, "Mine").await, Err(Error::NotFound)));
    }
    let nobody = read!(w, &Principal::Anonymous, |tx, call| stream::read(tx, call, id));
    assert!(matches!(nobody, Err(Error::Unauthenticated)));
    let listed =
        read!(w, &stranger, |tx, call| project::list(tx, call, None, None, PageRequest::default())).unwrap();
    assert!(listed.data.iter().all(|project| project.id != project_id));
    assert_eq!(listed.data.len(), 1);
    read!(w, &owner, |tx, call| stream::read(tx, call, id)).unwrap();
}

async fn deleting_the_parent_hides_what_lies_in_it<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let id = w.stream(&owner, project_id, "Camera").await.unwrap().stream.id;
    write!(w, &owner, |tx, call| organization::delete(tx, call, organization_id)).unwrap();
    assert!(matches!(read!(w, &owner, |tx, call| stream::read(tx, call, id)), Err(Error::NotFound)));
    assert!(matches!(read!(w, &owner, |tx, call| project::read(tx, call, project_id)), Err(Error::NotFound)));
    let again = write!(w, &owner, |tx, call| organization::delete(tx, call, organization_id));
    assert!(matches!(again, Err(Error::NotFound)));
    let mine = read!(w, &owner, |tx, call| organization::list(tx, call, PageRequest::default())).unwrap();
    assert!(mine.data.is_empty());
    // Only the parent is marked, so that all is back with it.
    write!(w, &Principal::Operator, |tx, call| organization::restore(tx, call, organization_id)).unwrap();
    read!(w, &owner, |tx, call| stream::read(tx, call, id)).unwrap();
    write!(w, &owner, |tx, call| project::delete(tx, call, project_id)).unwrap();
    assert!(matches!(read!(w, &owner, |tx, call| stream::read(tx, call, id)), Err(Error::NotFound)));
    write!(w, &Principal::Operator, |tx, call| project::restore(tx, call, project_id)).unwrap();
    read!(w, &owner, |tx, call| stream::read(tx, call, id)).unwrap();
}

async fn a_deleted_organization_comes_back_for_thirty_days<S: Store>(mut w: World<S>) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    let alive = write!(w, &Principal::Operator, |tx, call| organization::restore(tx, call, organization_id));
    assert!(matches!(alive, Err(Error::NotFound)));
    write!(w, &owner, |tx, call| organization::delete(tx, call, organization_id)).unwrap();
    let own = write!(w, &owner, |tx, call| organization::restore(tx, call, organization_id));
    assert!(matches!(own, Err(Error::Forbidden(_))), "only operators");
    let deleted = OrganizationFilter { deleted: true, ..OrganizationFilter::default() };
    let listed = read!(w, &Principal::Operator, |tx, call| organization::list_all(
        tx,
        call,
        &deleted,
        PageRequest::default()
    ));
    assert_eq!(listed.unwrap().data.len(), 1);
    w.pass(retention::KEPT + Duration::from_millis(1));
    let late = write!(w, &Principal::Operator, |tx, call| organization::restore(tx, call, organization_id));
    assert!(matches!(late, Err(Error::NotFound)));
}

async fn names_are_unique_within_the_parent_without_regard_to_case<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    w.stream(&owner, project_id, "Main Stage").await.unwrap();
    assert!(matches!(
        w.stream(&owner, project_id, " main  STAGE ").await,
        Err(Error::Conflict { key: "name" })
    ));
    let other = ProjectInput { name: "Other".to_owned(), ..ProjectInput::default() };
    let other =
        write!(w, &owner, [other] | tx, call | project::create(tx, call, organization_id, &other)).unwrap();
    let id = w.stream(&owner, other.id, "Main Stage").await.unwrap().stream.id;
    let twice = ProjectPatch { name: Some("MAIN".to_owned()), ..ProjectPatch::default() };
    let other_id = other.id;
    let renamed = write!(w, &owner, [twice] | tx, call | project::update(tx, call, other_id, &twice));
    assert!(matches!(renamed, Err(Error::Conflict { key: "name" })), "{renamed:?}");
    let (stranger, ..) = w.tenant("b@example.org").await;
    assert!(matches!(read!(w, &stranger, |tx, call| stream::read(tx, call, id)), Err(Error::NotFound)));
}

async fn a_name_is_free_after_a_deletion_and_then_in_the_way_of_a_restoration<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let first = w.stream(&owner, project_id, "Camera").await.unwrap().stream.id;
    write!(w, &owner, |tx, call| stream::delete(tx, call, first)).unwrap();
    let second = w.stream(&owner, project_id, "camera").await.unwrap().stream.id;
    let restored = write!(w, &Principal::Operator, |tx, call| stream::restore(tx, call, first));
    assert!(matches!(restored, Err(Error::Conflict { key: "name" })), "{restored:?}");
    write!(w, &owner, |tx, call| stream::delete(tx, call, second)).unwrap();
    write!(w, &Principal::Operator, |tx, call| stream::restore(tx, call, first)).unwrap();
    read!(w, &owner, |tx, call| stream::read(tx, call, first)).unwrap();
}

async fn suspension_denies_members_and_tells_them<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let (stranger, ..) = w.tenant("b@example.org").await;
    write!(w, &Principal::Operator, |tx, call| organization::suspend(tx, call, organization_id, true))
        .unwrap();
    let own = read!(w, &owner, |tx, call| project::read(tx, call, project_id)).unwrap_err();
    assert!(refused(&own, SUSPENDED));
    let foreign = read!(w, &stranger, |tx, call| project::read(tx, call, project_id)).unwrap_err();
    assert!(matches!(foreign, Error::NotFound), "a stranger does not learn of it");
    write!(w, &Principal::Operator, |tx, call| organization::suspend(tx, call, organization_id, false))
        .unwrap();
    read!(w, &owner, |tx, call| project::read(tx, call, project_id)).unwrap();
}

async fn lists_are_stable_while_rows_are_inserted<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    for number in 0..5 {
        w.stream(&owner, project_id, &format!("Stream {number}")).await.unwrap();
    }
    let page = |request| {
        let (w, owner) = (&w, &owner);
        async move {
            let filter = stream::StreamFilter::default();
            let Page { data, next } =
                read!(w, owner, |tx, call| stream::list(tx, call, project_id, &filter, request)).unwrap();
            (data.into_iter().map(|stream| stream.name).collect::<Vec<_>>(), next)
        }
    };
    let (first, next) = page(PageRequest { after: None, limit: 2 }).await;
    assert_eq!(first, ["Stream 4", "Stream 3"]);
    w.stream(&owner, project_id, "New").await.unwrap();
    let (second, next) = page(PageRequest { after: next, limit: 2 }).await;
    assert_eq!(second, ["Stream 2", "Stream 1"]);
    let (last, next) = page(PageRequest { after: next, limit: 2 }).await;
    assert_eq!((last, next), (vec!["Stream 0".to_owned()], None));
}

async fn searches_are_by_prefix<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    for name in ["Main stage", "Main_gate", "Mainz", "Domain", "MÄRZ", "100% live", "100 live"] {
        w.stream(&owner, project_id, name).await.unwrap();
    }
    for (search, found) in [
        ("main", vec!["Mainz", "Main_gate", "Main stage"]),
        ("MAIN ", vec!["Mainz", "Main_gate", "Main stage"]),
        ("main_", vec!["Main_gate"]),
        ("märz", vec!["MÄRZ"]),
        ("100%", vec!["100% live"]),
        ("%", vec![]),
    ] {
        let filter =
            stream::StreamFilter { search: Some(search.to_owned()), ..stream::StreamFilter::default() };
        let page = PageRequest::default();
        let page = read!(w, &owner, |tx, call| stream::list(tx, call, project_id, &filter, page)).unwrap();
        let names: Vec<_> = page.data.iter().map(|stream| stream.name.as_str()).collect();
        assert_eq!(names, found, "{search}");
    }
}

async fn changes_are_audited_by_field_without_values<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let patch = ProjectPatch { description: Some("Topsecret".to_owned()), ..ProjectPatch::default() };
    write!(w, &owner, [patch] | tx, call | project::update(tx, call, project_id, &patch)).unwrap();
    let filter = AuditFilter { organization_id: Some(organization_id), ..AuditFilter::default() };
    let page = read!(w, &owner, |tx, call| audit::list(tx, call, &filter, PageRequest::default())).unwrap();
    let actions: Vec<_> = page.data.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["project.updated", "project.created", "organization.created"]);
    assert_eq!(page.data[0].changed, ["description"]);
    assert!(!format!("{page:?}").contains("Topsecret"));
    let Principal::User(user) = &owner else { panic!() };
    assert_eq!(page.data[0].actor_id, Some(user.id.to_string()));
    let counts = read!(w, &owner, |tx, call| audit::statistics(tx, call, &filter)).unwrap();
    assert_eq!(counts.len(), 3);
    let (stranger, ..) = w.tenant("b@example.org").await;
    let foreign = read!(w, &stranger, |tx, call| audit::list(tx, call, &filter, PageRequest::default()));
    assert!(matches!(foreign, Err(Error::NotFound)));
    let all =
        read!(w, &owner, |tx, call| audit::list(tx, call, &AuditFilter::default(), PageRequest::default()));
    assert!(matches!(all, Err(Error::Forbidden(_))));
}

async fn settings_of_projects_are_checked<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let origins = |origin: &str| ProjectPatch {
        settings: Some(ProjectSettings::with_allowed_origins(vec![origin.to_owned()])),
        ..ProjectPatch::default()
    };
    let good = origins("https://example.org");
    let project =
        write!(w, &owner, [good] | tx, call | project::update(tx, call, project_id, &good)).unwrap();
    assert_eq!(project.settings.0.allowed_origins, ["https://example.org"]);
    let bad = origins("https://example.org/path");
    let result = write!(w, &owner, [bad] | tx, call | project::update(tx, call, project_id, &bad));
    assert!(matches!(result, Err(Error::Invalid(_))));
}

async fn an_organization_has_no_more_than_twenty_owned_by_one<S: Store>(w: World<S>) {
    let owner = w.user("a@example.org").await;
    for _ in 0..20 {
        w.organization(&owner).await;
    }
    let one_more = write!(w, &owner, |tx, call| organization::create(tx, call, "One more"));
    assert!(refused(&one_more.unwrap_err(), tenancy::STATE));
    let page = PageRequest { after: None, limit: 100 };
    let mine = read!(w, &owner, |tx, call| organization::list(tx, call, page)).unwrap();
    let id = mine.data[0].id;
    write!(w, &owner, |tx, call| organization::delete(tx, call, id)).unwrap();
    w.organization(&owner).await;
}

async fn tenants_see_that_an_operator_did_something_and_not_which<S: Store>(w: World<S>) {
    let (owner, organization_id, _) = w.tenant("a@example.org").await;
    let id = w.person("operator@example.org").await;
    let is_admin = true;
    let session_id = w.tenancy.id(w.now);
    let operator = Principal::User(tenancy::UserPrincipal { id, session_id, is_admin });
    let mut call = w.call(&operator).as_operator().unwrap();
    call.address = Some("203.0.113.7".parse().unwrap());
    w.store
        .write(call, move |tx, call| Box::pin(organization::suspend(tx, call, organization_id, true)))
        .await
        .unwrap();
    write!(w, &Principal::Operator, |tx, call| organization::suspend(tx, call, organization_id, false))
        .unwrap();
    let of =
        |actor_id| AuditFilter { organization_id: Some(organization_id), actor_id, ..AuditFilter::default() };
    let page = PageRequest { after: None, limit: 100 };
    let by = async |who: &Principal, filter: AuditFilter| {
        let log = read!(w, who, |tx, call| tenancy::audit::list(tx, call, &filter, page)).unwrap();
        let suspended = log.data.into_iter().find(|entry| entry.action == "organization.suspended");
        suspended.map(|entry| (entry.actor_kind, entry.actor_id, entry.address.is_some()))
    };
    let kind = tenancy::store::ActorKind::Operator;
    assert_eq!(by(&owner, of(None)).await, Some((kind, None, false)));
    assert_eq!(by(&owner, of(Some(id.to_string()))).await, None, "nor by asking for one");
    let known = Some((kind, Some(id.to_string()), true));
    assert_eq!(by(&Principal::Operator, of(Some(id.to_string()))).await, known);
    // Who is none does not become one by saying so.
    assert!(matches!(w.call(&owner).as_operator(), Err(Error::Forbidden(_))));
}

async fn an_account_is_found_by_its_whole_address<S: Store>(w: World<S>) {
    let id = w.person("sam@example.org").await;
    for number in 0..3 {
        w.person(&format!("sam@example.org.{number}.example")).await;
    }
    let found = read!(w, &Principal::Operator, |tx, call| tenancy::user::find(tx, call, " SAM@example.org"));
    assert_eq!(found.unwrap().id, id);
    let part = read!(w, &Principal::Operator, |tx, call| tenancy::user::find(tx, call, "sam@"));
    assert!(matches!(part, Err(Error::NotFound)));
}
