//! hls.js and the player page in Chromium, through the page's own end-to-end tests.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::context::{Context, number};
use super::server::{Server, Subject};
use super::table::Row;
use super::tool::Tool;

const PULSE: Subject<'_> = Subject::Pulse("");
/// The test prints its findings on lines that begin so.
const MARK: &str = "pulse-e2e ";

/// Publish accepted → default hls.js has buffered a fragment.
pub(super) fn first_fragment(context: &Context) -> anyhow::Result<Vec<Row>> {
    let runs = context.alternate("first", &[("pulse", PULSE)], |subject| {
        let server = subject.start(context)?;
        let page = node("plain.test.mjs", &server, &[("PULSE_WAIT_S", "30"), ("PULSE_SECONDS", "6")])?;
        // The browser takes a while to start; the page then waits for the stream.
        std::thread::sleep(Duration::from_secs(5));
        let publisher = publish(context, &server)?;
        let accepted = number(&publisher.ready, "accepted_unix_ms").context("no time")?;
        let seen = page.finish("plain")?;
        let fragment = number(&seen, "fragmentAt").with_context(|| format!("no fragment: {seen}"))?;
        Ok(json!({"first_fragment_ms": fragment - accepted, "seen": seen}))
    })?;
    let media = context.alternate("first-playlist", &[("pulse", PULSE)], |subject| {
        let server = subject.start(context)?;
        let (publish, url) = (server.publish_url("bench-{n}"), server.hls_url("bench-{n}"));
        Tool::run(context, &["first-playlist", "--count", "5", "--publish", &publish, "--url", &url])
    })?;
    let [pulse] = runs.as_slice() else { anyhow::bail!("one subject") };
    let [media] = media.as_slice() else { anyhow::bail!("one subject") };
    let (fragment, media) = (pulse.at("/first_fragment_ms"), media.at("/first_media_ms/p50"));
    Ok(vec![
        Row::new("publish accepted → default hls.js has buffered a fragment, 2 s GOP", "≤ 1.2 s")
            .pulse(&fragment, "ms")
            .at_most(1_200.0, &fragment),
        Row::new(
            "publish accepted → playlists, init segments and a part of both renditions, without a browser",
            "",
        )
        .pulse(&media, "ms"),
    ])
}

/// The page: first frame, distance to the wall clock, stalls.
pub(super) fn page(context: &Context) -> anyhow::Result<Vec<Row>> {
    let seconds = context.seconds(30, 10);
    let runs = context.alternate("page", &[("pulse", PULSE)], |subject| {
        let server = subject.start(context)?;
        let _publisher = publish(context, &server)?;
        std::thread::sleep(Duration::from_secs(12));
        node("play.test.mjs", &server, &[("PULSE_SECONDS", &seconds)])?.finish("played")
    })?;
    let [pulse] = runs.as_slice() else { anyhow::bail!("one subject") };
    let first = pulse.at("/firstFrameAfterLoadMs");
    let latency = pulse.at("/medianLatencyS");
    let stalls = pulse.at("/stalls");
    Ok(vec![
        Row::new(format!("`/watch` in Chromium, 2 s GOP, {seconds} s: first frame after load"), "≤ 0.8 s")
            .pulse(&first, "ms")
            .at_most(800.0, &first),
        Row::new("the same: behind the wall clock, median", "≤ 1.0 s")
            .pulse(&latency, "s")
            .at_most(1.0, &latency),
        Row::new("the same: stalls", "0").pulse(&stalls, "").at_most(0.0, &stalls),
    ])
}

fn publish(context: &Context, server: &Server) -> anyhow::Result<Tool> {
    let url = server.publish_url("bench");
    Tool::start(context, &["publish", "--warm", "0", "--seconds", "90", "--url", &url])
}

/// A running test.
struct Node(std::process::Child);

fn node(file: &str, server: &Server, variables: &[(&str, &str)]) -> anyhow::Result<Node> {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pulse-server/web");
    ensure!(web.join("node_modules").is_dir(), "the player page's packages are not installed (make web)");
    let mut command = Command::new("node");
    command.arg(format!("e2e/{file}")).current_dir(web).envs(variables.iter().copied());
    command.env("PULSE_URL", format!("http://{}", server.http())).env("PULSE_STREAM", "bench");
    if let Some(chromium) = std::env::var_os("PULSE_CHROMIUM").filter(|path| Path::new(path).exists()) {
        command.env("CHROMIUM", chromium);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    Ok(Node(command.spawn().context("starting node")?))
}

impl Node {
    /// What the test reports as `event`. Whether it passed does not matter: the bars here are the table's.
    fn finish(mut self, event: &str) -> anyhow::Result<Value> {
        let output = self.0.stdout.take().context("no output")?;
        let (mut found, mut said) = (None, String::new());
        for line in BufReader::new(output).lines() {
            let line = line?;
            // node's test runner puts what a test prints behind a "# ".
            match line.trim_start_matches("# ").strip_prefix(MARK) {
                Some(report) => {
                    let report: Value = serde_json::from_str(report)?;
                    if report.get("event").and_then(Value::as_str) == Some(event) {
                        found = Some(report);
                    }
                }
                None if said.len() < 2_000 => said.push_str(&line),
                None => {}
            }
        }
        self.0.wait()?;
        found.with_context(|| format!("the test reported nothing: {said}"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It has usually ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
