//! What both containers share: their names and why a muxer refuses.

use media_core::codec::HeaderError;
use media_core::{Codec, TrackId};

/// The container that a stream is packaged in; one for all its tracks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Container {
    /// Fragmented MP4 (ISO/IEC 23000-19), one track a rendition.
    #[default]
    Cmaf,
    /// MPEG transport stream (ISO/IEC 13818-1), all tracks muxed.
    MpegTs,
}

impl Container {
    /// Whether HLS players take `codec` in this container. A track that passes can still be refused by its muxer, for a
    /// property that only its header tells (AAC object types without ADTS).
    pub fn carries(self, codec: Codec) -> bool {
        match self {
            Self::Cmaf => codec != Codec::Amf0,
            Self::MpegTs => {
                matches!(codec, Codec::H264 | Codec::Hevc | Codec::Aac | Codec::Mp3 | Codec::Ac3)
            }
        }
    }

    /// The name people know it by, for logs and errors.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cmaf => "CMAF",
            Self::MpegTs => "MPEG-TS",
        }
    }
}

/// Why a muxer refused. The same input will be refused again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The container has no form for the track that players take. The publisher's choice: the track stays available in
    /// other containers and over other protocols.
    #[error("{} is not packaged in {}", codec.name(), container.name())]
    CodecNotPackaged {
        /// The track's codec.
        codec: Codec,
        /// The container asked for.
        container: Container,
    },
    /// The decoder configuration, or the frame that stands for it, does not hold what the container must state. The
    /// publisher's fault.
    #[error(transparent)]
    BadConfig(#[from] HeaderError),
    /// A frame's decode time is not after the one before it, or a part's end is not after its last frame. The caller's
    /// fault: decode times are repaired before they reach a muxer.
    #[error("decode time {dts} does not follow {previous}")]
    BackwardDecodeTime {
        /// The earlier frame's decode time, in the track's timescale.
        previous: i64,
        /// The offending decode time, in the track's timescale.
        dts: i64,
    },
    /// A time, duration or size does not fit the container's field. The caller's fault.
    #[error("{field} = {value} does not fit the container")]
    OutOfRange {
        /// The container's field.
        field: &'static str,
        /// The value that was to go there.
        value: i64,
    },
    /// Fragments hold at least one frame. The caller's fault.
    #[error("a part without frames")]
    Empty,
    /// A frame belongs to a track that the muxer was not made for. The caller's fault.
    #[error("frame of track {}, which is not muxed here", track.0)]
    UnknownTrack {
        /// The frame's track.
        track: TrackId,
    },
}
