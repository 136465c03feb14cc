//! xHE-AAC's configuration, as far as it says how long a frame is (ISO/IEC 23003-3 §5.2).

use super::asc::Config;
use crate::codec::HeaderError;
use crate::codec::bits::Bits;

/// Sampling frequencies in Hz from index 15 on, where USAC goes on with AAC's table (table 66).
const MORE_RATES: [u32; 13] =
    [102_400, 51_200, 40_000, 38_400, 34_150, 28_800, 25_600, 20_000, 19_200, 17_075, 14_400, 12_800, 9_600];
/// The index that says that the frequency follows in 24 bits.
const ESCAPE_INDEX: u8 = 31;

/// The beginning of `UsacConfig()`. Its frequency is the output's, and its frame length counts samples of the output.
pub(super) fn read(config: &mut Config, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
    let index = bits.u8(5, "usacSamplingFrequencyIndex")?;
    let rate = match index {
        ESCAPE_INDEX => Some(bits.u(24, "usacSamplingFrequency")?).filter(|hz| (1..=384_000).contains(hz)),
        _ => {
            super::sample_rate(index).or_else(|| MORE_RATES.get(usize::from(index).checked_sub(15)?).copied())
        }
    };
    let rate = rate.ok_or_else(|| bits.invalid("usacSamplingFrequencyIndex", index))?;
    (config.core_rate, config.output_rate) = (rate, rate);
    let length = bits.u8(3, "coreSbrFrameLengthIndex")?;
    config.core_samples = match length {
        0 => 768,
        1 => 1024,
        2 | 3 => 2048,
        4 => 4096,
        _ => return Err(bits.invalid("coreSbrFrameLengthIndex", length)),
    };
    let layout = bits.u8(5, "channelConfigurationIndex")?;
    config.core_channels = match layout {
        0 => channel_count(bits)?,
        8 => 2,
        9 => 3,
        10 => 4,
        _ => super::channels(layout).ok_or_else(|| bits.invalid("channelConfigurationIndex", layout))?,
    };
    Ok(())
}

/// `numOutChannels`, an `escapedValue(5, 8, 16)`.
fn channel_count(bits: &mut Bits<'_>) -> Result<u8, HeaderError> {
    let count = bits.u8(5, "numOutChannels")?;
    if count == 31 || count == 0 { Err(bits.invalid("numOutChannels", count)) } else { Ok(count) }
}
