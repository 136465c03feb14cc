//! MPEG-1, MPEG-2 and MPEG-2.5 layer III frame headers (ISO/IEC 11172-3 §2.4.2.3, ISO/IEC 13818-3 §2.4.2.3).

use super::bits::Bits;
use super::{Header, HeaderError};
use crate::track::{Audio, Params};

const NAME: &str = "mp3";

/// Kilobits a second by index, MPEG-1 layer III.
const BITRATES_1: [u16; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
/// Kilobits a second by index, MPEG-2 and 2.5 layer III.
const BITRATES_2: [u16; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

/// A frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameHeader {
    /// Sampling frequency in Hz.
    pub sample_rate: u32,
    /// Channels: 1 or 2.
    pub channels: u8,
    /// Bits a second; 0 for free format.
    pub bitrate_bps: u32,
    /// Samples per channel in the frame: 1152, or 576 below 32 kHz.
    pub samples: u32,
    /// Bytes of the frame, header included; `None` for free format.
    pub frame_bytes: Option<usize>,
}

impl FrameHeader {
    /// Reads the header that `frame` begins with.
    ///
    /// # Errors
    /// [`HeaderError`] when it is cut short, of another layer, or has a reserved value.
    pub fn parse(frame: &[u8]) -> Result<Self, HeaderError> {
        let mut bits = Bits::new(NAME, frame);
        let sync = bits.u(11, "syncword")?;
        if sync != 0x7ff {
            return Err(bits.invalid("syncword", sync));
        }
        let version = bits.u8(2, "version")?;
        let layer = bits.u8(2, "layer")?;
        if version == 1 {
            return Err(bits.invalid("version", version));
        }
        if layer != 1 {
            return Err(bits.invalid("layer", layer));
        }
        bits.skip(1, "protection_bit")?;
        let first = version == 3;
        let rate = usize::from(bits.u8(4, "bitrate_index")?);
        let rates = if first { &BITRATES_1 } else { &BITRATES_2 };
        let kbps = *rates.get(rate).ok_or_else(|| bits.invalid("bitrate_index", rate as u64))?;
        let frequency = bits.u8(2, "sampling_frequency")?;
        let base = *[44_100u32, 48_000, 32_000]
            .get(usize::from(frequency))
            .ok_or_else(|| bits.invalid("sampling_frequency", frequency))?;
        let padding = usize::from(bits.flag("padding_bit")?);
        bits.skip(1, "private_bit")?;
        let mono = bits.u8(2, "mode")? == 3;
        bits.skip(6, "emphasis")?;
        // MPEG-2 halves the frequency, MPEG-2.5 quarters it.
        let sample_rate = base >> [2, 0, 1, 0].get(usize::from(version)).copied().unwrap_or(0);
        let samples = if first { 1152 } else { 576 };
        let bitrate_bps = u32::from(kbps) * 1000;
        let bytes = (samples / 8 * bitrate_bps / sample_rate) as usize + padding;
        Ok(Self {
            sample_rate,
            channels: if mono { 1 } else { 2 },
            bitrate_bps,
            samples,
            frame_bytes: (kbps != 0).then_some(bytes),
        })
    }
}

/// What a frame says.
pub(super) fn header(frame: &[u8]) -> Result<Header, HeaderError> {
    let header = FrameHeader::parse(frame)?;
    let audio = Audio { sample_rate: header.sample_rate, channels: header.channels };
    Ok(Header { params: Params::Audio(audio), rfc6381: "mp4a.40.34".into() })
}

/// Samples per channel in `data`, which may be several frames in a row.
pub(super) fn samples(data: &[u8]) -> Option<u32> {
    let mut samples = 0u32;
    let mut rest = data;
    while let Ok(frame) = FrameHeader::parse(rest) {
        samples = samples.saturating_add(frame.samples);
        // A frame of free format is as long as its packet.
        rest = frame.frame_bytes.and_then(|bytes| rest.get(bytes..)).unwrap_or_default();
    }
    (samples > 0).then_some(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::fixtures::hex;
    use crate::codec::{Codec, frame_samples, parse_frame};

    /// Headers as LAME 3.100 writes them, and what ffprobe says of them.
    const FRAMES: [(&str, u32, u8, usize, u32); 6] = [
        ("fffb90640000026b", 44_100, 2, 417, 1152),
        ("fffb92643e08f37c", 44_100, 2, 418, 1152),
        ("fffbe46400000812", 48_000, 2, 960, 1152),
        ("fff380c400197862", 22_050, 1, 208, 576),
        ("fff382c45d3f0b72", 22_050, 1, 209, 576),
        ("ffe328c4001d28aa", 8_000, 1, 144, 576),
    ];

    #[test]
    fn headers_say_what_ffprobe_says() {
        for (text, sample_rate, channels, bytes, samples) in FRAMES {
            let frame = hex(text);
            let header = parse_frame(Codec::Mp3, &frame).unwrap();
            assert_eq!(header.params, Params::Audio(Audio { sample_rate, channels }));
            assert_eq!(header.rfc6381, "mp4a.40.34");
            assert_eq!(FrameHeader::parse(&frame).unwrap().frame_bytes, Some(bytes));
            assert_eq!(frame_samples(Codec::Mp3, &[], &frame), Some(samples));
        }
    }

    #[test]
    fn frames_in_a_row_are_counted_together() {
        let mut frame = hex("fffb90640000026b");
        frame.resize(417, 0);
        assert_eq!(samples(&frame.repeat(3)), Some(3456));
    }

    #[test]
    fn other_layers_and_reserved_values_are_refused() {
        // Layer II, a reserved version, the forbidden bitrate, a reserved frequency.
        for text in ["fffd9064", "ffeb9064", "fffbf064", "fffb9c64", "fff09064", "00fb9064"] {
            assert!(FrameHeader::parse(&hex(text)).is_err(), "{text}");
        }
        assert_eq!(FrameHeader::parse(&hex("fffb0064")).unwrap().frame_bytes, None);
    }
}
