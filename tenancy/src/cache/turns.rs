//! One at a time loads what many ask for at once; the others wait for it.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::Error;

/// Who loads what at this moment.
#[derive(Debug)]
pub(super) struct Turns<K: Eq + Hash>(Mutex<HashMap<K, Arc<Load>>>);

/// A load that is under way.
#[derive(Debug, Default)]
struct Load(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    ended: Option<Ended>,
    waiting: Vec<Waker>,
}

/// How somebody else's load ended.
#[derive(Clone, Debug)]
pub(super) enum Ended {
    /// Look again.
    Done,
    /// The store failed, and would fail everybody.
    Failed(Error),
}

/// What whoever asks is to do.
pub(super) enum Turn<'t, K: Eq + Hash + Clone> {
    /// Load.
    Mine(Mine<'t, K>),
    /// Somebody else has loaded.
    Theirs(Ended),
}

/// The turn to load. Those who wait are woken when it is dropped.
pub(super) struct Mine<'t, K: Eq + Hash + Clone> {
    turns: &'t Turns<K>,
    key: K,
    load: Arc<Load>,
    ended: Ended,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Eq + Hash + Clone> Turns<K> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// The turn to load this, or how the load ended that was under way.
    pub(super) async fn take(&self, key: &K) -> Turn<'_, K> {
        let theirs = {
            let mut loading = lock(&self.0);
            match loading.get(key) {
                Some(load) => Arc::clone(load),
                None => {
                    let load = Arc::<Load>::default();
                    loading.insert(key.clone(), Arc::clone(&load));
                    return Turn::Mine(Mine { turns: self, key: key.clone(), load, ended: Ended::Done });
                }
            }
        };
        Turn::Theirs(Wait { load: theirs, place: None }.await)
    }
}

impl<K: Eq + Hash + Clone> Mine<'_, K> {
    /// Tells those who wait that the store failed.
    pub(super) fn failed(mut self, error: &Error) {
        self.ended = Ended::Failed(error.clone());
    }
}

impl<K: Eq + Hash + Clone> Drop for Mine<'_, K> {
    fn drop(&mut self) {
        lock(&self.turns.0).remove(&self.key);
        let mut state = lock(&self.load.0);
        state.ended = Some(self.ended.clone());
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// Waits for a load to end.
struct Wait {
    load: Arc<Load>,
    /// Where this one's waker is.
    place: Option<usize>,
}

impl Future for Wait {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let load = Arc::clone(&self.load);
        let mut state = lock(&load.0);
        if let Some(ended) = &state.ended {
            return Poll::Ready(ended.clone());
        }
        match self.place.and_then(|place| state.waiting.get_mut(place)) {
            Some(waker) => waker.clone_from(cx.waker()),
            None => {
                self.place = Some(state.waiting.len());
                state.waiting.push(cx.waker().clone());
            }
        }
        Poll::Pending
    }
}
