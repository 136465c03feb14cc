//! From an accepted publisher to media in a viewer's hands.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;

use crate::http::client::{Body, Client, Response, split_url};
use crate::http::playlist::{Follower, attribute, renditions, resolve};
use crate::meter::{Meter, Span};
use crate::rtmp::publish::Background;
use crate::stats::summary;

/// Arguments of `first-playlist`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Where to publish; `{n}` becomes the attempt's number, so that each is a new stream.
    #[arg(long)]
    pub publish: String,
    /// The multivariant playlist, with `{n}`.
    #[arg(long)]
    pub url: String,
    /// How many attempts.
    #[arg(long, default_value_t = 5)]
    pub count: usize,
    #[command(flatten)]
    span: Span,
}

/// Publishes stream after stream; each time a viewer asks for everything that is needed to show a picture.
///
/// # Errors
/// When there is nothing to play within 15 s.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut meter = Meter::new(&args.span);
    meter.begin();
    let wire = super::wire(15.0)?;
    let (mut playlist_ms, mut media_ms) = (Vec::new(), Vec::new());
    for n in 0..args.count {
        let publisher = Background::publish(&super::numbered(&args.publish, n), wire.clone())?;
        let accepted = Instant::now();
        let watch = watch(super::numbered(&args.url, n), accepted);
        let (playlist, media) =
            tokio::time::timeout(Duration::from_secs(15), watch).await.context("nothing to play")??;
        playlist_ms.push(playlist.as_secs_f64() * 1e3);
        media_ms.push(media.as_secs_f64() * 1e3);
        drop(publisher);
    }
    super::print(&meter.end(json!({
        "load": "first-playlist",
        "count": args.count,
        "multivariant_ms": summary(&mut playlist_ms),
        "first_media_ms": summary(&mut media_ms),
    })));
    Ok(())
}

/// How long until the multivariant playlist, and until init segment and first part of all renditions.
async fn watch(url: String, accepted: Instant) -> anyhow::Result<(Duration, Duration)> {
    let (address, path) = split_url(&url)?;
    let mut client = Client::connect(address).await?;
    let multivariant = persist(&mut client, &path).await?;
    let playlist = multivariant.done - accepted;
    for uri in renditions(&multivariant.body)? {
        let path = resolve(&path, &uri);
        let media = persist(&mut client, &path).await?;
        let text = std::str::from_utf8(&media.body)?;
        let map = text.lines().find_map(|line| line.strip_prefix("#EXT-X-MAP:"));
        if let Some(init) = map.and_then(|map| attribute(map, "URI")) {
            fetch(&mut client, &resolve(&path, init)).await?;
        }
        // Low-Latency HLS lists parts; classic HLS has whole segments only.
        let parts = Follower::default().read(&media.body)?;
        let part = parts.iter().find(|part| !part.gap).map(|part| part.uri.as_str());
        let segment = || text.lines().find(|line| !line.is_empty() && !line.starts_with('#'));
        fetch(&mut client, &resolve(&path, part.or_else(segment).context("no media")?)).await?;
    }
    Ok((playlist, accepted.elapsed()))
}

async fn fetch(client: &mut Client, path: &str) -> anyhow::Result<Response> {
    let response = client.get(path, Body::Keep).await?;
    ensure!(response.status == 200, "{} for {path}", response.status);
    Ok(response)
}

/// Asks every 20 ms until it is there.
async fn persist(client: &mut Client, path: &str) -> anyhow::Result<Response> {
    loop {
        let response = client.get(path, Body::Keep).await?;
        if response.status == 200 {
            return Ok(response);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
