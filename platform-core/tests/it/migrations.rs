//! A schema goes forward step by step, and a program that does not know the database leaves it alone.

use platform_core::sql::{Error, Migration, Migrations};

use crate::fixture::{Fixture, NOW, number, on_each_database, run};

on_each_database!(
    steps_are_done_once,
    a_newer_database_is_refused,
    a_changed_step_is_refused,
    a_failing_step_changes_nothing,
    servers_that_start_at_once_wait_for_each_other,
);

const ONE: Migration = Migration {
    version: 1,
    name: "things",
    sql: "CREATE TABLE thing (id TEXT PRIMARY KEY); INSERT INTO thing VALUES ('semicolons; in texts');",
};
const TWO: Migration =
    Migration { version: 2, name: "another thing", sql: "INSERT INTO thing VALUES ('second')" };

const fn schema(steps: &'static [Migration]) -> Migrations {
    Migrations { name: "things", sqlite: steps, postgres: steps }
}

const COUNT: &str = "SELECT COUNT(*) FROM thing";

async fn steps_are_done_once(fixture: Fixture) {
    let db = fixture.bare().await;
    assert!(!db.is_migrated().await.unwrap());
    db.migrate(NOW, &[schema(&[ONE])]).await.unwrap();
    assert!(db.is_migrated().await.unwrap());
    db.migrate(NOW, &[schema(&[ONE])]).await.unwrap();
    assert_eq!(number(&db, COUNT).await, 1);
    db.migrate(NOW, &[schema(&[ONE, TWO])]).await.unwrap();
    db.migrate(NOW, &[schema(&[ONE, TWO])]).await.unwrap();
    assert_eq!(number(&db, COUNT).await, 2);
    assert_eq!(number(&db, "SELECT MAX(applied_at) FROM pulse_migrations_things").await, NOW.unix_ms());
}

async fn a_newer_database_is_refused(fixture: Fixture) {
    let db = fixture.bare().await;
    db.migrate(NOW, &[schema(&[ONE, TWO])]).await.unwrap();
    let error = db.migrate(NOW, &[schema(&[ONE])]).await.unwrap_err();
    assert!(
        matches!(&error, Error::Newer { component, database: 2, known: 1 } if component == "things"),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(text.contains("version 2") && text.contains("up to 1") && text.contains("things"), "{text}");
}

async fn a_changed_step_is_refused(fixture: Fixture) {
    let db = fixture.bare().await;
    db.migrate(NOW, &[schema(&[ONE])]).await.unwrap();
    const CHANGED: Migration = Migration { sql: "CREATE TABLE other (id TEXT)", ..ONE };
    let error = db.migrate(NOW, &[schema(&[CHANGED])]).await.unwrap_err();
    assert!(matches!(error, Error::Migration { version: 1, .. }), "{error:?}");
    const SKIPPED: Migration = Migration { version: 3, ..TWO };
    let error = db.migrate(NOW, &[schema(&[SKIPPED])]).await.unwrap_err();
    assert!(matches!(error, Error::Migration { version: 1, .. }), "{error:?}");
}

async fn a_failing_step_changes_nothing(fixture: Fixture) {
    let db = fixture.bare().await;
    const WRONG: Migration = Migration { version: 2, name: "wrong", sql: "INSERT INTO nowhere VALUES (1)" };
    let error = db.migrate(NOW, &[schema(&[ONE, WRONG])]).await.unwrap_err();
    assert!(
        matches!(&error, Error::Migration { version: 2, reason, .. } if reason.contains("nowhere")),
        "{error:?}"
    );
    // Neither the first step nor this crate's own are left behind.
    run(&db, &["CREATE TABLE thing (id TEXT)", "CREATE TABLE pulse_outbox (id TEXT)"]).await;
}

async fn servers_that_start_at_once_wait_for_each_other(fixture: Fixture) {
    let mut servers = vec![fixture.bare().await];
    if matches!(fixture.location, platform_core::sql::Location::Postgres(_)) {
        for _ in 0..3 {
            servers.push(fixture.bare().await);
        }
    }
    let starts: Vec<_> = servers
        .into_iter()
        .map(|db| tokio::spawn(async move { db.migrate(NOW, &[schema(&[ONE, TWO])]).await.map(|()| db) }))
        .collect();
    for start in starts {
        let db = start.await.unwrap().unwrap();
        assert_eq!(number(&db, COUNT).await, 2);
    }
}
