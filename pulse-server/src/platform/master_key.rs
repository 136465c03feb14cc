//! The master key's file: 32 bytes that only the server's user may read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use platform_core::Secret;
use tenancy::vault::MasterKey;

use crate::config::Config;

/// Its name in the data folder.
const FILE_NAME: &str = "master.key";
/// Nobody but the owner.
const MODE: u32 = 0o600;

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MasterKeyError {
    /// The file cannot be read or made.
    #[error("master key {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may read it.
    #[error("master key {}: others may read it; run `chmod 600` on it, and rotate it if they may have", path.display())]
    Readable {
        /// Which.
        path: PathBuf,
    },
    /// It is not 32 bytes.
    #[error("master key {}: it is not 32 bytes; restore it from a backup", path.display())]
    Length {
        /// Which.
        path: PathBuf,
    },
}

/// Where the key lies.
pub(super) fn path(config: &Config) -> PathBuf {
    config.database.master_key_file.clone().unwrap_or_else(|| config.data_dir.join(FILE_NAME))
}

/// Where the key of a rotation lies until that is over.
pub(super) fn next(path: &Path) -> PathBuf {
    path.with_extension("next")
}

/// The key in the file; `None` where there is no file.
///
/// # Errors
///
/// [`MasterKeyError`].
pub(super) fn read(path: &Path) -> Result<Option<MasterKey>, MasterKeyError> {
    let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
        return Err(MasterKeyError::Readable { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    io::Read::take(&file, MasterKey::BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let key = MasterKey::new(Secret::new(bytes));
    key.map(Some).map_err(|_| MasterKeyError::Length { path: path.to_owned() })
}

/// The key in the configured file, which is made where it is in the data folder and missing.
pub(super) fn read_or_make(config: &Config) -> Result<MasterKey, MasterKeyError> {
    let path = path(config);
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    if config.database.master_key_file.is_some() {
        return Err(MasterKeyError::File { path, source: io::ErrorKind::NotFound.into() });
    }
    let key = MasterKey::generate();
    replace(&path, &key)?;
    tracing::info!(file = %path.display(), "a master key was made; back it up, elsewhere than the database");
    Ok(key)
}

/// Puts a key in place: written aside, synced and renamed, so that a crash leaves the old one or the new one.
///
/// # Errors
///
/// [`MasterKeyError::File`].
pub(super) fn replace(path: &Path, key: &MasterKey) -> Result<(), MasterKeyError> {
    let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(MODE);
    let mut file = options.open(&new).map_err(failed)?;
    file.write_all(key.secret().expose()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(&new, path).map_err(failed)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_made_once_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let key = read_or_make(&config).unwrap();
        assert_eq!(read_or_make(&config).unwrap(), key);
        let mode = std::fs::metadata(path(&config)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_others_may_read_or_has_another_length_is_refused_and_a_configured_one_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        read_or_make(&config).unwrap();
        std::fs::set_permissions(path(&config), std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_or_make(&config), Err(MasterKeyError::Readable { .. })));
        std::fs::set_permissions(path(&config), std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(path(&config), b"short").unwrap();
        assert!(matches!(read_or_make(&config), Err(MasterKeyError::Length { .. })));
        config.database.master_key_file = Some(folder.path().join("elsewhere.key"));
        assert!(matches!(read_or_make(&config), Err(MasterKeyError::File { .. })));
    }
}
