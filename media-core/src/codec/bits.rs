//! Checked readers: bit fields as video and audio headers pack them, and byte-aligned records.

use super::HeaderError;

/// Reads bit fields, most significant bit first. Never reads past the end and never panics.
#[derive(Clone, Debug)]
pub(crate) struct Bits<'a> {
    codec: &'static str,
    data: &'a [u8],
    /// Index of the next byte to load.
    next: usize,
    /// The byte being read; its lowest `left` bits are unread.
    current: u8,
    left: u32,
    /// Whether emulation prevention bytes (`00 00 03`) are to be dropped, and the zero bytes seen in a row.
    escaped: bool,
    zeros: u8,
}

impl<'a> Bits<'a> {
    /// Over plain bytes; `codec` names the format in errors.
    pub(crate) fn new(codec: &'static str, data: &'a [u8]) -> Self {
        Self { codec, data, next: 0, current: 0, left: 0, escaped: false, zeros: 0 }
    }

    /// Over a NAL unit's bytes, without its emulation prevention bytes (ISO/IEC 14496-10 §7.4.1.1).
    pub(crate) fn rbsp(codec: &'static str, data: &'a [u8]) -> Self {
        Self { escaped: true, ..Self::new(codec, data) }
    }

    fn load(&mut self, field: &'static str) -> Result<(), HeaderError> {
        let mut byte = self.byte(field)?;
        if self.escaped {
            if self.zeros >= 2 && byte == 3 {
                self.zeros = 0;
                byte = self.byte(field)?;
            }
            self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        }
        self.current = byte;
        self.left = 8;
        Ok(())
    }

    fn byte(&mut self, field: &'static str) -> Result<u8, HeaderError> {
        let byte = self.data.get(self.next).copied().ok_or_else(|| self.truncated(field))?;
        self.next += 1;
        Ok(byte)
    }

    fn truncated(&self, field: &'static str) -> HeaderError {
        HeaderError::Truncated { codec: self.codec, field, len: self.data.len() }
    }

    /// The error for a `field` of `value` that is not valid.
    pub(crate) fn invalid(&self, field: &'static str, value: impl Into<u64>) -> HeaderError {
        HeaderError::Invalid { codec: self.codec, field, value: value.into() }
    }

    /// An unsigned field of `width` bits, 32 at the most.
    pub(crate) fn u(&mut self, width: u32, field: &'static str) -> Result<u32, HeaderError> {
        debug_assert!(width <= 32, "{field} is too wide");
        let mut value = 0u64;
        let mut wanted = width;
        while wanted > 0 {
            if self.left == 0 {
                self.load(field)?;
            }
            let take = wanted.min(self.left);
            let bits = (u32::from(self.current) >> (self.left - take)) & ((1 << take) - 1);
            value = (value << take) | u64::from(bits);
            self.left -= take;
            wanted -= take;
        }
        Ok(value as u32)
    }

    /// An unsigned field of `width` bits, 8 at the most.
    pub(crate) fn u8(&mut self, width: u32, field: &'static str) -> Result<u8, HeaderError> {
        debug_assert!(width <= 8, "{field} is too wide");
        Ok(self.u(width, field)? as u8)
    }

    /// A field of one bit.
    pub(crate) fn flag(&mut self, field: &'static str) -> Result<bool, HeaderError> {
        Ok(self.u(1, field)? == 1)
    }

    /// Passes over `count` bits.
    pub(crate) fn skip(&mut self, count: u32, field: &'static str) -> Result<(), HeaderError> {
        let mut count = count;
        while count > 0 {
            let take = count.min(32);
            self.u(take, field)?;
            count -= take;
        }
        Ok(())
    }

    /// Passes over the rest of the byte being read.
    pub(crate) fn align(&mut self) {
        self.left = 0;
    }

    /// Exp-Golomb, unsigned (ISO/IEC 14496-10 §9.1). Refuses codes of more than 32 bits of value.
    pub(crate) fn ue(&mut self, field: &'static str) -> Result<u32, HeaderError> {
        let mut zeros = 0u32;
        while !self.flag(field)? {
            zeros += 1;
            if zeros > 31 {
                return Err(self.invalid(field, u32::MAX));
            }
        }
        let rest = u64::from(self.u(zeros, field)?);
        Ok(((1u64 << zeros) - 1 + rest) as u32)
    }

    /// Exp-Golomb, unsigned, refused above `max`.
    pub(crate) fn ue_max(&mut self, max: u32, field: &'static str) -> Result<u32, HeaderError> {
        let value = self.ue(field)?;
        if value > max { Err(self.invalid(field, value)) } else { Ok(value) }
    }

    /// Exp-Golomb, signed (ISO/IEC 14496-10 §9.1.1).
    pub(crate) fn se(&mut self, field: &'static str) -> Result<i32, HeaderError> {
        let code = i64::from(self.ue(field)?);
        let value = if code & 1 == 1 { (code + 1) / 2 } else { -(code / 2) };
        Ok(value as i32)
    }

    /// AV1's `uvlc()` (AV1 specification §4.10.3).
    pub(crate) fn uvlc(&mut self, field: &'static str) -> Result<u32, HeaderError> {
        let mut zeros = 0u32;
        while !self.flag(field)? {
            zeros += 1;
            if zeros > 31 {
                return Ok(u32::MAX);
            }
        }
        let rest = u64::from(self.u(zeros, field)?);
        Ok(((1u64 << zeros) - 1 + rest) as u32)
    }

    /// Bits that are left, emulation prevention bytes included.
    pub(crate) fn remaining(&self) -> usize {
        self.data.len().saturating_sub(self.next).saturating_mul(8).saturating_add(self.left as usize)
    }
}

/// Reads byte-aligned records, big-endian unless the method says otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Record<'a> {
    codec: &'static str,
    rest: &'a [u8],
    len: usize,
}

impl<'a> Record<'a> {
    /// Over `data`; `codec` names the format in errors.
    pub(crate) fn new(codec: &'static str, data: &'a [u8]) -> Self {
        Self { codec, rest: data, len: data.len() }
    }

    /// The error for a `field` of `value` that is not valid.
    pub(crate) fn invalid(&self, field: &'static str, value: impl Into<u64>) -> HeaderError {
        HeaderError::Invalid { codec: self.codec, field, value: value.into() }
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], HeaderError> {
        let error = HeaderError::Truncated { codec: self.codec, field, len: self.len };
        let (head, rest) = self.rest.split_at_checked(count).ok_or(error)?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], HeaderError> {
        let error = HeaderError::Truncated { codec: self.codec, field, len: self.len };
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(error)?;
        self.rest = rest;
        Ok(*head)
    }

    /// One byte.
    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, HeaderError> {
        Ok(u8::from_be_bytes(self.array(field)?))
    }

    /// Two bytes.
    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, HeaderError> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }

    /// Two bytes, little-endian.
    pub(crate) fn u16_le(&mut self, field: &'static str) -> Result<u16, HeaderError> {
        Ok(u16::from_le_bytes(self.array(field)?))
    }

    /// Four bytes, little-endian.
    pub(crate) fn u32_le(&mut self, field: &'static str) -> Result<u32, HeaderError> {
        Ok(u32::from_le_bytes(self.array(field)?))
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_cross_bytes() {
        let mut bits = Bits::new("test", &[0b1010_1100, 0b0111_0001]);
        assert_eq!(bits.u(3, "a"), Ok(0b101));
        assert_eq!(bits.u(7, "b"), Ok(0b011_0001));
        assert_eq!(bits.remaining(), 6);
        assert_eq!(bits.u(6, "c"), Ok(0b11_0001));
        assert_eq!(bits.remaining(), 0);
        assert_eq!(bits.u(0, "nothing"), Ok(0));
        assert_eq!(bits.u(1, "d"), Err(HeaderError::Truncated { codec: "test", field: "d", len: 2 }));
    }

    #[test]
    fn exp_golomb_follows_the_table() {
        // 1 010 011 00100 00101: 0, 1, 2, 3, 4.
        let data = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut bits = Bits::new("test", &data);
        let codes: Vec<_> = (0..5).map(|_| bits.ue("code").unwrap()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4]);
        let mut bits = Bits::new("test", &data);
        let codes: Vec<_> = (0..5).map(|_| bits.se("code").unwrap()).collect();
        assert_eq!(codes, [0, 1, -1, 2, -2]);
    }

    #[test]
    fn exp_golomb_is_bounded() {
        assert!(matches!(Bits::new("test", &[0; 64]).ue("code"), Err(HeaderError::Invalid { .. })));
        assert!(matches!(Bits::new("test", &[0; 3]).ue("code"), Err(HeaderError::Truncated { .. })));
        // 31 zeros and 32 ones: the largest code.
        let largest = [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe];
        assert_eq!(Bits::new("test", &largest).ue("code"), Ok(u32::MAX - 1));
        assert_eq!(Bits::new("test", &largest).se("code"), Ok(-i32::MAX));
        assert_eq!(Bits::new("test", &[0; 64]).uvlc("code"), Ok(u32::MAX));
    }

    #[test]
    fn emulation_prevention_bytes_are_dropped_on_the_way() {
        let mut bits = Bits::rbsp("test", &[0, 0, 3, 1, 0, 0, 0, 3, 3]);
        let bytes: Vec<_> = std::iter::from_fn(|| bits.u8(8, "byte").ok()).collect();
        assert_eq!(bytes, [0, 0, 1, 0, 0, 0, 3]);
    }

    proptest! {
        #[test]
        fn widths_compose(data in proptest::collection::vec(any::<u8>(), 8), split in 0u32..=32) {
            let mut whole = Bits::new("test", &data);
            let mut parts = Bits::new("test", &data);
            let expected = (u64::from(whole.u(32, "a").unwrap()) << 32) | u64::from(whole.u(32, "b").unwrap());
            let mut actual = 0u64;
            for width in [split, 32 - split, 32 - split, split] {
                actual = (actual << width) | u64::from(parts.u(width, "part").unwrap());
            }
            prop_assert_eq!(actual, expected);
        }
    }
}
