//! What the listeners share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;

use crate::authority::{Authority, Revocation};
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
    ready: AtomicBool,
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
    pub fn new(config: Arc<ArcSwap<Config>>, authority: Arc<dyn Authority>, registry: Registry, sessions: Sessions) -> Self {
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
    }

    /// HLS viewers by stream.
    pub fn viewers(&self) -> HashMap<StreamId, usize> {
        self.sessions.viewers()
    }
}
