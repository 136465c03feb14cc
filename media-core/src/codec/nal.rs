//! NAL units of H.264 and HEVC: the two ways of packing them into access units, and going from one to the other.
//!
//! Everything here is linear in the input, allocates at most what it returns, and stops at the first thing that makes no
//! sense.

use bytes::Bytes;

/// NAL units of a length-prefixed access unit (ISO/IEC 14496-15 §5.3.4.2). Empty units are passed over; a unit that claims more
/// bytes than there are ends the iteration.
#[derive(Clone, Debug)]
pub struct LengthPrefixed<'a> {
    rest: &'a [u8],
    length_size: usize,
}

impl<'a> LengthPrefixed<'a> {
    /// The units of `data`, each behind `length_size` bytes of length (1 to 4).
    pub fn new(data: &'a [u8], length_size: u8) -> Self {
        Self { rest: data, length_size: usize::from(length_size.clamp(1, 4)) }
    }

    /// Bytes that have not been consumed: none at the end of a well-formed access unit.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for LengthPrefixed<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (prefix, body) = self.rest.split_at_checked(self.length_size)?;
            let len = prefix.iter().fold(0u32, |len, byte| (len << 8) | u32::from(*byte));
            let (unit, rest) = body.split_at_checked(usize::try_from(len).ok()?)?;
            self.rest = rest;
            if !unit.is_empty() {
                return Some(unit);
            }
        }
    }
}

/// Whether `data` is nothing but whole length-prefixed NAL units, at least one of them.
pub fn is_length_prefixed(data: &[u8], length_size: u8) -> bool {
    let mut units = LengthPrefixed::new(data, length_size);
    units.by_ref().count() > 0 && units.rest().is_empty()
}

/// NAL units of an Annex B byte stream (ISO/IEC 14496-10 annex B), without start codes and padding zeros. Bytes before the first
/// start code are passed over.
#[derive(Clone, Debug)]
pub struct AnnexB<'a> {
    /// What follows the last start code found; `None` at the end.
    rest: Option<&'a [u8]>,
}

impl<'a> AnnexB<'a> {
    /// The units of `data`.
    pub fn new(data: &'a [u8]) -> Self {
        Self { rest: split_at_start_code(data).1 }
    }
}

impl<'a> Iterator for AnnexB<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (unit, rest) = split_at_start_code(self.rest?);
            self.rest = rest;
            let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            match unit.get(..end) {
                Some(unit) if !unit.is_empty() => return Some(unit),
                _ => {}
            }
        }
    }
}

/// What stands before the first `00 00 01` of `data`, and what follows it.
fn split_at_start_code(data: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut from = 0;
    // A start code ends in its only byte 1: looking for that byte is quicker than comparing every three.
    while let Some(found) = data.get(from..).and_then(|tail| tail.iter().position(|byte| *byte == 1)) {
        let one = from + found;
        let (before, after) = (data.get(..one).unwrap_or_default(), data.get(one + 1..));
        if let [head @ .., 0, 0] = before {
            return (head, after);
        }
        from = one + 1;
    }
    (data, None)
}

/// Whether `data` is an Annex B byte stream where a length-prefixed access unit was due, as some hardware encoders send it.
///
/// `00 00 01 xx` is also the length of a unit of 256 to 511 bytes, so a start code only counts where the lengths do not add
/// up.
pub fn is_annex_b(data: &[u8], length_size: u8) -> bool {
    let starts = matches!(data, [0, 0, 1, ..] | [0, 0, 0, 1, ..]);
    starts && !is_length_prefixed(data, length_size)
}

/// An Annex B byte stream as a length-prefixed access unit (4 bytes of length).
pub fn annex_b_to_length_prefixed(data: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(data.len().saturating_add(16));
    for unit in AnnexB::new(data) {
        push_length_prefixed(&mut out, unit);
    }
    out.into()
}

/// Appends `unit` behind 4 bytes of its length. A unit of 4 GiB or more, which no reader of this crate makes, is left out.
pub fn push_length_prefixed(out: &mut Vec<u8>, unit: &[u8]) {
    if let Ok(len) = u32::try_from(unit.len()) {
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(unit);
    }
}

/// Appends `unit` behind a four-byte start code.
pub fn push_annex_b(out: &mut Vec<u8>, unit: &[u8]) {
    out.extend_from_slice(&[0, 0, 0, 1]);
    out.extend_from_slice(unit);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn units(data: &[u8], length_size: u8) -> Vec<&[u8]> {
        LengthPrefixed::new(data, length_size).collect()
    }

    #[test]
    fn lengths_of_every_size_are_read() {
        assert_eq!(units(&[1, 0x65, 2, 0x41, 0x9a], 1), [&[0x65][..], &[0x41, 0x9a]]);
        assert_eq!(units(&[0, 1, 0x65], 2), [&[0x65][..]]);
        assert_eq!(units(&[0, 0, 1, 0x65], 3), [&[0x65][..]]);
        assert_eq!(units(&[0, 0, 0, 0, 0, 0, 0, 1, 0x65], 4), [&[0x65][..]]);
    }

    #[test]
    fn a_unit_longer_than_the_data_ends_the_walk() {
        assert_eq!(units(&[0, 0, 0, 1, 0x65, 0xff, 0xff, 0xff, 0xff, 0x41], 4), [&[0x65][..]]);
        assert!(!is_length_prefixed(&[0, 0, 0, 9, 0x65], 4));
        assert!(!is_length_prefixed(&[], 4));
        assert!(!is_length_prefixed(&[0, 0, 0, 0], 4));
    }

    #[test]
    fn annex_b_drops_padding_and_leading_rubbish() {
        let data = [9, 0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 0, 0, 1, 0, 0, 1, 0x65, 1, 0, 0];
        let found: Vec<_> = AnnexB::new(&data).collect();
        assert_eq!(found, [&[0x67, 1, 2][..], &[0x68], &[0x65, 1]]);
    }

    #[test]
    fn a_length_that_looks_like_a_start_code_is_a_length() {
        let mut data = vec![0, 0, 1, 2];
        data.extend([0x65; 0x102]);
        assert!(!is_annex_b(&data, 4));
        assert!(is_annex_b(&[0, 0, 1, 0x65, 7], 4));
        assert!(is_annex_b(&[0, 0, 0, 1, 0x65, 7, 0, 0, 0, 1, 0x41, 8], 4));
        assert!(!is_annex_b(&[0x65, 0, 0, 1], 4));
    }

    proptest! {
        #[test]
        fn both_packings_carry_the_same_units(
            bodies in proptest::collection::vec(proptest::collection::vec(1u8..=0xff, 2..20), 1..8),
        ) {
            let (mut annex_b, mut prefixed) = (Vec::new(), Vec::new());
            for body in &bodies {
                push_annex_b(&mut annex_b, body);
                push_length_prefixed(&mut prefixed, body);
            }
            prop_assert_eq!(&annex_b_to_length_prefixed(&annex_b)[..], &prefixed[..]);
            prop_assert!(is_annex_b(&annex_b, 4));
            prop_assert!(!is_annex_b(&prefixed, 4));
            prop_assert_eq!(units(&prefixed, 4), bodies);
        }

        #[test]
        fn any_bytes_end(data in proptest::collection::vec(0u8..3, 0..200), length_size: u8) {
            let taken: usize = LengthPrefixed::new(&data, length_size).map(<[u8]>::len).sum();
            let found: usize = AnnexB::new(&data).map(<[u8]>::len).sum();
            prop_assert!(taken <= data.len() && found <= data.len());
        }
    }
}
