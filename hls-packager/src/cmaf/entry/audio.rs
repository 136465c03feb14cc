//! Audio sample entries: `mp4a` (ISO/IEC 14496-14), `Opus` (Opus-ISOBMFF), `fLaC` (FLAC-ISOBMFF), `ac-3` and `ec-3`
//! (ETSI TS 102 366 annex F).

use media_core::{Codec, Track};

use super::super::boxes::Boxes;
use super::{dolby, esds};
use crate::container::{Error, bad_config};

/// Sampling frequencies below this one are MPEG-2's.
const LOWEST_MPEG1_HZ: u32 = 32_000;
/// A FLAC metadata block header, and STREAMINFO's length in it.
const FLAC_STREAMINFO: [u8; 3] = [0, 0, 34];
/// The last-metadata-block flag with type STREAMINFO.
const FLAC_LAST_BLOCK: u8 = 0x80;

/// A checked audio configuration.
#[derive(Debug)]
pub(super) enum Config<'a> {
    /// `mp4a`: objectTypeIndication and AudioSpecificConfig.
    Mpeg(u8, &'a [u8]),
    /// `dOps`.
    Opus(Vec<u8>),
    /// STREAMINFO without its block header.
    Flac(&'a [u8]),
    /// `dac3`.
    Ac3([u8; 3]),
    /// `dec3`.
    Eac3(Vec<u8>),
}

impl<'a> Config<'a> {
    pub(super) fn of(track: &'a Track, first_frame: &[u8]) -> Result<Self, Error> {
        let record = track.config.as_ref();
        match track.codec {
            Codec::Aac if record.len() < 2 => Err(bad_config(track, "AudioSpecificConfig")),
            Codec::Aac => Ok(Self::Mpeg(esds::AAC, record)),
            Codec::Opus => opus_box(record).map(Self::Opus).ok_or_else(|| bad_config(track, "OpusHead")),
            Codec::Flac => stream_info(record).map(Self::Flac).ok_or_else(|| bad_config(track, "STREAMINFO")),
            Codec::Ac3 => dolby::ac3_box(first_frame)
                .map(Self::Ac3)
                .ok_or_else(|| bad_config(track, "first sync frame")),
            Codec::Eac3 => {
                let config = dolby::eac3_box(first_frame);
                config.map(Self::Eac3).ok_or_else(|| bad_config(track, "first sync frame"))
            }
            _ => Ok(Self::Mpeg(mp3_object_type(track), &[])),
        }
    }

    fn entry(&self) -> &'static [u8; 4] {
        match self {
            Self::Mpeg(..) => b"mp4a",
            Self::Opus(_) => b"Opus",
            Self::Flac(_) => b"fLaC",
            Self::Ac3(_) => b"ac-3",
            Self::Eac3(_) => b"ec-3",
        }
    }

    /// Writes the sample entry.
    pub(super) fn write(&self, track: &Track, stsd: &mut Boxes) {
        let (hz, channels) = track.audio().map_or((0, 2), |audio| (audio.sample_rate, audio.channels));
        stsd.nest(self.entry(), |b| {
            b.zeros(6);
            b.u16(1); // data_reference_index
            b.zeros(8);
            b.u16(u16::from(channels));
            b.u16(16); // samplesize: a template, but for FLAC
            b.zeros(4);
            b.u32(u32::from(expressible(hz)) << 16); // 16.16 fixed point
            self.write_config(b);
        });
    }

    fn write_config(&self, entry: &mut Boxes) {
        match self {
            Self::Mpeg(object_type, specific_info) => esds::write(entry, *object_type, specific_info),
            Self::Opus(config) => entry.nest(b"dOps", |b| b.bytes(config)),
            Self::Flac(info) => entry.full(b"dfLa", 0, 0, |b| {
                b.u8(FLAC_LAST_BLOCK);
                b.bytes(&FLAC_STREAMINFO);
                b.bytes(info);
            }),
            Self::Ac3(config) => entry.nest(b"dac3", |b| b.bytes(config)),
            Self::Eac3(config) => entry.nest(b"dec3", |b| b.bytes(config)),
        }
    }
}

/// `hz` where 16 bits hold it, else its greatest regular division, as FLAC-ISOBMFF §3.3.1 wants it (48,000 for 96,000).
fn expressible(hz: u32) -> u16 {
    let mut hz = hz;
    while hz > u32::from(u16::MAX) {
        if !hz.is_multiple_of(2) {
            return 0;
        }
        hz /= 2;
    }
    hz as u16
}

fn mp3_object_type(track: &Track) -> u8 {
    match track.audio() {
        Some(audio) if audio.sample_rate < LOWEST_MPEG1_HZ => esds::MPEG2_LAYER3,
        _ => esds::MPEG1_LAYER3,
    }
}

/// `dOps` (Opus-ISOBMFF §4.3.2) from OpusHead (RFC 7845 §5.1): the same fields, big-endian, version 0, no magic.
fn opus_box(head: &[u8]) -> Option<Vec<u8>> {
    let fields = head.strip_prefix(b"OpusHead")?;
    let (&[version, channels, skip0, skip1, hz0, hz1, hz2, hz3, gain0, gain1, family], mapping) =
        fields.split_first_chunk()?;
    // Versions up to 15 are compatible.
    if version > 15 || channels == 0 {
        return None;
    }
    let mut out = vec![0, channels, skip1, skip0, hz3, hz2, hz1, hz0, gain1, gain0, family];
    if family != 0 {
        // Stream count, coupled count, one byte a channel.
        out.extend_from_slice(mapping.get(..2 + usize::from(channels))?);
    } else if channels > 2 {
        return None;
    }
    Some(out)
}

/// STREAMINFO's 34 bytes from `fLaC` and metadata blocks, of which it is the first (RFC 9639 §8.2).
fn stream_info(record: &[u8]) -> Option<&[u8]> {
    let block = record.strip_prefix(b"fLaC")?;
    let (&[kind, len @ ..], body) = block.split_first_chunk::<4>()?;
    if kind & 0x7f != 0 || len != FLAC_STREAMINFO {
        return None;
    }
    body.get(..34)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opus_fields_turn_big_endian() {
        let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x01\x00";
        assert_eq!(opus_box(head), Some(vec![0, 2, 0x01, 0x38, 0, 0, 0xbb, 0x80, 0x01, 0x00, 0]));
    }

    #[test]
    fn opus_surround_keeps_its_channel_mapping() {
        let head = b"OpusHead\x01\x06\x38\x01\x80\xbb\x00\x00\x00\x00\x01\x04\x02\x00\x04\x01\x02\x03\x05";
        let dops = opus_box(head).unwrap();
        assert_eq!(dops[10..], [1, 4, 2, 0, 4, 1, 2, 3, 5]);
        for len in 0..head.len() {
            assert_eq!(opus_box(&head[..len]), None, "{len} bytes");
        }
    }

    #[test]
    fn stream_info_is_found_behind_the_marker_only() {
        let mut record = b"fLaC\x80\x00\x00\x22".to_vec();
        record.extend([7; 34]);
        assert_eq!(stream_info(&record), Some(&[7; 34][..]));
        assert_eq!(stream_info(&record[4..]), None);
        assert_eq!(stream_info(&record[..41]), None);
    }

    #[test]
    fn high_sampling_frequencies_are_divided() {
        assert_eq!(expressible(48_000), 48_000);
        assert_eq!(expressible(192_000), 48_000);
        assert_eq!(expressible(88_200), 44_100);
        assert_eq!(expressible(0x1_0001), 0);
    }
}
