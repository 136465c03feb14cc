//! Base32 with Crockford's alphabet in lower case, the one of TypeIDs: no `i`, `l`, `o`, `u`, and it sorts as the bytes do.

/// The digits by value.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What a byte that is no digit decodes to.
const NONE: u8 = 0xFF;

/// The values by digit.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time, where out of bounds is a compile error"
)]
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < DIGITS.len() {
        values[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// The digit of the low five bits of `value`.
#[expect(clippy::indexing_slicing, reason = "five bits number 32 digits")]
pub(crate) fn digit(value: u8) -> u8 {
    DIGITS[usize::from(value & 31)]
}

/// The value of `digit`, if it is one. Upper case is none: a text has one form only.
#[expect(clippy::indexing_slicing, reason = "a byte numbers 256 values")]
pub(crate) fn value(digit: u8) -> Option<u8> {
    let value = VALUES[usize::from(digit)];
    (value != NONE).then_some(value)
}

/// `bytes` in digits, five bits each from the top, the last one filled up with zeros.
pub(crate) fn encode(bytes: &[u8]) -> Vec<u8> {
    // Exactly what is needed, as a buffer that grows leaves copies behind.
    let mut text = Vec::with_capacity((bytes.len() * 8).div_ceil(5));
    let (mut pending, mut bits) = (0u16, 0u8);
    for byte in bytes {
        pending = (pending << 8) | u16::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(digit((pending >> bits) as u8));
        }
        pending &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(digit((pending << (5 - bits)) as u8));
    }
    text
}

/// What [`encode`] made `text` of; `None` for anything that it does not make.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut pending, mut bits) = (0u16, 0u8);
    for digit in text {
        pending = (pending << 5) | u16::from(value(*digit)?);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((pending >> bits) as u8);
            pending &= (1 << bits) - 1;
        }
    }
    // A whole digit too many, or fill bits that are not zero, would be a second text of the same bytes.
    (bits < 5 && pending == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_texts() {
        assert_eq!(encode(b""), b"");
        assert_eq!(encode(&[0xFF]), b"zw");
        assert_eq!(encode(&[0, 0, 0, 0, 1]), b"00000001");
        assert_eq!(encode(&[0u8; 32]).len(), 52);
    }

    #[test]
    fn one_text_for_each_value() {
        assert_eq!(decode(b"zw"), Some(vec![0xFF]));
        for refused in ["zx", "ZW", "zw0", "z", "il", "zw ", "zw="] {
            assert_eq!(decode(refused.as_bytes()), None, "{refused}");
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(bytes in proptest::collection::vec(any::<u8>(), 0..70)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn decoding_never_panics_and_is_unambiguous(text in proptest::collection::vec(any::<u8>(), 0..70)) {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
