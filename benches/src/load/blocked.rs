//! Thousands of clients blocked on one playlist: how long until the last of them has its answer.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::sync::watch;

use crate::http::client::{Body, Client, split_url};
use crate::http::playlist::{Follower, Position, renditions, resolve};
use crate::meter::{Meter, Span};
use crate::stats::summary;

/// How many parts ahead the clients ask for: 0.8 s, in which all of their requests arrive.
const AHEAD: u64 = 4;

/// Arguments of `blocked`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The multivariant playlist; the clients block on its first variant.
    #[arg(long)]
    pub url: String,
    /// How many clients.
    #[arg(long, default_value_t = 5_000)]
    pub count: usize,
    #[command(flatten)]
    span: Span,
}

#[derive(Debug, Default)]
struct Record {
    /// When the answers of the round arrived.
    done: Vec<Instant>,
    errors: u64,
}

/// Round by round: everybody asks for the part four ahead, and the answers' last bytes are timed from the first one's, before which
/// the part was ready.
///
/// # Errors
/// When the clients cannot connect.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut meter = Meter::new(&args.span);
    let (address, path) = split_url(&args.url)?;
    let mut scout = Client::connect(address).await?;
    let multivariant = scout.get(&path, Body::Keep).await?;
    let playlist = renditions(&multivariant.body)?.first().map(|uri| resolve(&path, uri));
    let playlist = playlist.context("no variant")?;
    let (ask, asked) = watch::channel(String::new());
    let record = Rc::new(RefCell::new(Record::default()));
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            for n in 0..args.count {
                let client = Client::connect(address).await?;
                local.spawn_local(client_of(client, asked.clone(), Rc::clone(&record)));
                if n % super::CONNECT_BURST == 0 {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            super::print(&json!({"ready": true}));
            tokio::time::sleep(args.span.warm()).await;
            meter.begin();
            let end = Instant::now() + args.span.window();
            let (mut all_ms, mut rounds, mut spread_ms) = (Vec::new(), 0, Vec::new());
            while Instant::now() < end {
                record.borrow_mut().done.clear();
                ask.send_replace(format!("{playlist}?{}", ahead(&mut scout, &playlist).await?));
                let patience = Instant::now() + Duration::from_secs(10);
                while record.borrow().done.len() < args.count {
                    ensure!(Instant::now() < patience, "not all clients had an answer");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                let record = record.borrow();
                let first = record.done.iter().min().copied().context("no answers")?;
                let since = record.done.iter().map(|done| (*done - first).as_secs_f64() * 1e3);
                let before = all_ms.len();
                all_ms.extend(since);
                let last = all_ms.iter().skip(before).copied().fold(0.0, f64::max);
                spread_ms.push(last);
                rounds += 1;
            }
            super::print(&meter.end(json!({
                "load": "blocked",
                "count": args.count,
                "rounds": rounds,
                "errors": record.borrow().errors,
                "answer_ms": summary(&mut all_ms),
                "last_answer_ms": summary(&mut spread_ms),
            })));
            Ok(())
        })
        .await
}

/// The query that blocks for the part some ahead of the newest, in the segment being made.
async fn ahead(scout: &mut Client, playlist: &str) -> anyhow::Result<String> {
    let now = scout.get(playlist, Body::Keep).await?;
    let mut follower = Follower::default();
    follower.read(&now.body)?;
    let Position { segment, part } = follower.next();
    Ok(format!("_HLS_msn={segment}&_HLS_part={}&_HLS_skip=YES", part + AHEAD))
}

async fn client_of(mut client: Client, mut asked: watch::Receiver<String>, record: Rc<RefCell<Record>>) {
    while asked.changed().await.is_ok() {
        let path = asked.borrow_and_update().clone();
        let answer = client.get(&path, Body::Count).await;
        let mut record = record.borrow_mut();
        record.errors += u64::from(!answer.as_ref().is_ok_and(|answer| answer.status == 200));
        record.done.push(answer.map_or_else(|_| Instant::now(), |answer| answer.done));
    }
}
