//! RTMP: play, relay latency, joins, publish.

use serde_json::Value;

use super::context::Context;
use super::server::Subject;
use super::table::Row;
use super::tool::Tool;

/// RTMP alone, so that nginx without HLS does the same.
const PLAIN: &str = "[hls]\nenabled = false\n[ingest]\nmax_open_streams = 1000";
/// With a flush at every video frame.
const AT_ONCE: &str = "[hls]\nenabled = false\n[rtmp]\nbatch_ms = 0";
const BATCH_MS: f64 = 50.0;

const PULSE: Subject<'_> = Subject::Pulse(PLAIN);
const PULSE_AT_ONCE: Subject<'_> = Subject::Pulse(AT_ONCE);
const NGINX: Subject<'_> = Subject::Nginx { hls: false };

/// 1 publisher → 1,000 players: CPU per Gbit, memory per player.
pub(super) fn play(context: &Context) -> anyhow::Result<Vec<Row>> {
    let subjects = [
        ("pulse", PULSE),
        ("pulse batch_ms=0", PULSE_AT_ONCE),
        ("nginx-rtmp", NGINX),
        ("floor 50 ms", Subject::Floor(50)),
        ("floor 33 ms", Subject::Floor(33)),
    ];
    let runs = context.alternate("play", &subjects, |subject| play_once(context, subject))?;
    let [pulse, at_once, nginx, floor, floor_33] = runs.as_slice() else { anyhow::bail!("five subjects") };
    let cpu = pulse.cpu_per_gbit();
    let unit = "CPU-s/Gbit";
    let gaps = pulse.at("/gaps").median().unwrap_or(1.0) + at_once.at("/gaps").median().unwrap_or(1.0);
    let memory = pulse.memory_each_kib();
    Ok(vec![
        Row::new("RTMP play, 1 → 1,000, default batching", "≤ 1.25 × the floor at the same tick (50 ms)")
            .pulse(&cpu, unit)
            .floor(&floor.cpu_per_gbit(), unit)
            .at_most_times(1.25, &cpu, &floor.cpu_per_gbit())
            .and(gaps == 0.0, "with gaps"),
        Row::new("the same", "≤ 0.75 × nginx-rtmp")
            .pulse(&cpu, unit)
            .peer("nginx-rtmp", &nginx.cpu_per_gbit(), unit)
            .at_most_times(0.75, &cpu, &nginx.cpu_per_gbit()),
        Row::new("the same with `batch_ms = 0`", "≤ 1.3 × nginx-rtmp")
            .pulse(&at_once.cpu_per_gbit(), unit)
            .peer("nginx-rtmp", &nginx.cpu_per_gbit(), unit)
            .floor(&floor_33.cpu_per_gbit(), "CPU-s/Gbit at 33 ms")
            .at_most_times(1.3, &at_once.cpu_per_gbit(), &nginx.cpu_per_gbit()),
        Row::new("memory per RTMP player", "≤ 12 KiB")
            .pulse(&memory, "KiB")
            .peer("nginx-rtmp", &nginx.memory_each_kib(), "KiB")
            .at_most(12.0, &memory),
    ])
}

fn play_once(context: &Context, subject: Subject<'_>) -> anyhow::Result<Value> {
    let server = subject.start(context)?;
    let window = context.seconds(8, 4);
    let raw = matches!(subject, Subject::Floor(_));
    let _publisher = if raw { None } else { Some(publisher(context, &server.publish_url("bench"))?) };
    let (url, pid) = (server.play_url("bench"), server.pid());
    let mut arguments = vec!["play", "--count", "1000", "--poll-ms", "50", "--warm", "2"];
    arguments.extend(["--seconds", &window, "--url", &url]);
    arguments.extend(raw.then_some("--raw"));
    arguments.extend(["--pid", &pid]);
    Tool::run(context, &arguments)
}

/// One publisher for as long as the measurement takes. Its first GOP is there when this returns.
pub(super) fn publisher(context: &Context, url: &str) -> anyhow::Result<Tool> {
    let tool = Tool::start(context, &["publish", "--warm", "0", "--seconds", "180", "--url", url])?;
    std::thread::sleep(std::time::Duration::from_millis(500));
    Ok(tool)
}

/// 300 players: from the publisher's write to a frame's last byte.
pub(super) fn relay(context: &Context) -> anyhow::Result<Vec<Row>> {
    let subjects = [("pulse", PULSE), ("pulse batch_ms=0", PULSE_AT_ONCE), ("nginx-rtmp", NGINX)];
    let runs = context.alternate("relay", &subjects, |subject| {
        let server = subject.start(context)?;
        let (publish, play, pid) = (server.publish_url("bench"), server.play_url("bench"), server.pid());
        let window = context.seconds(8, 4);
        let mut arguments = vec!["relay", "--count", "300", "--warm", "3", "--seconds", &window];
        arguments.extend(["--publish", &publish, "--url", &play, "--pid", &pid]);
        Tool::run(context, &arguments)
    })?;
    let [pulse, at_once, nginx] = runs.as_slice() else { anyhow::bail!("three subjects") };
    let p99 = "/latency_ms/p99";
    let bar = nginx.at(p99).median().unwrap_or(0.0).max(10.0);
    Ok(vec![
        Row::new("relay latency of video, 300 players, `batch_ms = 0`, p99", "≤ 10 ms, or nginx-rtmp's")
            .pulse(&at_once.at(p99), "ms")
            .peer("nginx-rtmp", &nginx.at(p99), "ms")
            .at_most(bar, &at_once.at(p99)),
        Row::new("the same, default batching, p99", "≤ batch + 15 ms = 65 ms")
            .pulse(&pulse.at(p99), "ms")
            .at_most(BATCH_MS + 15.0, &pulse.at(p99)),
    ])
}

/// Connect → first key frame.
pub(super) fn join(context: &Context) -> anyhow::Result<Vec<Row>> {
    let subjects = [("pulse", PULSE), ("nginx-rtmp", NGINX)];
    let count = context.seconds(50, 20);
    let runs = context.alternate("join", &subjects, |subject| {
        let server = subject.start(context)?;
        let _publisher = publisher(context, &server.publish_url("bench"))?;
        std::thread::sleep(std::time::Duration::from_secs(2));
        let (url, pid) = (server.play_url("bench"), server.pid());
        Tool::run(context, &["join", "--count", &count, "--url", &url, "--pid", &pid])
    })?;
    let [pulse, nginx] = runs.as_slice() else { anyhow::bail!("two subjects") };
    let median = "/first_key_frame_ms/p50";
    Ok(vec![
        Row::new("connect → first key frame at a joining player, median", "≤ 20 ms")
            .pulse(&pulse.at(median), "ms")
            .peer("nginx-rtmp", &nginx.at(median), "ms")
            .at_most(20.0, &pulse.at(median)),
    ])
}

/// 300 publishers and nobody watching.
pub(super) fn publish(context: &Context) -> anyhow::Result<Vec<Row>> {
    let subjects = [("pulse", PULSE), ("nginx-rtmp", NGINX)];
    let runs = context.alternate("publish", &subjects, |subject| {
        let server = subject.start(context)?;
        let (url, pid) = (server.publish_url("bench-{n}"), server.pid());
        let window = context.seconds(8, 4);
        let mut arguments = vec!["publish", "--count", "300", "--warm", "3", "--seconds", &window];
        arguments.extend(["--url", &url, "--pid", &pid]);
        Tool::run(context, &arguments)
    })?;
    let [pulse, nginx] = runs.as_slice() else { anyhow::bail!("two subjects") };
    let (cpu, peer) = (pulse.cpu_per_gbit(), nginx.cpu_per_gbit());
    let gop_kib = context.clip_bytes_per_s * f64::from(crate::clip::GOP_MS) / 1e3 / 1024.0;
    let memory = pulse.memory_each_kib();
    Ok(vec![
        Row::new("RTMP publish, 300 publishers, nothing watching", "≤ 0.80 × nginx-rtmp")
            .pulse(&cpu, "CPU-s/Gbit")
            .peer("nginx-rtmp", &peer, "CPU-s/Gbit")
            .at_most_times(0.8, &cpu, &peer),
        Row::new(
            "memory per publisher",
            format!("≤ 48 KiB and its GOP ({gop_kib:.0} KiB) = {:.0} KiB", gop_kib + 48.0),
        )
        .pulse(&memory, "KiB")
        .peer("nginx-rtmp", &nginx.memory_each_kib(), "KiB, no GOP kept")
        .at_most(gop_kib + 48.0, &memory),
    ])
}
