//! A test's own folder for configuration, data and logs.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Set to keep the folders of failed tests.
const KEEP: &str = "PULSE_E2E_KEEP";

/// A folder that is removed with the test, unless the test fails and `PULSE_E2E_KEEP` is set.
pub(crate) struct Stage(Option<TempDir>);

impl Stage {
    pub(crate) fn new(name: &str) -> Self {
        Self::within(&std::env::temp_dir(), name)
    }

    /// One in memory, where the system has a place for it.
    pub(crate) fn in_memory(name: &str) -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::within(memory, name) } else { Self::new(name) }
    }

    fn within(folder: &Path, name: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("pulse-e2e-{name}-"))
            .tempdir_in(folder)
            .expect("a temporary folder can be made");
        Self(Some(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.as_ref().expect("present until dropped").path()
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        let parent = path.parent().expect("a file lies in a folder");
        std::fs::create_dir_all(parent).expect("a folder can be made on the stage");
        std::fs::write(&path, contents).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking()
            && std::env::var_os(KEEP).is_some()
            && let Some(folder) = self.0.take()
        {
            eprintln!("kept {}", folder.keep().display());
        }
    }
}
