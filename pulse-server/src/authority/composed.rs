//! The server's own authority: tenants' streams by their form, all others as they are configured.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::tenants::Tenants;
use super::{Authority, Configured, Decision, DeniedCode, Publish, Resume, Revocation, View};
use crate::stream_id::StreamId;

/// Revocations waiting to be carried out.
const PENDING_REVOCATIONS: usize = 1024;

/// Asks [`Tenants`] about what has the form of theirs, and [`Configured`] about the rest; about what an operator configured always, which
/// may look like anything.
pub(crate) struct Composed {
    configured: Arc<Configured>,
    tenants: Arc<Tenants>,
}

impl Composed {
    /// Of both.
    pub(crate) fn new(configured: Arc<Configured>, tenants: Arc<Tenants>) -> Self {
        Self { configured, tenants }
    }

    fn of_stream(&self, stream: &StreamId) -> &dyn Authority {
        if stream.is_tenants() && !self.configured.has_stream(stream) {
            &*self.tenants
        } else {
            &*self.configured
        }
    }
}

impl Authority for Composed {
    fn publish(&self, ask: Publish) -> Decision {
        let key = ask.key.expose();
        if self.configured.has_key(key) {
            return self.configured.publish(ask);
        }
        // A stream's name without a token is no credential; under the application of a project it may be enough.
        let names_stream = StreamId::parse(key).is_some_and(|stream| stream.is_tenants());
        if Tenants::owns_key(key) || names_stream && ask.token.is_some() {
            return self.tenants.publish(ask);
        }
        let (tenants, configured) = (Arc::clone(&self.tenants), Arc::clone(&self.configured));
        Box::pin(async move {
            let bound = match tenants.bound(&ask.app).await {
                // Whose the application is cannot be known; who is asked for nothing but a name for the stream is not kept out by that.
                Err(unknown)
                    if unknown.code == DeniedCode::Unavailable
                        && !names_stream
                        && configured.opens_to(&ask) =>
                {
                    None
                }
                bound => bound?,
            };
            match bound {
                Some(bound) => tenants.publish_by_app(&ask, bound).await,
                None if names_stream => tenants.publish(ask).await,
                None => configured.publish(ask).await,
            }
        })
    }

    fn patience(&self) -> Duration {
        self.tenants.patience()
    }

    fn play(&self, ask: View) -> Decision {
        self.of_stream(&ask.stream).play(ask)
    }

    fn view(&self, ask: View) -> Decision {
        self.of_stream(&ask.stream).view(ask)
    }

    fn resume(&self, ask: Resume) -> Decision {
        self.of_stream(&ask.stream).resume(ask)
    }

    fn revocations(&self) -> mpsc::Receiver<Revocation> {
        let (sender, receiver) = mpsc::channel(PENDING_REVOCATIONS);
        for mut of in [self.configured.revocations(), self.tenants.revocations()] {
            let sender = sender.clone();
            tokio::spawn(async move {
                while let Some(revocation) = of.recv().await {
                    if sender.send(revocation).await.is_err() {
                        return;
                    }
                }
            });
        }
        receiver
    }
}
