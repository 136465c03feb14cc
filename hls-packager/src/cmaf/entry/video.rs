//! Video sample entries: `avc1` and `hvc1` (ISO/IEC 14496-15), `av01` (AV1-ISOBMFF), `vp09` (VP-ISOBMFF).

use std::borrow::Cow;

use media_core::track::VideoRange;
use media_core::{Codec, Track};

use super::super::boxes::Boxes;
use super::hevc;
use crate::container::{Error, bad_config};

/// Fields before the parameter set arrays of `avcC`.
const AVCC_FIXED_BYTES: usize = 7;
/// `av1C` before its OBUs.
const AV1C_FIXED_BYTES: usize = 4;
/// `vpcC` after the full box header, with an empty codecInitializationData.
const VPCC_FIXED_BYTES: usize = 8;

/// A checked video configuration.
#[derive(Debug)]
pub(super) struct Config<'a> {
    entry: &'static [u8; 4],
    record_box: &'static [u8; 4],
    /// What goes before the record: the full box header of `vpcC`.
    prefix: &'static [u8],
    record: Cow<'a, [u8]>,
    colour: Option<Colour>,
}

/// Code points of ISO/IEC 23091-2, for `colr` of type `nclx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Colour {
    primaries: u8,
    transfer: u8,
    matrix: u8,
    full_range: bool,
}

impl<'a> Config<'a> {
    pub(super) fn of(track: &'a Track) -> Result<Self, Error> {
        let range = track.video().map(|video| video.range).unwrap_or_default();
        let colour = Colour::of_range(range);
        let record = track.config.as_ref();
        match track.codec {
            Codec::H264 => Ok(Self {
                entry: b"avc1",
                record_box: b"avcC",
                prefix: &[],
                record: avcc(track)?.into(),
                colour,
            }),
            Codec::Hevc => Ok(Self {
                entry: b"hvc1",
                record_box: b"hvcC",
                prefix: &[],
                record: hevc::complete(record).ok_or_else(|| bad_config(track, "parameter sets"))?.into(),
                colour,
            }),
            Codec::Av1 => Ok(Self {
                entry: b"av01",
                record_box: b"av1C",
                prefix: &[],
                record: av1c(track)?.into(),
                colour,
            }),
            _ => {
                let record = vpcc(track)?;
                Ok(Self {
                    entry: b"vp09",
                    record_box: b"vpcC",
                    prefix: &[1, 0, 0, 0],
                    record: record.into(),
                    colour: Colour::of_vpcc(record),
                })
            }
        }
    }

    /// Writes the sample entry.
    pub(super) fn write(&self, track: &Track, stsd: &mut Boxes) {
        stsd.nest(self.entry, |b| {
            b.zeros(6);
            b.u16(1); // data_reference_index
            b.zeros(16);
            let (width, height) = track.video().map_or((0, 0), |video| (video.width, video.height));
            b.u16(width.min(0xffff) as u16);
            b.u16(height.min(0xffff) as u16);
            b.u32(0x0048_0000); // 72 dpi
            b.u32(0x0048_0000);
            b.zeros(4);
            b.u16(1); // frame_count
            b.zeros(32); // compressorname
            b.u16(0x0018); // depth
            b.u16(0xffff);
            b.nest(self.record_box, |b| {
                b.bytes(self.prefix);
                b.bytes(&self.record);
            });
            if let Some(colour) = self.colour {
                colour.write(b);
            }
        });
    }
}

impl Colour {
    /// What a wide range implies: both of BT.2100's transfer functions come with its primaries and its non-constant
    /// luminance matrix. A standard range leaves the colours to the bitstream, which every decoder reads.
    fn of_range(range: VideoRange) -> Option<Self> {
        let transfer = match range {
            VideoRange::Pq => 16,
            VideoRange::Hlg => 18,
            VideoRange::Sdr => return None,
        };
        Some(Self { primaries: 9, transfer, matrix: 9, full_range: false })
    }

    /// VP9's bitstream does not name primaries and transfer function; its record does.
    fn of_vpcc(record: &[u8]) -> Option<Self> {
        let &[_, _, depth, primaries, transfer, matrix, ..] = record else { return None };
        const UNSPECIFIED: u8 = 2;
        let known = [primaries, transfer, matrix].iter().any(|&code| code != UNSPECIFIED && code != 0);
        known.then_some(Self { primaries, transfer, matrix, full_range: depth & 1 == 1 })
    }

    fn write(self, entry: &mut Boxes) {
        entry.nest(b"colr", |b| {
            b.bytes(b"nclx");
            b.u16(u16::from(self.primaries));
            b.u16(u16::from(self.transfer));
            b.u16(u16::from(self.matrix));
            b.u8(u8::from(self.full_range) << 7);
        });
    }
}

fn avcc(track: &Track) -> Result<&[u8], Error> {
    let record = track.config.as_ref();
    match record {
        [1, ..] if record.len() >= AVCC_FIXED_BYTES => Ok(record),
        _ => Err(bad_config(track, "AVCDecoderConfigurationRecord")),
    }
}

fn av1c(track: &Track) -> Result<&[u8], Error> {
    let record = track.config.as_ref();
    match record {
        // Marker and version 1.
        [0x81, ..] if record.len() >= AV1C_FIXED_BYTES => Ok(record),
        _ => Err(bad_config(track, "AV1CodecConfigurationRecord")),
    }
}

/// The record without the full box header, which some publishers send along: there, version 1 and no flags stand where
/// the record has profile 1 and level 0, a level that does not exist.
fn vpcc(track: &Track) -> Result<&[u8], Error> {
    let record = match track.config.as_ref() {
        [1, 0, 0, 0, record @ ..] => record,
        record => record,
    };
    if record.len() < VPCC_FIXED_BYTES {
        return Err(bad_config(track, "VPCodecConfigurationRecord"));
    }
    Ok(record)
}
