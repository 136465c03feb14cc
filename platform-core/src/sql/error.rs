//! What can go wrong with the database, by what to do about it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use sqlx::error::ErrorKind;

/// The error below, for the log; never for a client.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Why the database did not do it. [`is_transient`](Self::is_transient) says whether to come back later.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be reached, or its disk is full or broken. Nothing was changed; may pass.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] Cause),
    /// More writes, or readers, wait than are let wait. Nothing was changed; passes.
    #[error("too much waits for the database")]
    Busy,
    /// A job took longer than it may. Nothing was changed.
    #[error("the database took too long")]
    Timeout,
    /// The commit was sent and its answer was lost: it may or may not have been carried out. The caller asks what is there,
    /// or repeats under the same idempotency key.
    #[error("whether the commit was carried out is not known: {0}")]
    InDoubt(#[source] Cause),
    /// Other transactions were in the way, again and again. Nothing was changed; passes.
    #[error("other transactions were in the way: {0}")]
    Contended(#[source] Cause),
    /// A unique index has such a row already.
    #[error("there is one already: {constraint}")]
    Unique {
        /// The constraint's name on PostgreSQL, `table.column, …` or the index's name on SQLite.
        constraint: String,
    },
    /// A row that is referred to does not exist, or one that goes is still referred to.
    #[error("a reference is broken: {constraint}")]
    ForeignKey {
        /// The constraint's name on PostgreSQL, empty on SQLite, which does not tell.
        constraint: String,
    },
    /// A value that a `CHECK` or `NOT NULL` refuses. A fault of ours: values are checked before.
    #[error("the schema refuses a value: {0}")]
    Refused(#[source] Cause),
    /// [`Tx::fetch_one`](super::Tx::fetch_one) found none.
    #[error("no such row")]
    NoRow,
    /// A row does not have what was asked of it. A fault of ours, or of who edited the database.
    #[error("column {column}: {reason}")]
    Column {
        /// Its name or place.
        column: String,
        /// What was expected.
        reason: String,
    },
    /// A statement of this transaction failed before, and the job went on.
    #[error("the transaction has failed before")]
    Aborted,
    /// The job panicked. Nothing was changed.
    #[error("the job panicked")]
    Panicked,
    /// A statement that the database does not understand. A fault of ours.
    #[error("a statement failed: {0}")]
    Statement(#[source] Cause),
    /// The database was closed.
    #[error("the database is closed")]
    Closed,
    /// Another process has the database file open.
    #[error(
        "{} is in use by {}: one server runs on a data folder; stop that one, or give this one another folder",
        file.display(), if *pid == 0 { "another process".to_owned() } else { format!("process {pid}") }
    )]
    Locked {
        /// The database file.
        file: PathBuf,
        /// The other process; 0 where it is not known.
        pid: u32,
    },
    /// The file or server could not be opened.
    #[error("cannot open the database {place}: {cause}")]
    Open {
        /// The file, or the server without its password.
        place: String,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// A location that is none.
    #[error("not a database: {0} (use sqlite:, sqlite:FILE, sqlite::memory: or postgres://…)")]
    Location(String),
    /// The database has been used by a newer version of this program, which this one would damage.
    #[error(
        "the database is newer than this program: its {component} schema has version {database}, this program knows up to {known}; \
         run the newer program, or restore a backup from before the upgrade"
    )]
    Newer {
        /// The crate whose schema it is.
        component: String,
        /// The version in the database.
        database: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// A migration that the database has been through is not the one that this program has.
    #[error(
        "migration {version} of the {component} schema is not the one that the database has been through: {reason}"
    )]
    Migration {
        /// The crate whose schema it is.
        component: String,
        /// The migration's version.
        version: i64,
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// Whether the same may succeed later, without anybody changing anything. An [`InDoubt`](Self::InDoubt) commit is not
    /// among them: it may have succeeded already.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Busy | Self::Timeout | Self::Contended(_))
    }

    /// Whether a unique index refused a row.
    pub fn is_unique(&self) -> bool {
        matches!(self, Self::Unique { .. })
    }

    pub(super) fn column(column: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self::Column { column: format!("{column}"), reason: format!("{reason}") }
    }
}

/// SQLite's result codes that concern the file or its lock, not the statement (<https://sqlite.org/rescode.html>), in their
/// low byte: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN.
const SQLITE_ENVIRONMENT: [u32; 6] = [5, 6, 8, 10, 13, 14];

/// SQLSTATEs after which the whole transaction may be tried again: serialization_failure, deadlock_detected,
/// lock_not_available.
const POSTGRES_CONTENDED: [&str; 3] = ["40001", "40P01", "55P03"];

/// SQLSTATE classes that concern the server, not the statement: connection, resources, operator, system.
const POSTGRES_ENVIRONMENT: [&str; 4] = ["08", "53", "57", "58"];

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::RowNotFound => Self::NoRow,
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::Database(error) => of_the_database(error),
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => {
                Self::Unavailable(Arc::new(error))
            }
            // A server that goes away in the middle of a message.
            sqlx::Error::Protocol(_) => Self::Unavailable(Arc::new(error)),
            error => Self::Statement(Arc::new(error)),
        }
    }
}

fn of_the_database(error: Box<dyn sqlx::error::DatabaseError>) -> Error {
    let code = error.code().unwrap_or_default().into_owned();
    let postgres = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some();
    let constraint = || match error.constraint() {
        Some(name) => name.to_owned(),
        None => {
            error.message().rsplit_once("failed: ").map(|(_, columns)| columns.to_owned()).unwrap_or_default()
        }
    };
    match error.kind() {
        ErrorKind::UniqueViolation => return Error::Unique { constraint: constraint() },
        ErrorKind::ForeignKeyViolation => return Error::ForeignKey { constraint: constraint() },
        ErrorKind::NotNullViolation | ErrorKind::CheckViolation => {}
        _ if postgres && POSTGRES_CONTENDED.contains(&code.as_str()) => {
            return Error::Contended(Arc::new(sqlx::Error::Database(error)));
        }
        // query_canceled is the statement timeout.
        _ if postgres && code == "57014" => return Error::Timeout,
        _ if postgres && POSTGRES_ENVIRONMENT.iter().any(|class| code.starts_with(class)) => {
            return Error::Unavailable(Arc::new(sqlx::Error::Database(error)));
        }
        _ if !postgres && code.parse().is_ok_and(|code: u32| SQLITE_ENVIRONMENT.contains(&(code & 0xFF))) => {
            return Error::Unavailable(Arc::new(sqlx::Error::Database(error)));
        }
        _ => return Error::Statement(Arc::new(sqlx::Error::Database(error))),
    }
    Error::Refused(Arc::new(sqlx::Error::Database(error)))
}
