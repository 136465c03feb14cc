//! What tenants' streams use: seconds live, seconds watched, bytes in and out.
//!
//! Taken from what each life counts, every few seconds and at the end of the process, and written down at once, with what the API
//! counts. What a crash loses is what was not taken yet; what was is never counted twice.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use platform_core::OrganizationId;
use tenancy::quota::Resource;
use tenancy::{Error, StreamId, usage};
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Shared;
use super::active::stream;
use super::allowance::{MONTHLY, Spent};
use super::books::{Books, Report};
use crate::app::App;
use crate::authority::{Revocation, Role};
use crate::live::{Life, Phase};

/// How often counts are taken.
const EVERY: Duration = Duration::from_secs(5);

/// How long the last counts are waited for, which may have to ask the database whose they are.
const LAST: Duration = Duration::from_secs(2);

/// What was taken so far.
pub(super) struct Taken(Mutex<(Books<Life>, Instant)>);

impl Default for Taken {
    fn default() -> Self {
        Self(Mutex::new((Books::default(), Instant::now())))
    }
}

/// Counts as long as the server runs.
pub(super) async fn run(shared: Weak<Shared>, app: Weak<App>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (Some(shared), Some(app)) = (shared.upgrade(), app.upgrade()) else { return };
        let streaming = shared.take_counts(&app).await;
        shared.api.usage.due.notify_one();
        shared.compare(&streaming).await;
    }
}

impl Shared {
    /// Takes what has not been taken, at the end of the process.
    pub(super) async fn take_last_counts(&self, app: &App) {
        if timeout(LAST, self.take_counts(app)).await.is_err() {
            tracing::warn!("what streams used in the last seconds is not counted: the database is away");
        }
    }

    /// Takes what was used since the last time; whose streams are here.
    async fn take_counts(&self, app: &App) -> BTreeSet<OrganizationId> {
        let mut taken = self.taken.0.lock().await;
        let (books, last) = &mut *taken;
        let now = Instant::now();
        let elapsed = now.duration_since(std::mem::replace(last, now));
        let viewers = app.viewers();
        let mut here = BTreeSet::new();
        for channel in app.registry.all() {
            let (Phase::Live(life) | Phase::Away(life) | Phase::Offline(Some(life))) = channel.phase() else {
                continue;
            };
            let Ok(id) = StreamId::parse(channel.id().as_str()) else { continue };
            if !self.open(id, &life, books).await {
                continue;
            }
            here.insert(id);
            let hls = viewers.get(channel.id()).copied().unwrap_or(0);
            let watching = hls + life.outputs.rtmp_players() + life.outputs.flv_players();
            self.add(books.report(id, elapsed, watching as u64));
        }
        self.add(books.close_others(&here));
        for (organization_id, limit) in self.audience.refused() {
            let resource = Resource::ConcurrentViewers;
            self.tell(&Error::QuotaExceeded { organization_id, resource, limit, current: limit });
        }
        books.organizations()
    }

    /// Opens the book of a life, unless it is; whether it is now.
    async fn open(&self, id: StreamId, life: &Arc<Life>, books: &mut Books<Life>) -> bool {
        if books.is_of(id, life) {
            return true;
        }
        let now = SystemTime::now().into();
        let admission = self.api.cache.admission(&self.api.db, self.api.tenancy.keys(), id, now).await;
        let Ok(admission) = admission else { return false };
        self.add(books.open(id, admission.organization_id(), admission.project_id(), life));
        true
    }

    fn add(&self, reports: impl IntoIterator<Item = Report>) {
        for Report { organization_id, project_id, used } in reports {
            for (metric, amount) in used {
                self.api.usage.count_media(organization_id, project_id, metric, amount);
            }
        }
    }

    /// Looks who has used up what, and ends what a plan ends.
    async fn compare(&self, streaming: &BTreeSet<OrganizationId>) {
        let now = SystemTime::now().into();
        let levels = |id| {
            let api = Arc::clone(&self.api);
            async move { usage::monthly(&mut api.db.read().await?, id, &MONTHLY, now).await }
        };
        for spent in self.allowance.compare(streaming, levels).await {
            let Spent { organization_id, resource, limit, current } = spent;
            tracing::warn!(%organization_id, %resource, "an organization has used what its plan allows a month");
            self.tell(&Error::QuotaExceeded { organization_id, resource, limit, current });
            if resource == Resource::DeliveredBytes {
                self.end_viewers(organization_id).await;
            }
        }
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
