//! Sessions by stream, each stream behind a lock of its own: who revokes, counts or sweeps one holds up nobody else's viewers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::session::Session;
use crate::stream_id::StreamId;

/// What a session is known by.
pub(super) type SessionId = [u8; 8];

/// The rooms of all streams that have sessions. The lock of all is held to find one, to add one, to remove an empty one.
#[derive(Default)]
pub(super) struct Rooms(RwLock<HashMap<StreamId, Arc<Room>>>);

/// The sessions of one stream.
#[derive(Default)]
pub(super) struct Room {
    table: Mutex<Table>,
    /// Of them, those that count as viewers.
    viewers: Arc<AtomicUsize>,
}

#[derive(Default)]
pub(super) struct Table {
    pub(super) sessions: HashMap<SessionId, Arc<Session>>,
    /// It was empty, and is about to be removed: nothing is put in.
    closed: bool,
}

impl Rooms {
    /// The room of a stream; `None` when it has no sessions.
    pub(super) fn find(&self, stream: &StreamId) -> Option<Arc<Room>> {
        self.read().get(stream).map(Arc::clone)
    }

    /// All rooms at this moment.
    pub(super) fn all(&self) -> Vec<(StreamId, Arc<Room>)> {
        self.read().iter().map(|(stream, room)| (stream.clone(), Arc::clone(room))).collect()
    }

    /// Puts something into the room of a stream, under the lock of that.
    pub(super) fn within<T>(&self, stream: &StreamId, put: impl FnOnce(&Room, &mut Table) -> T) -> T {
        loop {
            let found = self.find(stream);
            let room = found.unwrap_or_else(|| Arc::clone(self.write().entry(stream.clone()).or_default()));
            let mut table = room.table();
            if !table.closed {
                return put(&room, &mut table);
            }
            drop(table);
            self.remove(stream, &room);
        }
    }

    /// Takes out of a room those of whom `gone` holds. They are dropped after the lock: with them go their places.
    pub(super) fn take_out(
        &self,
        stream: &StreamId,
        room: &Arc<Room>,
        mut gone: impl FnMut(&Session) -> bool,
    ) {
        let mut table = room.table();
        let out: Vec<_> = table.sessions.extract_if(|_, session| gone(session)).collect();
        table.closed |= table.sessions.is_empty();
        let closed = table.closed;
        drop(table);
        if closed {
            self.remove(stream, room);
        }
        drop(out);
    }

    fn remove(&self, stream: &StreamId, closed: &Arc<Room>) {
        let mut rooms = self.write();
        if rooms.get(stream).is_some_and(|room| Arc::ptr_eq(room, closed)) {
            rooms.remove(stream);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<StreamId, Arc<Room>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<StreamId, Arc<Room>>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// A session of this stream.
    pub(super) fn get(&self, id: SessionId) -> Option<Arc<Session>> {
        self.table().sessions.get(&id).map(Arc::clone)
    }

    /// How many of its sessions count as viewers.
    pub(super) fn viewers(&self) -> usize {
        self.viewers.load(Ordering::Relaxed)
    }

    /// What its sessions are counted by.
    pub(super) fn counter(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.viewers)
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
