//! Which database, and how much of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Error;
use crate::Secret;

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// A SQLite file, created if it is missing.
    File(PathBuf),
    /// SQLite in memory, gone with the [`Db`](super::Db). For tests and examples.
    Memory,
    /// A PostgreSQL server, version 13 or newer: its URL, which may contain a password.
    Postgres(Secret),
}

impl Location {
    /// The database file's name in a data folder.
    pub const FILE_NAME: &'static str = "pulse.db";

    /// Reads `sqlite:` (the file [`FILE_NAME`](Self::FILE_NAME) in `data_folder`), `sqlite:FILE` (relative to it),
    /// `sqlite::memory:` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    ///
    /// # Errors
    ///
    /// [`Error::Location`], without repeating the URL.
    pub fn parse(url: &str, data_folder: &Path) -> Result<Self, Error> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            super::postgres::options(url)?;
            return Ok(Self::Postgres(url.into()));
        }
        match url.strip_prefix("sqlite:") {
            Some(":memory:") => Ok(Self::Memory),
            Some("") => Ok(Self::File(data_folder.join(Self::FILE_NAME))),
            Some(file) if !file.starts_with("//") => Ok(Self::File(data_folder.join(file))),
            _ => Err(Error::Location("an unknown form".to_owned())),
        }
    }
}

/// How a [`Db`](super::Db) is opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where.
    pub location: Location,
    /// SQLite: connections for reading, each with a thread. 4 by default; more do not help, as reads take microseconds.
    pub readers: usize,
    /// PostgreSQL: connections for reading, and as many for writing. 16 by default.
    pub connections: u32,
    /// How long a reader waits for a connection, and a connection for PostgreSQL. 5 s by default.
    pub acquire_timeout: Duration,
    /// How long a job of [`Db::write`](super::Db::write) may run. 10 s by default. On SQLite everybody's writes wait for it, so
    /// a job waits for nothing but its statements.
    pub job_timeout: Duration,
    /// PostgreSQL: how long the answer to `BEGIN`, `COMMIT` or `ROLLBACK`, or to a reader's statement, is waited for. 15 s by
    /// default, more than the server gives a statement: then the connection is dead, and a commit in doubt.
    pub answer_timeout: Duration,
    /// PostgreSQL: how often [changes](super::changes) of other processes are looked for without having been notified. 1 s
    /// by default.
    pub poll_interval: Duration,
}

impl Config {
    /// The defaults for a place.
    pub fn new(location: Location) -> Self {
        Self {
            location,
            readers: 4,
            connections: 16,
            acquire_timeout: Duration::from_secs(5),
            job_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(15),
            poll_interval: Duration::from_secs(1),
        }
    }
}
