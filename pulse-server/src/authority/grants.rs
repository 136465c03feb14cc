//! What was granted and is in use, and what is being decided, so that a revocation reaches exactly those whom it covers.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::{Grant, Revocation, Terms};
use crate::stream_id::StreamId;

/// Revocations kept, a few words each, for decisions that are out meanwhile. A decision that sees more of them go by is refused: one of
/// those forgotten may have been its own.
const MAX_MISSED: usize = 4096;

/// The grants of this process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grants(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    /// By stream, so that a revocation touches its stream's alone. About 150 bytes a player.
    held: HashMap<StreamId, HashMap<u64, Held>>,
    /// Revocations so far.
    revoked: u64,
    /// The latest of them; none while no decision is out.
    latest: VecDeque<Revocation>,
    /// Decisions that are out, counted by how many revocations there had been when they were asked for.
    out: BTreeMap<u64, usize>,
}

#[derive(Debug)]
struct Held {
    terms: Terms,
    revoked: oneshot::Sender<()>,
}

/// A decision that is out.
#[derive(Debug)]
pub(crate) struct Asked {
    grants: Grants,
    since: u64,
}

/// A grant in use; given back when dropped.
#[derive(Debug)]
pub struct Hold {
    grants: Grants,
    stream: StreamId,
    id: u64,
    revoked: oneshot::Receiver<()>,
}

/// What was granted has been taken back, or may have been, before the answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TakenBack;

impl Grants {
    /// A decision is about to be asked for.
    pub(crate) fn ask(&self) -> Asked {
        let mut table = self.lock();
        let since = table.revoked;
        *table.out.entry(since).or_default() += 1;
        Asked { grants: self.clone(), since }
    }

    /// Tells those whose grant `revocation` covers.
    pub(crate) fn revoke(&self, revocation: &Revocation) {
        let mut table = self.lock();
        table.revoked += 1;
        if !table.out.is_empty() {
            if table.latest.len() >= MAX_MISSED {
                table.latest.pop_front();
            }
            table.latest.push_back(revocation.clone());
        }
        let covered = table.take_covered(revocation);
        drop(table);
        for held in covered {
            // Fails when it is being given back at this moment.
            let _ = held.revoked.send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn take_covered(&mut self, revocation: &Revocation) -> Vec<Held> {
        let mut covered = Vec::new();
        let mut take = |stream: &StreamId, held: &mut HashMap<u64, Held>| {
            covered.extend(
                held.extract_if(|_, held| revocation.covers(stream, &held.terms)).map(|(_, held)| held),
            );
        };
        match revocation.stream() {
            Some(stream) => {
                if let Some(held) = self.held.get_mut(stream) {
                    take(stream, held);
                }
            }
            None => self.held.iter_mut().for_each(|(stream, held)| take(stream, held)),
        }
        covered
    }

    fn give_back(&mut self, stream: &StreamId, id: u64) {
        if let Some(held) = self.held.get_mut(stream) {
            held.remove(&id);
            if held.is_empty() {
                self.held.remove(stream);
            }
        }
    }
}

impl Asked {
    /// The decision is `grant`, which is in use from here on.
    ///
    /// # Errors
    /// [`TakenBack`] when a revocation that came since the question covers it.
    pub(crate) fn hold(self, grant: &Grant) -> Result<Hold, TakenBack> {
        let mut table = self.grants.lock();
        let missed = usize::try_from(table.revoked - self.since).unwrap_or(usize::MAX);
        let seen = table.latest.len().checked_sub(missed).ok_or(TakenBack)?;
        if table.latest.range(seen..).any(|revocation| revocation.covers(&grant.stream, &grant.terms)) {
            return Err(TakenBack);
        }
        let (sender, revoked) = oneshot::channel();
        let id = table.next;
        table.next += 1;
        let stream = grant.stream.clone();
        let held = Held { terms: grant.terms, revoked: sender };
        table.held.entry(stream.clone()).or_default().insert(id, held);
        drop(table);
        Ok(Hold { grants: self.grants.clone(), stream, id, revoked })
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut table = self.grants.lock();
        if let Some(count) = table.out.get_mut(&self.since) {
            *count -= 1;
            if *count == 0 {
                table.out.remove(&self.since);
            }
        }
        if table.out.is_empty() {
            table.latest = VecDeque::new();
        }
    }
}

impl Hold {
    /// Waits until the grant is taken back.
    pub(crate) async fn revoked(&mut self) {
        // An error cannot be: the table lives as long as this does.
        let _ = (&mut self.revoked).await;
    }

    /// Whether it was taken back.
    pub fn is_revoked(&mut self) -> bool {
        self.revoked.try_recv().is_ok()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.grants.lock().give_back(&self.stream, self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Credential;

    fn grant(stream: &str, credential: u64) -> Grant {
        Grant::new(StreamId::parse(stream).unwrap(), Terms::viewer(Credential(credential).into()))
    }

    fn of(stream: &str, credential: u64) -> Revocation {
        let stream = StreamId::parse(stream).unwrap();
        Revocation::Credential { stream, credential: Credential(credential) }
    }

    #[test]
    fn any_number_of_revocations_reaches_those_whom_they_cover_and_nobody_else() {
        let grants = Grants::default();
        let mut holds: Vec<_> = (0..3).map(|id| grants.ask().hold(&grant("show", id)).unwrap()).collect();
        for other in 10..10_000 {
            grants.revoke(&of("show", other));
        }
        grants.revoke(&of("other", 1));
        grants.revoke(&of("show", 2));
        let revoked: Vec<_> = holds.iter_mut().map(Hold::is_revoked).collect();
        assert_eq!(revoked, [false, false, true]);
        drop(holds);
        assert!(grants.lock().held.is_empty(), "grants are forgotten with whoever holds them");
    }

    #[test]
    fn a_revocation_of_many_streams_reaches_all_of_them() {
        let grants = Grants::default();
        let mut holds: Vec<_> =
            ["one", "two", "kept"].map(|stream| grants.ask().hold(&grant(stream, 1)).unwrap()).into();
        let kept = StreamId::parse("kept").unwrap();
        grants.revoke(&Revocation::AllBut(Arc::new([kept].into())));
        let revoked: Vec<_> = holds.iter_mut().map(Hold::is_revoked).collect();
        assert_eq!(revoked, [true, true, false]);
    }

    #[test]
    fn what_is_revoked_while_it_is_decided_is_not_granted() {
        let grants = Grants::default();
        grants.revoke(&of("show", 1));
        let asked = grants.ask();
        let later = grants.ask();
        grants.revoke(&of("show", 2));
        assert_eq!(asked.hold(&grant("show", 2)).err(), Some(TakenBack));
        // What was revoked before the question is the authority's to know.
        assert!(later.hold(&grant("show", 1)).is_ok());
        assert!(grants.ask().hold(&grant("show", 2)).is_ok());
    }

    #[test]
    fn a_decision_that_cannot_know_what_it_missed_is_refused_and_memory_is_bounded() {
        let grants = Grants::default();
        let (slow, other) = (grants.ask(), grants.ask());
        for _ in 0..=MAX_MISSED {
            grants.revoke(&of("other", 1));
        }
        assert_eq!(grants.lock().latest.len(), MAX_MISSED);
        assert_eq!(slow.hold(&grant("show", 1)).err(), Some(TakenBack));
        drop(other);
        grants.revoke(&of("other", 1));
        let table = grants.lock();
        assert_eq!((table.latest.len(), table.out.len()), (0, 0), "nobody waits for a decision");
    }
}
