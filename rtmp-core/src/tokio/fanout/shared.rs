//! What a fan-out's driver, shards and bodies share: the ring of batches, and who reads it how far.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use ::tokio::sync::Notify;
use media_core::ring::{Lookup, Ring};

use super::delivery::Command;
use super::window::{Status, Window};
use super::wire::{Batch, Wire};
use super::{Config, Stats};
use crate::capability::Needs;

/// The shared state of a fan-out.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) wire: Wire,
    pub(super) config: Config,
    state: Mutex<State>,
    /// Wakes the driver: somebody wants the stream, or nobody can any more.
    pub(super) wanted: Notify,
    pub(super) sent_bytes: AtomicU64,
    serial: AtomicU64,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) ring: Ring<Arc<Batch>>,
    pub(super) slots: Vec<Option<Slot>>,
    /// What it takes to play what comes after the ring's newest batch.
    pub(super) needs: Needs,
    /// The stream has ended.
    pub(super) ended: bool,
    /// Nobody can ask for the stream any more.
    pub(super) closed: bool,
}

/// A reader of the ring.
#[derive(Debug)]
pub(super) struct Slot {
    /// The oldest batch it needs; [`u64::MAX`] for none.
    pub(super) cursor: u64,
    waker: Option<Waker>,
    /// Of a shard.
    pub(super) shard: Option<ShardSlot>,
}

/// What others tell a shard.
#[derive(Debug, Default)]
pub(super) struct ShardSlot {
    /// Bounded by what players may queue ([`super::delivery::MAX_QUEUED_BYTES`]) and their number.
    inbox: Vec<Command>,
    /// Players here, those in the inbox included.
    pub(super) players: usize,
    free: Vec<u32>,
    places: u32,
}

impl Shared {
    pub(super) fn new(wire: Wire, config: Config) -> Self {
        let state = State {
            ring: Ring::new(config.bounds),
            slots: Vec::new(),
            needs: Needs::default(),
            ended: false,
            closed: false,
        };
        Self {
            wire,
            config,
            state: Mutex::new(state),
            wanted: Notify::new(),
            sent_bytes: AtomicU64::new(0),
            serial: AtomicU64::new(0),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can leave the state half-changed, so a panic elsewhere need not spread.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    /// Adds batches and wakes everybody once; whether the ring holds an entry point.
    pub(super) fn publish(&self, batches: &mut Vec<Batch>) -> bool {
        let mut state = self.lock();
        for batch in batches.drain(..) {
            let meta = batch.meta();
            state.ring.push(Arc::new(batch), meta);
        }
        if state.ring.trimmable() {
            // The newest batch stays for whoever comes before the next.
            let newest = state.ring.next().saturating_sub(1);
            // Who has fallen off needs nothing of what is left.
            let held = state.ring.oldest();
            let cursors = state.slots.iter().flatten().map(|slot| slot.cursor);
            let slowest = cursors.filter(|cursor| *cursor >= held).min().unwrap_or(newest);
            state.ring.trim(slowest.min(newest));
        }
        let holds_entry = state.ring.entry_point().is_some();
        let wakers = state.take_wakers();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        holds_entry
    }

    /// Changes the state and wakes everybody.
    pub(super) fn announce(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let wakers = state.take_wakers();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether anybody reads.
    pub(super) fn is_wanted(&self) -> bool {
        self.lock().audience() > 0
    }

    pub(super) fn stats(&self) -> Stats {
        let state = self.lock();
        Stats {
            audience: state.audience(),
            retained_bytes: state.ring.bytes(),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
        }
    }

    /// Tells the shard in `slot`.
    pub(super) fn tell(&self, slot: usize, command: Command) {
        let mut state = self.lock();
        let waker = state.slots.get_mut(slot).and_then(Option::as_mut).and_then(|slot| {
            slot.shard.as_mut()?.inbox.push(command);
            slot.waker.take()
        });
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Brings a shard's `window` up to date and takes its inbox; ready with whether the window changed, pending while neither has
    /// anything new.
    pub(super) fn poll_shard(
        &self,
        slot: usize,
        cursor: u64,
        window: &mut Window,
        inbox: &mut Vec<Command>,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        let mut state = self.lock();
        let State { ring, slots, needs, ended, closed } = &mut *state;
        let status = Status { needs: *needs, ended: *ended, closed: *closed };
        let Some(Some(Slot { cursor: place, waker, shard: Some(shard) })) = slots.get_mut(slot) else {
            return Poll::Ready(false);
        };
        *place = cursor;
        inbox.append(&mut shard.inbox);
        let changed = window.follow(ring, status);
        if changed || !inbox.is_empty() {
            return Poll::Ready(changed);
        }
        set(waker, cx);
        Poll::Pending
    }

    /// What a body finds with `read`; its waker is set where that is nothing.
    pub(super) fn poll_slot<T>(
        &self,
        slot: usize,
        cx: &mut Context<'_>,
        read: impl FnOnce(&mut State) -> Option<T>,
    ) -> Poll<T> {
        let mut state = self.lock();
        if let Some(found) = read(&mut state) {
            return Poll::Ready(found);
        }
        if let Some(Some(slot)) = state.slots.get_mut(slot) {
            set(&mut slot.waker, cx);
        }
        Poll::Pending
    }
}

fn set(place: &mut Option<Waker>, cx: &Context<'_>) {
    match place {
        Some(waker) => waker.clone_from(cx.waker()),
        none => *none = Some(cx.waker().clone()),
    }
}

impl State {
    /// Adds a reader; returns its slot.
    pub(super) fn add_slot(&mut self, shard: Option<ShardSlot>) -> usize {
        let slot = Slot { cursor: u64::MAX, waker: None, shard };
        if let Some((index, place)) = self.slots.iter_mut().enumerate().find(|(_, place)| place.is_none()) {
            *place = Some(slot);
            return index;
        }
        self.slots.push(Some(slot));
        self.slots.len() - 1
    }

    /// Drops all batches and what is known of the tracks. Numbers go on, so that no cursor means another batch than it did.
    pub(super) fn forget(&mut self) {
        self.needs = Needs::default();
        self.ring.clear_entry_point();
        self.ring.trim(self.ring.next());
    }

    pub(super) fn remove_slot(&mut self, slot: usize) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = None;
        }
    }

    pub(super) fn shard(&mut self, slot: usize) -> Option<&mut ShardSlot> {
        self.slots.get_mut(slot)?.as_mut()?.shard.as_mut()
    }

    /// The shards and how many players each has.
    pub(super) fn shards(&self) -> impl Iterator<Item = (usize, usize)> {
        let players =
            |(index, slot): (usize, &Option<Slot>)| Some((index, slot.as_ref()?.shard.as_ref()?.players));
        self.slots.iter().enumerate().filter_map(players)
    }

    pub(super) fn set_cursor(&mut self, slot: usize, cursor: u64) {
        if let Some(Some(slot)) = self.slots.get_mut(slot) {
            slot.cursor = cursor;
        }
    }

    /// Players and bodies.
    pub(super) fn audience(&self) -> usize {
        self.slots.iter().flatten().map(|slot| slot.shard.as_ref().map_or(1, |shard| shard.players)).sum()
    }

    /// The newest batch that somebody may begin at, with what to begin with.
    pub(super) fn entry_point(&self) -> Option<(u64, Arc<Batch>)> {
        let number = self.ring.entry_point()?;
        match self.ring.at(number) {
            Lookup::Entry(batch, _) => Some((number, Arc::clone(batch))),
            _ => None,
        }
    }

    fn take_wakers(&mut self) -> Vec<Waker> {
        self.slots.iter_mut().flatten().filter_map(|slot| slot.waker.take()).collect()
    }
}

impl ShardSlot {
    /// A place for one more player.
    pub(super) fn occupy(&mut self) -> u32 {
        self.players += 1;
        self.free.pop().unwrap_or_else(|| {
            self.places += 1;
            self.places - 1
        })
    }

    pub(super) fn vacate(&mut self, place: u32) {
        self.players = self.players.saturating_sub(1);
        self.free.push(place);
    }
}
