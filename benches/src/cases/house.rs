//! A server in this process, with a tenant whose viewers have tokens.

use std::net::SocketAddr;

use anyhow::Context as _;
use pulse_server::authority::{Client, View};
use pulse_server::config::{Config, Secret};
use pulse_server::{App, Server, StreamId};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::api::invite::{Backend, Policy};
use crate::api::seed;

/// Who comes to watch: with a token each, so that places are counted as those of so many viewers.
const VIEWERS: usize = 2_000;
/// More than ever watch: the plan is asked, and allows it.
const PLAN: i64 = 1_000_000;
/// Sessions that an address may open a minute, as many as can be configured.
const SESSIONS: u64 = 10_000_000;

/// A running server.
pub(super) struct House {
    pub(super) runtime: Runtime,
    server: Server,
    catalogue: crate::api::catalogue::Catalogue,
    _data: TempDir,
}

/// A signed stream, and who wants to see it.
pub(super) struct Door {
    pub(super) stream: StreamId,
    tokens: Vec<Secret>,
    next: usize,
}

impl House {
    /// Starts the server on ports of loopback that are free. Its projects sign by HS256 and by Ed25519.
    pub(super) fn open() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let data = TempDir::with_prefix("pulse-bench-")?;
        let seed = seed::Args {
            data: data.path().to_owned(),
            database: None,
            catalogue: data.path().join("catalogue"),
            projects: 2,
            streams: 1,
            people: 1,
            viewers: Some(PLAN),
        };
        let catalogue = runtime.block_on(seed::fill(&seed))?;
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = Config::default();
        data.path().clone_into(&mut config.data_dir);
        config.http.listen = anywhere;
        config.rtmp.listen = None;
        config.ops.listen = None;
        config.limits.sessions_per_address = SESSIONS;
        let server = runtime.block_on(Server::start(config))?;
        Ok(Self { runtime, server, catalogue, _data: data })
    }

    /// The server's state.
    pub(super) fn app(&self) -> &App {
        self.server.app()
    }

    /// Makes a signed stream of a project, and tokens.
    pub(super) fn door(&self, project: usize, name: &str) -> anyhow::Result<Door> {
        let project = self.catalogue.projects.get(project).context("no such project")?;
        let address = self.server.addresses().http.context("it does not listen")?;
        self.runtime.block_on(async {
            let mut backend = Backend::connect(address, project).await?;
            let stream = backend.stream(name, Policy::Signed).await?.stream;
            let tokens = backend.tokens(&stream, 0..VIEWERS).await?;
            let tokens = tokens.into_iter().map(Secret::new).collect();
            Ok(Door { stream: StreamId::parse(&stream).context("no stream's id")?, tokens, next: 0 })
        })
    }
}

impl Door {
    /// The next one's question.
    pub(super) fn ask(&mut self) -> View {
        self.next += 1;
        View {
            stream: self.stream.clone(),
            token: self.tokens.get(self.next % self.tokens.len().max(1)).cloned(),
            remote: SocketAddr::from(([127, 0, 0, 1], 40_000)),
            referrer: None,
            session: true,
            client: Client::default(),
        }
    }
}
