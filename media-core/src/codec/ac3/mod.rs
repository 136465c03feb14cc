//! AC-3 and E-AC-3: syncframe headers, and what the boxes `dac3` and `dec3` say of them (ETSI TS 102 366 and its annexes E and F).

mod eac3;
mod legacy;

pub use eac3::{Eac3Config, Substream};
pub use legacy::Ac3Config;

use super::bits::Bits;
use super::{Header, HeaderError};
use crate::track::{Audio, Params};

/// Names the format of the frame at the beginning of `frame`, whichever of the two its track is said to be.
const SYNC: u32 = 0x0b77;

/// Sampling frequencies in Hz by `fscod`.
const SAMPLE_RATES: [u32; 3] = [48_000, 44_100, 32_000];

/// Full-range channels by `acmod`.
fn full_channels(acmod: u8) -> u8 {
    match acmod {
        1 => 1,
        0 | 2 => 2,
        3 | 4 => 3,
        5 | 6 => 4,
        _ => 5,
    }
}

/// Fails unless `bits` go on with the sync word.
fn sync(bits: &mut Bits<'_>) -> Result<(), HeaderError> {
    let sync = bits.u(16, "syncword")?;
    if sync == SYNC { Ok(()) } else { Err(bits.invalid("syncword", sync)) }
}

/// `bsid` stands at the same place in both formats: 10 and less is AC-3, 11 to 16 E-AC-3.
fn bsid(frame: &[u8]) -> Option<u8> {
    frame.get(5).map(|byte| byte >> 3)
}

/// Samples per channel of `data`, which is one or more syncframes in a row; substreams that sound together count once.
pub(super) fn samples(data: &[u8]) -> Option<u32> {
    match bsid(data)? {
        0..=10 => legacy::samples(data),
        _ => eac3::samples(data),
    }
}

/// What a frame of AC-3 says.
pub(super) fn ac3_header(frame: &[u8]) -> Result<Header, HeaderError> {
    let config = Ac3Config::parse(frame)?;
    let audio = Audio { sample_rate: config.sample_rate, channels: config.channels() };
    Ok(Header { params: Params::Audio(audio), rfc6381: "ac-3".into() })
}

/// What a frame of E-AC-3 says.
pub(super) fn eac3_header(frame: &[u8]) -> Result<Header, HeaderError> {
    let config = Eac3Config::parse(frame)?;
    let audio = Audio { sample_rate: config.sample_rate, channels: config.channels() };
    Ok(Header { params: Params::Audio(audio), rfc6381: "ec-3".into() })
}

#[cfg(test)]
mod tests;
