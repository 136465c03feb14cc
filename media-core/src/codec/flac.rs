//! FLAC: the stream information block (RFC 9639 §8.2) and the block size of a frame (§9.1).

use super::bits::{Bits, Record};
use super::{Header, HeaderError};
use crate::track::{Audio, Params};

const NAME: &str = "flac";

/// Bytes of a STREAMINFO block without its header.
const STREAMINFO_BYTES: usize = 34;

/// What a STREAMINFO block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamInfo<'a> {
    /// Fewest samples per channel in a block, the last one aside.
    pub min_block: u16,
    /// Most samples per channel in a block.
    pub max_block: u16,
    /// Sampling frequency in Hz.
    pub sample_rate: u32,
    /// Channels, 1 to 8.
    pub channels: u8,
    /// Bits of a sample, 4 to 32.
    pub bits_per_sample: u8,
    /// The block itself, without its header; behind a header of type 0, marked last, it is the payload of an MP4 `dfLa` box.
    pub block: &'a [u8],
}

impl<'a> StreamInfo<'a> {
    /// Reads the `fLaC` marker and the block behind it, a block with its header alone, or a bare block.
    ///
    /// # Errors
    /// [`HeaderError`] when it is cut short, another block comes first, or a value is invalid.
    pub fn parse(config: &'a [u8]) -> Result<Self, HeaderError> {
        let marked = config.strip_prefix(b"fLaC");
        let mut fields = Record::new(NAME, marked.unwrap_or(config));
        if marked.is_some() || config.len() != STREAMINFO_BYTES {
            let kind = fields.u8("metadata block type")? & 0x7f;
            let len = fields.take(3, "metadata block length")?;
            if kind != 0 || len != [0, 0, STREAMINFO_BYTES as u8] {
                return Err(fields.invalid("metadata block type", kind));
            }
        }
        let block = fields.take(STREAMINFO_BYTES, "STREAMINFO")?;
        Self::read(block)
    }

    fn read(block: &'a [u8]) -> Result<Self, HeaderError> {
        let mut bits = Bits::new(NAME, block);
        let info = Self {
            min_block: bits.u(16, "minimum block size")? as u16,
            max_block: bits.u(16, "maximum block size")? as u16,
            sample_rate: {
                bits.skip(24 + 24, "frame sizes")?;
                bits.u(20, "sample rate")?
            },
            channels: bits.u8(3, "channels")? + 1,
            bits_per_sample: bits.u8(5, "bits per sample")? + 1,
            block,
        };
        if info.sample_rate == 0 {
            return Err(bits.invalid("sample rate", 0u8));
        }
        if info.max_block < 16 || info.min_block > info.max_block {
            return Err(bits.invalid("maximum block size", info.max_block));
        }
        Ok(info)
    }
}

/// What a STREAMINFO block says.
pub(super) fn header(config: &[u8]) -> Result<Header, HeaderError> {
    let info = StreamInfo::parse(config)?;
    let audio = Audio { sample_rate: info.sample_rate, channels: info.channels };
    Ok(Header { params: Params::Audio(audio), rfc6381: "fLaC".into() })
}

/// Samples per channel in a frame: by its own header, or by the stream information where all blocks are of one size.
pub(super) fn samples(config: &[u8], frame: &[u8]) -> Option<u32> {
    block_size(frame).ok().or_else(|| {
        let info = StreamInfo::parse(config).ok()?;
        (info.min_block == info.max_block).then_some(u32::from(info.max_block))
    })
}

/// The block size in a frame header.
fn block_size(frame: &[u8]) -> Result<u32, HeaderError> {
    let mut bits = Bits::new(NAME, frame);
    let sync = bits.u(15, "frame sync code")?;
    if sync != 0x7ffc {
        return Err(bits.invalid("frame sync code", sync));
    }
    bits.skip(1, "blocking strategy")?;
    let code = bits.u8(4, "block size")?;
    bits.skip(4 + 4 + 3 + 1, "channels")?;
    // The number of the frame or sample, coded as UTF-8 codes characters, in one to seven bytes.
    let first = bits.u8(8, "coded number")?;
    let more = match first.leading_ones() {
        0 => 0,
        ones @ 2..=7 => ones - 1,
        _ => return Err(bits.invalid("coded number", first)),
    };
    bits.skip(8 * more, "coded number")?;
    match code {
        0 => Err(bits.invalid("block size", code)),
        1 => Ok(192),
        2..=5 => Ok(144 << code),
        6 => Ok(bits.u(8, "uncommon block size")? + 1),
        7 => Ok(bits.u(16, "uncommon block size")? + 1),
        _ => Ok(1 << code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::fixtures::{self, hex};
    use crate::codec::{Codec, frame_samples, parse_config};

    #[test]
    fn stream_information_says_what_ffprobe_says_in_every_wrapping() {
        let config = hex(fixtures::FLAC_441);
        for config in [&config[..], &config[4..], &config[8..]] {
            let header = parse_config(Codec::Flac, config).unwrap();
            assert_eq!(header.params, Params::Audio(Audio { sample_rate: 44_100, channels: 2 }));
            assert_eq!(header.rfc6381, "fLaC");
            let info = StreamInfo::parse(config).unwrap();
            assert_eq!((info.min_block, info.max_block, info.bits_per_sample), (4608, 4608, 16));
            assert_eq!(info.block.len(), STREAMINFO_BYTES);
        }
    }

    #[test]
    fn another_first_block_is_refused() {
        let mut config = hex(fixtures::FLAC_441);
        config[4] = 4;
        assert!(matches!(StreamInfo::parse(&config), Err(HeaderError::Invalid { value: 4, .. })));
    }

    #[test]
    fn blocks_are_measured_by_the_frame_and_else_by_the_stream() {
        let config = hex(fixtures::FLAC_441);
        let count = |frame: &str| frame_samples(Codec::Flac, &config, &hex(frame));
        // The first and the last frame of a file by FFmpeg.
        assert_eq!(count("fff85988008a4e000000"), Some(4608));
        assert_eq!(count("fff87988020fad0f4efc"), Some(4014));
        // 256 << 4 by a long number, 192, eight bits.
        assert_eq!(count("fff8c988c3bf"), Some(4096));
        assert_eq!(count("fff8198800"), Some(192));
        assert_eq!(count("fff869880013"), Some(20));
        // No frame header: the stream has blocks of one size.
        assert_eq!(count("00"), Some(4608));
        assert_eq!(frame_samples(Codec::Flac, &[], &[]), None);
    }
}
