//! Keeps each stream's playlist journal on disk.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hls_packager::{Journal, MAX_JOURNAL_BYTES};

use crate::stream_id::StreamId;

const SUFFIX: &str = "journal";
/// A journal that was set aside.
const DAMAGED: &str = "damaged";
/// A journal that nobody has written to for so long is removed.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);
/// Unused journals, some 250 bytes each, beyond which the oldest are removed before [`UNUSED`] is over.
const MAX_UNUSED: usize = 10_000;
/// A journal is not removed sooner than this: the stream's next life would begin at 1, and caches may still hold what had that name. They
/// may for the longest window and three target durations, half an hour.
const MIN_UNUSED: Duration = Duration::from_secs(3600);

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
        let aside = path.with_extension(DAMAGED);
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

    /// Removes journals of streams that are not `kept` and that nobody has published into for a month, and the oldest of them beyond
    /// ten thousand; returns how many. In open mode everybody leaves some.
    pub fn expire(&self, now: SystemTime, kept: impl Fn(&StreamId) -> bool) -> usize {
        let Ok(entries) = fs::read_dir(&self.folder) else { return 0 };
        let mut unused: Vec<(Duration, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| Some((age(&entry, now)?, entry.path())))
            .filter(|(_, path)| stream_of(path).is_some_and(|stream| !kept(&stream)))
            .collect();
        unused.sort();
        let enough = |index, age| age >= UNUSED || (index >= MAX_UNUSED && age >= MIN_UNUSED);
        let expired = unused.iter().enumerate().filter(|(index, (age, _))| enough(*index, *age));
        // What cannot be removed is tried again the next time.
        expired.filter(|(_, (_, path))| fs::remove_file(path).is_ok()).count()
    }

    fn path(&self, stream: &StreamId) -> PathBuf {
        self.folder.join(format!("{stream}.{SUFFIX}"))
    }
}

/// Whose file it is, if it is one of ours.
fn stream_of(path: &Path) -> Option<StreamId> {
    let ours = [SUFFIX, DAMAGED].iter().any(|suffix| path.extension().is_some_and(|found| found == *suffix));
    if ours { StreamId::parse(path.file_stem()?.to_str()?) } else { None }
}

/// How long ago a file was written to; nothing if that is in the future.
fn age(entry: &fs::DirEntry, now: SystemTime) -> Option<Duration> {
    now.duration_since(entry.metadata().ok()?.modified().ok()?).ok()
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

    /// A store with a journal of each name, written so long ago.
    fn with_journals(
        journals: impl IntoIterator<Item = (String, Duration)>,
    ) -> (tempfile::TempDir, JournalStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = JournalStore::open(folder.path()).unwrap();
        for (name, age) in journals {
            let file = File::create(store.folder.join(name)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        (folder, store)
    }

    fn left(store: &JournalStore) -> Vec<String> {
        let names = fs::read_dir(&store.folder).unwrap().flatten();
        let mut names: Vec<_> = names.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn journals_that_nobody_has_used_for_a_month_are_removed() {
        let hour = Duration::from_secs(3600);
        let (_folder, store) = with_journals([
            ("old.journal".to_owned(), UNUSED + hour),
            ("old.damaged".to_owned(), UNUSED + hour),
            ("configured.journal".to_owned(), UNUSED * 10),
            ("recent.journal".to_owned(), UNUSED - hour),
            ("old.notes".to_owned(), UNUSED * 10),
        ]);
        let removed = store.expire(SystemTime::now(), |stream| stream.as_str() == "configured");
        assert_eq!(removed, 2);
        assert_eq!(left(&store), ["configured.journal", "old.notes", "recent.journal"]);
    }

    #[test]
    fn of_too_many_journals_the_oldest_are_removed_but_none_whose_names_may_still_be_cached() {
        let minutes = |age: u64| Duration::from_secs(60 * age);
        let recent = (0..MAX_UNUSED - 1).map(|n| (format!("recent{n}.journal"), minutes(1)));
        let older = [("older", 90), ("oldest", 120), ("newer", 61)];
        let older = older.map(|(name, age)| (format!("{name}.journal"), minutes(age)));
        let (_folder, store) = with_journals(recent.chain(older));
        assert_eq!(store.expire(SystemTime::now(), |_| false), 2);
        let left = left(&store);
        assert!(left.contains(&"newer.journal".to_owned()) && left.len() == MAX_UNUSED);
        let (_folder, store) =
            with_journals((0..=MAX_UNUSED).map(|n| (format!("s{n}.journal"), minutes(59))));
        assert_eq!(store.expire(SystemTime::now(), |_| false), 0);
    }

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
