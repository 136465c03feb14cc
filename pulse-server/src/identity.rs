//! What identifies a server over restarts: its name among others, and the lock on its data folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

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

/// What this node is called among the servers of one database; made on first use.
///
/// # Errors
/// When it can neither be read nor made.
pub(crate) fn node_id(data_dir: &Path) -> io::Result<String> {
    let path = data_dir.join("node.id");
    match fs::read_to_string(&path) {
        Ok(id) if !id.trim().is_empty() => Ok(id.trim().to_owned()),
        Ok(_) => create(&path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path),
        Err(error) => Err(error),
    }
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

fn create(path: &Path) -> io::Result<String> {
    let id = boot_id()?;
    // Written aside and renamed, so that a crash leaves no half of a name.
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(id.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_its_name_and_no_two_have_the_same() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let id = node_id(one.path()).unwrap();
        assert_eq!(id.len(), NODE_BYTES * 2);
        assert_eq!(node_id(one.path()).unwrap(), id);
        assert_ne!(node_id(other.path()).unwrap(), id);
        assert_ne!(boot_id().unwrap(), boot_id().unwrap());
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
