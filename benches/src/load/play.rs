//! Many players that read at a fixed interval, as a player does whose network gathers packets.
//!
//! They wait for nothing: a non-blocking read each interval and player. With readiness notifications the tool would cost as much as
//! the server.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rtmp_core::RtmpUrl;
use serde_json::json;

use super::urls::Urls;
use crate::meter::{Meter, Span};
use crate::rtmp::play::{Counts, Player};
use crate::rtmp::publish::CHUNK_SIZE;

/// The interval is cut into so many slices, in each of which that share of the players reads.
const SLICES: usize = 10;
/// How long players may take until the last has media.
const PATIENCE: Duration = Duration::from_secs(30);

/// Arguments of `play`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// What to play; `{n}` becomes the player's number. Or `@FILE` with one for each player.
    #[arg(long)]
    pub url: Urls,
    /// How many.
    #[arg(long, default_value_t = 1_000)]
    pub count: usize,
    /// How often each reads, in milliseconds.
    #[arg(long, default_value_t = 50)]
    pub poll_ms: u64,
    /// The server is `pulse-bench floor`: chunks from the first byte on.
    #[arg(long)]
    pub raw: bool,
    #[command(flatten)]
    span: Span,
}

struct Connection {
    stream: TcpStream,
    player: Player,
}

/// Plays, and reports bytes, gaps and steps back within the window.
///
/// # Errors
/// When a player is refused or dropped.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut meter = Meter::new(&args.span);
    let mut players = Vec::with_capacity(args.count);
    let slice = Duration::from_millis(args.poll_ms.max(SLICES as u64)) / SLICES as u32;
    let mut scratch = vec![0; 256 * 1024];
    for n in 0..args.count {
        players.push(Connection::open(&args.url.of(n), args.raw)?);
        if n % super::CONNECT_BURST == super::CONNECT_BURST - 1 {
            until(&mut players, Instant::now() + slice * SLICES as u32, slice, &mut scratch)?;
        }
    }
    let patience = Instant::now() + PATIENCE;
    while players.iter().any(|connection| !connection.player.is_playing()) {
        if Instant::now() > patience {
            let playing = players.iter().filter(|connection| connection.player.is_playing()).count();
            bail!("only {playing} of {} players have media after {PATIENCE:?}", args.count);
        }
        until(&mut players, Instant::now() + slice * SLICES as u32, slice, &mut scratch)?;
    }
    super::print(&json!({"ready": true}));
    until(&mut players, Instant::now() + args.span.warm(), slice, &mut scratch)?;
    let before = total(&players);
    meter.begin();
    until(&mut players, Instant::now() + args.span.window(), slice, &mut scratch)?;
    let after = total(&players);
    super::print(&meter.end(json!({
        "load": "play",
        "count": args.count,
        "bytes": after.bytes - before.bytes,
        "frames": after.frames - before.frames,
        "gaps": after.gaps - before.gaps,
        "backward": after.backward - before.backward,
    })));
    Ok(())
}

impl Connection {
    fn open(url: &str, raw: bool) -> anyhow::Result<Self> {
        let url = RtmpUrl::parse(url)?;
        let stream = TcpStream::connect((&*url.host, url.port)).with_context(|| format!("{url}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let player = if raw { Player::follower(CHUNK_SIZE as usize) } else { Player::new(url) };
        Ok(Self { stream, player })
    }

    fn read(&mut self, scratch: &mut [u8]) -> anyhow::Result<()> {
        match self.stream.read(scratch) {
            Ok(0) => bail!("the server hung up on a player"),
            Ok(count) => self.player.feed(scratch.get(..count).unwrap_or_default(), |_| {})?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(output) = self.player.take_output() {
            // A command or an acknowledgement into an empty socket buffer.
            self.stream.write_all(&output)?;
        }
        Ok(())
    }
}

/// Reads slice by slice until `end`.
fn until(
    players: &mut [Connection],
    end: Instant,
    slice: Duration,
    scratch: &mut [u8],
) -> anyhow::Result<()> {
    let mut due = Instant::now();
    let mut turn = 0;
    while Instant::now() < end {
        for (n, connection) in players.iter_mut().enumerate().skip(turn).step_by(SLICES) {
            connection.read(scratch).with_context(|| format!("player {n}"))?;
        }
        turn = (turn + 1) % SLICES;
        due += slice;
        match due.checked_duration_since(Instant::now()) {
            Some(rest) => std::thread::sleep(rest),
            // Late: start counting anew instead of catching up in a burst.
            None => due = Instant::now(),
        }
    }
    Ok(())
}

fn total(players: &[Connection]) -> Counts {
    players.iter().fold(Counts::default(), |sum, connection| {
        let counts = connection.player.counts();
        Counts {
            bytes: sum.bytes + counts.bytes,
            frames: sum.frames + counts.frames,
            gaps: sum.gaps + counts.gaps,
            backward: sum.backward + counts.backward,
        }
    })
}
