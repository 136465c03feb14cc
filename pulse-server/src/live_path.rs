//! What the live path tells the API of its streams: states, problems, steps and variants, made from memory when they are asked for.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hls_packager::{Rendition, RenditionId};
use media_core::track::Video;
use media_core::{Track, TrackId, TrackKind};
use tenancy::StreamId as TenantsStreamId;

use crate::app::App;
use crate::live::{Channel, Issue, JOURNAL_NOT_WRITTEN, Life, Phase, STEP, Sample, remedy};
use crate::stream_id::StreamId;
use crate::v1::live::{
    LivePath, LiveStream, LiveTrack, Problem, Quality, QualityKind, STEP_SECONDS, Severity, State, Status,
    StatusReason, Step, Variant, Viewers,
};

/// An encoder that is connected and sends nothing for so long is silent.
const SILENT: Duration = Duration::from_secs(5);

const _: () = assert!(STEP.as_secs() == STEP_SECONDS, "the API says how long steps are");

impl LivePath for App {
    fn state(&self, id: TenantsStreamId) -> Option<State> {
        let id = StreamId::parse(&id.to_string())?;
        let channel = self.registry.find(&id);
        let of_channel = channel.and_then(|channel| self.state_of(&channel));
        of_channel.or_else(|| Some(offline(self.histories.ended(&id)?)))
    }

    fn problems(&self, id: TenantsStreamId) -> Vec<Problem> {
        let Some(life) = self.last_life(id) else { return Vec::new() };
        let now = SystemTime::now();
        let mut problems: Vec<Problem> =
            life.health.issues().into_iter().map(|issue| problem(now, issue)).collect();
        // The packager's word for the same, which knows how long segments are.
        if problems.iter().any(|problem| problem.code == "gop_too_long" && problem.current) {
            problems.retain(|problem| problem.code != "gop_long");
        }
        problems.sort_by_key(|problem| (!problem.current, std::cmp::Reverse(problem.severity as u8)));
        problems
    }

    fn steps(&self, id: TenantsStreamId) -> Vec<Step> {
        let id = StreamId::parse(&id.to_string());
        id.map(|id| self.histories.steps(&id).iter().map(step).collect()).unwrap_or_default()
    }

    fn variants(&self, id: TenantsStreamId) -> Vec<Variant> {
        let life = StreamId::parse(&id.to_string()).and_then(|id| self.registry.find(&id)?.life());
        let variant = life.and_then(|life| life.hls.as_ref()?.variant());
        let shown = variant.map(|variant| Variant {
            bandwidth_bps: variant.bandwidth_bps,
            average_bandwidth_bps: variant.average_bandwidth_bps,
            renditions: variant.renditions.iter().map(quality).collect(),
        });
        shown.into_iter().collect()
    }
}

impl App {
    fn state_of(&self, channel: &Channel) -> Option<State> {
        let life = match channel.phase() {
            Phase::Live(life) => return Some(self.going_on(channel, &life)),
            Phase::Away(life) => life,
            Phase::Restarted => return Some(failed(StatusReason::EncoderAway, None)),
            Phase::Offline(life) => return Some(offline(life?.ended()?)),
        };
        let live = Some(self.measured(channel.id(), &life));
        Some(State { live, ..failed(StatusReason::EncoderAway, silent_since(&life)) })
    }

    /// A stream whose encoder is connected.
    fn going_on(&self, channel: &Channel, life: &Life) -> State {
        let live = Some(self.measured(channel.id(), life));
        if life.health.holds(JOURNAL_NOT_WRITTEN) {
            return State { live, ..failed(StatusReason::JournalNotWritten, silent_since(life)) };
        }
        if life.silent_for().is_some_and(|silent| silent >= SILENT) {
            return State { live, ..failed(StatusReason::EncoderSilent, silent_since(life)) };
        }
        let settled = life.hls.as_ref().is_none_or(|hls| hls.is_settled());
        let plays = settled && !life.broadcast.tracks().is_empty();
        let status = if plays { Status::Live } else { Status::Starting };
        State { status, since: Some(life.since.into()), reason: None, live }
    }

    fn measured(&self, id: &StreamId, life: &Life) -> LiveStream {
        let (measured, rates) = (life.measured(), life.bitrates());
        LiveStream {
            started_at: life.since.into(),
            tracks: life.broadcast.tracks().iter().map(|known| track(known, &rates)).collect(),
            bitrate_bps: measured.bitrate_bps,
            fps: hundredths(measured.fps),
            keyframe_interval_seconds: measured.keyframe_interval_seconds,
            viewers: Viewers {
                hls: self.sessions.viewers_of(id) as u64,
                rtmp: life.outputs.rtmp_players() as u64,
                flv: life.outputs.flv_players() as u64,
            },
            received_bytes: measured.bytes,
            delivered_bytes: life.delivered_bytes(),
        }
    }

    /// The life that goes on, or the one that has just ended.
    fn last_life(&self, id: TenantsStreamId) -> Option<Arc<Life>> {
        match self.registry.find(&StreamId::parse(&id.to_string())?)?.phase() {
            Phase::Live(life) | Phase::Away(life) => Some(life),
            Phase::Offline(life) => life,
            Phase::Restarted => None,
        }
    }
}

fn failed(reason: StatusReason, since: Option<SystemTime>) -> State {
    State { status: Status::Error, since: since.map(Into::into), reason: Some(reason), live: None }
}

fn offline(ended: SystemTime) -> State {
    State { status: Status::Offline, since: Some(ended.into()), reason: None, live: None }
}

fn silent_since(life: &Life) -> Option<SystemTime> {
    SystemTime::now().checked_sub(life.silent_for()?)
}

fn track(track: &Track, rates: &[(TrackId, u64)]) -> LiveTrack {
    let (video, audio) = (track.video(), track.audio());
    LiveTrack {
        kind: match track.kind() {
            TrackKind::Video => "video",
            TrackKind::Audio => "audio",
            TrackKind::Data => "data",
        },
        codec: track.codec.name(),
        codecs: track.rfc6381.to_string(),
        bitrate_bps: rates.iter().find(|(id, _)| *id == track.id).map(|(_, rate)| *rate),
        width: video.map(|video| video.width),
        height: video.map(|video| video.height),
        frame_rate: video.and_then(header_rate),
        sample_rate_hz: audio.map(|audio| audio.sample_rate),
        channels: audio.map(|audio| audio.channels),
    }
}

fn header_rate(video: &Video) -> Option<f64> {
    video.frame_rate.map(|rate| hundredths(rate.as_f64()))
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn problem(now: SystemTime, issue: Issue) -> Problem {
    let current = issue.is_current(now);
    let remedy = remedy::of(issue.code);
    Problem {
        code: issue.code,
        severity: match remedy.severity {
            remedy::Severity::Info => Severity::Info,
            remedy::Severity::Warning => Severity::Warning,
            remedy::Severity::Error => Severity::Error,
        },
        detail: issue.detail,
        mend: remedy.mend,
        current,
        first_seen_at: issue.since.into(),
        last_seen_at: issue.last.into(),
        count: issue.count,
    }
}

fn step(sample: &Sample) -> Step {
    let duration_ms = u64::from(sample.duration_ms);
    Step {
        at: sample.at.into(),
        duration_seconds: duration_ms as f64 / 1e3,
        bitrate_bps: sample.received_bytes.saturating_mul(8_000) / duration_ms.max(1),
        fps: hundredths(sample.fps.into()),
        viewers: Viewers { hls: sample.hls.into(), rtmp: sample.rtmp.into(), flv: sample.flv.into() },
        received_bytes: sample.received_bytes,
        delivered_bytes: sample.delivered_bytes,
    }
}

fn quality((rendition, peak, average): &(Rendition, u64, u64)) -> Quality {
    let video = rendition.tracks.iter().find_map(Track::video);
    let audio = rendition.tracks.iter().find_map(Track::audio);
    let codecs = rendition.tracks.iter().map(|track| track.rfc6381.to_string());
    Quality {
        name: rendition.id.to_string(),
        kind: match rendition.id {
            RenditionId::Video => QualityKind::Video,
            RenditionId::Audio(_) => QualityKind::Audio,
            RenditionId::Muxed => QualityKind::Muxed,
        },
        bandwidth_bps: *peak,
        average_bandwidth_bps: *average,
        codecs: codecs.filter(|codec| !codec.is_empty()).collect(),
        width: video.map(|video| video.width),
        height: video.map(|video| video.height),
        frame_rate: video.and(rendition.frame_rate).map(hundredths),
        sample_rate_hz: audio.map(|audio| audio.sample_rate),
        channels: audio.map(|audio| audio.channels),
    }
}
