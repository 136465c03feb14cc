//! Streams of which something is granted at this moment, and what was known of them when it was.
//!
//! When that changes, what the change takes away is the difference between then and now.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform_core::{OrganizationId, WallTime};
use tenancy::admission::verifier::Verifier;
use tenancy::admission::{Admission, Affected, Publishing};
use tenancy::app::App;
use tenancy::plan::BytesLimit;
use tenancy::{SigningKeyId, StreamId, StreamKeyId};

use super::terms::{PUBLIC, epoch, of_app, of_signing_key, of_stream_key, of_tag};
use crate::authority::{Credential, Revocation, Role};
use crate::stream_id;

/// The streams in use on this server.
#[derive(Debug, Default)]
pub(super) struct Active {
    uses: Mutex<HashMap<StreamId, Use>>,
    /// Of publishers, so far.
    numbers: AtomicU64,
}

#[derive(Debug)]
struct Use {
    /// What grants that are out rest on, or did before what changed was looked at.
    admission: Arc<Admission>,
    /// Grants that are out.
    grants: usize,
    /// Who publishes, or is about to: a newcomer may be refused its seat while another has it.
    publishers: HashMap<u64, Publisher>,
}

/// Who publishes a stream.
#[derive(Clone, Debug)]
pub(super) struct Publisher {
    /// With which key; `None` for a token, or what a hook lets in.
    pub(super) key_id: Option<StreamKeyId>,
    /// Under which application name, where that is why.
    pub(super) app: Option<Arc<App>>,
    /// When the leave to publish ends.
    pub(super) expires_at: Option<WallTime>,
    /// By what token, where that is why, and of which epoch of the stream's tokens.
    pub(super) token: Option<(Credential, i64)>,
}

impl Publisher {
    /// Who has this leave.
    pub(super) fn of(leave: &Publishing) -> Self {
        let token = leave.token.as_ref().map(|(key_id, bearer)| {
            let tag = bearer.token.or(bearer.viewer);
            (tag.map_or_else(|| of_signing_key(*key_id), of_tag), leave.admission.stream.epoch)
        });
        Self { key_id: leave.key_id, app: None, expires_at: leave.expires_at, token }
    }
}

impl Use {
    fn apps(&self) -> impl Iterator<Item = &Arc<App>> {
        self.publishers.values().filter_map(|publisher| publisher.app.as_ref())
    }
}

/// Something of a stream is granted, until this is dropped.
#[derive(Debug)]
pub(super) struct Used {
    active: Arc<Active>,
    id: StreamId,
    publisher: Option<u64>,
}

impl Used {
    /// It is published, or about to be.
    pub(super) fn publish(&mut self, publisher: Publisher) {
        let number = self.active.numbers.fetch_add(1, Ordering::Relaxed);
        if let Some(used) = self.active.uses().get_mut(&self.id) {
            used.publishers.insert(number, publisher);
        }
        self.publisher = Some(number);
    }
}

impl Drop for Used {
    fn drop(&mut self) {
        let mut uses = self.active.uses();
        if let Some(used) = uses.get_mut(&self.id) {
            used.grants -= 1;
            self.publisher.map(|publisher| used.publishers.remove(&publisher));
            if used.grants == 0 {
                uses.remove(&self.id);
            }
        }
    }
}

impl Active {
    /// Something is about to be granted on `admission`. Whether that is still what is known is to be looked at after this: what
    /// changes from here on is found.
    pub(super) fn enter(self: &Arc<Self>, admission: &Arc<Admission>) -> Used {
        let id = admission.stream.id;
        let mut uses = self.uses();
        let used = uses.entry(id).or_insert_with(|| Use {
            admission: Arc::clone(admission),
            grants: 0,
            publishers: HashMap::new(),
        });
        used.grants += 1;
        Used { active: Arc::clone(self), id, publisher: None }
    }

    /// Streams in use whom a change concerns.
    pub(super) fn concerned(&self, affected: &Affected) -> Vec<StreamId> {
        let uses = self.uses();
        match affected {
            Affected::Stream(id) | Affected::StreamKeys(id) | Affected::Lease(id) => {
                uses.contains_key(id).then_some(*id).into_iter().collect()
            }
            affected => {
                let concerns = |used: &Use| match affected {
                    Affected::Project(id) | Affected::SigningKeys(id) => used.admission.project_id() == *id,
                    Affected::Organization(id) => used.admission.organization_id() == *id,
                    Affected::Plan(id) => used.admission.tenant.plan_id == *id,
                    Affected::App(name) => used.apps().any(|app| app.name == *name),
                    _ => true,
                };
                uses.iter().filter(|(_, used)| concerns(used)).map(|(id, _)| *id).collect()
            }
        }
    }

    /// The application names under which a stream is published.
    pub(super) fn apps(&self, id: StreamId) -> Vec<Arc<App>> {
        self.uses().get(&id).map(|used| used.apps().map(Arc::clone).collect()).unwrap_or_default()
    }

    /// All streams in use.
    pub(super) fn all(&self) -> Vec<StreamId> {
        self.uses().keys().copied().collect()
    }

    /// What is known of a stream now; `None`: it is gone. What is taken back thereby.
    pub(super) fn look_again(
        &self,
        id: StreamId,
        now: Option<&Arc<Admission>>,
        time: WallTime,
    ) -> Vec<Revocation> {
        let mut uses = self.uses();
        let Some(used) = uses.get_mut(&id) else { return Vec::new() };
        let Some(now) = now.filter(|admission| admission.open().is_ok()) else {
            return stream(id).map(Revocation::Stream).into_iter().collect();
        };
        let before = std::mem::replace(&mut used.admission, Arc::clone(now));
        let mut taken = Taken::of(id, used.publishers.len());
        taken.take_from_viewers(&before, now);
        taken.take_from_publishers(&before, now, time);
        for publisher in used.publishers.values_mut() {
            taken.take_from(publisher, now, time);
        }
        taken.revocations
    }

    /// Takes back leave to publish that has ended by `time`: keys whose time is over, streams whose schedule is.
    pub(super) fn expired(&self, time: WallTime) -> Vec<Revocation> {
        let mut uses = self.uses();
        let mut taken = Vec::new();
        for (id, used) in &mut *uses {
            let ended = |publisher: &mut Publisher| publisher.expires_at.is_some_and(|ends| ends <= time);
            let (mut of, schedule) = (Taken::of(*id, used.publishers.len()), used.admission.stream.ends_at);
            for publisher in used.publishers.values_mut().filter_map(|one| ended(one).then_some(one)) {
                publisher.expires_at = None;
                match publisher.key_id {
                    Some(key_id) if schedule.is_none_or(|ends| time < ends) => {
                        of.credential(of_stream_key(key_id));
                    }
                    _ => of.publishers("the stream's schedule is over", u32::MAX),
                }
            }
            taken.extend(of.revocations);
        }
        taken
    }

    /// Streams in use of an organization whose plan ends viewers when its bytes are used up.
    pub(super) fn hard(&self, id: OrganizationId) -> Vec<StreamId> {
        let hard = |used: &Use| {
            used.admission.organization_id() == id && used.admission.tenant.bytes_limit == BytesLimit::Hard
        };
        self.uses().iter().filter(|(_, used)| hard(used)).map(|(id, _)| *id).collect()
    }

    fn uses(&self) -> MutexGuard<'_, HashMap<StreamId, Use>> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an application name takes along that is not bound any more, or to another project: who publishes a stream under it.
pub(super) fn unbound(id: StreamId, app: &App) -> Option<Revocation> {
    stream(id).map(|stream| Revocation::Credential { stream, credential: of_app(app.id) })
}

/// What a change takes back.
struct Taken {
    stream: StreamId,
    publishers: usize,
    revocations: Vec<Revocation>,
}

impl Taken {
    /// Nothing yet, of a stream with so many publishers.
    fn of(stream: StreamId, publishers: usize) -> Self {
        Self { stream, publishers, revocations: Vec::new() }
    }

    fn take_from_viewers(&mut self, before: &Admission, now: &Admission) {
        if now.stream.epoch != before.stream.epoch {
            self.before(Role::Viewer, epoch(now.stream.epoch));
        }
        if now.is_signed() && !before.is_signed() {
            self.credential(PUBLIC);
        }
        let lost = |id: &SigningKeyId| !now.has_signing_key(*id);
        for id in before.tenant.verifiers.iter().map(Verifier::id).filter(lost) {
            self.credential(of_signing_key(id));
        }
        for tag in now.revoked.since(&before.revoked) {
            self.credential(of_tag(tag));
        }
    }

    /// From all of them.
    fn take_from_publishers(&mut self, before: &Admission, now: &Admission, time: WallTime) {
        if now.stream.publish_epoch != before.stream.publish_epoch {
            self.publishers("they were told to disconnect", epoch(now.stream.publish_epoch));
        }
        if let Err(why) = now.publishable(time) {
            self.publishers(&why.to_string(), u32::MAX);
        }
    }

    /// From who has lost a key, or a token.
    fn take_from(&mut self, publisher: &mut Publisher, now: &Admission, time: WallTime) {
        let key = publisher.key_id.map(|id| (id, now.stream_key(id, time)));
        if let Some((id, Err(_))) = &key {
            self.credential(of_stream_key(*id));
        }
        if let Some((token, _)) = publisher.token.take_if(|(_, epoch)| *epoch < now.stream.epoch) {
            self.credential(token);
        }
        let key_ends = key.and_then(|(_, ends)| ends.ok().flatten());
        publisher.expires_at = [key_ends, now.stream.ends_at].into_iter().flatten().min();
    }

    fn credential(&mut self, credential: Credential) {
        let revocation = stream(self.stream).map(|stream| Revocation::Credential { stream, credential });
        self.revocations.extend(revocation);
    }

    fn publishers(&mut self, why: &str, epoch: u32) {
        if self.publishers > 0 {
            tracing::info!(stream = %self.stream, why, "publishers are to go");
        }
        self.before(Role::Publisher, epoch);
    }

    fn before(&mut self, role: Role, epoch: u32) {
        let revocation = stream(self.stream).map(|stream| Revocation::Before { stream, role, epoch });
        self.revocations.extend(revocation);
    }
}

/// A tenant's stream as the live path names it.
pub(super) fn stream(id: StreamId) -> Option<stream_id::StreamId> {
    stream_id::StreamId::parse(&id.to_string())
}
