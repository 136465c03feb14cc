//! What was acknowledged is there after `kill -9`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use platform_core::sql::{Config, Db, Error, Location, query};

use crate::fixture::{Fixture, number, run};

/// Says to this test, started anew as a process of its own, that it is the one to be killed, and where its database is.
const FILE: &str = "PULSE_TEST_DATABASE";

#[test]
fn acknowledged_writes_survive_kill_9() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(file) = std::env::var_os(FILE) {
        runtime.block_on(write_until_killed(Location::File(file.into())));
        return;
    }
    let fixture = Fixture::sqlite();
    let Location::File(file) = &fixture.location else { panic!("a file") };
    for round in 1..=3 {
        let acknowledged = acknowledged_before_the_kill(file, 200 * round);
        runtime.block_on(async {
            let db = fixture.bare().await;
            let rows = db.read().await.unwrap().fetch_all("SELECT id FROM thing").await.unwrap();
            let found: std::collections::HashSet<i64> = rows.iter().map(|row| row.get(0).unwrap()).collect();
            let lost: Vec<_> = acknowledged.iter().filter(|id| !found.contains(id)).collect();
            assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
            assert_eq!(
                db.read().await.unwrap().fetch_one("PRAGMA integrity_check").await.unwrap().text(0).unwrap(),
                "ok"
            );
            db.close().await;
        });
    }
}

/// Starts the writer, kills it once it has acknowledged so many rows, returns all that it has.
fn acknowledged_before_the_kill(file: &std::path::Path, enough: usize) -> Vec<i64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "durability::acknowledged_writes_survive_kill_9", "--nocapture"])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ids = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if let Some(id) = line.unwrap().strip_prefix("acknowledged ") {
            ids.push(id.parse().unwrap());
        }
        if ids.len() == enough {
            // What is in the pipe was acknowledged too, so it is read to its end.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(ids.len() >= enough, "the writer ended early");
    ids
}

async fn write_until_killed(location: Location) {
    let db = Db::open(Config::new(location)).await.unwrap();
    run(&db, &["CREATE TABLE IF NOT EXISTS thing (id BIGINT PRIMARY KEY, text TEXT)"]).await;
    let from = number(&db, "SELECT COALESCE(MAX(id), 0) FROM thing").await;
    let writers: Vec<_> = (1..=16)
        .map(|writer| {
            let db = db.clone();
            tokio::spawn(async move {
                for step in 0.. {
                    let id = from + writer + step * 16;
                    let insert: Result<u64, Error> = db
                        .write(id, |tx, id| {
                            Box::pin(tx.execute(
                                query("INSERT INTO thing VALUES ($1, $2)").bind(*id).bind("x".repeat(100)),
                            ))
                        })
                        .await;
                    insert.unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "acknowledged {id}").unwrap();
                    out.flush().unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}
