//! Thousands of clients blocked on one playlist: how long until the last of them has its answer.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::urls::Urls;
use crate::http::client::{Body, Client, split_url};
use crate::http::playlist::{Follower, Position};
use crate::http::session;
use crate::meter::{Meter, Span};
use crate::stats::summary;

/// How many parts ahead the clients ask for: 0.8 s, in which all of their requests arrive.
pub(super) const AHEAD: u64 = 4;

/// Arguments of `blocked`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The multivariant playlist; the clients block on its first variant. Or `@FILE` with one for each client.
    #[arg(long)]
    pub url: Urls,
    /// Each client opens a session of its own, as viewers do; else all share one.
    #[arg(long)]
    pub sessions: bool,
    /// Another stream's, or `@FILE`, with as many clients: the two are asked in turn, round by round, for the window each.
    #[arg(long)]
    pub beside: Option<Urls>,
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

/// Clients of one stream.
struct Herd {
    scout: Client,
    /// The playlist that the scout reads, and all who have no session of their own.
    playlist: String,
    ask: watch::Sender<String>,
    record: Rc<RefCell<Record>>,
    all_ms: Vec<f64>,
    last_ms: Vec<f64>,
}

/// Round by round: everybody asks for the part four ahead, and the answers' last bytes are timed from the first one's, before which
/// the part was ready. Where there are two streams, theirs are the rounds in turn.
///
/// # Errors
/// When the clients cannot connect.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut meter = Meter::new(&args.span);
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let mut herds = Vec::new();
            for urls in [Some(&args.url), args.beside.as_ref()].into_iter().flatten() {
                herds.push(Herd::gather(&args, urls).await?);
            }
            super::print(&json!({"ready": true}));
            tokio::time::sleep(args.span.warm()).await;
            meter.begin();
            let end = Instant::now() + args.span.window() * herds.len() as u32;
            while Instant::now() < end {
                for herd in &mut herds {
                    herd.round(args.count).await?;
                }
            }
            let mut reports: Vec<_> = herds.iter_mut().map(|herd| herd.report(&args)).collect();
            let beside = if reports.len() > 1 { reports.pop() } else { None };
            let mut report = meter.end(reports.pop().unwrap_or_default());
            if let (Some(report), Some(beside)) = (report.as_object_mut(), beside) {
                report.insert("beside".to_owned(), beside);
            }
            super::print(&report);
            Ok(())
        })
        .await
}

impl Herd {
    /// Connects everybody.
    async fn gather(args: &Args, urls: &Urls) -> anyhow::Result<Self> {
        let (address, path) = split_url(&urls.of(0))?;
        let mut scout = Client::connect(address).await?;
        let playlist = variant(&mut scout, &path).await?;
        let (ask, asked) = watch::channel(String::new());
        let record = Rc::new(RefCell::new(Record::default()));
        for n in 0..args.count {
            let mut client = Client::connect(address).await?;
            let playlist = match args.sessions {
                true => variant(&mut client, &split_url(&urls.of(n))?.1).await?,
                false => playlist.clone(),
            };
            tokio::task::spawn_local(client_of(client, playlist, asked.clone(), Rc::clone(&record)));
            if n % super::CONNECT_BURST == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(Self { scout, playlist, ask, record, all_ms: Vec::new(), last_ms: Vec::new() })
    }

    async fn round(&mut self, count: usize) -> anyhow::Result<()> {
        self.record.borrow_mut().done.clear();
        self.ask.send_replace(ahead(&mut self.scout, &self.playlist).await?);
        let patience = Instant::now() + Duration::from_secs(10);
        while self.record.borrow().done.len() < count {
            ensure!(Instant::now() < patience, "not all clients had an answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let record = self.record.borrow();
        let first = record.done.iter().min().copied().context("no answers")?;
        let since: Vec<_> = record.done.iter().map(|done| (*done - first).as_secs_f64() * 1e3).collect();
        self.last_ms.push(since.iter().copied().fold(0.0, f64::max));
        self.all_ms.extend(since);
        Ok(())
    }

    fn report(&mut self, args: &Args) -> Value {
        json!({
            "load": "blocked",
            "count": args.count,
            "rounds": self.last_ms.len(),
            "errors": self.record.borrow().errors,
            "answer_ms": summary(&mut self.all_ms),
            "last_answer_ms": summary(&mut self.last_ms),
        })
    }
}

/// The query that blocks for the part some ahead of the newest, in the segment being made.
async fn ahead(scout: &mut Client, playlist: &str) -> anyhow::Result<String> {
    let now = scout.get(playlist, Body::Keep).await?;
    let mut follower = Follower::default();
    follower.read(&now.body)?;
    let Position { segment, part } = follower.next();
    Ok(format!("_HLS_msn={segment}&_HLS_part={}&_HLS_skip=YES", part + AHEAD))
}

/// Opens a session. The path of its first variant.
async fn variant(client: &mut Client, path: &str) -> anyhow::Result<String> {
    session::open(client, path).await?.into_iter().next().context("no variant")
}

async fn client_of(
    mut client: Client,
    playlist: String,
    mut asked: watch::Receiver<String>,
    record: Rc<RefCell<Record>>,
) {
    while asked.changed().await.is_ok() {
        let path = format!("{playlist}?{}", *asked.borrow_and_update());
        let answer = client.get(&path, Body::Count).await;
        let mut record = record.borrow_mut();
        record.errors += u64::from(!answer.as_ref().is_ok_and(|answer| answer.status == 200));
        record.done.push(answer.map_or_else(|_| Instant::now(), |answer| answer.done));
    }
}
