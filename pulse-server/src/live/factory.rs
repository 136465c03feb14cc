//! Makes lives by the configuration in force.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use media_core::broadcast;
use media_core::ring::Bounds;
use rtmp_core::tokio::fanout;

use super::channel::Beget;
use super::health::Health;
use super::hls::Hls;
use super::journal::JournalStore;
use super::life::Life;
use crate::config::{Config, Container};
use crate::stream_id::StreamId;

/// The server's maker of lives.
pub(crate) struct Factory {
    config: Arc<ArcSwap<Config>>,
    store: JournalStore,
}

impl Factory {
    /// Makes lives by `config` as it is when they begin, with journals in `store`.
    pub(crate) fn new(config: Arc<ArcSwap<Config>>, store: JournalStore) -> Self {
        Self { config, store }
    }
}

impl Beget for Factory {
    fn life(&self, stream: &StreamId) -> Arc<Life> {
        let config = self.config.load();
        let health = Arc::new(Health::default());
        let hls = |broadcast: &broadcast::Broadcast| {
            let start = || {
                let health = Arc::clone(&health);
                Hls::start(stream.clone(), packaging(&config), broadcast, self.store.clone(), health)
            };
            config.hls.enabled.then(start)
        };
        Arc::new(Life::new(broadcasting(&config), fanning_out(&config), Arc::clone(&health), hls))
    }

    fn abandon(&self, stream: &StreamId) {
        let Some(mut journal) = self.store.load(stream) else { return };
        journal.ended = true;
        match self.store.save(stream, &journal) {
            Ok(()) => {
                tracing::info!(%stream, "stream ended: its encoder did not come back after the restart");
            }
            Err(error) => tracing::error!(%stream, %error, "cannot end the stream's playlist journal"),
        }
    }
}

/// The packager's configuration.
fn packaging(config: &Config) -> hls_packager::Config {
    let hls = &config.hls;
    let mut packaging = hls_packager::Config::default();
    packaging.container = match hls.container {
        Container::Cmaf => hls_packager::Container::Cmaf,
        Container::Ts => hls_packager::Container::MpegTs,
    };
    packaging.low_latency = hls.low_latency;
    packaging.part_ms = narrow(hls.part_ms);
    packaging.target_duration_s = narrow(hls.target_duration_s);
    packaging.window_s = narrow(hls.window_s);
    packaging
}

/// The packager moves what is out of its range.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// The broadcast's bounds.
fn broadcasting(config: &Config) -> broadcast::Config {
    let mut broadcasting = broadcast::Config::default();
    bound(&mut broadcasting.bounds, config);
    broadcasting
}

/// The fan-outs' configuration.
fn fanning_out(config: &Config) -> fanout::Config {
    let mut fanning_out = fanout::Config::default();
    fanning_out.batch = Duration::from_millis(config.rtmp.batch_ms);
    fanning_out.gop_cache = config.rtmp.gop_cache;
    fanning_out.max_stall = Duration::from_secs(config.rtmp.stall_timeout_s);
    bound(&mut fanning_out.bounds, config);
    fanning_out
}

fn bound(bounds: &mut Bounds, config: &Config) {
    bounds.max_bytes = config.limits.ring_bytes;
    bounds.max_age = Duration::from_secs(config.limits.ring_s);
}
