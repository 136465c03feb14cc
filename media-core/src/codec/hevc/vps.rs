//! The video parameter set (ISO/IEC 23008-2 §7.3.2.1), for the frame rate that some encoders say only there.

use super::{NAME, ProfileTierLevel, nal_type, payload, picture_rate};
use crate::codec::HeaderError;
use crate::codec::bits::Bits;
use crate::track::FrameRate;

/// A video parameter set, as far as a server needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vps {
    /// `vps_video_parameter_set_id`, 0 to 15.
    pub id: u8,
    /// Temporal sub-layers, 1 to 7.
    pub sub_layers: u8,
    /// Profile, tier and level of the whole stream.
    pub ptl: ProfileTierLevel,
    /// `num_units_in_tick` and `time_scale`.
    pub timing: Option<(u32, u32)>,
}

impl Vps {
    /// Reads a video parameter set, NAL header included.
    ///
    /// # Errors
    /// [`HeaderError`] when it is cut short before the end of profile and level, or invalid.
    pub fn parse(unit: &[u8]) -> Result<Self, HeaderError> {
        if nal_type::of(unit) != Some(nal_type::VPS) {
            return Err(HeaderError::Invalid { codec: NAME, field: "nal_unit_type of the VPS", value: 0 });
        }
        let mut bits = payload(unit);
        let id = bits.u8(4, "vps_video_parameter_set_id")?;
        bits.skip(2 + 6, "vps_max_layers_minus1")?;
        let sub_layers = bits.u8(3, "vps_max_sub_layers_minus1")?;
        if sub_layers > 6 {
            return Err(bits.invalid("vps_max_sub_layers_minus1", sub_layers));
        }
        bits.skip(1 + 16, "vps_reserved_0xffff_16bits")?;
        let ptl = ProfileTierLevel::read(&mut bits, sub_layers)?;
        let timing = timing(&mut bits, sub_layers).unwrap_or_default();
        Ok(Self { id, sub_layers: sub_layers + 1, ptl, timing })
    }

    /// Pictures a second, if timing is given and is one.
    pub fn frame_rate(&self) -> Option<FrameRate> {
        picture_rate(self.timing)
    }
}

fn timing(bits: &mut Bits<'_>, sub_layers: u8) -> Result<Option<(u32, u32)>, HeaderError> {
    let all = bits.flag("vps_sub_layer_ordering_info_present_flag")?;
    for _ in if all { 0 } else { sub_layers }..=sub_layers {
        bits.ue("vps_max_dec_pic_buffering_minus1")?;
        bits.ue("vps_max_num_reorder_pics")?;
        bits.ue("vps_max_latency_increase_plus1")?;
    }
    let layers = bits.u(6, "vps_max_layer_id")? + 1;
    let sets = bits.ue_max(1023, "vps_num_layer_sets_minus1")?;
    bits.skip(sets * layers, "layer_id_included_flag")?;
    if !bits.flag("vps_timing_info_present_flag")? {
        return Ok(None);
    }
    Ok(Some((bits.u(32, "vps_num_units_in_tick")?, bits.u(32, "vps_time_scale")?)))
}
