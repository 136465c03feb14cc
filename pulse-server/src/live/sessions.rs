//! Viewers' sessions: signed handles in playlist paths, and who has been seen lately.
//!
//! A handle is 48 bytes in base64url: session id, issue time, expiry, credential (8 bytes each, big-endian) and the first 16 bytes
//! of an HMAC-SHA-256 over the stream's id and those 32 bytes. A handle that this process has never seen is accepted on its
//! signature, so that sessions outlive a restart; one that it knows costs a table look-up.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::authority::{Credential, Grant, Guard, Revocation};
use crate::stream_id::StreamId;

/// Sessions known at once; a record takes about 200 bytes, so 50 MiB at worst. Beyond it nobody new is admitted.
pub(super) const MAX_SESSIONS: usize = 262_144;
/// How long a handle lasts where the grant does not say.
pub(super) const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// A viewer who has asked for nothing for so long is not counted any more.
pub(super) const IDLE: Duration = Duration::from_secs(15);
/// Revocations remembered against handles that are signed but not known. When one is forgotten, the oldest first, so is every unknown
/// handle of its time: it may have been covered, and whoever has it is admitted anew.
const MAX_REVOCATIONS: usize = 4096;

const PAYLOAD: usize = 32;
const SIGNED: usize = PAYLOAD + 16;
const TEXT: usize = SIGNED / 3 * 4;

/// The key that signs handles.
pub(crate) type Key = [u8; 32];

/// A viewer's session.
struct Session {
    signed: [u8; SIGNED],
    stream: StreamId,
    credential: Credential,
    expires: u64,
    /// Milliseconds of the table's clock.
    last_seen: AtomicU64,
    /// Whether it has asked for a media playlist, and so counts as a viewer.
    counted: AtomicBool,
    _guard: Guard,
}

/// The sessions of this process.
pub struct Sessions {
    mac: Hmac<Sha256>,
    started: Instant,
    known: Mutex<HashMap<[u8; 8], Arc<Session>>>,
    revoked: Mutex<Revoked>,
}

/// What was revoked since the process started, with the time in seconds since 1970.
#[derive(Default)]
struct Revoked {
    latest: VecDeque<(Revocation, u64)>,
    /// When the newest of those that are not remembered any more was made.
    forgotten: Option<u64>,
}

impl Revoked {
    fn push(&mut self, revocation: Revocation, at: u64) {
        if self.latest.len() >= MAX_REVOCATIONS {
            self.forgotten = self.latest.pop_front().map(|(_, at)| at).max(self.forgotten);
        }
        self.latest.push_back((revocation, at));
    }

    fn covers(&self, stream: &StreamId, credential: Credential, issued: u64) -> bool {
        let covers =
            |(revocation, at): &(Revocation, u64)| issued <= *at && revocation.covers(stream, credential);
        self.forgotten.is_some_and(|at| issued <= at) || self.latest.iter().any(covers)
    }
}

/// Why a handle was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not a handle of this stream and key.
    Forged,
    /// It has ended.
    Expired,
    /// What it was granted on was taken back.
    Revoked,
}

/// There are too many sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Sessions {
    /// A table whose handles are signed with `key`.
    pub fn new(key: &Key) -> Self {
        let mac = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
        Self { mac, started: Instant::now(), known: Mutex::default(), revoked: Mutex::default() }
    }

    /// Opens a session on a grant and returns its handle.
    ///
    /// # Errors
    /// [`Full`] beyond [`MAX_SESSIONS`].
    pub fn mint(&self, grant: Grant, id: [u8; 8]) -> Result<Handle, Full> {
        let issued = unix_now();
        let expires = issued.saturating_add(grant.limits.expires_in.unwrap_or(LIFETIME).as_secs());
        let mut signed = [0; SIGNED];
        let fields = [id, issued.to_be_bytes(), expires.to_be_bytes(), grant.credential.0.to_be_bytes()];
        let (payload, tag) = signed.split_at_mut(PAYLOAD);
        payload.copy_from_slice(fields.as_flattened());
        tag.copy_from_slice(&self.tag(&grant.stream, payload));
        let session = Session {
            signed,
            stream: grant.stream,
            credential: grant.credential,
            expires,
            last_seen: AtomicU64::new(self.clock_ms()),
            counted: AtomicBool::new(false),
            _guard: grant.guard,
        };
        let mut known = self.known();
        if known.len() >= MAX_SESSIONS {
            return Err(Full);
        }
        known.insert(id, Arc::new(session));
        Ok(Handle(URL_SAFE_NO_PAD.encode(signed)))
    }

    /// Checks a handle that came with a request for `stream`; `playlist` says that the request is for a media playlist.
    ///
    /// # Errors
    /// [`Refused`] says why it does not open the stream.
    pub fn check(&self, stream: &StreamId, handle: &str, playlist: bool) -> Result<(), Refused> {
        let mut signed = [0; SIGNED];
        if handle.len() != TEXT || URL_SAFE_NO_PAD.decode_slice(handle, &mut signed) != Ok(SIGNED) {
            return Err(Refused::Forged);
        }
        let id = field(&signed, 0).to_be_bytes();
        let known = self.known().get(&id).cloned();
        let session =
            match known.filter(|session| equal(&session.signed, &signed) && session.stream == *stream) {
                Some(session) => session,
                None => self.adopt(stream, signed)?,
            };
        if session.expires <= unix_now() {
            return Err(Refused::Expired);
        }
        session.last_seen.store(self.clock_ms(), Ordering::Relaxed);
        if playlist {
            session.counted.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Accepts a signed handle of an earlier process.
    fn adopt(&self, stream: &StreamId, signed: [u8; SIGNED]) -> Result<Arc<Session>, Refused> {
        let (payload, tag) = signed.split_at(PAYLOAD);
        if !equal(&self.tag(stream, payload), tag) {
            return Err(Refused::Forged);
        }
        let (issued, expires) = (field(&signed, 1), field(&signed, 2));
        let credential = Credential(field(&signed, 3));
        if self.revoked().covers(stream, credential, issued) {
            return Err(Refused::Revoked);
        }
        let session = Arc::new(Session {
            signed,
            stream: stream.clone(),
            credential,
            expires,
            last_seen: AtomicU64::new(self.clock_ms()),
            counted: AtomicBool::new(false),
            _guard: Guard::default(),
        });
        let mut known = self.known();
        // Beyond the limit it is served without being counted: it was admitted once.
        if known.len() < MAX_SESSIONS {
            known.insert(field(&signed, 0).to_be_bytes(), Arc::clone(&session));
        }
        Ok(session)
    }

    /// Ends what `revocation` covers, for ever.
    pub fn revoke(&self, revocation: &Revocation) {
        self.revoked().push(revocation.clone(), unix_now());
        self.known().retain(|_, session| !revocation.covers(&session.stream, session.credential));
    }

    /// Forgets sessions that have been idle; to be called every few seconds.
    pub fn sweep(&self) {
        let oldest = self.clock_ms().saturating_sub(IDLE.as_millis() as u64);
        self.known().retain(|_, session| session.last_seen.load(Ordering::Relaxed) >= oldest);
    }

    /// Viewers by stream: sessions that follow a media playlist.
    pub fn viewers(&self) -> HashMap<StreamId, usize> {
        let mut viewers = HashMap::new();
        for session in self.known().values().filter(|session| session.counted.load(Ordering::Relaxed)) {
            *viewers.entry(session.stream.clone()).or_default() += 1;
        }
        viewers
    }

    fn tag(&self, stream: &StreamId, payload: &[u8]) -> [u8; 16] {
        let mut mac = self.mac.clone();
        mac.update(stream.as_str().as_bytes());
        // An id cannot hold this byte, so no two pairs of id and payload are signed alike.
        mac.update(&[0]);
        mac.update(payload);
        let full = mac.finalize().into_bytes();
        full.first_chunk().copied().unwrap_or_default()
    }

    fn clock_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn known(&self) -> MutexGuard<'_, HashMap<[u8; 8], Arc<Session>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn revoked(&self) -> MutexGuard<'_, Revoked> {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handle as it stands in URLs. Not printed by `Debug`: whoever has it can watch.
#[derive(Clone)]
pub struct Handle(String);

impl Handle {
    /// The text for the path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle([redacted])")
    }
}

fn field(signed: &[u8; SIGNED], n: usize) -> u64 {
    let bytes = signed.as_chunks::<8>().0.get(n).copied().unwrap_or_default();
    u64::from_be_bytes(bytes)
}

/// Equality that takes the same time wherever the bytes differ.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && std::hint::black_box(a.iter().zip(b).fold(0, |sum, (x, y)| sum | (x ^ y))) == 0
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Limits;

    const KEY: Key = [7; 32];

    fn stream(name: &str) -> StreamId {
        StreamId::parse(name).unwrap()
    }

    fn grant(name: &str) -> Grant {
        Grant {
            stream: stream(name),
            limits: Limits::default(),
            credential: Credential(9),
            guard: Guard::default(),
        }
    }

    fn mint(sessions: &Sessions, name: &str, id: u8) -> Handle {
        sessions.mint(grant(name), [id; 8]).unwrap()
    }

    #[test]
    fn a_handle_opens_its_stream_only() {
        let sessions = Sessions::new(&KEY);
        let handle = mint(&sessions, "show", 1);
        assert_eq!(sessions.check(&stream("show"), handle.as_str(), true), Ok(()));
        assert_eq!(sessions.check(&stream("other"), handle.as_str(), true), Err(Refused::Forged));
    }

    #[test]
    fn a_handle_with_any_character_changed_is_refused() {
        let sessions = Sessions::new(&KEY);
        let handle = mint(&sessions, "show", 1);
        for at in 0..handle.as_str().len() {
            let mut changed = handle.as_str().as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(sessions.check(&stream("show"), &changed, false), Err(Refused::Forged), "{at}");
        }
        for odd in ["", "-", &handle.as_str()[1..], &format!("{}A", handle.as_str())] {
            assert_eq!(sessions.check(&stream("show"), odd, false), Err(Refused::Forged));
        }
    }

    #[test]
    fn a_handle_of_an_earlier_process_is_accepted_and_one_of_another_key_is_not() {
        let handle = mint(&Sessions::new(&KEY), "show", 1);
        assert_eq!(Sessions::new(&KEY).check(&stream("show"), handle.as_str(), false), Ok(()));
        let other = Sessions::new(&[8; 32]);
        assert_eq!(other.check(&stream("show"), handle.as_str(), false), Err(Refused::Forged));
    }

    #[test]
    fn a_grant_that_expires_takes_its_session_along() {
        let sessions = Sessions::new(&KEY);
        let limits = Limits { expires_in: Some(Duration::ZERO) };
        let handle = sessions.mint(Grant { limits, ..grant("show") }, [1; 8]).unwrap();
        assert_eq!(sessions.check(&stream("show"), handle.as_str(), false), Err(Refused::Expired));
    }

    #[test]
    fn a_revoked_session_does_not_come_back_on_its_signature() {
        let sessions = Sessions::new(&KEY);
        let (revoked, kept) = (mint(&sessions, "show", 1), mint(&sessions, "other", 2));
        sessions.revoke(&Revocation::Stream(stream("show")));
        assert_eq!(sessions.check(&stream("show"), revoked.as_str(), false), Err(Refused::Revoked));
        assert_eq!(sessions.check(&stream("other"), kept.as_str(), false), Ok(()));
    }

    #[test]
    fn a_revoked_session_does_not_come_back_after_any_number_of_others_were_revoked() {
        let sessions = Sessions::new(&KEY);
        let (revoked, kept) = (mint(&sessions, "show", 1), mint(&sessions, "other", 2));
        let other = |credential| Revocation::Credential {
            stream: stream("show"),
            credential: Credential(credential),
        };
        sessions.revoke(&Revocation::Stream(stream("show")));
        (0..MAX_REVOCATIONS as u64).for_each(|id| sessions.revoke(&other(1_000 + id)));
        assert_eq!(sessions.revoked().latest.len(), MAX_REVOCATIONS);
        assert_eq!(sessions.check(&stream("show"), revoked.as_str(), false), Err(Refused::Revoked));
        assert_eq!(sessions.check(&stream("other"), kept.as_str(), false), Ok(()), "it is known");
    }

    #[test]
    fn trap_56_viewers_are_sessions_that_follow_a_playlist_not_requests() {
        let sessions = Sessions::new(&KEY);
        let handle = mint(&sessions, "show", 1);
        let _only_minted = mint(&sessions, "show", 2);
        for _ in 0..8 {
            sessions.check(&stream("show"), handle.as_str(), true).unwrap();
        }
        assert_eq!(sessions.viewers().get(&stream("show")), Some(&1));
    }
}
