//! AC-3 (ETSI TS 102 366 §4.3, §F.4).

use super::{SAMPLE_RATES, full_channels, sync};
use crate::codec::HeaderError;
use crate::codec::bits::Bits;

const NAME: &str = "ac3";

/// Samples per channel in a syncframe: six blocks of 256.
const FRAME_SAMPLES: u32 = 1536;

/// Kilobits a second by `frmsizecod / 2`.
const BITRATES: [u16; 19] =
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];

/// What a syncframe says, and with it all that a `dac3` box holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ac3Config {
    /// Sampling frequency in Hz.
    pub sample_rate: u32,
    /// Sampling frequency code: 0 is 48 kHz, 1 is 44.1, 2 is 32.
    pub fscod: u8,
    /// Bit stream identification: 8, or 6 with alternate syntax; 9 and 10 halve and quarter the frequency.
    pub bsid: u8,
    /// Bit stream mode: 0 is complete main.
    pub bsmod: u8,
    /// Audio coding mode: 2 is stereo, 7 is five channels.
    pub acmod: u8,
    /// Whether there is a low-frequency channel.
    pub lfe: bool,
    /// `bit_rate_code`, 0 to 18.
    pub bit_rate_code: u8,
    /// Bits a second.
    pub bitrate_bps: u32,
    /// Bytes of the syncframe.
    pub frame_bytes: usize,
}

impl Ac3Config {
    /// Reads the header of a syncframe.
    ///
    /// # Errors
    /// [`HeaderError`] when it is cut short, is E-AC-3, or has a reserved value.
    pub fn parse(frame: &[u8]) -> Result<Self, HeaderError> {
        let mut bits = Bits::new(NAME, frame);
        sync(&mut bits)?;
        bits.skip(16, "crc1")?;
        let fscod = bits.u8(2, "fscod")?;
        let base = *SAMPLE_RATES.get(usize::from(fscod)).ok_or_else(|| bits.invalid("fscod", fscod))?;
        let frmsizecod = bits.u8(6, "frmsizecod")?;
        let kbps = *BITRATES
            .get(usize::from(frmsizecod >> 1))
            .ok_or_else(|| bits.invalid("frmsizecod", frmsizecod))?;
        let bsid = bits.u8(5, "bsid")?;
        if bsid > 10 {
            return Err(bits.invalid("bsid", bsid));
        }
        let bsmod = bits.u8(3, "bsmod")?;
        let acmod = bits.u8(3, "acmod")?;
        let center = if acmod & 1 == 1 && acmod != 1 { 2 } else { 0 };
        let surround = if acmod & 4 == 4 { 2 } else { 0 };
        let dolby_surround = if acmod == 2 { 2 } else { 0 };
        bits.skip(center + surround + dolby_surround, "mix levels")?;
        let lfe = bits.flag("lfeon")?;
        let shift = u32::from(bsid.saturating_sub(8));
        Ok(Self {
            sample_rate: base >> shift,
            fscod,
            bsid,
            bsmod,
            acmod,
            lfe,
            bit_rate_code: frmsizecod >> 1,
            bitrate_bps: (u32::from(kbps) * 1000) >> shift,
            frame_bytes: frame_bytes(base, kbps, frmsizecod),
        })
    }

    /// Output channels, the low-frequency one included.
    pub fn channels(&self) -> u8 {
        full_channels(self.acmod) + u8::from(self.lfe)
    }

    /// The payload of a `dac3` box (§F.4).
    pub fn dac3(&self) -> [u8; 3] {
        let fields = u32::from(self.fscod) << 22
            | u32::from(self.bsid) << 17
            | u32::from(self.bsmod) << 14
            | u32::from(self.acmod) << 11
            | u32::from(self.lfe) << 10
            | u32::from(self.bit_rate_code) << 5;
        let [_, payload @ ..] = fields.to_be_bytes();
        payload
    }
}

/// Bytes of a syncframe (table 4.13): its time at the bitrate in 16-bit words, one more at 44.1 kHz where the code is odd.
fn frame_bytes(sample_rate: u32, kbps: u16, frmsizecod: u8) -> usize {
    let words = u32::from(kbps) * 1000 * (FRAME_SAMPLES / 16) / sample_rate;
    let extra = if sample_rate == 44_100 { u32::from(frmsizecod & 1) } else { 0 };
    2 * (words + extra) as usize
}

/// Samples per channel of one or more syncframes.
pub(super) fn samples(data: &[u8]) -> Option<u32> {
    let mut rest = data;
    let mut frames = 0u32;
    while let Ok(config) = Ac3Config::parse(rest) {
        frames += 1;
        rest = rest.get(config.frame_bytes..).unwrap_or_default();
    }
    (frames > 0).then(|| frames.saturating_mul(FRAME_SAMPLES))
}
