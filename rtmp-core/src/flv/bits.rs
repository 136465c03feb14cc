//! A bit reader over a NAL unit or an OBU.

/// Reads from the most significant bit on; `None` past the end.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    rest: &'a [u8],
    current: u8,
    left: u32,
    /// Zero bytes just read, to recognise emulation prevention; `None` where the format has none.
    zeros: Option<u8>,
}

impl<'a> Bits<'a> {
    /// Over plain bytes.
    pub(super) fn plain(data: &'a [u8]) -> Self {
        Self { rest: data, current: 0, left: 0, zeros: None }
    }

    /// Over a NAL unit's payload, leaving out emulation prevention bytes (ISO/IEC 14496-10 §7.4.1).
    pub(super) fn escaped(data: &'a [u8]) -> Self {
        Self { rest: data, current: 0, left: 0, zeros: Some(0) }
    }

    fn next_byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        let Some(zeros) = &mut self.zeros else { return Some(byte) };
        if *zeros >= 2 && byte == 3 {
            *zeros = 0;
            return self.next_byte();
        }
        *zeros = if byte == 0 { zeros.saturating_add(1) } else { 0 };
        Some(byte)
    }

    pub(super) fn bit(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.current = self.next_byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(self.current >> self.left & 1 == 1)
    }

    /// Up to 32 bits as a number.
    pub(super) fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value)
    }

    pub(super) fn skip(&mut self, count: u32) -> Option<()> {
        for _ in 0..count {
            self.bit()?;
        }
        Some(())
    }

    /// An Exp-Golomb code of at most 31 leading zeros.
    pub(super) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some(((1 << zeros) - 1) + self.bits(zeros)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulation_prevention_is_left_out_only_where_it_exists() {
        let data = [0, 0, 3, 1];
        assert_eq!(Bits::escaped(&data).bits(24), Some(1));
        assert_eq!(Bits::plain(&data).bits(24), Some(3));
        assert_eq!(Bits::escaped(&data).bits(25), None);
    }

    #[test]
    fn exp_golomb_codes() {
        let mut bits = Bits::plain(&[0b1_010_011_0, 0b0100_0000]);
        assert_eq!((bits.ue(), bits.ue(), bits.ue(), bits.ue()), (Some(0), Some(1), Some(2), Some(3)));
        assert_eq!(Bits::plain(&[0; 16]).ue(), None);
        assert_eq!(Bits::plain(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]).ue(), Some(u32::MAX - 1));
    }
}
