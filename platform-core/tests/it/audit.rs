//! Audit rows are found by what was asked, the newest first, page by page, and without the person once that is erased.

use std::time::Duration;

use platform_core::sql::audit::{self, ActorKind, Entry, Filter};
use platform_core::sql::{Db, Entity, Error};
use platform_core::{OrganizationId, ProjectId};

use crate::fixture::{Fixture, NOW, on_each_database};

on_each_database!(
    rows_come_back_whole,
    filters_and_pages,
    counts_by_action,
    an_actor_is_erased,
    rows_about_somebody_keep_no_address,
    old_rows_are_purged,
);

fn entry(fixture: &Fixture, number: u64) -> Entry {
    let now = NOW.plus(Duration::from_secs(number));
    Entry {
        id: fixture.ids.next(now),
        organization_id: Some(OrganizationId::from_uuid(u128::from(number % 2))),
        project_id: None,
        actor_kind: ActorKind::User,
        actor_id: Some(format!("usr_{}", number % 3)),
        action: if number < 2 { "stream.created" } else { "stream.updated" }.to_owned(),
        resource: Some(Entity::named("stream", format!("str_{number}"))),
        changed: vec!["name".to_owned(), "labels".to_owned()],
        address: Some("2001:db8::1".parse().unwrap()),
        request_id: Some("req_1".to_owned()),
        created_at: now,
    }
}

async fn append(db: &Db, entry: Entry) {
    db.write(entry, |tx, entry| Box::pin(audit::append(tx, entry))).await.unwrap();
}

async fn numbers(db: &Db, filter: &Filter) -> Vec<String> {
    let rows = audit::page(&mut db.read().await.unwrap(), filter, None, 100).await.unwrap();
    rows.into_iter().map(|row| row.resource.unwrap().id).collect()
}

async fn rows_come_back_whole(fixture: Fixture) {
    let db = fixture.open().await;
    let full = Entry { project_id: Some(ProjectId::from_uuid(5)), ..entry(&fixture, 1) };
    let bare = Entry {
        organization_id: None,
        actor_kind: ActorKind::System,
        actor_id: None,
        resource: None,
        changed: Vec::new(),
        address: None,
        request_id: None,
        ..entry(&fixture, 2)
    };
    append(&db, full.clone()).await;
    append(&db, bare.clone()).await;
    let rows = audit::page(&mut db.read().await.unwrap(), &Filter::default(), None, 10).await.unwrap();
    assert_eq!(rows, [bare, full]);
}

async fn filters_and_pages(fixture: Fixture) {
    let db = fixture.open().await;
    for number in 0..6 {
        append(&db, entry(&fixture, number)).await;
    }
    let all = Filter::default();
    let even = Filter { organization_id: Some(OrganizationId::from_uuid(0)), ..Filter::default() };
    assert_eq!(numbers(&db, &all).await, ["str_5", "str_4", "str_3", "str_2", "str_1", "str_0"]);
    assert_eq!(numbers(&db, &even).await, ["str_4", "str_2", "str_0"]);
    let by = Filter { actor_id: Some("usr_1".to_owned()), ..even.clone() };
    assert_eq!(numbers(&db, &by).await, ["str_4"]);
    let on = Filter { resource_id: Some("str_3".to_owned()), ..Filter::default() };
    assert_eq!(numbers(&db, &on).await, ["str_3"]);
    let did = Filter { action: Some("stream.created".to_owned()), ..Filter::default() };
    assert_eq!(numbers(&db, &did).await, ["str_1", "str_0"]);
    let when = Filter {
        from: Some(NOW.plus(Duration::from_secs(2))),
        until: Some(NOW.plus(Duration::from_secs(4))),
        ..Filter::default()
    };
    assert_eq!(numbers(&db, &when).await, ["str_3", "str_2"]);
    let none = Filter { project_id: Some(ProjectId::from_uuid(1)), ..Filter::default() };
    assert!(numbers(&db, &none).await.is_empty());

    let mut read = db.read().await.unwrap();
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let page = audit::page(&mut read, &all, before, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.push(page.len());
    }
    assert_eq!(seen, [4, 2]);
}

async fn counts_by_action(fixture: Fixture) {
    let db = fixture.open().await;
    for number in 0..5 {
        append(&db, entry(&fixture, number)).await;
    }
    let counts = audit::counts(&mut db.read().await.unwrap(), &Filter::default()).await.unwrap();
    assert_eq!(counts, [("stream.updated".to_owned(), 3), ("stream.created".to_owned(), 2)]);
}

async fn an_actor_is_erased(fixture: Fixture) {
    let db = fixture.open().await;
    for number in 0..4 {
        append(&db, entry(&fixture, number)).await;
    }
    let erased: Result<u64, Error> = db.write((), |tx, ()| Box::pin(audit::erase(tx, "usr_0"))).await;
    assert_eq!(erased.unwrap(), 2);
    let rows = audit::page(&mut db.read().await.unwrap(), &Filter::default(), None, 10).await.unwrap();
    let known: Vec<_> = rows.iter().map(|row| (row.actor_id.is_some(), row.address.is_some())).collect();
    assert_eq!(known, [(false, false), (true, true), (true, true), (false, false)]);
}

async fn rows_about_somebody_keep_no_address(fixture: Fixture) {
    let db = fixture.open().await;
    for number in 0..3 {
        let mut row = entry(&fixture, number);
        row.resource = Some(Entity::named("user", if number == 1 { "usr_9" } else { "usr_8" }));
        append(&db, row).await;
    }
    let erased: Result<u64, Error> = db.write((), |tx, ()| Box::pin(audit::erase(tx, "usr_9"))).await;
    assert_eq!(erased.unwrap(), 1);
    let rows = audit::page(&mut db.read().await.unwrap(), &Filter::default(), None, 10).await.unwrap();
    let known: Vec<_> = rows.iter().map(|row| (row.actor_id.is_some(), row.address.is_some())).collect();
    assert_eq!(known, [(true, true), (true, false), (true, true)]);
}

async fn old_rows_are_purged(fixture: Fixture) {
    let db = fixture.open().await;
    for number in 0..4 {
        append(&db, entry(&fixture, number)).await;
    }
    let before = NOW.plus(Duration::from_secs(3));
    let purge = async || db.write((), move |tx, ()| Box::pin(audit::purge(tx, before, 2))).await.unwrap();
    assert_eq!((purge().await, purge().await, purge().await), (2, 1, 0));
    assert_eq!(numbers(&db, &Filter::default()).await, ["str_3"]);
}
