//! A write is committed whole or not at all, and a failure spoils it on either database.

use platform_core::sql::{Error, query};

use crate::fixture::{Fixture, number, on_each_database, run};

on_each_database!(
    what_a_job_returns_is_committed,
    an_error_rolls_back,
    a_job_that_goes_on_after_a_failure_is_not_committed,
    a_panic_rolls_back_and_others_go_on,
    a_missing_row_spoils_nothing,
    constraints_are_told_apart,
    reading_cannot_write,
    a_statement_that_is_wrong_says_so,
    a_closed_database_says_so,
);

const TABLE: &[&str] =
    &["CREATE TABLE thing (id TEXT PRIMARY KEY, number BIGINT NOT NULL CHECK (number < 100))"];

async fn what_a_job_returns_is_committed(fixture: Fixture) {
    let db = fixture.bare().await;
    run(&db, TABLE).await;
    let input = "a".to_owned();
    let changed = db
        .write(input, |tx, id| {
            Box::pin(async move {
                let changed = tx.execute(query("INSERT INTO thing VALUES ($1, $2)").bind(id).bind(7)).await?;
                // A transaction sees what it wrote.
                assert_eq!(tx.fetch_one("SELECT number FROM thing").await?.get::<i64>(0)?, 7);
                Ok::<_, Error>(changed)
            })
        })
        .await
        .unwrap();
    assert_eq!(changed, 1);
    assert_eq!(number(&db, "SELECT number FROM thing WHERE id = 'a'").await, 7);
}

#[derive(Debug)]
enum Denied {
    Quota,
    Database,
}

impl From<Error> for Denied {
    fn from(_: Error) -> Self {
        Self::Database
    }
}

async fn an_error_rolls_back(fixture: Fixture) {
    let db = fixture.bare().await;
    run(&db, TABLE).await;
    let denied = db
        .write((), |tx, ()| {
            Box::pin(async move {
                tx.execute("INSERT INTO thing VALUES ('a', 1)").await?;
                Err::<(), _>(Denied::Quota)
            })
        })
        .await;
    assert!(matches!(denied, Err(Denied::Quota)));
    assert_eq!(number(&db, "SELECT COUNT(*) FROM thing").await, 0);
}

async fn a_job_that_goes_on_after_a_failure_is_not_committed(fixture: Fixture) {
    let db = fixture.bare().await;
    run(&db, TABLE).await;
    run(&db, &["INSERT INTO thing VALUES ('a', 1)"]).await;
    let result = db
        .write((), |tx, ()| {
            Box::pin(async move {
                tx.execute("INSERT INTO thing VALUES ('b', 1)").await?;
                let failed = tx.execute("INSERT INTO thing VALUES ('a', 1)").await;
                assert!(failed.unwrap_err().is_unique());
                let after = tx.execute("INSERT INTO thing VALUES ('c', 1)").await;
                assert!(matches!(after, Err(Error::Aborted)));
                Ok::<_, Error>(())
            })
        })
        .await;
    assert!(matches!(result, Err(Error::Aborted)), "{result:?}");
    assert_eq!(number(&db, "SELECT COUNT(*) FROM thing").await, 1);
}

async fn a_panic_rolls_back_and_others_go_on(fixture: Fixture) {
    let db = fixture.bare().await;
    run(&db, TABLE).await;
    let result: Result<(), Error> = db
        .write((), |tx, ()| {
            Box::pin(async move {
                tx.execute("INSERT INTO thing VALUES ('a', 1)").await?;
                panic!("a fault in a job");
            })
        })
        .await;
    assert!(matches!(result, Err(Error::Panicked)), "{result:?}");
    run(&db, &["INSERT INTO thing VALUES ('b', 2)"]).await;
    assert_eq!(number(&db, "SELECT MIN(number) FROM thing").await, 2);
}

async fn a_missing_row_spoils_nothing(fixture: Fixture) {
    let db = fixture.bare().await;
    run(&db, TABLE).await;
    db.write((), |tx, ()| {
        Box::pin(async move {
            let none = tx.fetch_one("SELECT id FROM thing").await;
            assert!(matches!(none, Err(Error::NoRow)));
            tx.execute("INSERT INTO thing VALUES ('a', 1)").await
        })
    })
    .await
    .unwrap();
    assert_eq!(number(&db, "SELECT COUNT(*) FROM thing").await, 1);
}

async fn constraints_are_told_apart(fixture: Fixture) {
    let db = fixture.bare().await;
    run(&db, TABLE).await;
    run(
        &db,
        &[
            "CREATE TABLE part (thing TEXT NOT NULL REFERENCES thing (id))",
            "INSERT INTO thing VALUES ('a', 1)",
        ],
    )
    .await;
    let write = async |sql: &'static str| -> Error {
        db.write((), move |tx, ()| Box::pin(tx.execute(sql))).await.unwrap_err()
    };
    match write("INSERT INTO thing VALUES ('a', 1)").await {
        Error::Unique { constraint } => assert!(constraint.contains("thing"), "{constraint}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(write("INSERT INTO part VALUES ('b')").await, Error::ForeignKey { .. }));
    run(&db, &["INSERT INTO part VALUES ('a')"]).await;
    assert!(matches!(write("DELETE FROM thing").await, Error::ForeignKey { .. }));
    assert!(matches!(write("INSERT INTO thing VALUES ('b', 100)").await, Error::Refused(_)));
    assert!(matches!(write("INSERT INTO thing (id) VALUES ('b')").await, Error::Refused(_)));
    assert_eq!(number(&db, "SELECT COUNT(*) FROM thing").await, 1);
}

async fn reading_cannot_write(fixture: Fixture) {
    let db = fixture.bare().await;
    run(&db, TABLE).await;
    let mut read = db.read().await.unwrap();
    assert!(read.execute("INSERT INTO thing VALUES ('a', 1)").await.is_err());
    // A failure does not spoil a connection that is only read with.
    assert!(read.fetch_optional("SELECT id FROM thing").await.unwrap().is_none());
}

async fn a_statement_that_is_wrong_says_so(fixture: Fixture) {
    let db = fixture.bare().await;
    let error = db.read().await.unwrap().fetch_all("SELEC 1").await.unwrap_err();
    assert!(matches!(error, Error::Statement(_)), "{error:?}");
    assert!(!error.is_transient());
}

async fn a_closed_database_says_so(fixture: Fixture) {
    let db = fixture.bare().await;
    run(&db, TABLE).await;
    db.close().await;
    let written: Result<u64, Error> =
        db.write((), |tx, ()| Box::pin(tx.execute("INSERT INTO thing VALUES ('a', 1)"))).await;
    assert!(matches!(written, Err(Error::Closed)), "{written:?}");
    assert!(matches!(db.read().await, Err(Error::Closed)));
}
