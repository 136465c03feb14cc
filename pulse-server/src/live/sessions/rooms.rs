//! Sessions by stream, each stream behind a lock of its own: who revokes, counts or sweeps one holds up nobody else's viewers.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::index::{Index, SessionId};
use super::session::{Session, Tally};
use crate::stream_id::StreamId;

/// Sessions that are forgotten at once when there is no more room: so many newcomers need not look for some again.
const MADE_ROOM: usize = 64;

/// The rooms of all streams that have sessions, and all sessions by id: one that is known is in both.
#[derive(Default)]
pub(super) struct Rooms {
    /// Its lock is held to find a room, to add one, to remove an empty one.
    by_stream: RwLock<HashMap<StreamId, Arc<Room>>>,
    /// Changed after the room, or under its lock.
    by_id: Index,
}

/// The sessions of one stream.
#[derive(Default)]
pub(super) struct Room {
    table: Mutex<Table>,
    tally: Arc<Tally>,
}

#[derive(Default)]
pub(super) struct Table {
    pub(super) sessions: HashMap<SessionId, Arc<Session>>,
    /// Those that were put in and not used when they were looked at last, the oldest first.
    unused: VecDeque<SessionId>,
    /// It was empty, and is about to be removed: nothing is put in.
    closed: bool,
}

impl Rooms {
    /// A session.
    pub(super) fn get(&self, id: SessionId) -> Option<Arc<Session>> {
        self.by_id.get(id)
    }

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

    /// Puts a session into the room of its stream. Nobody has used it yet.
    pub(super) fn put(&self, table: &mut Table, id: SessionId, session: Arc<Session>) {
        self.by_id.insert(id, Arc::clone(&session));
        table.sessions.insert(id, session);
        table.unused.push_back(id);
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
        table.sort_out();
        table.closed |= table.sessions.is_empty();
        let closed = table.closed;
        drop(table);
        if closed {
            self.remove(stream, room);
        }
        self.forget(out);
    }

    fn forget(&self, gone: Vec<(SessionId, Arc<Session>)>) {
        for (id, session) in gone {
            self.by_id.remove(id, &session);
        }
    }

    /// Forgets some sessions that were opened and never used, the oldest of the stream that has most of them; whether there were any.
    /// Whoever has one and comes is admitted again.
    pub(super) fn make_room(&self) -> bool {
        let rooms = self.read();
        let most = rooms.values().max_by_key(|room| room.unused()).filter(|room| room.unused() > 0);
        let Some(room) = most.map(Arc::clone) else { return false };
        drop(rooms);
        let out = room.table().take_unused(MADE_ROOM);
        let any = !out.is_empty();
        self.forget(out);
        any
    }

    fn remove(&self, stream: &StreamId, closed: &Arc<Room>) {
        let mut rooms = self.write();
        if rooms.get(stream).is_some_and(|room| Arc::ptr_eq(room, closed)) {
            rooms.remove(stream);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<StreamId, Arc<Room>>> {
        self.by_stream.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<StreamId, Arc<Room>>> {
        self.by_stream.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn take_unused(&mut self, most: usize) -> Vec<(SessionId, Arc<Session>)> {
        let mut out = Vec::new();
        while out.len() < most
            && let Some(id) = self.unused.pop_front()
        {
            if self.sessions.get(&id).is_some_and(|session| !session.is_used()) {
                out.extend(self.sessions.remove(&id).map(|session| (id, session)));
            }
        }
        out
    }

    /// Those that were used or are gone are not among the unused.
    fn sort_out(&mut self) {
        let Self { sessions, unused, .. } = self;
        unused.retain(|id| sessions.get(id).is_some_and(|session| !session.is_used()));
    }
}

impl Room {
    /// How many of its sessions count as viewers.
    pub(super) fn viewers(&self) -> usize {
        self.tally.viewers.load(Ordering::Relaxed)
    }

    fn unused(&self) -> usize {
        self.tally.unused.load(Ordering::Relaxed)
    }

    /// What its sessions are counted by.
    pub(super) fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
