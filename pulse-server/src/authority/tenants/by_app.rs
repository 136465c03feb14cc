//! Publishers whose keys name no project, under an application name that an operator has bound to one: its hook decides.

use std::sync::Arc;

use platform_core::{ProjectId, WallTime};
use tenancy::admission::{Publishing, Refused};
use tenancy::app::App;
use tenancy::hook::HookEvent;
use tenancy::{Error, StreamId, stream};

use super::active::Publisher;
use super::hooked::Hooked;
use super::loads::detached;
use super::publish::{busy, soon};
use super::{Shared, denied, refused};
use crate::authority::{Denied, DeniedCode, Grant, Publish, TIMEOUT, decide};

impl Shared {
    /// To what an application name is bound; `None` when it is not. All names that are bound are in memory, so that none that an
    /// encoder makes up is a question to the database.
    pub(super) async fn bound(&self, name: &str, now: WallTime) -> Result<Option<Arc<App>>, Denied> {
        let bound = decide(TIMEOUT, async {
            match self.app(name, now).await {
                Ok(app) => Ok(Some(app)),
                Err(Error::NotFound) => Ok(None),
                Err(error) => Err(refused(&error.into())),
            }
        });
        bound.await
    }

    /// What is bound to an application name; what was lately, if the database takes its time.
    pub(super) async fn app(&self, name: &str, now: WallTime) -> Result<Arc<App>, Error> {
        if let Some(known) = self.api.cache.fresh_app(name) {
            return known;
        }
        let (api, asked) = (Arc::clone(&self.api), name.to_owned());
        let asked = detached(async move { api.cache.app(&api.db, &asked, now).await });
        soon(asked, || self.api.cache.known_app(name, now)).await
    }

    /// Decides on a publisher by the hook of the project to which its application is bound.
    pub(super) async fn publish_by_app(
        self: Arc<Self>,
        ask: &Publish,
        app: Arc<App>,
        now: WallTime,
    ) -> Result<Grant, Denied> {
        let (api, project_id) = (Arc::clone(&self.api), app.project_id);
        let tenant = detached(async move {
            api.cache.tenant(&api.db, api.tenancy.keys(), project_id, now).await.map_err(Refused::from)
        });
        let tenant = soon(tenant, || self.api.cache.known_tenant(project_id, now).map(Ok));
        let tenant = decide(TIMEOUT, async { tenant.await.map_err(|why| refused(&why)) }).await?;
        let name = ask.key.expose();
        let hooked = Hooked { name, stream_id: None, app: &ask.app };
        let asked = self.asked(&tenant, HookEvent::Publish, &hooked, ask.remote, &ask.client);
        let asked = asked.filter(super::hooked::Asked::decides);
        let why = "the application is bound to a project without a hook for publishing";
        let asked = asked.ok_or_else(|| denied(DeniedCode::BadCredential, why))?;
        let allowed = asked.answer(app.allow_rename).await?;
        let name = allowed.renamed.as_deref().unwrap_or(name);
        let seated = async {
            let (leave, used) = self.named(&app, name, now).await?;
            self.seat(leave, Some(app.id), used, Some(asked)).await
        };
        decide(TIMEOUT, Box::pin(seated)).await
    }

    /// Leave to publish the stream of a project that has this id, or this name.
    async fn named(
        self: &Arc<Self>,
        app: &Arc<App>,
        name: &str,
        now: WallTime,
    ) -> Result<(Publishing, super::active::Used), Denied> {
        let none = || denied(DeniedCode::BadCredential, "the hook let in what is no stream of its project");
        let id = match StreamId::parse(name) {
            Ok(id) => id,
            Err(_) => self.of_name(app.project_id, name).await.map_err(|error| match error {
                Error::NotFound => none(),
                error => refused(&error.into()),
            })?,
        };
        let known = super::active::stream(id).ok_or_else(none)?;
        let (admission, mut used) = self.enter(&known, now).await?;
        if admission.project_id() != app.project_id {
            return Err(none());
        }
        admission.publishable(now).map_err(|why| refused(&why))?;
        let expires_at = admission.stream.ends_at;
        let leave = Publishing { key_id: None, token: None, network: None, admission, expires_at };
        used.publish(Publisher { app: Some(Arc::clone(app)), ..Publisher::of(&leave) });
        // What has changed since it was entered may have passed the publisher by.
        let known = self.api.cache.known_app(&app.name, now);
        let bound = known.is_some_and(|known| known.is_ok_and(|known| known.id == app.id));
        if bound && self.is_current(&leave.admission, now) { Ok((leave, used)) } else { Err(busy()) }
    }

    async fn of_name(&self, project_id: ProjectId, name: &str) -> Result<StreamId, Error> {
        stream::of_name(&mut self.api.db.read().await?, project_id, name).await
    }
}
