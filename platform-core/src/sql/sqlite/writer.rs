//! The one writer: jobs in a queue, several to a commit.
//!
//! A commit costs a sync of the disk, whatever is in it. So while one is under way jobs gather, and the next takes them
//! together. Each runs in a savepoint: a job that fails is rolled back alone. Nobody is answered before the commit.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::sql::changes::Hub;
use crate::sql::job::{Job, Ran};
use crate::sql::later::NEXT_JOB;
use crate::sql::tx::Connection;
use crate::sql::{Error, Tx};

/// Jobs that wait, 1,024. More are refused with [`Error::Busy`]: at 2,000 a second the last has waited half a second.
const QUEUE: usize = 1024;

/// Most jobs that share a commit.
const GROUP: usize = 64;

/// How long a group takes in further jobs, so that a slow job does not delay the answers to the ones before it much more.
const GROUP_TIME: Duration = Duration::from_millis(20);

/// How long a statement waits for the file's lock, as the connection was opened with.
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

enum Request {
    Job(Box<dyn Job>),
    /// Moves the log into the database file and empties it.
    Truncate(oneshot::Sender<Result<(), Error>>),
    Close(oneshot::Sender<()>),
}

pub(in crate::sql) struct Writer {
    queue: mpsc::Sender<Request>,
}

impl Writer {
    /// Starts the task, which ends when this and all jobs are gone, or by [`close`](Self::close).
    pub(super) fn start(tx: Tx, changes: Arc<Hub>) -> Self {
        let (queue, requests) = mpsc::channel(QUEUE);
        tokio::spawn(run(tx, requests, changes));
        Self { queue }
    }

    /// Takes a job. It is carried out from here on, whoever waits for it.
    pub(in crate::sql) fn take(&self, job: Box<dyn Job>) -> Result<(), Error> {
        self.queue.try_send(Request::Job(job)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Busy,
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })
    }

    pub(in crate::sql) async fn truncate(&self) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Request::Truncate(reply)).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    pub(super) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.queue.send(Request::Close(reply)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

async fn run(mut tx: Tx, mut requests: mpsc::Receiver<Request>, changes: Arc<Hub>) {
    let mut next = None;
    let closed = loop {
        let request = match next.take() {
            Some(request) => request,
            None => match requests.recv().await {
                Some(request) => request,
                None => break None,
            },
        };
        match request {
            Request::Job(job) => next = group(&mut tx, job, &mut requests, &changes).await,
            Request::Truncate(reply) => {
                let _ = reply.send(truncate(&mut tx).await);
            }
            Request::Close(reply) => break Some(reply),
        }
    };
    // Jobs that came after the close are dropped, which tells their callers.
    drop(requests);
    if let Connection::Sqlite(connection) = tx.into_connection() {
        connection.close().await;
    }
    if let Some(reply) = closed {
        let _ = reply.send(());
    }
}

/// Runs `first` and what has gathered behind it, commits, answers. Returns a request that is no job, which ended the group.
async fn group(
    tx: &mut Tx,
    first: Box<dyn Job>,
    requests: &mut mpsc::Receiver<Request>,
    changes: &Hub,
) -> Option<Request> {
    if let Err(error) = tx.control("BEGIN IMMEDIATE; SAVEPOINT job").await {
        // Part of it may have worked.
        let _ = tx.control("ROLLBACK").await;
        first.finish(Err(error.clone()));
        return refuse(requests, &error);
    }
    let began = Instant::now();
    let mut jobs = Vec::new();
    let mut other = None;
    let mut next = Some(first);
    let mut result = Ok(());
    let mut fresh = true;
    while let Some(mut job) = next.take() {
        result = one(tx, &mut *job, &mut fresh).await;
        jobs.push(job);
        if result.is_err() || jobs.len() >= GROUP || began.elapsed() >= GROUP_TIME {
            break;
        }
        match requests.try_recv() {
            Ok(Request::Job(job)) => next = Some(job),
            Ok(request) => other = Some(request),
            Err(_) => {}
        }
    }
    let result = match result {
        Ok(()) => commit(tx).await,
        Err(error) => {
            // Where SQLite has rolled back by itself, as on a full disk, there is nothing left to roll back.
            let _ = tx.control("ROLLBACK").await;
            Err(error)
        }
    };
    let announced = std::mem::take(&mut tx.announced);
    if result.is_ok() {
        changes.publish(announced);
    }
    for job in jobs {
        job.finish(result.clone());
    }
    other
}

/// Answers those who wait behind a group that could not begin, as when somebody else holds the file's lock: one after the other they would
/// each wait for it as long again. Returns a request that is no job.
fn refuse(requests: &mut mpsc::Receiver<Request>, error: &Error) -> Option<Request> {
    // Who comes meanwhile may find the lock free.
    for _ in 0..requests.len() {
        match requests.try_recv() {
            Ok(Request::Job(job)) => job.finish(Err(error.clone())),
            other => return other.ok(),
        }
    }
    None
}

/// Runs a job in a savepoint of its own. `fresh` says whether the one that is open has nothing in it.
async fn one(tx: &mut Tx, job: &mut dyn Job, fresh: &mut bool) -> Result<(), Error> {
    if !*fresh {
        tx.control(NEXT_JOB).await?;
    }
    let announced = tx.announced.len();
    *fresh = match job.run(tx).await {
        Ran::Done => false,
        Ran::Ended => true,
        Ran::Failed | Ran::Contended => {
            tx.announced.truncate(announced);
            tx.control("ROLLBACK TO job").await?;
            true
        }
    };
    Ok(())
}

async fn commit(tx: &mut Tx) -> Result<(), Error> {
    let committed = tx.control("COMMIT").await;
    if let Err(error) = committed {
        let _ = tx.control("ROLLBACK").await;
        // When it was the sync that failed, the next start may find the commit in the log or not.
        return Err(match error {
            Error::Unavailable(cause) => Error::InDoubt(cause),
            error => error,
        });
    }
    Ok(())
}

async fn truncate(tx: &mut Tx) -> Result<(), Error> {
    // Everybody's writes would wait for the readers who hold the log, so it is tried again instead, between them.
    tx.control("PRAGMA busy_timeout = 0").await?;
    let row = tx.fetch_one("PRAGMA wal_checkpoint(TRUNCATE)").await;
    tx.take_spoiled();
    tx.control(BUSY_TIMEOUT).await?;
    // Busy: a reader holds the log. The caller tries again.
    if row?.get::<i64>(0)? == 0 { Ok(()) } else { Err(Error::Busy) }
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions as _, Connection as _};
    use tokio::time::timeout;

    use super::*;
    use crate::sql::{Config, Db, Location};

    #[tokio::test]
    async fn who_waits_for_a_lock_that_somebody_else_holds_waits_once_however_many_wait() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pulse.db");
        let db = Db::open(Config::new(Location::File(file.clone()))).await.unwrap();
        let make = "CREATE TABLE thing (id BIGINT PRIMARY KEY)";
        db.write((), move |tx, ()| Box::pin(tx.execute(make))).await.unwrap();
        // As a tool that makes a backup may.
        let mut other = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
        let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let writes = (0..20).map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                let insert = "INSERT INTO thing VALUES (1)";
                db.write((), move |tx, ()| Box::pin(tx.execute(insert))).await
            })
        });
        let writes: Vec<_> = writes.collect();
        let all = async {
            for write in writes {
                let refused: Result<u64, Error> = write.await.unwrap();
                assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
            }
        };
        // The lock is waited for for 5 s; by one after the other, it would be 100.
        timeout(Duration::from_secs(20), all).await.unwrap();
        held.rollback().await.unwrap();
        let insert = "INSERT INTO thing VALUES (1)";
        assert_eq!(db.write((), move |tx, ()| Box::pin(tx.execute(insert))).await.unwrap(), 1);
    }
}
