//! Publishers whose keys name no project, under an application name that an operator has bound to one: its hook decides.

use std::sync::Arc;

use platform_core::{ProjectId, WallTime};
use tenancy::admission::Publishing;
use tenancy::hook::HookEvent;
use tenancy::{Error, StreamId, stream};

use super::active::Publisher;
use super::hooked::Hooked;
use super::publish::busy;
use super::{Shared, denied, refused};
use crate::authority::{Denied, DeniedCode, Grant, Publish, TIMEOUT, decide};

impl Shared {
    /// Decides on a publisher by its application; `None` when that is bound to no project.
    pub(super) async fn publish_by_app(
        self: Arc<Self>,
        ask: &Publish,
        now: WallTime,
    ) -> Result<Option<Grant>, Denied> {
        let bound = decide(TIMEOUT, async {
            let app = match self.api.cache.app(&self.api.db, &ask.app, now).await {
                Ok(app) => app,
                Err(Error::NotFound) => return Ok(None),
                Err(error) => return Err(refused(&error.into())),
            };
            let keys = self.api.tenancy.keys();
            let tenant = self.api.cache.tenant(&self.api.db, keys, app.project_id, now).await;
            Ok(Some((app, tenant.map_err(|error| refused(&error.into()))?)))
        });
        let Some((app, tenant)) = bound.await? else { return Ok(None) };
        let name = ask.key.expose();
        let hooked = Hooked { name, stream_id: None, app: &ask.app };
        let asked = self.asked(&tenant, HookEvent::Publish, &hooked, ask.remote, &ask.client);
        let asked = asked.filter(super::hooked::Asked::decides);
        let why = "the application is bound to a project without a hook for publishing";
        let asked = asked.ok_or_else(|| denied(DeniedCode::BadCredential, why))?;
        let allowed = asked.answer(app.allow_rename).await?;
        let name = allowed.renamed.as_deref().unwrap_or(name);
        let seated = async {
            let (leave, used) = self.named(app.project_id, name, now).await?;
            self.seat(leave, used, Some(asked)).await
        };
        decide(TIMEOUT, seated).await.map(Some)
    }

    /// Leave to publish the stream of a project that has this id, or this name.
    async fn named(
        self: &Arc<Self>,
        project_id: ProjectId,
        name: &str,
        now: WallTime,
    ) -> Result<(Publishing, super::active::Used), Denied> {
        let none = || denied(DeniedCode::BadCredential, "the hook let in what is no stream of its project");
        let id = match StreamId::parse(name) {
            Ok(id) => id,
            Err(_) => self.of_name(project_id, name).await.map_err(|error| match error {
                Error::NotFound => none(),
                error => refused(&error.into()),
            })?,
        };
        let known = super::active::stream(id).ok_or_else(none)?;
        let (admission, mut used) = self.enter(&known, now).await?;
        if admission.project_id() != project_id {
            return Err(none());
        }
        admission.publishable(now).map_err(|why| refused(&why))?;
        let expires_at = admission.stream.ends_at;
        let leave = Publishing { key_id: None, token: None, admission, expires_at };
        used.publish(Publisher::of(&leave));
        // What has changed since it was entered may have passed the publisher by.
        if self.is_current(&leave.admission, now) { Ok((leave, used)) } else { Err(busy()) }
    }

    async fn of_name(&self, project_id: ProjectId, name: &str) -> Result<StreamId, Error> {
        stream::of_name(&mut self.api.db.read().await?, project_id, name).await
    }
}
