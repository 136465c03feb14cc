//! What identifies a server over restarts: the key that signs viewers' sessions, and the lock on its data folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::live::Key;

/// Holds the data folder for this process, until dropped or killed.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

/// Takes the data folder, made where it is missing.
///
/// # Errors
/// When it cannot be made, or another server has it.
pub(crate) fn lock(data_dir: &Path) -> io::Result<Lock> {
    fs::create_dir_all(data_dir)?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(data_dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(fs::TryLockError::WouldBlock) => {
            Err(io::Error::new(io::ErrorKind::ResourceBusy, "another pulse-server uses this data folder"))
        }
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// The key that signs sessions; made on first use, readable by the owner only.
///
/// # Errors
/// When it can neither be read nor made.
pub(crate) fn session_key(data_dir: &Path) -> io::Result<Key> {
    let path = data_dir.join("session.key");
    match File::open(&path) {
        Ok(mut file) => {
            let mut key = Key::default();
            file.read_exact(&mut key)?;
            Ok(key)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path),
        Err(error) => Err(error),
    }
}

/// What this node is called among the servers of one database; made on first use.
///
/// # Errors
/// When it can neither be read nor made.
pub(crate) fn node_id(data_dir: &Path) -> io::Result<String> {
    let path = data_dir.join("node.id");
    let key = match File::open(&path) {
        Ok(mut file) => {
            let mut key = Key::default();
            file.read_exact(&mut key)?;
            key
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path)?,
        Err(error) => return Err(error),
    };
    Ok(hex(&key[..NODE_BYTES]))
}

/// Bytes of a node's name: two nodes have the same once in 2^64.
const NODE_BYTES: usize = 8;

/// Names this process among those of its node, one after the other.
///
/// # Errors
/// When the system has no random numbers.
pub(crate) fn boot_id() -> io::Result<String> {
    let mut id = [0; NODE_BYTES];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    Ok(hex(&id))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn create(path: &Path) -> io::Result<Key> {
    let mut key = Key::default();
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    // Written aside and renamed, so that a crash leaves no half of a key.
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(&key)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let key = session_key(folder.path()).unwrap();
        assert_ne!(key, Key::default());
        assert_eq!(session_key(folder.path()).unwrap(), key);
    }

    #[test]
    fn one_server_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap();
        assert_eq!(lock(folder.path()).unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        drop(held);
        assert!(lock(folder.path()).is_ok());
    }
}
