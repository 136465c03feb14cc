//! How long a joining player waits for its first picture.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rtmp_core::RtmpUrl;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::urls::Urls;
use crate::meter::{Meter, Span};
use crate::rtmp::play::Player;
use crate::rtmp::walker::Seen;
use crate::stats::summary;

/// How far apart joins are. 2,000 ms are no multiple of it, so that they meet every phase of the GOP.
const APART: Duration = Duration::from_millis(173);

/// Arguments of `join`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// What to play, or `@FILE` with one for each player.
    #[arg(long)]
    pub url: Urls,
    /// How many join.
    #[arg(long, default_value_t = 50)]
    pub count: usize,
    #[command(flatten)]
    span: Span,
}

/// Joins again and again, and reports the time from connecting to the last byte of the first key frame.
///
/// # Errors
/// When a player is refused, or has no key frame within 15 s.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut meter = Meter::new(&args.span);
    meter.begin();
    let times_ms = Rc::new(RefCell::new(Vec::new()));
    let local = tokio::task::LocalSet::new();
    let joins: Vec<_> = (0..args.count)
        .map(|n| {
            let (url, times_ms) = (args.url.of(n), Rc::clone(&times_ms));
            local.spawn_local(async move {
                tokio::time::sleep(APART * n as u32).await;
                let took = tokio::time::timeout(Duration::from_secs(15), join(&url)).await;
                times_ms.borrow_mut().push(took.context("no key frame")??.as_secs_f64() * 1e3);
                anyhow::Ok(())
            })
        })
        .collect();
    local
        .run_until(async {
            for join in joins {
                join.await??;
            }
            anyhow::Ok(())
        })
        .await?;
    let first_key_frame_ms = summary(&mut times_ms.borrow_mut());
    super::print(&meter.end(json!({
        "load": "join",
        "count": args.count,
        "first_key_frame_ms": first_key_frame_ms,
    })));
    Ok(())
}

async fn join(url: &str) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut connection = Connection::open(url).await?;
    let mut found = false;
    while !found {
        connection.read(|seen| found |= seen.is_key_frame()).await?;
    }
    Ok(began.elapsed())
}

/// A player that reads as soon as there is something.
pub(super) struct Connection {
    stream: TcpStream,
    player: Player,
}

impl Connection {
    pub(super) async fn open(url: &str) -> anyhow::Result<Self> {
        let url = RtmpUrl::parse(url)?;
        let stream = TcpStream::connect((&*url.host, url.port)).await.with_context(|| format!("{url}"))?;
        stream.set_nodelay(true)?;
        let mut connection = Self { stream, player: Player::new(url) };
        connection.answer().await?;
        Ok(connection)
    }

    /// Waits for something and takes it.
    pub(super) async fn read(&mut self, seen: impl FnMut(&Seen<'_>)) -> anyhow::Result<()> {
        thread_local!(static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 256 * 1024]));
        self.stream.readable().await?;
        SCRATCH.with_borrow_mut(|scratch| match self.stream.try_read(scratch) {
            Ok(0) => bail!("the server hung up on a player"),
            Ok(count) => self.player.feed(scratch.get(..count).unwrap_or_default(), seen),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        })?;
        self.answer().await
    }

    async fn answer(&mut self) -> anyhow::Result<()> {
        if let Some(output) = self.player.take_output() {
            self.stream.write_all(&output).await?;
        }
        Ok(())
    }
}
