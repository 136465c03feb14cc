//! How late a video frame is: from the publisher's write to its last byte at each player.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;

use super::join::Connection;
use super::urls::Urls;
use crate::meter::{Meter, Span};
use crate::rtmp::publish::Background;
use crate::stats::summary;

/// Arguments of `relay`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Where to publish, or `@FILE`.
    #[arg(long)]
    pub publish: Urls,
    /// What to play, or `@FILE` with one for each player.
    #[arg(long)]
    pub url: Urls,
    /// How many players.
    #[arg(long, default_value_t = 300)]
    pub count: usize,
    #[command(flatten)]
    span: Span,
}

/// What the players share.
#[derive(Debug, Default)]
struct Record {
    measuring: bool,
    playing: usize,
    latencies_ms: Vec<f64>,
    unknown: u64,
    lost: usize,
}

/// Publishes and plays in one process, players waking up as data comes.
///
/// # Errors
/// When publisher or players are refused.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let wire = super::wire(args.span.warm + args.span.seconds + 30.0)?;
    let mut meter = Meter::new(&args.span);
    let publisher = Rc::new(Background::publish(&args.publish.of(0), wire)?);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let record = Rc::new(RefCell::new(Record::default()));
    let local = tokio::task::LocalSet::new();
    for n in 0..args.count {
        let (url, record, publisher) = (args.url.of(n), Rc::clone(&record), Rc::clone(&publisher));
        local.spawn_local(async move {
            // Spread out, so that they do not all arrive within one accept queue.
            tokio::time::sleep(Duration::from_millis(n as u64 * 2)).await;
            if let Err(error) = player(&url, &record, &publisher).await {
                eprintln!("player {n}: {error:#}");
                record.borrow_mut().lost += 1;
            }
        });
    }
    local
        .run_until(async {
            let patience = Instant::now() + Duration::from_secs(30);
            while record.borrow().playing < args.count {
                ensure!(Instant::now() < patience && record.borrow().lost == 0, "not all players have media");
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
    ensure!(publisher.is_alive(), "the publisher was dropped");
    let mut record = record.borrow_mut();
    let latency_ms = summary(&mut record.latencies_ms);
    super::print(&meter.end(json!({
        "load": "relay",
        "count": args.count,
        "latency_ms": latency_ms,
        "unknown": record.unknown,
        "lost": record.lost,
    })));
    Ok(())
}

async fn player(url: &str, record: &RefCell<Record>, publisher: &Background) -> anyhow::Result<()> {
    let mut connection = Connection::open(url).await?;
    let mut counted = false;
    loop {
        let mut tails = Vec::new();
        connection
            .read(|seen| {
                if seen.is_video_frame() {
                    tails.push(seen.tail);
                }
            })
            .await?;
        let now = Instant::now();
        let mut record = record.borrow_mut();
        if !counted && !tails.is_empty() {
            record.playing += 1;
            counted = true;
        }
        if record.measuring {
            let stamps = publisher.stamps.lock().unwrap_or_else(PoisonError::into_inner);
            for tail in &tails {
                match stamps.of(tail) {
                    Some(wrote) => record.latencies_ms.push((now - wrote).as_secs_f64() * 1e3),
                    None => record.unknown += 1,
                }
            }
        }
    }
}
