//! A map of what was loaded, that is told when something changes.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Counters of what was forgotten. Keys share them, so that a change rarely concerns what is being loaded.
const COUNTERS: usize = 64;

/// One entry in so many goes when there is no more room. All at once would send every caller to the store at the same time,
/// and again each time that a few more are asked for than there is room.
const SHARE: usize = 16;

/// A map that forgets.
#[derive(Debug)]
pub(super) struct Shelf<K, V> {
    map: RwLock<Contents<K, V>>,
    /// What all values together weigh at most.
    capacity: usize,
    /// What one weighs.
    weigh: fn(&V) -> usize,
    hasher: RandomState,
    /// How often something with such a hash was forgotten.
    forgotten: [AtomicU64; COUNTERS],
}

#[derive(Debug)]
struct Contents<K, V> {
    map: HashMap<K, Arc<V>>,
    weight: usize,
}

/// Taken before something is loaded: what was forgotten until then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket(u64);

impl<K: Eq + Hash, V> Shelf<K, V> {
    /// For so many values.
    pub(super) fn new(capacity: usize) -> Self {
        Self::weighed(capacity, |_| 1)
    }

    /// For values that together weigh so much.
    pub(super) fn weighed(capacity: usize, weigh: fn(&V) -> usize) -> Self {
        Self {
            map: RwLock::new(Contents { map: HashMap::new(), weight: 0 }),
            capacity,
            weigh,
            hasher: RandomState::new(),
            forgotten: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        self.map.read().unwrap_or_else(PoisonError::into_inner).map.get(key).map(Arc::clone)
    }

    pub(super) fn ticket<Q: Hash + ?Sized>(&self, key: &Q) -> Ticket
    where
        K: Borrow<Q>,
    {
        Ticket(self.counter(key).load(Ordering::SeqCst))
    }

    /// Puts in what was loaded after the ticket was taken, unless it was forgotten since: then it may be what was before, and
    /// this is `false`.
    pub(super) fn put(&self, ticket: Ticket, key: K, value: Arc<V>) -> bool {
        let mut contents = self.map.write().unwrap_or_else(PoisonError::into_inner);
        if self.counter(&key).load(Ordering::SeqCst) != ticket.0 {
            return false;
        }
        contents.remove(&key, self.weigh);
        let weight = (self.weigh)(&value);
        while contents.weight.saturating_add(weight) > self.capacity && !contents.map.is_empty() {
            contents.make_room(self.weigh);
        }
        contents.weight = contents.weight.saturating_add(weight);
        contents.map.insert(key, value);
        true
    }

    pub(super) fn forget(&self, key: &K) {
        let mut contents = self.map.write().unwrap_or_else(PoisonError::into_inner);
        self.counter(key).fetch_add(1, Ordering::SeqCst);
        contents.remove(key, self.weigh);
    }

    /// Forgets all for which `forget` holds, and what is being loaded.
    pub(super) fn forget_where(&self, forget: impl Fn(&K, &V) -> bool) {
        let mut contents = self.map.write().unwrap_or_else(PoisonError::into_inner);
        for counter in &self.forgotten {
            counter.fetch_add(1, Ordering::SeqCst);
        }
        contents.retain(self.weigh, |key, value| !forget(key, value));
    }

    fn counter<Q: Hash + ?Sized>(&self, key: &Q) -> &AtomicU64
    where
        K: Borrow<Q>,
    {
        let place = self.hasher.hash_one(key) as usize % COUNTERS;
        self.forgotten.get(place).expect("a remainder is below its divisor")
    }
}

impl<K: Eq + Hash, V> Contents<K, V> {
    fn remove(&mut self, key: &K, weigh: fn(&V) -> usize) {
        if let Some(value) = self.map.remove(key) {
            self.weight = self.weight.saturating_sub(weigh(&value));
        }
    }

    fn retain(&mut self, weigh: fn(&V) -> usize, mut keep: impl FnMut(&K, &V) -> bool) {
        let mut gone = 0_usize;
        self.map.retain(|key, value| {
            let kept = keep(key, value);
            gone = gone.saturating_add(if kept { 0 } else { weigh(value) });
            kept
        });
        self.weight = self.weight.saturating_sub(gone);
    }

    /// Lets an arbitrary sixteenth go, one entry at least.
    fn make_room(&mut self, weigh: fn(&V) -> usize) {
        let mut place = 0;
        self.retain(weigh, |_, _| {
            place += 1;
            place % SHARE != 1
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_while_it_was_loaded_is_not_kept() {
        let shelf: Shelf<u32, &str> = Shelf::new(10);
        let ticket = shelf.ticket(&1);
        shelf.forget(&1);
        shelf.put(ticket, 1, Arc::new("old"));
        assert_eq!(shelf.get(&1), None);
        shelf.put(shelf.ticket(&1), 1, Arc::new("new"));
        assert_eq!(shelf.get(&1).as_deref(), Some(&"new"));
        let ticket = shelf.ticket(&2);
        shelf.forget_where(|_, value| *value == "new");
        shelf.put(ticket, 2, Arc::new("old"));
        assert_eq!((shelf.get(&1), shelf.get(&2)), (None, None));
    }

    #[test]
    fn it_does_not_grow_past_its_capacity() {
        let shelf: Shelf<u32, u32> = Shelf::new(10);
        for key in 0..1_000 {
            shelf.put(shelf.ticket(&key), key, Arc::new(key));
            assert!(shelf.map.read().unwrap().map.len() <= 10);
        }
        assert!(shelf.get(&999).is_some());
    }

    #[test]
    fn most_of_it_stays_when_it_is_full() {
        let shelf: Shelf<u32, u32> = Shelf::new(1_000);
        for key in 0..1_001 {
            shelf.put(shelf.ticket(&key), key, Arc::new(key));
        }
        let kept = shelf.map.read().unwrap().map.len();
        assert!((900..1_000).contains(&kept), "{kept}");
        // What is there already needs no room.
        let shelf: Shelf<u32, u32> = Shelf::new(2);
        for key in [1, 2, 1, 2] {
            shelf.put(shelf.ticket(&key), key, Arc::new(key));
        }
        assert!(shelf.get(&1).is_some() && shelf.get(&2).is_some());
    }

    #[test]
    fn what_weighs_much_makes_room_by_weight() {
        let shelf: Shelf<u32, usize> = Shelf::weighed(100, |weight| *weight);
        for key in 0..10 {
            shelf.put(shelf.ticket(&key), key, Arc::new(10));
        }
        let weight = || {
            let contents = shelf.map.read().unwrap();
            assert_eq!(contents.weight, contents.map.values().map(|value| **value).sum::<usize>());
            contents.weight
        };
        assert_eq!(weight(), 100);
        shelf.put(shelf.ticket(&3), 3, Arc::new(60));
        assert!(weight() <= 100 && shelf.get(&3).is_some());
        shelf.forget(&3);
        shelf.forget_where(|key, _| key % 2 == 0);
        assert!(weight() <= 50);
    }
}
