//! A folder of seeds.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Seeds larger than this slow the fuzzer down more than they help it.
const MAX_BYTES: usize = 8 * 1024;

pub struct Folder {
    path: PathBuf,
    files: usize,
}

impl Folder {
    /// The folder, without what was in it but for what was found by fuzzing, whose names begin with `found_`.
    pub fn empty(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with("found_") {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { path: path.to_owned(), files: 0 })
    }

    /// Adds a seed, cut at 8 KiB.
    pub fn add(&mut self, name: &str, seed: &[u8]) -> io::Result<()> {
        self.files += 1;
        assert!(self.files <= 100, "more than 100 seeds in {}", self.path.display());
        let path = self.path.join(name);
        assert!(!path.exists(), "{name} is there twice");
        fs::write(path, &seed[..seed.len().min(MAX_BYTES)])
    }
}
