//! Open bitstream units (AV1 specification §5.3).

use crate::codec::HeaderError;
use crate::codec::bits::Record;

use super::NAME;

/// One open bitstream unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obu<'a> {
    /// `obu_type`.
    pub kind: u8,
    /// What follows the header and the size.
    pub payload: &'a [u8],
    /// All of it, header included.
    pub whole: &'a [u8],
}

impl Obu<'_> {
    /// `OBU_SEQUENCE_HEADER`.
    pub const SEQUENCE_HEADER: u8 = 1;
    /// `OBU_TEMPORAL_DELIMITER`.
    pub const TEMPORAL_DELIMITER: u8 = 2;
    /// `OBU_FRAME_HEADER`.
    pub const FRAME_HEADER: u8 = 3;
    /// `OBU_FRAME`: header and tiles.
    pub const FRAME: u8 = 6;
}

/// The OBUs of a temporal unit in low-overhead format. Ends at the first that is cut short.
#[derive(Clone, Debug)]
pub struct Obus<'a> {
    rest: &'a [u8],
}

impl<'a> Obus<'a> {
    /// The OBUs of `data`.
    pub fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    /// Bytes that have not been consumed: none at the end of a well-formed temporal unit.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Obus<'a> {
    type Item = Obu<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let mut fields = Record::new(NAME, self.rest);
        let (kind, payload) = read(&mut fields).ok()?;
        let used = self.rest.len().saturating_sub(fields.rest().len());
        let (whole, rest) = self.rest.split_at_checked(used)?;
        self.rest = rest;
        Some(Obu { kind, payload, whole })
    }
}

fn read<'a>(fields: &mut Record<'a>) -> Result<(u8, &'a [u8]), HeaderError> {
    let header = fields.u8("obu_header")?;
    if header & 0x80 != 0 {
        return Err(fields.invalid("obu_forbidden_bit", 1u8));
    }
    if header & 4 != 0 {
        fields.u8("obu_extension_header")?;
    }
    // An OBU without a size reaches to the end.
    let size = if header & 2 != 0 { leb128(fields)? } else { fields.rest().len() };
    Ok(((header >> 3) & 0xf, fields.take(size, "obu_payload")?))
}

/// A little-endian number in groups of seven bits (§4.10.5), of eight bytes at the most and 32 bits.
fn leb128(fields: &mut Record<'_>) -> Result<usize, HeaderError> {
    let mut value = 0u64;
    for group in 0..8 {
        let byte = fields.u8("obu_size")?;
        value |= u64::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            return u32::try_from(value)
                .ok()
                .and_then(|value| usize::try_from(value).ok())
                .ok_or_else(|| fields.invalid("obu_size", value));
        }
    }
    Err(fields.invalid("obu_size", value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_extensions_are_read() {
        let data = [0x12, 0x00, 0x36, 0x08, 0x02, 0xaa, 0xbb, 0x30, 0xcc];
        let obus: Vec<_> = Obus::new(&data).map(|obu| (obu.kind, obu.payload, obu.whole.len())).collect();
        assert_eq!(obus, [(2, &[][..], 2), (6, &[0xaa, 0xbb], 5), (6, &[0xcc], 2)]);
    }

    #[test]
    fn a_size_beyond_the_data_ends_the_walk() {
        assert_eq!(Obus::new(&[0x0a, 0x05, 1]).count(), 0);
        assert_eq!(Obus::new(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]).count(), 0);
        assert_eq!(Obus::new(&[0x80]).count(), 0);
        // Leading zeros in the size are legal.
        assert_eq!(Obus::new(&[0x0a, 0x81, 0x80, 0x00, 7]).next().map(|obu| obu.payload), Some(&[7][..]));
    }
}
