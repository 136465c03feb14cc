//! Access units of H.264 and HEVC as a byte stream (ISO/IEC 14496-10 annex B, ISO/IEC 23008-2 annex B): an access unit
//! delimiter first, as ISO/IEC 13818-1 §2.14.1 wants it, and the parameter sets before every key frame.

use media_core::{Frame, Track};

use super::nal::LengthPrefixed;
use crate::container::{Error, bad_config};

const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// Delimiters that allow any kind of slice.
const H264_DELIMITER: [u8; 2] = [0x09, 0xf0];
const HEVC_DELIMITER: [u8; 3] = [0x46, 0x01, 0x50];
/// `lengthSizeMinusOne` in both records is the low two bits of this byte.
const AVCC_LENGTH_SIZE: usize = 4;
const HVCC_LENGTH_SIZE: usize = 21;

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
        let first = unit.first().copied().unwrap_or_default();
        match (self, first & 0x1f, first >> 1 & 0x3f) {
            (Self::H264, 9, _) | (Self::Hevc, _, 35) => Role::Delimiter,
            (Self::H264, 7, _) | (Self::Hevc, _, 33) => Role::Sps,
            (Self::H264, 8, _) | (Self::Hevc, _, 34) => Role::Pps,
            _ => Role::Other,
        }
    }
}

impl AccessUnits {
    /// Of an H.264 track, by its AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1).
    pub(super) fn h264(track: &Track) -> Result<Self, Error> {
        let sets = avcc_parameter_sets(&track.config)
            .ok_or_else(|| bad_config(track, "AVCDecoderConfigurationRecord"))?;
        Self::new(track, Syntax::H264, AVCC_LENGTH_SIZE, sets)
    }

    /// Of an HEVC track, by its HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 §8.3.3.1).
    pub(super) fn hevc(track: &Track) -> Result<Self, Error> {
        let sets = hvcc_parameter_sets(&track.config)
            .ok_or_else(|| bad_config(track, "HEVCDecoderConfigurationRecord"))?;
        Self::new(track, Syntax::Hevc, HVCC_LENGTH_SIZE, sets)
    }

    fn new(
        track: &Track,
        syntax: Syntax,
        length_size_at: usize,
        parameter_sets: Vec<u8>,
    ) -> Result<Self, Error> {
        let byte = track.config.get(length_size_at).ok_or_else(|| bad_config(track, "lengthSizeMinusOne"))?;
        Ok(Self { syntax, length_size: (byte & 3) + 1, parameter_sets })
    }

    /// Whether `data` is whole NAL units, at least one.
    pub(super) fn is_well_formed(&self, data: &[u8]) -> bool {
        super::nal::is_length_prefixed(data, self.length_size)
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

/// SPS and PPS behind start codes; `None` when cut short or one is missing.
fn avcc_parameter_sets(record: &[u8]) -> Option<Vec<u8>> {
    let (&[1, _, _, _, _, sps_count], mut rest) = record.split_first_chunk()? else { return None };
    let mut out = Vec::new();
    for _ in 0..sps_count & 0x1f {
        rest = take_unit(rest, &mut out)?;
    }
    let (&pps_count, mut rest) = rest.split_first()?;
    for _ in 0..pps_count {
        rest = take_unit(rest, &mut out)?;
    }
    (sps_count & 0x1f > 0 && pps_count > 0).then_some(out)
}

/// VPS, SPS and PPS in the record's order behind start codes; `None` when cut short.
fn hvcc_parameter_sets(record: &[u8]) -> Option<Vec<u8>> {
    let (&[1, ..], rest) = record.split_first_chunk::<22>()? else { return None };
    let (&arrays, mut rest) = rest.split_first()?;
    let mut out = Vec::new();
    for _ in 0..arrays {
        let (&[kind, high, low], units) = rest.split_first_chunk()?;
        rest = units;
        // SEI messages may stand here, too; they are not needed to start.
        let mut skipped = Vec::new();
        let out = if (32..=34).contains(&(kind & 0x3f)) { &mut out } else { &mut skipped };
        for _ in 0..u16::from_be_bytes([high, low]) {
            rest = take_unit(rest, out)?;
        }
    }
    (!out.is_empty()).then_some(out)
}

/// Moves a unit with its 16-bit length from `record` to `out`; what follows it.
fn take_unit<'a>(record: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (&len, rest) = record.split_first_chunk()?;
    let (unit, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(len)))?;
    out.extend(START_CODE);
    out.extend(unit);
    Some(rest)
}
