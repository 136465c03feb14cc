//! Access units of H.264 and HEVC as a byte stream (ISO/IEC 14496-10 annex B, ISO/IEC 23008-2 annex B): an access unit
//! delimiter first, as ISO/IEC 13818-1 §2.14.1 wants it, and the parameter sets before every key frame.

use media_core::codec::nal::{self, LengthPrefixed};
use media_core::codec::{HeaderError, avc, hevc};
use media_core::{Frame, Track};

const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// Delimiters that allow any kind of slice.
const H264_DELIMITER: [u8; 2] = [0x09, 0xf0];
const HEVC_DELIMITER: [u8; 3] = [0x46, 0x01, 0x50];

/// How a track's access units are rewritten.
#[derive(Debug)]
pub(super) struct AccessUnits {
    syntax: Syntax,
    /// Bytes of a NAL unit's length in a frame.
    length_size: u8,
    /// The configuration's parameter sets, each behind a start code.
    parameter_sets: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Syntax {
    H264,
    Hevc,
}

/// What a NAL unit is to the muxer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Delimiter,
    Sps,
    Pps,
    Other,
}

impl Syntax {
    fn delimiter(self) -> &'static [u8] {
        match self {
            Self::H264 => &H264_DELIMITER,
            Self::Hevc => &HEVC_DELIMITER,
        }
    }

    fn role(self, unit: &[u8]) -> Role {
        match self {
            Self::H264 => match avc::nal_type::of(unit) {
                avc::nal_type::AUD => Role::Delimiter,
                avc::nal_type::SPS => Role::Sps,
                avc::nal_type::PPS => Role::Pps,
                _ => Role::Other,
            },
            Self::Hevc => match hevc::nal_type::of(unit) {
                Some(hevc::nal_type::AUD) => Role::Delimiter,
                Some(hevc::nal_type::SPS) => Role::Sps,
                Some(hevc::nal_type::PPS) => Role::Pps,
                _ => Role::Other,
            },
        }
    }
}

impl AccessUnits {
    /// Of an H.264 track, by its AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1).
    pub(super) fn h264(track: &Track) -> Result<Self, HeaderError> {
        let config = avc::Config::parse(&track.config)?;
        let parameter_sets = config.annex_b();
        Ok(Self { syntax: Syntax::H264, length_size: config.length_size, parameter_sets })
    }

    /// Of an HEVC track, by its HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 §8.3.3.1).
    pub(super) fn hevc(track: &Track) -> Result<Self, HeaderError> {
        let config = hevc::Config::parse(&track.config)?;
        let parameter_sets = config.annex_b();
        Ok(Self { syntax: Syntax::Hevc, length_size: config.length_size, parameter_sets })
    }

    /// Whether `data` is whole NAL units, at least one.
    pub(super) fn is_well_formed(&self, data: &[u8]) -> bool {
        nal::is_length_prefixed(data, self.length_size)
    }

    /// Hands the access unit to `sink` piece by piece; nothing when no NAL unit is left of it.
    pub(super) fn write(&self, frame: &Frame, mut sink: impl FnMut(&[u8])) {
        if self.units(frame).next().is_none() {
            return;
        }
        sink(&START_CODE);
        sink(self.syntax.delimiter());
        if frame.keyframe && !self.has_parameter_sets(frame) {
            sink(&self.parameter_sets);
        }
        for unit in self.units(frame) {
            sink(&START_CODE);
            sink(unit);
        }
    }

    /// The NAL units but the encoder's own delimiters, for there may be one only and it comes first.
    fn units<'a>(&self, frame: &'a Frame) -> impl Iterator<Item = &'a [u8]> {
        let syntax = self.syntax;
        LengthPrefixed::new(&frame.data, self.length_size)
            .filter(move |unit| syntax.role(unit) != Role::Delimiter)
    }

    /// Whether the frame brings sets of its own, which may be newer than the configuration's.
    fn has_parameter_sets(&self, frame: &Frame) -> bool {
        let has = |role| self.units(frame).any(|unit| self.syntax.role(unit) == role);
        has(Role::Sps) && has(Role::Pps)
    }
}
