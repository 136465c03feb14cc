//! What was deleted goes for good after its time, and nothing else does.

use std::time::Duration;

use tenancy::api_key::{self, ApiKeyInput};
use tenancy::settings::{self, SettingsPatch};
use tenancy::signing_key::{self, SigningAlgorithm, SigningKeyInput};
use tenancy::store::{Assign, Cell as _, Condition, Record as _, Select, Store, Tx, Value};
use tenancy::{Error, Permission, Principal, organization, project, retention, stream, user};

use crate::world::{World, on_each_store, read, registration, write};

on_each_store!(
    what_is_in_use_stays,
    what_was_deleted_goes_with_all_that_is_in_it,
    unverified_accounts_go_after_a_week,
    logins_and_tokens_go_when_they_have_ended,
    audit_rows_go_after_as_many_days_as_operators_set,
    keys_that_have_expired_go,
    what_cannot_be_read_goes_as_well,
);

/// Purges until there is nothing left to do; how many rows went.
async fn purge<S: Store>(w: &World<S>) -> u64 {
    let mut removed = 0;
    for _ in 0..1_000 {
        let now = w.now;
        let batch = w.store.write((), move |tx, ()| Box::pin(retention::purge(tx, now))).await.unwrap();
        if batch == 0 {
            return removed;
        }
        removed += batch;
    }
    panic!("it does not end");
}

async fn rows_of<S: Store>(w: &World<S>, table: &str) -> usize {
    let table = tenancy::TABLES.into_iter().find(|one| one.name == table).unwrap();
    let order = tenancy::store::Order::Oldest;
    let select = Select { table, filter: Vec::new(), order, limit: 10_000 };
    w.store.read().await.unwrap().select_rows(select).await.unwrap().len()
}

async fn what_is_in_use_stays<S: Store>(mut w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let id = w.stream(&owner, project_id, "Camera").await.unwrap().stream.id;
    w.pass(Duration::from_secs(360 * 86_400));
    let before = w.rows().await;
    assert_eq!(purge(&w).await, 0);
    assert!(w.rows().await == before);
    read!(w, &owner, |tx, call| stream::read(tx, call, id)).unwrap();
}

async fn what_cannot_be_read_goes_as_well<S: Store>(mut w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let id = w.stream(&owner, project_id, "Broken").await.unwrap().stream.id;
    let broken = w.store.write((id, w.now), |tx, (id, now)| {
        Box::pin(async move {
            let metadata = r#"{"k":{"$serde_json::private::RawValue":"x","a":1}}"#;
            let assign = vec![
                Assign::Set("metadata", Value::Text(metadata.to_owned())),
                Assign::Set("deleted_at", now.into_value()),
            ];
            tx.update_rows(stream::Stream::TABLE, vec![Condition::Is("id", id.into_value())], assign).await
        })
    });
    assert_eq!(broken.await.unwrap(), 1);
    w.pass(retention::KEPT + Duration::from_millis(1));
    assert_eq!(purge(&w).await, 2, "the stream and its key");
    assert_eq!(rows_of(&w, "tenancy_streams").await, 0);
}

async fn what_was_deleted_goes_with_all_that_is_in_it<S: Store>(mut w: World<S>) {
    let (owner, organization_id, project_id) = w.tenant("a@example.org").await;
    for number in 0..3 {
        w.stream(&owner, project_id, &number.to_string()).await.unwrap();
    }
    let gone = w.stream(&owner, project_id, "gone").await.unwrap().stream.id;
    let input = ApiKeyInput { name: "k".to_owned(), scopes: vec![Permission::StreamsRead], expires_at: None };
    write!(w, &owner, [input] | tx, call | api_key::create(tx, call, project_id, &input)).unwrap();
    let input = SigningKeyInput { name: "k".to_owned(), algorithm: SigningAlgorithm::Hs256 };
    write!(w, &owner, [input] | tx, call | signing_key::create(tx, call, project_id, &input)).unwrap();
    write!(w, &owner, |tx, call| stream::delete(tx, call, gone)).unwrap();
    w.pass(retention::KEPT);
    assert_eq!(purge(&w).await, 0, "the last moment");
    w.pass(Duration::from_millis(1));
    assert_eq!(purge(&w).await, 2, "the stream and its key");
    write!(w, &owner, |tx, call| project::delete(tx, call, project_id)).unwrap();
    w.pass(retention::KEPT + Duration::from_millis(1));
    purge(&w).await;
    for table in [
        "tenancy_streams",
        "tenancy_stream_keys",
        "tenancy_api_keys",
        "tenancy_signing_keys",
        "tenancy_projects",
    ] {
        assert_eq!(rows_of(&w, table).await, 0, "{table}");
    }
    assert_eq!(rows_of(&w, "tenancy_organizations").await, 1);
    let another = w.project(&owner, organization_id).await;
    w.stream(&owner, another, "One").await.unwrap();
    write!(w, &owner, |tx, call| organization::delete(tx, call, organization_id)).unwrap();
    w.pass(retention::KEPT + Duration::from_millis(1));
    purge(&w).await;
    for table in [
        "tenancy_streams",
        "tenancy_projects",
        "tenancy_members",
        "tenancy_counters",
        "tenancy_organizations",
    ] {
        assert_eq!(rows_of(&w, table).await, 0, "{table}");
    }
    assert_eq!(rows_of(&w, "tenancy_users").await, 1);
}

async fn unverified_accounts_go_after_a_week<S: Store>(mut w: World<S>) {
    w.person("a@example.org").await;
    let _ =
        write!(w, &Principal::Anonymous, |tx, call| user::register(tx, call, &registration("b@example.org")))
            .unwrap();
    w.pass(retention::UNVERIFIED_KEPT);
    purge(&w).await;
    assert_eq!(rows_of(&w, "tenancy_users").await, 2);
    w.pass(Duration::from_millis(1));
    purge(&w).await;
    assert_eq!(rows_of(&w, "tenancy_users").await, 1);
    w.login("a@example.org").await.unwrap();
}

async fn logins_and_tokens_go_when_they_have_ended<S: Store>(mut w: World<S>) {
    w.person("a@example.org").await;
    w.login("a@example.org").await.unwrap();
    let _ = write!(w, &Principal::Anonymous, |tx, call| user::forgot(tx, call, "a@example.org")).unwrap();
    assert_eq!(purge(&w).await, 0);
    w.pass(tenancy::session::VALID + Duration::from_millis(1));
    purge(&w).await;
    assert_eq!((rows_of(&w, "tenancy_sessions").await, rows_of(&w, "tenancy_mail_tokens").await), (0, 0));
}

async fn audit_rows_go_after_as_many_days_as_operators_set<S: Store>(mut w: World<S>) {
    let rows = async |w: &World<S>| {
        let filter = tenancy::store::AuditFilter::default();
        w.store.read().await.unwrap().audit_page(&filter, None, 100).await.unwrap().len()
    };
    w.person("a@example.org").await;
    let day = Duration::from_secs(86_400);
    w.pass(365 * day);
    w.person("b@example.org").await;
    purge(&w).await;
    assert_eq!(rows(&w).await, 2, "the last moment");
    w.pass(Duration::from_millis(1));
    assert_eq!((purge(&w).await, rows(&w).await), (1, 1));
    for (days, ok) in [(0, false), (3_651, false), (7, true)] {
        let patch = SettingsPatch { audit_days: Some(days), ..SettingsPatch::default() };
        let set = write!(w, &Principal::Operator, [patch] | tx, call | settings::update(tx, call, &patch));
        assert!(if ok { set.is_ok() } else { matches!(set, Err(Error::Invalid(_))) }, "{days}");
    }
    w.pass(7 * day + Duration::from_millis(1));
    purge(&w).await;
    assert_eq!(rows(&w).await, 0);
}

async fn keys_that_have_expired_go<S: Store>(mut w: World<S>) {
    let (owner, _, project_id) = w.tenant("a@example.org").await;
    let expires_at = Some(w.now.plus(Duration::from_secs(60)));
    let input = ApiKeyInput { name: "k".to_owned(), scopes: vec![Permission::StreamsRead], expires_at };
    write!(w, &owner, [input] | tx, call | api_key::create(tx, call, project_id, &input)).unwrap();
    let input = SigningKeyInput { name: "k".to_owned(), algorithm: SigningAlgorithm::Hs256 };
    let signing = write!(w, &owner, [input] | tx, call | signing_key::create(tx, call, project_id, &input))
        .unwrap()
        .key
        .id;
    write!(w, &owner, |tx, call| signing_key::revoke(tx, call, project_id, signing)).unwrap();
    w.pass(retention::KEPT + Duration::from_secs(61));
    purge(&w).await;
    let left = (rows_of(&w, "tenancy_api_keys").await, rows_of(&w, "tenancy_signing_keys").await);
    assert_eq!(left, (0, 0));
}
