//! AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).

use super::{NAME, channels, element, object_type, sample_rate, usac};
use crate::codec::HeaderError;
use crate::codec::bits::Bits;

/// Marks a backward-compatible extension behind the configuration (§1.6.6.1).
const SYNC_EXTENSION: u32 = 0x2b7;
/// Marks parametric stereo behind that.
const SYNC_EXTENSION_PS: u32 = 0x548;
/// The index that says that the frequency follows in 24 bits.
const ESCAPE_INDEX: u8 = 15;

/// What an AudioSpecificConfig holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Audio object type of the core: 2 is LC. Never 5 or 29, which are signalled by `sbr` and `ps`.
    pub object_type: u8,
    /// Sampling frequency of the core in Hz.
    pub core_rate: u32,
    /// Sampling frequency in Hz after SBR.
    pub output_rate: u32,
    /// Channels of the core.
    pub core_channels: u8,
    /// Channels after parametric stereo.
    pub output_channels: u8,
    /// `channelConfiguration`; 0 where a program config element lists the channels.
    pub channel_configuration: u8,
    /// Whether spectral band replication is signalled.
    pub sbr: bool,
    /// Whether parametric stereo is signalled.
    pub ps: bool,
    /// Samples of the core in a frame.
    pub core_samples: u32,
}

impl Config {
    /// Reads a configuration with explicit (object types 5 and 29) or backward-compatible (behind the configuration) signalling.
    /// SBR that is not signalled at all is not guessed.
    ///
    /// # Errors
    /// [`HeaderError`] when it is cut short, or has a reserved value, or a sampling frequency of 0 or an SBR one that is neither the core's nor
    /// its double.
    pub fn parse(config: &[u8]) -> Result<Self, HeaderError> {
        let mut bits = Bits::new(NAME, config);
        let mut asc = Self::begin(&mut bits)?;
        asc.specific(&mut bits)?;
        if !asc.sbr && asc.object_type < object_type::ER_ELD {
            asc.extension(&mut bits.clone())?;
        }
        asc.finish(&bits)
    }

    fn begin(bits: &mut Bits<'_>) -> Result<Self, HeaderError> {
        let mut object_type = object_type(bits)?;
        let core_rate = frequency(bits)?;
        let channel_configuration = bits.u8(4, "channelConfiguration")?;
        let ps = object_type == object_type::PS;
        let sbr = ps || object_type == object_type::SBR;
        let mut output_rate = core_rate;
        if sbr {
            output_rate = frequency(bits)?;
            object_type = self::object_type(bits)?;
            if object_type == object_type::ER_BSAC {
                bits.skip(4, "extensionChannelConfiguration")?;
            }
        }
        Ok(Self {
            object_type,
            core_rate,
            output_rate,
            core_channels: channels(channel_configuration).unwrap_or(0),
            output_channels: 0,
            channel_configuration,
            sbr,
            ps,
            core_samples: 1024,
        })
    }

    /// The part that depends on the object type.
    fn specific(&mut self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
        match self.object_type {
            1..=4 | 6 | 7 | 17 | 19..=23 => self.general_audio(bits)?,
            object_type::ER_ELD => {
                self.core_samples = if bits.flag("frameLengthFlag")? { 480 } else { 512 };
                bits.skip(3, "resilience flags")?;
                self.sbr |= bits.flag("ldSbrPresentFlag")?;
                if self.sbr && bits.flag("ldSbrSamplingRate")? {
                    self.output_rate = self.core_rate.saturating_mul(2);
                }
                // The SBR headers behind are of no use here, and nothing else follows.
                return Ok(());
            }
            object_type::USAC => usac::read(self, bits)?,
            other => return Err(bits.invalid("audioObjectType", other)),
        }
        if (17..=23).contains(&self.object_type) {
            let protection = bits.u8(2, "epConfig")?;
            if protection >= 2 {
                return Err(bits.invalid("epConfig", protection));
            }
        }
        Ok(())
    }

    /// `GASpecificConfig` (§4.4.1).
    fn general_audio(&mut self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
        let short = bits.flag("frameLengthFlag")?;
        self.core_samples = match (self.object_type, short) {
            (object_type::ER_LD, false) => 512,
            (object_type::ER_LD, true) => 480,
            (_, false) => 1024,
            (_, true) => 960,
        };
        if bits.flag("dependsOnCoreCoder")? {
            bits.skip(14, "coreCoderDelay")?;
        }
        let extended = bits.flag("extensionFlag")?;
        if self.channel_configuration == 0 {
            self.core_channels = element::program_config(bits)?;
        }
        if matches!(self.object_type, object_type::SCALABLE | object_type::ER_SCALABLE) {
            bits.skip(3, "layerNr")?;
        }
        if extended {
            match self.object_type {
                object_type::ER_BSAC => bits.skip(5 + 11, "layer_length")?,
                17 | 19 | 20 | 23 => bits.skip(3, "resilience flags")?,
                _ => {}
            }
            bits.skip(1, "extensionFlag3")?;
        }
        Ok(())
    }

    /// Signalling that decoders without SBR do not see: it stands where they have stopped reading. What is cut short or marked
    /// otherwise there is no signalling.
    fn extension(&mut self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
        if bits.remaining() < 16 || bits.u(11, "syncExtensionType")? != SYNC_EXTENSION {
            return Ok(());
        }
        let kind = object_type(bits)?;
        if kind != object_type::SBR || !bits.flag("sbrPresentFlag")? {
            return Ok(());
        }
        self.output_rate = frequency(bits)?;
        self.sbr = true;
        if bits.remaining() >= 12 && bits.u(11, "syncExtensionType")? == SYNC_EXTENSION_PS {
            self.ps = bits.flag("psPresentFlag")?;
        }
        Ok(())
    }

    fn finish(mut self, bits: &Bits<'_>) -> Result<Self, HeaderError> {
        if self.core_channels == 0 {
            return Err(bits.invalid("channelConfiguration", self.channel_configuration));
        }
        if self.sbr
            && self.output_rate != self.core_rate
            && self.output_rate != self.core_rate.saturating_mul(2)
        {
            return Err(bits.invalid("extensionSamplingFrequency", self.output_rate));
        }
        self.output_channels = if self.ps && self.core_channels == 1 { 2 } else { self.core_channels };
        Ok(self)
    }

    /// Samples per channel that a frame decodes to, at the output's sampling frequency.
    pub fn frame_samples(&self) -> u32 {
        if self.sbr && self.output_rate > self.core_rate { self.core_samples * 2 } else { self.core_samples }
    }

    /// The RFC 6381 string: `mp4a.40.` and the object type, which is 5 with SBR and 29 with PS however it is signalled.
    pub fn rfc6381(&self) -> String {
        let kind = match self.object_type {
            object_type::ER_ELD => object_type::ER_ELD,
            _ if self.ps => object_type::PS,
            _ if self.sbr => object_type::SBR,
            other => other,
        };
        format!("mp4a.40.{kind}")
    }
}

/// `GetAudioObjectType()` (§1.6.2.1): five bits, or six more behind the escape.
fn object_type(bits: &mut Bits<'_>) -> Result<u8, HeaderError> {
    let short = bits.u8(5, "audioObjectType")?;
    if short == 31 { Ok(32 + bits.u8(6, "audioObjectTypeExt")?) } else { Ok(short) }
}

/// A sampling frequency by its index, or in full behind the escape. Bounded to 384 kHz, above which nothing plays.
fn frequency(bits: &mut Bits<'_>) -> Result<u32, HeaderError> {
    let index = bits.u8(4, "samplingFrequencyIndex")?;
    if index == ESCAPE_INDEX {
        let hz = bits.u(24, "samplingFrequency")?;
        return if (1..=384_000).contains(&hz) { Ok(hz) } else { Err(bits.invalid("samplingFrequency", hz)) };
    }
    sample_rate(index).ok_or_else(|| bits.invalid("samplingFrequencyIndex", index))
}
