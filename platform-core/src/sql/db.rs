//! The handle on the database.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;

use super::changes::{Change, Changes, Hub};
use super::job::{BoxFuture, Typed};
use super::migrate;
use super::postgres::Postgres;
use super::sqlite::Sqlite;
use super::tx::Connection;
use super::{Config, Dialect, Error, Location, Migrations, Tx};
use crate::WallTime;

/// How often the log is tried to be emptied, and the pause between, in which other writes are carried out.
const TRUNCATIONS: u32 = 200;
const TRUNCATION_PAUSE: Duration = Duration::from_millis(50);

/// The database: the only owner of its connections. Cloning it gives another handle.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    backend: Backend,
    job_timeout: Duration,
    changes: Arc<Hub>,
}

enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Db {
    /// Opens the database, without touching its schema. It needs a tokio runtime with I/O and time, which runs its tasks.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] when another process has the file open, [`Error::Open`] when it cannot be opened or reached.
    pub async fn open(config: Config) -> Result<Self, Error> {
        let changes = Arc::new(Hub::new());
        let backend = match &config.location {
            Location::File(file) => {
                Backend::Sqlite(Sqlite::open(Some(file), &config, Arc::clone(&changes)).await?)
            }
            Location::Memory => Backend::Sqlite(Sqlite::open(None, &config, Arc::clone(&changes)).await?),
            Location::Postgres(url) => {
                Backend::Postgres(Postgres::open(url, &config, Arc::clone(&changes)).await?)
            }
        };
        Ok(Self(Arc::new(Inner { backend, job_timeout: config.job_timeout, changes })))
    }

    /// Which SQL is spoken.
    pub fn dialect(&self) -> Dialect {
        match &self.0.backend {
            Backend::Sqlite(_) => Dialect::Sqlite,
            Backend::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Brings the schema up to date, this crate's own first, then `components` in their order, all in one transaction.
    /// Servers that start at once wait for each other. `now` is noted beside each migration.
    ///
    /// # Errors
    ///
    /// [`Error::Newer`] and [`Error::Migration`], with nothing changed; [`Error`].
    pub async fn migrate(&self, now: WallTime, components: &[Migrations]) -> Result<(), Error> {
        migrate::run(self, now, components).await
    }

    /// Whether the database has a schema of ours: [`migrate`](Self::migrate) has been through it, of whichever version.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn is_migrated(&self) -> Result<bool, Error> {
        migrate::is_done(self).await
    }

    /// A connection to read with. Each statement sees what was committed before it; writing fails. Dropping it gives it
    /// back, so it is not held while something else is waited for.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when none became free in [`Config::acquire_timeout`], [`Error`].
    pub async fn read(&self) -> Result<Tx, Error> {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => Ok(Tx::reading(Connection::Sqlite(sqlite.readers.lease().await?))),
            Backend::Postgres(postgres) => postgres.reader().await,
        }
    }

    /// Runs `work` on `input` in a transaction, and returns what it returned once that is committed. An error of `work`
    /// rolls back.
    ///
    /// Once this was polled, the work is carried out even if the future is dropped. It may run more than once (on PostgreSQL
    /// when other transactions are in its way, four times at most), so it must not do anything but through the transaction;
    /// [`Config::job_timeout`] at most.
    ///
    /// # Errors
    ///
    /// What `work` returned; [`Error`] as `E` when that is not committed. [`Error::Busy`] when 1,024 writes wait.
    pub async fn write<I, T, E, F>(&self, input: I, work: F) -> Result<T, E>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'t> Fn(&'t mut Tx, &'t I) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
    {
        self.write_within(self.0.job_timeout, input, work).await
    }

    /// [`write`](Self::write) with another limit of time.
    pub(super) async fn write_within<I, T, E, F>(&self, limit: Duration, input: I, work: F) -> Result<T, E>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'t> Fn(&'t mut Tx, &'t I) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Typed::new(input, work, limit, reply));
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.writer.take(job)?,
            Backend::Postgres(postgres) => postgres.take(job)?,
        }
        // The task that had the job is gone only when the runtime shuts down or the database was closed.
        answer.await.unwrap_or_else(|_| Err(Error::Closed.into()))
    }

    /// Subscribes to what changes from here on, by this process and by others on the same database. See
    /// [`changes`](super::changes).
    ///
    /// # Errors
    ///
    /// [`Error`], on PostgreSQL only.
    pub async fn changes(&self) -> Result<Changes, Error> {
        if let Backend::Postgres(postgres) = &self.0.backend {
            postgres.follow().await?;
        }
        Ok(self.0.changes.subscribe())
    }

    /// Has `observer` told of what changes from here on, like a subscriber; of a write of this process before whoever wrote is
    /// answered. Everybody's writes wait for it, so it does little and does not ask the database. It is dropped when the
    /// database is closed.
    ///
    /// # Errors
    ///
    /// [`Error`], on PostgreSQL only.
    pub async fn observe(&self, observer: impl Fn(&Change) + Send + 'static) -> Result<(), Error> {
        if let Backend::Postgres(postgres) = &self.0.backend {
            postgres.follow().await?;
        }
        self.0.changes.observe(Box::new(observer));
        Ok(())
    }

    /// Empties SQLite's write-ahead log into the database file, so that what was erased is in neither. Readers who hold the
    /// log are waited for, 10 s at most. Does nothing on PostgreSQL, whose log is the operator's.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when somebody reads all that time; [`Error`].
    pub async fn truncate_log(&self) -> Result<(), Error> {
        let Backend::Sqlite(sqlite) = &self.0.backend else { return Ok(()) };
        for _ in 1..TRUNCATIONS {
            match sqlite.writer.truncate().await {
                Err(Error::Busy) => sleep(TRUNCATION_PAUSE).await,
                other => return other,
            }
        }
        sqlite.writer.truncate().await
    }

    /// Carries out what was taken and closes all connections. Whoever comes later gets [`Error::Closed`].
    pub async fn close(&self) {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.close().await,
            Backend::Postgres(postgres) => postgres.close().await,
        }
        self.0.changes.close();
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Db").field(&self.dialect()).finish()
    }
}
