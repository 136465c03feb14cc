//! A transaction, or a connection to read with: one type over both databases.

use std::future::Future;
use std::io::ErrorKind;
use std::time::Duration;

use sqlx::Postgres;
use sqlx::SqlStr;
use sqlx::pool::PoolConnection;
use tokio::time::timeout;

use super::changes::Announced;
use super::later::Later;
use super::row::{Inner, Row};
use super::sqlite::Lease;
use super::{Error, Query};

/// Which SQL is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A transaction within a job of [`Db::write`](super::Db::write), or a connection to read with from
/// [`Db::read`](super::Db::read).
///
/// In a job, a statement that fails spoils the transaction: further ones get [`Error::Aborted`], and it does not commit,
/// whatever the job returns. PostgreSQL is like that, and SQLite is made to be.
pub struct Tx {
    pub(super) connection: Connection,
    /// Whether a transaction is open, which a failing statement spoils.
    pub(super) writes: bool,
    /// What waits for the next statement.
    pub(super) later: Later,
    /// How long PostgreSQL's answer is waited for where no job's time runs.
    answer_timeout: Option<Duration>,
    spoiled: Option<Spoiled>,
    /// What subscribers are told after the commit.
    pub(super) announced: Vec<Announced>,
}

pub(super) enum Connection {
    Sqlite(Lease),
    Postgres(PoolConnection<Postgres>),
}

/// What a failed statement did to the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoiled {
    /// It cannot succeed.
    Failed,
    /// Another transaction was in the way: the whole may be tried again.
    Contended,
}

impl Tx {
    pub(super) fn reading(connection: Connection) -> Self {
        Self {
            connection,
            writes: false,
            answer_timeout: None,
            spoiled: None,
            later: Later::default(),
            announced: Vec::new(),
        }
    }

    /// The same, with a bound for how long an answer is waited for.
    pub(super) fn answered_within(self, limit: Duration) -> Self {
        Self { answer_timeout: Some(limit), ..self }
    }

    pub(super) fn writing(connection: Connection) -> Self {
        Self { writes: true, ..Self::reading(connection) }
    }

    /// Which SQL this transaction speaks.
    pub fn dialect(&self) -> Dialect {
        match self.connection {
            Connection::Sqlite(_) => Dialect::Sqlite,
            Connection::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement; how many rows it changed.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn execute<'q>(&mut self, query: impl Into<Query<'q>>) -> Result<u64, Error> {
        let query = query.into();
        self.ready()?;
        self.catch_up().await?;
        let limit = self.reading_timeout();
        let result = match &mut self.connection {
            Connection::Sqlite(connection) => {
                let (sql, arguments) = query.sqlite()?;
                let done = sqlx::query_with(sql, arguments).execute(connection.get()?).await;
                done.map(|done| done.rows_affected())
            }
            Connection::Postgres(connection) => {
                let (sql, arguments) = query.postgres()?;
                let done = answer(limit, sqlx::query_with(sql, arguments).execute(&mut **connection)).await;
                done.map(|done| done.rows_affected())
            }
        };
        self.note(result)
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn fetch_optional<'q>(&mut self, query: impl Into<Query<'q>>) -> Result<Option<Row>, Error> {
        let query = query.into();
        self.ready()?;
        self.catch_up().await?;
        let limit = self.reading_timeout();
        let result = match &mut self.connection {
            Connection::Sqlite(connection) => {
                let (sql, arguments) = query.sqlite()?;
                let row = sqlx::query_with(sql, arguments).fetch_optional(connection.get()?).await;
                row.map(|row| row.map(|row| Row(Inner::Sqlite(row))))
            }
            Connection::Postgres(connection) => {
                let (sql, arguments) = query.postgres()?;
                let row =
                    answer(limit, sqlx::query_with(sql, arguments).fetch_optional(&mut **connection)).await;
                row.map(|row| row.map(|row| Row(Inner::Postgres(row))))
            }
        };
        self.note(result)
    }

    /// The first row. That there is none does not spoil a transaction.
    ///
    /// # Errors
    ///
    /// [`Error::NoRow`] when there is none, [`Error`].
    pub async fn fetch_one<'q>(&mut self, query: impl Into<Query<'q>>) -> Result<Row, Error> {
        self.fetch_optional(query).await?.ok_or(Error::NoRow)
    }

    /// All rows, in memory: the statement has a `LIMIT`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn fetch_all<'q>(&mut self, query: impl Into<Query<'q>>) -> Result<Vec<Row>, Error> {
        let query = query.into();
        self.ready()?;
        self.catch_up().await?;
        let limit = self.reading_timeout();
        let result = match &mut self.connection {
            Connection::Sqlite(connection) => {
                let (sql, arguments) = query.sqlite()?;
                let rows = sqlx::query_with(sql, arguments).fetch_all(connection.get()?).await;
                rows.map(|rows| rows.into_iter().map(|row| Row(Inner::Sqlite(row))).collect())
            }
            Connection::Postgres(connection) => {
                let (sql, arguments) = query.postgres()?;
                let rows = answer(limit, sqlx::query_with(sql, arguments).fetch_all(&mut **connection)).await;
                rows.map(|rows| rows.into_iter().map(|row| Row(Inner::Postgres(row))).collect())
            }
        };
        self.note(result)
    }

    /// The steps by which SQLite would carry a statement out, for tests that see to it that an index serves. An empty list on
    /// PostgreSQL.
    ///
    /// # Errors
    ///
    /// [`Error`].
    #[cfg(any(test, feature = "testing"))]
    pub async fn plan(&mut self, query: &Query<'_>) -> Result<Vec<String>, Error> {
        if self.dialect() == Dialect::Postgres {
            return Ok(Vec::new());
        }
        let explained = Query::assembled(format!("EXPLAIN QUERY PLAN {}", query.sql()));
        let rows = self.fetch_all(explained).await?;
        rows.iter().map(|row| row.get(3)).collect()
    }

    /// Several statements without parameters, for migrations.
    pub(super) async fn script(&mut self, sql: SqlStr) -> Result<(), Error> {
        self.ready()?;
        self.catch_up().await?;
        let result = match &mut self.connection {
            Connection::Sqlite(connection) => sqlx::raw_sql(sql).execute(connection.get()?).await.map(drop),
            Connection::Postgres(connection) => sqlx::raw_sql(sql).execute(&mut **connection).await.map(drop),
        };
        self.note(result)
    }

    /// `BEGIN`, `COMMIT` and the like, which are not refused after a failure and do not count as one.
    pub(super) async fn control(&mut self, sql: &'static str) -> Result<(), Error> {
        match &mut self.connection {
            Connection::Sqlite(connection) => sqlx::query(sql).execute(connection.get()?).await.map(drop),
            Connection::Postgres(connection) => {
                answer(self.answer_timeout, sqlx::raw_sql(sql).execute(&mut **connection)).await.map(drop)
            }
        }
        .map_err(|error| self.lost(error))
    }

    /// The bound of a statement: those of a job are bounded by its time.
    fn reading_timeout(&self) -> Option<Duration> {
        self.answer_timeout.filter(|_| !self.writes)
    }

    /// What an error means. A connection that is dead is not given back, as whoever got it would wait as well.
    fn lost(&mut self, error: sqlx::Error) -> Error {
        if let (Connection::Postgres(connection), sqlx::Error::Io(_)) = (&mut self.connection, &error) {
            connection.close_on_drop();
        }
        error.into()
    }

    /// What a failed statement did to the transaction since the last call.
    pub(super) fn take_spoiled(&mut self) -> Option<Spoiled> {
        self.spoiled.take()
    }

    pub(super) fn into_connection(self) -> Connection {
        self.connection
    }

    pub(super) fn ready(&self) -> Result<(), Error> {
        if self.spoiled.is_some() { Err(Error::Aborted) } else { Ok(()) }
    }

    pub(super) fn note<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T, Error> {
        result.map_err(|error| {
            let error = self.lost(error);
            if self.writes {
                let contended = matches!(error, Error::Contended(_));
                self.spoiled = Some(if contended { Spoiled::Contended } else { Spoiled::Failed });
            }
            error
        })
    }
}

/// Waits for an answer, so long at most.
async fn answer<T>(
    limit: Option<Duration>,
    asked: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let Some(limit) = limit else { return asked.await };
    timeout(limit, asked).await.unwrap_or_else(|_| Err(sqlx::Error::Io(ErrorKind::TimedOut.into())))
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx")
            .field("dialect", &self.dialect())
            .field("writes", &self.writes)
            .finish_non_exhaustive()
    }
}
