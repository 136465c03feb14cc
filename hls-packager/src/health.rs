//! What is wrong with a stream, in words that tell the broadcaster what to change.

use std::fmt;

use media_core::{Codec, TrackId};

use crate::container::Container;

/// Something about the encoder that costs its viewers. [`fmt::Display`] says what to change.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Health {
    /// Key frames are farther apart than a segment may be long, so segments start between them. Reported when it first
    /// happens in a life, and when it gets worse by a second.
    GopTooLong {
        /// The GOP so far, in milliseconds.
        gop_ms: u64,
        /// EXT-X-TARGETDURATION, in seconds.
        target_duration_s: u32,
    },
    /// Key frames fit into segments again.
    GopFits {
        /// The GOP, in milliseconds.
        gop_ms: u64,
    },
    /// No key frame came within [`Config::max_key_wait_ms`](crate::Config::max_key_wait_ms); packaging started without one.
    NoKeyFrame {
        /// How long it was waited for, in milliseconds of media.
        waited_ms: u64,
    },
    /// The container does not carry the track's codec; other protocols do.
    CodecNotPackaged {
        /// The track.
        track: TrackId,
        /// Its codec.
        codec: Codec,
        /// The container.
        container: Container,
    },
    /// The track's decoder configuration cannot be packaged.
    TrackRefused {
        /// The track.
        track: TrackId,
        /// Why.
        why: String,
    },
    /// A second video track: one is packaged.
    ExtraVideo {
        /// The track.
        track: TrackId,
    },
    /// A track appeared after the others had settled: viewers get it when they open the stream anew.
    LateTrack {
        /// The track.
        track: TrackId,
        /// How long after the stream began, in milliseconds.
        after_ms: u64,
    },
    /// A track's codec changed within a life; the life ended and the next one began.
    CodecChanged {
        /// The track.
        track: TrackId,
        /// The codec before.
        from: Codec,
        /// The codec now.
        to: Codec,
    },
    /// A track sends nothing while others do; its rendition is filled with gaps.
    TrackStalled {
        /// The track.
        track: TrackId,
    },
    /// A stalled track sends again.
    TrackReturned {
        /// The track.
        track: TrackId,
    },
    /// Nothing has come from the encoder for half a target duration, though it did not disconnect.
    EncoderStalled {
        /// For how long, in milliseconds.
        silent_ms: u64,
    },
    /// Frames came too late for their place in the stream and were dropped.
    LateFrames {
        /// The track.
        track: TrackId,
        /// How many since the last report.
        frames: u64,
    },
    /// A part was larger than the packager takes, and became a gap.
    PartRefused {
        /// The track.
        track: TrackId,
        /// Its size in bytes.
        bytes: u64,
    },
}

impl Health {
    /// A short name for metrics and the API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::GopTooLong { .. } => "gop_too_long",
            Self::GopFits { .. } => "gop_fits",
            Self::NoKeyFrame { .. } => "no_key_frame",
            Self::CodecNotPackaged { .. } => "codec_not_packaged",
            Self::TrackRefused { .. } => "track_refused",
            Self::ExtraVideo { .. } => "extra_video",
            Self::LateTrack { .. } => "late_track",
            Self::CodecChanged { .. } => "codec_changed",
            Self::TrackStalled { .. } => "track_stalled",
            Self::TrackReturned { .. } => "track_returned",
            Self::EncoderStalled { .. } => "encoder_stalled",
            Self::LateFrames { .. } => "late_frames",
            Self::PartRefused { .. } => "part_refused",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GopTooLong { gop_ms, target_duration_s } => write!(
                f,
                "key frames are {:.1} s apart, segments at most {target_duration_s} s long: joining takes up to a GOP. Set the \
                 encoder's key frame interval to 2 s (OBS: Settings, Output, Keyframe Interval; ffmpeg: -g, twice the frame rate)",
                *gop_ms as f64 / 1e3
            ),
            Self::GopFits { gop_ms } => {
                write!(f, "key frames are {:.1} s apart and fit into segments", *gop_ms as f64 / 1e3)
            }
            Self::NoKeyFrame { waited_ms } => write!(
                f,
                "no key frame in {:.1} s; packaging without one. Set the encoder's key frame interval to 2 s and turn intra refresh off",
                *waited_ms as f64 / 1e3
            ),
            Self::CodecNotPackaged { track, codec, container } => write!(
                f,
                "{} (track {}) is not packaged in {}; it is available over RTMP and FLV. Choose another codec, or the other container",
                codec.name(),
                track.0,
                container.name()
            ),
            Self::TrackRefused { track, why } => write!(f, "track {} cannot be packaged: {why}", track.0),
            Self::ExtraVideo { track } => {
                write!(
                    f,
                    "a second video track ({}) is not packaged; send one, or one stream for each",
                    track.0
                )
            }
            Self::LateTrack { track, after_ms } => write!(
                f,
                "track {} appeared {:.1} s after the stream began; viewers get it when they reload. Announce all tracks in onMetaData",
                track.0,
                *after_ms as f64 / 1e3
            ),
            Self::CodecChanged { track, from, to } => write!(
                f,
                "track {} changed from {} to {}; viewers have to reload. Keep the codec while viewers are watching",
                track.0,
                from.name(),
                to.name()
            ),
            Self::TrackStalled { track } => {
                write!(f, "track {} sends nothing while others do; viewers get gaps", track.0)
            }
            Self::TrackReturned { track } => write!(f, "track {} sends again", track.0),
            Self::EncoderStalled { silent_ms } => write!(
                f,
                "nothing came for {:.1} s, and the encoder is still connected; check its uplink",
                *silent_ms as f64 / 1e3
            ),
            Self::LateFrames { track, frames } => {
                write!(
                    f,
                    "{frames} frames of track {} came too late for their place and were dropped",
                    track.0
                )
            }
            Self::PartRefused { track, bytes } => {
                write!(f, "a part of track {} had {bytes} bytes and was dropped; lower the bit rate", track.0)
            }
        }
    }
}
