//! `pulse-bench`: see `benches/README.md`.

use clap::{Parser, Subcommand};
use pulse_bench::{api, load, suite};

#[derive(Parser)]
#[command(name = "pulse-bench", about = "Load for RTMP and HLS servers, and what they cost")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Publish one clip as many streams, in real time.
    Publish(load::publish::Args),
    /// Many RTMP players (or, with --raw, plain TCP readers) that read at a fixed interval.
    Play(load::play::Args),
    /// One publisher and many players in one process: how late each video frame is.
    Relay(load::relay::Args),
    /// Players that connect at many points of the GOP: how long until the first key frame.
    Join(load::join::Args),
    /// The lower bound: a bare TCP broadcast of the clip's chunks.
    Floor(load::floor::Args),
    /// LL-HLS viewers over HTTP/1.1: blocking reload, every part.
    Hls(load::hls::Args),
    /// Clients blocked on one playlist: how long until the last has its answer.
    Blocked(load::blocked::Args),
    /// One URL at a fixed rate over keep-alive connections.
    Get(load::get::Args),
    /// From an accepted publisher to the first playlist and fragment.
    FirstPlaylist(load::first_playlist::Args),
    /// Fill a database with projects, streams and people.
    Seed(api::seed::Args),
    /// The API by key: streams read, listed and created, tokens minted.
    Api(load::api::Args),
    /// Whether the time of an answer tells who has an account.
    Accounts(load::accounts::Args),
    /// A stream of a seeded project, public or signed, and a URL for each of its viewers.
    Invite(api::invite::Args),
    /// Viewers whose tokens are revoked: how long until the last of them has been cut off.
    Revoke(load::revoke::Args),
    /// Time hot paths that need a server's insides.
    Hot(load::hot::Args),
    /// The lower bound of creation: a bare SQLite that commits as many rows.
    Bare(load::bare::Args),
    /// Run everything against Pulse, nginx-rtmp and the floor, and write benches/RESULTS.md.
    Suite(suite::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Publish(args) => load::block_on(load::publish::run(args)),
        Command::Play(args) => load::block_on(load::play::run(args)),
        Command::Relay(args) => load::block_on(load::relay::run(args)),
        Command::Join(args) => load::block_on(load::join::run(args)),
        Command::Floor(args) => load::block_on(load::floor::run(args)),
        Command::Hls(args) => load::block_on(load::hls::run(args)),
        Command::Blocked(args) => load::block_on(load::blocked::run(args)),
        Command::Get(args) => load::block_on(load::get::run(args)),
        Command::FirstPlaylist(args) => load::block_on(load::first_playlist::run(args)),
        Command::Seed(args) => load::block_on(api::seed::run(args)),
        Command::Api(args) => load::block_on(load::api::run(args)),
        Command::Accounts(args) => load::block_on(load::accounts::run(args)),
        Command::Invite(args) => load::block_on(api::invite::run(args)),
        Command::Revoke(args) => load::block_on(load::revoke::run(args)),
        Command::Hot(args) => load::hot::run(&args),
        Command::Bare(args) => load::block_on(load::bare::run(args)),
        Command::Suite(args) => suite::run(&args),
    }
}
