//! Statements that wait for the next one are part of their job, and of no other.

use platform_core::sql::changes::Change;
use platform_core::sql::{Db, Entity, Error, outbox, query};

use crate::fixture::{Fixture, number, on_each_database, run, soon};

on_each_database!(
    what_waits_is_seen_by_the_next_statement,
    what_waits_at_the_end_fails_its_own_job_alone,
    what_a_failed_job_left_waiting_is_not_done,
    many_wait_in_their_order,
    a_row_that_waited_is_announced_under_its_number,
);

const TABLE: &[&str] = &["CREATE TABLE thing (id BIGINT PRIMARY KEY, text TEXT)"];
const INSERT: &str = "INSERT INTO thing VALUES ($1, $2)";

async fn db(fixture: &Fixture) -> Db {
    let db = fixture.open().await;
    run(&db, TABLE).await;
    db
}

async fn what_waits_is_seen_by_the_next_statement(fixture: Fixture) {
    let db = db(&fixture).await;
    let seen: Result<(i64, i64, u64), Error> = db
        .write((), |tx, ()| {
            Box::pin(async move {
                tx.execute_later(query(INSERT).bind(1_i64).bind("a")).await?;
                let first = tx.fetch_one("SELECT COUNT(*) FROM thing").await?.get(0)?;
                tx.execute_later(query(INSERT).bind(2_i64).bind("b")).await?;
                let both = tx.fetch_all("SELECT id FROM thing").await?.len() as i64;
                tx.execute_later(query(INSERT).bind(3_i64).bind("c")).await?;
                Ok((first, both, tx.execute("UPDATE thing SET text = 'd'").await?))
            })
        })
        .await;
    assert_eq!(seen.unwrap(), (1, 2, 3));
}

async fn what_waits_at_the_end_fails_its_own_job_alone(fixture: Fixture) {
    let db = db(&fixture).await;
    run(&db, &["INSERT INTO thing VALUES (50, 'there')"]).await;
    let writers: Vec<_> = (0..100_i64)
        .map(|id| {
            let db = db.clone();
            tokio::spawn(async move {
                db.write(id, |tx, id| {
                    Box::pin(async move {
                        tx.execute(query(INSERT).bind(id + 1_000).bind("at once")).await?;
                        tx.execute_later(query(INSERT).bind(id + 2_000).bind("later")).await?;
                        tx.execute_later(query(INSERT).bind(id).bind("later")).await
                    })
                })
                .await
            })
        })
        .collect();
    let mut failed = Vec::new();
    for (id, writer) in writers.into_iter().enumerate() {
        let written: Result<(), Error> = soon(writer).await.unwrap();
        if let Err(error) = written {
            assert!(error.is_unique(), "{error:?}");
            failed.push(id);
        }
    }
    assert_eq!(failed, [50]);
    for sql in [
        "SELECT COUNT(*) FROM thing WHERE id < 1000 AND text = 'later'",
        "SELECT COUNT(*) FROM thing WHERE id >= 1000 AND id < 2000",
        "SELECT COUNT(*) FROM thing WHERE id >= 2000",
    ] {
        assert_eq!(number(&db, sql).await, 99, "{sql}");
    }
}

async fn what_a_failed_job_left_waiting_is_not_done(fixture: Fixture) {
    let db = db(&fixture).await;
    let refused: Result<(), Error> = db
        .write((), |tx, ()| {
            Box::pin(async move {
                tx.execute_later(query(INSERT).bind(1_i64).bind("a")).await?;
                Err(Error::NoRow)
            })
        })
        .await;
    assert!(matches!(refused, Err(Error::NoRow)), "{refused:?}");
    let next: Result<(), Error> =
        db.write((), |tx, ()| Box::pin(tx.execute_later(query(INSERT).bind(2_i64).bind("b")))).await;
    next.unwrap();
    assert_eq!(number(&db, "SELECT MIN(id) FROM thing").await, 2);
}

async fn many_wait_in_their_order(fixture: Fixture) {
    let db = db(&fixture).await;
    let written: Result<(), Error> = db
        .write((), |tx, ()| {
            Box::pin(async move {
                for id in 0..100_i64 {
                    tx.execute_later(query(INSERT).bind(id).bind(format!("$1 {id}"))).await?;
                    let change = query("UPDATE thing SET text = $2 WHERE id = $1").bind(id - 1);
                    tx.execute_later(change.bind(format!("changed by {id}"))).await?;
                }
                Ok(())
            })
        })
        .await;
    written.unwrap();
    let mut reader = db.read().await.unwrap();
    let rows = reader.fetch_all("SELECT id, text FROM thing ORDER BY id").await.unwrap();
    assert_eq!(rows.len(), 100);
    for (id, row) in rows.iter().enumerate() {
        let expected = if id == 99 { "$1 99".to_owned() } else { format!("changed by {}", id + 1) };
        assert_eq!((row.get::<usize>(0).unwrap(), row.text(1).unwrap()), (id, &*expected));
    }
}

async fn a_row_that_waited_is_announced_under_its_number(fixture: Fixture) {
    let db = db(&fixture).await;
    let mut changes = db.changes().await.unwrap();
    let events: Vec<_> = (0..3).map(|n| (fixture.event("stream.updated", n), n)).collect();
    let written: Result<(), Error> = db
        .write(events, |tx, events| {
            Box::pin(async move {
                for (event, n) in events {
                    outbox::append(tx, event, Some(&Entity::named("stream", n.to_string()))).await?;
                    tx.execute_later(query(INSERT).bind(n).bind("behind it")).await?;
                }
                Ok(())
            })
        })
        .await;
    written.unwrap();
    for n in 0..3 {
        let Some(Change::Entity { sequence, entity }) = soon(changes.next()).await else { panic!("a flush") };
        assert_eq!(entity.id, n.to_string());
        let select = query("SELECT entity_id FROM pulse_outbox WHERE sequence = $1").bind(sequence);
        let row = db.read().await.unwrap().fetch_one(select).await.unwrap();
        assert_eq!(row.text(0).unwrap(), entity.id);
    }
}
