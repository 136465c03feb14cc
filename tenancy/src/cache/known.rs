//! What was loaded from a store, what is known not to be there, and what is good for a while when the store is away.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use platform_core::WallTime;

use super::shelf::Shelf;
use super::turns::{Ended, Turn, Turns};
use crate::Error;

/// How long what was known stays good while the store is away, if nothing else is said: 5 minutes.
pub const GOOD_WITHOUT_STORE: Duration = Duration::from_secs(300);

/// What holds of what was known while the store is away. What was never known, or is no more, is not known then either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutStore {
    /// It is good for so long, from when changes of it may have been missed on.
    For(Duration),
    /// It is good until the store is back, and says otherwise.
    UntilBack,
}

impl Default for WithoutStore {
    fn default() -> Self {
        Self::For(GOOD_WITHOUT_STORE)
    }
}

/// How often something is loaded again that changed while it was being loaded, 10 times.
const TRIES: u32 = 10;

/// Bytes of an entry beside key and value, about.
const ENTRY: usize = 64;

/// No doubt.
const NONE: i64 = i64::MIN;

/// Things that are known by their keys.
#[derive(Debug)]
pub(super) struct Known<K: Eq + Hash, V> {
    found: Shelf<K, Entry<V>>,
    /// What is not there: anybody can ask for it, so it takes no room from what is.
    absent: Shelf<K, ()>,
    turns: Turns<K>,
    without_store: WithoutStore,
}

#[derive(Debug)]
struct Entry<V> {
    value: Arc<V>,
    weight: usize,
    /// Since when changes of it may have been missed, or [`NONE`].
    doubted_at: AtomicI64,
}

impl<V> Entry<V> {
    fn is_doubted(&self) -> bool {
        self.doubted_at.load(Ordering::Acquire) != NONE
    }

    /// Whether it is good although the store is away.
    fn is_good(&self, now: WallTime, without_store: WithoutStore) -> bool {
        let since = self.doubted_at.load(Ordering::Acquire);
        match without_store {
            WithoutStore::For(time) => since == NONE || now < WallTime::from_unix_ms(since).plus(time),
            WithoutStore::UntilBack => true,
        }
    }
}

impl<K: Eq + Hash + Clone, V> Known<K, V> {
    /// Room for values of so many bytes, and for so many keys of what is not there.
    pub(super) fn new(bytes: usize, absent: usize, without_store: WithoutStore) -> Self {
        Self {
            found: Shelf::weighed(bytes, |entry| entry.weight),
            absent: Shelf::new(absent),
            turns: Turns::new(),
            without_store,
        }
    }

    /// What is known, or is loaded now: once, however many ask.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], and the store's when nothing was known before.
    pub(super) async fn look<F: Future<Output = Result<V, Error>> + Send>(
        &self,
        key: K,
        now: WallTime,
        weigh: fn(&V) -> usize,
        load: impl Fn() -> F,
    ) -> Result<Arc<V>, Error> {
        let known = self.found.get(&key);
        if let Some(entry) = known.as_ref().filter(|entry| !entry.is_doubted()) {
            return Ok(Arc::clone(&entry.value));
        }
        let stale = known
            .filter(|entry| entry.is_good(now, self.without_store))
            .map(|entry| Arc::clone(&entry.value));
        match self.look_anew(key, weigh, load).await {
            Err(error) if error.is_transient() => stale.ok_or(error),
            other => other,
        }
    }

    /// The same, but nothing that is in doubt.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], and the store's.
    pub(super) async fn look_anew<F: Future<Output = Result<V, Error>> + Send>(
        &self,
        key: K,
        weigh: fn(&V) -> usize,
        load: impl Fn() -> F,
    ) -> Result<Arc<V>, Error> {
        for _ in 0..TRIES {
            if let Some(entry) = self.found.get(&key).filter(|entry| !entry.is_doubted()) {
                return Ok(Arc::clone(&entry.value));
            }
            if self.absent.get(&key).is_some() {
                return Err(Error::NotFound);
            }
            let turn = match self.turns.take(&key).await {
                Turn::Mine(turn) => turn,
                Turn::Theirs(Ended::Done) => continue,
                Turn::Theirs(Ended::Failed(error)) => return Err(error),
            };
            // Somebody may have loaded it between the look and the turn.
            if self.found.get(&key).is_some_and(|entry| !entry.is_doubted()) {
                continue;
            }
            let (found, absent) = (self.found.ticket(&key), self.absent.ticket(&key));
            match load().await {
                Ok(value) => {
                    let value = Arc::new(value);
                    let weight = weigh(&value).saturating_add(ENTRY);
                    let entry = Entry { value: Arc::clone(&value), weight, doubted_at: AtomicI64::new(NONE) };
                    if self.found.put(found, key.clone(), Arc::new(entry)) {
                        return Ok(value);
                    }
                }
                Err(Error::NotFound) => {
                    self.found.forget(&key);
                    if self.absent.put(absent, key.clone(), Arc::new(())) {
                        return Err(Error::NotFound);
                    }
                }
                Err(error) => {
                    turn.failed(&error);
                    return Err(error);
                }
            }
        }
        Err(Error::busy("it changed while it was loaded, again and again"))
    }

    /// What is known, without asking the store: also what is in doubt, while it is good.
    pub(super) fn peek(&self, key: &K, now: WallTime) -> Option<Arc<V>> {
        let entry = self.found.get(key)?;
        entry.is_good(now, self.without_store).then(|| Arc::clone(&entry.value))
    }

    /// What is known and in no doubt.
    pub(super) fn fresh(&self, key: &K) -> Option<Arc<V>> {
        let entry = self.found.get(key).filter(|entry| !entry.is_doubted())?;
        Some(Arc::clone(&entry.value))
    }

    pub(super) fn forget(&self, key: &K) {
        self.found.forget(key);
        self.absent.forget(key);
    }

    /// Forgets all for which `forget` holds, and all that was not there.
    pub(super) fn forget_where(&self, forget: impl Fn(&K, &V) -> bool) {
        self.found.forget_where(|key, entry| forget(key, &entry.value));
        self.absent.forget_where(|_, ()| true);
    }

    /// Changes may be missed from now on: all is loaded again before it is used, unless the store is away.
    pub(super) fn doubt(&self, now: WallTime) {
        self.found.forget_where(|_, entry| {
            let new = now.unix_ms();
            // Whoever was in doubt before stays so since then.
            let _ = entry.doubted_at.compare_exchange(NONE, new, Ordering::AcqRel, Ordering::Acquire);
            false
        });
        self.absent.forget_where(|_, ()| true);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use tokio::task::yield_now;

    use super::*;

    const NOW: WallTime = WallTime::from_unix_ms(1_790_000_000_000);

    fn known() -> Known<u32, u32> {
        Known::new(1 << 20, 100, WithoutStore::default())
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }

    /// Asks a hundred times at once; what each got, and how often it was loaded.
    async fn all_at_once(
        known: &Known<u32, u32>,
        outcome: Result<u32, Error>,
    ) -> (Vec<Result<Arc<u32>, Error>>, u32) {
        let loads = AtomicU32::new(0);
        let load = || async {
            loads.fetch_add(1, Ordering::Relaxed);
            for _ in 0..10 {
                yield_now().await;
            }
            outcome.clone()
        };
        let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(known.look(1, NOW, |_| 1, load))).collect();
        let mut answers = Vec::new();
        while !waiting.is_empty() {
            let mut rest = Vec::new();
            for mut one in waiting {
                match std::future::poll_fn(|cx| std::task::Poll::Ready(one.as_mut().poll(cx))).await {
                    std::task::Poll::Ready(answer) => answers.push(answer),
                    std::task::Poll::Pending => rest.push(one),
                }
            }
            waiting = rest;
            yield_now().await;
        }
        drop(waiting);
        (answers, loads.load(Ordering::Relaxed))
    }

    #[test]
    fn one_loads_for_all_who_ask() {
        let (answers, loads) = block_on(all_at_once(&known(), Ok(7)));
        assert!(answers.len() == 100 && answers.iter().all(|answer| **answer.as_ref().unwrap() == 7));
        assert_eq!(loads, 1);
    }

    #[test]
    fn a_store_that_fails_is_asked_once_by_all_who_wait() {
        let (answers, loads) = block_on(all_at_once(&known(), Err(Error::busy("away"))));
        assert!(
            answers.len() == 100 && answers.iter().all(|answer| answer.as_ref().unwrap_err().is_transient())
        );
        assert_eq!(loads, 1);
    }

    #[test]
    fn what_is_not_there_is_remembered_until_it_is_forgotten() {
        block_on(async {
            let known = known();
            let (answers, loads) = all_at_once(&known, Err(Error::NotFound)).await;
            assert!(answers.iter().all(|answer| matches!(answer, Err(Error::NotFound))));
            assert_eq!(loads, 1);
            let found = || known.look(1, NOW, |_| 1, || async { Ok(8) });
            assert!(matches!(found().await, Err(Error::NotFound)));
            known.forget(&1);
            assert_eq!(*found().await.unwrap(), 8);
        });
    }

    #[test]
    fn who_gives_up_leaves_the_turn_to_another() {
        block_on(async {
            let known = known();
            let mut first = Box::pin(known.look(
                1,
                NOW,
                |_| 1,
                || async {
                    std::future::pending::<()>().await;
                    Ok(1)
                },
            ));
            let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(first.as_mut().poll(cx))).await;
            assert!(polled.is_pending());
            let mut second = Box::pin(known.look(1, NOW, |_| 1, || async { Ok(2) }));
            let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(second.as_mut().poll(cx))).await;
            assert!(polled.is_pending());
            drop(first);
            assert_eq!(*second.await.unwrap(), 2);
        });
    }

    #[test]
    fn what_changes_while_it_is_loaded_is_loaded_again() {
        block_on(async {
            let (known, loads) = (known(), AtomicU32::new(0));
            let load = || async {
                let load = loads.fetch_add(1, Ordering::Relaxed);
                if load == 0 {
                    known.forget(&1);
                }
                Ok(load)
            };
            assert_eq!(*known.look(1, NOW, |_| 1, load).await.unwrap(), 1);
            let always = || async {
                known.forget(&2);
                Ok(0)
            };
            assert!(known.look(2, NOW, |_| 1, always).await.unwrap_err().is_transient());
        });
    }

    #[test]
    fn what_is_in_doubt_is_loaded_before_it_is_used_and_good_for_a_while_without_a_store() {
        block_on(async {
            let known = known();
            let ask = |now, outcome: Result<u32, Error>| {
                let known = &known;
                async move { known.look(1, now, |_| 1, || async { outcome.clone() }).await }
            };
            let away = || Err(Error::busy("away"));
            assert_eq!(*ask(NOW, Ok(1)).await.unwrap(), 1);
            known.doubt(NOW);
            let last = NOW.plus(GOOD_WITHOUT_STORE - Duration::from_millis(1));
            assert_eq!(*ask(last, away()).await.unwrap(), 1);
            // Another doubt does not make it younger.
            known.doubt(last);
            let over = NOW.plus(GOOD_WITHOUT_STORE);
            assert!(ask(over, away()).await.is_err() && known.peek(&1, over).is_none());
            assert_eq!(*ask(over, Ok(2)).await.unwrap(), 2);
            assert_eq!(*ask(over, away()).await.unwrap(), 2, "it is not asked for again");
        });
    }
    #[test]
    fn what_is_known_may_be_good_until_the_store_is_back_and_what_was_never_known_is_not() {
        block_on(async {
            let known: Known<u32, u32> = Known::new(1 << 20, 100, WithoutStore::UntilBack);
            let ask = |key, outcome: Result<u32, Error>| {
                let (known, later) = (&known, NOW.plus(GOOD_WITHOUT_STORE * 1_000));
                async move { known.look(key, later, |_| 1, || async { outcome.clone() }).await }
            };
            let away = || Err(Error::busy("away"));
            assert_eq!(*ask(1, Ok(1)).await.unwrap(), 1);
            known.doubt(NOW);
            assert_eq!(*ask(1, away()).await.unwrap(), 1);
            assert!(ask(2, away()).await.unwrap_err().is_transient());
            // What the store says when it is back counts, and is not asked for again.
            assert!(matches!(ask(1, Err(Error::NotFound)).await, Err(Error::NotFound)));
            known.doubt(NOW);
            assert!(ask(1, away()).await.is_err());
        });
    }
}
