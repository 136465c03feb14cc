//! Events come out of the outbox in order, once, and none is passed over.

use std::time::Duration;

use platform_core::sql::outbox::{self, Position, Reader};
use platform_core::sql::{Db, Entity, Error};
use platform_core::{Event, OrganizationId, ProjectId, WallTime};

use crate::fixture::{Fixture, NOW, number, on_each_database, settled};

on_each_database!(
    events_come_out_as_they_went_in,
    a_rolled_back_event_does_not_come_out,
    each_reader_has_its_own_place,
    a_reader_that_fails_reads_again,
    a_reader_can_skip_the_past,
    old_events_are_purged,
    events_dated_into_the_future_hold_no_purge_up,
    an_entity_is_erased,
);

async fn append(db: &Db, event: Event) {
    db.write(event, |tx, event| Box::pin(outbox::append(tx, event, None))).await.unwrap();
}

/// What the reader gets once nothing is in its way.
async fn read_on(db: &Db, name: &'static str, batch: usize) -> Vec<i64> {
    settled(db).await;
    next(db, name, batch).await
}

async fn next(db: &Db, name: &'static str, batch: usize) -> Vec<i64> {
    db.write((), move |tx, ()| {
        Box::pin(async move {
            let reader = Reader::new(name);
            let mut numbers = Vec::new();
            for entry in reader.next(tx, batch).await? {
                let event = entry.event.expect("only events were appended");
                numbers.push(
                    serde_json::from_str::<serde_json::Value>(event.data.get()).unwrap()["number"]
                        .as_i64()
                        .unwrap(),
                );
                reader.advance(tx, entry.position).await?;
            }
            Ok::<_, Error>(numbers)
        })
    })
    .await
    .unwrap()
}

async fn events_come_out_as_they_went_in(fixture: Fixture) {
    let db = fixture.open().await;
    let mut event = fixture.event("stream.live", 1);
    event.organization_id = Some(fixture.ids.next::<platform_core::id::OrganizationKind>(NOW));
    event.project_id = Some(ProjectId::from_uuid(2));
    let entity = Entity::of(OrganizationId::from_uuid(3));
    let input = (event.clone(), entity.clone());
    db.write(input, |tx, (event, entity)| Box::pin(outbox::append(tx, event, Some(entity)))).await.unwrap();
    settled(&db).await;
    let mut read = db.read().await.unwrap();
    let entries = outbox::after(&mut read, Position::START, 10).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].event.as_ref(), Some(&event));
    assert_eq!(entries[0].entity.as_ref(), Some(&entity));
    assert!(outbox::after(&mut read, entries[0].position, 10).await.unwrap().is_empty());
}

async fn a_rolled_back_event_does_not_come_out(fixture: Fixture) {
    let db = fixture.open().await;
    let refused: Result<(), Error> = db
        .write(fixture.event("stream.live", 1), |tx, event| {
            Box::pin(async move {
                outbox::append(tx, event, None).await?;
                Err(Error::NoRow)
            })
        })
        .await;
    assert!(refused.is_err());
    append(&db, fixture.event("stream.live", 2)).await;
    assert_eq!(read_on(&db, "all", 10).await, [2]);
}

async fn each_reader_has_its_own_place(fixture: Fixture) {
    let db = fixture.open().await;
    for number in 0..5 {
        append(&db, fixture.event("stream.live", number)).await;
    }
    assert_eq!(read_on(&db, "a", 2).await, [0, 1]);
    assert_eq!(read_on(&db, "a", 2).await, [2, 3]);
    assert_eq!(read_on(&db, "b", 10).await, [0, 1, 2, 3, 4]);
    assert_eq!(read_on(&db, "a", 2).await, [4]);
    assert!(read_on(&db, "a", 2).await.is_empty());
}

async fn a_reader_that_fails_reads_again(fixture: Fixture) {
    let db = fixture.open().await;
    append(&db, fixture.event("stream.live", 1)).await;
    settled(&db).await;
    let failed: Result<(), Error> = db
        .write((), |tx, ()| {
            Box::pin(async move {
                let reader = Reader::new("all");
                let entries = reader.next(tx, 10).await?;
                reader.advance(tx, entries[0].position).await?;
                Err(Error::NoRow)
            })
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(read_on(&db, "all", 10).await, [1]);
}

async fn a_reader_can_skip_the_past(fixture: Fixture) {
    let db = fixture.open().await;
    append(&db, fixture.event("stream.live", 1)).await;
    settled(&db).await;
    db.write((), |tx, ()| Box::pin(async move { Reader::new("late").skip(tx).await })).await.unwrap();
    append(&db, fixture.event("stream.live", 2)).await;
    assert_eq!(read_on(&db, "late", 10).await, [2]);
}

async fn old_events_are_purged(fixture: Fixture) {
    let db = fixture.open().await;
    for (number, days) in [31, 31, 30, 1].into_iter().enumerate() {
        let mut event = fixture.event("stream.live", number as i64);
        event.created_at = NOW.minus(Duration::from_secs(days * 86_400));
        append(&db, event).await;
    }
    let purge = async || {
        let before = NOW.minus(outbox::KEPT);
        db.write((), move |tx, ()| Box::pin(outbox::purge(tx, before, 1))).await.unwrap()
    };
    assert_eq!((purge().await, purge().await, purge().await), (1, 1, 0));
    assert_eq!(read_on(&db, "all", 10).await, [2, 3]);
}

/// A clock that was wrong for a moment must not keep everything that came after for good.
async fn events_dated_into_the_future_hold_no_purge_up(fixture: Fixture) {
    let db = fixture.open().await;
    for (number, days) in [-1000, -1000, 31, 31].into_iter().enumerate() {
        let mut event = fixture.event("stream.live", number as i64);
        event.created_at = WallTime::from_unix_ms(NOW.unix_ms() - days * 86_400_000);
        append(&db, event).await;
    }
    let before = NOW.minus(outbox::KEPT);
    let removed = db.write((), move |tx, ()| Box::pin(outbox::purge(tx, before, 2))).await;
    assert_eq!(removed.unwrap(), 2);
    assert_eq!(read_on(&db, "all", 10).await, [0, 1]);
}

async fn an_entity_is_erased(fixture: Fixture) {
    let db = fixture.open().await;
    let erased = Entity::named("user", "usr_1");
    for (number, id) in ["usr_1", "usr_2", "usr_1", "usr_1"].into_iter().enumerate() {
        let input = (fixture.event("user.updated", number as i64), Entity::named("user", id));
        db.write(input, |tx, (event, entity)| Box::pin(outbox::append(tx, event, Some(entity))))
            .await
            .unwrap();
    }
    let emptied = db.write(erased, |tx, erased| Box::pin(outbox::erase(tx, erased))).await;
    assert_eq!(emptied.unwrap(), 3);
    settled(&db).await;
    let entries = outbox::after(&mut db.read().await.unwrap(), Position::START, 10).await.unwrap();
    let data: Vec<_> = entries.iter().map(|entry| entry.event.as_ref().unwrap().data.get()).collect();
    assert_eq!(data, ["{}", r#"{"number":1}"#, "{}", "{}"]);
}

/// A transaction that is held open while later ones commit. Only PostgreSQL has two writers at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_held_open_is_not_skipped() {
    let fixture = Fixture::postgres();
    let db = fixture.open().await;
    let (appended, wait_appended) = tokio::sync::oneshot::channel();
    let (go_on, wait_go_on) = tokio::sync::oneshot::channel::<()>();
    let signals = std::sync::Mutex::new(Some((appended, wait_go_on)));
    let held = tokio::spawn({
        let (db, event) = (db.clone(), fixture.event("stream.live", 1));
        async move {
            db.write((event, signals), |tx, (event, signals)| {
                Box::pin(async move {
                    outbox::append(tx, event, None).await?;
                    let (appended, go_on) = signals.lock().unwrap().take().unwrap();
                    appended.send(()).unwrap();
                    go_on.await.unwrap();
                    // A later row of an earlier transaction.
                    outbox::append(
                        tx,
                        &Event { id: platform_core::EventId::from_uuid(9), ..event.clone() },
                        None,
                    )
                    .await
                })
            })
            .await
            .unwrap();
        }
    });
    wait_appended.await.unwrap();
    append(&db, fixture.event("stream.live", 2)).await;
    append(&db, fixture.event("stream.live", 3)).await;
    // They are committed, but something may yet come before them.
    assert_eq!(number(&db, "SELECT COUNT(*) FROM pulse_outbox").await, 2);
    assert!(next(&db, "all", 10).await.is_empty());
    go_on.send(()).unwrap();
    held.await.unwrap();
    assert_eq!(read_on(&db, "all", 10).await, [1, 1, 2, 3]);
}
