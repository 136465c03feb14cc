//! One process on a database file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;

/// A lock of the operating system, so it goes with the process however that ends.
pub(super) struct Lock(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

impl Lock {
    /// Locks `database` by a file beside it, `database.lock`, in which the process is named.
    pub(super) fn take(database: &Path) -> Result<Self, Error> {
        let path = beside(database);
        let open = |cause| Error::Open { place: path.display().to_string(), cause: Arc::new(cause) };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(open)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // The other one may not have written yet; the message does without.
                let _ = (&file).take(20).read_to_string(&mut text);
                return Err(Error::Locked {
                    file: database.to_owned(),
                    pid: text.trim().parse().unwrap_or(0),
                });
            }
            Err(TryLockError::Error(cause)) => return Err(open(cause)),
        }
        // Only for the message above.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self(file))
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    database.with_file_name(name)
}
