//! The master key's file: 32 bytes that only the server's user may read.

use std::fs::{File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use platform_core::Secret;
use tenancy::vault::MasterKey;

use crate::config::Config;

/// Its name in the data folder.
const FILE_NAME: &str = "master.key";
/// Nobody but the owner.
const MODE: u32 = 0o600;

/// Why there is no master key, or no other one.
#[derive(Debug, thiserror::Error)]
#[error("database.master_key_file: {}", self.problem())]
#[non_exhaustive]
pub enum MasterKeyError {
    /// The file cannot be read or made.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not there, and must not be made: it is configured, or there is a database that another one opens.
    Missing {
        /// Which.
        path: PathBuf,
    },
    /// The database was written under another one.
    Wrong {
        /// Which.
        path: PathBuf,
    },
    /// Others may read it.
    Readable {
        /// Which.
        path: PathBuf,
    },
    /// It is not 32 bytes.
    Length {
        /// Which.
        path: PathBuf,
    },
    /// The one that is to take its place cannot be given to its owner, who could not read it then.
    Owner {
        /// Which.
        path: PathBuf,
        /// Whose it is.
        uid: u32,
        /// Why.
        source: io::Error,
    },
}

impl MasterKeyError {
    /// What is wrong with which file, and what to do about it.
    pub(crate) fn problem(&self) -> String {
        match self {
            Self::File { path, source } if source.kind() == io::ErrorKind::PermissionDenied => format!(
                "{}: {source}; it belongs to the server's user, as whom its commands are run, too",
                path.display()
            ),
            Self::File { path, source } => format!("{}: {source}", path.display()),
            Self::Missing { path } => format!(
                "{} is missing; put it back from your backup, or copy it from another server on this database: a new one opens \
                 nothing that is in there",
                path.display()
            ),
            Self::Wrong { path } => format!(
                "{} is not the master key that the database was written with; put that one back from your backup, or restore the \
                 database that belongs to this one",
                path.display()
            ),
            Self::Readable { path } => format!(
                "others may read {}; run `chmod 600` on it, and rotate the key if they may have",
                path.display()
            ),
            Self::Length { path } => {
                format!("{} is not {} bytes; put it back from your backup", path.display(), MasterKey::BYTES)
            }
            Self::Owner { path, uid, source } => format!(
                "another key than {} cannot be given to its owner, the user with the id {uid} ({source}); nothing was changed; do \
                 this as that user: `sudo -u '#{uid}' pulse-server admin …`",
                path.display()
            ),
        }
    }
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

/// The key in the file, which has to be there.
///
/// # Errors
///
/// [`MasterKeyError`].
pub(crate) fn read_present(path: &Path) -> Result<MasterKey, MasterKeyError> {
    read(path)?.ok_or_else(|| MasterKeyError::Missing { path: path.to_owned() })
}

/// A new key, in its file before anybody uses it; `None` where another process has made one at the same moment, which is left alone.
///
/// # Errors
///
/// [`MasterKeyError::File`].
pub(super) fn make(path: &Path) -> Result<Option<MasterKey>, MasterKeyError> {
    let key = MasterKey::generate();
    // Of no other process: each writes its own.
    let own = Secret::random(8).base32();
    let new = path.with_extension(format!("{}.new", own.expose_str().unwrap_or_default()));
    let made = write_aside(path, &new, &key, None).and_then(|()| {
        let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
        match std::fs::hard_link(&new, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            linked => linked.and_then(|()| sync_folder(path)).map(|()| true).map_err(failed),
        }
    });
    let _ = std::fs::remove_file(&new);
    if !made? {
        return Ok(None);
    }
    tracing::info!(file = %path.display(), "a master key was made; back it up, elsewhere than the database");
    Ok(Some(key))
}

/// Holds the folder of the key, until dropped; `None` while another process does. Where a file system has no such locks, nobody waits.
///
/// # Errors
///
/// [`MasterKeyError::File`].
pub(super) fn try_hold(path: &Path) -> Result<Option<File>, MasterKeyError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
    let folder = File::open(folder).map_err(failed)?;
    match folder.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(folder)),
    }
}

/// Writes the key of a rotation beside the one in force, whose owner and mode it takes: the server has to be able to read it,
/// whoever rotates.
///
/// # Errors
///
/// [`MasterKeyError::Owner`] and [`MasterKeyError::File`], with the key in force as it was.
pub(super) fn write_next(path: &Path, key: &MasterKey) -> Result<(), MasterKeyError> {
    let in_force = std::fs::metadata(path);
    let in_force = in_force.map_err(|source| MasterKeyError::File { path: path.to_owned(), source })?;
    replace(&next(path), key, (path, &in_force))
}

/// Puts the key that [`write_next`] wrote in the place of the one before; a crash leaves the old one or the new one.
///
/// # Errors
///
/// [`MasterKeyError::File`].
pub(super) fn put_next_in_place(path: &Path) -> Result<(), MasterKeyError> {
    let moved = std::fs::rename(next(path), path).and_then(|()| sync_folder(path));
    moved.map_err(|source| MasterKeyError::File { path: path.to_owned(), source })
}

/// Written aside, synced and renamed, so that a crash leaves the whole key or none.
fn replace(path: &Path, key: &MasterKey, like: (&Path, &Metadata)) -> Result<(), MasterKeyError> {
    let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
    let new = path.with_extension("new");
    let written = write_aside(path, &new, key, Some(like));
    if written.is_err() {
        // Nobody needs a part of a key.
        let _ = std::fs::remove_file(&new);
    }
    written?;
    std::fs::rename(&new, path).and_then(|()| sync_folder(path)).map_err(failed)
}

fn write_aside(
    path: &Path,
    new: &Path,
    key: &MasterKey,
    like: Option<(&Path, &Metadata)>,
) -> Result<(), MasterKeyError> {
    let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
    // What a crash left may be another user's.
    match std::fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(new).map_err(failed)?;
    if let Some((in_force, like)) = like {
        let (path, uid) = (in_force.to_owned(), like.uid());
        keep(&file, like).map_err(|source| MasterKeyError::Owner { path, uid, source })?;
    }
    file.write_all(key.secret().expose()).map_err(failed)?;
    file.sync_all().map_err(failed)
}

/// Gives a file the owner and the mode of another one. The group, which may do nothing with it, is kept where that is allowed.
fn keep(file: &File, like: &Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    if own.uid() != like.uid() {
        fchown(file, Some(like.uid()), Some(like.gid()))?;
    } else if own.gid() != like.gid() {
        let _ = fchown(file, None, Some(like.gid()));
    }
    file.set_permissions(Permissions::from_mode(like.mode() & 0o7777))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        assert!(matches!(read_present(&path), Err(MasterKeyError::Missing { .. })));
        let key = make(&path).unwrap().unwrap();
        assert_eq!(read_present(&path).unwrap(), key);
        assert_eq!(std::fs::metadata(path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn of_many_who_make_one_at_once_one_does_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let made: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| make(&path).unwrap())).collect();
            all.into_iter().filter_map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(made, [read_present(&path).unwrap()]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_others_may_read_or_has_another_length_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        make(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read(&path), Err(MasterKeyError::Readable { .. })));
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, b"short").unwrap();
        assert!(matches!(read(&path), Err(MasterKeyError::Length { .. })));
    }

    #[test]
    fn the_next_key_has_the_mode_of_the_one_in_force_and_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        make(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        let key = MasterKey::generate();
        // What a crash has left is no hindrance.
        std::fs::write(path.with_extension("new"), "left").unwrap();
        write_next(&path, &key).unwrap();
        assert_ne!(read_present(&path).unwrap(), key, "not yet");
        put_next_in_place(&path).unwrap();
        assert_eq!(read_present(&path).unwrap(), key);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o400);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn every_message_names_the_file_the_setting_and_a_step() {
        let path = || PathBuf::from("/keys/m.key");
        let source = || io::Error::from(io::ErrorKind::PermissionDenied);
        for (error, step) in [
            (MasterKeyError::File { path: path(), source: source() }, "as whom its commands are run"),
            (MasterKeyError::Missing { path: path() }, "put it back from your backup"),
            (MasterKeyError::Wrong { path: path() }, "put that one back from your backup"),
            (MasterKeyError::Readable { path: path() }, "`chmod 600`"),
            (MasterKeyError::Length { path: path() }, "put it back from your backup"),
            (
                MasterKeyError::Owner { path: path(), uid: 7, source: source() },
                "`sudo -u '#7' pulse-server admin …`",
            ),
        ] {
            let text = error.to_string();
            assert!(text.starts_with("database.master_key_file: ") && text.contains("/keys/m.key"), "{text}");
            assert!(text.contains(step), "{text}");
        }
    }
}
