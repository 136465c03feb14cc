//! The server: listeners over the shared state, reload and drain.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tenancy::lease::Node;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;
use crate::authority::{Authority, Composed, Configured, Tenants};
use crate::config::Config;
use crate::identity::{self, Lock};
use crate::live::{Channel, Factory, JournalStore, Registry, STEP, Sessions};
use crate::platform::{self, PlatformError};
use crate::stream_id::StreamId;
use crate::tls::{Certificate, TlsError};
use crate::v1::live::LivePath;
use crate::v1::{Api, V1};
use crate::{http, ingest, listener, operate, ops};

/// How often viewers' sessions are looked through for those who have gone.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// A viewer has gone who has asked for nothing for so many target durations, three; of a stream that is not here, for so long.
const IDLE_TARGETS: u32 = 3;
const IDLE: Duration = Duration::from_secs(18);
/// How often journals that nobody needs are removed, from the start on.
const EXPIRE_EVERY: Duration = Duration::from_secs(3600);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({setting}): {source}")]
    Listen {
        /// The setting it is from.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The data folder cannot be used.
    #[error("cannot use the data folder {}: {source}", path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The database of tenants cannot be used.
    #[error(transparent)]
    Platform(#[from] PlatformError),
}

/// The addresses that a server listens on, ports resolved.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Addresses {
    /// HTTP.
    pub http: Option<SocketAddr>,
    /// HTTPS.
    pub https: Option<SocketAddr>,
    /// RTMP.
    pub rtmp: Option<SocketAddr>,
    /// RTMPS.
    pub rtmps: Option<SocketAddr>,
    /// Operations.
    pub ops: Option<SocketAddr>,
}

/// A running server.
pub struct Server {
    app: Arc<App>,
    own: Option<Own>,
    addresses: Addresses,
    tasks: JoinSet<()>,
    _lock: Lock,
}

/// The server's own authorities.
struct Own {
    configured: Arc<Configured>,
    tenants: Arc<Tenants>,
}

/// What this process is to others on the same database.
fn node(config: &Config) -> Result<Node, StartError> {
    let data = |source| StartError::Data { path: config.data_dir.clone(), source };
    let id = identity::node_id(&config.data_dir).map_err(data)?;
    Ok(Node { id, boot_id: identity::boot_id().map_err(data)? })
}

impl Own {
    async fn start(config: &Config, api: &Arc<Api>, node: Node) -> Result<Self, StartError> {
        let tenants = Tenants::start(Arc::clone(api), node).await.map_err(PlatformError::from)?;
        Ok(Self { configured: Arc::new(Configured::new(config)), tenants: Arc::new(tenants) })
    }

    fn composed(&self) -> Arc<dyn Authority> {
        Arc::new(Composed::new(Arc::clone(&self.configured), Arc::clone(&self.tenants)))
    }
}

impl Server {
    /// Starts a server whose streams are those of its tenants and of the configuration.
    ///
    /// # Errors
    /// [`StartError`] says which address, folder or certificate cannot be used.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::launch(config, None).await
    }

    /// Starts a server that asks `authority` who may do what.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_with(config: Config, authority: Arc<dyn Authority>) -> Result<Self, StartError> {
        Self::launch(config, Some(authority)).await
    }

    /// Starts a server; without an authority of the embedder's own it is that of tenants and of the configuration.
    async fn launch(config: Config, authority: Option<Arc<dyn Authority>>) -> Result<Self, StartError> {
        let data = |source| StartError::Data { path: config.data_dir.clone(), source };
        let lock = identity::lock(&config.data_dir).map_err(data)?;
        let store = JournalStore::open(&config.data_dir).map_err(data)?;
        let certificate = match (&config.http.tls_cert, &config.http.tls_key) {
            (Some(cert), Some(key)) => Some(Certificate::load(cert, key)?),
            _ => None,
        };
        let listeners = Listeners::open(&config, certificate.is_some())?;
        let unfinished = store.unfinished();
        let grace = Duration::from_secs(config.ingest.grace_s);
        let shared = Arc::new(ArcSwap::from_pointee(config));
        let api = platform::start(&shared).await?;
        let node = node(&shared.load())?;
        let (authority, own) = match authority {
            Some(authority) => (authority, None),
            None => {
                let own = Own::start(&shared.load(), &api, node.clone()).await?;
                (own.composed(), Some(own))
            }
        };
        let sessions = Sessions::new(api.tenancy.keys().session_handle_keys().map(|(_, key)| key.expose()));
        let v1 = V1::new(api);
        let socket = operate::Socket::open(&shared.load().data_dir)
            .map_err(|source| StartError::Data { path: shared.load().data_dir.clone(), source })?;
        let registry = Registry::new(grace, Arc::new(Factory::new(Arc::clone(&shared), store.clone())));
        for stream in unfinished {
            tracing::info!(%stream, grace_s = grace.as_secs(), "stream was live before the restart; waiting for its encoder");
            registry.restore(stream);
        }
        let app = Arc::new(App::new(shared, authority, registry, sessions, v1));
        app.v1().api().live.attach(Arc::downgrade(&app) as Weak<dyn LivePath>, node);
        if let Some(own) = &own {
            own.tenants.meter(Arc::downgrade(&app));
        }
        let mut server =
            Self { addresses: listeners.addresses(), app, own, tasks: JoinSet::new(), _lock: lock };
        server.serve(listeners, certificate);
        let api = Arc::clone(server.app.v1().api());
        server.tasks.spawn(operate::serve(api, socket, server.app.draining()));
        tokio::spawn(expire(Arc::downgrade(&server.app), store));
        server.app.set_ready(true);
        Ok(server)
    }

    fn serve(&mut self, listeners: Listeners, certificate: Option<Arc<Certificate>>) {
        let app = || Arc::clone(&self.app);
        let draining = || self.app.draining();
        let tasks = &mut self.tasks;
        if let Some(listener) = listeners.http {
            tasks.spawn(http::serve(app(), listener, None, draining()));
        }
        if let Some(listener) = listeners.https {
            tasks.spawn(http::serve(app(), listener, certificate.clone(), draining()));
        }
        if let Some(listener) = listeners.rtmp {
            tasks.spawn(ingest::serve(app(), listener, None, draining()));
        }
        if let Some(listener) = listeners.rtmps {
            tasks.spawn(ingest::serve(app(), listener, certificate.clone(), draining()));
        }
        if let Some(listener) = listeners.ops {
            tasks.spawn(ops::serve(app(), listener, draining()));
        }
        if let Some(certificate) = certificate {
            tokio::spawn(certificate.watch());
        }
        tokio::spawn(revoke(app()));
        tokio::spawn(sweep(Arc::downgrade(&self.app)));
        tokio::spawn(remember(Arc::downgrade(&self.app)));
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The shared state, to look at.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Takes a new configuration, except for what needs a restart. Publishers whose key is gone are dropped.
    pub async fn reload(&self, new: &Config) {
        let running = self.app.config.load_full();
        let changes = running.changes_to(new);
        for change in changes.needing_restart() {
            tracing::warn!(setting = change.field, "changed; takes effect at the next start");
        }
        let effective = changes.effective;
        self.app.config.store(Arc::new(effective.clone()));
        if let Some(own) = &self.own {
            own.configured.reload(&effective).await;
        }
        tracing::info!(
            settings = changes.settings.len(),
            streams_added = changes.streams_added.len(),
            streams_removed = changes.streams_removed.len(),
            streams_with_removed_keys = changes.streams_with_removed_keys.len(),
            "configuration reloaded"
        );
    }

    /// Stops accepting, lets connections finish for `ops.drain_s` at most, and ends. Playlists are not ended: the next server on the
    /// same data folder goes on with them.
    pub async fn drain(mut self) {
        let bound = Duration::from_secs(self.app.config.load().ops.drain_s);
        self.app.drain();
        let finished = async {
            while self.tasks.join_next().await.is_some() {}
            while self.app.connections.open() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(bound, finished).await.is_err() {
            tracing::warn!(open = self.app.connections.open(), "drain ended with connections open");
        }
        if let Some(own) = &self.own {
            own.tenants.stop(&self.app).await;
        }
        platform::stop(self.app.v1().api()).await;
    }
}

async fn revoke(app: Arc<App>) {
    let mut revocations = app.authority.revocations();
    while let Some(revocation) = revocations.recv().await {
        tracing::info!(?revocation, "revoked");
        app.revoke(&revocation);
    }
}

async fn sweep(app: Weak<App>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let Some(app) = app.upgrade() else { return };
        app.sessions.sweep(|stream| {
            let hls = app.registry.find(stream).and_then(|channel| channel.life()?.hls.clone());
            let target = hls.and_then(|hls| hls.target_duration());
            target.map_or(IDLE, |target| target * IDLE_TARGETS)
        });
    }
}

/// Keeps the last hour of tenants' streams.
async fn remember(app: Weak<App>) {
    let mut steps = interval(STEP);
    steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        steps.tick().await;
        let Some(app) = app.upgrade() else { return };
        let now = SystemTime::now();
        let of_tenants = |channel: &Arc<Channel>| tenancy::StreamId::parse(channel.id().as_str()).is_ok();
        for channel in app.registry.all().iter().filter(|channel| of_tenants(channel)) {
            let id = channel.id();
            app.histories.note(now, id, &channel.phase(), app.sessions.viewers_of(id));
        }
        app.histories.sweep(now);
    }
}

/// Removes journals of streams that are neither configured nor here.
async fn expire(app: Weak<App>, store: JournalStore) {
    loop {
        let Some(app) = app.upgrade() else { return };
        let store = store.clone();
        let removed = tokio::task::spawn_blocking(move || {
            let config = app.config.load_full();
            let configured: HashSet<&str> = config.streams.iter().map(|stream| stream.id.as_str()).collect();
            let kept = |stream: &StreamId| {
                configured.contains(stream.as_str()) || app.registry.find(stream).is_some()
            };
            store.expire(SystemTime::now(), kept)
        });
        if let Ok(removed @ 1..) = removed.await {
            tracing::info!(removed, "playlist journals of unused streams removed");
        }
        tokio::time::sleep(EXPIRE_EVERY).await;
    }
}

/// Open listeners, not served yet: either all can be had or the server does not start.
struct Listeners {
    http: Option<TcpListener>,
    https: Option<TcpListener>,
    rtmp: Option<TcpListener>,
    rtmps: Option<TcpListener>,
    ops: Option<TcpListener>,
}

impl Listeners {
    fn open(config: &Config, tls: bool) -> Result<Self, StartError> {
        let with_tls = |address: Option<SocketAddr>| address.filter(|_| tls);
        Ok(Self {
            http: listen("http.listen", Some(config.http.listen))?,
            https: listen("http.tls_listen", with_tls(config.http.tls_listen))?,
            rtmp: listen("rtmp.listen", config.rtmp.listen)?,
            rtmps: listen("rtmp.tls_listen", with_tls(config.rtmp.tls_listen))?,
            ops: listen("ops.listen", config.ops.listen)?,
        })
    }

    fn addresses(&self) -> Addresses {
        let of = |listener: &Option<TcpListener>| {
            listener.as_ref().and_then(|listener| listener.local_addr().ok())
        };
        Addresses {
            http: of(&self.http),
            https: of(&self.https),
            rtmp: of(&self.rtmp),
            rtmps: of(&self.rtmps),
            ops: of(&self.ops),
        }
    }
}

fn listen(setting: &'static str, address: Option<SocketAddr>) -> Result<Option<TcpListener>, StartError> {
    let Some(address) = address else { return Ok(None) };
    listener::open(address).map(Some).map_err(|source| StartError::Listen { setting, address, source })
}
