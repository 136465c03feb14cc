//! `GET /v1/streams`: what is live.

use std::time::{SystemTime, UNIX_EPOCH};

use media_core::Track;
use serde::Serialize;

use crate::app::App;
use crate::live::{Channel, Issue, Life, Phase};

/// The answer.
#[derive(Serialize)]
pub(super) struct List {
    data: Vec<Stream>,
}

#[derive(Serialize)]
struct Stream {
    id: String,
    /// `live`, or `reconnecting` while its encoder is away.
    status: &'static str,
    publisher: Option<String>,
    since_unix_ms: u64,
    uptime_seconds: f64,
    tracks: Vec<TrackInfo>,
    bitrate_bps: u64,
    fps: f64,
    keyframe_interval_seconds: Option<f64>,
    bytes_in: u64,
    viewers: Viewers,
    health: Vec<HealthIssue>,
}

#[derive(Serialize)]
struct TrackInfo {
    id: u16,
    codec: &'static str,
    codecs: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_rate_hz: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<u8>,
}

#[derive(Serialize)]
struct Viewers {
    hls: usize,
    rtmp: usize,
    flv: usize,
}

#[derive(Serialize)]
struct HealthIssue {
    code: &'static str,
    detail: String,
    since_unix_ms: u64,
    count: u64,
}

/// The streams that are live or waiting for their encoder, by id.
pub(super) fn list(app: &App) -> List {
    let viewers = app.viewers();
    let entry = |channel: &Channel| {
        let (status, life) = match channel.phase() {
            Phase::Live(life) => ("live", life),
            Phase::Away(life) => ("reconnecting", life),
            Phase::Offline(_) | Phase::Restarted => return None,
        };
        let hls = viewers.get(channel.id()).copied().unwrap_or(0);
        Some(stream(channel, status, &life, hls))
    };
    List { data: app.registry.all().iter().filter_map(|channel| entry(channel)).collect() }
}

fn stream(channel: &Channel, status: &'static str, life: &Life, hls: usize) -> Stream {
    let measured = life.measured();
    Stream {
        id: channel.id().to_string(),
        status,
        publisher: channel.publisher().map(|remote| remote.to_string()),
        since_unix_ms: unix_ms(life.since),
        uptime_seconds: life.since.elapsed().map_or(0.0, |elapsed| elapsed.as_secs_f64()),
        tracks: life.broadcast.tracks().iter().map(track).collect(),
        bitrate_bps: measured.bitrate_bps,
        fps: measured.fps,
        keyframe_interval_seconds: measured.keyframe_interval_seconds,
        bytes_in: measured.bytes,
        viewers: Viewers { hls, rtmp: life.outputs.rtmp_players(), flv: life.outputs.flv_players() },
        health: life.health.issues().into_iter().map(issue).collect(),
    }
}

fn track(track: &Track) -> TrackInfo {
    let (video, audio) = (track.video(), track.audio());
    TrackInfo {
        id: track.id.0,
        codec: track.codec.name(),
        codecs: track.rfc6381.to_string(),
        width: video.map(|video| video.width),
        height: video.map(|video| video.height),
        sample_rate_hz: audio.map(|audio| audio.sample_rate),
        channels: audio.map(|audio| audio.channels),
    }
}

fn issue(issue: Issue) -> HealthIssue {
    HealthIssue {
        code: issue.code,
        detail: issue.detail,
        since_unix_ms: unix_ms(issue.since),
        count: issue.count,
    }
}

fn unix_ms(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
