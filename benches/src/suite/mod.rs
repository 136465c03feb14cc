//! Everything, side by side: starts the servers in turn, puts each load on them, and writes `benches/RESULTS.md`.

mod admission;
mod api;
mod browser;
mod context;
mod hls;
mod http;
mod report;
mod revoke;
mod rtmp;
mod server;
mod signed;
mod table;
mod tenants;
mod tool;

use std::path::PathBuf;
use std::time::Instant;

use context::Context;
use table::Row;

/// Arguments of `suite`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// One short run of everything instead of three: to see that it works, not to quote.
    #[arg(long)]
    quick: bool,
    /// Runs of each measurement, alternating between the servers.
    #[arg(long)]
    rounds: Option<usize>,
    /// Where the table goes; `-` for standard output only. Single measurements become a section of what is there.
    #[arg(long, default_value = "benches/RESULTS.md")]
    out: String,
    /// The server under test.
    #[arg(long)]
    pulse: Option<PathBuf>,
    /// Only these measurements: play, relay, join, publish, package, memory, blocked, get, viewers, latency, first, page, api,
    /// create, accounts, admission, signed-play, signed-relay, signed-join, signed-blocked, signed-viewers, signed-latency, revoke.
    names: Vec<String>,
}

/// A measurement: its name, and what runs it.
type Measurement = (&'static str, fn(&Context) -> anyhow::Result<Vec<Row>>);

const MEASUREMENTS: [Measurement; 23] = [
    ("play", rtmp::play),
    ("relay", rtmp::relay),
    ("join", rtmp::join),
    ("publish", rtmp::publish),
    ("package", hls::package),
    ("memory", hls::memory),
    ("blocked", hls::blocked),
    ("get", http::get),
    ("viewers", hls::viewers),
    ("latency", hls::latency),
    ("first", browser::first_fragment),
    ("page", browser::page),
    ("api", api::read),
    ("create", api::create),
    ("accounts", api::accounts),
    ("admission", admission::admission),
    ("signed-play", signed::play),
    ("signed-relay", signed::relay),
    ("signed-join", signed::join),
    ("signed-blocked", signed::blocked),
    ("signed-viewers", signed::viewers),
    ("signed-latency", signed::latency),
    ("revoke", revoke::revoke),
];

/// Measures, and writes the table. A measurement that fails is a row that says so.
///
/// # Errors
/// When a name is unknown, a server's executable is missing, or the table cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    for name in &args.names {
        anyhow::ensure!(
            MEASUREMENTS.iter().any(|(known, _)| known == name),
            "no measurement is called {name}"
        );
    }
    let context = Context::new(args)?;
    let began = Instant::now();
    let mut rows = Vec::new();
    for (name, measure) in MEASUREMENTS {
        if !args.names.is_empty() && !args.names.iter().any(|wanted| wanted == name) {
            continue;
        }
        eprintln!("{name} …");
        match measure(&context) {
            Ok(measured) => rows.extend(measured),
            Err(error) => rows.push(Row::failed(name, &format!("{error:#}"))),
        }
    }
    let (took, names) = (began.elapsed(), &args.names);
    let whole = names.is_empty();
    let text = if whole {
        report::render(&context, &rows, took)?
    } else {
        report::section(&context, names, &rows, took)?
    };
    println!("{text}");
    if args.out != "-" {
        let page =
            if whole { text } else { report::splice(&std::fs::read_to_string(&args.out)?, names, &text) };
        std::fs::write(&args.out, page)?;
    }
    Ok(())
}
