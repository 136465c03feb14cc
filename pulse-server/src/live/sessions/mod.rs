//! Viewers' sessions: who has been seen lately, under which signed handle.
//!
//! A handle that this process does not know (of a server before it or beside it, or of a viewer who paused) is genuine by its
//! signature, so that sessions outlive a restart; whether it still holds is for the authority to say. One that is known costs a table
//! look-up.

mod handle;
mod index;
mod revoked;
mod rooms;
mod session;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hls_packager::Renditions;

use crate::authority::{Denied, Grant, Resume, Revocation};
use crate::stream_id::StreamId;
use handle::{Fields, Signed, Signer};
pub(crate) use handle::{Handle, TEXT as HANDLE_CHARACTERS};
use revoked::Revoked;
use rooms::{Room, Rooms};
use session::{Session, Slot};

/// Sessions known at once; a record takes about 400 bytes, so 100 MiB at worst. Beyond it those are forgotten that were opened and never
/// used, so that whoever only opens some keeps nobody out; and when all are used, nobody new is admitted.
pub(super) const MAX_SESSIONS: usize = 262_144;
/// How long a handle lasts where the grant does not say.
pub(super) const LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// The sessions of this process.
pub struct Sessions {
    signer: Signer,
    started: Instant,
    rooms: Rooms,
    /// How many sessions there are.
    taken: Arc<AtomicUsize>,
    /// How many there may be: [`MAX_SESSIONS`].
    most: usize,
    revoked: Mutex<Revoked>,
}

/// Why a handle was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not a handle of this stream and key.
    Forged,
    /// It has ended.
    Expired,
    /// What it was granted on was taken back.
    Revoked,
    /// There is no place for the viewer.
    NoSeat(Denied),
}

/// There are too many sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A handle that holds, or would.
#[derive(Debug)]
pub enum Checked {
    /// It opens these renditions.
    Known(Renditions),
    /// It is genuine, and the authority has to say whether it still holds.
    Unknown(Unknown),
}

/// A genuine handle that this process does not know.
#[derive(Debug)]
pub struct Unknown {
    signed: Signed,
    fields: Fields,
}

impl Unknown {
    /// The question to the authority.
    pub fn ask(&self, stream: StreamId, remote: SocketAddr) -> Resume {
        Resume { stream, terms: self.fields.terms, opened: self.fields.opened.into(), remote }
    }
}

impl Sessions {
    /// A table whose handles are signed with the first of these keys; what was signed with the other one is genuine too.
    pub fn new(keys: [&[u8]; 2]) -> Self {
        Self {
            signer: Signer::new(keys),
            started: Instant::now(),
            rooms: Rooms::default(),
            taken: Arc::default(),
            most: MAX_SESSIONS,
            revoked: Mutex::default(),
        }
    }

    /// Opens a session on a grant and returns its handle.
    ///
    /// # Errors
    /// [`Full`] beyond [`MAX_SESSIONS`] that are used.
    pub fn mint(&self, grant: Grant, id: [u8; 8]) -> Result<Handle, Full> {
        let opened = unix_now();
        let lifetime = grant.limits.expires_in.unwrap_or(LIFETIME);
        let fields = Fields {
            id,
            opened: seconds(opened),
            expires: seconds(opened.saturating_add(lifetime.as_secs())),
            terms: grant.terms,
            renditions: grant.limits.renditions,
        };
        let signed = self.signer.sign(&grant.stream, &fields);
        let slot = self.slot().ok_or(Full)?;
        let stream = grant.stream.clone();
        self.rooms.within(&stream, |room, table| {
            let session = self.session(signed, &fields, grant, room, Some(slot));
            self.rooms.put(table, id, Arc::new(session));
        });
        Ok(Handle::of(&signed))
    }

    /// Checks a handle that came with a request for `stream`; `playlist` says that the request is for a media playlist.
    ///
    /// # Errors
    /// [`Refused`] says why it does not open the stream.
    pub fn check(&self, stream: &StreamId, handle: &str, playlist: bool) -> Result<Checked, Refused> {
        let signed = handle::decode(handle).ok_or(Refused::Forged)?;
        let known = self.rooms.get(handle::claimed_id(&signed));
        let genuine =
            |session: &Arc<Session>| handle::equal(&session.signed, &signed) && session.stream == *stream;
        match known.filter(genuine) {
            Some(session) => self.see(&session, playlist).map(Checked::Known),
            None => self.open(stream, signed).map(Checked::Unknown),
        }
    }

    /// Goes on with the session of a handle that was not known, on what the authority granted.
    ///
    /// # Errors
    /// [`Refused`] when it was taken back meanwhile, or there is no place for the viewer.
    pub fn adopt(&self, unknown: &Unknown, grant: Grant, playlist: bool) -> Result<Renditions, Refused> {
        let Unknown { signed, fields } = unknown;
        // Beyond the limit it is served without being known: it was admitted once.
        let slot = self.slot();
        let stream = grant.stream.clone();
        let session = self.rooms.within(&stream, |room, table| {
            // Under the lock: whoever is revoked from here on is found in the table.
            if self.revoked().covers(&stream, &fields.terms, fields.opened.into()) {
                return Err(Refused::Revoked);
            }
            if let Some(other) = table.sessions.get(&fields.id).filter(|other| other.signed == *signed) {
                // Another request of it was quicker.
                return Ok(Arc::clone(other));
            }
            let known = slot.is_some();
            let session = Arc::new(self.session(*signed, fields, grant, room, slot));
            if known {
                self.rooms.put(table, fields.id, Arc::clone(&session));
            }
            Ok(session)
        })?;
        self.see(&session, playlist)
    }

    /// Reads a handle that is not known.
    fn open(&self, stream: &StreamId, signed: Signed) -> Result<Unknown, Refused> {
        let fields = self.signer.open(stream, &signed).ok_or(Refused::Forged)?;
        if u64::from(fields.expires) <= unix_now() {
            return Err(Refused::Expired);
        }
        if self.revoked().covers(stream, &fields.terms, fields.opened.into()) {
            return Err(Refused::Revoked);
        }
        Ok(Unknown { signed, fields })
    }

    /// A request of a session.
    fn see(&self, session: &Session, playlist: bool) -> Result<Renditions, Refused> {
        if u64::from(session.expires) <= unix_now() {
            return Err(Refused::Expired);
        }
        session.place.take().map_err(Refused::NoSeat)?;
        session.last_seen.store(self.clock_ms(), Ordering::Relaxed);
        session.make_use();
        if playlist {
            session.count();
        }
        Ok(session.renditions)
    }

    /// Room for one more session.
    fn slot(&self) -> Option<Slot> {
        let free = || Slot::take(&self.taken, self.most);
        free().or_else(|| self.rooms.make_room().then(free).flatten())
    }

    fn session(
        &self,
        signed: Signed,
        fields: &Fields,
        grant: Grant,
        room: &Room,
        slot: Option<Slot>,
    ) -> Session {
        let session = Session::new(signed, fields, grant, room.tally(), slot);
        session.last_seen.store(self.clock_ms(), Ordering::Relaxed);
        session
    }

    /// Ends what `revocation` covers, for ever.
    pub fn revoke(&self, revocation: &Revocation) {
        self.revoked().push(revocation.clone(), unix_now());
        let rooms = match revocation.stream() {
            Some(stream) => self.rooms.find(stream).map(|room| (stream.clone(), room)).into_iter().collect(),
            None => self.rooms.all(),
        };
        for (stream, room) in rooms {
            self.rooms.take_out(&stream, &room, |session| revocation.covers(&stream, &session.terms));
        }
    }

    /// Forgets sessions that have been idle for as long as `idle` says for their stream; to be called every second or so.
    pub fn sweep(&self, idle: impl Fn(&StreamId) -> Duration) {
        for (stream, room) in self.rooms.all() {
            let idle = idle(&stream).as_millis();
            let now = self.clock_ms();
            self.rooms.take_out(&stream, &room, |session| {
                let silent = now.saturating_sub(session.last_seen.load(Ordering::Relaxed));
                u128::from(silent) > idle
            });
        }
    }

    /// Viewers of a stream: sessions that follow a media playlist.
    pub fn viewers_of(&self, stream: &StreamId) -> usize {
        self.rooms.find(stream).map_or(0, |room| room.viewers())
    }

    /// Viewers by stream, of those that have some.
    pub fn viewers(&self) -> HashMap<StreamId, usize> {
        let rooms = self.rooms.all().into_iter();
        rooms.map(|(stream, room)| (stream, room.viewers())).filter(|(_, viewers)| *viewers > 0).collect()
    }

    fn clock_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn revoked(&self) -> MutexGuard<'_, Revoked> {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds since 1970 as handles have them, until 2106.
fn seconds(since: u64) -> u32 {
    u32::try_from(since).unwrap_or(u32::MAX)
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::revoked::MAX_REVOCATIONS;
    use super::*;
    use crate::authority::{Credential, DeniedCode, Guard, Limits, Role, Seat, Terms};

    const KEY: [&[u8]; 2] = [&[7; 32], &[6; 32]];

    fn stream(name: &str) -> StreamId {
        StreamId::parse(name).unwrap()
    }

    fn grant(name: &str) -> Grant {
        Grant::new(stream(name), Terms::viewer(Credential(9).into()))
    }

    /// What a request of `handle` for `name` gets, where the authority lets everybody go on.
    fn ask(sessions: &Sessions, name: &str, handle: &str) -> Result<(), Refused> {
        match sessions.check(&stream(name), handle, true)? {
            Checked::Known(_) => Ok(()),
            Checked::Unknown(unknown) => sessions.adopt(&unknown, grant(name), true).map(drop),
        }
    }

    fn mint(sessions: &Sessions, name: &str, id: u8) -> Handle {
        sessions.mint(grant(name), [id; 8]).unwrap()
    }

    #[test]
    fn a_handle_opens_its_stream_only() {
        let sessions = Sessions::new(KEY);
        let handle = mint(&sessions, "show", 1);
        assert_eq!(ask(&sessions, "show", handle.as_str()), Ok(()));
        assert_eq!(ask(&sessions, "other", handle.as_str()), Err(Refused::Forged));
    }

    #[test]
    fn a_handle_with_any_character_changed_is_refused() {
        let sessions = Sessions::new(KEY);
        let handle = mint(&sessions, "show", 1);
        for at in 0..handle.as_str().len() {
            let mut changed = handle.as_str().as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(ask(&sessions, "show", &changed), Err(Refused::Forged), "{at}");
        }
        for odd in ["", "-", &handle.as_str()[1..], &format!("{}A", handle.as_str())] {
            assert_eq!(ask(&sessions, "show", odd), Err(Refused::Forged));
        }
    }

    #[test]
    fn a_handle_of_an_earlier_process_is_accepted_and_one_of_another_key_is_not() {
        let handle = mint(&Sessions::new(KEY), "show", 1);
        assert_eq!(ask(&Sessions::new(KEY), "show", handle.as_str()), Ok(()));
        // The key was replaced once, and once more.
        let later = Sessions::new([&[8; 32], KEY[0]]);
        assert_eq!(ask(&later, "show", handle.as_str()), Ok(()));
        let other = Sessions::new([&[9; 32], &[8; 32]]);
        assert_eq!(ask(&other, "show", handle.as_str()), Err(Refused::Forged));
    }

    #[test]
    fn a_grant_that_expires_takes_its_session_along() {
        let sessions = Sessions::new(KEY);
        let limits = Limits { expires_in: Some(Duration::ZERO), ..Limits::default() };
        let handle = sessions.mint(Grant { limits, ..grant("show") }, [1; 8]).unwrap();
        assert_eq!(ask(&sessions, "show", handle.as_str()), Err(Refused::Expired));
    }

    #[test]
    fn a_revoked_session_does_not_come_back_on_its_signature() {
        let sessions = Sessions::new(KEY);
        let (revoked, kept) = (mint(&sessions, "show", 1), mint(&sessions, "other", 2));
        sessions.revoke(&Revocation::Stream(stream("show")));
        assert_eq!(ask(&sessions, "show", revoked.as_str()), Err(Refused::Revoked));
        assert_eq!(ask(&sessions, "other", kept.as_str()), Ok(()));
    }

    #[test]
    fn a_revoked_session_does_not_come_back_after_any_number_of_others_were_revoked() {
        let sessions = Sessions::new(KEY);
        let (revoked, kept) = (mint(&sessions, "show", 1), mint(&sessions, "other", 2));
        let other = |credential| Revocation::Credential {
            stream: stream("show"),
            credential: Credential(credential),
        };
        sessions.revoke(&Revocation::Stream(stream("show")));
        (0..MAX_REVOCATIONS as u64).for_each(|id| sessions.revoke(&other(1_000 + id)));
        assert_eq!(sessions.revoked().len(), MAX_REVOCATIONS);
        assert_eq!(ask(&sessions, "show", revoked.as_str()), Err(Refused::Revoked));
        assert_eq!(ask(&sessions, "other", kept.as_str()), Ok(()), "it is known");
    }

    #[test]
    fn revoking_one_streams_viewers_waits_for_no_other_stream() {
        let sessions = Sessions::new(KEY);
        let (revoked, kept) = (mint(&sessions, "show", 1), mint(&sessions, "other", 2));
        let other = sessions.rooms.find(&stream("other")).unwrap();
        // Held by whoever sweeps that stream, for as long as that takes.
        let busy = other.table();
        let (told, done) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                sessions.revoke(&Revocation::Stream(stream("show")));
                let revoked = ask(&sessions, "show", revoked.as_str());
                told.send((revoked, sessions.mint(grant("third"), [3; 8]).is_ok())).unwrap();
            });
            let answer = done.recv_timeout(Duration::from_secs(20));
            drop(busy);
            assert_eq!(answer.unwrap(), (Err(Refused::Revoked), true));
        });
        assert_eq!(ask(&sessions, "other", kept.as_str()), Ok(()));
    }

    #[test]
    fn what_is_revoked_is_counted_no_more_and_leaves_nothing_behind() {
        let sessions = Sessions::new(KEY);
        let handles: Vec<_> = (0..100).map(|id| mint(&sessions, "show", id)).collect();
        let kept = mint(&sessions, "other", 200);
        handles.iter().chain([&kept]).for_each(|handle| {
            let name = if handle.as_str() == kept.as_str() { "other" } else { "show" };
            ask(&sessions, name, handle.as_str()).unwrap();
        });
        assert_eq!(
            (sessions.viewers_of(&stream("show")), sessions.taken.load(Ordering::Relaxed)),
            (100, 101)
        );
        sessions.revoke(&Revocation::Credential { stream: stream("show"), credential: Credential(9) });
        assert_eq!(sessions.viewers(), HashMap::from([(stream("other"), 1)]));
        assert_eq!(sessions.taken.load(Ordering::Relaxed), 1);
        assert!(sessions.rooms.find(&stream("show")).is_none(), "a room without sessions");
        assert!((0..100).all(|id| sessions.rooms.get([id; 8]).is_none()));
        sessions.mint(Grant::new(stream("show"), Terms::viewer(Credential(8).into())), [1; 8]).unwrap();
        assert_eq!(sessions.taken.load(Ordering::Relaxed), 2);
        sessions.revoke(&Revocation::AllBut(Arc::new([stream("other")].into())));
        assert_eq!(ask(&sessions, "other", kept.as_str()), Ok(()));
        assert_eq!(sessions.taken.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn sessions_that_are_only_opened_keep_nobody_out_and_come_back_when_they_are_used() {
        let sessions = Sessions { most: 200, ..Sessions::new(KEY) };
        let watching = mint(&sessions, "other", 250);
        ask(&sessions, "other", watching.as_str()).unwrap();
        let opened: Vec<_> = (0..199).map(|id| mint(&sessions, "show", id)).collect();
        // One whose plan has room, while somebody fills the table.
        let newcomer = mint(&sessions, "third", 251);
        assert!(sessions.taken.load(Ordering::Relaxed) <= 200);
        for (name, handle) in [("other", &watching), ("third", &newcomer)] {
            let known = sessions.check(&stream(name), handle.as_str(), true);
            assert!(matches!(known, Ok(Checked::Known(_))), "{name} is known");
        }
        let first = sessions.check(&stream("show"), opened[0].as_str(), true);
        assert!(matches!(first, Ok(Checked::Unknown(_))), "the oldest went");
        let last = sessions.check(&stream("show"), opened[198].as_str(), true);
        assert!(matches!(last, Ok(Checked::Known(_))), "the newest did not");
        assert_eq!(ask(&sessions, "show", opened[0].as_str()), Ok(()));
        assert!(sessions.taken.load(Ordering::Relaxed) <= 200);
    }

    #[test]
    fn a_table_of_sessions_that_are_all_used_takes_nobody_more() {
        let sessions = Sessions { most: 10, ..Sessions::new(KEY) };
        let handles: Vec<_> = (0..10).map(|id| mint(&sessions, "show", id)).collect();
        handles.iter().for_each(|handle| ask(&sessions, "show", handle.as_str()).unwrap());
        assert_eq!(sessions.mint(grant("other"), [99; 8]).err(), Some(Full));
        assert_eq!(sessions.viewers_of(&stream("show")), 10);
        sessions.revoke(&Revocation::Stream(stream("show")));
        assert!(sessions.mint(grant("other"), [99; 8]).is_ok());
    }

    #[test]
    fn trap_56_viewers_are_sessions_that_follow_a_playlist_not_requests() {
        let sessions = Sessions::new(KEY);
        let handle = mint(&sessions, "show", 1);
        let _only_minted = mint(&sessions, "show", 2);
        for _ in 0..8 {
            ask(&sessions, "show", handle.as_str()).unwrap();
        }
        assert_eq!(sessions.viewers().get(&stream("show")), Some(&1));
    }

    /// A house with so many places.
    #[derive(Debug)]
    struct House {
        free: Arc<std::sync::atomic::AtomicI32>,
    }

    struct Taken(Arc<std::sync::atomic::AtomicI32>);

    impl Drop for Taken {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Seat for House {
        fn is_limited(&self) -> bool {
            true
        }

        fn take(&self) -> Result<Guard, Denied> {
            if self.free.fetch_sub(1, Ordering::SeqCst) > 0 {
                return Ok(Guard::new(Taken(Arc::clone(&self.free))));
            }
            self.free.fetch_add(1, Ordering::SeqCst);
            Err(Denied { code: DeniedCode::LimitReached, retry_after: None, why: "full".to_owned() })
        }
    }

    #[test]
    fn a_place_is_taken_with_the_first_request_once_and_given_back_by_idleness() {
        let sessions = Sessions::new(KEY);
        let free = Arc::new(std::sync::atomic::AtomicI32::new(1));
        let seat: Arc<dyn Seat> = Arc::new(House { free: Arc::clone(&free) });
        let seated = |id| {
            let grant = Grant { seat: Some(Arc::clone(&seat)), ..grant("show") };
            sessions.mint(grant, [id; 8]).unwrap()
        };
        let handles: Vec<_> = (0..3).map(seated).collect();
        assert_eq!(free.load(Ordering::SeqCst), 1, "nobody has asked for media");
        for _ in 0..3 {
            assert_eq!(ask(&sessions, "show", handles[1].as_str()), Ok(()));
        }
        assert!(matches!(ask(&sessions, "show", handles[0].as_str()), Err(Refused::NoSeat(_))));
        sessions.sweep(|_| Duration::from_secs(60));
        assert_eq!(free.load(Ordering::SeqCst), 0);
        std::thread::sleep(Duration::from_millis(2));
        sessions.sweep(|_| Duration::ZERO);
        assert_eq!(free.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn who_comes_back_after_a_restart_and_finds_no_place_keeps_nobody_out() {
        let before = Sessions::new(KEY);
        let handles: Vec<_> = (0..2).map(|id| mint(&before, "show", id)).collect();
        let after = Sessions { most: 2, ..Sessions::new(KEY) };
        for handle in &handles {
            let Ok(Checked::Unknown(unknown)) = after.check(&stream("show"), handle.as_str(), true) else {
                panic!("it is not known")
            };
            let seat: Arc<dyn Seat> = Arc::new(House { free: Arc::default() });
            let refused = after.adopt(&unknown, Grant { seat: Some(seat), ..grant("show") }, true);
            assert!(matches!(refused, Err(Refused::NoSeat(_))));
        }
        assert_eq!(after.taken.load(Ordering::Relaxed), 2, "the table is full");
        assert!(after.mint(grant("other"), [9; 8]).is_ok());
    }

    #[test]
    fn what_a_token_does_not_show_a_handle_does_not_after_a_restart_either() {
        let renditions = Renditions::of([hls_packager::RenditionId::Video]);
        let limits = Limits { renditions, ..Limits::default() };
        let before = Sessions::new(KEY);
        let handle = before.mint(Grant { limits, ..grant("show") }, [1; 8]).unwrap();
        let after = Sessions::new(KEY);
        let Ok(Checked::Unknown(unknown)) = after.check(&stream("show"), handle.as_str(), true) else {
            panic!("it is not known")
        };
        assert_eq!(unknown.ask(stream("show"), "127.0.0.1:1".parse().unwrap()).terms, grant("show").terms);
        assert_eq!(after.adopt(&unknown, grant("show"), true), Ok(renditions));
        assert!(
            matches!(after.check(&stream("show"), handle.as_str(), true), Ok(Checked::Known(shown)) if shown == renditions)
        );
    }

    #[test]
    fn the_epoch_that_begins_ends_the_sessions_of_those_before_and_no_publisher() {
        let sessions = Sessions::new(KEY);
        let old = mint(&sessions, "show", 1);
        let terms = Terms { epoch: 1, ..grant("show").terms };
        let new = sessions.mint(Grant { terms, ..grant("show") }, [2; 8]).unwrap();
        let before = |role| Revocation::Before { stream: stream("show"), role, epoch: 1 };
        assert!(!before(Role::Publisher).concerns_viewers());
        assert_eq!(ask(&sessions, "show", old.as_str()), Ok(()));
        sessions.revoke(&before(Role::Viewer));
        assert_eq!(ask(&sessions, "show", old.as_str()), Err(Refused::Revoked));
        assert_eq!(ask(&sessions, "show", new.as_str()), Ok(()));
    }
}
