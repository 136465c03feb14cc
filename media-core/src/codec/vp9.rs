//! VP9: the configuration record (`vpcC`) and the header of a frame.

use super::bits::{Bits, Record};
use super::video::{self, Colour};
use super::{Header, HeaderError, RandomAccess};
use crate::track::{Params, Video};

const NAME: &str = "vp9";

/// What a `vpcC` record holds (VP Codec ISO Media File Format Binding §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Profile, 0 to 3.
    pub profile: u8,
    /// Ten times the level; 0 where the encoder did not say.
    pub level: u8,
    /// Bits of a sample: 8, 10 or 12.
    pub bit_depth: u8,
    /// Chroma: 0 is 4:2:0 vertical, 1 is 4:2:0 with luma, 2 is 4:2:2, 3 is 4:4:4.
    pub chroma_subsampling: u8,
    /// Colour description.
    pub colour: Colour,
}

impl Config {
    /// Reads a record, bare or behind the version and flags that make it an MP4 box's payload; Enhanced RTMP leaves open which it
    /// sends.
    ///
    /// # Errors
    /// [`HeaderError`] when it is cut short or invalid.
    pub fn parse(record: &[u8]) -> Result<Self, HeaderError> {
        // A bare record has a bit depth in the third byte, which cannot be 0.
        let body = record.strip_prefix(&[1, 0, 0, 0]).unwrap_or(record);
        let mut fields = Record::new(NAME, body);
        let profile = fields.u8("profile")?;
        if profile > 3 {
            return Err(fields.invalid("profile", profile));
        }
        let level = fields.u8("level")?;
        let format = fields.u8("bitDepth")?;
        let bit_depth = format >> 4;
        if !matches!(bit_depth, 8 | 10 | 12) {
            return Err(fields.invalid("bitDepth", bit_depth));
        }
        let colour = Colour {
            primaries: fields.u8("colourPrimaries")?,
            transfer: fields.u8("transferCharacteristics")?,
            matrix: fields.u8("matrixCoefficients")?,
            full_range: format & 1 == 1,
        };
        Ok(Self { profile, level, bit_depth, chroma_subsampling: (format >> 1) & 7, colour })
    }

    /// The payload of a `vpcC` box, version and flags included.
    pub fn encode(&self) -> [u8; 12] {
        let Colour { primaries, transfer, matrix, full_range } = self.colour;
        let format = self.bit_depth << 4 | (self.chroma_subsampling & 7) << 1 | u8::from(full_range);
        [1, 0, 0, 0, self.profile, self.level, format, primaries, transfer, matrix, 0, 0]
    }

    /// The RFC 6381 string (VP Codec ISO Media File Format Binding §2.3): `vp09.PP.LL.DD`, and behind it chroma and colour where they
    /// differ from what their absence means (4:2:0, BT.709, limited range). An unknown level is called 1.0, the least.
    pub fn rfc6381(&self) -> String {
        let level = if self.level == 0 { 10 } else { self.level };
        let mut name = format!("vp09.{:02}.{level:02}.{:02}", self.profile, self.bit_depth);
        let Colour { primaries, transfer, matrix, full_range } = self.colour;
        let default_colour =
            [primaries, transfer, matrix].iter().all(|code| matches!(code, 1 | 2)) && !full_range;
        if !default_colour || self.chroma_subsampling > 1 {
            let (chroma, range) = (self.chroma_subsampling, u8::from(full_range));
            name += &format!(".{chroma:02}.{primaries:02}.{transfer:02}.{matrix:02}.{range:02}");
        }
        name
    }
}

/// What a `vpcC` record says. Width and height are 0: only a key frame has them.
pub(super) fn header(record: &[u8]) -> Result<Header, HeaderError> {
    let config = Config::parse(record)?;
    let video = Video { range: config.colour.range(), ..Video::default() };
    Ok(Header { params: Params::Video(video), rfc6381: config.rfc6381() })
}

/// What a `vpcC` record and a key frame say together.
pub(super) fn key_frame_header(record: &[u8], frame: &[u8]) -> Result<Header, HeaderError> {
    let mut header = header(record)?;
    let key = KeyFrame::parse(frame)?;
    if let Params::Video(video) = &mut header.params {
        (video.width, video.height) = (key.width, key.height);
    }
    Ok(header)
}

/// The uncompressed header of a key frame, as far as a server needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyFrame {
    /// Profile, 0 to 3.
    pub profile: u8,
    /// Bits of a sample: 8, 10 or 12.
    pub bit_depth: u8,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl KeyFrame {
    /// Reads the header of a frame, or of the first frame of a superframe (VP9 specification §6.2).
    ///
    /// # Errors
    /// [`HeaderError`] when it is no key frame, cut short or invalid.
    pub fn parse(frame: &[u8]) -> Result<Self, HeaderError> {
        let mut bits = Bits::new(NAME, frame);
        let (profile, key) = frame_kind(&mut bits)?;
        if !key {
            return Err(bits.invalid("frame_type", 1u8));
        }
        bits.skip(2, "error_resilient_mode")?;
        let sync = bits.u(24, "frame_sync_code")?;
        if sync != 0x49_8342 {
            return Err(bits.invalid("frame_sync_code", sync));
        }
        let bit_depth = color_config(&mut bits, profile)?;
        let width = video::side(NAME, "width", bits.u(16, "frame_width_minus_1")? + 1)?;
        let height = video::side(NAME, "height", bits.u(16, "frame_height_minus_1")? + 1)?;
        Ok(Self { profile, bit_depth, width, height })
    }
}

/// Profile, and whether it is a key frame, from the first bits of a frame.
fn frame_kind(bits: &mut Bits<'_>) -> Result<(u8, bool), HeaderError> {
    let marker = bits.u8(2, "frame_marker")?;
    if marker != 2 {
        return Err(bits.invalid("frame_marker", marker));
    }
    let profile = bits.u8(1, "profile_low_bit")? | bits.u8(1, "profile_high_bit")? << 1;
    if profile == 3 {
        bits.skip(1, "reserved_zero")?;
    }
    let existing = bits.flag("show_existing_frame")?;
    Ok((profile, !existing && !bits.flag("frame_type")?))
}

/// `color_config()`; the bits of a sample.
fn color_config(bits: &mut Bits<'_>, profile: u8) -> Result<u8, HeaderError> {
    let twelve = profile >= 2 && bits.flag("ten_or_twelve_bit")?;
    let bit_depth = match (profile >= 2, twelve) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    let rgb = bits.u8(3, "color_space")? == 7;
    let any_chroma = profile & 1 == 1;
    if !rgb {
        bits.skip(1, "color_range")?;
    }
    let chroma_bits = match (rgb, any_chroma) {
        (false, true) => 3,
        (true, true) => 1,
        _ => 0,
    };
    bits.skip(chroma_bits, "subsampling")?;
    Ok(bit_depth)
}

/// Whether decoding may begin at a frame.
pub fn random_access(frame: &[u8]) -> RandomAccess {
    match frame_kind(&mut Bits::new(NAME, frame)) {
        Ok((_, true)) => RandomAccess::Idr,
        _ => RandomAccess::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::fixtures::{self, hex};
    use crate::codec::{Codec, parse_config, parse_key_frame};
    use crate::track::VideoRange;

    #[test]
    fn record_and_key_frame_say_what_ffprobe_says() {
        let sdr = VideoRange::Sdr;
        let expected = [
            (fixtures::VP9_1080P, fixtures::VP9_1080P_FRAME, 1920, 1080, sdr, "vp09.00.40.08"),
            (
                fixtures::VP9_P2_HLG,
                fixtures::VP9_P2_HLG_FRAME,
                1280,
                720,
                VideoRange::Hlg,
                "vp09.02.31.10.01.09.18.09.00",
            ),
            (fixtures::VP9_P1_444, fixtures::VP9_P1_444_FRAME, 322, 182, sdr, "vp09.01.11.08.03.02.02.02.00"),
        ];
        for (record, frame, width, height, range, name) in expected {
            let header = parse_key_frame(Codec::Vp9, &hex(record), &hex(frame)).unwrap();
            assert_eq!(header.params, Params::Video(Video { width, height, frame_rate: None, range }));
            assert_eq!(header.rfc6381, name);
        }
    }

    #[test]
    fn a_bare_record_is_the_same_as_a_box_payload() {
        let record = hex(fixtures::VP9_P2_HLG);
        assert_eq!(parse_config(Codec::Vp9, &record), parse_config(Codec::Vp9, &record[4..]));
        assert_eq!(Config::parse(&record[4..]).unwrap().encode()[..], record);
        assert!(Config::parse(&[4, 10, 0x82, 1, 1, 1, 0, 0]).is_err());
        assert!(Config::parse(&[0, 10, 0x92, 1, 1, 1, 0, 0]).is_err());
    }

    #[test]
    fn an_unknown_level_is_called_the_least() {
        assert_eq!(Config::parse(&[0, 0, 0x82, 1, 1, 1, 0, 0]).unwrap().rfc6381(), "vp09.00.10.08");
    }

    #[test]
    fn decoding_begins_at_key_frames() {
        assert_eq!(random_access(&hex(fixtures::VP9_P1_444_FRAME)), RandomAccess::Idr);
        // An inter frame, an existing frame shown again, no frame at all.
        for frame in [&[0x86][..], &[0x88], &[0x00], &[]] {
            assert_eq!(random_access(frame), RandomAccess::None);
        }
        assert!(KeyFrame::parse(&[0x86, 0x49, 0x83, 0x42]).is_err());
        assert!(KeyFrame::parse(&[0x82, 0x49, 0x83, 0x43, 0, 0, 0, 0, 0]).is_err());
    }
}
