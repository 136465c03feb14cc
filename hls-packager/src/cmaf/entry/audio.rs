//! Audio sample entries: `mp4a` (ISO/IEC 14496-14), `Opus` (Opus-ISOBMFF), `fLaC` (FLAC-ISOBMFF), `ac-3` and `ec-3`
//! (ETSI TS 102 366 annex F).

use media_core::codec::ac3::{Ac3Config, Eac3Config};
use media_core::codec::{aac, flac, opus};
use media_core::{Codec, Track};

use super::super::boxes::Boxes;
use super::esds;
use crate::container::Error;

/// Sampling frequencies below this one are MPEG-2's.
const LOWEST_MPEG1_HZ: u32 = 32_000;
/// A FLAC metadata block header: the last block, STREAMINFO, of 34 bytes.
const FLAC_STREAMINFO: [u8; 4] = [0x80, 0, 0, 34];

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
        Ok(match track.codec {
            Codec::Aac => {
                // Checked, and carried as it came: signalling of SBR and PS is not to be rewritten.
                aac::Config::parse(record)?;
                Self::Mpeg(esds::AAC, record)
            }
            Codec::Opus => Self::Opus(opus_box(&opus::Head::parse(record)?)),
            Codec::Flac => Self::Flac(flac::StreamInfo::parse(record)?.block),
            Codec::Ac3 => Self::Ac3(Ac3Config::parse(first_frame)?.dac3()),
            Codec::Eac3 => Self::Eac3(Eac3Config::parse(first_frame)?.dec3()),
            _ => Self::Mpeg(mp3_object_type(track), &[]),
        })
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

/// `dOps` (Opus-ISOBMFF §4.3.2): the fields of OpusHead, big-endian, version 0, no magic.
fn opus_box(head: &opus::Head<'_>) -> Vec<u8> {
    let mut out = vec![0, head.channels];
    out.extend(head.pre_skip.to_be_bytes());
    out.extend(head.input_rate.to_be_bytes());
    out.extend(head.output_gain.to_be_bytes());
    out.push(head.mapping_family);
    out.extend(head.mapping);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dops(head: &[u8]) -> Vec<u8> {
        opus_box(&opus::Head::parse(head).unwrap())
    }

    #[test]
    fn opus_fields_turn_big_endian() {
        let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x01\x00";
        assert_eq!(dops(head), [0, 2, 0x01, 0x38, 0, 0, 0xbb, 0x80, 0x01, 0x00, 0]);
    }

    #[test]
    fn opus_surround_keeps_its_channel_mapping() {
        let head = b"OpusHead\x01\x06\x38\x01\x80\xbb\x00\x00\x00\x00\x01\x04\x02\x00\x04\x01\x02\x03\x05";
        assert_eq!(dops(head)[10..], [1, 4, 2, 0, 4, 1, 2, 3, 5]);
    }

    #[test]
    fn high_sampling_frequencies_are_divided() {
        assert_eq!(expressible(48_000), 48_000);
        assert_eq!(expressible(192_000), 48_000);
        assert_eq!(expressible(88_200), 44_100);
        assert_eq!(expressible(0x1_0001), 0);
    }
}
