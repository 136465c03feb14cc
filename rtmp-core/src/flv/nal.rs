//! H.264 and HEVC access units as FLV carries them: length-prefixed NAL units, or the Annex B byte stream that some encoders send
//! in their place.

use bytes::Bytes;
use media_core::Codec;
use media_core::codec::nal::{AnnexB, LengthPrefixed};
use media_core::codec::{avc, hevc};

/// What a NAL unit is, as far as carriage cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// A slice that decoding may begin at (IDR; HEVC's CRA and BLA).
    KeyPicture,
    /// Another slice.
    Picture,
    ParameterSet,
    Other,
}

/// Classifies a NAL unit by its header.
fn classify(codec: Codec, unit: &[u8]) -> Unit {
    if codec == Codec::Hevc {
        use hevc::nal_type as kind;
        return match kind::of(unit) {
            Some(kind::FIRST_IRAP..=kind::LAST_IRAP) => Unit::KeyPicture,
            Some(0..=kind::LAST_SLICE) => Unit::Picture,
            Some(kind::VPS | kind::SPS | kind::PPS) => Unit::ParameterSet,
            _ => Unit::Other,
        };
    }
    use avc::nal_type as kind;
    match kind::of(unit) {
        kind::IDR => Unit::KeyPicture,
        kind::SLICE..kind::IDR => Unit::Picture,
        kind::SPS | kind::PPS => Unit::ParameterSet,
        _ => Unit::Other,
    }
}

/// One access unit, length-prefixed, and what it holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AccessUnit {
    pub(super) data: Bytes,
    /// It has a slice that decoding may begin at.
    pub(super) key: bool,
    /// It has a slice at all.
    pub(super) picture: bool,
    /// It has parameter sets.
    pub(super) sets: bool,
}

/// Reads an access unit. The bytes are shared with `data` unless they have to be rewritten: an Annex B stream, or empty NAL units
/// between others. `None` when they are neither form.
pub(super) fn read(codec: Codec, length_size: u8, data: &Bytes) -> Option<AccessUnit> {
    let Some(walk) = walk(codec, length_size, data) else {
        if !starts_with_start_code(data) {
            return None;
        }
        return from_units(codec, length_size, AnnexB::new(data));
    };
    if walk.holes {
        return from_units(codec, length_size, LengthPrefixed::new(data, length_size));
    }
    Some(AccessUnit { data: data.slice(..walk.end), key: walk.key, picture: walk.picture, sets: walk.sets })
}

#[derive(Default)]
struct Walk {
    /// Where the last NAL unit that is not empty ends; zeros may follow.
    end: usize,
    /// Empty NAL units lie between others.
    holes: bool,
    key: bool,
    picture: bool,
    sets: bool,
}

impl Walk {
    fn note(&mut self, unit: Unit) {
        match unit {
            Unit::KeyPicture => (self.key, self.picture) = (true, true),
            Unit::Picture => self.picture = true,
            Unit::ParameterSet => self.sets = true,
            Unit::Other => {}
        }
    }
}

fn walk(codec: Codec, length_size: u8, data: &[u8]) -> Option<Walk> {
    let mut walk = Walk::default();
    let mut rest = data;
    let mut empty_before = false;
    while let Some((unit, after)) = split_unit(rest, length_size) {
        rest = after;
        if unit.is_empty() {
            empty_before = true;
            continue;
        }
        walk.holes |= empty_before;
        walk.end = data.len() - rest.len();
        walk.note(classify(codec, unit));
    }
    // Padding after the last unit is dropped; anything else means that these were not lengths.
    (walk.end > 0 && rest.iter().all(|&byte| byte == 0)).then_some(walk)
}

fn split_unit(data: &[u8], length_size: u8) -> Option<(&[u8], &[u8])> {
    let (prefix, rest) = data.split_at_checked(usize::from(length_size))?;
    let size = prefix.iter().fold(0_usize, |size, &byte| size << 8 | usize::from(byte));
    rest.split_at_checked(size)
}

/// Whether Annex B may begin here.
pub(super) fn starts_with_start_code(data: &[u8]) -> bool {
    data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1])
}

fn from_units<'a>(
    codec: Codec,
    length_size: u8,
    units: impl Iterator<Item = &'a [u8]>,
) -> Option<AccessUnit> {
    let mut walk = Walk::default();
    let mut data = Vec::new();
    for unit in units {
        let size = u32::try_from(unit.len()).ok()?.to_be_bytes();
        let (unused, prefix) = size.split_at_checked(4_usize.checked_sub(usize::from(length_size))?)?;
        if unused.iter().any(|&byte| byte != 0) {
            return None;
        }
        data.extend_from_slice(prefix);
        data.extend_from_slice(unit);
        walk.note(classify(codec, unit));
    }
    let filled = !data.is_empty();
    filled.then(|| AccessUnit { data: data.into(), key: walk.key, picture: walk.picture, sets: walk.sets })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_avc(length_size: u8, data: &'static [u8]) -> Option<AccessUnit> {
        read(Codec::H264, length_size, &Bytes::from_static(data))
    }

    #[test]
    fn length_prefixed_units_are_shared_not_copied() {
        let data = Bytes::from_static(&[0, 0, 0, 2, 0x09, 0xf0, 0, 0, 0, 3, 0x65, 1, 2]);
        let unit = read(Codec::H264, 4, &data).unwrap();
        assert_eq!(unit.data.as_ptr(), data.as_ptr());
        assert_eq!((unit.key, unit.picture, unit.sets, unit.data.len()), (true, true, false, 13));
    }

    #[test]
    fn padding_after_the_last_unit_is_dropped() {
        let unit = read_avc(4, &[0, 0, 0, 1, 0x41, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(unit.data, [0, 0, 0, 1, 0x41][..]);
    }

    #[test]
    fn empty_units_between_others_are_taken_out() {
        let unit = read_avc(2, &[0, 1, 0x09, 0, 0, 0, 2, 0x41, 7]).unwrap();
        assert_eq!(unit.data, [0, 1, 0x09, 0, 2, 0x41, 7][..]);
    }

    #[test]
    fn an_annex_b_stream_becomes_length_prefixed() {
        let unit = read_avc(4, &[0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x68, 8, 0, 0, 0, 1, 0x65, 1, 2, 3]).unwrap();
        assert_eq!(unit.data, [0, 0, 0, 2, 0x67, 9, 0, 0, 0, 2, 0x68, 8, 0, 0, 0, 4, 0x65, 1, 2, 3][..]);
        assert!(unit.key && unit.sets && unit.picture);
    }

    #[test]
    fn what_is_neither_form_is_refused() {
        assert_eq!(read_avc(4, &[0, 0, 0, 9, 0x65, 1]), None);
        assert_eq!(read_avc(4, &[]), None);
        assert_eq!(read_avc(4, &[0, 0, 0, 0]), None);
        assert_eq!(read_avc(1, &[0xff, 1]), None);
        assert_eq!(read_avc(4, &[0, 0, 1]), None);
    }

    #[test]
    fn hevc_random_access_pictures_are_key_pictures() {
        let kinds = [0x26, 0x2a, 0x02, 0x40, 0x4e].map(|first| classify(Codec::Hevc, &[first, 1]));
        let expected = [Unit::KeyPicture, Unit::KeyPicture, Unit::Picture, Unit::ParameterSet, Unit::Other];
        assert_eq!(kinds, expected);
    }
}
