//! What has changed, for caches.
//!
//! Rows of the [outbox] that name an [`Entity`] say: what you know of it is old. Who wants to hear of it gets them
//!
//! - from this process right after the commit: an observer ([`Db::observe`](super::Db::observe)) before whoever wrote is
//!   answered, so that nobody finds in a cache what they have just changed; a subscriber ([`Changes`]) at some time after,
//! - from others on the same PostgreSQL by polling, which a notification starts at once. Rows are seen as soon as they are
//!   committed, whatever older transactions are still open.
//!
//! An entity may be named more than once for one change, and not in the order of the commits. Where something may have been
//! missed there is a [`Change::Flush`].

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use tokio::sync::broadcast;

use super::{Error, Tx, outbox};
use crate::WallTime;
use crate::id::{Id, Kind};

/// Changes that a subscriber may be behind, 4,096 of about 100 bytes. One who is further behind is told to flush.
const BACKLOG: usize = 4096;

/// Sequence numbers that are remembered, so that a change which was published here is not published again when the poll
/// finds its row. 8 bytes twice for each.
const REMEMBERED: usize = 8192;

/// What an event or a change is about: `stream`, `str_…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entity {
    /// Its kind, by the name of its ids' [`Kind`]: `stream`.
    pub kind: Cow<'static, str>,
    /// Its id.
    pub id: String,
}

impl Entity {
    /// The one with this id.
    pub fn of<K: Kind>(id: Id<K>) -> Self {
        Self { kind: Cow::Borrowed(K::NAME), id: id.to_string() }
    }

    /// One whose id is no TypeID: a setting, a plan.
    pub fn named(kind: &'static str, id: impl Into<String>) -> Self {
        Self { kind: Cow::Borrowed(kind), id: id.into() }
    }
}

/// Appends a change that is no event: something that caches must hear of and nobody else.
///
/// # Errors
///
/// [`Error`].
pub async fn append(tx: &mut Tx, entity: &Entity, now: WallTime) -> Result<(), Error> {
    outbox::insert(tx, None, Some(entity), now).await
}

/// What a subscriber hears.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// What is known of this entity is old.
    Entity {
        /// The row in the outbox.
        sequence: i64,
        /// Which.
        entity: Entity,
    },
    /// Anything may have changed: forget all.
    Flush(FlushCause),
}

/// Why anything may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlushCause {
    /// The subscriber was too slow, or there was too much.
    Behind,
    /// The connection to the database was lost. Until it is back, which is said with another flush, nothing is heard from other
    /// processes.
    Disconnected,
}

/// Somebody who is told of each change. Everybody's writes wait for it, so it is quick, and it does not ask the database.
pub(super) type Observer = Box<dyn Fn(&Change) + Send>;

/// A subscription.
#[derive(Debug)]
pub struct Changes(broadcast::Receiver<Change>);

impl Changes {
    /// The next change; `None` once the database is closed. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Change> {
        match self.0.recv().await {
            Ok(change) => Some(change),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Change::Flush(FlushCause::Behind)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// An entity that a transaction has announced, with its row's number.
#[derive(Debug)]
pub(super) struct Announced {
    pub(super) sequence: i64,
    pub(super) entity: Entity,
}

/// Where commits of this process and rows of others come together.
pub(super) struct Hub {
    state: Mutex<State>,
}

struct State {
    /// `None` once the database is closed.
    sender: Option<broadcast::Sender<Change>>,
    observers: Vec<Observer>,
    recent: HashSet<i64>,
    order: VecDeque<i64>,
}

impl Hub {
    pub(super) fn new() -> Self {
        let sender = Some(broadcast::Sender::new(BACKLOG));
        let state = State { sender, observers: Vec::new(), recent: HashSet::new(), order: VecDeque::new() };
        Self { state: Mutex::new(state) }
    }

    pub(super) fn observe(&self, observer: Observer) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).observers.push(observer);
    }

    pub(super) fn subscribe(&self) -> Changes {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A channel without a sender is a closed one.
        Changes(
            state
                .sender
                .as_ref()
                .map_or_else(|| broadcast::Sender::new(1).subscribe(), broadcast::Sender::subscribe),
        )
    }

    /// Tells observers and subscribers of what they have not been told. When it returns, observers know of all of it: also of
    /// what the poll has found first, as that tells them under the same lock.
    pub(super) fn publish(&self, announced: Vec<Announced>) {
        if announced.is_empty() {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for Announced { sequence, entity } in announced {
            if state.remember(sequence) {
                state.tell(Change::Entity { sequence, entity });
            }
        }
    }

    pub(super) fn flush(&self, cause: FlushCause) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).tell(Change::Flush(cause));
    }

    /// Rows are numbered anew, maybe, and some may have been missed.
    pub(super) fn begin_anew(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.recent.clear();
        state.order.clear();
        state.tell(Change::Flush(FlushCause::Disconnected));
    }

    pub(super) fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sender = None;
        state.observers.clear();
    }
}

impl State {
    fn tell(&self, change: Change) {
        for observer in &self.observers {
            // One that panics must not take the task down that writes for everybody.
            let _ = catch_unwind(AssertUnwindSafe(|| observer(&change)));
        }
        if let Some(sender) = &self.sender {
            // Without subscribers there is nobody to tell.
            let _ = sender.send(change);
        }
    }

    /// Whether the number is new.
    fn remember(&mut self, sequence: i64) -> bool {
        if !self.recent.insert(sequence) {
            return false;
        }
        self.order.push_back(sequence);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.recent.remove(&oldest);
        }
        true
    }
}
