//! H.264: the decoder configuration record (`avcC`), parameter sets in and out of it, and what an access unit holds.

mod sps;
mod unit;

use bytes::Bytes;

pub use sps::Sps;
pub use unit::{config_from_access_unit, config_from_annex_b, random_access, updated_config};

use super::bits::{Bits, Record};
use super::nal;
use super::{Header, HeaderError};
use crate::track::{Params, Video};

const NAME: &str = "h264";

/// Types of NAL units (ISO/IEC 14496-10 table 7-1).
pub mod nal_type {
    /// Slice of a picture that is not IDR.
    pub const SLICE: u8 = 1;
    /// Slice of an IDR picture.
    pub const IDR: u8 = 5;
    /// Supplemental enhancement information.
    pub const SEI: u8 = 6;
    /// Sequence parameter set.
    pub const SPS: u8 = 7;
    /// Picture parameter set.
    pub const PPS: u8 = 8;
    /// Access unit delimiter.
    pub const AUD: u8 = 9;
    /// Sequence parameter set extension.
    pub const SPS_EXT: u8 = 13;

    /// The type of a NAL unit, 0 (which no unit has) for an empty one.
    pub fn of(unit: &[u8]) -> u8 {
        unit.first().map_or(0, |byte| byte & 0x1f)
    }
}

/// The largest configuration record that is read or built, in bytes. A real one has about fifty.
pub const MAX_CONFIG_BYTES: usize = 64 * 1024;

/// What an `avcC` record holds (ISO/IEC 14496-15 §5.3.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config<'a> {
    /// Bytes of the length before each NAL unit: 1, 2 or 4.
    pub length_size: u8,
    /// Sequence parameter sets, NAL header included.
    pub sps: Vec<&'a [u8]>,
    /// Picture parameter sets, NAL header included.
    pub pps: Vec<&'a [u8]>,
    /// Sequence parameter set extensions (auxiliary pictures), NAL header included.
    pub sps_ext: Vec<&'a [u8]>,
}

impl<'a> Config<'a> {
    /// Reads a record.
    ///
    /// The profile and level bytes of the record itself are not looked at: some encoders fill them carelessly, and the SPS says the
    /// same. The fields that high profiles add at the end may be absent, as they are from many encoders.
    ///
    /// # Errors
    /// [`HeaderError`] when it is cut short, has no parameter sets or an invalid length size, or is larger than [`MAX_CONFIG_BYTES`].
    pub fn parse(record: &'a [u8]) -> Result<Self, HeaderError> {
        let mut fields = Record::new(NAME, record);
        if record.len() > MAX_CONFIG_BYTES {
            return Err(fields.invalid("record size", record.len() as u64));
        }
        let version = fields.u8("configurationVersion")?;
        if version != 1 {
            return Err(fields.invalid("configurationVersion", version));
        }
        let profile = fields.u8("AVCProfileIndication")?;
        fields.take(2, "AVCLevelIndication")?;
        let length_size = (fields.u8("lengthSizeMinusOne")? & 3) + 1;
        if length_size == 3 {
            return Err(fields.invalid("lengthSizeMinusOne", 2u8));
        }
        let sps_count = fields.u8("numOfSequenceParameterSets")? & 0x1f;
        let sps = units(&mut fields, sps_count, "sequenceParameterSet")?;
        let pps_count = fields.u8("numOfPictureParameterSets")?;
        let pps = units(&mut fields, pps_count, "pictureParameterSet")?;
        if sps.is_empty() || pps.is_empty() {
            return Err(fields.invalid("number of parameter sets", 0u8));
        }
        let sps_ext = extensions(&mut fields, profile).unwrap_or_default();
        Ok(Self { length_size, sps, pps, sps_ext })
    }

    /// The first sequence parameter set, read.
    ///
    /// # Errors
    /// [`HeaderError`] when it is cut short or invalid.
    pub fn first_sps(&self) -> Result<Sps, HeaderError> {
        Sps::parse(self.sps.first().copied().unwrap_or_default())
    }

    /// The record again. Lists that are longer than the record can say are cut.
    ///
    /// # Errors
    /// [`HeaderError`] when the first SPS cannot be read or the whole exceeds [`MAX_CONFIG_BYTES`].
    pub fn encode(&self) -> Result<Bytes, HeaderError> {
        let sps = self.first_sps()?;
        let mut out =
            vec![1, sps.profile, sps.constraints, sps.level, 0xfc | (self.length_size.clamp(1, 4) - 1)];
        push_units(&mut out, 0xe0, 31, &self.sps);
        push_units(&mut out, 0, 255, &self.pps);
        if sps.has_chroma_format() {
            out.extend([
                0xfc | sps.chroma_format,
                0xf8 | (sps.bit_depth_luma - 8),
                0xf8 | (sps.bit_depth_chroma - 8),
            ]);
            push_units(&mut out, 0, 255, &self.sps_ext);
        }
        if out.len() > MAX_CONFIG_BYTES {
            return Err(HeaderError::Invalid { codec: NAME, field: "record size", value: out.len() as u64 });
        }
        Ok(out.into())
    }

    /// The parameter sets in the order of decoding, behind start codes: what an MPEG-TS key frame begins with.
    pub fn annex_b(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for unit in self.sps.iter().chain(&self.sps_ext).chain(&self.pps) {
            nal::push_annex_b(&mut out, unit);
        }
        out
    }
}

fn units<'a>(fields: &mut Record<'a>, count: u8, field: &'static str) -> Result<Vec<&'a [u8]>, HeaderError> {
    let mut units = Vec::new();
    for _ in 0..count {
        let len = fields.u16(field)?;
        let unit = fields.take(usize::from(len), field)?;
        if !unit.is_empty() {
            units.push(unit);
        }
    }
    Ok(units)
}

fn extensions<'a>(fields: &mut Record<'a>, profile: u8) -> Result<Vec<&'a [u8]>, HeaderError> {
    if !sps::has_chroma_format(profile) {
        return Ok(Vec::new());
    }
    fields.take(3, "bit_depth_chroma_minus8")?;
    let count = fields.u8("numOfSequenceParameterSetExt")?;
    units(fields, count, "sequenceParameterSetExt")
}

/// Appends a count, or-ed into `marker`, and as many units behind 16 bits of length. Longer units are left out.
fn push_units(out: &mut Vec<u8>, marker: u8, max: usize, units: &[&[u8]]) {
    let fitting = || units.iter().filter_map(|unit| Some((u16::try_from(unit.len()).ok()?, unit))).take(max);
    out.push(marker | fitting().count() as u8);
    for (len, unit) in fitting() {
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(unit);
    }
}

/// The bits of a parameter set behind its NAL header.
fn payload(unit: &[u8]) -> Bits<'_> {
    Bits::rbsp(NAME, unit.get(1..).unwrap_or_default())
}

/// What an `avcC` record says.
pub(super) fn header(record: &[u8]) -> Result<Header, HeaderError> {
    Config::parse(record)?.first_sps().map(|sps| sps.header())
}

impl Sps {
    /// What it says, in Pulse's vocabulary.
    pub fn header(&self) -> Header {
        let video = Video {
            width: self.width,
            height: self.height,
            frame_rate: self.frame_rate(),
            range: self.colour.range(),
        };
        Header { params: Params::Video(video), rfc6381: self.rfc6381() }
    }
}

#[cfg(test)]
mod tests;
