//! Sessions by their ids: what a request looks up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::session::Session;

/// What a session is known by: random, and within a handle that is signed.
pub(super) type SessionId = [u8; 8];

/// Requests at the same moment meet seldom in one of so many parts.
const PARTS: usize = 64;

/// All sessions.
pub(super) struct Index([Part; PARTS]);

type Part = Mutex<HashMap<SessionId, Arc<Session>>>;

impl Default for Index {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Part::default()))
    }
}

impl Index {
    pub(super) fn get(&self, id: SessionId) -> Option<Arc<Session>> {
        self.part(id).get(&id).map(Arc::clone)
    }

    pub(super) fn insert(&self, id: SessionId, session: Arc<Session>) {
        self.part(id).insert(id, session);
    }

    /// Removes a session, unless another one has its id by now.
    pub(super) fn remove(&self, id: SessionId, session: &Arc<Session>) {
        let mut part = self.part(id);
        if part.get(&id).is_some_and(|known| Arc::ptr_eq(known, session)) {
            part.remove(&id);
        }
    }

    fn part(&self, id: SessionId) -> MutexGuard<'_, HashMap<SessionId, Arc<Session>>> {
        let ([first, ..], [byte, ..]) = (&self.0, id);
        let part = self.0.get(usize::from(byte) % PARTS).unwrap_or(first);
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
