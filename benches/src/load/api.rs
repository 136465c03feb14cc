//! Requests with API keys, one after the other on each of many kept connections, as fast as they are answered.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::iter::StepBy;
use std::net::SocketAddr;
use std::ops::RangeFrom;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use anyhow::Context as _;
use serde_json::json;

use crate::api::catalogue::Catalogue;
use crate::http::client::{Body, Client};
use crate::meter::{Meter, Span};
use crate::stats::summary;

/// What is asked for.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A stream.
    Read,
    /// Each stream once, in an order of no meaning: none of the answers was in memory. Ends with the last of them.
    ReadOnce,
    /// The first 25 streams of a project.
    List,
    /// A new stream.
    Create,
    /// A playback token of a project that signs by HS256.
    MintHs256,
    /// A playback token of a project that signs by Ed25519.
    MintEd25519,
}

/// Arguments of `api`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Address and port of the server.
    #[arg(long)]
    pub server: SocketAddr,
    /// What `seed` wrote.
    #[arg(long)]
    pub catalogue: PathBuf,
    /// What is asked for.
    #[arg(long)]
    pub what: What,
    /// Over how many connections.
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    #[command(flatten)]
    span: Span,
}

#[derive(Debug, Default)]
struct Record {
    latencies_ms: Vec<f64>,
    errors: u64,
    bytes: u64,
    /// The status of an answer that was no success.
    refused: Option<u16>,
}

/// Asks, and reports requests and latencies within the window.
///
/// # Errors
/// When a connection fails.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let catalogue = Rc::new(Catalogue::read(&args.catalogue)?);
    let mut meter = Meter::new(&args.span);
    let record = Rc::new(RefCell::new(Record::default()));
    let end = Instant::now() + args.span.warm() + args.span.window();
    let local = tokio::task::LocalSet::new();
    let tasks: Vec<_> = (0..args.connections)
        .map(|n| {
            let (catalogue, record) = (Rc::clone(&catalogue), Rc::clone(&record));
            let turns = (n..).step_by(args.connections.max(1));
            let mut asking =
                Asking { catalogue, what: args.what, turns, random: Random::new(n), text: String::new() };
            local.spawn_local(async move {
                let mut client = Client::connect(args.server).await?;
                loop {
                    let Some(request) = asking.next()? else { return anyhow::Ok(()) };
                    let asked = Instant::now();
                    if asked >= end {
                        return anyhow::Ok(());
                    }
                    let answer = client.exchange(request, Body::Count).await.context("a request failed")?;
                    let mut record = record.borrow_mut();
                    if (200..300).contains(&answer.status) {
                        record.latencies_ms.push(answer.done.duration_since(asked).as_secs_f64() * 1e3);
                        record.bytes += answer.body_bytes as u64;
                    } else {
                        record.errors += 1;
                        record.refused = Some(answer.status);
                    }
                }
            })
        })
        .collect();
    local
        .run_until(async {
            tokio::time::sleep(args.span.warm()).await;
            // What went wrong before the window counts as well.
            let errors = record.borrow().errors;
            meter.begin();
            *record.borrow_mut() = Record { errors, ..Record::default() };
            tokio::time::sleep_until(end.into()).await;
            let report = report(&meter, &args, &mut record.borrow_mut());
            for task in tasks {
                task.await??;
            }
            super::print(&report);
            anyhow::Ok(())
        })
        .await
}

fn report(meter: &Meter, args: &Args, record: &mut Record) -> serde_json::Value {
    let requests = record.latencies_ms.len();
    meter.end(json!({
        "load": "api",
        "requests": requests,
        "per_s": requests as f64 / args.span.window().as_secs_f64(),
        "bytes": record.bytes,
        "errors": record.errors,
        "refused": record.refused,
        "ms": summary(&mut record.latencies_ms),
    }))
}

/// From a stream to the next of its project, for those who ask for each once: a prime, so that it is no order of theirs.
const STRIDE: usize = 7_919;

/// Makes the requests of a connection.
struct Asking {
    catalogue: Rc<Catalogue>,
    what: What,
    /// This connection's places in an order of all streams.
    turns: StepBy<RangeFrom<usize>>,
    random: Random,
    text: String,
}

impl Asking {
    /// The next request; `None` when there is nothing more to ask for.
    fn next(&mut self) -> anyhow::Result<Option<&[u8]>> {
        let projects = self.catalogue.projects.len();
        let turn = if self.what == What::ReadOnce { self.turn() } else { Some((0, 0)) };
        let Some((turn_project, turn_stream)) = turn else { return Ok(None) };
        let place = match self.what {
            What::ReadOnce => turn_project,
            // Projects of either algorithm alternate.
            What::MintHs256 => self.random.below(projects.div_ceil(2)) * 2,
            What::MintEd25519 => self.random.below(projects / 2) * 2 + 1,
            What::Read | What::List | What::Create => self.random.below(projects),
        };
        let project = self.catalogue.projects.get(place).context("no project of this kind")?;
        let chosen = match self.what {
            What::ReadOnce => turn_stream,
            _ => self.random.below(project.streams.len()),
        };
        let stream = project.streams.get(chosen).context("no stream")?;
        let (method, path, body) = match self.what {
            What::Read | What::ReadOnce => ("GET", format!("/v1/streams/{stream}"), String::new()),
            What::List => ("GET", "/v1/streams?limit=25".to_owned(), String::new()),
            What::Create => {
                let name = format!(r#"{{"name":"Created {:016x}"}}"#, self.random.next());
                ("POST", "/v1/streams".to_owned(), name)
            }
            What::MintHs256 | What::MintEd25519 => {
                let viewer = format!(r#"{{"viewer_id":"viewer-{}"}}"#, self.random.below(1_000_000));
                ("POST", format!("/v1/streams/{stream}/tokens"), viewer)
            }
        };
        self.text.clear();
        write!(
            self.text,
            "{method} {path} HTTP/1.1\r\nHost: bench\r\nX-Pulse-Key: {}\r\nX-Pulse-Secret: {}\r\n",
            project.public, project.secret
        )?;
        if !body.is_empty() {
            write!(self.text, "Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())?;
        }
        write!(self.text, "\r\n{body}")?;
        Ok(Some(self.text.as_bytes()))
    }

    /// The project and the stream in it whose turn it is. Projects have equally many streams.
    fn turn(&mut self) -> Option<(usize, usize)> {
        let projects = self.catalogue.projects.len();
        let each = self.catalogue.projects.first()?.streams.len();
        let turn = self.turns.next().filter(|turn| *turn < projects * each)?;
        // A step that has no factor in common with the streams of a project comes by all of them.
        Some((turn % projects, (turn / projects).wrapping_mul(STRIDE) % each))
    }
}

/// SplitMix64: which streams are asked for need not be a secret, and costs nothing.
#[derive(Debug)]
struct Random(u64);

impl Random {
    /// Another sequence in each process and for each connection, so that the names of new streams are new.
    fn new(connection: usize) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seed = now.map_or(0, |since| since.as_nanos() as u64);
        Self(seed ^ (connection as u64).wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::catalogue::Project;

    #[test]
    fn each_algorithm_has_its_projects() {
        let project = |name: &str| Project {
            public: format!("key-{name}"),
            secret: "s".to_owned(),
            streams: vec![format!("str-{name}")],
        };
        let catalogue = Rc::new(Catalogue { projects: vec![project("a"), project("b"), project("c")] });
        for (what, allowed) in [(What::MintHs256, "ac"), (What::MintEd25519, "b"), (What::Read, "abc")] {
            let mut asking = asking(&catalogue, what, (0..).step_by(1));
            let mut seen = std::collections::BTreeSet::new();
            for _ in 0..100 {
                let request = String::from_utf8(asking.next().unwrap().unwrap().to_vec()).unwrap();
                let name = request.split("/v1/streams/str-").nth(1).unwrap().chars().next().unwrap();
                assert!(request.contains(&format!("X-Pulse-Key: key-{name}\r\n")), "{request}");
                seen.insert(name);
            }
            assert_eq!(seen.into_iter().collect::<String>(), allowed);
        }
    }
    #[test]
    fn each_stream_is_asked_for_once_by_all_connections_together() {
        let project = |name: usize| Project {
            public: format!("key-{name}"),
            secret: "s".to_owned(),
            streams: (0..10).map(|n| format!("str-{name}-{n}")).collect(),
        };
        let catalogue = Rc::new(Catalogue { projects: (0..3).map(project).collect() });
        let mut seen = Vec::new();
        for connection in 0..4 {
            let mut asking = asking(&catalogue, What::ReadOnce, (connection..).step_by(4));
            while let Some(request) = asking.next().unwrap() {
                let request = String::from_utf8(request.to_vec()).unwrap();
                let id = request.split("/v1/streams/").nth(1).unwrap().split(' ').next().unwrap();
                seen.push(id.to_owned());
            }
        }
        seen.sort();
        let mut all: Vec<_> = catalogue.projects.iter().flat_map(|project| project.streams.clone()).collect();
        all.sort();
        assert_eq!(seen, all);
    }

    fn asking(catalogue: &Rc<Catalogue>, what: What, turns: StepBy<RangeFrom<usize>>) -> Asking {
        Asking { catalogue: Rc::clone(catalogue), what, turns, random: Random(7), text: String::new() }
    }
}
