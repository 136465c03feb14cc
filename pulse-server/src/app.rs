//! What the listeners share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::authority::{self, Authority, Decision, Denied, DeniedCode, Grant, Grants, Hold, Revocation};
use crate::config::{Config, fingerprint};
use crate::http::Connections;
use crate::ingest;
use crate::live::{Histories, Registry, Sessions};
use crate::logging::Sparingly;
use crate::stream_id::StreamId;
use crate::v1::V1;

/// The server's shared state.
pub struct App {
    /// The configuration in force.
    pub config: Arc<ArcSwap<Config>>,
    /// Who may do what.
    pub authority: Arc<dyn Authority>,
    /// The streams.
    pub registry: Registry,
    /// HLS viewers.
    pub sessions: Sessions,
    /// The last hour of tenants' streams.
    pub(crate) histories: Histories,
    /// Open HTTP connections.
    pub connections: Connections,
    /// Open RTMP connections.
    pub rtmp_connections: ingest::Connections,
    /// What asks publishers for what they sent.
    pub ticks: ingest::Ticks,
    /// Refused RTMP peers that wait for their answer.
    pub rejections: ingest::Rejections,
    /// Viewers who are refused over HTTP, for the log.
    pub(crate) refused_viewers: Sparingly,
    /// Requests that wait for media.
    pub blocked: AtomicUsize,
    /// What is counted for `/metrics`.
    pub counters: Counters,
    /// When the server started.
    pub started: Instant,
    v1: V1,
    grants: Grants,
    draining: watch::Sender<bool>,
    ready: AtomicBool,
}

/// Why a player has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawn {
    /// What it was granted was revoked or has expired.
    Revoked,
    /// The server shuts down.
    Draining,
}

/// Totals since the start; plain atomics, read on scrape.
#[derive(Debug, Default)]
pub struct Counters {
    /// Publishers admitted.
    pub publishes: AtomicU64,
    /// Publishers refused.
    pub publishes_refused: AtomicU64,
    /// RTMP and FLV players admitted.
    pub plays: AtomicU64,
    /// HLS sessions opened.
    pub sessions: AtomicU64,
    /// Bytes of HLS answers, heads apart.
    pub hls_bytes: AtomicU64,
    /// HLS requests answered with media or a playlist.
    pub hls_requests: AtomicU64,
}

impl App {
    /// The shared state of a server that is not ready yet.
    pub(crate) fn new(
        config: Arc<ArcSwap<Config>>,
        authority: Arc<dyn Authority>,
        registry: Registry,
        sessions: Sessions,
        v1: V1,
    ) -> Self {
        Self {
            config,
            authority,
            registry,
            sessions,
            histories: Histories::default(),
            connections: Connections::default(),
            rtmp_connections: ingest::Connections::default(),
            ticks: ingest::Ticks::default(),
            rejections: ingest::Rejections::default(),
            refused_viewers: Sparingly::default(),
            blocked: AtomicUsize::new(0),
            counters: Counters::default(),
            started: Instant::now(),
            v1,
            grants: Grants::default(),
            draining: watch::Sender::new(false),
            ready: AtomicBool::new(false),
        }
    }

    /// Whether the server may take traffic: its listeners are open and it is not draining.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// Says whether the server may take traffic.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// A stream's name for the log. What is no stream's may be a key in the wrong place.
    pub(crate) fn shown(&self, stream: &StreamId) -> String {
        let configured = || self.config.load().streams.iter().any(|known| known.id == stream.as_str());
        if stream.is_tenants() || self.registry.find(stream).is_some() || configured() {
            stream.to_string()
        } else {
            fingerprint(stream.as_str())
        }
    }

    /// The HTTP API.
    pub(crate) fn v1(&self) -> &V1 {
        &self.v1
    }

    /// Asks the authority, and knows from the question on what it takes back of its answer.
    ///
    /// # Errors
    /// What it says, or that it did not answer in time.
    pub async fn admit(&self, ask: impl FnOnce(&dyn Authority) -> Decision) -> Result<(Grant, Hold), Denied> {
        let asked = self.grants.ask();
        let decision = ask(&*self.authority);
        let grant = authority::decide(self.authority.patience(), decision).await?;
        let hold = asked.hold(&grant).map_err(|_| Denied {
            code: DeniedCode::BadCredential,
            retry_after: None,
            why: "it was taken back while it was decided".to_owned(),
        })?;
        Ok((grant, hold))
    }

    /// Carries out a revocation on publishers, players and sessions.
    pub fn revoke(&self, revocation: &Revocation) {
        // First, so that who is admitted meanwhile either sees it or is there to be found by what follows.
        self.grants.revoke(revocation);
        self.registry.revoke(revocation);
        if revocation.concerns_viewers() {
            self.sessions.revoke(revocation);
            // Last: whoever waits for media looks into the table.
            self.registry.wake_viewers(revocation);
        }
    }

    /// Resolves when what was granted to a player for this long is taken back, or the server drains.
    pub(crate) fn withdrawn(
        &self,
        mut hold: Hold,
        expires_in: Option<Duration>,
    ) -> impl Future<Output = Withdrawn> + Send + use<> {
        let mut draining = self.draining.subscribe();
        async move {
            tokio::select! {
                () = hold.revoked() => Withdrawn::Revoked,
                () = expiry(expires_in) => Withdrawn::Revoked,
                _ = draining.wait_for(|draining| *draining) => Withdrawn::Draining,
            }
        }
    }

    /// Tells when the server stops accepting and finishes what it has.
    pub fn draining(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }

    /// Says that the server stops.
    pub fn drain(&self) {
        self.set_ready(false);
        self.draining.send_replace(true);
    }

    /// HLS viewers by stream.
    pub fn viewers(&self) -> HashMap<StreamId, usize> {
        self.sessions.viewers()
    }
}

/// Resolves when a grant of this length is over.
pub(crate) async fn expiry(expires_in: Option<Duration>) {
    match expires_in {
        Some(lifetime) => tokio::time::sleep(lifetime).await,
        None => std::future::pending().await,
    }
}
