//! AV1: the configuration record (`av1C`), the sequence header and open bitstream units (OBU).

mod obu;
mod sequence;
mod unit;

use bytes::Bytes;

pub use obu::{Obu, Obus};
pub use sequence::SequenceHeader;
pub use unit::{random_access, sequence_header, strip_temporal_delimiters, updated_config};

use super::bits::Record;
use super::{Header, HeaderError};
use crate::track::{Params, Video};

const NAME: &str = "av1";

/// The largest configuration record that is read, in bytes. A real one has about twenty.
pub const MAX_CONFIG_BYTES: usize = 64 * 1024;

/// What an `av1C` record holds (AV1 Codec ISO Media File Format Binding §2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config<'a> {
    /// `seq_profile`: 0 is Main, 1 High, 2 Professional.
    pub profile: u8,
    /// `seq_level_idx` of the first operating point; 31 is without limits.
    pub level: u8,
    /// `seq_tier` of the first operating point.
    pub high_tier: bool,
    /// Bits of a sample: 8, 10 or 12.
    pub bit_depth: u8,
    /// Whether there is no chroma.
    pub monochrome: bool,
    /// `subsampling_x`.
    pub subsampling_x: bool,
    /// `subsampling_y`.
    pub subsampling_y: bool,
    /// `chroma_sample_position`.
    pub chroma_sample_position: u8,
    /// OBUs that hold for the whole stream: the sequence header, and metadata. May be empty.
    pub obus: &'a [u8],
}

impl<'a> Config<'a> {
    /// Reads a record.
    ///
    /// # Errors
    /// [`HeaderError`] when it is cut short, of another version or larger than [`MAX_CONFIG_BYTES`].
    pub fn parse(record: &'a [u8]) -> Result<Self, HeaderError> {
        let mut fields = Record::new(NAME, record);
        if record.len() > MAX_CONFIG_BYTES {
            return Err(fields.invalid("record size", record.len() as u64));
        }
        let version = fields.u8("marker and version")?;
        if version != 0x81 {
            return Err(fields.invalid("marker and version", version));
        }
        let [profile_level, format, _delay] = *fields.take(3, "initial_presentation_delay")? else {
            return Err(fields.invalid("record size", record.len() as u64));
        };
        Ok(Self {
            profile: profile_level >> 5,
            level: profile_level & 0x1f,
            high_tier: format & 0x80 != 0,
            bit_depth: match (format & 0x40 != 0, format & 0x20 != 0) {
                (false, _) => 8,
                (true, false) => 10,
                (true, true) => 12,
            },
            monochrome: format & 0x10 != 0,
            subsampling_x: format & 8 != 0,
            subsampling_y: format & 4 != 0,
            chroma_sample_position: format & 3,
            obus: fields.rest(),
        })
    }

    /// The record for a stream with this sequence header; `obu` is the header's whole OBU.
    pub(super) fn encode(sequence: &SequenceHeader, obu: &[u8]) -> Option<Bytes> {
        if obu.len() > MAX_CONFIG_BYTES - 4 {
            return None;
        }
        let deep = u8::from(sequence.bit_depth > 8) << 6 | u8::from(sequence.bit_depth > 10) << 5;
        let chroma = u8::from(sequence.monochrome) << 4
            | u8::from(sequence.subsampling_x) << 3
            | u8::from(sequence.subsampling_y) << 2
            | sequence.chroma_sample_position & 3;
        let format = u8::from(sequence.high_tier) << 7 | deep | chroma;
        let mut out = vec![0x81, sequence.profile << 5 | sequence.level & 0x1f, format, 0];
        out.extend_from_slice(obu);
        Some(out.into())
    }
}

/// What an `av1C` record says. Width and height are 0 where it holds no sequence header; the first key frame has one.
pub(super) fn header(record: &[u8]) -> Result<Header, HeaderError> {
    let config = Config::parse(record)?;
    match sequence_header(config.obus) {
        Some(sequence) => Ok(sequence?.header()),
        None => Ok(Header { params: Params::Video(Video::default()), rfc6381: config.rfc6381() }),
    }
}

impl Config<'_> {
    /// The RFC 6381 string in its short form; the long one needs the sequence header.
    fn rfc6381(&self) -> String {
        short_name(self.profile, self.level, self.high_tier, self.bit_depth)
    }
}

/// `av01.P.LLT.DD` (AV1 Codec ISO Media File Format Binding §5).
fn short_name(profile: u8, level: u8, high_tier: bool, bit_depth: u8) -> String {
    let tier = if high_tier { 'H' } else { 'M' };
    format!("av01.{profile}.{level:02}{tier}.{bit_depth:02}")
}

#[cfg(test)]
mod tests;
