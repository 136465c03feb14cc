//! The live path's own bars over a tenant's streams: one that everybody may play, and one for which everybody has a token, at once.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::api::RAISED;
use super::context::{Context, Figure, Runs};
use super::hls::{connection_memory_kib, ms_per_second};
use super::server::{Server, Subject};
use super::table::Row;
use super::tenants::Tenants;
use super::tool::Tool;

/// How much more than a public stream a signed one may cost.
const BAR: f64 = 1.05;
const PUBLIC: &str = "public";
const SIGNED: &str = "signed";
/// One address opens all sessions here.
const SESSIONS: &str = "[limits]\nsessions_per_address = 10000000\n";
/// For RTMP alone, as the rows of the public bars have it.
const PLAIN: &str = "[hls]\nenabled = false\n";
/// Who comes before memory is measured: what checks tokens is in memory from the first of them on, and is no later one's.
const FIRST: &[&str] = &["--count", "20", "--warm", "0", "--seconds", "1"];
/// The project whose tokens are signed by Ed25519.
pub(super) const PROJECT: &str = "1";

/// Two streams that were made by the API, and the URLs of their viewers: the public one is another server's than the signed one, unless one
/// server is to have both.
struct Stage<'a> {
    context: &'a Context,
    tenants: Tenants,
    config: String,
}

impl<'a> Stage<'a> {
    fn set(context: &'a Context, viewers: &str, apart: bool, config: &str) -> anyhow::Result<Self> {
        let config = format!("{RAISED}{SESSIONS}{config}");
        let stage = Self { context, tenants: Tenants::watched(context)?, config };
        let data = stage.tenants.data();
        for policy in [PUBLIC, SIGNED] {
            let server = stage.start(data, apart && policy == PUBLIC)?;
            invite(context, &server, &stage.tenants, policy, viewers)?;
        }
        Ok(stage)
    }

    fn start(&self, data: &Path, beside: bool) -> anyhow::Result<Server> {
        let config = &self.config;
        let subject = match beside {
            true => Subject::PulseBeside { data, config },
            false => Subject::PulseOver { data, config, trace: None },
        };
        subject.start(self.context)
    }

    /// `--url` of a kind.
    fn urls(&self, policy: &str, kind: &str) -> String {
        format!("@{}", self.tenants.data().join(format!("{policy}.{kind}")).display())
    }

    /// A server over a copy of the tenants, in memory, as if it were its first start.
    fn server(&self, policy: &str, beside: bool) -> anyhow::Result<Server> {
        let copy = self.context.dir.join(format!("tenants-{policy}"));
        if copy.exists() {
            std::fs::remove_dir_all(&copy)?;
        }
        std::fs::create_dir_all(&copy)?;
        for entry in std::fs::read_dir(self.tenants.data())? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                std::fs::copy(entry.path(), copy.join(entry.file_name()))?;
            }
        }
        self.start(&copy, beside)
    }

    fn publisher(&self, policy: &str) -> anyhow::Result<Tool> {
        super::rtmp::publisher(self.context, &self.urls(policy, "publish"))
    }

    /// Runs a load on the public stream and on the signed one at once, each of a server of its own, after they have been live for some
    /// seconds; `None`: the load publishes by itself.
    fn run(&self, kind: &str, lives_s: Option<u64>, load: &[&str]) -> anyhow::Result<[Value; 2]> {
        let servers = [(PUBLIC, self.server(PUBLIC, true)?), (SIGNED, self.server(SIGNED, false)?)];
        let mut publishers = Vec::new();
        if let Some(lives_s) = lives_s {
            for (policy, _) in &servers {
                publishers.push(self.publisher(policy)?);
            }
            std::thread::sleep(Duration::from_secs(lives_s));
            if let Some(first) = load.first().filter(|load| matches!(**load, "play" | "hls")) {
                self.both(&servers, kind, &[&[*first], FIRST].concat(), false)?;
            }
        }
        self.both(&servers, kind, load, lives_s.is_none())
    }

    /// Runs a load on each of the servers at once.
    fn both(
        &self,
        servers: &[(&str, Server); 2],
        kind: &str,
        load: &[&str],
        publishes: bool,
    ) -> anyhow::Result<[Value; 2]> {
        let mut tools = Vec::new();
        for (policy, server) in servers {
            let (publish, url, pid) = (self.urls(policy, "publish"), self.urls(policy, kind), server.pid());
            let itself = if publishes { vec!["--publish", &publish] } else { Vec::new() };
            let arguments = [load, &itself, &["--url", &url, "--pid", &pid]].concat();
            tools.push(Tool::spawn(self.context, &arguments)?);
        }
        let runs: anyhow::Result<Vec<_>> = tools.into_iter().map(Tool::finish).collect();
        runs?.try_into().map_err(|_| anyhow::anyhow!("two tools"))
    }
}

/// A server over tenants.
pub(super) fn start(context: &Context, data: &Path) -> anyhow::Result<Server> {
    Subject::PulseOver { data, config: &format!("{RAISED}{SESSIONS}"), trace: None }.start(context)
}

/// Makes a stream, and the URLs of its viewers, in the tenants' folder.
pub(super) fn invite(
    context: &Context,
    server: &Server,
    tenants: &Tenants,
    policy: &str,
    viewers: &str,
) -> anyhow::Result<Value> {
    let (catalogue, out) = (tenants.catalogue(), tenants.data().to_string_lossy());
    let mut arguments = vec!["invite", "--server", server.http(), "--rtmp", server.rtmp()];
    arguments.extend(["--catalogue", &catalogue, "--project", PROJECT, "--out", &out]);
    arguments.extend(["--policy", policy, "--viewers", viewers]);
    Tool::run(context, &arguments)
}

/// A row of what a signed stream costs beside a public one.
fn row(what: &str, unit: &str, [public, signed]: &[Runs; 2], figure: impl Fn(&Runs) -> Figure) -> Row {
    let (public, signed) = (figure(public), figure(signed));
    Row::new(format!("{what}: signed"), format!("≤ {BAR} × public"))
        .pulse(&signed, unit)
        .peer("public", &public, unit)
        .at_most_times_beside(BAR, &signed, &public)
}

/// 1 publisher → 500 RTMP players, twice.
pub(super) fn play(context: &Context) -> anyhow::Result<Vec<Row>> {
    let (stage, window) = (Stage::set(context, "500", true, PLAIN)?, context.seconds(8, 4));
    let load = ["play", "--count", "500", "--poll-ms", "50", "--warm", "2", "--seconds", &window];
    let runs = context.pairs("signed-play", || stage.run("rtmp", Some(0), &load))?;
    Ok(vec![
        row("RTMP play, 1 → 500", "CPU-s/Gbit", &runs, Runs::cpu_per_gbit),
        row("memory per RTMP player", "KiB", &runs, Runs::memory_each_kib),
    ])
}

/// 300 RTMP players: from the publisher's write to a frame's last byte.
pub(super) fn relay(context: &Context) -> anyhow::Result<Vec<Row>> {
    let (stage, window) = (Stage::set(context, "300", true, PLAIN)?, context.seconds(8, 4));
    let load = ["relay", "--count", "300", "--warm", "2", "--seconds", &window];
    let runs = context.pairs("signed-relay", || stage.run("rtmp", None, &load))?;
    Ok(vec![row("relay latency of video, 300 players, p99", "ms", &runs, |runs| runs.at("/latency_ms/p99"))])
}

/// Connect → first key frame. What a token adds is an admission, which has a bar of its own.
pub(super) fn join(context: &Context) -> anyhow::Result<Vec<Row>> {
    let (stage, count) = (Stage::set(context, "50", true, PLAIN)?, context.seconds(50, 20));
    let runs = context.pairs("signed-join", || stage.run("rtmp", Some(2), &["join", "--count", &count]))?;
    let [public, signed] = &runs;
    let median = "/first_key_frame_ms/p50";
    let (public, signed) = (public.at(median), signed.at(median));
    let mut row =
        Row::new("connect → first key frame at a joining player, median: signed", "≤ 20 ms, as public")
            .pulse(&signed, "ms")
            .peer("public", &public, "ms")
            .at_most(20.0, &signed);
    row.ratio = signed.ratios(&public).text("×");
    Ok(vec![row])
}

/// 5,000 viewers of each, with a session of their own, blocked on one playlist, in turn.
pub(super) fn blocked(context: &Context) -> anyhow::Result<Vec<Row>> {
    let (stage, window) = (Stage::set(context, "5000", false, "")?, context.seconds(10, 4));
    let runs = context.pairs("signed-blocked", || {
        let server = stage.server(SIGNED, false)?;
        let _publishers = [stage.publisher(PUBLIC)?, stage.publisher(SIGNED)?];
        std::thread::sleep(Duration::from_secs(3));
        let (url, beside, pid) = (stage.urls(PUBLIC, "hls"), stage.urls(SIGNED, "hls"), server.pid());
        let mut load = vec!["blocked", "--sessions", "--count", "5000", "--warm", "1", "--seconds", &window];
        load.extend(["--url", &url, "--beside", &beside, "--pid", &pid]);
        let public = Tool::run(context, &load)?;
        let signed = public.get("beside").cloned().context("one stream")?;
        Ok([public, signed])
    })?;
    let errors: f64 = runs.iter().filter_map(|runs| runs.at("/errors").median()).sum();
    let what = "5,000 viewers blocked on one playlist, a session each: part ready → last byte out";
    Ok(vec![
        row(&format!("{what}, p99"), "ms", &runs, |runs| runs.at("/answer_ms/p99"))
            .and(errors == 0.0, "with errors"),
        row("the same, median", "ms", &runs, |runs| runs.at("/answer_ms/p50")),
    ])
}

/// 300 LL-HLS viewers of each: CPU and memory.
pub(super) fn viewers(context: &Context) -> anyhow::Result<Vec<Row>> {
    let (stage, window) = (Stage::set(context, "300", true, "")?, context.seconds(10, 4));
    let load = ["hls", "--count", "300", "--warm", "2", "--seconds", &window];
    let runs = context.pairs("signed-viewers", || stage.run("hls", Some(3), &load))?;
    let trouble = |runs: &Runs| {
        runs.each(|run| Some(run.get("errors")?.as_f64()? + run.get("stalls")?.as_f64()?)).median()
    };
    let none = runs.iter().all(|runs| trouble(runs) == Some(0.0));
    Ok(vec![
        row("300 LL-HLS viewers, every part", "CPU-ms per viewer-second", &runs, ms_per_second)
            .and(none, "with errors or stalls"),
        row("memory per connection of these", "KiB", &runs, |runs| connection_memory_kib(context, runs)),
    ])
}

/// 50 LL-HLS viewers of each: how late a part is.
pub(super) fn latency(context: &Context) -> anyhow::Result<Vec<Row>> {
    let (stage, window) = (Stage::set(context, "50", true, "")?, context.seconds(10, 4));
    let load = ["hls", "--count", "50", "--warm", "2", "--seconds", &window];
    let runs = context.pairs("signed-latency", || stage.run("hls", None, &load))?;
    let what = "write of a part's last frame → its last byte, 50 viewers";
    Ok(vec![
        row(&format!("{what}, p50"), "ms", &runs, |runs| runs.at("/latency_ms/p50")),
        row("the same, p99", "ms", &runs, |runs| runs.at("/latency_ms/p99")),
    ])
}
