//! SQLite: a file, one writer, a few readers.

mod readers;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

pub(super) use readers::{Lease, Readers};
pub(super) use writer::Writer;

use super::changes::Hub;
use super::lock::Lock;
use super::tx::Connection;
use super::{Config, Error, Tx};

/// How long a statement waits for the file's lock, also said by the writer. Only our one writer and checkpoints take it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 256;

/// To how many bytes the write-ahead log is cut after a checkpoint, 64 MiB. It grows past that while readers hold it.
const WAL_BYTES: &str = "67108864";

/// Pages that the writer keeps in memory, in KiB: 32 MiB. Rows that are found by random bits change pages all over an index;
/// with SQLite's own 2 MiB most of them were read again for each.
const WRITER_CACHE: &str = "-32768";

/// After how many pages in the log they are moved into the database file, 16 MiB. The more changes a page has seen until
/// then, the fewer times it is written and synced there.
const CHECKPOINT_PAGES: &str = "4000";

pub(super) struct Sqlite {
    pub(super) readers: Arc<Readers>,
    pub(super) writer: Writer,
    lock: Mutex<Option<Lock>>,
}

impl Sqlite {
    /// Opens `file`, or a database in memory.
    pub(super) async fn open(file: Option<&Path>, config: &Config, changes: Arc<Hub>) -> Result<Self, Error> {
        let (path, lock) = match file {
            Some(file) => {
                let lock = Lock::take(file)?;
                create(file)?;
                (file.to_owned(), Some(lock))
            }
            None => (memory(), None),
        };
        let open =
            |cause: sqlx::Error| Error::Open { place: path.display().to_string(), cause: Arc::new(cause) };
        // The writer creates the file and sets its journal mode, so it comes first.
        let writer = options(&path, file.is_none())
            .pragma("cache_size", WRITER_CACHE)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES);
        let writer = writer.connect().await.map_err(open)?;
        let mut readers = Vec::new();
        for _ in 0..config.readers.max(1) {
            let options = options(&path, file.is_none()).create_if_missing(false).pragma("query_only", "ON");
            readers.push(options.connect().await.map_err(open)?);
        }
        let writer = Writer::start(Tx::writing(Connection::Sqlite(Lease::own(writer))), changes);
        Ok(Self { readers: Readers::new(readers, config.acquire_timeout), writer, lock: Mutex::new(lock) })
    }

    /// Carries out what was taken, then closes all connections.
    pub(super) async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn options(path: &Path, memory: bool) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        // What is deleted is overwritten, so that erased data is not found in free pages.
        .pragma("secure_delete", "ON")
        .pragma("temp_store", "MEMORY")
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging();
    if memory {
        return options.vfs("memdb");
    }
    options
        .journal_mode(SqliteJournalMode::Wal)
        // Each commit is synced: an acknowledged write survives a power failure.
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", WAL_BYTES)
}

/// Creates the file, for nobody else to read: people and sealed secrets are in it. SQLite gives its log the same mode.
fn create(file: &Path) -> Result<(), Error> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let open = |cause| Error::Open { place: file.display().to_string(), cause: Arc::new(cause) };
    options.open(file).map(drop).map_err(open)
}

/// A name that connections of this process share, by SQLite's `memdb`.
fn memory() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    PathBuf::from(format!("/pulse-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

async fn close(connection: SqliteConnection) {
    // What could go wrong is that the last checkpoint fails, which the next opening makes up for.
    let _ = connection.close().await;
}
