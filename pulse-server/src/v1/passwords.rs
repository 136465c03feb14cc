//! Hashing of passwords: few at a time, behind a bounded queue.
//!
//! A hash takes 19 MiB and tens of milliseconds of a core. Without a bound, a flood of log-ins would take all memory and all
//! cores from the streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use platform_core::problem::code;
use tokio::sync::Semaphore;

use super::failure::Failure;

/// Hashes that wait for each one that runs, 16: about a second's work.
const WAITING_PER_THREAD: usize = 16;

/// Where passwords are hashed.
pub(super) struct Passwords {
    running: Arc<Semaphore>,
    present: AtomicUsize,
    most: usize,
}

/// A place in the queue, until dropped.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Passwords {
    /// So many at a time.
    pub(super) fn new(threads: usize) -> Self {
        let most = threads * (WAITING_PER_THREAD + 1);
        Self { running: Arc::new(Semaphore::new(threads)), present: AtomicUsize::new(0), most }
    }

    /// Runs `work` on a thread for blocking work; 503 when too many wait.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let before = self.present.fetch_add(1, Ordering::Relaxed);
        let _place = Place(&self.present);
        if before >= self.most {
            let problem = code::UNAVAILABLE.problem("Too many people log in at this moment; try again.");
            return Err(problem.retry_after(Duration::from_secs(2)).into());
        }
        let permit = Arc::clone(&self.running).acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work, which goes on when its caller leaves.
            let _permit = permit;
            work()
        });
        done.await.map_err(|error| tenancy::Error::internal(error.to_string()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn beyond_the_queue_is_503_and_places_come_back() {
        let passwords = Arc::new(Passwords::new(1));
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let wait = Arc::new(std::sync::Mutex::new(wait));
        let tasks: Vec<_> = (0..=WAITING_PER_THREAD)
            .map(|_| {
                let (passwords, wait) = (Arc::clone(&passwords), Arc::clone(&wait));
                tokio::spawn(async move { passwords.run(move || wait.lock().unwrap().recv().unwrap()).await })
            })
            .collect();
        while passwords.present.load(Ordering::Relaxed) <= WAITING_PER_THREAD {
            tokio::task::yield_now().await;
        }
        assert_eq!(passwords.run(|| ()).await.unwrap_err().status().as_u16(), 503);
        for _ in &tasks {
            release.send(()).unwrap();
        }
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(passwords.run(|| 7).await.unwrap(), 7);
    }
}
