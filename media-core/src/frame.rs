//! One encoded access unit.

use bytes::Bytes;

use crate::time::Timestamp;
use crate::track::TrackId;

/// One encoded access unit of one track.
///
/// `data` is what an MP4 sample holds, so that RTMP to fMP4 rewrites no bitstream: length-prefixed NAL units for H.264
/// and HEVC (prefix size in the track's configuration), a temporal unit of OBUs without delimiters for AV1, a raw frame for the
/// rest (AAC without ADTS). For a data track it is one AMF0-encoded script message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The track it belongs to.
    pub track: TrackId,
    /// Decode time, in the track's timescale.
    pub dts: Timestamp,
    /// Presentation time, in the track's timescale. Equal to `dts` but for video with reordering.
    pub pts: Timestamp,
    /// Whether decoding may begin here. Always true for audio and data.
    pub keyframe: bool,
    /// The coded bytes.
    pub data: Bytes,
}
