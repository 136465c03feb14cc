//! What changes in the store, and what it takes back here.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use platform_core::WallTime;
use platform_core::sql::{Change, Changes};
use tenancy::admission::{Affected, concerns};
use tenancy::store::Entity;
use tenancy::{Error, StreamId};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::Shared;
use super::active::unbound;

/// How often leave to publish that has ended is taken back, and what could not be looked at is looked at again.
const TICK: Duration = Duration::from_secs(1);

/// Streams that are looked at at once: some of the database's readers.
const AT_ONCE: usize = 8;

/// Follows the changes until the database is closed. Changes are heard while streams are looked at, so that no slow one holds up others.
pub(super) async fn follow(shared: Weak<Shared>, mut changes: Changes) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // So that names are known before they are asked for.
    let mut waiting = Waiting { now: BTreeSet::from([Look::Apps]), ..Waiting::default() };
    let mut under_way = JoinSet::new();
    loop {
        if let Some(shared) = shared.upgrade() {
            while let Some(look) = waiting.next().filter(|_| under_way.len() < AT_ONCE) {
                waiting.begin(look);
                let shared = Arc::clone(&shared);
                under_way.spawn(async move { (look, shared.look_at(look).await.is_ok()) });
            }
        }
        tokio::select! {
            change = changes.next() => {
                let (Some(shared), Some(change)) = (shared.upgrade(), change) else { return };
                waiting.add(&shared, change);
            }
            Some(Ok((look, done))) = under_way.join_next(), if !under_way.is_empty() => waiting.end(look, done),
            _ = ticks.tick() => {
                let Some(shared) = shared.upgrade() else { return };
                waiting.again();
                shared.end_expired().await;
                shared.minting.sweep();
            }
        }
    }
}

/// What is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    /// Whether another server has the stream's publisher.
    Lease(StreamId),
    /// What is known of the stream.
    Stream(StreamId),
    /// Which application names are bound: known before an encoder asks, should the database be away then.
    Apps,
}

/// What has to be looked at: streams in use and the application names, so there is no more than that.
#[derive(Default)]
struct Waiting {
    now: BTreeSet<Look>,
    /// What the database did not tell, until the next tick.
    later: BTreeSet<Look>,
    under_way: BTreeSet<Look>,
    /// What was begun last: the next is the one behind it, in a circle, so that nobody's many changes keep others waiting.
    last: Option<Look>,
}

impl Waiting {
    fn add(&mut self, shared: &Shared, change: Change) {
        match change {
            Change::Entity { entity, .. } => {
                let entity = Entity::from(entity);
                // Whoever else is told of it may not have been yet.
                shared.api.cache.forget(&entity);
                match concerns(&entity) {
                    Some(Affected::Lease(id)) => drop(self.now.insert(Look::Lease(id))),
                    Some(affected) => {
                        self.now.extend(matches!(affected, Affected::App(_)).then_some(Look::Apps));
                        self.now.extend(shared.active.concerned(&affected).into_iter().map(Look::Stream));
                    }
                    None => {}
                }
            }
            _ => {
                shared.api.cache.doubt(SystemTime::now().into());
                let all = shared.active.all().into_iter();
                self.now.extend(all.flat_map(|id| [Look::Stream(id), Look::Lease(id)]).chain([Look::Apps]));
            }
        }
    }

    /// Something that is not being looked at already: what changes meanwhile is looked at afterwards.
    fn next(&self) -> Option<Look> {
        let behind = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let circle = self.now.range((behind, Bound::Unbounded)).chain(&self.now);
        circle.copied().find(|look| !self.under_way.contains(look))
    }

    fn begin(&mut self, look: Look) {
        self.now.remove(&look);
        self.under_way.insert(look);
        self.last = Some(look);
    }

    /// What the database did not tell waits; what flows goes on meanwhile.
    fn end(&mut self, look: Look, done: bool) {
        self.under_way.remove(&look);
        if !done {
            self.later.insert(look);
        }
    }

    fn again(&mut self) {
        self.now.append(&mut self.later);
    }
}

impl Shared {
    async fn look_at(&self, look: Look) -> Result<(), Error> {
        match look {
            Look::Stream(id) => self.look_again(id).await,
            Look::Lease(id) => self.look_at_lease(id).await,
            Look::Apps => self.load_apps().await,
        }
    }

    async fn load_apps(&self) -> Result<(), Error> {
        // No name is empty; they are known together.
        match self.api.cache.app_anew(&self.api.db, "").await {
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn look_again(&self, id: StreamId) -> Result<(), Error> {
        let now = WallTime::from(SystemTime::now());
        // What was known before the change would be found unchanged.
        let asked = self.api.cache.admission_anew(&self.api.db, self.api.tenancy.keys(), id, now);
        let known = match asked.await {
            Ok(admission) => Some(admission),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error),
        };
        for revocation in self.active.look_again(id, known.as_ref(), now) {
            self.revoke(revocation).await;
        }
        self.look_at_apps(id).await
    }

    /// Whether the names are bound as they were under which a stream is published.
    async fn look_at_apps(&self, id: StreamId) -> Result<(), Error> {
        for app in self.active.apps(id) {
            let bound = match self.api.cache.app_anew(&self.api.db, &app.name).await {
                Ok(known) => known.id == app.id,
                Err(Error::NotFound) => false,
                Err(error) => return Err(error),
            };
            if let Some(revocation) = unbound(id, &app).filter(|_| !bound) {
                self.revoke(revocation).await;
            }
        }
        Ok(())
    }

    async fn end_expired(&self) {
        for revocation in self.active.expired(SystemTime::now().into()) {
            self.revoke(revocation).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_while_it_is_looked_at_is_looked_at_again_and_a_failure_holds_up_nobody() {
        let [one, other] = [1, 2].map(|id| Look::Stream(StreamId::from_uuid(id)));
        let mut waiting = Waiting { now: BTreeSet::from([one, other]), ..Waiting::default() };
        waiting.begin(one);
        waiting.now.insert(one);
        assert_eq!(waiting.next(), Some(other));
        waiting.begin(other);
        assert_eq!(waiting.next(), None);
        waiting.end(other, false);
        assert_eq!(waiting.next(), None, "not before the next tick");
        waiting.end(one, true);
        assert_eq!(waiting.next(), Some(one));
        waiting.again();
        assert!(waiting.now.contains(&other));
    }

    #[test]
    fn what_changes_again_and_again_keeps_nothing_else_waiting() {
        let [busy, other] = [1, 2].map(|id| Look::Stream(StreamId::from_uuid(id)));
        let mut waiting = Waiting { now: BTreeSet::from([busy, other, Look::Apps]), ..Waiting::default() };
        let mut order = Vec::new();
        for _ in 0..4 {
            waiting.now.insert(busy);
            let look = waiting.next().unwrap();
            waiting.begin(look);
            waiting.end(look, true);
            order.push(look);
        }
        assert_eq!(order, [busy, other, Look::Apps, busy]);
    }
}
