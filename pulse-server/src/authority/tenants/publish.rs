//! Who may publish: stream keys and publishing tokens, within a schedule and a plan.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use platform_core::{Secret, WallTime};
use tenancy::admission::{Admission, Publishing, Refused};
use tenancy::hook::HookEvent;
use tenancy::quota::Resource;
use tenancy::usage::{self, Metric};
use tenancy::{AppId, StreamId};
use tokio::time::timeout;

use super::active::Publisher;
use super::hooked::{Asked, Hooked};
use super::loads::detached;
use super::terms::publisher;
use super::watch::is_in;
use super::{Shared, denied, refused};
use crate::authority::{Denied, DeniedCode, Grant, Guard, Publish, TIMEOUT, decide};

/// How long the database is waited for where something is known without it.
const SOON: Duration = Duration::from_millis(500);
/// How often what is known of a stream may change while it is looked at.
const ATTEMPTS: usize = 4;

impl Shared {
    /// Decides on a publisher, and takes its place.
    pub(super) async fn publish(self: Arc<Self>, ask: Publish, now: WallTime) -> Result<Grant, Denied> {
        let (leave, used) = decide(TIMEOUT, self.leave(&ask, now)).await?;
        let name = leave.admission.stream.id.to_string();
        let hooked = Hooked { name: &name, stream_id: Some(&name), app: &ask.app };
        let asked = self.asked(&leave.admission.tenant, HookEvent::Publish, &hooked, ask.remote, &ask.client);
        if let Some(asked) = &asked {
            asked.answer(false).await?;
        }
        decide(TIMEOUT, self.seat(leave, None, used, asked)).await
    }

    /// Takes the place of a publisher who may have it, by its key or token or by what the hook of its application says.
    pub(super) async fn seat(
        &self,
        leave: Publishing,
        app: Option<AppId>,
        used: super::active::Used,
        asked: Option<Asked>,
    ) -> Result<Grant, Denied> {
        let Publishing { key_id, token, admission, .. } = leave;
        let id = admission.stream.id;
        self.hours_left(&admission).await?;
        let takeover = self.api.config().ingest.takeover;
        let lease = self.leases.take(&self.api, id, key_id, takeover).await?;
        let stream = super::active::stream(id)
            .ok_or_else(|| denied(DeniedCode::BadCredential, "the stream's id is none of the live path's"))?;
        let mut grant =
            Grant::new(stream, publisher(admission.stream.publish_epoch, key_id, token.as_ref(), app));
        grant.guard = Guard::new((lease, used, asked.map(Asked::until_gone)));
        Ok(grant)
    }

    /// Whether anything is left of the month's streaming hours: as far as is known here, and as is written down, by other servers too.
    async fn hours_left(&self, admission: &Admission) -> Result<(), Denied> {
        let (id, resource) = (admission.organization_id(), Resource::StreamingSeconds);
        self.allowance.check(id, resource)?;
        let Some(limit) = admission.tenant.limit(resource) else { return Ok(()) };
        let used = async {
            let mut tx = self.api.db.read().await?;
            usage::of_month(&mut tx, id, &[Metric::StreamingSeconds], SystemTime::now().into()).await
        };
        // Without the database it is as far as is known here.
        let used = timeout(SOON, used).await.unwrap_or_else(|_| Ok(BTreeMap::new())).unwrap_or_default();
        let used = used.get(&Metric::StreamingSeconds).copied().unwrap_or(0);
        if used < limit {
            return Ok(());
        }
        Err(denied(DeniedCode::UsedUp, format!("{id} has used its {resource} of this month, {limit}")))
    }

    /// Leave to publish, on what is known from the moment on at which the stream is in use.
    async fn leave(
        self: &Arc<Self>,
        ask: &Publish,
        now: WallTime,
    ) -> Result<(Publishing, super::active::Used), Denied> {
        for _ in 0..ATTEMPTS {
            let leave = self.look_up(ask, now).await.map_err(|why| refused(&why))?;
            if leave.network.as_ref().is_some_and(|network| !is_in(network, ask.remote.ip())) {
                return Err(denied(DeniedCode::BadCredential, "the token is for another network"));
            }
            let mut used = self.active.enter(&leave.admission);
            used.publish(Publisher::of(&leave));
            if self.is_current(&leave.admission, now) {
                return Ok((leave, used));
            }
        }
        Err(busy())
    }

    /// Whether key or token are good; by what was known lately, if the database takes its time.
    async fn look_up(&self, ask: &Publish, now: WallTime) -> Result<Publishing, Refused> {
        let (cache, keys) = (&self.api.cache, self.api.tenancy.keys());
        let api = Arc::clone(&self.api);
        let Some(token) = &ask.token else {
            let key = Secret::new(ask.key.expose());
            let asked = key.clone();
            let asked = async move { api.cache.publish(&api.db, api.tenancy.keys(), &asked, now).await };
            return soon(detached(asked), || cache.known_publish(keys, &key, now)).await;
        };
        let token = Secret::new(token.expose());
        let asked = token.clone();
        let asked = async move { api.cache.publish_by_token(&api.db, api.tenancy.keys(), &asked, now).await };
        let leave = soon(detached(asked), || cache.known_publish_by_token(&token, now)).await?;
        let id = leave.admission.stream.id;
        // The stream that the address names, and no other.
        if id.to_string() == ask.key.expose() { Ok(leave) } else { Err(Refused::OtherStream(id)) }
    }

    /// Whether this is what is known at this moment.
    pub(super) fn is_current(&self, admission: &Arc<Admission>, now: WallTime) -> bool {
        let known = self.api.cache.known_admission(admission.stream.id, now);
        known.is_some_and(|known| Arc::ptr_eq(&known, admission))
    }
}

/// What is known changes faster than it can be looked at.
pub(super) fn busy() -> Denied {
    let why = "the stream is being changed again and again".to_owned();
    Denied { code: DeniedCode::Unavailable, retry_after: Some(Duration::from_secs(1)), why }
}

impl Shared {
    /// What is known of a stream, which is in use from now on.
    pub(super) async fn enter(
        self: &Arc<Self>,
        stream: &crate::stream_id::StreamId,
        now: WallTime,
    ) -> Result<(Arc<Admission>, super::active::Used), Denied> {
        let unknown = || denied(DeniedCode::UnknownStream, "there is no such stream");
        let id = tenancy::StreamId::parse(stream.as_str()).map_err(|_| unknown())?;
        for _ in 0..ATTEMPTS {
            let admission = self.known(id, now).await.map_err(|error| match error {
                tenancy::Error::NotFound => unknown(),
                error => refused(&error.into()),
            })?;
            let used = self.active.enter(&admission);
            if self.is_current(&admission, now) {
                admission.open().map_err(|why| refused(&why.into()))?;
                return Ok((admission, used));
            }
        }
        Err(busy())
    }

    /// What is known of a stream; what was known lately, if the database takes its time.
    async fn known(&self, id: StreamId, now: WallTime) -> Result<Arc<Admission>, tenancy::Error> {
        let asked = self.loads.admission(&self.api, id, now);
        soon(asked, || self.api.cache.known_admission(id, now).map(Ok)).await
    }
}

/// What the database says; what is known without it, if it takes its time.
pub(super) async fn soon<T, E>(
    asked: impl Future<Output = Result<T, E>>,
    known: impl FnOnce() -> Option<Result<T, E>>,
) -> Result<T, E> {
    let mut asked = std::pin::pin!(asked);
    match timeout(SOON, asked.as_mut()).await {
        Ok(answer) => answer,
        Err(_) => match known() {
            Some(known) => known,
            None => asked.await,
        },
    }
}
