//! The program config element, which lists channels where no number stands for their layout (ISO/IEC 14496-3 §4.4.1.1).

use crate::codec::HeaderError;
use crate::codec::bits::Bits;

/// Reads an element to its end; the number of channels, which is 0 to 79.
pub(super) fn program_config(bits: &mut Bits<'_>) -> Result<u8, HeaderError> {
    bits.skip(4 + 2 + 4, "sampling_frequency_index")?;
    let mut speakers = 0;
    for field in ["num_front_channel_elements", "num_side_channel_elements", "num_back_channel_elements"] {
        speakers += bits.u(4, field)?;
    }
    let low = bits.u8(2, "num_lfe_channel_elements")?;
    let data = bits.u(3, "num_assoc_data_elements")?;
    let coupling = bits.u(4, "num_valid_cc_elements")?;
    for (width, field) in [(4, "mono_mixdown"), (4, "stereo_mixdown"), (3, "matrix_mixdown")] {
        if bits.flag(field)? {
            bits.skip(width, field)?;
        }
    }
    let mut channels = low;
    for _ in 0..speakers {
        channels += 1 + bits.u8(1, "element_is_cpe")?;
        bits.skip(4, "element_tag_select")?;
    }
    bits.skip(4 * (u32::from(low) + data) + 5 * coupling, "element_tag_select")?;
    bits.align();
    let comment = bits.u(8, "comment_field_bytes")?;
    bits.skip(8 * comment, "comment_field_data")?;
    Ok(channels)
}
