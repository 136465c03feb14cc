//! Many publishers, paced in real time.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde_json::json;

use super::urls::Urls;
use crate::clip::GOP_MS;
use crate::meter::{Meter, Span};
use crate::rtmp::publish::Publisher;

/// Arguments of `publish`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Where to; `{n}` becomes the publisher's number. Or `@FILE` with one for each publisher.
    #[arg(long)]
    pub url: Urls,
    /// How many.
    #[arg(long, default_value_t = 1)]
    pub count: usize,
    #[command(flatten)]
    span: Span,
}

/// Connects the publishers over one GOP, so that their key frames do not coincide, prints `{"ready": true}` and the
/// wall clock when all are accepted, and measures after the warm-up.
///
/// # Errors
/// When a publisher is refused or dropped.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let wire = super::wire(args.span.warm + args.span.seconds)?;
    let mut meter = Meter::new(&args.span);
    let mut publishers = Vec::new();
    let began = Instant::now();
    let apart = Duration::from_millis(u64::from(GOP_MS)) / args.count.max(1) as u32;
    for n in 0..args.count {
        while began.elapsed() < apart * n as u32 {
            round(&mut publishers)?;
        }
        publishers.push(Publisher::connect(&args.url.of(n), Arc::clone(&wire))?);
    }
    while publishers.iter().any(|publisher| publisher.accepted().is_none()) {
        anyhow::ensure!(
            began.elapsed() < Duration::from_secs(30),
            "not all publishers were accepted in 30 s"
        );
        round(&mut publishers)?;
    }
    let accepted = SystemTime::now().duration_since(UNIX_EPOCH)?;
    super::print(&json!({"ready": true, "accepted_unix_ms": accepted.as_secs_f64() * 1e3}));
    until(&mut publishers, Instant::now() + args.span.warm())?;
    meter.begin();
    let (bytes, blocked) = totals(&publishers);
    until(&mut publishers, Instant::now() + args.span.window())?;
    let (bytes_after, blocked_after) = totals(&publishers);
    super::print(&meter.end(json!({
        "load": "publish",
        "count": args.count,
        "bytes": bytes_after - bytes,
        "blocked": blocked_after - blocked,
    })));
    Ok(())
}

fn until(publishers: &mut [Publisher], end: Instant) -> anyhow::Result<()> {
    while Instant::now() < end {
        round(publishers)?;
    }
    Ok(())
}

/// A millisecond's work. Sleeping takes what is left of it, so that the tool does not spin.
fn round(publishers: &mut [Publisher]) -> anyhow::Result<()> {
    for (n, publisher) in publishers.iter_mut().enumerate() {
        publisher.tick(Instant::now(), None).with_context(|| format!("publisher {n}"))?;
    }
    std::thread::sleep(Duration::from_millis(1));
    Ok(())
}

fn totals(publishers: &[Publisher]) -> (u64, u64) {
    let bytes = publishers.iter().map(Publisher::written).sum();
    (bytes, publishers.iter().map(Publisher::blocked).sum())
}
