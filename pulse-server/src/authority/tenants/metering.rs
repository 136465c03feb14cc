//! What tenants' streams use: seconds live, seconds watched, bytes in and out.
//!
//! Taken from what each life counts, every few seconds, and added to what the API counts, which is written down every ten. What a
//! crash loses is what was not written down yet; what was is never counted twice.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use platform_core::{OrganizationId, ProjectId};
use tenancy::quota::Resource;
use tenancy::usage::Metric;
use tenancy::{Error, Principal, StreamId};
use tokio::time::{MissedTickBehavior, interval};

use super::Shared;
use super::active::stream;
use super::allowance::Spent;
use crate::app::App;
use crate::authority::{Revocation, Role};
use crate::live::{Life, Phase};

/// How often counts are taken.
const EVERY: Duration = Duration::from_secs(5);

/// What was counted of a stream so far.
struct Counted {
    organization_id: OrganizationId,
    project_id: ProjectId,
    life: Weak<Life>,
    received: u64,
    delivered: u64,
    /// Milliseconds that are no whole second yet.
    live_ms: u64,
    watched_ms: u64,
}

/// Counts as long as the server runs.
pub(super) async fn run(shared: Weak<Shared>, app: Weak<App>) {
    let mut counted = HashMap::new();
    let mut last = Instant::now();
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (Some(shared), Some(app)) = (shared.upgrade(), app.upgrade()) else { return };
        let now = Instant::now();
        let elapsed = now.duration_since(last);
        last = now;
        shared.count(&app, elapsed, &mut counted).await;
    }
}

impl Shared {
    async fn count(&self, app: &App, elapsed: Duration, counted: &mut HashMap<StreamId, Counted>) {
        let viewers = app.viewers();
        let mut here = BTreeSet::new();
        for channel in app.registry.all() {
            let (life, live) = match channel.phase() {
                Phase::Live(life) => (life, true),
                Phase::Away(life) | Phase::Offline(Some(life)) => (life, false),
                Phase::Offline(None) | Phase::Restarted => continue,
            };
            let Ok(id) = StreamId::parse(channel.id().as_str()) else { continue };
            let Some(known) = self.counted(id, &life, counted).await else { continue };
            here.insert(id);
            let hls = viewers.get(channel.id()).copied().unwrap_or(0);
            let watching = hls + life.outputs.rtmp_players() + life.outputs.flv_players();
            let used = known.take(&life, elapsed, live, watching as u64);
            for (metric, amount) in used {
                self.api.usage.count_media(known.organization_id, known.project_id, metric, amount);
            }
        }
        counted.retain(|id, _| here.contains(id));
        for (organization_id, limit) in self.audience.refused() {
            let resource = Resource::ConcurrentViewers;
            self.tell(&Error::QuotaExceeded { organization_id, resource, limit, current: limit });
        }
        let streaming = counted.values().map(|known| known.organization_id).collect();
        if let Err(error) = self.compare(&streaming).await {
            tracing::debug!(%error, "what is left of plans is not known; looked at again");
        }
    }

    /// What was counted of a life; from nothing, if it is a new one.
    async fn counted<'a>(
        &self,
        id: StreamId,
        life: &Arc<Life>,
        counted: &'a mut HashMap<StreamId, Counted>,
    ) -> Option<&'a mut Counted> {
        let same = |known: &Counted| Weak::ptr_eq(&known.life, &Arc::downgrade(life));
        if !counted.get(&id).is_some_and(same) {
            let now = SystemTime::now().into();
            let admission = self.api.cache.admission(&self.api.db, self.api.tenancy.keys(), id, now).await;
            let admission = admission.ok()?;
            let new = Counted {
                organization_id: admission.organization_id(),
                project_id: admission.project_id(),
                life: Arc::downgrade(life),
                received: 0,
                delivered: 0,
                live_ms: 0,
                watched_ms: 0,
            };
            counted.insert(id, new);
        }
        counted.get_mut(&id)
    }

    /// Looks who has used up what, and ends what a plan ends.
    async fn compare(&self, streaming: &BTreeSet<OrganizationId>) -> Result<(), Error> {
        let call = self.api.tenancy.call(Principal::System, SystemTime::now().into());
        for spent in self.allowance.compare(&self.api, &call, streaming).await? {
            let Spent { organization_id, resource, limit, current } = spent;
            tracing::warn!(%organization_id, %resource, "an organization has used what its plan allows a month");
            self.tell(&Error::QuotaExceeded { organization_id, resource, limit, current });
            if resource == Resource::DeliveredBytes {
                self.end_viewers(organization_id).await;
            }
        }
        Ok(())
    }

    /// Has an event say what a plan refuses.
    fn tell(&self, refusal: &Error) {
        let Self { api, .. } = self;
        api.quota_notices.tell(&api.db, &api.tenancy, SystemTime::now().into(), refusal);
    }

    /// Ends who watches streams of an organization whose plan wants that when its bytes are used up.
    async fn end_viewers(&self, organization_id: OrganizationId) {
        for stream in self.active.hard(organization_id).into_iter().filter_map(stream) {
            self.revoke(Revocation::Before { stream, role: Role::Viewer, epoch: u32::MAX }).await;
        }
    }
}

impl Counted {
    /// What was used since the last time.
    fn take(&mut self, life: &Life, elapsed: Duration, live: bool, watching: u64) -> [(Metric, i64); 4] {
        let elapsed_ms = elapsed.as_millis() as u64;
        let received = life.measured().bytes;
        let delivered = life.delivered_bytes();
        let used = [
            (Metric::StreamingSeconds, seconds(&mut self.live_ms, if live { elapsed_ms } else { 0 })),
            (Metric::ViewerSeconds, seconds(&mut self.watched_ms, elapsed_ms.saturating_mul(watching))),
            (Metric::ReceivedBytes, received.saturating_sub(self.received)),
            (Metric::DeliveredBytes, delivered.saturating_sub(self.delivered)),
        ];
        // The counts of fan-outs that are gone are gone with them.
        (self.received, self.delivered) = (received, delivered);
        used.map(|(metric, amount)| (metric, i64::try_from(amount).unwrap_or(i64::MAX)))
    }
}

/// Adds milliseconds and takes the whole seconds.
fn seconds(ms: &mut u64, more: u64) -> u64 {
    *ms = ms.saturating_add(more);
    let whole = *ms / 1000;
    *ms %= 1000;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_seconds_are_carried_on() {
        let mut ms = 0;
        let whole: u64 = (0..10).map(|_| seconds(&mut ms, 1_750)).sum();
        assert_eq!((whole, ms), (17, 500));
    }
}
