//! A bounded queue that many readers follow, each with a cursor of its own.
//!
//! Entries are numbered from 0 without gaps. The ring reaches back to its newest *entry point* (a key frame, so that joiners
//! can start there) and further while a reader still needs older entries, but never past its bounds: a reader that falls off
//! finds out when it reads. The ring knows nothing of media, locks or wake-ups.

use std::collections::VecDeque;
use std::time::Duration;

/// Bounds of a [`Ring`]. Whichever is reached first drops the oldest entries; the newest entry always stays.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Bounds {
    /// Sum of the entries' sizes. Default 16 MiB.
    pub max_bytes: usize,
    /// Media time between the oldest and the newest entry. Default 30 s.
    pub max_age: Duration,
    /// Number of entries, for streams of tiny frames. Default 16,384 (about 1.5 MiB of slots).
    pub max_entries: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { max_bytes: 16 << 20, max_age: Duration::from_secs(30), max_entries: 16_384 }
    }
}

/// What the ring needs to know of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Size that counts against [`Bounds::max_bytes`].
    pub bytes: usize,
    /// Media time in milliseconds, for [`Bounds::max_age`].
    pub time_ms: i64,
    /// Whether a joiner may start here.
    pub entry_point: bool,
}

#[derive(Debug)]
struct Slot<T> {
    item: T,
    meta: Meta,
}

/// Where a cursor stands.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'a, T> {
    /// The entry at the cursor.
    Entry(&'a T, Meta),
    /// The cursor is ahead of the newest entry.
    Ahead,
    /// The entry has been dropped.
    Fallen,
}

/// The queue.
#[derive(Debug)]
pub struct Ring<T> {
    slots: VecDeque<Slot<T>>,
    first: u64,
    bytes: usize,
    entry_point: Option<u64>,
    bounds: Bounds,
}

impl<T> Ring<T> {
    /// An empty ring.
    pub fn new(bounds: Bounds) -> Self {
        Self { slots: VecDeque::new(), first: 0, bytes: 0, entry_point: None, bounds }
    }

    /// The number the next entry will get.
    pub fn next(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    /// The number of the oldest entry held (equal to [`Ring::next`] when empty).
    pub fn oldest(&self) -> u64 {
        self.first
    }

    /// The newest entry point still held.
    pub fn entry_point(&self) -> Option<u64> {
        self.entry_point
    }

    /// Forgets the entry point, so that joiners wait for the next one.
    pub fn clear_entry_point(&mut self) {
        self.entry_point = None;
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends an entry and drops what exceeds the bounds. Returns its number.
    pub fn push(&mut self, item: T, meta: Meta) -> u64 {
        let number = self.next();
        self.bytes = self.bytes.saturating_add(meta.bytes);
        self.slots.push_back(Slot { item, meta });
        if meta.entry_point {
            self.entry_point = Some(number);
        }
        while self.slots.len() > 1 && self.exceeds(meta.time_ms) {
            self.drop_oldest();
        }
        number
    }

    /// Drops entries that no joiner (before the newest entry point) and no reader (`slowest` is the lowest cursor) needs.
    pub fn trim(&mut self, slowest: u64) {
        let keep_from = self.entry_point.map_or(slowest, |entry| entry.min(slowest));
        while self.first < keep_from && !self.slots.is_empty() {
            self.drop_oldest();
        }
    }

    /// Whether [`Ring::trim`] could drop anything, had the readers all caught up. Cheaper than finding the slowest cursor.
    pub fn trimmable(&self) -> bool {
        !self.slots.is_empty() && self.entry_point.is_none_or(|entry| entry > self.first)
    }

    /// What stands at `cursor`.
    pub fn at(&self, cursor: u64) -> Lookup<'_, T> {
        let Some(index) = cursor.checked_sub(self.first) else {
            return Lookup::Fallen;
        };
        match usize::try_from(index).ok().and_then(|index| self.slots.get(index)) {
            Some(slot) => Lookup::Entry(&slot.item, slot.meta),
            None => Lookup::Ahead,
        }
    }

    fn exceeds(&self, newest_ms: i64) -> bool {
        let Some(front) = self.slots.front() else { return false };
        let age = u64::try_from(newest_ms.saturating_sub(front.meta.time_ms)).unwrap_or(0);
        self.bytes > self.bounds.max_bytes
            || self.slots.len() > self.bounds.max_entries
            || Duration::from_millis(age) > self.bounds.max_age
    }

    fn drop_oldest(&mut self) {
        if let Some(slot) = self.slots.pop_front() {
            self.bytes -= slot.meta.bytes;
            if self.entry_point == Some(self.first) {
                self.entry_point = None;
            }
            self.first += 1;
        }
        // A burst (a long GOP, a laggard) should not keep its slots for the stream's life.
        if self.slots.capacity() > 256 && self.slots.len() < self.slots.capacity() / 8 {
            self.slots.shrink_to(self.slots.capacity() / 4);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(bytes: usize, time_ms: i64, entry_point: bool) -> Meta {
        Meta { bytes, time_ms, entry_point }
    }

    #[test]
    fn reaches_back_to_the_newest_entry_point() {
        let mut ring = Ring::new(Bounds::default());
        for (n, key) in [true, false, true, false].into_iter().enumerate() {
            ring.push(n, meta(10, n as i64, key));
        }
        ring.trim(ring.next());
        assert_eq!((ring.oldest(), ring.entry_point(), ring.bytes()), (2, Some(2), 20));
        assert_eq!(ring.at(1), Lookup::Fallen);
        assert_eq!(ring.at(3), Lookup::Entry(&3, meta(10, 3, false)));
        assert_eq!(ring.at(4), Lookup::Ahead);
    }

    #[test]
    fn a_slow_reader_keeps_older_entries() {
        let mut ring = Ring::new(Bounds::default());
        for n in 0..4 {
            ring.push(n, meta(10, 0, true));
        }
        ring.trim(1);
        assert_eq!(ring.oldest(), 1);
    }

    #[test]
    fn bounds_hold_without_any_entry_point() {
        let bounds = Bounds { max_bytes: 100, ..Bounds::default() };
        let mut ring = Ring::new(bounds);
        for n in 0..1000 {
            ring.push(n, meta(30, n, false));
            assert!(ring.bytes() <= 100);
        }
        assert_eq!(ring.next() - ring.oldest(), 3);
    }

    #[test]
    fn an_entry_larger_than_the_ring_is_still_held() {
        let bounds = Bounds { max_bytes: 100, ..Bounds::default() };
        let mut ring = Ring::new(bounds);
        ring.push("small", meta(10, 0, true));
        ring.push("large", meta(1000, 1, true));
        assert_eq!((ring.oldest(), ring.entry_point()), (1, Some(1)));
    }

    #[test]
    fn age_counts_media_time() {
        let bounds = Bounds { max_age: Duration::from_secs(1), ..Bounds::default() };
        let mut ring = Ring::new(bounds);
        ring.push(0, meta(1, 0, true));
        ring.push(1, meta(1, 1000, false));
        assert_eq!(ring.entry_point(), Some(0));
        ring.push(2, meta(1, 1001, false));
        assert_eq!((ring.oldest(), ring.entry_point()), (1, None));
    }
}
