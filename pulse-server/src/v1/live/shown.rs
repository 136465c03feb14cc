//! What is live, as it is shown.

use platform_core::WallTime;
use serde::Serialize;
use utoipa::ToSchema;

use crate::v1::schema;

/// What a stream is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Nobody publishes, nor has within the last hour on this server.
    Idle,
    /// An encoder publishes, and there is nothing to be played yet.
    Starting,
    /// It is published and can be played.
    Live,
    /// It was published on this server within the last hour, and has ended.
    Offline,
    /// It goes on without new media: `status_reason` says why.
    Error,
}

/// Why a stream that goes on has no new media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StatusReason {
    /// The encoder's connection is gone; it is waited for, and viewers stay.
    EncoderAway,
    /// The encoder is connected and sends nothing.
    EncoderSilent,
    /// The server cannot write to its disk: HLS waits, RTMP and FLV go on.
    JournalNotWritten,
}

/// What a stream is doing, and since when.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct State {
    /// It is derived from who publishes at this moment, on any server.
    pub(crate) status: Status,
    /// Since when: for `live` since the stream began, for `error` since the last media came, for `offline` since it ended.
    #[serde(rename = "status_since")]
    #[schema(value_type = Option<schema::Time>, required)]
    pub(crate) since: Option<WallTime>,
    #[serde(rename = "status_reason")]
    #[schema(required)]
    pub(crate) reason: Option<StatusReason>,
    /// What is measured while the stream goes on. Null where it does not, and where another server has its encoder.
    #[schema(required)]
    pub(crate) live: Option<LiveStream>,
}

impl State {
    /// Nobody publishes.
    pub(crate) fn idle() -> Self {
        Self { status: Status::Idle, since: None, reason: None, live: None }
    }

    /// Whether an encoder is connected here.
    pub(super) fn has_encoder(&self) -> bool {
        match self.status {
            Status::Starting | Status::Live => true,
            Status::Error => self.reason != Some(StatusReason::EncoderAway),
            Status::Idle | Status::Offline => false,
        }
    }

    /// Leased by this node, which shows nothing of it yet, or by another one.
    pub(super) fn leased(since: WallTime, own: bool) -> Self {
        let status = if own { Status::Starting } else { Status::Live };
        Self { status, since: Some(since), reason: None, live: None }
    }
}

/// What is measured of a stream that goes on.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct LiveStream {
    /// Since when viewers see one broadcast, across encoders that came and went.
    #[schema(value_type = schema::Time)]
    pub(crate) started_at: WallTime,
    pub(crate) tracks: Vec<LiveTrack>,
    /// Of all tracks, over the last 2 s of media.
    #[schema(example = 3_128_000)]
    pub(crate) bitrate_bps: u64,
    /// Video frames a second, over the last 2 s of media.
    #[schema(example = 30.0)]
    pub(crate) fps: f64,
    /// Between the last two video key frames.
    #[schema(required, example = 2.0)]
    pub(crate) keyframe_interval_seconds: Option<f64>,
    pub(crate) viewers: Viewers,
    /// Media from the encoder, since `started_at`.
    pub(crate) received_bytes: u64,
    /// To viewers, since `started_at`.
    pub(crate) delivered_bytes: u64,
}

/// A track of the encoder.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct LiveTrack {
    /// `video`, `audio` or `data`.
    #[schema(example = "video")]
    pub(crate) kind: &'static str,
    /// What it is coded in.
    #[schema(example = "h264")]
    pub(crate) codec: &'static str,
    /// Its codec with profile and level, as players want it (RFC 6381).
    #[schema(example = "avc1.64001f")]
    pub(crate) codecs: String,
    /// Over the last 2 s of media; null before that.
    #[schema(required)]
    pub(crate) bitrate_bps: Option<u64>,
    /// In pixels; null for what is no video.
    #[schema(required)]
    pub(crate) width: Option<u32>,
    #[schema(required)]
    pub(crate) height: Option<u32>,
    /// As the video's header has it; null where it has none.
    #[schema(required)]
    pub(crate) frame_rate: Option<f64>,
    /// Null for what is no audio.
    #[schema(required)]
    pub(crate) sample_rate_hz: Option<u32>,
    #[schema(required)]
    pub(crate) channels: Option<u8>,
}

/// Viewers by protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Viewers {
    /// Sessions that follow a playlist.
    pub(crate) hls: u64,
    pub(crate) rtmp: u64,
    pub(crate) flv: u64,
}

/// How much viewers notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Nothing; it could be better.
    Info,
    /// Some of it, or some of them.
    Warning,
    /// They see or hear that something is missing.
    Error,
}

/// Something that is wrong with what the encoder sends.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Stable, for machines.
    #[schema(example = "gop_too_long")]
    pub(crate) code: &'static str,
    pub(crate) severity: Severity,
    /// What is wrong, with what was measured.
    pub(crate) detail: String,
    /// Which setting of the encoder mends it.
    pub(crate) mend: &'static str,
    /// Whether it holds now, or was seen within the last minute.
    pub(crate) current: bool,
    #[schema(value_type = schema::Time)]
    pub(crate) first_seen_at: WallTime,
    #[schema(value_type = schema::Time)]
    pub(crate) last_seen_at: WallTime,
    /// How often it was seen.
    pub(crate) count: u64,
}

/// How long a step is.
pub(crate) const STEP_SECONDS: u64 = 10;

/// Some seconds of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Step {
    /// When it began.
    #[schema(value_type = schema::Time)]
    pub(crate) at: WallTime,
    /// 10, but for the first and the last of a broadcast.
    pub(crate) duration_seconds: f64,
    /// From the encoder, over the step.
    pub(crate) bitrate_bps: u64,
    /// Video frames a second, at its end.
    pub(crate) fps: f64,
    /// At its end.
    pub(crate) viewers: Viewers,
    /// Media from the encoder.
    pub(crate) received_bytes: u64,
    /// To viewers.
    pub(crate) delivered_bytes: u64,
}

/// What players can choose.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Variant {
    /// Peak of all that is played together.
    pub(crate) bandwidth_bps: u64,
    pub(crate) average_bandwidth_bps: u64,
    /// What belongs to it, the main one first.
    pub(crate) renditions: Vec<Quality>,
}

/// What kind of rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QualityKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Both in one.
    Muxed,
}

/// A rendition.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Quality {
    /// What playback tokens call it.
    #[schema(example = "video")]
    pub(crate) name: String,
    pub(crate) kind: QualityKind,
    /// Peak.
    pub(crate) bandwidth_bps: u64,
    pub(crate) average_bandwidth_bps: u64,
    /// As players want them (RFC 6381).
    #[schema(example = json!(["avc1.64001f"]))]
    pub(crate) codecs: Vec<String>,
    /// In pixels; null for what is no video.
    #[schema(required)]
    pub(crate) width: Option<u32>,
    #[schema(required)]
    pub(crate) height: Option<u32>,
    /// By the header, or measured.
    #[schema(required)]
    pub(crate) frame_rate: Option<f64>,
    /// Null for what is no audio.
    #[schema(required)]
    pub(crate) sample_rate_hz: Option<u32>,
    #[schema(required)]
    pub(crate) channels: Option<u8>,
}
