//! API keys, stream keys: made, shown, rotated with overlap, revoked.

use std::time::Duration;

use platform_core::{ProjectId, Secret};
use tenancy::api_key::{self, ApiKeyInput};
use tenancy::authority::Role;
use tenancy::store::{AuditFilter, Store};
use tenancy::stream_key::{self, StreamKeyInput};
use tenancy::{Error, PageRequest, Permission, Principal, SUSPENDED, audit, organization, project, stream};

use crate::world::{World, on_each_store, read, refused, write};

on_each_store!(
    an_api_key_is_known_by_its_secret_alone,
    an_api_key_is_rotated_with_overlap,
    an_api_key_ends_by_time_revocation_and_with_what_it_rests_on,
    a_key_has_no_more_than_its_creator,
    foreign_keys_do_not_exist,
    a_stream_key_is_shown_again_and_that_is_audited,
    a_stream_key_is_rotated_with_overlap,
    a_stream_key_publishes_only_while_all_it_rests_on_is_there,
    a_stream_has_twenty_keys_at_most,
);

async fn key<S: Store>(w: &World<S>, by: &Principal, project_id: ProjectId) -> api_key::Shown {
    let scopes = vec![Permission::StreamsWrite, Permission::StreamsRead, Permission::StreamsRead];
    let input = ApiKeyInput { name: "backend".to_owned(), scopes, expires_at: None };
    write!(w, by, [input] | tx, call | api_key::create(tx, call, project_id, &input)).unwrap()
}

async fn check<S: Store>(w: &World<S>, public: &str, secret: &Secret) -> Result<Principal, Error> {
    let known = api_key::find(&mut w.store.read().await?, public).await?.ok_or(Error::Unauthenticated)?;
    known.check(w.tenancy.keys(), secret, w.now).map(Principal::Key)
}

async fn an_api_key_is_known_by_its_secret_alone<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let api_key::Shown { key, secret } = key(&w, &owner, project_id).await;
    assert!(key.public.starts_with("pulse_key_") && secret.expose().starts_with(b"pulse_secret_"));
    assert_eq!(secret.len(), "pulse_secret_".len() + 52, "32 bytes in base32");
    assert_eq!(key.scopes.0, [Permission::StreamsRead, Permission::StreamsWrite]);
    let principal = check(&w, &key.public, &secret).await.unwrap();
    w.stream(&principal, project_id, "By key").await.unwrap();
    for wrong in [Secret::from("pulse_secret_wrong"), Secret::from(""), Secret::from(key.public.as_str())] {
        assert!(matches!(check(&w, &key.public, &wrong).await, Err(Error::Unauthenticated)));
    }
    assert!(matches!(check(&w, "pulse_key_unknown", &secret).await, Err(Error::Unauthenticated)));
    // The store has no secret.
    let secret = secret.expose().to_vec();
    let held = w.rows().await.into_iter().flatten().any(|value| match value {
        tenancy::store::Value::Bytes(bytes) => bytes == secret,
        tenancy::store::Value::Text(text) => text.as_bytes() == secret,
        _ => false,
    });
    assert!(!held);
}

async fn an_api_key_is_rotated_with_overlap<S: Store>(mut w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let old = key(&w, &owner, project_id).await;
    let (id, hour) = (old.key.id, Duration::from_secs(3_600));
    let new = write!(w, &owner, |tx, call| api_key::rotate(tx, call, project_id, id, hour)).unwrap();
    assert_eq!(new.key.public, old.key.public);
    for secret in [&old.secret, &new.secret] {
        check(&w, &old.key.public, secret).await.unwrap();
    }
    w.pass(hour);
    assert!(check(&w, &old.key.public, &old.secret).await.is_err());
    check(&w, &old.key.public, &new.secret).await.unwrap();
    let newest =
        write!(w, &owner, |tx, call| api_key::rotate(tx, call, project_id, id, Duration::ZERO)).unwrap();
    assert!(check(&w, &old.key.public, &new.secret).await.is_err(), "without overlap at once");
    check(&w, &old.key.public, &newest.secret).await.unwrap();
    let long = api_key::MAX_OVERLAP + Duration::from_secs(1);
    let long = write!(w, &owner, |tx, call| api_key::rotate(tx, call, project_id, id, long));
    assert!(matches!(long, Err(Error::Invalid(_))));
}

async fn an_api_key_ends_by_time_revocation_and_with_what_it_rests_on<S: Store>(mut w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let input = ApiKeyInput {
        name: "short".to_owned(),
        scopes: vec![Permission::StreamsRead],
        expires_at: Some(w.now.plus(Duration::from_secs(60))),
    };
    let short =
        write!(w, &owner, [input] | tx, call | api_key::create(tx, call, project_id, &input)).unwrap();
    check(&w, &short.key.public, &short.secret).await.unwrap();
    w.pass(Duration::from_secs(60));
    assert!(matches!(check(&w, &short.key.public, &short.secret).await, Err(Error::Unauthenticated)));

    let shown = key(&w, &owner, project_id).await;
    let public = shown.key.public.as_str();
    write!(w, &Principal::Operator, |tx, call| organization::suspend(tx, call, organization_id, true))
        .unwrap();
    assert!(refused(&check(&w, public, &shown.secret).await.unwrap_err(), SUSPENDED));
    let wrong = check(&w, public, &Secret::from("pulse_secret_wrong")).await;
    assert!(matches!(wrong, Err(Error::Unauthenticated)), "who has no secret does not learn of it");
    write!(w, &Principal::Operator, |tx, call| organization::suspend(tx, call, organization_id, false))
        .unwrap();
    check(&w, public, &shown.secret).await.unwrap();
    write!(w, &owner, |tx, call| project::delete(tx, call, project_id)).unwrap();
    assert!(matches!(check(&w, public, &shown.secret).await, Err(Error::Unauthenticated)));
    write!(w, &Principal::Operator, |tx, call| project::restore(tx, call, project_id)).unwrap();
    let id = shown.key.id;
    write!(w, &owner, |tx, call| api_key::revoke(tx, call, project_id, id)).unwrap();
    assert!(matches!(check(&w, public, &shown.secret).await, Err(Error::Unauthenticated)));
    let again = write!(w, &owner, |tx, call| api_key::revoke(tx, call, project_id, id));
    assert!(matches!(again, Err(Error::NotFound)));
}

async fn a_key_has_no_more_than_its_creator<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let viewer = w.member(&owner, organization_id, "viewer@example.org", Role::Viewer).await;
    let input = |scope| ApiKeyInput { name: "k".to_owned(), scopes: vec![scope], expires_at: None };
    let read = input(Permission::StreamsRead);
    let by_viewer = write!(w, &viewer, [read] | tx, call | api_key::create(tx, call, project_id, &read));
    assert!(matches!(by_viewer, Err(Error::Forbidden(Permission::ApiKeysManage))));
    for scope in [Permission::ApiKeysManage, Permission::Operate, Permission::MembersRead] {
        let input = input(scope);
        let result = write!(w, &owner, [input] | tx, call | api_key::create(tx, call, project_id, &input));
        assert!(matches!(result, Err(Error::Invalid(_))), "{scope}");
    }
    let empty = ApiKeyInput { name: "k".to_owned(), ..ApiKeyInput::default() };
    let empty = write!(w, &owner, [empty] | tx, call | api_key::create(tx, call, project_id, &empty));
    assert!(matches!(empty, Err(Error::Invalid(_))));
}

async fn foreign_keys_do_not_exist<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let id = key(&w, &owner, project_id).await.key.id;
    // The id of one project's key, in another project of the same owner.
    let other = project::ProjectInput { name: "Other".to_owned(), ..Default::default() };
    let other = write!(w, &owner, [other] | tx, call | project::create(tx, call, organization_id, &other))
        .unwrap()
        .id;
    let revoked = write!(w, &owner, |tx, call| api_key::revoke(tx, call, other, id));
    assert!(matches!(revoked, Err(Error::NotFound)));
    let rotated = write!(w, &owner, |tx, call| api_key::rotate(tx, call, other, id, Duration::ZERO));
    assert!(matches!(rotated, Err(Error::NotFound)));
    let a = w.stream(&owner, project_id, "A").await.unwrap();
    let b = w.stream(&owner, project_id, "B").await.unwrap();
    let (stream_id, key_id) = (b.stream.id, a.key.id);
    let revoked = write!(w, &owner, |tx, call| stream_key::revoke(tx, call, stream_id, key_id));
    assert!(matches!(revoked, Err(Error::NotFound)));
    let rotated =
        write!(w, &owner, |tx, call| stream_key::rotate(tx, call, stream_id, key_id, Duration::ZERO));
    assert!(matches!(rotated, Err(Error::NotFound)));
}

async fn resolve<S: Store>(w: &World<S>, key: &Secret) -> Result<tenancy::StreamId, Error> {
    let call = w.call(&Principal::System);
    stream_key::resolve(&mut w.store.read().await?, &call, key).await.map(|(stream, _)| stream.id)
}

async fn a_stream_key_is_shown_again_and_that_is_audited<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let created = w.stream(&owner, project_id, "Camera").await.unwrap();
    let id = created.stream.id;
    assert_eq!(stream_key::project_of(created.secret.expose_str().unwrap()), Some(project_id));
    let page = PageRequest::default();
    let shown = write!(w, &owner, |tx, call| stream_key::list(tx, call, id, page)).unwrap();
    assert_eq!(shown.data[0].secret, created.secret);
    let filter = AuditFilter {
        action: Some("stream_keys.shown".to_owned()),
        project_id: Some(project_id),
        ..Default::default()
    };
    let log = read!(w, &owner, |tx, call| audit::list(tx, call, &filter, PageRequest::default())).unwrap();
    assert_eq!(log.data.len(), 1);
    let viewer = w.member(&owner, organization_id, "viewer@example.org", Role::Viewer).await;
    let hidden = write!(w, &viewer, |tx, call| stream_key::list(tx, call, id, page));
    assert!(matches!(hidden, Err(Error::Forbidden(Permission::StreamKeysRead))));
}

async fn a_stream_key_is_rotated_with_overlap<S: Store>(mut w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let created = w.stream(&owner, project_id, "Camera").await.unwrap();
    let (id, key_id, minute) = (created.stream.id, created.key.id, Duration::from_secs(60));
    let new = write!(w, &owner, |tx, call| stream_key::rotate(tx, call, id, key_id, minute)).unwrap();
    assert_eq!(resolve(&w, &created.secret).await.unwrap(), id);
    assert_eq!(resolve(&w, &new.secret).await.unwrap(), id);
    w.pass(minute);
    assert!(matches!(resolve(&w, &created.secret).await, Err(Error::NotFound)));
    resolve(&w, &new.secret).await.unwrap();
    let again = write!(w, &owner, |tx, call| stream_key::rotate(tx, call, id, key_id, minute));
    assert!(refused(&again.unwrap_err(), tenancy::STATE), "the key has ended");
}

async fn a_stream_key_publishes_only_while_all_it_rests_on_is_there<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let created = w.stream(&owner, project_id, "Camera").await.unwrap();
    let (id, key) = (created.stream.id, created.secret);
    assert!(matches!(resolve(&w, &Secret::from("unknown")).await, Err(Error::NotFound)));
    write!(w, &Principal::Operator, |tx, call| stream::suspend(tx, call, id, true)).unwrap();
    assert!(resolve(&w, &key).await.is_err(), "stream suspended");
    write!(w, &Principal::Operator, |tx, call| stream::suspend(tx, call, id, false)).unwrap();
    resolve(&w, &key).await.unwrap();
    write!(w, &Principal::Operator, |tx, call| organization::suspend(tx, call, organization_id, true))
        .unwrap();
    assert!(resolve(&w, &key).await.is_err(), "organization suspended");
    write!(w, &Principal::Operator, |tx, call| organization::suspend(tx, call, organization_id, false))
        .unwrap();
    write!(w, &owner, |tx, call| project::delete(tx, call, project_id)).unwrap();
    assert!(resolve(&w, &key).await.is_err(), "project deleted");
    write!(w, &Principal::Operator, |tx, call| project::restore(tx, call, project_id)).unwrap();
    write!(w, &owner, |tx, call| stream::delete(tx, call, id)).unwrap();
    assert!(resolve(&w, &key).await.is_err(), "stream deleted");
    write!(w, &Principal::Operator, |tx, call| stream::restore(tx, call, id)).unwrap();
    let key_id = created.key.id;
    write!(w, &owner, |tx, call| stream_key::revoke(tx, call, id, key_id)).unwrap();
    assert!(resolve(&w, &key).await.is_err(), "key revoked");
}

async fn a_stream_has_twenty_keys_at_most<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let id = w.stream(&owner, project_id, "Camera").await.unwrap().stream.id;
    let input = StreamKeyInput { name: "backup".to_owned(), expires_at: None };
    for _ in 1..20 {
        write!(w, &owner, [input] | tx, call | stream_key::create(tx, call, id, &input)).unwrap();
    }
    let more = write!(w, &owner, [input] | tx, call | stream_key::create(tx, call, id, &input));
    assert!(refused(&more.unwrap_err(), tenancy::STATE));
    // A rotation without overlap needs no room, and what has ended takes none.
    let page = PageRequest { after: None, limit: 100 };
    let keys = write!(w, &owner, |tx, call| stream_key::list(tx, call, id, page)).unwrap();
    assert_eq!(keys.data.len(), 20);
    let key_id = keys.data[0].key.id;
    let minute = Duration::from_secs(60);
    let beside = write!(w, &owner, |tx, call| stream_key::rotate(tx, call, id, key_id, minute));
    assert!(refused(&beside.unwrap_err(), tenancy::STATE));
    write!(w, &owner, |tx, call| stream_key::rotate(tx, call, id, key_id, Duration::ZERO)).unwrap();
    let key_id = keys.data[1].key.id;
    write!(w, &owner, |tx, call| stream_key::revoke(tx, call, id, key_id)).unwrap();
    write!(w, &owner, [input] | tx, call | stream_key::create(tx, call, id, &input)).unwrap();
    let past = StreamKeyInput { name: "late".to_owned(), expires_at: Some(w.now) };
    let past = write!(w, &owner, [past] | tx, call | stream_key::create(tx, call, id, &past));
    assert!(matches!(past, Err(Error::Invalid(_))));
}
