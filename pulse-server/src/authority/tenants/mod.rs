//! The authority over tenants' streams: what the store of organizations, projects, streams and keys says, at media speed.
//!
//! What is decided rests on an [`Admission`](tenancy::admission::Admission), kept in memory and forgotten when it changes; no request
//! of a viewer asks the database. A publisher's place is a lease, written down. Changes are followed, whichever server made them, and what
//! they take away is revoked. While the database is away, what flows goes on, and what was known is good for as long as the operator
//! says (`database.outage_grace_s`, `database.after_outage_grace`); whoever is not known is not admitted.

mod active;
mod allowance;
mod audience;
mod books;
mod by_app;
mod follow;
mod hooked;
mod leases;
mod loads;
mod metering;
mod minting;
mod publish;
mod terms;
mod watch;

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use platform_core::sql::{self, Changes};
use tenancy::admission::Refused;
use tenancy::app::App as BoundApp;
use tenancy::lease::Node;
use tokio::sync::mpsc;

use super::hook::Hooks;
use super::{Authority, Decision, Denied, DeniedCode, Grant, Publish, Resume, Revocation, TIMEOUT, View};
use crate::app::App;
use crate::v1::Api;
use active::Active;
use allowance::Allowance;
use audience::Audience;
use leases::Leases;
use loads::Loads;
use metering::Taken;
use minting::Minting;

/// Revocations waiting to be carried out.
const PENDING_REVOCATIONS: usize = 1024;

/// Admits publishers and viewers of tenants' streams.
pub(crate) struct Tenants {
    shared: Arc<Shared>,
    revocations: Mutex<Option<mpsc::Receiver<Revocation>>>,
}

struct Shared {
    api: Arc<Api>,
    active: Arc<Active>,
    audience: Arc<Audience>,
    allowance: Allowance,
    taken: Taken,
    leases: Arc<Leases>,
    loads: Arc<Loads>,
    hooks: Arc<Hooks>,
    minting: Minting,
    revoked: mpsc::Sender<Revocation>,
}

impl Tenants {
    /// The authority of this node, which follows what changes from now on.
    ///
    /// # Errors
    /// When the database does not tell of changes.
    pub(crate) async fn start(api: Arc<Api>, node: Node) -> Result<Self, sql::Error> {
        let changes: Changes = api.db.changes().await?;
        let (revoked, revocations) = mpsc::channel(PENDING_REVOCATIONS);
        let (leases, news) = Leases::new(node);
        let minting = Minting::new(api.config().limits.sessions_per_address);
        let shared = Arc::new(Shared {
            api,
            active: Arc::default(),
            audience: Arc::default(),
            allowance: Allowance::default(),
            taken: Taken::default(),
            leases,
            loads: Arc::default(),
            hooks: Arc::default(),
            minting,
            revoked,
        });
        tokio::spawn(follow::follow(Arc::downgrade(&shared), changes));
        tokio::spawn(leases::keep(Arc::downgrade(&shared), news));
        Ok(Self { shared, revocations: Mutex::new(Some(revocations)) })
    }

    /// To what an RTMP application name is bound; `None` when it is not.
    pub(super) async fn bound(&self, app: &str) -> Result<Option<Arc<BoundApp>>, Denied> {
        self.shared.bound(app, SystemTime::now().into()).await
    }

    /// Decides on a publisher by the hook of the project to which its application is bound.
    pub(super) async fn publish_by_app(&self, ask: &Publish, bound: Arc<BoundApp>) -> Result<Grant, Denied> {
        // Elsewhere in the log an application's name is not shown: it may be a key in the wrong place.
        let shown = |denied: Denied| Denied {
            why: format!("{}; the application is {:?}", denied.why, bound.name),
            ..denied
        };
        let decided =
            Arc::clone(&self.shared).publish_by_app(ask, Arc::clone(&bound), SystemTime::now().into());
        decided.await.map_err(shown)
    }

    /// Counts what tenants' streams use, from now on.
    pub(crate) fn meter(&self, app: Weak<App>) {
        tokio::spawn(metering::run(Arc::downgrade(&self.shared), app));
    }

    /// Counts what was used until now, and gives up what this process holds in the database.
    pub(crate) async fn stop(&self, app: &App) {
        self.shared.take_last_counts(app).await;
        if let Err(error) = self.shared.give_up_leases().await {
            tracing::warn!(%error, "publishers' leases are not given up; they end by themselves");
        }
    }

    /// Whether this has the form of a tenant's stream key.
    pub(super) fn owns_key(key: &str) -> bool {
        tenancy::stream_key::project_of(key).is_some()
    }
}

impl Shared {
    async fn revoke(&self, revocation: Revocation) {
        // Fails only when the server is gone, and with it everything that was granted.
        let _ = self.revoked.send(revocation).await;
    }
}

impl Authority for Tenants {
    fn publish(&self, ask: Publish) -> Decision {
        Box::pin(Arc::clone(&self.shared).publish(ask, SystemTime::now().into()))
    }

    fn play(&self, ask: View) -> Decision {
        Box::pin(Arc::clone(&self.shared).play(ask, SystemTime::now().into()))
    }

    fn view(&self, ask: View) -> Decision {
        Box::pin(Arc::clone(&self.shared).view(ask, SystemTime::now().into()))
    }

    fn resume(&self, ask: Resume) -> Decision {
        Box::pin(Arc::clone(&self.shared).resume(ask, SystemTime::now().into()))
    }

    /// Each of its own steps has [`TIMEOUT`], a hook what it is given.
    fn patience(&self) -> Duration {
        // Whose the application is, who that is, and a place; between them the hook.
        TIMEOUT * 3 + tenancy::hook::MAX_TIMEOUT
    }

    fn revocations(&self) -> mpsc::Receiver<Revocation> {
        let taken = self.revocations.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Asked a second time, it has nothing more to say.
        taken.unwrap_or_else(|| mpsc::channel(1).1)
    }
}

fn denied(code: DeniedCode, why: impl Into<String>) -> Denied {
    Denied { code, retry_after: None, why: why.into() }
}

/// What the peer may learn of a refusal.
fn refused(why: &Refused) -> Denied {
    let code = match why {
        Refused::UnknownStream => DeniedCode::UnknownStream,
        Refused::Undecided(_) => DeniedCode::Unavailable,
        _ => DeniedCode::BadCredential,
    };
    let retry_after = (code == DeniedCode::Unavailable).then_some(Duration::from_secs(2));
    Denied { code, retry_after, why: why.to_string() }
}
