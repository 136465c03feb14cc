//! What the live path asks.

use std::sync::Arc;

use platform_core::{ProjectId, Secret, WallTime};

use super::Cache;
use crate::admission::{
    self, Admission, Affected, KnownStreamKey, Publishing, Purpose, Refused, Tenant, concerns,
};
use crate::app::{App, Apps};
use crate::revocation::Bearer;
use crate::store::{BoxFuture, Entity, Store};
use crate::vault::Keys;
use crate::{Error, StreamId, stream_key, token};

/// Bytes of what is known of streams, of projects and of keys, 64 MiB each: some 60,000 streams.
pub(super) const BYTES: usize = 64 * 1024 * 1024;
/// Ids and keys that are known not to be there, 50,000 of about 100 bytes.
pub(super) const ABSENT: usize = 50_000;

impl Cache {
    /// What is to be known of a stream, to publish or play it. That a stream does not exist is remembered too.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; the store's, when the stream was not known before, or is not good
    /// [without it](super::WithoutStore).
    pub async fn admission<S: Store>(
        &self,
        store: &S,
        keys: &Keys,
        id: StreamId,
        now: WallTime,
    ) -> Result<Arc<Admission>, Error> {
        let load = || self.load_admission(store, keys, id, now);
        self.admissions.look(id, now, Admission::weight, load).await
    }

    /// The same, but nothing that is in doubt: for whoever asks what has changed.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; the store's.
    pub async fn admission_anew<S: Store>(
        &self,
        store: &S,
        keys: &Keys,
        id: StreamId,
        now: WallTime,
    ) -> Result<Arc<Admission>, Error> {
        let load = || self.load_admission(store, keys, id, now);
        self.admissions.look_anew(id, Admission::weight, load).await
    }

    async fn load_admission<S: Store>(
        &self,
        store: &S,
        keys: &Keys,
        id: StreamId,
        now: WallTime,
    ) -> Result<Admission, Error> {
        let mut tx = store.read().await?;
        let stream = admission::present(&mut tx, id).await?;
        let project_id = stream.project_id;
        // It may have to be loaded as well, which needs a connection.
        drop(tx);
        // Not what was good only for want of a store: that would pass for new here.
        let tenant = self.tenants.look_anew(project_id, Tenant::weight, load_tenant(store, keys, project_id));
        let tenant = tenant.await?;
        admission::assemble(&mut store.read().await?, stream, tenant, now).await
    }

    /// What is known of a stream without asking the store: for when that does not answer. `None` if nothing is, or if it was
    /// too long ago.
    pub fn known_admission(&self, id: StreamId, now: WallTime) -> Option<Arc<Admission>> {
        self.admissions.peek(&id, now)
    }

    /// What is known of a stream and in no doubt: what [`admission`](Self::admission) answers at once.
    pub fn fresh_admission(&self, id: StreamId) -> Option<Arc<Admission>> {
        self.admissions.fresh(&id)
    }

    /// What the streams of a project have in common, with its hook.
    ///
    /// # Errors
    ///
    /// As [`admission`](Self::admission).
    pub async fn tenant<S: Store>(
        &self,
        store: &S,
        keys: &Keys,
        id: ProjectId,
        now: WallTime,
    ) -> Result<Arc<Tenant>, Error> {
        self.tenants.look(id, now, Tenant::weight, load_tenant(store, keys, id)).await
    }

    /// The same without asking the store: for when that does not answer. `None` if nothing is.
    pub fn known_tenant(&self, id: ProjectId, now: WallTime) -> Option<Arc<Tenant>> {
        self.tenants.peek(&id, now)
    }

    /// To which project an RTMP application name is bound. All names that are bound are known together, so that no other one costs
    /// a question.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when it is not; the store's, as with [`admission`](Self::admission).
    pub async fn app<S: Store>(&self, store: &S, name: &str, now: WallTime) -> Result<Arc<App>, Error> {
        let load = || async move { Apps::load(&mut store.read().await?).await };
        self.apps.look((), now, Apps::weight, load).await?.of_name(name).ok_or(Error::NotFound)
    }

    /// The same, but nothing that is in doubt: for whoever asks what has changed.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when it is not; the store's.
    pub async fn app_anew<S: Store>(&self, store: &S, name: &str) -> Result<Arc<App>, Error> {
        let load = || async move { Apps::load(&mut store.read().await?).await };
        self.apps.look_anew((), Apps::weight, load).await?.of_name(name).ok_or(Error::NotFound)
    }

    /// The same without asking the store: for when that does not answer. `None` if nothing is known of any name.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when it is not bound.
    pub fn known_app(&self, name: &str, now: WallTime) -> Option<Result<Arc<App>, Error>> {
        self.apps.peek(&(), now).map(|apps| apps.of_name(name).ok_or(Error::NotFound))
    }

    /// The same of what is in no doubt: what [`app`](Self::app) answers at once.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when it is not bound.
    pub fn fresh_app(&self, name: &str) -> Option<Result<Arc<App>, Error>> {
        self.apps.fresh(&()).map(|apps| apps.of_name(name).ok_or(Error::NotFound))
    }

    /// Of which stream a key is, good or not. That there is no such key is remembered too; what does not look like a key is not even
    /// asked for.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; the store's, as with [`admission`](Self::admission).
    pub async fn stream_key<S: Store>(
        &self,
        store: &S,
        keys: &Keys,
        key: &Secret,
        now: WallTime,
    ) -> Result<Arc<KnownStreamKey>, Error> {
        if key.expose_str().and_then(stream_key::project_of).is_none() {
            return Err(Error::NotFound);
        }
        let lookup = stream_key::lookup(keys, key.expose());
        let load = || async move { admission::of_key(&mut store.read().await?, keys, key).await };
        self.stream_keys.look(lookup, now, |_| 192, load).await
    }

    /// Whether an encoder may publish with a stream key: the key is good, and its stream may be published now. Whether the
    /// stream's place is free, and how many streams the organization publishes, is for [`lease::take`](crate::lease::take).
    ///
    /// # Errors
    ///
    /// Why not.
    pub async fn publish<S: Store>(
        &self,
        store: &S,
        keys: &Keys,
        key: &Secret,
        now: WallTime,
    ) -> Result<Publishing, Refused> {
        let key = self.stream_key(store, keys, key, now).await.map_err(|error| match error {
            Error::NotFound => Refused::UnknownKey,
            error => error.into(),
        })?;
        let admission = self.opened(store, keys, key.stream_id, now).await?;
        by_key(&key, admission, now)
    }

    /// The same without asking the store: for when that does not answer. `None` if key or stream are not known.
    pub fn known_publish(
        &self,
        keys: &Keys,
        key: &Secret,
        now: WallTime,
    ) -> Option<Result<Publishing, Refused>> {
        let key = self.stream_keys.peek(&stream_key::lookup(keys, key.expose()), now)?;
        Some(by_key(&key, self.known_admission(key.stream_id, now)?, now))
    }

    /// Whether an encoder may publish with a token of [`Purpose::Publish`], which says of which stream.
    ///
    /// # Errors
    ///
    /// Why not.
    pub async fn publish_by_token<S: Store>(
        &self,
        store: &S,
        keys: &Keys,
        token: &Secret,
        now: WallTime,
    ) -> Result<Publishing, Refused> {
        let id = token::stream_of(token).ok_or(Refused::Malformed)?;
        let admission = self.opened(store, keys, id, now).await?;
        by_token(token, admission, now)
    }

    /// The same without asking the store: for when that does not answer. `None` if the stream is not known.
    pub fn known_publish_by_token(
        &self,
        token: &Secret,
        now: WallTime,
    ) -> Option<Result<Publishing, Refused>> {
        let admission = self.known_admission(token::stream_of(token)?, now)?;
        Some(by_token(token, admission, now))
    }

    async fn opened<S: Store>(
        &self,
        store: &S,
        keys: &Keys,
        id: StreamId,
        now: WallTime,
    ) -> Result<Arc<Admission>, Refused> {
        self.admission(store, keys, id, now).await.map_err(|error| match error {
            Error::NotFound => Refused::UnknownStream,
            error => error.into(),
        })
    }

    /// Forgets what of streams, projects and stream keys rests on something that has changed.
    pub(super) fn forget_admissions(&self, entity: &Entity) {
        match concerns(entity) {
            Some(Affected::Stream(id) | Affected::StreamKeys(id)) => self.admissions.forget(&id),
            Some(Affected::Project(id) | Affected::SigningKeys(id)) => {
                self.tenants.forget(&id);
                self.admissions.forget_where(|_, admission| admission.project_id() == id);
            }
            Some(Affected::Organization(id)) => {
                self.tenants.forget_where(|_, tenant| tenant.organization_id == id);
                self.admissions.forget_where(|_, admission| admission.organization_id() == id);
            }
            Some(Affected::Plan(id)) => {
                self.tenants.forget_where(|_, tenant| tenant.plan_id == id);
                self.admissions.forget_where(|_, admission| admission.tenant.plan_id == id);
            }
            Some(Affected::App(_)) => self.apps.forget(&()),
            Some(Affected::Lease(_)) | None => {}
        }
    }
}

/// How a project is loaded.
fn load_tenant<'s, S: Store>(
    store: &'s S,
    keys: &'s Keys,
    id: ProjectId,
) -> impl Fn() -> BoxFuture<'s, Result<Tenant, Error>> {
    move || Box::pin(async move { admission::tenant(&mut store.read().await?, keys, id).await })
}

fn by_key(key: &KnownStreamKey, admission: Arc<Admission>, now: WallTime) -> Result<Publishing, Refused> {
    let ends_at = admission.stream_key(key.id, now)?;
    admission.publishable(now)?;
    let expires_at = earlier(ends_at, admission.stream.ends_at);
    Ok(Publishing { key_id: Some(key.id), token: None, network: None, admission, expires_at })
}

fn by_token(token: &Secret, admission: Arc<Admission>, now: WallTime) -> Result<Publishing, Refused> {
    let claims = admission.verify(token, Purpose::Publish, now)?;
    let token = token::key_id(token).map(|key_id| (key_id, Bearer::of(&claims)));
    admission.publishable(now)?;
    let expires_at = admission.stream.ends_at;
    Ok(Publishing { key_id: None, token, network: claims.ip, admission, expires_at })
}

fn earlier(a: Option<WallTime>, b: Option<WallTime>) -> Option<WallTime> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
