//! Parameter sets of H.264 and HEVC and the configuration records that hold them (ISO/IEC 14496-15 §5.3.3.1 and §8.3.3.1).

use bytes::{Buf, Bytes};
use media_core::Codec;

use super::bits::Bits;
use super::nal::{self, Unit};

/// Parameter sets of one kind that are taken from the stream itself. Encoders send one or two.
const MAX_IN_BAND: usize = 16;

/// The sets of one video track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParameterSets {
    codec: Codec,
    /// Bytes of the length before each NAL unit: 1, 2 or 4.
    pub(super) length_size: usize,
    vps: Vec<Bytes>,
    sps: Vec<Bytes>,
    pps: Vec<Bytes>,
}

impl ParameterSets {
    fn empty(codec: Codec, length_size: usize) -> Self {
        Self { codec, length_size, vps: Vec::new(), sps: Vec::new(), pps: Vec::new() }
    }

    /// Reads an `avcC` or `hvcC` record.
    pub(super) fn from_record(codec: Codec, record: &Bytes) -> Option<Self> {
        let mut rest = record.clone();
        if codec == Codec::Hevc {
            let length_size = usize::from(record.get(21)? & 3) + 1;
            let mut sets = Self::empty(codec, length_size);
            rest.try_advance(22)?;
            for _ in 0..rest.try_get_u8().ok()? {
                rest.try_advance(1)?;
                let count = rest.try_get_u16().ok()?;
                sets.read_list(&mut rest, usize::from(count))?;
            }
            return Some(sets);
        }
        let length_size = usize::from(record.get(4)? & 3) + 1;
        let mut sets = Self::empty(codec, length_size);
        rest.try_advance(5)?;
        let count = rest.try_get_u8().ok()? & 0x1f;
        sets.read_list(&mut rest, usize::from(count))?;
        let count = rest.try_get_u8().ok()?;
        sets.read_list(&mut rest, usize::from(count))?;
        Some(sets)
    }

    fn read_list(&mut self, rest: &mut Bytes, count: usize) -> Option<()> {
        for _ in 0..count {
            let size = usize::from(rest.try_get_u16().ok()?);
            if size > rest.len() {
                return None;
            }
            let unit = rest.split_to(size);
            self.list(nal::classify(self.codec, &unit)).into_iter().for_each(|list| list.push(unit.clone()));
        }
        Some(())
    }

    fn list(&mut self, unit: Unit) -> Option<&mut Vec<Bytes>> {
        match unit {
            Unit::Vps => Some(&mut self.vps),
            Unit::Sps => Some(&mut self.sps),
            Unit::Pps => Some(&mut self.pps),
            _ => None,
        }
    }

    /// The sets among `units`, if a decoder could start with them.
    pub(super) fn from_units<'a>(
        codec: Codec,
        length_size: usize,
        units: impl Iterator<Item = &'a [u8]>,
    ) -> Option<Self> {
        let mut sets = Self::empty(codec, length_size);
        for unit in units {
            let Some(list) = sets.list(nal::classify(codec, unit)) else { continue };
            let unit = nal::without_trailing_zeros(unit);
            if list.len() < MAX_IN_BAND && !list.iter().any(|known| known == unit) {
                list.push(Bytes::copy_from_slice(unit));
            }
        }
        let complete =
            !sets.sps.is_empty() && !sets.pps.is_empty() && (codec != Codec::Hevc || !sets.vps.is_empty());
        complete.then_some(sets)
    }

    /// The sets in force after an access unit with `units`; `None` when they are the same, which costs no allocation.
    pub(super) fn updated<'a>(&self, units: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Self> {
        let changed = units.clone().any(|unit| {
            let known = match nal::classify(self.codec, unit) {
                Unit::Vps => &self.vps,
                Unit::Sps => &self.sps,
                Unit::Pps => &self.pps,
                _ => return false,
            };
            let unit = nal::without_trailing_zeros(unit);
            !known.iter().any(|known| nal::without_trailing_zeros(known) == unit)
        });
        if !changed {
            return None;
        }
        let mut found = Self::empty(self.codec, self.length_size);
        for unit in units {
            let Some(list) = found.list(nal::classify(self.codec, unit)) else { continue };
            if list.len() < MAX_IN_BAND {
                list.push(Bytes::copy_from_slice(nal::without_trailing_zeros(unit)));
            }
        }
        Some(self.merged(found))
    }

    /// New sequence sets replace the old ones, since nothing may refer to those any more; a picture set replaces its namesake.
    fn merged(&self, found: Self) -> Self {
        let mut merged = self.clone();
        let new_sequence = found.sps.iter().any(|sps| !self.sps.contains(sps));
        if new_sequence && !found.pps.is_empty() {
            merged.pps.clear();
        }
        for pps in found.pps {
            let id = self.pps_id(&pps);
            merged.pps.retain(|old| self.pps_id(old) != id);
            if merged.pps.len() < MAX_IN_BAND {
                merged.pps.push(pps);
            }
        }
        if new_sequence {
            merged.sps = found.sps;
        }
        if !found.vps.is_empty() {
            merged.vps = found.vps;
        }
        merged
    }

    fn pps_id(&self, pps: &[u8]) -> Option<u32> {
        let header = if self.codec == Codec::Hevc { 2 } else { 1 };
        Bits::escaped(pps.get(header..)?).ue()
    }

    /// The configuration record; `None` when the sequence set cannot be read or a set is too long for one.
    pub(super) fn record(&self) -> Option<Bytes> {
        let record = if self.codec == Codec::Hevc { self.hvcc() } else { self.avcc() };
        record.map(Bytes::from)
    }

    fn avcc(&self) -> Option<Vec<u8>> {
        let sps = self.sps.first()?;
        let &[_, profile, compatibility, level, ..] = sps.as_ref() else { return None };
        let length = u8::try_from(self.length_size).ok()?.checked_sub(1)?;
        let mut record = vec![1, profile, compatibility, level, 0xfc | length];
        record.push(0xe0 | u8::try_from(self.sps.len()).ok().filter(|&count| count < 32)?);
        push_list(&mut record, &self.sps)?;
        record.push(u8::try_from(self.pps.len()).ok()?);
        push_list(&mut record, &self.pps)?;
        if matches!(profile, 100 | 110 | 122 | 144) {
            let format = AvcFormat::of(sps)?;
            record.extend([0xfc | format.chroma, 0xf8 | format.luma_depth, 0xf8 | format.chroma_depth, 0]);
        }
        Some(record)
    }

    fn hvcc(&self) -> Option<Vec<u8>> {
        let format = HevcFormat::of(self.sps.first()?)?;
        let length = u8::try_from(self.length_size).ok()?.checked_sub(1)?;
        let mut record = vec![1];
        record.extend(format.general);
        // Segmentation, parallelism and average frame rate are unknown: 0, as is allowed.
        record.extend([0xf0, 0x00, 0xfc, 0xfc | format.chroma, 0xf8 | format.luma_depth]);
        record.extend([0xf8 | format.chroma_depth, 0, 0]);
        record.push(format.temporal_layers << 3 | u8::from(format.nested) << 2 | length);
        record.push(3);
        for (kind, list) in [(32, &self.vps), (33, &self.sps), (34, &self.pps)] {
            // The high bit says that all sets of this kind are here, which in-band changes would contradict.
            record.push(kind);
            record.extend(u16::try_from(list.len()).ok()?.to_be_bytes());
            push_list(&mut record, list)?;
        }
        Some(record)
    }
}

trait TryAdvance {
    fn try_advance(&mut self, count: usize) -> Option<()>;
}

impl TryAdvance for Bytes {
    fn try_advance(&mut self, count: usize) -> Option<()> {
        (count <= self.len()).then(|| self.advance(count))
    }
}

fn push_list(record: &mut Vec<u8>, list: &[Bytes]) -> Option<()> {
    for set in list {
        record.extend(u16::try_from(set.len()).ok()?.to_be_bytes());
        record.extend_from_slice(set);
    }
    Some(())
}

/// What `avcC` repeats from a high-profile sequence set (ISO/IEC 14496-10 §7.3.2.1.1).
struct AvcFormat {
    chroma: u8,
    luma_depth: u8,
    chroma_depth: u8,
}

impl AvcFormat {
    fn of(sps: &[u8]) -> Option<Self> {
        let mut bits = Bits::escaped(sps.get(4..)?);
        bits.ue()?;
        let chroma = small(bits.ue()?, 3)?;
        if chroma == 3 {
            bits.skip(1)?;
        }
        Some(Self { chroma, luma_depth: small(bits.ue()?, 6)?, chroma_depth: small(bits.ue()?, 6)? })
    }
}

/// What `hvcC` repeats from a sequence set (ISO/IEC 23008-2 §7.3.2.2.1).
struct HevcFormat {
    /// The general part of profile_tier_level: profile, compatibility, constraints and level.
    general: [u8; 12],
    temporal_layers: u8,
    nested: bool,
    chroma: u8,
    luma_depth: u8,
    chroma_depth: u8,
}

impl HevcFormat {
    fn of(sps: &[u8]) -> Option<Self> {
        let mut bits = Bits::escaped(sps.get(2..)?);
        bits.skip(4)?;
        let sub_layers = bits.bits(3)?;
        let nested = bits.bit()?;
        let mut general = [0; 12];
        for byte in &mut general {
            *byte = bits.bits(8)? as u8;
        }
        skip_sub_layers(&mut bits, sub_layers)?;
        bits.ue()?;
        let chroma = small(bits.ue()?, 3)?;
        if chroma == 3 {
            bits.skip(1)?;
        }
        // Width and height, then the conformance window.
        bits.ue()?;
        bits.ue()?;
        if bits.bit()? {
            for _ in 0..4 {
                bits.ue()?;
            }
        }
        let luma_depth = small(bits.ue()?, 7)?;
        let chroma_depth = small(bits.ue()?, 7)?;
        let temporal_layers = small(sub_layers, 6)? + 1;
        Some(Self { general, temporal_layers, nested, chroma, luma_depth, chroma_depth })
    }
}

fn skip_sub_layers(bits: &mut Bits<'_>, sub_layers: u32) -> Option<()> {
    let mut size = 0;
    for _ in 0..sub_layers {
        size += if bits.bit()? { 88 } else { 0 };
        size += if bits.bit()? { 8 } else { 0 };
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers))?;
    }
    bits.skip(size)
}

fn small(value: u32, max: u8) -> Option<u8> {
    u8::try_from(value).ok().filter(|&value| value <= max)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// x264, High profile, 1280x720 at 30 fps.
    pub(in super::super) const AVC_SPS: &[u8] = &[
        0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x6a, 0x02, 0x02, 0x02, 0x80, 0x00,
        0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x1e, 0x07, 0x8c, 0x18, 0xcb,
    ];
    pub(in super::super) const AVC_PPS: &[u8] = &[0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];
    /// x265, Main profile, level 3.1, 1280x720.
    pub(in super::super) const HEVC_VPS: &[u8] = &[
        0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00,
        0x00, 0x03, 0x00, 0x5d, 0x95, 0x98, 0x09,
    ];
    pub(in super::super) const HEVC_SPS: &[u8] = &[
        0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00,
        0x5d, 0xa0, 0x02, 0x80, 0x80, 0x2d, 0x16, 0x59, 0x59, 0xa4, 0x93, 0x2b, 0xc0, 0x5a, 0x70, 0x80, 0x00,
        0x01, 0xf4, 0x80, 0x00, 0x3a, 0x98, 0x04,
    ];
    pub(in super::super) const HEVC_PPS: &[u8] = &[0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40];

    /// An `avcC` record of [`AVC_SPS`] and [`AVC_PPS`].
    pub(in super::super) fn avcc() -> Bytes {
        ParameterSets::from_units(Codec::H264, 4, [AVC_SPS, AVC_PPS].into_iter()).unwrap().record().unwrap()
    }

    /// An `hvcC` record of the HEVC sets.
    pub(in super::super) fn hvcc() -> Bytes {
        let units = [HEVC_VPS, HEVC_SPS, HEVC_PPS];
        ParameterSets::from_units(Codec::Hevc, 4, units.into_iter()).unwrap().record().unwrap()
    }

    #[test]
    fn an_avcc_record_reads_back() {
        let record = avcc();
        assert_eq!(&record[..8], [1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, AVC_SPS.len() as u8]);
        assert_eq!(&record[record.len() - 4..], [0xfd, 0xf8, 0xf8, 0]);
        let sets = ParameterSets::from_record(Codec::H264, &record).unwrap();
        assert_eq!(
            (sets.sps.as_slice(), sets.pps.as_slice()),
            (&[Bytes::from(AVC_SPS)][..], &[Bytes::from(AVC_PPS)][..])
        );
        assert_eq!(sets.record(), Some(record));
    }

    #[test]
    fn an_hvcc_record_reads_back() {
        let record = hvcc();
        let general = [0x01, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 0x5d];
        assert_eq!((record[0], &record[1..13]), (1, &general[..]));
        assert_eq!(record[13..23], [0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f, 3]);
        let sets = ParameterSets::from_record(Codec::Hevc, &record).unwrap();
        assert_eq!((sets.vps.len(), sets.sps.len(), sets.pps.len(), sets.length_size), (1, 1, 1, 4));
        assert_eq!(sets.record(), Some(record));
    }

    #[test]
    fn trap_11_the_same_sets_in_band_are_no_change() {
        let sets = ParameterSets::from_record(Codec::H264, &avcc()).unwrap();
        let padded = [AVC_SPS, &[0, 0]].concat();
        assert_eq!(sets.updated([&padded[..], AVC_PPS, &[0x65, 1]].into_iter()), None);
    }

    #[test]
    fn a_picture_set_replaces_its_namesake_and_a_sequence_set_all() {
        let sets = ParameterSets::from_record(Codec::H264, &avcc()).unwrap();
        // 0xe8: id 0 as 0xeb has; 0x58: id 1.
        let other: &[u8] = &[0x68, 0xe8, 0x43, 0x8f];
        let second: &[u8] = &[0x68, 0x58, 0x43, 0x8f];
        let updated = sets.updated([other, second].into_iter()).unwrap();
        assert_eq!(updated.pps, [Bytes::from(other), Bytes::from(second)]);
        assert_eq!(updated.sps, sets.sps);

        let mut sps = AVC_SPS.to_vec();
        sps[3] = 0x28;
        let updated = updated.updated([&sps[..], AVC_PPS].into_iter()).unwrap();
        assert_eq!((updated.sps, updated.pps), (vec![Bytes::from(sps)], vec![Bytes::from(AVC_PPS)]));
    }

    #[test]
    fn cut_records_are_refused() {
        for (codec, record) in [(Codec::H264, avcc()), (Codec::Hevc, hvcc())] {
            let cut = if codec == Codec::H264 { record.len() - 4 } else { record.len() };
            for len in 0..cut {
                assert_eq!(ParameterSets::from_record(codec, &record.slice(..len)), None, "{codec:?} {len}");
            }
        }
    }
}
