//! What a track is: its codec, clock, decoder configuration and what the headers say of it.

use std::sync::Arc;

use bytes::Bytes;

use crate::codec::{self, Codec, HeaderError};
use crate::time::Timescale;

/// Names a track within one stream. Video tracks of a publisher count from 0, audio tracks from 256, data from 512, so that
/// Enhanced RTMP's 8-bit track ids of both kinds fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u16);

impl TrackId {
    /// The `n`th video track of a publisher.
    pub const fn video(n: u8) -> Self {
        Self(n as u16)
    }

    /// The `n`th audio track of a publisher.
    pub const fn audio(n: u8) -> Self {
        Self(256 + n as u16)
    }

    /// The track of script messages (`onMetaData`, cue points, captions).
    pub const DATA: Self = Self(512);

    /// The track's number within its kind, as on the wire.
    pub const fn index(self) -> u8 {
        (self.0 & 0xff) as u8
    }
}

/// What a track carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Script messages.
    Data,
}

/// A rational number of frames a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameRate {
    /// Numerator.
    pub num: u32,
    /// Denominator, not zero.
    pub den: u32,
}

impl FrameRate {
    /// Frames a second.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den.max(1))
    }
}

/// Dynamic range, by the transfer characteristics (ISO/IEC 23091-2) in the codec's header; HLS's VIDEO-RANGE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum VideoRange {
    /// Standard dynamic range.
    #[default]
    Sdr,
    /// Hybrid log-gamma (transfer characteristics 18).
    Hlg,
    /// Perceptual quantizer (transfer characteristics 16).
    Pq,
}

/// What a video header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Video {
    /// Display width in pixels after cropping.
    pub width: u32,
    /// Display height in pixels after cropping.
    pub height: u32,
    /// Frame rate where the header has timing information.
    pub frame_rate: Option<FrameRate>,
    /// Dynamic range.
    pub range: VideoRange,
}

/// What an audio header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audio {
    /// Output sampling frequency in Hz, after SBR.
    pub sample_rate: u32,
    /// Output channels, after PS.
    pub channels: u8,
}

/// What the decoder configuration says of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Params {
    /// Of a video track.
    Video(Video),
    /// Of an audio track.
    Audio(Audio),
    /// A data track has none.
    Data,
}

/// One elementary stream of a publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Its name within the stream.
    pub id: TrackId,
    /// How it is coded.
    pub codec: Codec,
    /// The clock of its frames' timestamps.
    pub timescale: Timescale,
    /// The decoder configuration, as Enhanced RTMP's sequence start carries it: `avcC`, `hvcC`, `av1C`, `vpcC` payloads,
    /// AudioSpecificConfig, OpusHead (with its magic), `fLaC` and STREAMINFO. Empty for MP3 and AC-3.
    pub config: Bytes,
    /// What `config` says.
    pub params: Params,
    /// The `CODECS` value (RFC 6381), from the real header. Empty for data.
    pub rfc6381: Arc<str>,
}

impl Track {
    /// A track from its decoder configuration record.
    ///
    /// # Errors
    /// [`HeaderError`] when the record is cut short or contradicts the codec. MP3 and AC-3 have no record: see
    /// [`Track::from_first_frame`].
    pub fn from_config(
        id: TrackId,
        codec: Codec,
        timescale: Timescale,
        config: Bytes,
    ) -> Result<Self, HeaderError> {
        let header = codec::parse_config(codec, &config)?;
        Ok(Self { id, codec, timescale, config, params: header.params, rfc6381: header.rfc6381.into() })
    }

    /// A track of a codec that describes itself in every frame (MP3, AC-3, E-AC-3).
    ///
    /// # Errors
    /// [`HeaderError`] when `frame` does not begin with a valid frame header of `codec`.
    pub fn from_first_frame(
        id: TrackId,
        codec: Codec,
        timescale: Timescale,
        frame: &[u8],
    ) -> Result<Self, HeaderError> {
        let header = codec::parse_frame(codec, frame)?;
        Ok(Self {
            id,
            codec,
            timescale,
            config: Bytes::new(),
            params: header.params,
            rfc6381: header.rfc6381.into(),
        })
    }

    /// The track of script messages, on a clock of its own.
    pub fn data(timescale: Timescale) -> Self {
        Self {
            id: TrackId::DATA,
            codec: Codec::Amf0,
            timescale,
            config: Bytes::new(),
            params: Params::Data,
            rfc6381: "".into(),
        }
    }

    /// What it carries.
    pub fn kind(&self) -> TrackKind {
        self.codec.kind()
    }

    /// Its video parameters, if it is video.
    pub fn video(&self) -> Option<&Video> {
        match &self.params {
            Params::Video(video) => Some(video),
            _ => None,
        }
    }

    /// Its audio parameters, if it is audio.
    pub fn audio(&self) -> Option<&Audio> {
        match &self.params {
            Params::Audio(audio) => Some(audio),
            _ => None,
        }
    }
}
