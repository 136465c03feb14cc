//! Codecs and what their headers say: size, rate, profile, level, and the RFC 6381 string.

use crate::track::{Params, TrackKind};


/// A coding format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// H.264 / AVC (ISO/IEC 14496-10).
    H264,
    /// H.265 / HEVC (ISO/IEC 23008-2).
    Hevc,
    /// AV1.
    Av1,
    /// VP9.
    Vp9,
    /// AAC of any object type (ISO/IEC 14496-3).
    Aac,
    /// Opus (RFC 6716).
    Opus,
    /// MPEG-1/2/2.5 layer III.
    Mp3,
    /// Dolby AC-3 (ETSI TS 102 366).
    Ac3,
    /// Dolby E-AC-3 (ETSI TS 102 366 annex E).
    Eac3,
    /// FLAC (RFC 9639).
    Flac,
    /// AMF0 script data.
    Amf0,
}

impl Codec {
    /// What the codec codes.
    pub fn kind(self) -> TrackKind {
        match self {
            Self::H264 | Self::Hevc | Self::Av1 | Self::Vp9 => TrackKind::Video,
            Self::Amf0 => TrackKind::Data,
            _ => TrackKind::Audio,
        }
    }

    /// The name people know it by, for logs, metrics and the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Hevc => "hevc",
            Self::Av1 => "av1",
            Self::Vp9 => "vp9",
            Self::Aac => "aac",
            Self::Opus => "opus",
            Self::Mp3 => "mp3",
            Self::Ac3 => "ac3",
            Self::Eac3 => "eac3",
            Self::Flac => "flac",
            Self::Amf0 => "amf0",
        }
    }
}

/// What a header says, in Pulse's vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Size and rate, or sampling frequency and channels.
    pub params: Params,
    /// The RFC 6381 string for HLS's CODECS and MSE.
    pub rfc6381: String,
}

/// Why a codec header was refused. Always the peer's fault; the same bytes will be refused again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The header ends inside a field.
    #[error("{codec} header ends after {len} bytes, inside {field}")]
    Truncated {
        /// The codec's name.
        codec: &'static str,
        /// What was being read.
        field: &'static str,
        /// How many bytes there were.
        len: usize,
    },
    /// A field has a value that the standard forbids or that no decoder takes.
    #[error("{codec} header has {field} = {value}, which is not valid")]
    Invalid {
        /// The codec's name.
        codec: &'static str,
        /// The field.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// The codec has no such header (a configuration record for MP3, a self-describing frame for H.264).
    #[error("{codec} has no header of this kind")]
    NoHeader {
        /// The codec's name.
        codec: &'static str,
    },
}

/// Reads a decoder configuration record (see [`crate::track::Track::config`] for which one each codec has).
///
/// # Errors
/// [`HeaderError`] when it is cut short or invalid.
pub fn parse_config(codec: Codec, _config: &[u8]) -> Result<Header, HeaderError> {
    Err(HeaderError::NoHeader { codec: codec.name() })
}

/// Reads the header that begins every frame of MP3, AC-3 and E-AC-3.
///
/// # Errors
/// [`HeaderError`] when it is cut short or invalid.
pub fn parse_frame(codec: Codec, _frame: &[u8]) -> Result<Header, HeaderError> {
    Err(HeaderError::NoHeader { codec: codec.name() })
}

/// How many samples (per channel, at the track's sampling frequency) one audio frame decodes to; `None` when the bytes do not say.
pub fn frame_samples(_codec: Codec, _config: &[u8], _frame: &[u8]) -> Option<u32> {
    None
}
