//! The sequence parameter set (ISO/IEC 14496-10 §7.3.2.1.1, annex E).

use super::{NAME, nal_type, payload};
use crate::codec::HeaderError;
use crate::codec::bits::Bits;
use crate::codec::video::{self, Colour};
use crate::track::FrameRate;

/// A sequence parameter set, as far as a server needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sps {
    /// `profile_idc`.
    pub profile: u8,
    /// The byte of constraint flags that stands between profile and level.
    pub constraints: u8,
    /// `level_idc`: ten times the level.
    pub level: u8,
    /// `seq_parameter_set_id`, 0 to 31.
    pub id: u8,
    /// `chroma_format_idc`: 0 is monochrome, 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4.
    pub chroma_format: u8,
    /// Bits of a luma sample, 8 to 14.
    pub bit_depth_luma: u8,
    /// Bits of a chroma sample, 8 to 14.
    pub bit_depth_chroma: u8,
    /// Width in pixels after cropping; the sample aspect ratio is not applied.
    pub width: u32,
    /// Height in pixels after cropping.
    pub height: u32,
    /// Whether pictures may be coded as fields.
    pub interlaced: bool,
    /// Width and height of one sample, (1, 1) where they are not said.
    pub sample_aspect: (u16, u16),
    /// Colour description.
    pub colour: Colour,
    /// `num_units_in_tick` and `time_scale`; a tick is one field.
    pub timing: Option<(u32, u32)>,
    /// Whether the frame rate is promised to be constant.
    pub fixed_frame_rate: bool,
}

/// Profiles whose SPS carries the chroma format (§7.3.2.1.1).
pub(super) fn has_chroma_format(profile: u8) -> bool {
    matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135)
}

impl Sps {
    /// Reads a sequence parameter set, NAL header included.
    ///
    /// Damage in the optional part (VUI) costs only what would have followed: some encoders cut it short, and pictures decode
    /// without it.
    ///
    /// # Errors
    /// [`HeaderError`] when it is cut short or has a value that no decoder takes.
    pub fn parse(unit: &[u8]) -> Result<Self, HeaderError> {
        if nal_type::of(unit) != nal_type::SPS {
            let value = u64::from(nal_type::of(unit));
            return Err(HeaderError::Invalid { codec: NAME, field: "nal_unit_type of the SPS", value });
        }
        let mut bits = payload(unit);
        let mut sps = Self::begin(&mut bits)?;
        if has_chroma_format(sps.profile) {
            sps.high_profile(&mut bits)?;
        }
        order_and_references(&mut bits)?;
        sps.size(&mut bits)?;
        let _ = sps.vui(&mut bits);
        Ok(sps)
    }

    fn begin(bits: &mut Bits<'_>) -> Result<Self, HeaderError> {
        Ok(Self {
            profile: bits.u8(8, "profile_idc")?,
            constraints: bits.u8(8, "constraint flags")?,
            level: bits.u8(8, "level_idc")?,
            id: bits.ue_max(31, "seq_parameter_set_id")? as u8,
            chroma_format: 1,
            bit_depth_luma: 8,
            bit_depth_chroma: 8,
            width: 0,
            height: 0,
            interlaced: false,
            sample_aspect: (1, 1),
            colour: Colour::default(),
            timing: None,
            fixed_frame_rate: false,
        })
    }

    fn high_profile(&mut self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
        self.chroma_format = bits.ue_max(3, "chroma_format_idc")? as u8;
        // Three colour planes that are coded apart are cropped as monochrome ones are, and as 4:4:4 is: by single samples.
        if self.chroma_format == 3 {
            bits.skip(1, "separate_colour_plane_flag")?;
        }
        self.bit_depth_luma = 8 + bits.ue_max(6, "bit_depth_luma_minus8")? as u8;
        self.bit_depth_chroma = 8 + bits.ue_max(6, "bit_depth_chroma_minus8")? as u8;
        bits.skip(1, "qpprime_y_zero_transform_bypass_flag")?;
        if bits.flag("seq_scaling_matrix_present_flag")? {
            let lists = if self.chroma_format == 3 { 12 } else { 8 };
            for list in 0..lists {
                if bits.flag("seq_scaling_list_present_flag")? {
                    scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
        Ok(())
    }

    fn size(&mut self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
        let columns = u64::from(bits.ue("pic_width_in_mbs_minus1")?) + 1;
        let rows = u64::from(bits.ue("pic_height_in_map_units_minus1")?) + 1;
        self.interlaced = !bits.flag("frame_mbs_only_flag")?;
        if self.interlaced {
            bits.skip(1, "mb_adaptive_frame_field_flag")?;
        }
        bits.skip(1, "direct_8x8_inference_flag")?;
        let mut crop = [0; 4];
        if bits.flag("frame_cropping_flag")? {
            for edge in &mut crop {
                *edge = bits.ue("frame_crop_offset")?;
            }
        }
        // A row of map units is one of field macroblocks: two in the frame.
        let fields = if self.interlaced { 2 } else { 1 };
        let (unit_x, unit_y) = match self.chroma_format {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let [left, right, top, bottom] = crop;
        self.width = video::cropped(NAME, "width", columns * 16, [left, right], unit_x)?;
        let coded = rows.saturating_mul(16 * fields);
        self.height = video::cropped(NAME, "height", coded, [top, bottom], unit_y * fields as u32)?;
        Ok(())
    }

    fn vui(&mut self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
        if !bits.flag("vui_parameters_present_flag")? {
            return Ok(());
        }
        if bits.flag("aspect_ratio_info_present_flag")? {
            self.sample_aspect = video::sample_aspect(bits)?;
        }
        if bits.flag("overscan_info_present_flag")? {
            bits.skip(1, "overscan_appropriate_flag")?;
        }
        if bits.flag("video_signal_type_present_flag")? {
            bits.skip(3, "video_format")?;
            self.colour.full_range = bits.flag("video_full_range_flag")?;
            if bits.flag("colour_description_present_flag")? {
                self.colour.primaries = bits.u8(8, "colour_primaries")?;
                self.colour.transfer = bits.u8(8, "transfer_characteristics")?;
                self.colour.matrix = bits.u8(8, "matrix_coefficients")?;
            }
        }
        if bits.flag("chroma_loc_info_present_flag")? {
            bits.ue("chroma_sample_loc_type_top_field")?;
            bits.ue("chroma_sample_loc_type_bottom_field")?;
        }
        if bits.flag("timing_info_present_flag")? {
            self.timing = Some((bits.u(32, "num_units_in_tick")?, bits.u(32, "time_scale")?));
            self.fixed_frame_rate = bits.flag("fixed_frame_rate_flag")?;
        }
        Ok(())
    }

    /// Frames a second, if timing is given and is one: ticks are fields, and a frame is two of them even where it is progressive
    /// (table E-6).
    pub fn frame_rate(&self) -> Option<FrameRate> {
        let (units, scale) = self.timing?;
        video::frame_rate(u64::from(scale), u64::from(units) * 2)
    }

    /// Whether the profile has chroma format and bit depths in its headers.
    pub fn has_chroma_format(&self) -> bool {
        has_chroma_format(self.profile)
    }

    /// The RFC 6381 string: `avc1.` and profile, constraints and level in hexadecimal.
    pub fn rfc6381(&self) -> String {
        format!("avc1.{:02x}{:02x}{:02x}", self.profile, self.constraints, self.level)
    }
}

/// Picture order count and reference frames, of which nothing is kept.
fn order_and_references(bits: &mut Bits<'_>) -> Result<(), HeaderError> {
    bits.ue_max(12, "log2_max_frame_num_minus4")?;
    match bits.ue_max(2, "pic_order_cnt_type")? {
        0 => {
            bits.ue_max(12, "log2_max_pic_order_cnt_lsb_minus4")?;
        }
        1 => {
            bits.skip(1, "delta_pic_order_always_zero_flag")?;
            bits.se("offset_for_non_ref_pic")?;
            bits.se("offset_for_top_to_bottom_field")?;
            for _ in 0..bits.ue_max(255, "num_ref_frames_in_pic_order_cnt_cycle")? {
                bits.se("offset_for_ref_frame")?;
            }
        }
        _ => {}
    }
    bits.ue("max_num_ref_frames")?;
    bits.skip(1, "gaps_in_frame_num_value_allowed_flag")
}

/// A scaling list of `size` coefficients (§7.3.2.1.1.1), of which nothing is kept.
fn scaling_list(bits: &mut Bits<'_>, size: u32) -> Result<(), HeaderError> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + i64::from(bits.se("delta_scale")?)).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Ok(())
}
