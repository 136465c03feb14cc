//! PostgreSQL: a pool to read with, a pool to write with, and somebody who listens.

mod follow;

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{Notify, OnceCell, Semaphore, TryAcquireError, watch};
use tokio::time::sleep;

use super::changes::Hub;
use super::job::{Job, Ran};
use super::tx::Connection;
use super::{Config, Error, Tx};
use crate::Secret;

/// Jobs that wait for a connection or run, 1,024. More are refused with [`Error::Busy`].
const JOBS: usize = 1024;

/// How often a job is run again that was in the way of another transaction.
const RETRIES: u32 = 3;

/// The pause before the first further run, 5 ms; it doubles, and a random part of as much again is added.
const RETRY_PAUSE: Duration = Duration::from_millis(5);

/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 256;

/// How long a connection may have been idle, 100 ms, to be used without asking whether it lives.
const UNTESTED: Duration = Duration::from_millis(100);

/// What every session is set to. A commit is on the server's disk before it is answered; nothing waits for ever.
///
/// A statement is planned once. Left to itself the server plans those with a `LIMIT $n` anew each time, because it takes the
/// limit for a tenth of the rows while it does not know it; that is a quarter of what a page costs. All statements go by an
/// index, whatever their parameters.
const SETTINGS: [(&str, &str); 6] = [
    ("synchronous_commit", "on"),
    ("default_transaction_isolation", "read committed"),
    ("plan_cache_mode", "force_generic_plan"),
    ("statement_timeout", "10s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "30s"),
];

pub(super) struct Postgres {
    readers: PgPool,
    shared: Arc<Shared>,
    jobs: Arc<Semaphore>,
    closing: AtomicBool,
    following: OnceCell<()>,
    poll_interval: Duration,
    /// Ends the tasks, by a value or by being dropped.
    closed: watch::Sender<()>,
}

/// What jobs and the follower have in common.
struct Shared {
    writers: PgPool,
    /// How the connection that listens is made, which is in no pool.
    listening: PgConnectOptions,
    answer_timeout: Duration,
    changes: Arc<Hub>,
    /// Told after a commit that others are to hear of.
    announce: Notify,
}

/// What a URL says.
pub(super) fn options(url: &str) -> Result<PgConnectOptions, Error> {
    // The error may repeat a part of the URL, which has the password.
    PgConnectOptions::from_str(url).map_err(|_| Error::Location("not a URL of PostgreSQL".to_owned()))
}

impl Postgres {
    pub(super) async fn open(url: &Secret, config: &Config, changes: Arc<Hub>) -> Result<Self, Error> {
        let options = options(url.expose_str().unwrap_or_default())?
            .application_name("pulse")
            .statement_cache_capacity(STATEMENTS)
            .options(SETTINGS)
            .disable_statement_logging();
        let place = match options.get_socket() {
            Some(folder) => format!("postgres://{}", folder.display()),
            None => format!("postgres://{}:{}", options.get_host(), options.get_port()),
        };
        let open = |cause: sqlx::Error| Error::Open { place: place.clone(), cause: Arc::new(cause) };
        let pool = || {
            PgPoolOptions::new()
                .max_connections(config.connections.max(2))
                .acquire_timeout(config.acquire_timeout)
                // Asking each time whether the connection lives would double the cost of a read.
                .test_before_acquire(false)
                .before_acquire(|connection, idle| {
                    Box::pin(async move {
                        if idle.idle_for > UNTESTED {
                            connection.ping().await?;
                        }
                        Ok(true)
                    })
                })
        };
        let listening = options.clone();
        let writers = pool().connect_with(options.clone()).await.map_err(open)?;
        let readers = pool()
            .connect_with(options.options([("default_transaction_read_only", "on")]))
            .await
            .map_err(open)?;
        let shared = Arc::new(Shared {
            writers,
            listening,
            answer_timeout: config.answer_timeout,
            changes,
            announce: Notify::new(),
        });
        let closed = watch::Sender::new(());
        tokio::spawn(follow::announce(Arc::clone(&shared), closed.subscribe()));
        Ok(Self {
            readers,
            shared,
            jobs: Arc::new(Semaphore::new(JOBS)),
            closing: AtomicBool::new(false),
            following: OnceCell::new(),
            poll_interval: config.poll_interval,
            closed,
        })
    }

    /// Something to read with.
    pub(super) async fn reader(&self) -> Result<Tx, Error> {
        let connection = self.readers.acquire().await?;
        Ok(Tx::reading(Connection::Postgres(connection)).answered_within(self.shared.answer_timeout))
    }

    /// Takes a job. It is carried out from here on, whoever waits for it.
    pub(super) fn take(&self, job: Box<dyn Job>) -> Result<(), Error> {
        let permit = Arc::clone(&self.jobs).try_acquire_owned().map_err(|error| match error {
            // A close waits for all permits, so nobody gets one behind it.
            TryAcquireError::NoPermits if !self.closing.load(Ordering::Relaxed) => Error::Busy,
            TryAcquireError::NoPermits | TryAcquireError::Closed => Error::Closed,
        })?;
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            shared.carry_out(job).await;
            drop(permit);
        });
        Ok(())
    }

    /// Begins, once, to follow what changes in the database.
    pub(super) async fn follow(&self) -> Result<(), Error> {
        self.following
            .get_or_try_init(async || {
                let shared = Arc::clone(&self.shared);
                follow::start(self.readers.clone(), shared, self.poll_interval, self.closed.subscribe()).await
            })
            .await
            .copied()
    }

    pub(super) async fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        // All permits come back when all jobs are done.
        let all = self.jobs.acquire_many(JOBS as u32).await;
        self.jobs.close();
        drop(all);
        self.closed.send_replace(());
        self.shared.writers.close().await;
        self.readers.close().await;
    }
}

impl Shared {
    async fn carry_out(&self, mut job: Box<dyn Job>) {
        let mut pause = RETRY_PAUSE;
        for attempt in 0.. {
            match self.attempt(&mut *job).await {
                Attempt::Contended(_) if attempt < RETRIES => {
                    sleep(pause + jitter(pause)).await;
                    pause *= 2;
                }
                Attempt::Contended(result) | Attempt::Finished(result) => {
                    job.finish(result);
                    return;
                }
            }
        }
    }

    async fn attempt(&self, job: &mut dyn Job) -> Attempt {
        let connection = match self.writers.acquire().await {
            Ok(connection) => connection,
            Err(error) => return Attempt::Finished(Err(error.into())),
        };
        let mut tx = Tx::writing(Connection::Postgres(connection)).answered_within(self.answer_timeout);
        if let Err(error) = tx.control("BEGIN").await {
            drop_connection(tx);
            return Attempt::Finished(Err(error));
        }
        match job.run(&mut tx).await {
            Ran::Done | Ran::Ended => self.commit(tx).await,
            ran @ (Ran::Failed | Ran::Contended) => {
                if tx.control("ROLLBACK").await.is_err() {
                    drop_connection(tx);
                }
                if matches!(ran, Ran::Contended) {
                    Attempt::Contended(Ok(()))
                } else {
                    Attempt::Finished(Ok(()))
                }
            }
        }
    }

    async fn commit(&self, mut tx: Tx) -> Attempt {
        match tx.control("COMMIT").await {
            Ok(()) => {
                let announced = std::mem::take(&mut tx.announced);
                if !announced.is_empty() {
                    self.changes.publish(announced);
                    self.announce.notify_one();
                }
                Attempt::Finished(Ok(()))
            }
            // The server said no; it has rolled back.
            Err(error @ Error::Contended(_)) => Attempt::Contended(Err(error)),
            Err(Error::Unavailable(cause)) => {
                drop_connection(tx);
                Attempt::Finished(Err(Error::InDoubt(cause)))
            }
            Err(error) => {
                drop_connection(tx);
                Attempt::Finished(Err(error))
            }
        }
    }
}

/// How running a job once went: what it is to be told of the commit.
enum Attempt {
    Finished(Result<(), Error>),
    /// It may be run again.
    Contended(Result<(), Error>),
}

/// Closes a connection that may be in the middle of a transaction, instead of giving it back. Nobody waits for that.
fn drop_connection(tx: Tx) {
    if let Connection::Postgres(mut connection) = tx.into_connection() {
        connection.close_on_drop();
    }
}

/// A random time below `pause`.
fn jitter(pause: Duration) -> Duration {
    let mut random = [0];
    crate::secret::fill(&mut random);
    let [byte] = random;
    pause * u32::from(byte) / 256
}
