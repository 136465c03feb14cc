//! Why a message, or a part of it, came to nothing.

use media_core::TrackId;
use media_core::codec::HeaderError;

use super::super::FourCc;

/// Why nothing was passed on. The peer's doing in every case; only the message or the part of it is lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// An empty message: audio silence, in the Flash media model.
    #[error("empty message")]
    Empty,
    /// The message ends inside a field.
    #[error("the message ends inside {field}")]
    Truncated {
        /// The field.
        field: &'static str,
    },
    /// A field has a value that its specification forbids.
    #[error("{field} is not valid")]
    Malformed {
        /// The field.
        field: &'static str,
    },
    /// A legacy codec number that Pulse does not carry.
    #[error("{kind} codec {number} is not supported")]
    LegacyCodec {
        /// "audio" or "video".
        kind: &'static str,
        /// SoundFormat or CodecID.
        number: u8,
    },
    /// A FourCC that Pulse does not carry.
    #[error("codec {fourcc} is not supported")]
    UnknownFourCc {
        /// The codec's name.
        fourcc: FourCc,
    },
    /// A packet type that is reserved.
    #[error("packet type {number} is not known")]
    PacketType {
        /// Its number.
        number: u8,
    },
    /// A frame for seeking clients, without a picture.
    #[error("video command frame")]
    Command,
    /// The encoder ended this track's sequence.
    #[error("end of sequence on track {track:?}")]
    SequenceEnd {
        /// The track.
        track: TrackId,
    },
    /// The header that is in force already: encoders send it again with every key frame.
    #[error("repeated header on track {track:?}")]
    RepeatedHeader {
        /// The track.
        track: TrackId,
    },
    /// A header without content, sent ahead of the real one or for a codec that needs none.
    #[error("empty header on track {track:?}")]
    EmptyHeader {
        /// The track.
        track: TrackId,
    },
    /// A header that cannot be read.
    #[error("bad header on track {track:?}: {error}")]
    BadHeader {
        /// The track.
        track: TrackId,
        /// What is wrong with it.
        error: HeaderError,
    },
    /// A header over [`Limits::max_config_bytes`](super::Limits::max_config_bytes).
    #[error("header of {bytes} bytes on track {track:?} is too large")]
    HeaderTooLarge {
        /// The track.
        track: TrackId,
        /// Its size.
        bytes: usize,
    },
    /// A frame that cannot be decoded, as no header came and none can be derived.
    #[error("frame without a header on track {track:?}")]
    NoHeader {
        /// The track.
        track: TrackId,
    },
    /// A frame that is not what its codec calls a frame.
    #[error("malformed frame on track {track:?}")]
    BadFrame {
        /// The track.
        track: TrackId,
    },
    /// An access unit without a picture: parameter sets or messages on their own. They are heeded all the same.
    #[error("access unit without a picture on track {track:?}")]
    NoPicture {
        /// The track.
        track: TrackId,
    },
    /// A channel layout or colour description was taken in.
    #[error("description of track {track:?}")]
    Description {
        /// The track.
        track: TrackId,
    },
    /// More tracks than [`Limits::max_tracks`](super::Limits::max_tracks), or than one message may have.
    #[error("too many tracks")]
    TooManyTracks,
    /// A script message that is not AMF0, or nested too deep.
    #[error("script message cannot be read")]
    Script,
}

impl Why {
    /// Whether an operator should hear of it: something the encoder sent is lost. The rest is ordinary.
    pub fn is_fault(&self) -> bool {
        !matches!(
            self,
            Self::Empty
                | Self::Command
                | Self::SequenceEnd { .. }
                | Self::RepeatedHeader { .. }
                | Self::EmptyHeader { .. }
                | Self::NoPicture { .. }
                | Self::Description { .. }
        )
    }
}
