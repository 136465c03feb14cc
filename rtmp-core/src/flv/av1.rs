//! AV1 temporal units as FLV carries them: OBUs in the low-overhead format (AV1 specification §5.3).

use bytes::Bytes;

use super::bits::Bits;

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
/// OBUs looked through for a sequence header, which stands first by the specification.
const MAX_OBUS: usize = 16;

/// A temporal unit without the delimiter that MP4 samples leave out and some encoders send. Shares the bytes.
pub(super) fn without_delimiter(mut data: Bytes) -> Bytes {
    while let Some((TEMPORAL_DELIMITER, size)) = first_obu(&data) {
        data = data.slice(size..);
    }
    data
}

/// The sequence header OBU of a temporal unit, with its OBU header.
pub(super) fn sequence_header(data: &[u8]) -> Option<&[u8]> {
    let mut rest = data;
    for _ in 0..MAX_OBUS {
        let (kind, size) = first_obu(rest)?;
        let (obu, after) = rest.split_at_checked(size)?;
        if kind == SEQUENCE_HEADER {
            return Some(obu);
        }
        rest = after;
    }
    None
}

/// Type and whole size of the OBU at the start.
fn first_obu(data: &[u8]) -> Option<(u8, usize)> {
    let header = *data.first()?;
    if header & 0x80 != 0 {
        return None;
    }
    let header_bytes = if header & 0x04 != 0 { 2 } else { 1 };
    let kind = header >> 3 & 0x0f;
    if header & 0x02 == 0 {
        return Some((kind, data.len()));
    }
    let (size, size_bytes) = leb128(data.get(header_bytes..)?)?;
    let whole = header_bytes.checked_add(size_bytes)?.checked_add(usize::try_from(size).ok()?)?;
    (whole <= data.len()).then_some((kind, whole))
}

fn leb128(data: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, &byte) in data.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

/// An `av1C` record with `sequence` as its sequence header. Profile and level come from it; the rest, which only announces what the
/// sequence header repeats, from the record before (AV1 in ISOBMFF §2.3.3).
pub(super) fn record(before: &[u8], sequence: &[u8]) -> Option<Bytes> {
    let &[marker, _, format, delay, ..] = before else { return None };
    let (profile, level) = profile_and_level(sequence)?;
    let mut record = vec![marker, profile << 5 | level, format, delay];
    record.extend_from_slice(sequence);
    Some(record.into())
}

/// The first four bytes of `av1C` from an AV1 video descriptor (AV1 in MPEG-2 TS §2.1), which `MPEG2TSSequenceStart` carries.
pub(super) fn record_head_from_descriptor(descriptor: &[u8]) -> Option<[u8; 4]> {
    // Tag 0x80 and length precede the same fields, but for two bits of dynamic range where av1C has reserved ones.
    match descriptor {
        &[0x80, 4, marker, profile, format, delay, ..] if marker == 0x81 => {
            Some([marker, profile, format, delay & 0x1f])
        }
        _ => None,
    }
}

fn profile_and_level(sequence: &[u8]) -> Option<(u8, u8)> {
    let header = *sequence.first()?;
    let mut at = if header & 0x04 != 0 { 2 } else { 1 };
    if header & 0x02 != 0 {
        at += leb128(sequence.get(at..)?)?.1;
    }
    let mut bits = Bits::plain(sequence.get(at..)?);
    let profile = bits.bits(3)? as u8;
    bits.skip(1)?;
    if bits.bit()? {
        return Some((profile, bits.bits(5)? as u8));
    }
    if bits.bit()? {
        skip_timing(&mut bits)?;
    }
    // Initial display delay, count of operating points, and which layers the first one has.
    bits.skip(1 + 5 + 12)?;
    Some((profile, bits.bits(5)? as u8))
}

/// timing_info and decoder_model_info (AV1 specification §5.5.3, §5.5.4).
fn skip_timing(bits: &mut Bits<'_>) -> Option<()> {
    bits.skip(64)?;
    if bits.bit()? {
        bits.ue()?;
    }
    if bits.bit()? {
        bits.skip(5 + 32 + 5 + 5)?;
    }
    Some(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// SVT-AV1's sequence header: Main profile, level 3.1, 1280x720.
    pub(in super::super) const SEQUENCE: &[u8] =
        &[0x0a, 0x0b, 0x00, 0x00, 0x00, 0x2d, 0x4c, 0xff, 0xb3, 0xc0, 0x21, 0x95, 0x40];

    pub(in super::super) fn av1c() -> Bytes {
        [&[0x81, 0x05, 0x0c, 0x00], SEQUENCE].concat().into()
    }

    #[test]
    fn delimiters_are_cut_off_and_sequence_headers_found() {
        let unit = Bytes::from([&[0x12, 0x00], SEQUENCE, &[0x32, 0x01, 0xaa]].concat());
        let unit = without_delimiter(unit);
        assert_eq!(unit.len(), SEQUENCE.len() + 3);
        assert_eq!(sequence_header(&unit), Some(SEQUENCE));
        assert_eq!(sequence_header(&[0x32, 0x01, 0xaa]), None);
    }

    #[test]
    fn broken_sizes_end_the_search() {
        assert_eq!(sequence_header(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(sequence_header(&[0x0a, 0x05, 0x00]), None);
        assert_eq!(without_delimiter(Bytes::from_static(&[0x12])), [0x12][..]);
        assert_eq!(without_delimiter(Bytes::from_static(&[0x10])), [][..]);
    }

    #[test]
    fn records_follow_the_sequence_header() {
        assert_eq!(record(&[0x81, 0x08, 0x0c, 0x00], SEQUENCE), Some(av1c()));
        assert_eq!(
            record_head_from_descriptor(&[0x80, 4, 0x81, 0x05, 0x0c, 0xc0]),
            Some([0x81, 0x05, 0x0c, 0x00])
        );
        assert_eq!(record_head_from_descriptor(&[0x80, 4, 0x81]), None);
    }
}
