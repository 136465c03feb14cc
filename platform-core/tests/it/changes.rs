//! Caches hear what changed: from their own process at once, from others on the same PostgreSQL as well.

use std::time::Duration;

use platform_core::sql::changes::{self, Change, FlushCause};
use platform_core::sql::{Changes, Db, Entity, Error, outbox};
use platform_core::testing::Postgres;

use crate::fixture::{Fixture, NOW, on_each_database, soon};

on_each_database!(
    a_commit_is_heard_of,
    a_rolled_back_change_is_not_heard_of,
    a_slow_subscriber_is_told_to_flush,
    a_closed_database_ends_the_subscription,
    an_observer_knows_before_the_writer_is_answered,
    an_observer_that_panics_harms_nobody,
);

async fn change(db: &Db, id: &str) {
    let input = Entity::named("stream", id);
    db.write(input, |tx, entity| Box::pin(changes::append(tx, entity, NOW))).await.unwrap();
}

/// The id of the next entity.
async fn heard(changes: &mut Changes) -> String {
    match soon(changes.next()).await {
        Some(Change::Entity { entity, .. }) => entity.id,
        other => panic!("{other:?}"),
    }
}

async fn a_commit_is_heard_of(fixture: Fixture) {
    let db = fixture.open().await;
    change(&db, "before").await;
    let mut changes = db.changes().await.unwrap();
    let input = (fixture.event("stream.updated", 1), Entity::named("stream", "one"));
    db.write(input, |tx, (event, entity)| Box::pin(outbox::append(tx, event, Some(entity)))).await.unwrap();
    change(&db, "two").await;
    assert_eq!(heard(&mut changes).await, "one");
    assert_eq!(heard(&mut changes).await, "two");
    // The poll finds the same rows, which is no news.
    assert!(tokio::time::timeout(Duration::from_millis(500), changes.next()).await.is_err());
}

async fn a_rolled_back_change_is_not_heard_of(fixture: Fixture) {
    let db = fixture.open().await;
    let mut changes = db.changes().await.unwrap();
    let refused: Result<(), Error> = db
        .write(Entity::named("stream", "none"), |tx, entity| {
            Box::pin(async move {
                changes::append(tx, entity, NOW).await?;
                Err(Error::NoRow)
            })
        })
        .await;
    assert!(refused.is_err());
    change(&db, "one").await;
    assert_eq!(heard(&mut changes).await, "one");
}

async fn a_slow_subscriber_is_told_to_flush(fixture: Fixture) {
    let db = fixture.open().await;
    let mut changes = db.changes().await.unwrap();
    let entities: Vec<_> = (0..5_000).map(|number| Entity::named("stream", number.to_string())).collect();
    db.write(entities, |tx, entities| {
        Box::pin(async move {
            for entity in entities {
                changes::append(tx, entity, NOW).await?;
            }
            Ok::<_, Error>(())
        })
    })
    .await
    .unwrap();
    assert_eq!(soon(changes.next()).await, Some(Change::Flush(FlushCause::Behind)));
    assert!(matches!(soon(changes.next()).await, Some(Change::Entity { .. })));
}

async fn a_closed_database_ends_the_subscription(fixture: Fixture) {
    let db = fixture.open().await;
    let mut changes = db.changes().await.unwrap();
    db.close().await;
    assert_eq!(soon(changes.next()).await, None);
    // One that comes later ends at once.
    assert_eq!(soon(db.changes().await.unwrap().next()).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_hear_each_other() {
    let fixture = Fixture::postgres();
    let (here, there) = (fixture.open().await, fixture.bare().await);
    let mut changes = here.changes().await.unwrap();
    change(&there, "one").await;
    change(&here, "two").await;
    let mut both = [heard(&mut changes).await, heard(&mut changes).await];
    both.sort();
    assert_eq!(both, ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_is_quicker_than_the_poll() {
    let fixture = Fixture::postgres();
    let mut config = fixture.config();
    config.poll_interval = Duration::from_secs(3600);
    let there = fixture.open().await;
    let here = Db::open(config).await.unwrap();
    let mut changes = here.changes().await.unwrap();
    change(&there, "one").await;
    assert_eq!(heard(&mut changes).await, "one");
}

/// What is urgent, a revocation, does not wait for whoever holds a transaction open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_transaction_does_not_delay_changes() {
    let fixture = Fixture::postgres();
    let (here, there) = (fixture.open().await, fixture.bare().await);
    let mut changes = here.changes().await.unwrap();
    let (began, wait_began) = tokio::sync::oneshot::channel();
    let (go_on, wait_go_on) = tokio::sync::oneshot::channel::<()>();
    let input = (Entity::named("stream", "late"), std::sync::Mutex::new(Some((began, wait_go_on))));
    let held = tokio::spawn({
        let there = there.clone();
        async move {
            there
                .write(input, |tx, (entity, signals)| {
                    Box::pin(async move {
                        changes::append(tx, entity, NOW).await?;
                        let (began, go_on) = signals.lock().unwrap().take().unwrap();
                        began.send(()).unwrap();
                        go_on.await.unwrap();
                        Ok::<_, Error>(())
                    })
                })
                .await
        }
    });
    wait_began.await.unwrap();
    change(&there, "urgent").await;
    assert_eq!(heard(&mut changes).await, "urgent");
    go_on.send(()).unwrap();
    held.await.unwrap().unwrap();
    assert_eq!(heard(&mut changes).await, "late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_flushes_and_nothing_is_missed() {
    let fixture = Fixture::postgres();
    let (here, there) = (fixture.open().await, fixture.bare().await);
    let mut changes = here.changes().await.unwrap();
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    assert_eq!(Postgres::shared().psql(&fixture.location, kill).trim(), "t");
    assert_eq!(soon(changes.next()).await, Some(Change::Flush(FlushCause::Disconnected)));
    // It is heard of by its name, or in what is said when the connection is back.
    change(&there, "after").await;
    match soon(changes.next()).await {
        Some(Change::Flush(_)) => {}
        Some(Change::Entity { entity, .. }) => assert_eq!(entity.id, "after"),
        other => panic!("{other:?}"),
    }
    change(&there, "later").await;
    while heard_or_flushed(&mut changes).await.as_deref() != Some("later") {}
}

async fn heard_or_flushed(changes: &mut Changes) -> Option<String> {
    match soon(changes.next()).await {
        Some(Change::Entity { entity, .. }) => Some(entity.id),
        Some(Change::Flush(_)) => None,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_others_change_is_heard_of_after_a_crash_that_turns_the_numbers_of_transactions_back() {
    let postgres = Postgres::own();
    let fixture = Fixture::of(&postgres);
    let (here, there) = (fixture.open().await, fixture.bare().await);
    let mut changes = here.changes().await.unwrap();
    change(&there, "before").await;
    assert_eq!(heard(&mut changes).await, "before");
    // Numbers that are in no log, and that the follower has seen to be over.
    let burn = "BEGIN; SELECT pg_current_xact_id(); ROLLBACK;".repeat(200);
    postgres.psql(&fixture.location, &format!("{burn} SELECT pg_notify('pulse_changes', '');"));
    let began = postgres.psql(&fixture.location, "SELECT clock_timestamp()");
    let polled = format!(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'SELECT%FROM pulse_outbox WHERE%' \
         AND pid <> pg_backend_pid() AND query_start > '{}'",
        began.trim()
    );
    soon(async {
        while postgres.psql(&fixture.location, &polled).trim() != "t" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    postgres.crash();
    assert_eq!(heard_or_flushed(&mut changes).await, None, "the connection is lost");
    postgres.start_again();
    assert_eq!(heard_or_flushed(&mut changes).await, None, "and is back");
    // What comes while the place is taken anew may be in what is said then; the rest is heard, long before the numbers are where they were.
    for _ in 0..10 {
        change(&there, "after").await;
        if heard_or_flushed(&mut changes).await.is_some() {
            return;
        }
    }
    panic!("nothing is heard");
}

async fn an_observer_knows_before_the_writer_is_answered(fixture: Fixture) {
    let db = fixture.open().await;
    let known = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = std::sync::Arc::clone(&known);
    db.observe(move |change| {
        if let Change::Entity { entity, .. } = change {
            note.lock().unwrap().push(entity.id.clone());
        }
    })
    .await
    .unwrap();
    // Often, as the poll of PostgreSQL competes for being the first to tell.
    for number in 0..50 {
        change(&db, &number.to_string()).await;
        assert_eq!(known.lock().unwrap().last(), Some(&number.to_string()));
    }
    assert_eq!(known.lock().unwrap().len(), 50, "each once");
}

async fn an_observer_that_panics_harms_nobody(fixture: Fixture) {
    let db = fixture.open().await;
    db.observe(|_| panic!("it does not harm anybody")).await.unwrap();
    let mut changes = db.changes().await.unwrap();
    change(&db, "one").await;
    assert_eq!(heard(&mut changes).await, "one");
}
