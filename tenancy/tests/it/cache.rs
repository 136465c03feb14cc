//! The cache: what it knows it does not ask for, and what changed it forgets.

use std::sync::Arc;
use std::time::Duration;

use platform_core::Secret;
use platform_core::sql::{Change, Db};
use tenancy::api_key::{self, ApiKeyInput};
use tenancy::cache::Cache;
use tenancy::revocation::{self, Revoke};
use tenancy::settings::{self, SettingsPatch};
use tenancy::signing_key::{self, SigningAlgorithm, SigningKeyInput};
use tenancy::store::{Entity, Store};
use tenancy::stream::{self, StreamPatch};
use tenancy::{Error, Permission, Principal, access, organization, project, user};

use crate::world::{World, on_each_store, write};

on_each_store!(
    a_key_is_known_until_something_it_rests_on_changes,
    a_stream_is_known_until_it_changes_and_to_its_project_alone,
    a_login_is_known_until_it_ends,
    minters_follow_keys_and_epochs,
    settings_are_known_until_they_change,
);

async fn api_key<S: Store>(
    w: &World<S>,
    owner: &Principal,
    project_id: platform_core::ProjectId,
) -> api_key::Shown {
    let scopes = vec![Permission::StreamsRead, Permission::TokensMint];
    let input = ApiKeyInput { name: "k".to_owned(), scopes, expires_at: None };
    write!(w, owner, [input] | tx, call | api_key::create(tx, call, project_id, &input)).unwrap()
}

async fn a_key_is_known_until_something_it_rests_on_changes<S: Store>(mut w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let shown = api_key(&w, &owner, project_id).await;
    let cache = Cache::new();
    let (id, public) = (shown.key.id, shown.key.public.clone());
    macro_rules! known {
        ($secret:expr) => {
            cache.key(&w.store, w.tenancy.keys(), &public, $secret, w.now).await.is_ok()
        };
    }
    assert!(!known!(&Secret::from("pulse_secret_wrong")));
    assert!(known!(&shown.secret) && !known!(&Secret::from("pulse_secret_wrong")));
    // It is not asked for again: a change of which the cache was not told is not seen.
    let new =
        write!(w, &owner, |tx, call| api_key::rotate(tx, call, project_id, id, Duration::ZERO)).unwrap();
    assert!(known!(&shown.secret));
    cache.forget(&Entity::of(id));
    assert!(!known!(&shown.secret) && known!(&new.secret));
    write!(w, &owner, |tx, call| project::delete(tx, call, project_id)).unwrap();
    cache.forget(&Entity::of(project_id));
    assert!(!known!(&new.secret));
    write!(w, &Principal::Operator, |tx, call| project::restore(tx, call, project_id)).unwrap();
    assert!(known!(&new.secret), "what is not there is not kept");
    write!(w, &Principal::Operator, |tx, call| organization::suspend(tx, call, organization_id, true))
        .unwrap();
    cache.forget(&Entity::of(organization_id));
    assert!(!known!(&new.secret));
    write!(w, &Principal::Operator, |tx, call| organization::suspend(tx, call, organization_id, false))
        .unwrap();
    cache.flush();
    assert!(known!(&new.secret));
    w.pass(Duration::from_secs(60));
    write!(w, &owner, |tx, call| api_key::revoke(tx, call, project_id, id)).unwrap();
    cache.forget(&Entity::of(id));
    assert!(!known!(&new.secret));
}

async fn a_stream_is_known_until_it_changes_and_to_its_project_alone<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let (stranger, _, foreign) = w.tenant("b@example.org").await;
    let id = w.stream(&owner, project_id, "Old").await.unwrap().stream.id;
    let cache = Cache::new();
    let key = api_key(&w, &owner, project_id).await;
    let theirs = api_key(&w, &stranger, foreign).await;
    let key = cache.key(&w.store, w.tenancy.keys(), &key.key.public, &key.secret, w.now).await.unwrap();
    let theirs =
        cache.key(&w.store, w.tenancy.keys(), &theirs.key.public, &theirs.secret, w.now).await.unwrap();
    let key = w.call(&Principal::Key(key));
    let theirs = w.call(&Principal::Key(theirs));
    assert!(matches!(cache.stream(&w.store, &theirs, id).await, Err(Error::NotFound)), "before it is known");
    assert_eq!(cache.stream(&w.store, &key, id).await.unwrap().name, "Old");
    assert!(matches!(cache.stream(&w.store, &theirs, id).await, Err(Error::NotFound)), "and after");
    let Principal::Key(scoped) = &key.principal else { panic!() };
    let none = tenancy::KeyPrincipal { scopes: vec![Permission::UsageRead], ..(**scoped).clone() };
    let none = w.call(&Principal::Key(Arc::new(none)));
    assert!(matches!(cache.stream(&w.store, &none, id).await, Err(Error::Forbidden(_))));
    let patch = StreamPatch { name: Some("New".to_owned()), ..StreamPatch::default() };
    write!(w, &owner, [patch] | tx, call | stream::update(tx, call, id, &patch)).unwrap();
    assert_eq!(cache.stream(&w.store, &key, id).await.unwrap().name, "Old", "it was not asked for");
    cache.forget(&Entity::of(id));
    assert_eq!(cache.stream(&w.store, &key, id).await.unwrap().name, "New");
    write!(w, &owner, |tx, call| stream::delete(tx, call, id)).unwrap();
    cache.forget(&Entity::of(id));
    assert!(matches!(cache.stream(&w.store, &key, id).await, Err(Error::NotFound)));
}

async fn a_login_is_known_until_it_ends<S: Store>(w: World<S>) {
    let id = w.person("a@example.org").await;
    let tokens = w.login("a@example.org").await.unwrap();
    let cache = Cache::new();
    let claims = access::verify(w.tenancy.keys(), &tokens.access, w.now).unwrap();
    assert_eq!(cache.session(&w.store, &claims, w.now).await.unwrap().id, id);
    let other = access::Claims { user_id: w.person("b@example.org").await, ..claims };
    assert!(cache.session(&w.store, &other, w.now).await.is_err());
    write!(w, &Principal::Operator, |tx, call| user::suspend(tx, call, id, true)).unwrap();
    cache.session(&w.store, &claims, w.now).await.unwrap();
    cache.forget(&Entity::of(id));
    assert!(cache.session(&w.store, &claims, w.now).await.is_err());
}

async fn minters_follow_keys_and_epochs<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let id = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    let input = SigningKeyInput { name: "k".to_owned(), algorithm: SigningAlgorithm::Hs256 };
    let first = write!(w, &owner, [input] | tx, call | signing_key::create(tx, call, project_id, &input))
        .unwrap()
        .key
        .id;
    let cache = Cache::new();
    let key = api_key(&w, &owner, project_id).await;
    let key = cache.key(&w.store, w.tenancy.keys(), &key.key.public, &key.secret, w.now).await.unwrap();
    let call = w.call(&Principal::Key(key));
    assert_eq!(cache.minter(&w.store, &call, id, None).await.unwrap().key_id(), first);
    let second = write!(w, &owner, [input] | tx, call | signing_key::create(tx, call, project_id, &input))
        .unwrap()
        .key
        .id;
    assert_eq!(cache.minter(&w.store, &call, id, None).await.unwrap().key_id(), first);
    cache.forget(&Entity::named("signing keys", project_id.to_string()));
    assert_eq!(cache.minter(&w.store, &call, id, None).await.unwrap().key_id(), second);
    assert_eq!(cache.minter(&w.store, &call, id, Some(first)).await.unwrap().key_id(), first);
    write!(w, &owner, |tx, call| revocation::revoke(tx, call, id, &Revoke::All)).unwrap();
    cache.forget(&Entity::of(id));
    let minter = cache.minter(&w.store, &call, id, None).await.unwrap();
    assert_eq!(minter.mint(&call, &tenancy::token::TokenInput::default()).unwrap().claims.epoch, Some(1));
}

async fn settings_are_known_until_they_change<S: Store>(w: World<S>) {
    let cache = Cache::new();
    assert!(!cache.settings(&w.store).await.unwrap().maintenance);
    let patch = SettingsPatch { maintenance: Some(true), ..SettingsPatch::default() };
    write!(w, &Principal::Operator, [patch] | tx, call | settings::update(tx, call, &patch)).unwrap();
    assert!(!cache.settings(&w.store).await.unwrap().maintenance);
    cache.forget(&settings::Settings::entity());
    assert!(cache.settings(&w.store).await.unwrap().maintenance);
}

/// Two servers on one PostgreSQL, each with a cache that follows the changes.
#[test]
fn a_revocation_on_one_server_is_heard_by_the_other() {
    crate::world::on_postgres(|w: World<Db>| async move {
        let (owner, _, project_id) = w.tenant("a@example.org").await;
        let shown = api_key(&w, &owner, project_id).await;
        let other = crate::world::open(w.location.clone().unwrap()).await;
        let cache = Cache::new();
        let mut changes = other.changes().await.unwrap();
        let known =
            async || cache.key(&other, w.tenancy.keys(), &shown.key.public, &shown.secret, w.now).await;
        known().await.unwrap();
        let id = shown.key.id;
        write!(w, &owner, |tx, call| api_key::revoke(tx, call, project_id, id)).unwrap();
        let heard = async {
            while let Some(change) = changes.next().await {
                let Change::Entity { entity, .. } = change else {
                    cache.flush();
                    continue;
                };
                let entity = Entity::from(entity);
                cache.forget(&entity);
                if entity == Entity::of(id) {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(5), heard).await.unwrap();
        assert!(matches!(known().await, Err(Error::Unauthenticated)));
    });
}
