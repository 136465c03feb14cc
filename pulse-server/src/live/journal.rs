//! Keeps each stream's playlist journal on disk.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use hls_packager::{Journal, MAX_JOURNAL_BYTES};

use crate::stream_id::StreamId;

const SUFFIX: &str = "journal";

/// A folder with a file for each stream. Writes are synced before they return, and a crash leaves the old file or the new one.
#[derive(Clone, Debug)]
pub struct JournalStore {
    folder: PathBuf,
}

impl JournalStore {
    /// The store below `data_dir`, made where it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let folder = data_dir.join("hls");
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// The stream's journal. A damaged one is reported and set aside: the stream then begins a first life.
    pub fn load(&self, stream: &StreamId) -> Option<Journal> {
        let path = self.path(stream);
        let damage = match read(&path) {
            Ok(text) => match text.parse() {
                Ok(journal) => return Some(journal),
                Err(error) => error.to_string(),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => error.to_string(),
            Err(error) => {
                tracing::error!(%stream, path = %path.display(), %error, "cannot read the playlist journal");
                return None;
            }
        };
        let aside = path.with_extension("damaged");
        tracing::error!(%stream, path = %path.display(), damage, aside = %aside.display(), "the playlist journal is damaged");
        let _ = fs::rename(&path, &aside);
        None
    }

    /// Writes and syncs the stream's journal.
    ///
    /// # Errors
    /// When the disk refuses; the old journal is then still there.
    pub fn save(&self, stream: &StreamId, journal: &Journal) -> io::Result<()> {
        let path = self.path(stream);
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(journal.to_string().as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        // The rename itself has to reach the disk as well.
        File::open(&self.folder)?.sync_all()
    }

    /// Streams whose life had not ended when their journal was last written.
    pub fn unfinished(&self) -> Vec<StreamId> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let paths = entries.flatten().map(|entry| entry.path());
        let journals = paths.filter(|path| path.extension().is_some_and(|extension| extension == SUFFIX));
        let ids = journals.filter_map(|path| StreamId::parse(path.file_stem()?.to_str()?));
        ids.filter(|id| self.load(id).is_some_and(|journal| !journal.ended)).collect()
    }

    fn path(&self, stream: &StreamId) -> PathBuf {
        self.folder.join(format!("{stream}.{SUFFIX}"))
    }
}

/// What a journal's file says, but no more of it than shows that it is too long. What is no text is read as if it were, and refused
/// later.
fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_JOURNAL_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_and_damaged_journals_are_set_aside_and_the_next_one_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = JournalStore::open(folder.path()).unwrap();
        let stream = |name: &str| StreamId::parse(name).unwrap();
        File::create(store.path(&stream("huge"))).unwrap().set_len(1 << 40).unwrap();
        fs::write(store.path(&stream("noise")), [0xff, 0xfe, 0, b'='].repeat(100)).unwrap();
        fs::create_dir(store.path(&stream("folder"))).unwrap();
        assert!(store.unfinished().is_empty());
        for name in ["huge", "noise", "folder"] {
            assert!(!store.path(&stream(name)).exists(), "{name}");
            assert!(store.path(&stream(name)).with_extension("damaged").exists(), "{name}");
        }
    }
}
