//! Opus: the identification header (RFC 7845 §5.1) and the length of a packet (RFC 6716 §3.1).

use super::bits::Record;
use super::{Header, HeaderError};
use crate::track::{Audio, Params};

const NAME: &str = "opus";

/// Opus always decodes to this many samples a second.
pub const SAMPLE_RATE: u32 = 48_000;

/// The longest packet in samples: 120 ms (RFC 6716 §3.4, R5).
const MAX_PACKET_SAMPLES: u32 = 5_760;

/// What an OpusHead holds; all that an MP4 `dOps` box needs, which has the same fields, big-endian and without magic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Head<'a> {
    /// Output channels, 1 to 255.
    pub channels: u8,
    /// Samples at 48 kHz to drop from the beginning.
    pub pre_skip: u16,
    /// Sampling frequency of the encoder's input in Hz, 0 if unknown; the output has 48 kHz whatever this says.
    pub input_rate: u32,
    /// Gain to apply when decoding, in 1/256 dB.
    pub output_gain: i16,
    /// Channel mapping family: 0 is mono or stereo, 1 the Vorbis order up to 7.1.
    pub mapping_family: u8,
    /// Stream count, coupled count and a byte for each channel; empty for family 0.
    pub mapping: &'a [u8],
}

impl<'a> Head<'a> {
    /// Reads an identification header, magic included.
    ///
    /// # Errors
    /// [`HeaderError`] when it is cut short, of another version, or its mapping makes no sense.
    pub fn parse(head: &'a [u8]) -> Result<Self, HeaderError> {
        let mut fields = Record::new(NAME, head);
        let magic = fields.take(8, "magic")?;
        if magic != b"OpusHead" {
            return Err(fields.invalid("magic", magic.first().copied().unwrap_or(0)));
        }
        let version = fields.u8("version")?;
        // The upper half is the major version (§5.1).
        if version >> 4 != 0 {
            return Err(fields.invalid("version", version));
        }
        let channels = fields.u8("channel count")?;
        let pre_skip = fields.u16_le("pre-skip")?;
        let input_rate = fields.u32_le("input sample rate")?;
        let output_gain = fields.u16_le("output gain")? as i16;
        let mapping_family = fields.u8("channel mapping family")?;
        if channels == 0 || (mapping_family == 0 && channels > 2) {
            return Err(fields.invalid("channel count", channels));
        }
        let mapping_len = if mapping_family == 0 { 0 } else { 2 + usize::from(channels) };
        let mapping = fields.take(mapping_len, "channel mapping table")?;
        if let [streams, coupled, ..] = mapping
            && (*streams == 0 || coupled > streams || u16::from(*streams) + u16::from(*coupled) > 255)
        {
            return Err(fields.invalid("coupled count", *coupled));
        }
        Ok(Self { channels, pre_skip, input_rate, output_gain, mapping_family, mapping })
    }
}

/// What an OpusHead says.
pub(super) fn header(head: &[u8]) -> Result<Header, HeaderError> {
    let head = Head::parse(head)?;
    let audio = Audio { sample_rate: SAMPLE_RATE, channels: head.channels };
    Ok(Header { params: Params::Audio(audio), rfc6381: "opus".into() })
}

/// Samples that a packet decodes to at 48 kHz; `None` for no packet or one of more than 120 ms.
pub fn packet_samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let config = toc >> 3;
    let frame = match config {
        // SILK has frames of 10 to 60 ms, the hybrid of 10 or 20, CELT of 2.5 to 20.
        0..=11 => *[480, 960, 1920, 2880].get(usize::from(config & 3))?,
        12..=15 => 480 << (config & 1),
        _ => 120 << (config & 3),
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    let samples = frame * frames;
    (1..=MAX_PACKET_SAMPLES).contains(&samples).then_some(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::fixtures::{self, hex};
    use crate::codec::{Codec, parse_config};

    #[test]
    fn heads_say_what_ffprobe_says() {
        for (text, channels) in [(fixtures::OPUS_STEREO, 2), (fixtures::OPUS_51, 6)] {
            let header = parse_config(Codec::Opus, &hex(text)).unwrap();
            assert_eq!(header.params, Params::Audio(Audio { sample_rate: 48_000, channels }));
            assert_eq!(header.rfc6381, "opus");
        }
        let (stereo, surround) = (hex(fixtures::OPUS_STEREO), hex(fixtures::OPUS_51));
        assert_eq!(Head::parse(&stereo).unwrap().pre_skip, 312);
        let surround = Head::parse(&surround).unwrap();
        assert_eq!((surround.mapping_family, surround.mapping), (1, &[4, 2, 0, 4, 1, 2, 3, 5][..]));
    }

    #[test]
    fn heads_that_make_no_sense_are_refused() {
        let with = |at: usize, value: u8| {
            let mut head = hex(fixtures::OPUS_51);
            head[at] = value;
            Head::parse(&head).is_err()
        };
        assert!(with(0, b'o') && with(8, 16) && with(9, 0) && with(19, 0) && with(20, 5));
        // Three channels of family 0, which has no table.
        assert!(with(18, 0));
        assert!(!with(8, 2));
    }

    #[test]
    fn packets_are_measured_by_their_first_bytes() {
        // The configurations of RFC 6716 table 2 at the ends of each mode, one frame.
        for (config, samples) in [(0, 480), (3, 2880), (12, 480), (15, 960), (16, 120), (31, 960)] {
            assert_eq!(packet_samples(&[config << 3]), Some(samples));
        }
        assert_eq!(packet_samples(&[31 << 3 | 1]), Some(1920));
        assert_eq!(packet_samples(&[16 << 3 | 3, 0x80 | 48]), Some(5760));
        // No frames, more than 120 ms, no count, nothing.
        for packet in [&[31 << 3 | 3, 0][..], &[31 << 3 | 3, 7], &[31 << 3 | 3], &[]] {
            assert_eq!(packet_samples(packet), None);
        }
    }
}
