//! Many writers share a commit, and nobody pays for another's failure or absence.

use std::future::Future as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use platform_core::sql::{Db, Error, query};

use crate::fixture::{Fixture, number, on_each_database, run, soon};

on_each_database!(
    one_of_a_hundred_fails_alone,
    a_job_whose_caller_went_away_is_committed,
    a_job_that_takes_too_long_is_rolled_back,
    what_was_taken_is_carried_out_before_the_close,
);

const TABLE: &[&str] = &["CREATE TABLE thing (id BIGINT PRIMARY KEY)"];

async fn one_of_a_hundred_fails_alone(fixture: Fixture) {
    let db = fixture.bare().await;
    run(&db, TABLE).await;
    run(&db, &["INSERT INTO thing VALUES (50)"]).await;
    let writers: Vec<_> = (0..100_i64)
        .map(|id| {
            let db = db.clone();
            tokio::spawn(async move {
                db.write(id, |tx, id| {
                    Box::pin(async move {
                        // What a failing job did before is undone as well.
                        tx.execute(query("INSERT INTO thing VALUES ($1)").bind(id + 1_000)).await?;
                        tx.execute(query("INSERT INTO thing VALUES ($1)").bind(id)).await
                    })
                })
                .await
            })
        })
        .collect();
    let mut failed = Vec::new();
    for (id, writer) in writers.into_iter().enumerate() {
        let written: Result<u64, Error> = soon(writer).await.unwrap();
        if let Err(error) = written {
            assert!(error.is_unique(), "{error:?}");
            failed.push(id);
        }
    }
    assert_eq!(failed, [50]);
    assert_eq!(number(&db, "SELECT COUNT(*) FROM thing WHERE id < 1000").await, 100);
    assert_eq!(number(&db, "SELECT COUNT(*) FROM thing WHERE id >= 1000").await, 99);
}

async fn a_job_whose_caller_went_away_is_committed(fixture: Fixture) {
    let db = fixture.bare().await;
    run(&db, TABLE).await;
    for id in 0..20_i64 {
        let write = db.write(id, |tx, id| {
            Box::pin(async move { tx.execute(query("INSERT INTO thing VALUES ($1)").bind(id)).await })
        });
        // Polled once and dropped, as when a client hangs up.
        let mut write = Box::pin(write);
        let polled: Poll<Result<u64, Error>> = write.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        // The writer may have been quicker than this thread.
        assert!(matches!(polled, Poll::Pending | Poll::Ready(Ok(1))), "{polled:?}");
    }
    soon(async {
        while number(&db, "SELECT COUNT(*) FROM thing").await < 20 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

async fn a_job_that_takes_too_long_is_rolled_back(fixture: Fixture) {
    let mut config = fixture.config();
    config.job_timeout = Duration::from_millis(300);
    let db = Db::open(config).await.unwrap();
    run(&db, TABLE).await;
    let late: Result<(), Error> = db
        .write((), |tx, ()| {
            Box::pin(async move {
                tx.execute("INSERT INTO thing VALUES (1)").await?;
                std::future::pending().await
            })
        })
        .await;
    assert!(matches!(late, Err(Error::Timeout)), "{late:?}");
    run(&db, &["INSERT INTO thing VALUES (2)"]).await;
    assert_eq!(number(&db, "SELECT MIN(id) FROM thing").await, 2);
}

async fn what_was_taken_is_carried_out_before_the_close(fixture: Fixture) {
    let db = fixture.bare().await;
    run(&db, TABLE).await;
    let carried_out = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (0..50_i64)
        .map(|id| {
            let (db, carried_out) = (db.clone(), Arc::clone(&carried_out));
            tokio::spawn(async move {
                let written: Result<u64, Error> = db
                    .write(id, |tx, id| {
                        Box::pin(tx.execute(query("INSERT INTO thing VALUES ($1)").bind(*id)))
                    })
                    .await;
                match written {
                    Ok(_) => carried_out.fetch_add(1, Ordering::Relaxed),
                    Err(Error::Closed) => 0,
                    Err(error) => panic!("{error:?}"),
                };
            })
        })
        .collect();
    tokio::task::yield_now().await;
    soon(db.close()).await;
    for writer in writers {
        writer.await.unwrap();
    }
    if !matches!(fixture.location, platform_core::sql::Location::Memory) {
        drop(db);
        let found = number(&fixture.bare().await, "SELECT COUNT(*) FROM thing").await;
        assert_eq!(usize::try_from(found).unwrap(), carried_out.load(Ordering::Relaxed));
    }
}
