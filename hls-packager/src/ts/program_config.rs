//! The program config element: the channels of AAC that no channel configuration names.

use super::bits::Bits;

/// Audio object types SBR and PS, which wrap another one.
const SBR: u32 = 5;
const PS: u32 = 29;
/// The index that says that the frequency follows in 24 bits.
const ESCAPE_INDEX: u32 = 15;
/// The element's id, as a raw data block announces it (ISO/IEC 14496-3 table 4.85).
pub(super) const ID_PCE: u32 = 5;

/// The program config element of an AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1, table 4.2), as a raw data block begins
/// with it: the same fields behind the element's id, aligned anew.
///
/// `None` when it has none or is cut short.
pub(super) fn of(config: &[u8]) -> Option<Vec<u8>> {
    let mut bits = Bits::new(config);
    let object_type = skip_object_type(&mut bits)?;
    skip_frequency(&mut bits)?;
    if bits.read(4)? != 0 {
        return None;
    }
    if matches!(object_type, SBR | PS) {
        skip_frequency(&mut bits)?;
        skip_object_type(&mut bits)?;
    }
    bits.skip(1)?; // frameLengthFlag
    if bits.bit()? {
        bits.skip(14)?; // coreCoderDelay
    }
    bits.skip(1)?; // extensionFlag
    copy(&mut bits)
}

fn skip_object_type(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.read(5)? {
        31 => Some(32 + bits.read(6)?),
        object_type => Some(object_type),
    }
}

fn skip_frequency(bits: &mut Bits<'_>) -> Option<()> {
    if bits.read(4)? == ESCAPE_INDEX { bits.skip(24) } else { Some(()) }
}

fn copy(bits: &mut Bits<'_>) -> Option<Vec<u8>> {
    let mut out = BitWriter::default();
    out.put(ID_PCE, 3);
    let mut field = |bits: &mut Bits<'_>, count: u32| -> Option<u32> {
        let value = bits.read(count)?;
        out.put(value, count);
        Some(value)
    };
    field(bits, 10)?; // element_instance_tag, object_type, sampling_frequency_index
    // Front, side and back channel elements of 5 bits, LFE and associated data elements of 4, coupling elements of 5.
    let mut elements = 0;
    for (count_bits, element_bits) in [(4, 5), (4, 5), (4, 5), (2, 4), (3, 4), (4, 5)] {
        elements += field(bits, count_bits)? * element_bits;
    }
    for mixdown_bits in [4, 4, 3] {
        if field(bits, 1)? == 1 {
            field(bits, mixdown_bits)?;
        }
    }
    for _ in 0..elements {
        field(bits, 1)?;
    }
    bits.align();
    out.align();
    let comment = bits.read(8)?;
    out.put(comment, 8);
    for _ in 0..comment {
        out.put(bits.read(8)?, 8);
    }
    Some(out.bytes)
}

/// Bits appended most significant first.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are taken; 0 when it is full or there is none.
    taken: u32,
}

impl BitWriter {
    fn put(&mut self, value: u32, count: u32) {
        for shift in (0..count).rev() {
            if self.taken == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> shift & 1) as u8) << (7 - self.taken);
            }
            self.taken = (self.taken + 1) % 8;
        }
    }

    fn align(&mut self) {
        self.taken = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What FFmpeg's encoder writes for four channels: object type 2, 44.1 kHz, channel configuration 0; tag 0, LC, index
    /// 4, one front pair, one back pair; a comment of 13 bytes.
    const QUAD: &[u8] = b"\x12\x00\x05\x04\x04\x00\x21\x10\x0dLavc59.37.100\x56\xe5\x00";

    #[test]
    fn the_element_moves_behind_its_id() {
        // 101, then the fields 00 bits on: 0000 01 0100, 0001 0000 0001 00 000 0000, 000, 1 0000 1 0000.
        let expected = b"\xa0\xa0\x80\x80\x04\x22\x0dLavc59.37.100";
        assert_eq!(of(QUAD).as_deref(), Some(&expected[..]));
    }

    #[test]
    fn a_config_without_one_or_cut_short_has_none() {
        assert_eq!(of(&[0x12, 0x10]), None);
        for len in 0..22 {
            assert_eq!(of(&QUAD[..len]), None, "{len} bytes");
        }
    }
}
