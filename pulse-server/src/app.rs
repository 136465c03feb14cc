//! What the listeners share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::{broadcast, watch};

use crate::authority::{Authority, Grant, Revocation};
use crate::config::Config;
use crate::http::Connections;
use crate::ingest;
use crate::live::{Registry, Sessions};
use crate::stream_id::StreamId;

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
    /// Open HTTP connections.
    pub connections: Connections,
    /// Open RTMP connections.
    pub rtmp_connections: ingest::Connections,
    /// Refused RTMP peers that wait for their answer.
    pub rejections: ingest::Rejections,
    /// Requests that wait for media.
    pub blocked: AtomicUsize,
    /// What is counted for `/metrics`.
    pub counters: Counters,
    /// When the server started.
    pub started: Instant,
    revoked: broadcast::Sender<Revocation>,
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

/// Revocations that a player may be late to hear of; one that is later has to go.
const REVOCATIONS_HELD: usize = 256;

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
    pub fn new(
        config: Arc<ArcSwap<Config>>,
        authority: Arc<dyn Authority>,
        registry: Registry,
        sessions: Sessions,
    ) -> Self {
        Self {
            config,
            authority,
            registry,
            sessions,
            connections: Connections::default(),
            rtmp_connections: ingest::Connections::default(),
            rejections: ingest::Rejections::default(),
            blocked: AtomicUsize::new(0),
            counters: Counters::default(),
            started: Instant::now(),
            revoked: broadcast::Sender::new(REVOCATIONS_HELD),
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

    /// Carries out a revocation on publishers, players and sessions.
    pub fn revoke(&self, revocation: &Revocation) {
        self.registry.revoke(revocation);
        self.sessions.revoke(revocation);
        // Fails only when nobody plays.
        let _ = self.revoked.send(revocation.clone());
    }

    /// Resolves when what was granted to a player is taken back, or the server drains.
    pub fn withdrawn(&self, grant: &Grant) -> impl Future<Output = Withdrawn> + Send + use<> {
        let (mut revoked, mut draining) = (self.revoked.subscribe(), self.draining.subscribe());
        let (stream, credential, expires_in) =
            (grant.stream.clone(), grant.credential, grant.limits.expires_in);
        let falls = async move {
            // Who missed a revocation may have missed its own.
            while revoked.recv().await.is_ok_and(|revocation| !revocation.covers(&stream, credential)) {}
        };
        async move {
            tokio::select! {
                () = falls => Withdrawn::Revoked,
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
