//! ADTS (ISO/IEC 14496-3 §1.A.2.2): frames with a header each, which some encoders put into FLV where a raw frame belongs.

use super::{NAME, channels, sample_rate};
use crate::codec::HeaderError;
use crate::codec::bits::Bits;

/// Bytes of a header without and with its checksum.
const HEADER_BYTES: usize = 7;
const HEADER_BYTES_CRC: usize = 9;

/// One ADTS frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Adts<'a> {
    /// The AudioSpecificConfig that says the same as the header.
    pub config: [u8; 2],
    /// The raw frame behind the header.
    pub frame: &'a [u8],
    /// What follows the frame.
    pub rest: &'a [u8],
}

impl<'a> Adts<'a> {
    /// Reads the frame at the beginning of `data`.
    ///
    /// # Errors
    /// [`HeaderError`] when there is no sync word, a reserved frequency, more than one raw frame behind one header, channels that only
    /// the frame itself lists (configuration 0), or fewer bytes than the header says.
    pub fn parse(data: &'a [u8]) -> Result<Self, HeaderError> {
        let mut bits = Bits::new(NAME, data);
        let sync = bits.u(12, "ADTS syncword")?;
        if sync != 0xfff {
            return Err(bits.invalid("ADTS syncword", sync));
        }
        bits.skip(1, "ID")?;
        let layer = bits.u8(2, "layer")?;
        if layer != 0 {
            return Err(bits.invalid("layer", layer));
        }
        let header_len = if bits.flag("protection_absent")? { HEADER_BYTES } else { HEADER_BYTES_CRC };
        let object_type = bits.u8(2, "profile_ObjectType")? + 1;
        let index = bits.u8(4, "sampling_frequency_index")?;
        sample_rate(index).ok_or_else(|| bits.invalid("sampling_frequency_index", index))?;
        bits.skip(1, "private_bit")?;
        let configuration = bits.u8(3, "channel_configuration")?;
        channels(configuration).ok_or_else(|| bits.invalid("channel_configuration", configuration))?;
        bits.skip(4, "copyright bits")?;
        let len = bits.u(13, "aac_frame_length")? as usize;
        bits.skip(11, "adts_buffer_fullness")?;
        let more = bits.u8(2, "number_of_raw_data_blocks_in_frame")?;
        if more != 0 {
            return Err(bits.invalid("number_of_raw_data_blocks_in_frame", more));
        }
        let truncated = HeaderError::Truncated { codec: NAME, field: "aac_frame", len: data.len() };
        let (whole, rest) = data.split_at_checked(len).ok_or(truncated)?;
        let frame = whole.get(header_len..).ok_or_else(|| bits.invalid("aac_frame_length", len as u64))?;
        Ok(Self { config: [object_type << 3 | index >> 1, index << 7 | configuration << 3], frame, rest })
    }
}

/// Whether `data` is whole ADTS frames and nothing else. A raw frame never is: it would begin with the element that ends it.
pub fn is_adts(data: &[u8]) -> bool {
    let mut frames = AdtsFrames::new(data);
    frames.by_ref().count() > 0 && frames.rest.is_empty()
}

/// The ADTS frames that `data` consists of. Ends at the first that cannot be read.
#[derive(Clone, Debug)]
pub struct AdtsFrames<'a> {
    rest: &'a [u8],
}

impl<'a> AdtsFrames<'a> {
    /// The frames of `data`.
    pub fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }
}

impl<'a> Iterator for AdtsFrames<'a> {
    type Item = Adts<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let frame = Adts::parse(self.rest).ok()?;
        self.rest = frame.rest;
        Some(frame)
    }
}
