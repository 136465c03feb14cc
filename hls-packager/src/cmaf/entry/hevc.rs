//! `hvcC` as `hvc1` wants it (ISO/IEC 14496-15 §8.3.3).

/// Fields before numOfArrays.
const FIXED_BYTES: usize = 22;
/// Set in an array's first byte: the bitstream repeats no other NAL units of the type.
const ARRAY_COMPLETENESS: u8 = 0x80;
const VPS: u8 = 32;
const PPS: u8 = 34;

/// The record with `array_completeness` set for the parameter sets: `hvc1`, the only entry that Apple's players take,
/// promises that they stand here, and publishers' records (FFmpeg's for FLV) leave the bit clear.
///
/// `None` when the record is cut short or lacks a VPS, an SPS or a PPS.
pub(super) fn complete(record: &[u8]) -> Option<Vec<u8>> {
    if record.first() != Some(&1) {
        return None;
    }
    let mut out = record.to_vec();
    let (mut at, mut found) = (FIXED_BYTES + 1, [false; 3]);
    for _ in 0..*record.get(FIXED_BYTES)? {
        let kind = record.get(at)? & 0x3f;
        let units = u16::from_be_bytes([*record.get(at + 1)?, *record.get(at + 2)?]);
        if let VPS..=PPS = kind {
            *out.get_mut(at)? |= ARRAY_COMPLETENESS;
            *found.get_mut(usize::from(kind - VPS))? |= units > 0;
        }
        at += 3;
        for _ in 0..units {
            let len = u16::from_be_bytes([*record.get(at)?, *record.get(at + 1)?]);
            at += 2 + usize::from(len);
        }
    }
    (at <= record.len() && found == [true; 3]).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: u8 = 33;

    fn record(arrays: &[u8]) -> Vec<u8> {
        let mut record = vec![0; FIXED_BYTES];
        record[0] = 1;
        record.extend_from_slice(arrays);
        record
    }

    const ARRAYS: [u8; 22] =
        [3, VPS, 0, 1, 0, 2, 0x40, 1, SPS, 0, 1, 0, 2, 0x42, 1, PPS, 0, 1, 0, 2, 0x44, 1];

    #[test]
    fn parameter_sets_are_marked_complete_and_nothing_else_changes() {
        let mut expected = record(&ARRAYS);
        for at in [1, 8, 15] {
            expected[FIXED_BYTES + at] |= 0x80;
        }
        assert_eq!(complete(&record(&ARRAYS)), Some(expected));
    }

    #[test]
    fn records_without_a_parameter_set_or_cut_short_are_refused() {
        assert_eq!(complete(&record(&[0])), None);
        assert_eq!(complete(&record(&[1, SPS, 0, 0])), None);
        let whole = record(&ARRAYS);
        for len in 0..whole.len() {
            assert_eq!(complete(&whole[..len]), None, "{len} bytes");
        }
    }
}
