//! AAC: the AudioSpecificConfig, and frames that come with ADTS headers all the same.

mod adts;
mod asc;
mod element;
mod usac;

pub use adts::{Adts, AdtsFrames, is_adts};
pub use asc::Config;

use super::{Header, HeaderError};
use crate::track::{Audio, Params};

const NAME: &str = "aac";

/// Audio object types (ISO/IEC 14496-3 table 1.17).
pub mod object_type {
    /// AAC Low Complexity.
    pub const LC: u8 = 2;
    /// AAC Long Term Prediction.
    pub const LTP: u8 = 4;
    /// Spectral band replication: HE-AAC.
    pub const SBR: u8 = 5;
    /// Scalable AAC.
    pub const SCALABLE: u8 = 6;
    /// The first of the error resilient types.
    pub const ER_LC: u8 = 17;
    /// Scalable AAC, error resilient.
    pub const ER_SCALABLE: u8 = 20;
    /// Bit-sliced arithmetic coding, error resilient.
    pub const ER_BSAC: u8 = 22;
    /// AAC Low Delay, error resilient.
    pub const ER_LD: u8 = 23;
    /// Parametric stereo: HE-AAC v2.
    pub const PS: u8 = 29;
    /// AAC Enhanced Low Delay.
    pub const ER_ELD: u8 = 39;
    /// Unified speech and audio coding: xHE-AAC.
    pub const USAC: u8 = 42;
}

/// Sampling frequencies in Hz by `samplingFrequencyIndex` (ISO/IEC 14496-3 table 1.18).
const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// The sampling frequency of an index; `None` for reserved ones and the escape.
fn sample_rate(index: u8) -> Option<u32> {
    SAMPLE_RATES.get(usize::from(index)).copied()
}

/// Channels by `channelConfiguration` (ISO/IEC 14496-3 table 1.19); `None` for 0 (a program config element says) and reserved ones.
fn channels(configuration: u8) -> Option<u8> {
    match configuration {
        1..=6 => Some(configuration),
        7 | 12 | 14 => Some(8),
        11 => Some(7),
        13 => Some(24),
        _ => None,
    }
}

/// What an AudioSpecificConfig says.
pub(super) fn header(config: &[u8]) -> Result<Header, HeaderError> {
    Config::parse(config).map(|config| config.header())
}

impl Config {
    /// What it says, in Pulse's vocabulary.
    pub fn header(&self) -> Header {
        let audio = Audio { sample_rate: self.output_rate, channels: self.output_channels };
        Header { params: Params::Audio(audio), rfc6381: self.rfc6381() }
    }
}

#[cfg(test)]
mod tests;
