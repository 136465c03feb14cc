//! `dac3` and `dec3`, from the first frame: AC-3 and E-AC-3 have no decoder configuration but the header of each
//! synchronization frame (ETSI TS 102 366 §4.4, §E.1.2, §F.4, §F.6).

use crate::container::bits::Bits;

const SYNC_WORD: u32 = 0x0b77;
/// bsid up to here is AC-3; 11 to 16 is E-AC-3.
const LAST_AC3_BSID: u32 = 10;
const LAST_EAC3_BSID: u32 = 16;
/// `num_ind_sub` and `num_dep_sub` count up to 8.
const MAX_SUBSTREAMS: usize = 8;
/// Audio blocks of 256 samples by numblkscod.
const BLOCKS: [u32; 4] = [1, 2, 3, 6];
/// Sampling frequencies by fscod.
const HZ: [u32; 3] = [48_000, 44_100, 32_000];

/// The payload of `dac3` (§F.4) from a frame that begins with an AC-3 synchronization frame.
pub(super) fn ac3_box(frame: &[u8]) -> Option<[u8; 3]> {
    let mut bits = Bits::new(frame);
    if bits.read(16)? != SYNC_WORD {
        return None;
    }
    bits.skip(16)?; // crc1
    let fscod = bits.read(2)?;
    let frame_size_code = bits.read(6)?;
    let bsid = bits.read(5)?;
    let bsmod = bits.read(3)?;
    let acmod = bits.read(3)?;
    if acmod & 1 != 0 && acmod != 1 {
        bits.skip(2)?; // cmixlev
    }
    if acmod & 4 != 0 {
        bits.skip(2)?; // surmixlev
    }
    if acmod == 2 {
        bits.skip(2)?; // dsurmod
    }
    let lfe = bits.read(1)?;
    if fscod == 3 || bsid > LAST_AC3_BSID {
        return None;
    }
    let fields =
        fscod << 22 | bsid << 17 | bsmod << 14 | acmod << 11 | lfe << 10 | (frame_size_code >> 1) << 5;
    let [_, packed @ ..] = fields.to_be_bytes();
    Some(packed)
}

/// One independent substream with what depends on it.
struct Substream {
    fscod: u32,
    bsid: u32,
    acmod: u32,
    lfe: u32,
    dependents: u32,
    chan_loc: u32,
}

/// The payload of `dec3` (§F.6) from a frame: one or more E-AC-3 synchronization frames of the same time.
pub(super) fn eac3_box(frame: &[u8]) -> Option<Vec<u8>> {
    let mut substreams: Vec<Substream> = Vec::new();
    let (mut rest, mut bits_per_second) = (frame, 0);
    while !rest.is_empty() {
        let sync = SyncFrame::read(rest)?;
        let first_again = sync.independent && sync.id == 0 && !substreams.is_empty();
        if first_again {
            // Frames of fewer than six blocks come several to a sample; each set repeats the same substreams.
            break;
        }
        bits_per_second += sync.bits_per_second();
        if sync.independent {
            substreams.push(sync.substream());
        } else {
            let parent = substreams.last_mut()?;
            parent.dependents += 1;
            parent.chan_loc |= sync.chan_loc;
        }
        if substreams.len() > MAX_SUBSTREAMS {
            return None;
        }
        rest = rest.get(sync.bytes..).unwrap_or_default();
    }
    let count = u32::try_from(substreams.len()).ok()?.checked_sub(1)?;
    // data_rate in kbit/s on 13 bits, num_ind_sub on 3.
    let data_rate = (bits_per_second / 1000).min(0x1fff);
    let mut out = ((data_rate << 3 | count) as u16).to_be_bytes().to_vec();
    for substream in &substreams {
        substream.write(&mut out);
    }
    Some(out)
}

impl Substream {
    fn write(&self, out: &mut Vec<u8>) {
        // reserved 1, asvc 1 and bsmod 3 are zero: main audio service.
        let fields = self.fscod << 22 | self.bsid << 17 | self.acmod << 9 | self.lfe << 8;
        let dependents = self.dependents.min(MAX_SUBSTREAMS as u32);
        let [_, first, second, _] = fields.to_be_bytes();
        out.extend([first, second]);
        if dependents == 0 {
            out.push(0);
        } else {
            out.extend(((dependents << 9 | self.chan_loc) as u16).to_be_bytes());
        }
    }
}

/// What a synchronization frame's header says.
struct SyncFrame {
    independent: bool,
    id: u32,
    bytes: usize,
    fscod: u32,
    hz: u32,
    blocks: u32,
    acmod: u32,
    lfe: u32,
    bsid: u32,
    /// Where a dependent substream's channels lie, as `dec3` numbers them.
    chan_loc: u32,
}

impl SyncFrame {
    fn read(frame: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(frame);
        if bits.read(16)? != SYNC_WORD {
            return None;
        }
        let kind = bits.read(2)?;
        let id = bits.read(3)?;
        let bytes = (bits.read(11)? as usize + 1) * 2;
        let fscod = bits.read(2)?;
        let low = bits.read(2)?;
        let (hz, blocks) = match HZ.get(fscod as usize) {
            Some(&hz) => (hz, *BLOCKS.get(low as usize)?),
            // Half frequencies, always of six blocks; the next field is fscod2.
            None => (HZ.get(low as usize)? / 2, 6),
        };
        let acmod = bits.read(3)?;
        let lfe = bits.read(1)?;
        let bsid = bits.read(5)?;
        if kind == 3 || bsid <= LAST_AC3_BSID || bsid > LAST_EAC3_BSID {
            return None;
        }
        let independent = kind != 1;
        let chan_loc = if independent { 0 } else { chan_loc(&mut bits, acmod)? };
        Some(Self { independent, id, bytes, fscod, hz, blocks, acmod, lfe, bsid, chan_loc })
    }

    fn bits_per_second(&self) -> u32 {
        // At most 4,096 bytes × 8 × 48,000 / 256.
        (self.bytes as u32 * 8).saturating_mul(self.hz / 100) / (256 * self.blocks) * 100
    }

    fn substream(&self) -> Substream {
        let Self { fscod, bsid, acmod, lfe, .. } = *self;
        Substream { fscod, bsid, acmod, lfe, dependents: 0, chan_loc: 0 }
    }
}

/// `chan_loc` (table F.6.1) from `chanmap` (table E.1.5): its locations 5 to 12, and the second LFE.
fn chan_loc(bits: &mut Bits<'_>, acmod: u32) -> Option<u32> {
    // dialnorm and compr, once, or twice for two mono channels.
    for _ in 0..if acmod == 0 { 2 } else { 1 } {
        bits.skip(5)?;
        if bits.bit()? {
            bits.skip(8)?;
        }
    }
    if !bits.bit()? {
        return Some(0);
    }
    let map = bits.read(16)?;
    Some((map >> 3 & 0xff) << 1 | map >> 1 & 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ac3_fields_move_from_the_frame_to_the_box() {
        // 48 kHz, frmsizecod 28 (384 kbit/s), bsid 8, 3/2 with LFE.
        let frame = [0x0b, 0x77, 0, 0, 0x1c, 0x40, 0b1110_0001, 0];
        assert_eq!(ac3_box(&frame), Some([0b0001_0000, 0b0011_1101, 0b1100_0000]));
        assert_eq!(ac3_box(&frame[..6]), None);
        assert_eq!(ac3_box(&[0; 8]), None);
    }

    /// An E-AC-3 header of 48 kHz and six blocks, filled up to `bytes`.
    fn sync_frame(kind: u8, id: u8, acmod: u8, bytes: u16) -> Vec<u8> {
        let size = bytes / 2 - 1;
        let mut frame = vec![0x0b, 0x77, kind << 6 | id << 3 | (size >> 8) as u8, size as u8];
        frame.push(0b0011_0000 | acmod << 1 | 1);
        frame.push(16 << 3);
        // Still bsid 16; dialnorm 0, no compr, chanmap with the rear surround pair (location 6).
        frame.extend([0b0001_0000, 0b0010_0000, 0b0000_0000, 0]);
        frame.resize(usize::from(bytes), 0);
        frame
    }

    #[test]
    fn eac3_independent_substream() {
        let dec3 = eac3_box(&sync_frame(0, 0, 7, 768)).unwrap();
        // 768 bytes in 32 ms: 192 kbit/s.
        assert_eq!(dec3, [0x06, 0x00, 0b0010_0000, 0b0000_1111, 0]);
    }

    #[test]
    fn eac3_dependent_substream_adds_its_rate_and_place() {
        let mut frame = sync_frame(0, 0, 7, 768);
        frame.extend(sync_frame(1, 0, 2, 256));
        let dec3 = eac3_box(&frame).unwrap();
        assert_eq!(dec3[..4], [0x08, 0x00, 0b0010_0000, 0b0000_1111]);
        // One dependent substream; the rear surround pair is the second of nine places.
        assert_eq!(u16::from_be_bytes([dec3[4], dec3[5]]), 1 << 9 | 0b0_1000_0000);
        assert_eq!(dec3.len(), 6);
    }

    #[test]
    fn eac3_needs_an_independent_substream_first() {
        assert_eq!(eac3_box(&[]), None);
        assert_eq!(eac3_box(&sync_frame(1, 0, 2, 256)), None);
        assert_eq!(eac3_box(&sync_frame(0, 0, 7, 768)[..5]), None);
    }
}
