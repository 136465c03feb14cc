//! Codecs and what their headers say: size, rate, profile, level, and the RFC 6381 string.

pub mod aac;
pub mod ac3;
pub mod av1;
pub mod avc;
mod bits;
#[cfg(test)]
mod fixtures;
pub mod flac;
pub mod hevc;
pub mod mp3;
pub mod nal;
pub mod opus;
mod param_sets;
mod sei;
pub mod video;
pub mod vp9;

use bytes::Bytes;

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

/// Whether and how decoding may begin at an access unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RandomAccess {
    /// It needs pictures before it.
    None,
    /// Everything from here on decodes: IDR and BLA pictures, key frames.
    Idr,
    /// Everything from here on decodes that is not shown before this picture (CRA: an open group of pictures).
    Open,
    /// Pictures are right only after so many more (recovery point SEI: intra refresh). Steps of picture order count in HEVC.
    Recovery {
        /// How many; 0 where this picture is right already.
        frames: u32,
    },
}

/// Reads a decoder configuration record (see [`crate::track::Track::config`] for which one each codec has).
///
/// The size of VP9, and of AV1 where the record has no sequence header, is 0 × 0: [`parse_key_frame`] has it.
///
/// # Errors
/// [`HeaderError`] when it is cut short or invalid.
pub fn parse_config(codec: Codec, config: &[u8]) -> Result<Header, HeaderError> {
    match codec {
        Codec::H264 => avc::header(config),
        Codec::Hevc => hevc::header(config),
        Codec::Av1 => av1::header(config),
        Codec::Vp9 => vp9::header(config),
        Codec::Aac => aac::header(config),
        Codec::Opus => opus::header(config),
        Codec::Flac => flac::header(config),
        Codec::Mp3 | Codec::Ac3 | Codec::Eac3 | Codec::Amf0 => {
            Err(HeaderError::NoHeader { codec: codec.name() })
        }
    }
}

/// Reads the header that begins every frame of MP3, AC-3 and E-AC-3.
///
/// # Errors
/// [`HeaderError`] when it is cut short or invalid.
pub fn parse_frame(codec: Codec, frame: &[u8]) -> Result<Header, HeaderError> {
    match codec {
        Codec::Mp3 => mp3::header(frame),
        Codec::Ac3 => ac3::ac3_header(frame),
        Codec::Eac3 => ac3::eac3_header(frame),
        _ => Err(HeaderError::NoHeader { codec: codec.name() }),
    }
}

/// What the decoder configuration and a video key frame say together: the size of VP9, which its record does not have, and whatever
/// [`updated_config`] finds in the others.
///
/// # Errors
/// [`HeaderError`] when either is cut short or invalid, or the codec codes no pictures.
pub fn parse_key_frame(codec: Codec, config: &[u8], frame: &[u8]) -> Result<Header, HeaderError> {
    match codec {
        Codec::Vp9 => vp9::key_frame_header(config, frame),
        Codec::H264 | Codec::Hevc | Codec::Av1 => match updated_config(codec, config, frame) {
            Some(config) => parse_config(codec, &config),
            None => parse_config(codec, config),
        },
        _ => Err(HeaderError::NoHeader { codec: codec.name() }),
    }
}

/// The decoder configuration that `config` becomes when the parameter sets (H.264, HEVC) or the sequence header (AV1) within an
/// access unit differ from its own; `None` when there are none, they say the same, or the codec has none in band.
///
/// Encoders that change size without a new sequence header are noticed by it. Cheap for an access unit without parameter sets.
pub fn updated_config(codec: Codec, config: &[u8], access_unit: &[u8]) -> Option<Bytes> {
    match codec {
        Codec::H264 => avc::updated_config(config, access_unit),
        Codec::Hevc => hevc::updated_config(config, access_unit),
        Codec::Av1 => av1::updated_config(config, access_unit),
        _ => None,
    }
}

/// Whether and how decoding may begin at an access unit, by its own bytes; anywhere in audio and data.
pub fn random_access(codec: Codec, config: &[u8], access_unit: &[u8]) -> RandomAccess {
    let length_size = |at: usize| config.get(at).map_or(4, |byte| (byte & 3) + 1);
    match codec {
        Codec::H264 => avc::random_access(length_size(4), access_unit),
        Codec::Hevc => hevc::random_access(length_size(21), access_unit),
        Codec::Av1 => av1::random_access(access_unit),
        Codec::Vp9 => vp9::random_access(access_unit),
        _ => RandomAccess::Idr,
    }
}

/// How many samples (per channel, at the track's sampling frequency) one audio frame decodes to; `None` when the bytes do not say.
///
/// Several MP3, AC-3 or E-AC-3 frames in a row are counted together.
pub fn frame_samples(codec: Codec, config: &[u8], frame: &[u8]) -> Option<u32> {
    match codec {
        Codec::Aac => aac::Config::parse(config).ok().map(|config| config.frame_samples()),
        Codec::Opus => opus::packet_samples(frame),
        Codec::Mp3 => mp3::samples(frame),
        Codec::Ac3 | Codec::Eac3 => ac3::samples(frame),
        Codec::Flac => flac::samples(config, frame),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
