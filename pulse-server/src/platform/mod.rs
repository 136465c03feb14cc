//! The database of tenants: opened, migrated and unlocked at the start, kept tidy while the server runs.

mod jobs;
mod master_key;
mod schema;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use platform_core::WallTime;
use platform_core::sql::{self, Db, Location};
use tenancy::store::sql::MIGRATIONS;
use tenancy::vault::{self, MasterKey, VaultError};
use tenancy::{Call, Tenancy};
use tokio::time::sleep;

use crate::config::Config;
use crate::mail::{self, Sender, SenderError};
use crate::v1::{self, Api};

pub use master_key::MasterKeyError;

/// Why the database of tenants cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlatformError {
    /// The database.
    #[error("database.url: {0}")]
    Database(#[from] sql::Error),
    /// The master key's file.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The master key, or the database under it.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// There is nothing yet, where nothing is to be made.
    #[error(
        "there is no installation: {place} is not there; give the configuration that `serve` has (--config, --data), or make a new one \
         with `pulse-server admin create-operator`"
    )]
    NoInstallation {
        /// What would be there.
        place: String,
    },
    /// How mails are sent.
    #[error("{0}")]
    Mail(String),
}

/// How long a database that another process has is waited for, and a master key that one rotates.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// What becomes of a place where there is no installation yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// One is made.
    Make,
    /// It is an error: who operates means one that is there.
    Refuse,
}

/// An open database, unlocked.
pub(crate) struct Opened {
    /// The database.
    pub(crate) db: Db,
    /// What is in it.
    pub(crate) tenancy: Tenancy,
    /// The file of the master key, where that was made.
    pub(crate) made: Option<PathBuf>,
}

impl From<SenderError> for PlatformError {
    fn from(error: SenderError) -> Self {
        Self::Mail(error.to_string())
    }
}

/// Where the database is.
pub(crate) fn location(config: &Config) -> Result<Location, PlatformError> {
    Ok(match &config.database.url {
        None => Location::File(config.data_dir.join(Location::FILE_NAME)),
        Some(url) => Location::parse(url.expose(), &config.data_dir)?,
    })
}

/// Where the master key is.
pub(crate) fn master_key_file(config: &Config) -> PathBuf {
    master_key::path(config)
}

/// Whether a configured file has a master key in it.
///
/// # Errors
///
/// [`MasterKeyError`].
pub(crate) fn check_master_key(file: &Path) -> Result<(), MasterKeyError> {
    master_key::read_present(file).map(drop)
}

/// Opens the database and brings it up to date. Another process that has it is [`sql::Error::Locked`].
async fn open_database(config: &Config, absent: Absent, now: WallTime) -> Result<Db, PlatformError> {
    let location = location(config)?;
    let no_installation = |place: String| Err(PlatformError::NoInstallation { place });
    if let (Absent::Refuse, Location::File(file)) = (absent, &location)
        && !file.exists()
    {
        return no_installation(file.display().to_string());
    }
    let db = opened_soon(location).await?;
    if absent == Absent::Refuse && !db.is_migrated().await? {
        db.close().await;
        return no_installation("its schema in the database of database.url".to_owned());
    }
    db.migrate(now, &[MIGRATIONS, schema::MIGRATIONS]).await?;
    Ok(db)
}

/// Opens a database that another process may have for a moment, as a command has.
async fn opened_soon(location: Location) -> Result<Db, sql::Error> {
    let began = Instant::now();
    loop {
        match Db::open(sql::Config::new(location.clone())).await {
            Err(sql::Error::Locked { .. }) if began.elapsed() < LOCK_PATIENCE => sleep(LOCK_PAUSE).await,
            opened => return opened,
        }
    }
}

/// Opens the database and unlocks it. A master key is made where there has never been one: then the database has no keys yet, so that
/// a start which was broken off anywhere is followed by another one, and a key that was lost is not replaced.
pub(crate) async fn open(config: &Config, absent: Absent) -> Result<Opened, PlatformError> {
    let now = WallTime::from(SystemTime::now());
    let path = master_key::path(config);
    let known = match &config.database.master_key_file {
        Some(file) => Some(master_key::read_present(file)?),
        None => master_key::read(&path)?,
    };
    let db = open_database(config, absent, now).await?;
    // Who had the database until now may have made one.
    let known = if known.is_none() { master_key::read(&path)? } else { known };
    let (master, made) = match known {
        Some(known) => (known, None),
        None if vault::has_keys(&db).await.map_err(VaultError::from)? => {
            return Err(MasterKeyError::Missing { path }.into());
        }
        None if absent == Absent::Refuse => {
            return Err(PlatformError::NoInstallation { place: path.display().to_string() });
        }
        None => match master_key::make(&path)? {
            Some(made) => (made, Some(path.clone())),
            None => (master_key::read_present(&path)?, None),
        },
    };
    let tenancy = match Tenancy::open(&db, &master, now).await {
        Err(VaultError::WrongMasterKey) if made.is_some() => {
            // Another server has set the database up meanwhile, under its own.
            let _ = std::fs::remove_file(&path);
            return Err(MasterKeyError::Missing { path }.into());
        }
        Err(VaultError::WrongMasterKey) => after_rotation(&db, &path, now).await?,
        opened => opened?,
    };
    Ok(Opened { db, tenancy, made })
}

/// Opens with the key of a rotation that was going on, or was broken off between the database and the file.
async fn after_rotation(db: &Db, path: &Path, now: WallTime) -> Result<Tenancy, PlatformError> {
    let _held = hold_master_key(path).await?;
    match Tenancy::open(db, &master_key::read_present(path)?, now).await {
        Err(VaultError::WrongMasterKey) => finish_rotation(db, path, now).await,
        opened => Ok(opened?),
    }
}

/// Waits for who rotates the key, and keeps others from it.
async fn hold_master_key(path: &Path) -> Result<File, MasterKeyError> {
    let began = Instant::now();
    while began.elapsed() < LOCK_PATIENCE {
        if let Some(held) = master_key::try_hold(path)? {
            return Ok(held);
        }
        sleep(LOCK_PAUSE).await;
    }
    let source = io::Error::new(io::ErrorKind::ResourceBusy, "another process is rotating it");
    Err(MasterKeyError::File { path: path.to_owned(), source })
}

/// Opens with the key that lies beside the file, and puts it in place.
async fn finish_rotation(db: &Db, path: &Path, now: WallTime) -> Result<Tenancy, PlatformError> {
    let wrong = || MasterKeyError::Wrong { path: path.to_owned() };
    let next = master_key::read(&master_key::next(path))?.ok_or_else(wrong)?;
    let tenancy = match Tenancy::open(db, &next, now).await {
        Err(VaultError::WrongMasterKey) => return Err(wrong().into()),
        opened => opened?,
    };
    master_key::put_next_in_place(path)?;
    tracing::info!(file = %path.display(), "a rotation of the master key was finished");
    Ok(tenancy)
}

/// Puts another master key in place: first beside the file, then into the database, then into the file. Where it is.
pub(crate) async fn rotate_master_key(
    db: &Db,
    config: &Config,
    call: &Call,
) -> Result<PathBuf, PlatformError> {
    let path = master_key::path(config);
    let now = call.now;
    let _held = hold_master_key(&path).await?;
    let mut old = master_key::read_present(&path)?;
    match Tenancy::open(db, &old, now).await {
        // The key in force lies beside the file, where the next one goes: it is put in place first.
        Err(VaultError::WrongMasterKey) => {
            finish_rotation(db, &path, now).await?;
            old = master_key::read_present(&path)?;
        }
        opened => drop(opened?),
    }
    let new = MasterKey::generate();
    master_key::write_next(&path, &new)?;
    vault::rotate(db, call, &old, &new).await?;
    master_key::put_next_in_place(&path)?;
    Ok(path)
}

/// Replaces the key that viewers' sessions are signed with, for servers that start from now on.
pub(crate) async fn replace_session_key(db: &Db, config: &Config, call: &Call) -> Result<(), PlatformError> {
    let master = master_key::read_present(&master_key::path(config))?;
    Ok(vault::replace_session_handle_key(db, call, &master).await?)
}

/// Opens all that the API needs, and starts what goes on beside it.
pub(crate) async fn start(config: &Arc<ArcSwap<Config>>) -> Result<Arc<Api>, PlatformError> {
    let initial = config.load_full();
    let sender = Sender::new(&initial)?;
    let Opened { db, tenancy, .. } = open(&initial, Absent::Make).await?;
    let api = Arc::new(Api::new(db, tenancy, config));
    let cached = Arc::downgrade(&api);
    // Before who has changed something is answered, so that their next request finds it changed.
    let forget = move |change: &sql::Change| cached.upgrade().map_or((), |api| api.forget(change.clone()));
    api.db.observe(forget).await?;
    tokio::spawn(jobs::each_minute(Arc::downgrade(&api)));
    tokio::spawn(jobs::write_down(Arc::downgrade(&api)));
    tokio::spawn(jobs::purge(Arc::downgrade(&api)));
    tokio::spawn(v1::account_requests::run(Arc::downgrade(&api), Arc::clone(&api.requested)));
    tokio::spawn(mail::run(Arc::downgrade(&api), Arc::clone(&api.mail_queued), sender));
    Ok(api)
}

/// An empty database in memory, unlocked.
#[cfg(test)]
pub(crate) async fn in_memory(now: WallTime) -> (Db, Tenancy) {
    let db = Db::open(sql::Config::new(Location::Memory)).await.unwrap();
    db.migrate(now, &[MIGRATIONS, schema::MIGRATIONS]).await.unwrap();
    let tenancy = Tenancy::open(&db, &MasterKey::generate(), now).await.unwrap();
    (db, tenancy)
}

/// Writes down what was counted, carries out what was taken and closes the database.
pub(crate) async fn stop(api: &Arc<Api>) {
    if let Err(error) = jobs::flush(api).await {
        tracing::warn!(%error, "the last counts are lost");
    }
    api.db.close().await;
}
