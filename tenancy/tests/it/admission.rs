//! What the live path asks, and that it learns of every change.

use std::time::Duration;

use platform_core::{ProjectId, Secret};
use tenancy::admission::{self, Admission, Affected, Closed, Purpose, Refused, concerns};
use tenancy::cache::{Cache, GOOD_WITHOUT_STORE};
use tenancy::plan::{self, BytesLimit, PlanInput};
use tenancy::project::{self, ProjectPatch, ProjectSettings};
use tenancy::quota::Resource;
use tenancy::revocation::{self, Revoke};
use tenancy::schedule::{self, Schedule};
use tenancy::signing_key::{self, SigningAlgorithm, SigningKeyInput};
use tenancy::store::{Entity, Store};
use tenancy::stream::{self, PlaybackPolicy, StreamPatch};
use tenancy::stream_key::{self, StreamKeyInput};
use tenancy::token::{self, TokenInput};
use tenancy::{Error, Principal, StreamId, app, organization};

use crate::world::{World, on_each_store, read, write};

on_each_store!(
    an_admission_says_what_the_rows_say,
    what_is_deleted_is_not_admitted,
    every_change_is_seen_once_the_cache_is_told,
    tokens_are_verified_and_refused_with_a_reason,
    an_encoder_publishes_with_a_token_for_that,
    revocations_void_what_was_signed_before,
    keys_are_resolved_and_their_ends_are_seen,
    a_stream_is_published_within_its_schedule,
);

async fn signing_key<S: Store>(
    w: &World<S>,
    owner: &Principal,
    project_id: ProjectId,
    algorithm: SigningAlgorithm,
) -> signing_key::Shown {
    let input = SigningKeyInput { name: "main".to_owned(), algorithm };
    write!(w, owner, [input] | tx, call | signing_key::create(tx, call, project_id, &input)).unwrap()
}

async fn mint<S: Store>(w: &World<S>, owner: &Principal, id: StreamId, input: &TokenInput) -> Secret {
    let minter = read!(w, owner, |tx, call| token::minter(tx, call, id, None)).unwrap();
    minter.mint(&w.call(owner), input).unwrap().token
}

async fn loaded<S: Store>(w: &World<S>, id: StreamId) -> Result<Admission, Error> {
    admission::of_stream(&mut w.store.read().await.unwrap(), w.tenancy.keys(), id, w.now).await
}

async fn an_admission_says_what_the_rows_say<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    w.limit(organization_id, &[(Resource::ConcurrentViewers, 3)]).await;
    let created = w.stream(&owner, project_id, "One").await.unwrap();
    let id = created.stream.id;
    let key = signing_key(&w, &owner, project_id, SigningAlgorithm::EdDsa).await.key;
    let found = loaded(&w, id).await.unwrap();
    assert_eq!(
        (found.stream.id, found.project_id(), found.organization_id()),
        (id, project_id, organization_id)
    );
    assert_eq!(found.tenant.limit(Resource::ConcurrentViewers), Some(3));
    assert_eq!(found.tenant.bytes_limit, BytesLimit::Soft);
    assert!(found.has_signing_key(key.id) && found.open().is_ok() && !found.is_signed());
    assert_eq!(found.stream_key(created.key.id, w.now).unwrap(), None);
    assert_eq!(found.schedule(), Schedule::default());
    write!(w, &Principal::Operator, |tx, call| stream::suspend(tx, call, id, true)).unwrap();
    assert_eq!(loaded(&w, id).await.unwrap().open(), Err(Closed::StreamSuspended));
    write!(w, &Principal::Operator, |tx, call| organization::suspend(tx, call, organization_id, true))
        .unwrap();
    assert_eq!(loaded(&w, id).await.unwrap().open(), Err(Closed::OrganizationSuspended));
}

async fn what_is_deleted_is_not_admitted<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let id = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    let unknown: StreamId = w.tenancy.id(w.now);
    assert!(matches!(loaded(&w, unknown).await, Err(Error::NotFound)));
    write!(w, &owner, |tx, call| stream::delete(tx, call, id)).unwrap();
    assert!(matches!(loaded(&w, id).await, Err(Error::NotFound)));
    write!(w, &Principal::Operator, |tx, call| stream::restore(tx, call, id)).unwrap();
    write!(w, &owner, |tx, call| project::delete(tx, call, project_id)).unwrap();
    assert!(matches!(loaded(&w, id).await, Err(Error::NotFound)));
    write!(w, &Principal::Operator, |tx, call| project::restore(tx, call, project_id)).unwrap();
    loaded(&w, id).await.unwrap();
    write!(w, &owner, |tx, call| organization::delete(tx, call, organization_id)).unwrap();
    assert!(matches!(loaded(&w, id).await, Err(Error::NotFound)));
}

async fn every_change_is_seen_once_the_cache_is_told<S: Store>(w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    let cache = Cache::new();
    macro_rules! known {
        ($id:expr) => {
            cache.admission(&w.store, w.tenancy.keys(), $id, w.now).await
        };
    }
    let id = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    assert!(!known!(id).unwrap().is_signed());
    let patch = StreamPatch { playback_policy: Some(PlaybackPolicy::Signed), ..StreamPatch::default() };
    write!(w, &owner, [patch] | tx, call | stream::update(tx, call, id, &patch)).unwrap();
    assert!(!known!(id).unwrap().is_signed(), "it is not asked for again");
    cache.forget(&Entity::of(id));
    assert!(known!(id).unwrap().is_signed());
    let settings = ProjectSettings::with_allowed_origins(vec!["https://example.org".to_owned()]);
    let patch = ProjectPatch { settings: Some(settings), ..ProjectPatch::default() };
    write!(w, &owner, [patch] | tx, call | project::update(tx, call, project_id, &patch)).unwrap();
    cache.forget(&Entity::of(project_id));
    assert_eq!(known!(id).unwrap().tenant.settings.allowed_origins, ["https://example.org"]);
    w.limit(organization_id, &[(Resource::ConcurrentViewers, 3)]).await;
    cache.forget(&Entity::of(organization_id));
    let tenant = known!(id).unwrap().tenant.clone();
    assert_eq!(tenant.limit(Resource::ConcurrentViewers), Some(3));
    let plan_id = tenant.plan_id;
    let limits = [(Resource::ConcurrentViewers, 5)].into();
    let input = PlanInput { name: "Large".to_owned(), limits, bytes_limit: BytesLimit::Hard };
    write!(w, &Principal::Operator, [input] | tx, call | plan::update(tx, call, plan_id, &input)).unwrap();
    cache.forget(&Entity::of(plan_id));
    let tenant = known!(id).unwrap().tenant.clone();
    assert_eq!((tenant.limit(Resource::ConcurrentViewers), tenant.bytes_limit), (Some(5), BytesLimit::Hard));
    // That there is no stream is known as well, until there is.
    write!(w, &owner, |tx, call| stream::delete(tx, call, id)).unwrap();
    cache.forget(&Entity::of(id));
    assert!(matches!(known!(id), Err(Error::NotFound)));
    write!(w, &Principal::Operator, |tx, call| stream::restore(tx, call, id)).unwrap();
    assert!(matches!(known!(id), Err(Error::NotFound)), "it is not asked for again");
    cache.forget(&Entity::of(id));
    known!(id).unwrap();
    write!(w, &owner, |tx, call| project::delete(tx, call, project_id)).unwrap();
    cache.forget(&Entity::of(project_id));
    assert!(matches!(known!(id), Err(Error::NotFound)));
    write!(w, &Principal::Operator, |tx, call| project::restore(tx, call, project_id)).unwrap();
    cache.forget(&Entity::of(project_id));
    known!(id).unwrap();
}

async fn tokens_are_verified_and_refused_with_a_reason<S: Store>(mut w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let id = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    let other = w.stream(&owner, project_id, "Two").await.unwrap().stream.id;
    for algorithm in [SigningAlgorithm::Hs256, SigningAlgorithm::EdDsa] {
        let key = signing_key(&w, &owner, project_id, algorithm).await.key;
        let input = TokenInput {
            viewer_id: Some("v".to_owned()),
            not_before: Some(w.now.plus(Duration::from_secs(60))),
            valid: Some(Duration::from_secs(60)),
            ..TokenInput::default()
        };
        let token = mint(&w, &owner, id, &input).await;
        let of_one = loaded(&w, id).await.unwrap();
        let of_two = loaded(&w, other).await.unwrap();
        let at = |seconds| of_one.verify(&token, Purpose::Play, w.now.plus(Duration::from_secs(seconds)));
        assert!(matches!(at(54), Err(Refused::NotYet(_))));
        assert_eq!(at(55).unwrap().viewer_id.as_deref(), Some("v"));
        at(124).unwrap();
        assert!(matches!(at(125), Err(Refused::Expired(_))));
        let inside = w.now.plus(Duration::from_secs(90));
        assert!(matches!(of_two.verify(&token, Purpose::Play, inside), Err(Refused::OtherStream(_))));
        assert!(matches!(of_one.verify(&token, Purpose::Publish, inside), Err(Refused::OtherPurpose)));
        let mut forged = token.expose().to_vec();
        let place = forged.len() - 10;
        forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
        assert!(matches!(
            of_one.verify(&Secret::new(forged), Purpose::Play, inside),
            Err(Refused::BadSignature)
        ));
        assert!(matches!(
            of_one.verify(&Secret::from("a.b.c"), Purpose::Play, inside),
            Err(Refused::Malformed)
        ));
        let key_id = key.id;
        write!(w, &owner, |tx, call| signing_key::revoke(tx, call, project_id, key_id)).unwrap();
        let of_one = loaded(&w, id).await.unwrap();
        assert!(matches!(
            of_one.verify(&token, Purpose::Play, inside),
            Err(Refused::UnknownSigningKey(id)) if id == key_id
        ));
        w.pass(Duration::from_secs(1));
    }
}

async fn an_encoder_publishes_with_a_token_for_that<S: Store>(w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let (stranger, _, _) = w.tenant("b@example.org").await;
    let id = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    signing_key(&w, &owner, project_id, SigningAlgorithm::EdDsa).await;
    let theirs = read!(w, &stranger, |tx, call| token::publish_minter(tx, call, id, None));
    assert!(matches!(theirs, Err(Error::NotFound)));
    let minter = read!(w, &owner, |tx, call| token::publish_minter(tx, call, id, None)).unwrap();
    let token = minter.mint(&w.call(&owner), &TokenInput::default()).unwrap().token;
    let cache = Cache::new();
    let leave = cache.publish_by_token(&w.store, w.tenancy.keys(), &token, w.now).await.unwrap();
    assert_eq!((leave.key_id, leave.admission.stream.id), (None, id));
    let playback = mint(&w, &owner, id, &TokenInput::default()).await;
    for wrong in [&playback, &Secret::from("a.b.c"), &Secret::from("")] {
        assert!(cache.publish_by_token(&w.store, w.tenancy.keys(), wrong, w.now).await.is_err());
    }
    let later = w.now.plus(Duration::from_secs(3_605));
    let late = cache.publish_by_token(&w.store, w.tenancy.keys(), &token, later).await;
    assert!(matches!(late, Err(Refused::Expired(_))));
}

async fn revocations_void_what_was_signed_before<S: Store>(mut w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let id = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    signing_key(&w, &owner, project_id, SigningAlgorithm::Hs256).await;
    let viewer = |name: &str| TokenInput { viewer_id: Some(name.to_owned()), ..TokenInput::default() };
    let ann = mint(&w, &owner, id, &viewer("ann")).await;
    let bob = mint(&w, &owner, id, &viewer("bob")).await;
    macro_rules! verify {
        ($token:expr) => {
            loaded(&w, id).await.unwrap().verify($token, Purpose::Play, w.now)
        };
    }
    let jti = verify!(&bob).unwrap().jti.unwrap();
    w.pass(Duration::from_secs(10));
    let revoke = Revoke::Viewer("ann".to_owned());
    for _ in 0..2 {
        write!(w, &owner, [revoke] | tx, call | revocation::revoke(tx, call, id, &revoke)).unwrap();
    }
    assert!(matches!(verify!(&ann), Err(Refused::ViewerRevoked)));
    verify!(&bob).unwrap();
    w.pass(Duration::from_secs(1));
    let again = mint(&w, &owner, id, &viewer("ann")).await;
    verify!(&again).unwrap();
    let revoke = Revoke::Token(jti);
    write!(w, &owner, [revoke] | tx, call | revocation::revoke(tx, call, id, &revoke)).unwrap();
    assert!(matches!(verify!(&bob), Err(Refused::TokenRevoked)));
    assert_eq!(loaded(&w, id).await.unwrap().revoked.len(), 2);
    write!(w, &owner, |tx, call| revocation::revoke(tx, call, id, &Revoke::All)).unwrap();
    assert!(matches!(verify!(&again), Err(Refused::OldEpoch { epoch: 0, current: 1 })));
    assert!(loaded(&w, id).await.unwrap().revoked.is_empty(), "the epoch says it");
    let after = mint(&w, &owner, id, &viewer("ann")).await;
    verify!(&after).unwrap();
    let wrong = Revoke::Viewer(String::new());
    let wrong = write!(w, &owner, [wrong] | tx, call | revocation::revoke(tx, call, id, &wrong));
    assert!(matches!(wrong, Err(Error::Invalid(_))));
}

async fn keys_are_resolved_and_their_ends_are_seen<S: Store>(mut w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let created = w.stream(&owner, project_id, "One").await.unwrap();
    let (id, first) = (created.stream.id, created.key.id);
    let cache = Cache::new();
    macro_rules! publish {
        ($key:expr) => {
            cache.publish(&w.store, w.tenancy.keys(), $key, w.now).await
        };
    }
    for unknown in ["", "demo", &format!("{}x", created.secret.expose_str().unwrap())] {
        assert!(matches!(publish!(&Secret::from(unknown)), Err(Refused::UnknownKey)), "{unknown}");
    }
    assert_eq!(publish!(&created.secret).unwrap().key_id, Some(first));
    let overlap = Duration::from_secs(60);
    let rotated = write!(w, &owner, |tx, call| stream_key::rotate(tx, call, id, first, overlap)).unwrap();
    let changed = Entity::named("stream keys", id.to_string());
    assert_eq!(concerns(&changed), Some(Affected::StreamKeys(id)));
    cache.forget(&changed);
    assert_eq!(publish!(&created.secret).unwrap().expires_at, Some(w.now.plus(overlap)));
    publish!(&rotated.secret).unwrap();
    w.pass(overlap);
    assert!(matches!(publish!(&created.secret), Err(Refused::KeyEnded(key)) if key == first));
    let input = StreamKeyInput { name: "backup".to_owned(), expires_at: None };
    let backup = write!(w, &owner, [input] | tx, call | stream_key::create(tx, call, id, &input)).unwrap();
    cache.forget(&changed);
    publish!(&backup.secret).unwrap();
    let backup_id = backup.key.id;
    write!(w, &owner, |tx, call| stream_key::revoke(tx, call, id, backup_id)).unwrap();
    cache.forget(&changed);
    assert!(matches!(publish!(&backup.secret), Err(Refused::KeyEnded(_))));
    publish!(&rotated.secret).unwrap();
    write!(w, &Principal::Operator, |tx, call| stream::suspend(tx, call, id, true)).unwrap();
    cache.forget(&Entity::of(id));
    assert!(matches!(publish!(&rotated.secret), Err(Refused::Closed(Closed::StreamSuspended))));
    write!(w, &owner, |tx, call| stream::delete(tx, call, id)).unwrap();
    cache.forget(&Entity::of(id));
    assert!(matches!(publish!(&rotated.secret), Err(Refused::UnknownStream)));
}

async fn a_stream_is_published_within_its_schedule<S: Store>(mut w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let id = w.stream(&owner, project_id, "One").await.unwrap().stream.id;
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let start = w.now.plus(minutes(60));
    let schedule =
        Schedule { starts_at: Some(start), ends_at: Some(start.plus(minutes(30))), ..Schedule::default() };
    let put = write!(w, &owner, |tx, call| schedule::put(tx, call, id, &schedule)).unwrap();
    assert_eq!(put, schedule);
    assert_eq!(read!(w, &owner, |tx, call| schedule::read(tx, call, id)).unwrap(), schedule);
    let found = loaded(&w, id).await.unwrap();
    let open = |after| found.publishable(w.now.plus(minutes(after))).is_ok();
    assert_eq!([44, 45, 89, 90].map(open), [false, true, true, false]);
    let wrong = Schedule { ends_at: Some(start), ..schedule };
    let wrong = write!(w, &owner, |tx, call| schedule::put(tx, call, id, &wrong));
    assert!(matches!(wrong, Err(Error::Invalid(_))));
    w.pass(minutes(300));
    write!(w, &owner, |tx, call| schedule::put(tx, call, id, &Schedule::default())).unwrap();
    loaded(&w, id).await.unwrap().publishable(w.now).unwrap();
}

#[test]
fn what_was_known_is_good_for_a_while_when_the_store_is_away() {
    crate::world::on_sqlite(|mut w| async move {
        let (owner, _, project_id) = w.tenant("a@example.org").await;
        let created = w.stream(&owner, project_id, "One").await.unwrap();
        let (id, cache) = (created.stream.id, Cache::new());
        let unknown = w.stream(&owner, project_id, "Two").await.unwrap().stream.id;
        macro_rules! known {
            ($id:expr) => {
                cache.admission(&w.store, w.tenancy.keys(), $id, w.now).await
            };
        }
        known!(id).unwrap();
        cache.publish(&w.store, w.tenancy.keys(), &created.secret, w.now).await.unwrap();
        let bound =
            write!(w, &Principal::Operator, |tx, call| app::bind(tx, call, "studio", project_id, false));
        bound.unwrap();
        macro_rules! bound {
            ($name:expr) => {
                cache.app(&w.store, $name, w.now).await.map(|app| app.project_id)
            };
        }
        assert_eq!(bound!("studio").unwrap(), project_id);
        w.store.close().await;
        known!(id).unwrap();
        // No name that an encoder makes up is a question to the store.
        assert!(matches!(bound!("made-up"), Err(Error::NotFound)));
        cache.doubt(w.now);
        assert!(matches!(bound!("made-up"), Err(Error::NotFound)));
        assert_eq!(bound!("studio").unwrap(), project_id);
        known!(id).unwrap();
        cache.publish(&w.store, w.tenancy.keys(), &created.secret, w.now).await.unwrap();
        assert!(matches!(known!(unknown), Err(Error::Unavailable(_))));
        w.pass(GOOD_WITHOUT_STORE - Duration::from_millis(1));
        cache.doubt(w.now);
        known!(id).unwrap();
        assert!(cache.known_admission(id, w.now).is_some());
        w.pass(Duration::from_millis(1));
        assert!(matches!(known!(id), Err(Error::Unavailable(_))));
        assert!(cache.known_admission(id, w.now).is_none());
        assert!(matches!(bound!("made-up"), Err(Error::Unavailable(_))));
    });
}
