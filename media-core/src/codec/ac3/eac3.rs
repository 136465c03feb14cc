//! E-AC-3 (ETSI TS 102 366 annex E, §F.6).

use super::{SAMPLE_RATES, full_channels, sync};
use crate::codec::HeaderError;
use crate::codec::bits::Bits;

const NAME: &str = "eac3";

/// Most substreams of each type (§E.1.3.1.2).
const MAX_SUBSTREAMS: usize = 8;

/// Most syncframes of one access unit that are looked at: six of one block of each of eight programs with eight dependent substreams.
/// Bounds the work that one hostile access unit of tiny syncframes causes.
const MAX_SYNCFRAMES: usize = 6 * 8 * 9;

/// One independent substream and what its dependent ones add, as a `dec3` box lists it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Substream {
    /// Sampling frequency code: 0 is 48 kHz, 1 is 44.1, 2 is 32, 3 a half of these.
    pub fscod: u8,
    /// Bit stream identification: 16.
    pub bsid: u8,
    /// Bit stream mode: 0 is complete main.
    pub bsmod: u8,
    /// Audio coding mode: 2 is stereo, 7 is five channels.
    pub acmod: u8,
    /// Whether there is a low-frequency channel.
    pub lfe: bool,
    /// Dependent substreams that follow it.
    pub dependent: u8,
    /// Where their channels stand, by table F.6.1: bit 0 is Lc/Rc, 1 Lrs/Rrs, 2 Cs, 3 Ts, 4 Lsd/Rsd, 5 Lw/Rw, 6 Lvh/Rvh, 7 Cvh, 8 LFE2.
    pub chan_loc: u16,
}

/// What the syncframes of one access unit say, and with it all that a `dec3` box holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Eac3Config {
    /// Sampling frequency in Hz.
    pub sample_rate: u32,
    /// Kilobits a second of all substreams, by the size of the syncframes.
    pub data_rate_kbps: u16,
    /// The independent substreams, at least one.
    pub substreams: Vec<Substream>,
    /// Objects of joint object coding (Atmos; ETSI TS 103 420 §8.3.2), if there are any.
    pub objects: Option<u8>,
}

impl Eac3Config {
    /// Reads the syncframes of an access unit. One that is cut short or has a substream out of place ends the reading.
    ///
    /// # Errors
    /// [`HeaderError`] when not even the first can be read, or it is dependent.
    pub fn parse(access_unit: &[u8]) -> Result<Self, HeaderError> {
        let first = Syncframe::parse(access_unit)?;
        if first.is_dependent() {
            let value = u64::from(first.kind);
            return Err(HeaderError::Invalid { codec: NAME, field: "strmtyp of the first substream", value });
        }
        let mut config = Self { sample_rate: first.sample_rate, ..Self::default() };
        let mut bytes = 0;
        for frame in Syncframes::new(access_unit) {
            if frame.begins_next(&config) || !config.take(&frame) {
                break;
            }
            bytes += frame.bytes;
        }
        let bits = bytes as u64 * 8;
        let kbps = bits * u64::from(first.sample_rate) / (u64::from(first.blocks) * 256000);
        config.data_rate_kbps = kbps.min(0x1fff) as u16;
        Ok(config)
    }

    /// Takes a substream in; whether it had its place.
    fn take(&mut self, frame: &Syncframe) -> bool {
        if frame.is_dependent() {
            let Some(parent) = self.substreams.last_mut() else { return false };
            if usize::from(parent.dependent) >= MAX_SUBSTREAMS {
                return false;
            }
            parent.dependent += 1;
            parent.chan_loc |= frame.chan_loc();
        } else {
            if self.substreams.len() >= MAX_SUBSTREAMS {
                return false;
            }
            let Syncframe { fscod, bsid, bsmod, acmod, lfe, .. } = *frame;
            self.substreams.push(Substream { fscod, bsid, bsmod, acmod, lfe, dependent: 0, chan_loc: 0 });
        }
        self.objects = self.objects.or(frame.objects);
        true
    }

    /// Output channels of the first program, the low-frequency one included.
    pub fn channels(&self) -> u8 {
        let Some(main) = self.substreams.first() else { return 0 };
        // Pairs count twice: all but Cs, Ts, Cvh and LFE2.
        let pairs = (main.chan_loc & 0b0_0111_0011).count_ones() as u8;
        let singles = (main.chan_loc & 0b1_1000_1100).count_ones() as u8;
        full_channels(main.acmod) + u8::from(main.lfe) + 2 * pairs + singles
    }

    /// The payload of a `dec3` box (§F.6).
    pub fn dec3(&self) -> Vec<u8> {
        let count = self.substreams.len().clamp(1, MAX_SUBSTREAMS) as u16;
        let mut out = (self.data_rate_kbps.min(0x1fff) << 3 | (count - 1)).to_be_bytes().to_vec();
        for substream in self.substreams.iter().take(MAX_SUBSTREAMS) {
            let fields = u32::from(substream.fscod & 3) << 22
                | u32::from(substream.bsid & 0x1f) << 17
                | u32::from(substream.bsmod & 7) << 12
                | u32::from(substream.acmod & 7) << 9
                | u32::from(substream.lfe) << 8
                | u32::from(substream.dependent & 0xf) << 1
                | u32::from(substream.chan_loc >> 8 & 1);
            let [_, fields @ ..] = fields.to_be_bytes();
            out.extend(fields);
            if substream.dependent > 0 {
                out.push(substream.chan_loc as u8);
            }
        }
        out.extend(self.objects.map(|objects| [1, objects]).into_iter().flatten());
        out
    }
}

/// The header of one syncframe.
#[derive(Clone, Copy, Debug)]
struct Syncframe {
    kind: u8,
    id: u8,
    bytes: usize,
    fscod: u8,
    sample_rate: u32,
    blocks: u32,
    acmod: u8,
    lfe: bool,
    bsid: u8,
    bsmod: u8,
    channel_map: u16,
    objects: Option<u8>,
}

impl Syncframe {
    fn parse(data: &[u8]) -> Result<Self, HeaderError> {
        let mut bits = Bits::new(NAME, data);
        sync(&mut bits)?;
        let kind = bits.u8(2, "strmtyp")?;
        if kind == 3 {
            return Err(bits.invalid("strmtyp", kind));
        }
        let id = bits.u8(3, "substreamid")?;
        let bytes = 2 * (bits.u(11, "frmsiz")? as usize + 1);
        let fscod = bits.u8(2, "fscod")?;
        let (sample_rate, blocks) = rate_and_blocks(&mut bits, fscod)?;
        let acmod = bits.u8(3, "acmod")?;
        let lfe = bits.flag("lfeon")?;
        let bsid = bits.u8(5, "bsid")?;
        if !(11..=16).contains(&bsid) {
            return Err(bits.invalid("bsid", bsid));
        }
        let mut frame = Self {
            kind,
            id,
            bytes,
            fscod,
            sample_rate,
            blocks,
            acmod,
            lfe,
            bsid,
            bsmod: 0,
            channel_map: 0,
            objects: None,
        };
        // What is behind only refines; a frame that is cut there still sounds.
        let _ = frame.metadata(&mut bits);
        Ok(frame)
    }

    fn is_dependent(&self) -> bool {
        self.kind == 1
    }

    /// Whether it belongs to the access unit behind the one that `config` describes.
    fn begins_next(&self, config: &Eac3Config) -> bool {
        !self.is_dependent() && self.id == 0 && !config.substreams.is_empty()
    }

    /// The channel map's extra locations in the order of `chan_loc`: bits 5 to 12 of the map from the highest down, and bit 14
    /// (§E.1.3.1.8, table F.6.1).
    fn chan_loc(&self) -> u16 {
        let extra = (5..=12).filter(|bit| self.channel_map >> (15 - bit) & 1 == 1);
        let low_frequency = (self.channel_map >> 1 & 1) << 8;
        extra.fold(low_frequency, |loc, bit| loc | 1 << (bit - 5))
    }

    /// From the dialogue level to the additional information (table E.1.2).
    fn metadata(&mut self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
        for _ in 0..if self.acmod == 0 { 2 } else { 1 } {
            bits.skip(5, "dialnorm")?;
            optional(bits, 8, "compr")?;
        }
        if self.is_dependent() && bits.flag("chanmape")? {
            self.channel_map = bits.u(16, "chanmap")? as u16;
        }
        if bits.flag("mixmdate")? {
            self.mixing(bits)?;
        }
        if bits.flag("infomdate")? {
            self.information(bits)?;
        }
        let six_blocks = self.blocks == 6;
        if self.kind == 0 && !six_blocks {
            bits.skip(1, "convsync")?;
        }
        if self.kind == 2 && (six_blocks || bits.flag("blkid")?) {
            bits.skip(6, "frmsizecod")?;
        }
        if bits.flag("addbsie")? {
            let len = bits.u8(6, "addbsil")? + 1;
            bits.skip(7, "addbsi")?;
            if bits.flag("flag_ec3_extension_type_a")? && len > 1 {
                self.objects = Some(bits.u8(8, "complexity_index_type_a")?);
            }
        }
        Ok(())
    }

    /// Mixing metadata, of which nothing is kept.
    fn mixing(&self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
        if self.acmod > 2 {
            bits.skip(2, "dmixmod")?;
        }
        if self.acmod & 1 == 1 && self.acmod > 2 {
            bits.skip(6, "center mix levels")?;
        }
        if self.acmod & 4 == 4 {
            bits.skip(6, "surround mix levels")?;
        }
        if self.lfe {
            optional(bits, 5, "lfemixlevcod")?;
        }
        if self.kind != 0 {
            return Ok(());
        }
        for _ in 0..if self.acmod == 0 { 2 } else { 1 } {
            optional(bits, 6, "pgmscl")?;
        }
        optional(bits, 6, "extpgmscl")?;
        match bits.u8(2, "mixdef")? {
            1 => bits.skip(5, "premixcmpsel")?,
            2 => bits.skip(12, "mixdata")?,
            3 => {
                let len = bits.u(5, "mixdeflen")?;
                bits.skip(8 * (len + 2), "mixdata")?;
            }
            _ => {}
        }
        if self.acmod < 2 {
            for _ in 0..if self.acmod == 0 { 2 } else { 1 } {
                optional(bits, 14, "paninfo")?;
            }
        }
        if bits.flag("frmmixcfginfoe")? {
            self.block_mixing(bits)?;
        }
        Ok(())
    }

    fn block_mixing(&self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
        if self.blocks == 1 {
            return bits.skip(5, "blkmixcfginfo");
        }
        for _ in 0..self.blocks {
            optional(bits, 5, "blkmixcfginfo")?;
        }
        Ok(())
    }

    /// Informational metadata, of which the bit stream mode is kept.
    fn information(&mut self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
        self.bsmod = bits.u8(3, "bsmod")?;
        bits.skip(2, "copyrightb")?;
        if self.acmod == 2 {
            bits.skip(4, "dsurmod")?;
        }
        if self.acmod >= 6 {
            bits.skip(2, "dsurexmod")?;
        }
        for _ in 0..if self.acmod == 0 { 2 } else { 1 } {
            optional(bits, 8, "audprodi")?;
        }
        // A halved sampling frequency leaves this out.
        if self.fscod < 3 {
            bits.skip(1, "sourcefscod")?;
        }
        Ok(())
    }
}

/// Sampling frequency in Hz and blocks of 256 samples, behind `fscod`.
fn rate_and_blocks(bits: &mut Bits<'_>, fscod: u8) -> Result<(u32, u32), HeaderError> {
    if fscod == 3 {
        let half = bits.u8(2, "fscod2")?;
        let rate = SAMPLE_RATES.get(usize::from(half)).ok_or_else(|| bits.invalid("fscod2", half))?;
        return Ok((rate / 2, 6));
    }
    let rate = SAMPLE_RATES.get(usize::from(fscod)).ok_or_else(|| bits.invalid("fscod", fscod))?;
    let blocks = match bits.u8(2, "numblkscod")? {
        3 => 6,
        code => u32::from(code) + 1,
    };
    Ok((*rate, blocks))
}

/// Passes over a field of `width` bits if the flag before it says that it is there.
fn optional(bits: &mut Bits<'_>, width: u32, field: &'static str) -> Result<(), HeaderError> {
    if bits.flag(field)? { bits.skip(width, field) } else { Ok(()) }
}

/// Syncframes in a row. Ends at the first that cannot be read, and after [`MAX_SYNCFRAMES`].
struct Syncframes<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Syncframes<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { rest: data, left: MAX_SYNCFRAMES }
    }
}

impl Iterator for Syncframes<'_> {
    type Item = Syncframe;

    fn next(&mut self) -> Option<Syncframe> {
        self.left = self.left.checked_sub(1)?;
        let frame = Syncframe::parse(self.rest).ok()?;
        self.rest = self.rest.get(frame.bytes..).unwrap_or_default();
        Some(frame)
    }
}

/// Samples per channel of the first program in one or more access units.
pub(super) fn samples(data: &[u8]) -> Option<u32> {
    let main = Syncframes::new(data).filter(|frame| !frame.is_dependent() && frame.id == 0);
    let samples = main.fold(0u32, |sum, frame| sum.saturating_add(frame.blocks * 256));
    (samples > 0).then_some(samples)
}
