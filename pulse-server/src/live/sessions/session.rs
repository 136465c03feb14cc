//! One viewer's session, and its place among the viewers.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hls_packager::Renditions;

use super::handle::{Fields, Signed};
use crate::authority::{Denied, Grant, Guard, Seat, Terms};
use crate::stream_id::StreamId;

/// What is counted of a stream's sessions.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Those that have asked for a media playlist.
    pub(super) viewers: AtomicUsize,
    /// Those that were opened and never used.
    pub(super) unused: AtomicUsize,
}

/// A viewer's session.
pub(super) struct Session {
    pub(super) signed: Signed,
    pub(super) stream: StreamId,
    pub(super) terms: Terms,
    pub(super) expires: u32,
    pub(super) renditions: Renditions,
    /// Milliseconds of the table's clock.
    pub(super) last_seen: AtomicU64,
    /// Whether it has asked for a media playlist, and so counts as a viewer.
    counted: AtomicBool,
    /// Whether it has asked for anything.
    used: AtomicBool,
    tally: Arc<Tally>,
    pub(super) place: Place,
    /// `None` for one that is served without being known.
    _slot: Option<Slot>,
    _guard: Guard,
}

impl Session {
    /// Of a grant, counted here; not used yet.
    pub(super) fn new(
        signed: Signed,
        fields: &Fields,
        grant: Grant,
        tally: Arc<Tally>,
        slot: Option<Slot>,
    ) -> Self {
        tally.unused.fetch_add(1, Ordering::Relaxed);
        Self {
            signed,
            stream: grant.stream,
            terms: fields.terms,
            expires: fields.expires,
            renditions: fields.renditions,
            last_seen: AtomicU64::default(),
            counted: AtomicBool::new(false),
            used: AtomicBool::new(false),
            tally,
            place: Place::new(grant.seat),
            _slot: slot,
            _guard: grant.guard,
        }
    }

    /// From here on it counts as a viewer.
    pub(super) fn count(&self) {
        if !self.counted.load(Ordering::Relaxed) && !self.counted.swap(true, Ordering::Relaxed) {
            self.tally.viewers.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// It asks for something.
    pub(super) fn make_use(&self) {
        if !self.is_used() && !self.used.swap(true, Ordering::Relaxed) {
            self.tally.unused.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if *self.counted.get_mut() {
            self.tally.viewers.fetch_sub(1, Ordering::Relaxed);
        }
        if !*self.used.get_mut() {
            self.tally.unused.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Room in the table for one session, given back when dropped.
pub(super) struct Slot(Arc<AtomicUsize>);

impl Slot {
    /// One of `most`, of which so many are taken; `None` when all are.
    pub(super) fn take(taken: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let slot = Self(Arc::clone(taken));
        // What is too many is given back by the drop.
        (taken.fetch_add(1, Ordering::Relaxed) < most).then_some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A session's place among the viewers, taken with its first media request.
pub(super) struct Place {
    taken: AtomicBool,
    seat: Option<Arc<dyn Seat>>,
    guard: Mutex<Guard>,
}

impl Place {
    fn new(seat: Option<Arc<dyn Seat>>) -> Self {
        Self { taken: AtomicBool::new(seat.is_none()), seat, guard: Mutex::default() }
    }

    /// Takes the place, if it is not taken. Requests that come at once take it once.
    pub(super) fn take(&self) -> Result<(), Denied> {
        let Some(seat) = self.seat.as_ref().filter(|_| !self.taken.load(Ordering::Acquire)) else {
            return Ok(());
        };
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.taken.load(Ordering::Acquire) {
            *guard = seat.take()?;
            self.taken.store(true, Ordering::Release);
        }
        Ok(())
    }
}
