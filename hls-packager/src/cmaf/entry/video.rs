//! Video sample entries: `avc1` and `hvc1` (ISO/IEC 14496-15), `av01` (AV1-ISOBMFF), `vp09` (VP-ISOBMFF).

use std::borrow::Cow;

use media_core::codec::video::Colour;
use media_core::codec::{HeaderError, av1, avc, hevc, parse_key_frame, vp9};
use media_core::track::{Params, Video};
use media_core::{Codec, Track};

use super::super::boxes::Boxes;
use crate::container::Error;

/// A checked video configuration.
#[derive(Debug)]
pub(super) struct Config<'a> {
    entry: &'static [u8; 4],
    record_box: &'static [u8; 4],
    record: Cow<'a, [u8]>,
    /// Coded size after cropping, in pixels.
    width: u16,
    height: u16,
    /// Width and height of one pixel.
    aspect: (u16, u16),
    colour: Colour,
}

impl<'a> Config<'a> {
    pub(super) fn of(track: &'a Track, first_frame: &[u8]) -> Result<Self, Error> {
        let (width, height) = size(track, first_frame)?;
        let record = track.config.as_ref();
        let (entry, record_box, record, aspect, colour): (_, _, Cow<'_, [u8]>, _, _) = match track.codec {
            Codec::H264 => {
                let sps = avc::Config::parse(record)?.first_sps()?;
                (b"avc1", b"avcC", record.into(), sps.sample_aspect, sps.colour)
            }
            Codec::Hevc => {
                let config = hevc::Config::parse(record)?;
                let sps = config.first_sps()?;
                (b"hvc1", b"hvcC", complete(&config)?.into(), sps.sample_aspect, sps.colour)
            }
            Codec::Av1 => {
                let config = av1::Config::parse(record)?;
                let sequence = av1::sequence_header(config.obus).transpose()?;
                let colour = sequence.map(|sequence| sequence.colour).unwrap_or_default();
                (b"av01", b"av1C", record.into(), (1, 1), colour)
            }
            _ => {
                let config = vp9::Config::parse(record)?;
                (b"vp09", b"vpcC", config.encode().to_vec().into(), (1, 1), config.colour)
            }
        };
        Ok(Self { entry, record_box, record, width, height, aspect, colour })
    }

    /// Width and height in square pixels.
    pub(super) fn display_size(&self) -> (u16, u16) {
        let (across, down) = self.aspect;
        let width = u32::from(self.width) * u32::from(across) / u32::from(down.max(1));
        (u16::try_from(width).unwrap_or(u16::MAX), self.height)
    }

    /// Writes the sample entry.
    pub(super) fn write(&self, stsd: &mut Boxes) {
        stsd.nest(self.entry, |b| {
            b.zeros(6);
            b.u16(1); // data_reference_index
            b.zeros(16);
            b.u16(self.width);
            b.u16(self.height);
            b.u32(0x0048_0000); // 72 dpi
            b.u32(0x0048_0000);
            b.zeros(4);
            b.u16(1); // frame_count
            b.zeros(32); // compressorname
            b.u16(0x0018); // depth
            b.u16(0xffff);
            b.nest(self.record_box, |b| b.bytes(&self.record));
            self.write_colour(b);
            self.write_aspect(b);
        });
    }

    /// `colr`, where the header says anything of colours (ISO/IEC 14496-12 §12.1.5).
    fn write_colour(&self, entry: &mut Boxes) {
        if !self.colour.is_specified() {
            return;
        }
        entry.nest(b"colr", |b| {
            b.bytes(b"nclx");
            b.u16(u16::from(self.colour.primaries));
            b.u16(u16::from(self.colour.transfer));
            b.u16(u16::from(self.colour.matrix));
            b.u8(u8::from(self.colour.full_range) << 7);
        });
    }

    /// `pasp`, where pixels are not square (ISO/IEC 14496-12 §12.1.4); Chromium takes the shape from nowhere else.
    fn write_aspect(&self, entry: &mut Boxes) {
        let (across, down) = self.aspect;
        if across != down {
            entry.nest(b"pasp", |b| {
                b.u32(u32::from(across));
                b.u32(u32::from(down));
            });
        }
    }
}

/// The picture's size, from the track or from its first key frame: VP9's configuration does not say it.
fn size(track: &Track, first_frame: &[u8]) -> Result<(u16, u16), Error> {
    let known = track.video().filter(|video| video.width > 0 && video.height > 0).cloned();
    let video = match known {
        Some(video) => video,
        None => match parse_key_frame(track.codec, &track.config, first_frame)?.params {
            Params::Video(video) => video,
            _ => Video::default(),
        },
    };
    let side = |field, value: u32| {
        let side = u16::try_from(value).ok().filter(|&side| side > 0);
        side.ok_or(HeaderError::Invalid { codec: track.codec.name(), field, value: value.into() })
    };
    Ok((side("width", video.width)?, side("height", video.height)?))
}

/// `hvcC` for `hvc1`, the only entry that Apple's players take: it promises that all parameter sets stand in the record,
/// whose arrays must say so. Publishers' records do not (FFmpeg's for FLV).
fn complete(config: &hevc::Config<'_>) -> Result<Vec<u8>, HeaderError> {
    if config.vps.is_empty() || config.pps.is_empty() {
        let codec = Codec::Hevc.name();
        return Err(HeaderError::Invalid { codec, field: "number of parameter sets", value: 0 });
    }
    config.encode().map(Vec::from)
}
