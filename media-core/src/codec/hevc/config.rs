//! The decoder configuration record (ISO/IEC 14496-15 §8.3.3.1).

use bytes::Bytes;

use super::{NAME, Sps, nal_type};
use crate::codec::HeaderError;
use crate::codec::bits::Record;
use crate::codec::nal;

/// The largest configuration record that is read or built, in bytes. A real one has a hundred, or three thousand where x265 signs it.
pub const MAX_CONFIG_BYTES: usize = 64 * 1024;

/// Most parameter sets of a kind that are kept: HEVC's largest id, of PPS, is 63.
pub(super) const MAX_SETS: usize = 64;

/// What an `hvcC` record holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config<'a> {
    /// Bytes of the length before each NAL unit: 1, 2 or 4.
    pub length_size: u8,
    /// Video parameter sets, NAL header included.
    pub vps: Vec<&'a [u8]>,
    /// Sequence parameter sets, NAL header included.
    pub sps: Vec<&'a [u8]>,
    /// Picture parameter sets, NAL header included.
    pub pps: Vec<&'a [u8]>,
    /// SEI messages for the whole stream, NAL header included.
    pub sei: Vec<&'a [u8]>,
}

impl<'a> Config<'a> {
    /// Reads a record.
    ///
    /// What the record says beside the parameter sets is not looked at; they say the same. Sets of other layers than the base are
    /// passed over. Version 0 is taken, as FFmpeg before 4.0 wrote it.
    ///
    /// # Errors
    /// [`HeaderError`] when it is cut short, has no SPS or an invalid length size, or is larger than [`MAX_CONFIG_BYTES`].
    pub fn parse(record: &'a [u8]) -> Result<Self, HeaderError> {
        let mut fields = Record::new(NAME, record);
        if record.len() > MAX_CONFIG_BYTES {
            return Err(fields.invalid("record size", record.len() as u64));
        }
        let version = fields.u8("configurationVersion")?;
        if version > 1 {
            return Err(fields.invalid("configurationVersion", version));
        }
        fields.take(20, "general profile, tier and level")?;
        let mut config = Self::empty((fields.u8("lengthSizeMinusOne")? & 3) + 1);
        if config.length_size == 3 {
            return Err(fields.invalid("lengthSizeMinusOne", 2u8));
        }
        for _ in 0..fields.u8("numOfArrays")? {
            fields.u8("NAL_unit_type")?;
            for _ in 0..fields.u16("numNalus")? {
                let len = fields.u16("nalUnitLength")?;
                config.push(fields.take(usize::from(len), "nalUnit")?);
            }
        }
        if config.sps.is_empty() {
            return Err(fields.invalid("number of sequence parameter sets", 0u8));
        }
        Ok(config)
    }

    /// A record without parameter sets.
    pub(super) fn empty(length_size: u8) -> Self {
        Self { length_size, vps: Vec::new(), sps: Vec::new(), pps: Vec::new(), sei: Vec::new() }
    }

    /// Files a unit under its own type, whatever the array says.
    fn push(&mut self, unit: &'a [u8]) {
        let list = match nal_type::of(unit) {
            Some(nal_type::VPS) => &mut self.vps,
            Some(nal_type::SPS) => &mut self.sps,
            Some(nal_type::PPS) => &mut self.pps,
            Some(nal_type::PREFIX_SEI | nal_type::SUFFIX_SEI) => &mut self.sei,
            _ => return,
        };
        if list.len() < MAX_SETS {
            list.push(unit);
        }
    }

    /// The first sequence parameter set, read.
    ///
    /// # Errors
    /// [`HeaderError`] when it is cut short or invalid.
    pub fn first_sps(&self) -> Result<Sps, HeaderError> {
        Sps::parse(self.sps.first().copied().unwrap_or_default())
    }

    /// The record again, with what the first SPS says. The arrays are marked complete where they are (`hvc1`).
    ///
    /// # Errors
    /// [`HeaderError`] when the first SPS cannot be read or the whole exceeds [`MAX_CONFIG_BYTES`].
    pub fn encode(&self) -> Result<Bytes, HeaderError> {
        let sps = self.first_sps()?;
        let mut out = vec![1];
        out.extend(sps.ptl.encode());
        // Minimal spatial segmentation and parallelism type: unknown, which is always true.
        out.extend([0xf0, 0, 0xfc]);
        out.extend([
            0xfc | sps.chroma_format,
            0xf8 | (sps.bit_depth_luma - 8),
            0xf8 | (sps.bit_depth_chroma - 8),
        ]);
        // Average frame rate: unspecified.
        out.extend([0, 0]);
        let nesting = u8::from(sps.temporal_id_nesting) << 2;
        out.push((sps.sub_layers << 3) | nesting | (self.length_size.clamp(1, 4) - 1));
        let arrays = [
            (0x80 | nal_type::VPS, &self.vps),
            (0x80 | nal_type::SPS, &self.sps),
            (0x80 | nal_type::PPS, &self.pps),
            (nal_type::PREFIX_SEI, &self.sei),
        ];
        let present = || arrays.iter().filter(|(_, units)| !units.is_empty());
        out.push(present().count() as u8);
        for (kind, units) in present() {
            push_array(&mut out, *kind, units);
        }
        if out.len() > MAX_CONFIG_BYTES {
            return Err(HeaderError::Invalid { codec: NAME, field: "record size", value: out.len() as u64 });
        }
        Ok(out.into())
    }

    /// The parameter sets in the order of decoding, behind start codes: what an MPEG-TS key frame begins with.
    pub fn annex_b(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for unit in self.vps.iter().chain(&self.sps).chain(&self.pps) {
            nal::push_annex_b(&mut out, unit);
        }
        out
    }
}

/// Appends an array of units, each behind 16 bits of length. Longer units are left out.
fn push_array(out: &mut Vec<u8>, kind: u8, units: &[&[u8]]) {
    let fitting =
        || units.iter().filter_map(|unit| Some((u16::try_from(unit.len()).ok()?, unit))).take(MAX_SETS);
    out.push(kind);
    out.extend((fitting().count() as u16).to_be_bytes());
    for (len, unit) in fitting() {
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(unit);
    }
}
