//! What changes in the store, and what it takes back here.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use platform_core::WallTime;
use platform_core::sql::{Change, Changes};
use tenancy::admission::{Affected, concerns};
use tenancy::store::Entity;
use tenancy::{Error, StreamId};
use tokio::time::{MissedTickBehavior, interval};

use super::Shared;

/// How often leave to publish that has ended is taken back, and what could not be looked at is looked at again.
const TICK: Duration = Duration::from_secs(1);

/// Follows the changes until the database is closed.
pub(super) async fn follow(shared: Weak<Shared>, mut changes: Changes) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut waiting = Waiting::default();
    loop {
        let change = tokio::select! {
            change = changes.next() => match change {
                Some(change) => Some(change),
                None => return,
            },
            _ = ticks.tick() => None,
        };
        let Some(shared) = shared.upgrade() else { return };
        match change {
            Some(change) => waiting.add(&shared, change),
            None => {
                shared.end_expired().await;
                shared.minting.sweep();
            }
        }
        waiting.work_off(&shared).await;
    }
}

/// Streams that have to be looked at: those in use, so there are no more than that.
#[derive(Default)]
struct Waiting {
    streams: BTreeSet<StreamId>,
    leases: BTreeSet<StreamId>,
}

impl Waiting {
    fn add(&mut self, shared: &Shared, change: Change) {
        match change {
            Change::Entity { entity, .. } => {
                let entity = Entity::from(entity);
                // Whoever else is told of it may not have been yet.
                shared.api.cache.forget(&entity);
                match concerns(&entity) {
                    Some(Affected::Lease(id)) => drop(self.leases.insert(id)),
                    Some(affected) => self.streams.extend(shared.active.concerned(&affected)),
                    None => {}
                }
            }
            _ => {
                shared.api.cache.doubt(SystemTime::now().into());
                self.streams.extend(shared.active.all());
            }
        }
    }

    /// Looks at what waits. What the database does not tell now waits on; what flows goes on meanwhile.
    async fn work_off(&mut self, shared: &Arc<Shared>) {
        while let Some(id) = self.streams.first().copied() {
            if shared.look_again(id).await.is_err() {
                break;
            }
            self.streams.remove(&id);
        }
        while let Some(id) = self.leases.first().copied() {
            if shared.look_at_lease(id).await.is_err() {
                break;
            }
            self.leases.remove(&id);
        }
    }
}

impl Shared {
    async fn look_again(&self, id: StreamId) -> Result<(), Error> {
        let now = WallTime::from(SystemTime::now());
        let known = match self.api.cache.admission(&self.api.db, self.api.tenancy.keys(), id, now).await {
            Ok(admission) => Some(admission),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error),
        };
        for revocation in self.active.look_again(id, known.as_ref(), now) {
            self.revoke(revocation).await;
        }
        Ok(())
    }

    async fn end_expired(&self) {
        for revocation in self.active.expired(SystemTime::now().into()) {
            self.revoke(revocation).await;
        }
    }
}
