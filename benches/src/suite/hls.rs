//! HLS: packaging, blocked clients, viewers.

use serde_json::Value;

use super::context::{Context, Runs, number};
use super::rtmp::publisher;
use super::server::Subject;
use super::table::Row;
use super::tool::Tool;

const STREAMS: &str = "[ingest]\nmax_open_streams = 1000";
const PULSE: Subject<'_> = Subject::Pulse(STREAMS);
/// A window that fills, and whose segments expire, within a run.
const SHORT_WINDOW: Subject<'_> =
    Subject::Pulse("[ingest]\nmax_open_streams = 1000\n[hls]\nwindow_s = 24\ntarget_duration_s = 4");
const SHORT_WINDOW_S: f64 = 24.0;
const TARGET_S: f64 = 4.0;

/// 50 streams: CPU per stream-second.
pub(super) fn package(context: &Context) -> anyhow::Result<Vec<Row>> {
    let subjects = [("pulse, LL-HLS", PULSE), ("nginx-rtmp, HLS", Subject::Nginx { hls: true })];
    let window = context.seconds(12, 6);
    let runs = context.alternate("package", &subjects, |subject| streams(context, subject, "8", &window))?;
    let [pulse, nginx] = runs.as_slice() else { anyhow::bail!("two subjects") };
    let (cpu, peer) = (ms_per_second(pulse), ms_per_second(nginx));
    Ok(vec![
        Row::new("publish + LL-HLS (CMAF, audio and video), 50 streams", "≤ 1.0 × nginx-rtmp with plain HLS")
            .pulse(&cpu, "CPU-ms per stream-second")
            .peer("nginx-rtmp", &peer, "CPU-ms per stream-second")
            .at_most_times(1.0, &cpu, &peer),
    ])
}

/// CPU-milliseconds a second for each of `count`.
pub(super) fn ms_per_second(runs: &Runs) -> super::context::Figure {
    runs.each(|run| {
        let each_second = number(run, "count")? * number(run, "seconds")?;
        Some(number(run, "server_cpu_s")? * 1e3 / each_second)
    })
}

fn streams(context: &Context, subject: Subject<'_>, warm: &str, window: &str) -> anyhow::Result<Value> {
    let server = subject.start(context)?;
    let (url, pid) = (server.publish_url("bench-{n}"), server.pid());
    let mut arguments = vec!["publish", "--count", "50", "--warm", warm, "--seconds", window];
    arguments.extend(["--url", &url, "--pid", &pid]);
    Tool::run(context, &arguments)
}

/// Memory per stream against the media that has to be kept: the window, the segment in progress, those that have left the window for
/// three target durations more, and the GOP for players.
pub(super) fn memory(context: &Context) -> anyhow::Result<Vec<Row>> {
    let (warm, window) = (context.seconds(50, 20), "4");
    let value = streams(context, SHORT_WINDOW, &warm, window)?;
    let lived_s = warm.parse::<f64>()? + 4.0;
    let kept_s = lived_s.min(SHORT_WINDOW_S + TARGET_S + 3.0 * TARGET_S);
    let gop_s = f64::from(crate::clip::GOP_MS) / 1e3;
    let kept_kib = context.clip_bytes_per_s * (kept_s + gop_s) / 1024.0;
    let bar_kib = kept_kib * 1.2 + 512.0;
    let memory = Runs(vec![value]).memory_each_kib();
    let (retained, bar) = (kept_kib / 1024.0, bar_kib / 1024.0);
    Ok(vec![
        Row::new(
            "memory per stream of these",
            format!("≤ 1.2 × {retained:.1} MiB retained + 512 KiB = {bar:.1} MiB"),
        )
        .pulse(&memory.map(|kib| kib / 1024.0), "MiB")
        .at_most(bar, &memory.map(|kib| kib / 1024.0)),
    ])
}

/// 5,000 clients blocked on one playlist.
pub(super) fn blocked(context: &Context) -> anyhow::Result<Vec<Row>> {
    let runs = context.alternate("blocked", &[("pulse", PULSE)], |subject| {
        let server = subject.start(context)?;
        let _publisher = publisher(context, &server.publish_url("bench"))?;
        std::thread::sleep(std::time::Duration::from_secs(3));
        let (url, pid) = (server.hls_url("bench"), server.pid());
        let window = context.seconds(12, 6);
        Tool::run(
            context,
            &[
                "blocked",
                "--count",
                "5000",
                "--warm",
                "1",
                "--seconds",
                &window,
                "--url",
                &url,
                "--pid",
                &pid,
            ],
        )
    })?;
    let [pulse] = runs.as_slice() else { anyhow::bail!("one subject") };
    let p99 = pulse.at("/answer_ms/p99");
    Ok(vec![
        Row::new("5,000 clients blocked on one playlist: part ready → last byte out, p99", "≤ 100 ms")
            .pulse(&p99, "ms")
            .at_most(100.0, &p99)
            .and(pulse.at("/errors").median() == Some(0.0), "with errors"),
    ])
}

/// What each connection of a stream's viewers added. The stream's window fills meanwhile; that is not the connections'.
pub(super) fn connection_memory_kib(context: &Context, runs: &Runs) -> super::context::Figure {
    runs.each(|run| {
        let media_kib = context.clip_bytes_per_s * number(run, "memory_apart_s")? / 1024.0;
        let added_kib = number(run, "memory_kib")? - number(run, "memory_before_kib")? - media_kib;
        Some(added_kib / number(run, "connections")?)
    })
}

/// LL-HLS viewers: CPU, memory, and how many.
pub(super) fn viewers(context: &Context) -> anyhow::Result<Vec<Row>> {
    let runs = context.alternate("viewers", &[("pulse", 500), ("pulse, many", 1_500)], |count| {
        let server = PULSE.start(context)?;
        let _publisher = publisher(context, &server.publish_url("bench"))?;
        std::thread::sleep(std::time::Duration::from_secs(5));
        let (url, pid, count) = (server.hls_url("bench"), server.pid(), count.to_string());
        let window = context.seconds(12, 6);
        Tool::run(
            context,
            &["hls", "--count", &count, "--warm", "3", "--seconds", &window, "--url", &url, "--pid", &pid],
        )
    })?;
    let [some, many] = runs.as_slice() else { anyhow::bail!("two loads") };
    let cpu = ms_per_second(some);
    let memory = connection_memory_kib(context, some);
    let trouble = |runs: &Runs| runs.each(|run| Some(number(run, "errors")? + number(run, "stalls")?));
    let share = many.each(|run| Some(number(run, "server_cpu_s")? / number(run, "seconds")?));
    Ok(vec![
        Row::new("500 LL-HLS viewers, every part of video and audio", "≤ 0.40 CPU-ms per viewer-second")
            .pulse(&cpu, "CPU-ms per viewer-second")
            .at_most(0.4, &cpu)
            .and(trouble(some).median() == Some(0.0), "with errors or stalls"),
        Row::new("memory per connection of these", "≤ 16 KiB").pulse(&memory, "KiB").at_most(16.0, &memory),
        Row::new("1,500 viewers on this machine, load tool included", "no error")
            .pulse(&share, "cores for the server")
            .and(
                trouble(many).median() == Some(0.0),
                &format!("errors and stalls: {}", trouble(many).text("")),
            ),
    ])
}

/// 50 viewers: how late a part is.
pub(super) fn latency(context: &Context) -> anyhow::Result<Vec<Row>> {
    let subjects = [("pulse, listed parts", false), ("pulse, hinted parts", true)];
    let runs = context.alternate("latency", &subjects, |hint| {
        let server = PULSE.start(context)?;
        let (publish, url, pid) = (server.publish_url("bench"), server.hls_url("bench"), server.pid());
        let window = context.seconds(12, 6);
        let mut arguments = vec!["hls", "--count", "50", "--warm", "2", "--seconds", &window];
        arguments.extend(["--publish", &publish, "--url", &url]);
        arguments.extend(hint.then_some("--hint"));
        arguments.extend(["--pid", &pid]);
        Tool::run(context, &arguments)
    })?;
    let [listed, hinted] = runs.as_slice() else { anyhow::bail!("two kinds of viewers") };
    let rows = |what: &str, runs: &Runs| {
        let (p50, p99) = (runs.at("/latency_ms/p50"), runs.at("/latency_ms/p99"));
        [
            Row::new(
                format!("write of a part's last frame → its last byte, 50 viewers, {what}, p50"),
                "≤ 50 ms",
            )
            .pulse(&p50, "ms")
            .at_most(50.0, &p50),
            Row::new("the same, p99", "≤ 100 ms").pulse(&p99, "ms").at_most(100.0, &p99),
        ]
    };
    Ok([rows("listed parts", listed), rows("hinted parts", hinted)].concat())
}
