//! Viewers of one stream, each with a token, whose tokens are all revoked at once: how long until the last of them has been cut off.
//!
//! HLS viewers are blocked on the reload of a playlist, and are cut off by its 403. Players over RTMP and FLV are cut off when the server
//! has closed their connection.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::blocked::AHEAD;
use super::join::Connection;
use crate::api::invite::{At, Backend};
use crate::http::client::{Body, Client};
use crate::http::playlist::{Follower, Position};
use crate::http::session;
use crate::stats::summary;

/// How long viewers may take to have media, and to be cut off.
const PATIENCE: Duration = Duration::from_secs(30);
/// How far apart revocations are from the moment at which all had media, round by round, so that they meet every phase of the 800 ms for
/// which playlists block.
const PHASE: Duration = Duration::from_millis(173);

/// Arguments of `revoke`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// On which server, for whom.
    #[command(flatten)]
    pub at: At,
    /// The signed stream, which is live.
    #[arg(long)]
    pub stream: String,
    /// How many LL-HLS viewers.
    #[arg(long, default_value_t = 5_000)]
    pub hls: usize,
    /// How many RTMP players.
    #[arg(long, default_value_t = 0)]
    pub rtmp_players: usize,
    /// How many HTTP-FLV players.
    #[arg(long, default_value_t = 0)]
    pub flv_players: usize,
    /// How often.
    #[arg(long, default_value_t = 5)]
    pub rounds: u32,
}

/// A way to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Hls,
    Rtmp,
    Flv,
}

/// What the viewers of a round share.
#[derive(Debug, Default)]
struct Round {
    /// Who has media.
    watching: usize,
    /// When who was cut off.
    ended: Vec<(Way, Instant)>,
    /// Why somebody stopped otherwise.
    failed: Option<String>,
}

/// Admits, revokes and times, round by round. The time is from just before the API's request is written.
///
/// # Errors
/// When viewers are not admitted, or not cut off.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut backend = args.at.connect().await?;
    let ways = [(Way::Hls, args.hls), (Way::Rtmp, args.rtmp_players), (Way::Flv, args.flv_players)];
    let (mut all, mut last_ms, mut answered_ms) = (Vec::new(), Vec::new(), Vec::new());
    let local = tokio::task::LocalSet::new();
    for turn in 0..args.rounds {
        let round = Rc::new(RefCell::new(Round::default()));
        let viewers = local.run_until(admit(&args, &mut backend, &ways, &round)).await?;
        let (asked, answered) = local
            .run_until(async {
                tokio::time::sleep(PHASE * turn).await;
                let asked = Instant::now();
                backend.revoke_all(&args.stream).await?;
                let answered = Instant::now();
                wait(&round, "not all were cut off", |round| round.ended.len() == viewers.len()).await?;
                anyhow::Ok((asked, answered))
            })
            .await?;
        let since = |at: Instant| at.saturating_duration_since(asked).as_secs_f64() * 1e3;
        let ended: Vec<_> = round.borrow().ended.iter().map(|(way, at)| (*way, since(*at))).collect();
        last_ms.push(ended.iter().map(|(_, ms)| *ms).fold(0.0, f64::max));
        answered_ms.push(since(answered));
        all.extend(ended);
    }
    let of =
        |way| summary(&mut all.iter().filter(|(of, _)| *of == way).map(|(_, ms)| *ms).collect::<Vec<_>>());
    super::print(&json!({
        "load": "revoke",
        "count": args.hls + args.rtmp_players + args.flv_players,
        "rounds": args.rounds,
        "api_answer_ms": summary(&mut answered_ms),
        "hls_ms": of(Way::Hls),
        "rtmp_ms": of(Way::Rtmp),
        "flv_ms": of(Way::Flv),
        "last_ms": summary(&mut last_ms),
    }));
    Ok(())
}

/// Gives everybody a token and lets them in. Returns when all of them have media.
async fn admit(
    args: &Args,
    backend: &mut Backend,
    ways: &[(Way, usize)],
    round: &Rc<RefCell<Round>>,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let ways: Vec<Way> = ways.iter().flat_map(|(way, count)| std::iter::repeat_n(*way, *count)).collect();
    let tokens = backend.tokens(&args.stream, 0..ways.len()).await?;
    let mut viewers = Vec::with_capacity(ways.len());
    for (n, (way, token)) in ways.into_iter().zip(tokens).enumerate() {
        let (server, rtmp, stream) = (args.at.server, args.at.rtmp, args.stream.clone());
        let round = Rc::clone(round);
        viewers.push(tokio::task::spawn_local(async move {
            let ended = match way {
                Way::Hls => hls(server, &format!("/hls/{stream}/index.m3u8?token={token}"), &round).await,
                Way::Rtmp => self::rtmp(&format!("rtmp://{rtmp}/play/{stream}?token={token}"), &round).await,
                Way::Flv => flv(server, &format!("/flv/{stream}.flv?token={token}"), &round).await,
            };
            let mut round = round.borrow_mut();
            match ended {
                Ok(at) => round.ended.push((way, at)),
                Err(error) => round.failed = Some(format!("{way:?}: {error:#}")),
            }
        }));
        if n % super::CONNECT_BURST == super::CONNECT_BURST - 1 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    wait(round, "not all viewers have media", |round| round.watching == viewers.len()).await?;
    Ok(viewers)
}

/// Waits until something holds of a round.
async fn wait(round: &RefCell<Round>, otherwise: &str, holds: impl Fn(&Round) -> bool) -> anyhow::Result<()> {
    let patience = Instant::now() + PATIENCE;
    loop {
        {
            let round = round.borrow();
            if let Some(failed) = &round.failed {
                bail!("{otherwise}: {failed}");
            }
            if holds(&round) {
                return Ok(());
            }
            let (watching, ended) = (round.watching, round.ended.len());
            ensure!(Instant::now() < patience, "{otherwise}: {watching} had media, {ended} were cut off");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Follows a playlist by reloads that block for some parts each. When it was refused.
async fn hls(server: SocketAddr, path: &str, round: &RefCell<Round>) -> anyhow::Result<Instant> {
    let mut client = Client::connect(server).await?;
    let playlist = session::open(&mut client, path).await?.into_iter().next().context("no variant")?;
    let mut follower = Follower::default();
    let first = client.get(&playlist, Body::Keep).await?;
    ensure!(first.status == 200, "{} for a playlist", first.status);
    follower.read(&first.body)?;
    round.borrow_mut().watching += 1;
    loop {
        let Position { segment, part } = follower.next();
        let reload = format!("{playlist}?_HLS_msn={segment}&_HLS_part={}&_HLS_skip=YES", part + AHEAD);
        let answer = client.get(&reload, Body::Keep).await?;
        match answer.status {
            200 => follower.read(&answer.body).map(drop)?,
            403 => return Ok(answer.done),
            other => bail!("{other} for a playlist"),
        }
    }
}

/// Plays until the server hangs up. When it did.
async fn rtmp(url: &str, round: &RefCell<Round>) -> anyhow::Result<Instant> {
    let mut connection = Connection::open(url).await?;
    let mut watching = false;
    loop {
        let mut media = false;
        let read = connection.read(|seen| media |= seen.is_video_frame()).await;
        if media && !watching {
            watching = true;
            round.borrow_mut().watching += 1;
        }
        match read {
            Ok(()) => {}
            Err(_) if watching => return Ok(Instant::now()),
            Err(error) => return Err(error),
        }
    }
}

/// Reads to the end of the answer. When that was.
async fn flv(server: SocketAddr, path: &str, round: &RefCell<Round>) -> anyhow::Result<Instant> {
    let mut stream = TcpStream::connect(server).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut scratch = vec![0; 64 * 1024];
    let mut watching = false;
    loop {
        let count = stream.read(&mut scratch).await?;
        if count == 0 {
            ensure!(watching, "the server hung up at once");
            return Ok(Instant::now());
        }
        if !watching {
            let read = scratch.get(..count).unwrap_or_default();
            ensure!(read.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(read));
            watching = true;
            round.borrow_mut().watching += 1;
        }
    }
}
