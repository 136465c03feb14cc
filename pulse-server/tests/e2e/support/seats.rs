//! How many clients may run at once on a small machine.
//!
//! The test runner starts as many tests as there are cores. A test takes seats for what it runs, in the order of asking,
//! so that encoders and players do not starve each other and a test that measures time has the machine for itself.

use std::sync::{Condvar, Mutex, PoisonError};

/// Seats of the machine.
const ALL: usize = 4;

struct Desk {
    free: usize,
    next_ticket: u64,
    serving: u64,
}

static DESK: Mutex<Desk> = Mutex::new(Desk { free: ALL, next_ticket: 0, serving: 0 });
static CHANGED: Condvar = Condvar::new();

/// Seats that are held until this is dropped.
#[must_use]
pub(crate) struct Seats(usize);

/// Seats for an ordinary test: two of them run side by side.
pub(crate) fn some() -> Seats {
    take(ALL / 2)
}

/// Every seat, for a test that measures time or runs many clients.
pub(crate) fn all() -> Seats {
    take(ALL)
}

fn take(wanted: usize) -> Seats {
    let mut desk = DESK.lock().unwrap_or_else(PoisonError::into_inner);
    let ticket = desk.next_ticket;
    desk.next_ticket += 1;
    while desk.serving != ticket || desk.free < wanted {
        desk = CHANGED.wait(desk).unwrap_or_else(PoisonError::into_inner);
    }
    desk.serving += 1;
    desk.free -= wanted;
    CHANGED.notify_all();
    Seats(wanted)
}

impl Drop for Seats {
    fn drop(&mut self) {
        DESK.lock().unwrap_or_else(PoisonError::into_inner).free += self.0;
        CHANGED.notify_all();
    }
}
