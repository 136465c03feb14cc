//! The operations listener's live list, read strictly: a missing field is a failure.

use serde::Deserialize;

/// The health code of a stream whose key frames are farther apart than a segment may be long.
pub(crate) const GOP_TOO_LONG: &str = "gop_too_long";

#[derive(Deserialize)]
struct List {
    data: Vec<Live>,
}

/// One live stream.
#[derive(Debug, Deserialize)]
pub(crate) struct Live {
    pub(crate) id: String,
    /// `live`, or `reconnecting` while the encoder is away.
    pub(crate) status: String,
    pub(crate) tracks: Vec<serde_json::Value>,
    pub(crate) bitrate_bps: u64,
    pub(crate) fps: f64,
    pub(crate) keyframe_interval_seconds: Option<f64>,
    pub(crate) uptime_seconds: f64,
    pub(crate) viewers: Viewers,
    pub(crate) health: Vec<Health>,
}

/// Viewers by protocol.
#[derive(Debug, Deserialize)]
pub(crate) struct Viewers {
    pub(crate) hls: u64,
    pub(crate) rtmp: u64,
    pub(crate) flv: u64,
}

/// Something about the stream that its operator should know.
#[derive(Debug, Deserialize)]
pub(crate) struct Health {
    pub(crate) code: String,
    pub(crate) detail: String,
}

#[track_caller]
pub(crate) fn parse(body: &[u8]) -> Vec<Live> {
    let list: List = serde_json::from_slice(body)
        .unwrap_or_else(|error| panic!("the live list: {error} in {}", String::from_utf8_lossy(body)));
    list.data
}
