//! `pulse-server demo`: the server with a test picture of its own, and where to watch it.

mod links;
mod picture;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, io};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hls_packager::{Reply, Request};

use crate::cli::DemoArgs;
use crate::config::{Config, Stream};
use crate::run::{Failure, serve_until_stopped, start, warn};
use crate::{App, StreamId, logging};
use links::Links;
use picture::Picture;

/// The demonstration's stream.
const STREAM: &str = "demo";
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
    let key = stream_key(&config.data_dir)?;
    config.streams.retain(|stream| stream.id != STREAM);
    config.streams.push(Stream::new(STREAM, &[&key]));
    config.ops.listen = config.ops.listen.filter(|address| is_free(*address));
    let folder = config.data_dir.clone();
    let public_url = config.http.public_url.clone();
    let server = start(config).await?;
    let links = Links::new(STREAM, &key, server.addresses(), public_url.as_deref());
    let json = folder.join("demo.json");
    remove_stale(&json)?;
    if args.no_publish {
        links.print_waiting();
    } else {
        println!("Publishing a test picture with ffmpeg …");
    }
    // Dropped, and ffmpeg with it, when the server has stopped.
    let _picture = if args.no_publish { None } else { Some(Picture::start(links.rtmp_publish.clone())?) };
    let app = Arc::clone(server.app());
    tokio::spawn(async move {
        playable(&app).await;
        if let Err(error) = links.save(&json) {
            tracing::error!(path = %json.display(), %error, "cannot write where to watch");
        }
        links.print_playable();
    });
    serve_until_stopped(server, &sources, &level).await
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
async fn playable(app: &App) {
    let Some(stream) = StreamId::parse(STREAM) else { return };
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

/// The demonstration's stream key: made once and kept, so that an encoder which was set up stays set up.
fn stream_key(data_dir: &Path) -> io::Result<String> {
    fs::create_dir_all(data_dir)?;
    let path = data_dir.join("demo.key");
    match fs::read_to_string(&path) {
        Ok(key) if !key.trim().is_empty() => return Ok(key.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut random = [0; 18];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let key = format!("demo_{}", URL_SAFE_NO_PAD.encode(random));
    fs::write(&path, &key)?;
    Ok(key)
}

/// Where to watch is written when there is something to watch, not before.
fn remove_stale(json: &Path) -> io::Result<()> {
    match fs::remove_file(json) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
