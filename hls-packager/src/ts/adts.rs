//! AAC in ADTS (ISO/IEC 14496-3 §1.A.3.2): the header of each frame, from the AudioSpecificConfig (§1.6.2.1).

use media_core::codec::{HeaderError, aac};
use media_core::{Codec, Track};

use super::program_config;
use crate::container::{Container, Error};

/// Header without a CRC.
const HEADER_BYTES: usize = 7;
/// What the header's 13-bit frame length can say.
const MAX_FRAME_BYTES: usize = 0x1fff;
/// Samples of every frame: ADTS has no sign for the 960 of some configurations.
pub(super) const FRAME_SAMPLES: u32 = 1024;
/// Sampling frequencies by index (table 1.18). ADTS has no other.
const HZ: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// The constant part of a track's ADTS headers.
///
/// HE-AAC is announced as its core, AAC-LC at the core's sampling frequency: ADTS has no sign for SBR and PS, decoders
/// find them in the frames (implicit signalling).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Adts {
    profile: u8,
    frequency_index: u8,
    channels: u8,
    /// The program config element, where `channels` is 0 and refers to one; it then begins each frame.
    program_config: Vec<u8>,
}

impl Adts {
    /// From the track's configuration.
    pub(super) fn of(track: &Track) -> Result<Self, Error> {
        let refused = || Error::CodecNotPackaged { codec: Codec::Aac, container: Container::MpegTs };
        let config = aac::Config::parse(&track.config)?;
        // ADTS has two bits for the object type less one (Main, LC, SSR and LTP), and three for the channels.
        if !(1..=4).contains(&config.object_type)
            || config.core_samples != FRAME_SAMPLES
            || config.channel_configuration > 7
        {
            return Err(refused());
        }
        let frequency_index = HZ.iter().position(|&hz| hz == config.core_rate).ok_or_else(refused)?;
        let program_config = match config.channel_configuration {
            0 => program_config::of(&track.config).ok_or(HeaderError::Truncated {
                codec: Codec::Aac.name(),
                field: "program_config_element",
                len: track.config.len(),
            })?,
            _ => Vec::new(),
        };
        Ok(Self {
            profile: config.object_type - 1,
            frequency_index: frequency_index as u8,
            channels: config.channel_configuration,
            program_config,
        })
    }

    /// The core's sampling frequency in Hz.
    pub(super) fn hz(&self) -> u32 {
        HZ.get(usize::from(self.frequency_index)).copied().unwrap_or(48_000)
    }

    /// The pieces of `frame` in ADTS: header, program config, raw data; `None` when it is empty or too long.
    pub(super) fn pieces<'a>(&'a self, frame: &'a [u8]) -> Option<([u8; HEADER_BYTES], &'a [u8], &'a [u8])> {
        let first_element = u32::from(frame.first()? >> 5);
        let program_config =
            if first_element == program_config::ID_PCE { &[] } else { self.program_config.as_slice() };
        let len = HEADER_BYTES + program_config.len() + frame.len();
        (len <= MAX_FRAME_BYTES).then(|| (self.header(len as u16), program_config, frame))
    }

    /// The header of a frame of `len` bytes, header included.
    fn header(&self, len: u16) -> [u8; HEADER_BYTES] {
        [
            0xff,
            0xf1, // MPEG-4, no CRC
            self.profile << 6 | self.frequency_index << 2 | self.channels >> 2,
            (self.channels & 3) << 6 | (len >> 11) as u8,
            (len >> 3) as u8,
            (len as u8 & 7) << 5 | 0x1f,
            0xfc, // variable rate, one raw data block
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use media_core::track::{Audio, Params};
    use media_core::{Timescale, TrackId};

    use super::*;

    fn track(config: &'static [u8]) -> Track {
        Track {
            id: TrackId::audio(0),
            codec: Codec::Aac,
            timescale: Timescale::VIDEO,
            config: Bytes::from_static(config),
            params: Params::Audio(Audio::default()),
            rfc6381: Arc::from(""),
        }
    }

    #[test]
    fn lc_stereo() {
        let adts = Adts::of(&track(&[0x12, 0x10])).unwrap();
        assert_eq!(adts.hz(), 44_100);
        let (header, program_config, data) = adts.pieces(&[0x21; 100]).unwrap();
        assert_eq!(header, [0xff, 0xf1, 0x50, 0x80, 0x0d, 0x7f, 0xfc]);
        assert!(program_config.is_empty());
        assert_eq!(data, [0x21; 100]);
    }

    #[test]
    fn he_aac_is_announced_as_its_lc_core() {
        // Object type 5, core 24 kHz, mono; SBR 48 kHz, core LC.
        let he = Adts::of(&track(&[0x2b, 0x09, 0x88, 0x00])).unwrap();
        assert_eq!((he.profile, he.hz(), he.channels), (1, 24_000, 1));
        // Object type 29 with PS.
        let he2 = Adts::of(&track(&[0xeb, 0x09, 0x88, 0x00])).unwrap();
        assert_eq!(he, he2);
    }

    #[test]
    fn seven_one_is_channel_configuration_seven() {
        let adts = Adts::of(&track(&[0x11, 0xb8])).unwrap();
        let (header, ..) = adts.pieces(&[0; 8]).unwrap();
        assert_eq!(header[2..4], [0x4d, 0xc0]);
    }

    #[test]
    fn a_program_config_begins_every_frame_but_those_with_their_own() {
        // LC, 48 kHz, channel configuration 0: one front pair, one back pair.
        let adts = Adts::of(&track(&[0x11, 0x80, 0x04, 0xc4, 0x04, 0x00, 0x21, 0x10, 0])).unwrap();
        let (header, program_config, data) = adts.pieces(&[0x21; 10]).unwrap();
        assert_eq!((header[2] & 1, header[3] >> 6), (0, 0));
        assert_eq!(program_config, [0xa0, 0x98, 0x80, 0x80, 0x04, 0x22, 0]);
        assert_eq!((usize::from(header[4]) << 3 | usize::from(header[5]) >> 5, data.len()), (7 + 7 + 10, 10));
        assert!(adts.pieces(&[0xa0; 10]).unwrap().1.is_empty());
    }

    #[test]
    fn what_adts_cannot_announce_is_not_packaged() {
        let refused = |config| match Adts::of(&track(config)) {
            Err(Error::CodecNotPackaged { codec: Codec::Aac, container: Container::MpegTs }) => true,
            Err(Error::BadConfig(_)) => false,
            other => panic!("{other:?}"),
        };
        assert!(refused(&[0xf8, 0xe6, 0x40, 0x00]), "enhanced low delay");
        assert!(refused(&[0x12, 0x14]), "960 samples a frame");
        assert!(refused(&[0x17, 0x80, 0x61, 0xa8, 0x10]), "50,000 Hz");
        assert!(!refused(&[0x12]), "cut short");
        assert!(!refused(&[0x16, 0x90]), "reserved frequency");
        assert!(!refused(&[0x11, 0x80, 0x04]), "program config cut short");
    }

    #[test]
    fn frames_longer_than_thirteen_bits_are_refused() {
        let adts = Adts::of(&track(&[0x12, 0x10])).unwrap();
        assert!(adts.pieces(&[0; 8184]).is_some());
        assert!(adts.pieces(&[0; 8185]).is_none());
        assert!(adts.pieces(&[]).is_none());
    }
}
