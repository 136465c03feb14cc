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
    let first = FrameHeader::parse(data).ok()?;
    let mut samples = first.samples;
    let mut rest = data.get(first.frame_bytes?..).unwrap_or_default();
    while let Ok(next) = FrameHeader::parse(rest) {
        samples = samples.saturating_add(next.samples);
        rest = next.frame_bytes.and_then(|bytes| rest.get(bytes.max(4)..)).unwrap_or_default();
    }
    Some(samples)
}
