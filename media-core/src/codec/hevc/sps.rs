//! The sequence parameter set (ISO/IEC 23008-2 §7.3.2.2, annex E).

use super::{NAME, ProfileTierLevel, nal_type, payload, picture_rate};
use crate::codec::HeaderError;
use crate::codec::bits::Bits;
use crate::codec::video::{self, Colour};
use crate::track::FrameRate;

/// Most short-term reference picture sets an SPS may list (§7.4.3.2.1).
const MAX_SHORT_TERM_SETS: u32 = 64;
/// Most pictures one of them may name: the largest decoded picture buffer (§A.4.2).
const MAX_PICTURES: u32 = 16;

/// A sequence parameter set of the base layer, as far as a server needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sps {
    /// `sps_seq_parameter_set_id`, 0 to 15.
    pub id: u8,
    /// Temporal sub-layers, 1 to 7.
    pub sub_layers: u8,
    /// `sps_temporal_id_nesting_flag`.
    pub temporal_id_nesting: bool,
    /// Profile, tier and level.
    pub ptl: ProfileTierLevel,
    /// `chroma_format_idc`: 0 is monochrome, 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4.
    pub chroma_format: u8,
    /// Bits of a luma sample, 8 to 16.
    pub bit_depth_luma: u8,
    /// Bits of a chroma sample, 8 to 16.
    pub bit_depth_chroma: u8,
    /// Width in pixels within the conformance window; the sample aspect ratio is not applied.
    pub width: u32,
    /// Height in pixels within the conformance window.
    pub height: u32,
    /// Whether each picture is one field (`field_seq_flag`).
    pub interlaced: bool,
    /// Width and height of one sample, (1, 1) where they are not said.
    pub sample_aspect: (u16, u16),
    /// Colour description.
    pub colour: Colour,
    /// `num_units_in_tick` and `time_scale`; a tick is one picture.
    pub timing: Option<(u32, u32)>,
}

impl Sps {
    /// Reads a sequence parameter set, NAL header included.
    ///
    /// Damage behind the fields that size depends on costs only colour and timing.
    ///
    /// # Errors
    /// [`HeaderError`] when it is cut short or has a value that no decoder takes.
    pub fn parse(unit: &[u8]) -> Result<Self, HeaderError> {
        if nal_type::of(unit) != Some(nal_type::SPS) {
            return Err(HeaderError::Invalid { codec: NAME, field: "nal_unit_type of the SPS", value: 0 });
        }
        let mut bits = payload(unit);
        bits.skip(4, "sps_video_parameter_set_id")?;
        let sub_layers = bits.u8(3, "sps_max_sub_layers_minus1")?;
        if sub_layers > 6 {
            return Err(bits.invalid("sps_max_sub_layers_minus1", sub_layers));
        }
        let mut sps = Self {
            id: 0,
            sub_layers: sub_layers + 1,
            temporal_id_nesting: bits.flag("sps_temporal_id_nesting_flag")?,
            ptl: ProfileTierLevel::read(&mut bits, sub_layers)?,
            chroma_format: 1,
            bit_depth_luma: 8,
            bit_depth_chroma: 8,
            width: 0,
            height: 0,
            interlaced: false,
            sample_aspect: (1, 1),
            colour: Colour::default(),
            timing: None,
        };
        sps.pictures(&mut bits)?;
        let _ = sps.rest(&mut bits);
        Ok(sps)
    }

    fn pictures(&mut self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
        self.id = bits.ue_max(15, "sps_seq_parameter_set_id")? as u8;
        self.chroma_format = bits.ue_max(3, "chroma_format_idc")? as u8;
        if self.chroma_format == 3 {
            bits.skip(1, "separate_colour_plane_flag")?;
        }
        let width = bits.ue("pic_width_in_luma_samples")?;
        let height = bits.ue("pic_height_in_luma_samples")?;
        let mut window = [0; 4];
        if bits.flag("conformance_window_flag")? {
            for edge in &mut window {
                *edge = bits.ue("conf_win_offset")?;
            }
        }
        let [left, right, top, bottom] = window;
        let (unit_x, unit_y) = match self.chroma_format {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        self.width = video::cropped(NAME, "width", u64::from(width), [left, right], unit_x)?;
        self.height = video::cropped(NAME, "height", u64::from(height), [top, bottom], unit_y)?;
        self.bit_depth_luma = 8 + bits.ue_max(8, "bit_depth_luma_minus8")? as u8;
        self.bit_depth_chroma = 8 + bits.ue_max(8, "bit_depth_chroma_minus8")? as u8;
        Ok(())
    }

    /// From the picture order count to the VUI.
    fn rest(&mut self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
        let order_bits = 4 + bits.ue_max(12, "log2_max_pic_order_cnt_lsb_minus4")?;
        let all = bits.flag("sps_sub_layer_ordering_info_present_flag")?;
        for _ in if all { 0 } else { self.sub_layers.saturating_sub(1) }..self.sub_layers {
            bits.ue("sps_max_dec_pic_buffering_minus1")?;
            bits.ue("sps_max_num_reorder_pics")?;
            bits.ue("sps_max_latency_increase_plus1")?;
        }
        for _ in 0..6 {
            bits.ue("block sizes and hierarchy depths")?;
        }
        if bits.flag("scaling_list_enabled_flag")? && bits.flag("sps_scaling_list_data_present_flag")? {
            scaling_lists(bits)?;
        }
        bits.skip(2, "sample_adaptive_offset_enabled_flag")?;
        if bits.flag("pcm_enabled_flag")? {
            bits.skip(8, "pcm_sample_bit_depth")?;
            bits.ue("log2_min_pcm_luma_coding_block_size_minus3")?;
            bits.ue("log2_diff_max_min_pcm_luma_coding_block_size")?;
            bits.skip(1, "pcm_loop_filter_disabled_flag")?;
        }
        reference_sets(bits)?;
        if bits.flag("long_term_ref_pics_present_flag")? {
            let pictures = bits.ue_max(32, "num_long_term_ref_pics_sps")?;
            bits.skip(pictures * (order_bits + 1), "lt_ref_pic_poc_lsb_sps")?;
        }
        bits.skip(2, "strong_intra_smoothing_enabled_flag")?;
        if bits.flag("vui_parameters_present_flag")? { self.vui(bits) } else { Ok(()) }
    }

    fn vui(&mut self, bits: &mut Bits<'_>) -> Result<(), HeaderError> {
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
                self.colour.matrix = bits.u8(8, "matrix_coeffs")?;
            }
        }
        if bits.flag("chroma_loc_info_present_flag")? {
            bits.ue("chroma_sample_loc_type_top_field")?;
            bits.ue("chroma_sample_loc_type_bottom_field")?;
        }
        bits.skip(1, "neutral_chroma_indication_flag")?;
        self.interlaced = bits.flag("field_seq_flag")?;
        bits.skip(1, "frame_field_info_present_flag")?;
        if bits.flag("default_display_window_flag")? {
            for _ in 0..4 {
                bits.ue("def_disp_win_offset")?;
            }
        }
        if bits.flag("vui_timing_info_present_flag")? {
            self.timing = Some((bits.u(32, "vui_num_units_in_tick")?, bits.u(32, "vui_time_scale")?));
        }
        Ok(())
    }

    /// Pictures a second, if timing is given and is one.
    pub fn frame_rate(&self) -> Option<FrameRate> {
        picture_rate(self.timing)
    }
}

/// `scaling_list_data()` (§7.3.4), of which nothing is kept.
fn scaling_lists(bits: &mut Bits<'_>) -> Result<(), HeaderError> {
    for size in 0..4u32 {
        // Of the largest size there are two lists, not six.
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.flag("scaling_list_pred_mode_flag")? {
                bits.ue("scaling_list_pred_matrix_id_delta")?;
                continue;
            }
            if size > 1 {
                bits.se("scaling_list_dc_coef_minus8")?;
            }
            for _ in 0..64.min(1 << (4 + (size << 1))) {
                bits.se("scaling_list_delta_coef")?;
            }
        }
    }
    Ok(())
}

/// The list of `st_ref_pic_set()` (§7.3.7), of which nothing is kept.
fn reference_sets(bits: &mut Bits<'_>) -> Result<(), HeaderError> {
    let sets = bits.ue_max(MAX_SHORT_TERM_SETS, "num_short_term_ref_pic_sets")?;
    let mut pictures = 0;
    for set in 0..sets {
        pictures = if set > 0 && bits.flag("inter_ref_pic_set_prediction_flag")? {
            predicted_set(bits, pictures)?
        } else {
            explicit_set(bits)?
        };
    }
    Ok(())
}

/// A set described by its difference from the one before, which names `pictures`; how many it names.
fn predicted_set(bits: &mut Bits<'_>, pictures: u32) -> Result<u32, HeaderError> {
    bits.skip(1, "delta_rps_sign")?;
    bits.ue("abs_delta_rps_minus1")?;
    let mut named = 0;
    for _ in 0..=pictures {
        let used = bits.flag("used_by_curr_pic_flag")?;
        if used || bits.flag("use_delta_flag")? {
            named += 1;
        }
    }
    if named > MAX_PICTURES { Err(bits.invalid("pictures of a reference set", named)) } else { Ok(named) }
}

fn explicit_set(bits: &mut Bits<'_>) -> Result<u32, HeaderError> {
    let negative = bits.ue_max(MAX_PICTURES, "num_negative_pics")?;
    let positive = bits.ue_max(MAX_PICTURES - negative, "num_positive_pics")?;
    for _ in 0..negative + positive {
        bits.ue("delta_poc_minus1")?;
        bits.skip(1, "used_by_curr_pic_flag")?;
    }
    Ok(negative + positive)
}
