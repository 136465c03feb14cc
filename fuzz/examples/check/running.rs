//! Keeps the input that is being run on disk, so that it is there whatever becomes of the process.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{process, thread};

use crate::inputs::Digest;

/// No input takes a second; on a machine with much else to do it may seem so.
const MAX_TIME: Duration = Duration::from_secs(30);

/// The input that is being run.
pub struct Running {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    /// Counts inputs, twice each: odd while one is running.
    count: Arc<AtomicU64>,
}

impl Running {
    /// Inputs that fail are kept in `folder`.
    pub fn new(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join("running");
        let file = File::create(&path)?;
        let running = Self { folder: folder.to_owned(), path, file, count: Arc::default() };
        let (count, path) = (Arc::downgrade(&running.count), running.path.clone());
        thread::spawn(move || {
            let (mut seen, mut since) = (0, Instant::now());
            while let Some(count) = count.upgrade().map(|count| count.load(Ordering::Relaxed)) {
                if count != seen {
                    (seen, since) = (count, Instant::now());
                } else if count % 2 == 1 && since.elapsed() > MAX_TIME {
                    eprintln!("the input that takes longer than {MAX_TIME:?} is {}", path.display());
                    process::exit(1);
                }
                thread::sleep(Duration::from_millis(100));
            }
        });
        Ok(running)
    }

    pub fn begins(&mut self, input: &[u8]) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(input)?;
        self.file.set_len(input.len() as u64)?;
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    pub fn passed(&mut self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps `input`, which is the one that was running, and says where.
    pub fn failed(&mut self, input: &[u8]) -> io::Result<PathBuf> {
        self.passed();
        let mut digest = Digest::default();
        digest.add(input);
        let path = self.folder.join(format!("crash-{digest}"));
        fs::rename(&self.path, &path)?;
        Ok(path)
    }

    pub fn is_over(self) -> io::Result<()> {
        fs::remove_file(self.path)
    }
}
