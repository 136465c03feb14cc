//! The sequence header (AV1 specification §5.5).

use super::{NAME, short_name};
use crate::codec::bits::Bits;
use crate::codec::video::{self, Colour, frame_rate};
use crate::codec::{Header, HeaderError};
use crate::track::{FrameRate, Params, Video};

/// A sequence header, as far as a server needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SequenceHeader {
    /// `seq_profile`: 0 is Main, 1 High, 2 Professional.
    pub profile: u8,
    /// `seq_level_idx` of the first operating point; 31 is without limits.
    pub level: u8,
    /// `seq_tier` of the first operating point.
    pub high_tier: bool,
    /// Whether every frame is a key frame without header fields of its own (`reduced_still_picture_header`).
    pub still: bool,
    /// Widest frame in pixels.
    pub width: u32,
    /// Tallest frame in pixels.
    pub height: u32,
    /// Bits of a sample: 8, 10 or 12.
    pub bit_depth: u8,
    /// Whether there is no chroma.
    pub monochrome: bool,
    /// `subsampling_x`.
    pub subsampling_x: bool,
    /// `subsampling_y`.
    pub subsampling_y: bool,
    /// `chroma_sample_position`.
    pub chroma_sample_position: u8,
    /// Colour description.
    pub colour: Colour,
    /// Frames a second, where they are promised to be evenly spaced.
    pub frame_rate: Option<FrameRate>,
}

impl SequenceHeader {
    /// Reads the payload of a sequence header OBU.
    ///
    /// # Errors
    /// [`HeaderError`] when it is cut short or invalid.
    pub fn parse(payload: &[u8]) -> Result<Self, HeaderError> {
        let mut bits = Bits::new(NAME, payload);
        let mut header = Self::begin(&mut bits)?;
        if header.still {
            header.level = bits.u8(5, "seq_level_idx")?;
        } else {
            header.operating_points(&mut bits)?;
        }
        header.size(&mut bits)?;
        tools(&mut bits, header.still)?;
        header.colour(&mut bits)?;
        Ok(header)
    }

    fn begin(bits: &mut Bits<'_>) -> Result<Self, HeaderError> {
        let profile = bits.u8(3, "seq_profile")?;
        if profile > 2 {
            return Err(bits.invalid("seq_profile", profile));
        }
        bits.skip(1, "still_picture")?;
        Ok(Self {
            profile,
            level: 0,
            high_tier: false,
            still: bits.flag("reduced_still_picture_header")?,
            width: 0,
            height: 0,
            bit_depth: 8,
            monochrome: false,
            subsampling_x: true,
            subsampling_y: true,
            chroma_sample_position: 0,
            colour: Colour::default(),
            frame_rate: None,
        })
    }

    /// Timing and operating points, of which the first counts.
    fn operating_points(&mut self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
        let mut delay_bits = None;
        if bits.flag("timing_info_present_flag")? {
            self.frame_rate = timing(bits)?;
            if bits.flag("decoder_model_info_present_flag")? {
                delay_bits = Some(bits.u(5, "buffer_delay_length_minus_1")? + 1);
                bits.skip(32 + 5 + 5, "decoder_model_info")?;
            }
        }
        let display_delays = bits.flag("initial_display_delay_present_flag")?;
        let points = bits.u(5, "operating_points_cnt_minus_1")? + 1;
        for point in 0..points {
            bits.skip(12, "operating_point_idc")?;
            let level = bits.u8(5, "seq_level_idx")?;
            let high_tier = level > 7 && bits.flag("seq_tier")?;
            if point == 0 {
                (self.level, self.high_tier) = (level, high_tier);
            }
            if let Some(width) = delay_bits
                && bits.flag("decoder_model_present_for_this_op")?
            {
                bits.skip(2 * width + 1, "operating_parameters_info")?;
            }
            if display_delays && bits.flag("initial_display_delay_present_for_this_op")? {
                bits.skip(4, "initial_display_delay_minus_1")?;
            }
        }
        Ok(())
    }

    fn size(&mut self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
        let width_bits = bits.u(4, "frame_width_bits_minus_1")? + 1;
        let height_bits = bits.u(4, "frame_height_bits_minus_1")? + 1;
        self.width = video::side(NAME, "width", bits.u(width_bits, "max_frame_width_minus_1")? + 1)?;
        self.height = video::side(NAME, "height", bits.u(height_bits, "max_frame_height_minus_1")? + 1)?;
        if !self.still && bits.flag("frame_id_numbers_present_flag")? {
            bits.skip(4 + 3, "frame id lengths")?;
        }
        Ok(())
    }

    /// `color_config()` (§5.5.2).
    fn colour(&mut self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
        let high = bits.flag("high_bitdepth")?;
        let twelve = self.profile == 2 && high && bits.flag("twelve_bit")?;
        self.bit_depth = if twelve { 12 } else { 8 + 2 * u8::from(high) };
        self.monochrome = self.profile != 1 && bits.flag("mono_chrome")?;
        if bits.flag("color_description_present_flag")? {
            self.colour.primaries = bits.u8(8, "color_primaries")?;
            self.colour.transfer = bits.u8(8, "transfer_characteristics")?;
            self.colour.matrix = bits.u8(8, "matrix_coefficients")?;
        }
        let srgb = Colour { primaries: 1, transfer: 13, matrix: 0, full_range: false };
        if self.monochrome {
            self.colour.full_range = bits.flag("color_range")?;
        } else if self.colour == srgb {
            self.colour.full_range = true;
            (self.subsampling_x, self.subsampling_y) = (false, false);
        } else {
            self.colour.full_range = bits.flag("color_range")?;
            (self.subsampling_x, self.subsampling_y) = self.subsampling(bits)?;
            if self.subsampling_x && self.subsampling_y {
                self.chroma_sample_position = bits.u8(2, "chroma_sample_position")?;
            }
        }
        Ok(())
    }

    fn subsampling(&self, bits: &mut Bits<'_>) -> Result<(bool, bool), HeaderError> {
        match self.profile {
            0 => Ok((true, true)),
            1 => Ok((false, false)),
            _ if self.bit_depth == 12 => {
                let x = bits.flag("subsampling_x")?;
                Ok((x, x && bits.flag("subsampling_y")?))
            }
            _ => Ok((true, false)),
        }
    }

    /// What it says, in Pulse's vocabulary.
    pub fn header(&self) -> Header {
        let video = Video {
            width: self.width,
            height: self.height,
            frame_rate: self.frame_rate,
            range: self.colour.range(),
        };
        Header { params: Params::Video(video), rfc6381: self.rfc6381() }
    }

    /// The RFC 6381 string: `av01.P.LLT.DD`, and behind it chroma and colour where they differ from what their absence means
    /// (4:2:0, BT.709, limited range).
    pub fn rfc6381(&self) -> String {
        let mut name = short_name(self.profile, self.level, self.high_tier, self.bit_depth);
        let Colour { primaries, transfer, matrix, full_range } = self.colour;
        let default_colour =
            [primaries, transfer, matrix].iter().all(|code| matches!(code, 1 | 2)) && !full_range;
        let default_chroma = !self.monochrome && self.subsampling_x && self.subsampling_y;
        if !(default_colour && default_chroma) {
            let (mono, x, y) =
                (u8::from(self.monochrome), u8::from(self.subsampling_x), u8::from(self.subsampling_y));
            let position = if x == 1 && y == 1 { self.chroma_sample_position } else { 0 };
            let range = u8::from(full_range);
            name += &format!(".{mono}.{x}{y}{position}.{primaries:02}.{transfer:02}.{matrix:02}.{range}");
        }
        name
    }
}

/// `timing_info()` (§5.5.3).
fn timing(bits: &mut Bits<'_>) -> Result<Option<FrameRate>, HeaderError> {
    let units = bits.u(32, "num_units_in_display_tick")?;
    let scale = bits.u(32, "time_scale")?;
    if !bits.flag("equal_picture_interval")? {
        return Ok(None);
    }
    let ticks = u64::from(bits.uvlc("num_ticks_per_picture_minus_1")?) + 1;
    Ok(frame_rate(u64::from(scale), u64::from(units).saturating_mul(ticks)))
}

/// From the size to the colour: coding tools, of which nothing is kept.
fn tools(bits: &mut Bits<'_>, still: bool) -> Result<(), HeaderError> {
    bits.skip(3, "use_128x128_superblock")?;
    if !still {
        bits.skip(4, "enable_interintra_compound")?;
        let order_hint = bits.flag("enable_order_hint")?;
        bits.skip(if order_hint { 2 } else { 0 }, "enable_jnt_comp")?;
        let choose = bits.flag("seq_choose_screen_content_tools")?;
        let screen_content = choose || bits.flag("seq_force_screen_content_tools")?;
        if screen_content && !bits.flag("seq_choose_integer_mv")? {
            bits.skip(1, "seq_force_integer_mv")?;
        }
        bits.skip(if order_hint { 3 } else { 0 }, "order_hint_bits_minus_1")?;
    }
    bits.skip(3, "enable_superres")
}
