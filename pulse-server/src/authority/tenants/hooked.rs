//! Whom a project's hook is asked about, and told of when it is gone.

use std::net::SocketAddr;
use std::sync::Arc;

use tenancy::admission::{HookSetup, Tenant};
use tenancy::hook::HookEvent;

use super::Shared;
use crate::authority::hook::{Allowed, Hooks, Question};
use crate::authority::{Client, Denied};
use crate::config::Config;

/// What is to be published or played.
pub(super) struct Hooked<'a> {
    /// As the peer named it; of a tenant's stream its id.
    pub(super) name: &'a str,
    /// Where it is known.
    pub(super) stream_id: Option<&'a str>,
    pub(super) app: &'a str,
}

/// A question to a hook.
pub(super) struct Asked {
    hooks: Arc<Hooks>,
    setup: HookSetup,
    question: Question,
    config: Arc<Config>,
}

impl Shared {
    /// The question to the hook of a project; `None` where it has none for this.
    pub(super) fn asked(
        &self,
        tenant: &Tenant,
        event: HookEvent,
        hooked: &Hooked<'_>,
        remote: SocketAddr,
        client: &Client,
    ) -> Option<Asked> {
        let setup = tenant.hook.as_ref()?;
        let tells = event == HookEvent::Publish && setup.hook.asks(HookEvent::Done);
        if !setup.hook.asks(event) && !tells {
            return None;
        }
        let question = Question {
            event,
            project_id: tenant.project_id,
            app: hooked.app.to_owned(),
            name: hooked.name.to_owned(),
            stream_id: hooked.stream_id.map(str::to_owned),
            address: remote.ip(),
            client: client.clone(),
            client_id: self.hooks.number(),
        };
        Some(Asked {
            hooks: Arc::clone(&self.hooks),
            setup: setup.clone(),
            question,
            config: self.api.config(),
        })
    }
}

impl Asked {
    /// Whether the hook decides at all, or is only told.
    pub(super) fn decides(&self) -> bool {
        self.setup.hook.asks(self.question.event)
    }

    /// What the hook says; who it is only told of may go on.
    pub(super) async fn answer(&self, may_rename: bool) -> Result<Allowed, Denied> {
        if !self.decides() {
            return Ok(Allowed { renamed: None });
        }
        self.hooks.ask(&self.setup, &self.question, &self.config, may_rename).await
    }

    /// Tells the hook of the publisher's end, when this is dropped.
    pub(super) fn until_gone(self) -> Option<Told> {
        self.setup.hook.asks(HookEvent::Done).then(|| Told(Some(self)))
    }
}

/// A publisher of whose end a hook is told.
pub(super) struct Told(Option<Asked>);

impl Drop for Told {
    fn drop(&mut self) {
        let Some(Asked { hooks, setup, mut question, config }) = self.0.take() else { return };
        question.event = HookEvent::Done;
        hooks.tell(setup, question, config);
    }
}
