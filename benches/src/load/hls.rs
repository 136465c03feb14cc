//! LL-HLS viewers: each follows the video and the audio playlist by blocking reload with delta updates, and fetches every part as it
//! appears, over two connections that are kept.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;

use super::urls::Urls;
use crate::http::client::{Body, Client, Response, split_url};
use crate::http::playlist::{Follower, Part, resolve};
use crate::http::session;
use crate::meter::{Meter, Span};
use crate::rtmp::publish::Background;
use crate::stats::summary;

/// Media that a viewer has before it plays: three parts of 200 ms, the usual PART-HOLD-BACK. Running out of it is a stall.
const HOLD_BACK_S: f64 = 0.6;

/// Arguments of `hls`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The multivariant playlist, or `@FILE` with one for each viewer.
    #[arg(long)]
    pub url: Urls,
    /// How many viewers.
    #[arg(long, default_value_t = 500)]
    pub count: usize,
    /// Publish the stream, too, and report how late its parts are.
    #[arg(long)]
    pub publish: Option<Urls>,
    /// Ask for the part that EXT-X-PRELOAD-HINT names before it is there, on a connection of its own, instead of for those that
    /// are listed (hls.js takes no hints).
    #[arg(long)]
    pub hint: bool,
    #[command(flatten)]
    span: Span,
}

/// What the viewers share.
#[derive(Debug, Default)]
struct Record {
    measuring: bool,
    following: usize,
    playlists: u64,
    parts: u64,
    bytes: u64,
    stalls: u64,
    errors: u64,
    /// The first few, in words.
    reasons: Vec<String>,
    latencies_ms: Vec<f64>,
}

/// Views, and reports requests, stalls and errors within the window.
///
/// # Errors
/// When viewers cannot start. What fails later is counted.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut meter = Meter::new(&args.span);
    let publisher = match &args.publish {
        Some(url) => {
            let ramp = args.count as f64 * 0.01 + 20.0;
            let publisher =
                Background::publish(&url.of(0), super::wire(args.span.warm + args.span.seconds + ramp)?)?;
            tokio::time::sleep(Duration::from_secs(3)).await;
            Some(publisher)
        }
        None => None,
    };
    let (publisher, record) = (Rc::new(publisher), Rc::new(RefCell::new(Record::default())));
    let local = tokio::task::LocalSet::new();
    for n in 0..args.count {
        let (args, record, publisher) = (args.clone(), Rc::clone(&record), Rc::clone(&publisher));
        local.spawn_local(async move {
            tokio::time::sleep(Duration::from_millis(n as u64 * 4)).await;
            if let Err(error) = view(&args, n, &record, &publisher).await {
                failed(&record, &error);
            }
        });
    }
    local
        .run_until(async {
            let patience = Instant::now() + Duration::from_secs_f64(30.0 + args.count as f64 * 0.01);
            while record.borrow().following < args.count * 2 {
                let first = record.borrow().reasons.first().cloned().unwrap_or_default();
                ensure!(Instant::now() < patience, "not all viewers have media: {first}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            super::print(&json!({"ready": true}));
            tokio::time::sleep(args.span.warm()).await;
            meter.begin();
            record.borrow_mut().measuring = true;
            tokio::time::sleep(args.span.window()).await;
            record.borrow_mut().measuring = false;
            Ok(())
        })
        .await?;
    let mut record = record.borrow_mut();
    ensure!(record.parts > 0, "no part came within the window");
    let latency_ms = summary(&mut record.latencies_ms);
    super::print(&meter.end(json!({
        "load": "hls",
        "count": args.count,
        "connections": args.count * if args.hint { 4 } else { 2 },
        "playlists": record.playlists,
        "parts": record.parts,
        "bytes": record.bytes,
        "stalls": record.stalls,
        "errors": record.errors,
        "reasons": record.reasons,
        "latency_ms": latency_ms,
    })));
    Ok(())
}

fn failed(record: &RefCell<Record>, error: &anyhow::Error) {
    let mut record = record.borrow_mut();
    record.errors += 1;
    if record.reasons.len() < 5 {
        record.reasons.push(format!("{error:#}"));
    }
}

async fn view(
    args: &Args,
    n: usize,
    record: &RefCell<Record>,
    publisher: &Option<Background>,
) -> anyhow::Result<()> {
    let (address, path) = split_url(&args.url.of(n))?;
    let mut client = Client::connect(address).await?;
    let playlists = session::open(&mut client, &path).await?;
    ensure!(playlists.len() == 2, "one video and one audio playlist were expected");
    drop(client);
    let follow = |playlist| follow(address, playlist, args.hint, record, publisher);
    let mut playlists = playlists.into_iter();
    let (video, audio) = (playlists.next().unwrap_or_default(), playlists.next().unwrap_or_default());
    tokio::try_join!(follow(video), follow(audio)).map(|_| ())
}

/// Follows one playlist for ever.
async fn follow(
    address: SocketAddr,
    playlist: String,
    hint: bool,
    record: &RefCell<Record>,
    publisher: &Option<Background>,
) -> anyhow::Result<()> {
    let mut client = Client::connect(address).await?;
    let mut hints = if hint { Some(Client::connect(address).await?) } else { None };
    let mut follower = Follower::default();
    let mut clock = Playout::default();
    let first = expect_ok(client.get(&playlist, Body::Keep).await?, &playlist)?;
    let mut parts = newest(follower.read(&first.body)?);
    loop {
        for part in parts.iter().filter(|part| !part.gap) {
            let response = client.get(&resolve(&playlist, &part.uri), Body::Count).await?;
            take(response, &playlist, part.duration_s, &mut clock, record, publisher)?;
        }
        let path = format!("{playlist}?{}", follower.query());
        let hinted = follower.hint().map(str::to_owned);
        let answer = match (&mut hints, &hinted) {
            (Some(hints), Some(uri)) => {
                let hinted = resolve(&playlist, uri);
                let part = async {
                    let response = hints.get(&hinted, Body::Count).await?;
                    // The hint tells no duration; parts are 200 ms.
                    take(response, &playlist, 0.2, &mut clock, record, publisher)
                };
                let (answer, part) = tokio::join!(client.get(&path, Body::Keep), part);
                part?;
                answer?
            }
            _ => client.get(&path, Body::Keep).await?,
        };
        let answer = expect_ok(answer, &path)?;
        let measuring = record.borrow().measuring;
        record.borrow_mut().playlists += u64::from(measuring);
        parts = follower.read(&answer.body)?;
        if hints.is_some() {
            parts.retain(|part| hinted.as_deref() != Some(&part.uri));
        }
    }
}

/// Only the newest parts, as much as is held back.
fn newest(mut parts: Vec<Part>) -> Vec<Part> {
    let mut held = 0.0;
    let behind = parts.iter().rev().take_while(|part| {
        held += part.duration_s;
        held < HOLD_BACK_S + 0.3
    });
    let from = parts.len() - behind.count();
    parts.split_off(from)
}

fn take(
    response: Response,
    playlist: &str,
    duration_s: f64,
    clock: &mut Playout,
    record: &RefCell<Record>,
    publisher: &Option<Background>,
) -> anyhow::Result<()> {
    let response = expect_ok(response, playlist)?;
    let stalled = clock.advance(response.done, duration_s);
    let mut record = record.borrow_mut();
    record.following += usize::from(clock.received == 1);
    if !record.measuring {
        return Ok(());
    }
    record.parts += 1;
    record.bytes += response.body_bytes as u64;
    record.stalls += u64::from(stalled);
    if let Some(publisher) = publisher {
        let stamps = publisher.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let wrote = stamps.of(&response.tail).context("a part ends with what was never published")?;
        drop(stamps);
        record.latencies_ms.push((response.done - wrote).as_secs_f64() * 1e3);
    }
    Ok(())
}

fn expect_ok(response: Response, path: &str) -> anyhow::Result<Response> {
    ensure!(response.status == 200, "{} for {path}", response.status);
    Ok(response)
}

/// When a viewer runs out of media.
#[derive(Debug, Default)]
struct Playout {
    received: u64,
    /// When what was received so far has been played.
    dry_at: Option<Instant>,
}

impl Playout {
    /// A part is there; whether it came too late.
    fn advance(&mut self, now: Instant, duration_s: f64) -> bool {
        self.received += 1;
        let duration = Duration::from_secs_f64(duration_s);
        let stalled = self.dry_at.is_some_and(|dry| now > dry);
        let from = match self.dry_at {
            Some(dry) if !stalled => dry,
            _ => now + Duration::from_secs_f64(HOLD_BACK_S),
        };
        self.dry_at = Some(from + duration);
        stalled
    }
}
