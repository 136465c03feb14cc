//! What only PostgreSQL does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use platform_core::sql::outbox::{self, Reader};
use platform_core::sql::{Error, query};
use platform_core::testing::Postgres;
use tokio::sync::Barrier;

use crate::fixture::{Fixture, NOW, number, run, settled, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_tried_again() {
    let db = Fixture::postgres().bare().await;
    run(
        &db,
        &[
            "CREATE TABLE thing (id BIGINT PRIMARY KEY, number BIGINT NOT NULL)",
            "INSERT INTO thing VALUES (1, 0), (2, 0)",
        ],
    )
    .await;
    let (barrier, runs) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
    let jobs: Vec<_> = [(1_i64, 2_i64), (2, 1)]
        .into_iter()
        .map(|order| {
            let (db, input) = (db.clone(), (order, Arc::clone(&barrier), Arc::clone(&runs)));
            tokio::spawn(async move {
                db.write(input, |tx, ((first, second), barrier, runs)| {
                    Box::pin(async move {
                        let update = "UPDATE thing SET number = number + 1 WHERE id = $1";
                        tx.execute(query(update).bind(first)).await?;
                        // Both hold a row before either wants the other's; once, not when one is tried again.
                        if runs.fetch_add(1, Ordering::Relaxed) < 2 {
                            barrier.wait().await;
                        }
                        tx.execute(query(update).bind(second)).await
                    })
                })
                .await
            })
        })
        .collect();
    for job in jobs {
        let written: Result<u64, Error> = soon(job).await.unwrap();
        written.unwrap();
    }
    assert_eq!(runs.load(Ordering::Relaxed), 3);
    assert_eq!(number(&db, "SELECT MIN(number) FROM thing").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_is_synced_and_isolation_is_known() {
    let fixture = Fixture::postgres();
    Postgres::shared().psql(&fixture.location, "ALTER ROLE pulse SET synchronous_commit = off");
    let db = fixture.bare().await;
    let settings = db
        .write((), |tx, ()| {
            Box::pin(async move {
                let mut settings = Vec::new();
                for sql in
                    ["SHOW synchronous_commit", "SHOW transaction_isolation", "SHOW transaction_read_only"]
                {
                    settings.push(tx.fetch_one(sql).await?.get::<String>(0)?);
                }
                Ok::<_, Error>(settings)
            })
        })
        .await
        .unwrap();
    Postgres::shared().psql(&fixture.location, "ALTER ROLE pulse RESET synchronous_commit");
    assert_eq!(settings, ["on", "read committed", "off"]);
}

/// A dump that is restored to a new server, whose transactions count from low numbers again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_database_skips_nothing() {
    let fixture = Fixture::postgres();
    let db = fixture.open().await;
    let append = async |number| {
        let event = fixture.event("stream.live", number);
        db.write(event, |tx, event| Box::pin(outbox::append(tx, event, None))).await.unwrap();
    };
    append(1).await;
    append(2).await;
    let next = async || {
        settled(&db).await;
        db.write((), |tx, ()| {
            Box::pin(async move {
                let reader = Reader::new("all");
                let entries = reader.next(tx, 1).await?;
                for entry in &entries {
                    reader.advance(tx, entry.position).await?;
                }
                Ok::<_, Error>(
                    entries
                        .into_iter()
                        .map(|entry| entry.event.unwrap().data.get().to_owned())
                        .collect::<Vec<_>>(),
                )
            })
        })
        .await
        .unwrap()
    };
    assert_eq!(next().await, [r#"{"number":1}"#]);
    Postgres::shared().psql(
        &fixture.location,
        "UPDATE pulse_outbox SET transaction_id = transaction_id + 1000000; \
         UPDATE pulse_outbox_reader SET transaction_id = transaction_id + 1000000;",
    );
    db.migrate(NOW, &[]).await.unwrap();
    append(3).await;
    assert_eq!(next().await, [r#"{"number":2}"#]);
    assert_eq!(next().await, [r#"{"number":3}"#]);
    assert!(next().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lost_in_a_job_is_said_and_the_next_works() {
    let fixture = Fixture::postgres();
    let db = fixture.bare().await;
    run(&db, &["CREATE TABLE thing (id BIGINT PRIMARY KEY)"]).await;
    let location = fixture.location.clone();
    let lost: Result<u64, Error> = db
        .write(location, |tx, location| {
            Box::pin(async move {
                tx.execute("INSERT INTO thing VALUES (1)").await?;
                let pid: i64 = tx.fetch_one("SELECT pg_backend_pid()").await?.get(0)?;
                Postgres::shared().psql(location, &format!("SELECT pg_terminate_backend({pid})"));
                tx.execute("INSERT INTO thing VALUES (2)").await
            })
        })
        .await;
    let error = lost.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    run(&db, &["INSERT INTO thing VALUES (3)"]).await;
    assert_eq!(number(&db, "SELECT COUNT(*) FROM thing").await, 1);
}

/// A server that restarts closes all connections, also those that are idle in a pool.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_that_died_are_replaced() {
    let fixture = Fixture::postgres();
    let db = fixture.bare().await;
    run(&db, &["CREATE TABLE thing (id BIGINT PRIMARY KEY)"]).await;
    assert_eq!(number(&db, "SELECT COUNT(*) FROM thing").await, 0);
    let kill = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert_eq!(Postgres::shared().psql(&fixture.location, kill).trim(), "2");
    // Longer than a connection is trusted without asking.
    tokio::time::sleep(std::time::Duration::from_millis(110)).await;
    run(&db, &["INSERT INTO thing VALUES (1)"]).await;
    assert_eq!(number(&db, "SELECT COUNT(*) FROM thing").await, 1);
}
