//! `pulse-server demo`: the server with a tenant and a test picture of its own, and where to watch it.

mod links;
mod picture;
mod tenant;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hls_packager::{Reply, Request};

use crate::cli::DemoArgs;
use crate::config::Config;
use crate::run::{Failure, serve_until_stopped, start, warn};
use crate::{Addresses, App, Server, StreamId, logging};
use links::Links;
use picture::Picture;
use tenant::DemoTenant;

/// How often the tokens in the addresses are renewed: they are valid for twice as long.
const RENEW_EVERY: Duration = Duration::from_secs(12 * 3600);
/// How often to look whether the stream can be played.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs the demonstration until it is stopped.
///
/// # Errors
/// When the configuration is wrong, the server cannot start or ffmpeg is missing.
pub async fn run(args: DemoArgs) -> Result<(), Failure> {
    let sources = args.serve.sources();
    let (mut config, mut warnings) = Config::load(&sources)?;
    let level = logging::start(&config.log);
    // The demonstration brings a stream of its own.
    warnings.retain(|warning| warning.field != "streams");
    warn(&warnings);
    config.ops.listen = config.ops.listen.filter(|address| is_free(*address));
    let folder = config.data_dir.clone();
    let public_url = config.http.public_url.clone();
    let json = folder.join("demo.json");
    remove_stale(&json)?;
    let server = start(config).await?;
    let tenant = DemoTenant::open(server.app().v1().api(), &folder).await?;
    let demo = Demo { tenant, public_url, json };
    let links = demo.links(&server).await?;
    if args.no_publish {
        links.print_waiting();
    } else {
        println!("Publishing a test picture with ffmpeg …");
    }
    // Dropped, and ffmpeg with it, when the server has stopped.
    let _picture = if args.no_publish { None } else { Some(Picture::start(links.rtmp_publish.clone())?) };
    let (app, addresses) = (Arc::clone(server.app()), server.addresses());
    tokio::spawn(async move {
        playable(&app, &links.stream_id).await;
        links.print_playable();
        demo.keep_written(&app, addresses, links).await;
    });
    serve_until_stopped(server, &sources, &level).await
}

/// What the demonstration shows, and where it is written.
struct Demo {
    tenant: DemoTenant,
    public_url: Option<String>,
    json: PathBuf,
}

impl Demo {
    async fn links(&self, server: &Server) -> Result<Links, Failure> {
        self.fresh(server.app(), server.addresses()).await
    }

    /// With a token that has all its time before it.
    async fn fresh(&self, app: &App, addresses: Addresses) -> Result<Links, Failure> {
        let token = self.tenant.token(app.v1().api()).await?;
        Ok(Links::new(&self.tenant, token, addresses, self.public_url.as_deref()))
    }

    /// Writes where to watch, again and again, so that what is written can be watched for half a day at least.
    async fn keep_written(&self, app: &App, addresses: Addresses, mut links: Links) {
        loop {
            if let Err(error) = links.save(&self.json) {
                tracing::error!(path = %self.json.display(), %error, "cannot write where to watch");
            }
            tokio::time::sleep(RENEW_EVERY).await;
            match self.fresh(app, addresses).await {
                Ok(fresh) => links = fresh,
                Err(error) => tracing::warn!(%error, "the tokens of the demonstration are not renewed"),
            }
        }
    }
}

/// Whether the operator's address can be had. Nothing of the demonstration needs it, and Prometheus has the same default port.
fn is_free(address: SocketAddr) -> bool {
    let free = std::net::TcpListener::bind(address).is_ok();
    if !free {
        println!("{address} is in use: going on without /metrics and the list of live streams.");
    }
    free
}

/// Waits until a viewer would get a playlist.
async fn playable(app: &App, stream: &str) {
    let Some(stream) = StreamId::parse(stream) else { return };
    loop {
        let hls =
            app.registry.find(&stream).and_then(|channel| channel.life()).and_then(|life| life.hls.clone());
        let answer = hls.map(|hls| hls.answer(&Request::multivariant("-", Instant::now())));
        if matches!(answer, Some(Reply::Ready(_))) {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Where to watch is written when there is something to watch, not before.
fn remove_stale(json: &Path) -> io::Result<()> {
    match std::fs::remove_file(json) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
