//! The database of tenants: opened, migrated and unlocked at the start, kept tidy while the server runs.

mod jobs;
mod master_key;
mod schema;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use platform_core::WallTime;
use platform_core::sql::{self, Db, Location};
use tenancy::store::sql::MIGRATIONS;
use tenancy::vault::{MasterKey, VaultError};
use tenancy::{Call, Tenancy};

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
    /// How mails are sent.
    #[error("{0}")]
    Mail(String),
}

impl From<SenderError> for PlatformError {
    fn from(error: SenderError) -> Self {
        Self::Mail(error.to_string())
    }
}

/// Opens the database and brings it up to date. Another process that has it is [`sql::Error::Locked`].
pub(crate) async fn open_database(config: &Config, now: WallTime) -> Result<Db, PlatformError> {
    let location = match &config.database.url {
        None => Location::File(config.data_dir.join(Location::FILE_NAME)),
        Some(url) => Location::parse(url.expose(), &config.data_dir)?,
    };
    let db = Db::open(sql::Config::new(location)).await?;
    db.migrate(now, &[MIGRATIONS, schema::MIGRATIONS]).await?;
    Ok(db)
}

/// Opens the database and unlocks it.
pub(crate) async fn open(config: &Config) -> Result<(Db, Tenancy), PlatformError> {
    let now = WallTime::from(SystemTime::now());
    let master = master_key::read_or_make(config)?;
    let db = open_database(config, now).await?;
    let tenancy = match Tenancy::open(&db, &master, now).await {
        Err(VaultError::WrongMasterKey) => after_rotation(&db, config, now).await?,
        opened => opened?,
    };
    Ok((db, tenancy))
}

/// Opens with the key of a rotation that was broken off between the database and the file.
async fn after_rotation(db: &Db, config: &Config, now: WallTime) -> Result<Tenancy, PlatformError> {
    let path = master_key::path(config);
    let next = master_key::read(&master_key::next(&path))?.ok_or(VaultError::WrongMasterKey)?;
    let tenancy = Tenancy::open(db, &next, now).await?;
    master_key::replace(&path, &next)?;
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
    let mut old = master_key::read(&path)?.ok_or(VaultError::WrongMasterKey)?;
    match Tenancy::open(db, &old, now).await {
        // The key in force lies beside the file, where the next one goes: it is put in place first.
        Err(VaultError::WrongMasterKey) => {
            after_rotation(db, config, now).await?;
            old = master_key::read(&path)?.ok_or(VaultError::WrongMasterKey)?;
        }
        opened => drop(opened?),
    }
    let new = MasterKey::generate();
    let next = master_key::next(&path);
    master_key::replace(&next, &new)?;
    tenancy::vault::rotate(db, call, &old, &new).await?;
    master_key::replace(&path, &new)?;
    // What is in it lies in the file by now.
    let _ = std::fs::remove_file(next);
    Ok(path)
}

/// Replaces the key that viewers' sessions are signed with, for servers that start from now on.
pub(crate) async fn replace_session_key(db: &Db, config: &Config, call: &Call) -> Result<(), PlatformError> {
    let master = master_key::read(&master_key::path(config))?.ok_or(VaultError::WrongMasterKey)?;
    Ok(tenancy::vault::replace_session_handle_key(db, call, &master).await?)
}

/// Opens all that the API needs, and starts what goes on beside it.
pub(crate) async fn start(config: &Arc<ArcSwap<Config>>) -> Result<Arc<Api>, PlatformError> {
    let initial = config.load_full();
    let sender = Sender::new(&initial)?;
    let (db, tenancy) = open(&initial).await?;
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
