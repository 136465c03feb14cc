//! What all video headers say in their own bits: colour, frame rate, size.

use super::HeaderError;
use super::bits::Bits;
use crate::track::{FrameRate, VideoRange};

/// The longest side in pixels that is taken: what level 6.2 of H.264 and HEVC allows (√(8 × 35,651,584)). It also keeps sizes
/// within the 16 bits of an MP4 sample entry.
pub const MAX_SIDE: u32 = 16_888;

/// Frame rates above this are not rates but clocks (an encoder writing its millisecond or 90 kHz timebase). Frames a second.
const MAX_FRAME_RATE: u64 = 300;

/// Colour description by the code points of ISO/IEC 23091-2 (ITU-T H.273).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Colour {
    /// Colour primaries; 1 is BT.709, 9 is BT.2020, 2 unspecified.
    pub primaries: u8,
    /// Transfer characteristics; 1 is BT.709, 16 is PQ, 18 is HLG, 2 unspecified.
    pub transfer: u8,
    /// Matrix coefficients; 1 is BT.709, 9 is BT.2020 non-constant luminance, 2 unspecified.
    pub matrix: u8,
    /// Whether samples use the full range of codes.
    pub full_range: bool,
}

impl Default for Colour {
    /// Unspecified, limited range: what a header without a colour description means.
    fn default() -> Self {
        Self { primaries: 2, transfer: 2, matrix: 2, full_range: false }
    }
}

impl Colour {
    /// Whether any code point is specified.
    pub fn is_specified(&self) -> bool {
        *self != Self::default()
    }

    /// Dynamic range by the transfer characteristics.
    pub fn range(&self) -> VideoRange {
        match self.transfer {
            16 => VideoRange::Pq,
            18 => VideoRange::Hlg,
            _ => VideoRange::Sdr,
        }
    }
}

/// `ticks / per_frame` frames a second in lowest terms; `None` for what cannot be a frame rate.
pub(crate) fn frame_rate(ticks: u64, per_frame: u64) -> Option<FrameRate> {
    let divisor = gcd(ticks, per_frame);
    if ticks == 0 || per_frame == 0 || divisor == 0 {
        return None;
    }
    if ticks > per_frame.saturating_mul(MAX_FRAME_RATE) || per_frame > ticks.saturating_mul(10) {
        return None;
    }
    let num = u32::try_from(ticks / divisor).ok()?;
    let den = u32::try_from(per_frame / divisor).ok()?;
    Some(FrameRate { num, den })
}

fn gcd(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// One side of a picture: `coded` less what is cropped off both ends.
pub(crate) fn cropped(
    codec: &'static str,
    field: &'static str,
    coded: u64,
    crop: [u32; 2],
    unit: u32,
) -> Result<u32, HeaderError> {
    let cut = (u64::from(crop[0]) + u64::from(crop[1])) * u64::from(unit);
    let side = coded.checked_sub(cut).and_then(|side| u32::try_from(side).ok()).unwrap_or(0);
    if side == 0 || coded > u64::from(MAX_SIDE) {
        return Err(HeaderError::Invalid { codec, field, value: coded });
    }
    Ok(side)
}

/// Checks a side that needs no cropping.
pub(crate) fn side(codec: &'static str, field: &'static str, value: u32) -> Result<u32, HeaderError> {
    cropped(codec, field, u64::from(value), [0, 0], 1)
}

/// The sample aspect ratio of a VUI, `bits` standing behind its flag: by an index, or in full behind the escape. Square where a side
/// is 0, which means unspecified.
pub(crate) fn sample_aspect(bits: &mut Bits<'_>) -> Result<(u16, u16), HeaderError> {
    let idc = bits.u8(8, "aspect_ratio_idc")?;
    if idc != 255 {
        return Ok(aspect_of(idc));
    }
    match (bits.u(16, "sar_width")?, bits.u(16, "sar_height")?) {
        (0, _) | (_, 0) => Ok((1, 1)),
        (width, height) => Ok((width as u16, height as u16)),
    }
}

/// Width and height of a sample by `aspect_ratio_idc` (ISO/IEC 14496-10 table E-1, ISO/IEC 23008-2 table E.1); square if unknown.
fn aspect_of(idc: u8) -> (u16, u16) {
    match idc {
        2 => (12, 11),
        3 => (10, 11),
        4 => (16, 11),
        5 => (40, 33),
        6 => (24, 11),
        7 => (20, 11),
        8 => (32, 11),
        9 => (80, 33),
        10 => (18, 11),
        11 => (15, 11),
        12 => (64, 33),
        13 => (160, 99),
        14 => (4, 3),
        15 => (3, 2),
        16 => (2, 1),
        _ => (1, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_rates_are_reduced() {
        assert_eq!(frame_rate(60_000, 2002), Some(FrameRate { num: 30_000, den: 1001 }));
        assert_eq!(frame_rate(50, 2), Some(FrameRate { num: 25, den: 1 }));
        assert_eq!(frame_rate(1, 10), Some(FrameRate { num: 1, den: 10 }));
    }

    #[test]
    fn a_timebase_is_not_a_frame_rate() {
        for (ticks, per_frame) in [(2000, 2), (180_000, 2), (0, 1), (1, 0), (0, 0), (1, 11), (u64::MAX, 1)] {
            assert_eq!(frame_rate(ticks, per_frame), None, "{ticks}/{per_frame}");
        }
    }

    #[test]
    fn cropping_everything_off_is_refused() {
        assert_eq!(cropped("h264", "width", 1920, [0, 0], 2), Ok(1920));
        assert_eq!(cropped("h264", "height", 1088, [0, 4], 2), Ok(1080));
        assert!(cropped("h264", "width", 16, [4, 4], 2).is_err());
        assert!(cropped("h264", "width", 16, [u32::MAX, u32::MAX], 4).is_err());
        assert!(side("vp9", "width", 0).is_err());
        assert!(side("vp9", "width", MAX_SIDE + 1).is_err());
    }

    #[test]
    fn transfer_decides_the_range() {
        let with = |transfer| Colour { transfer, ..Colour::default() }.range();
        assert_eq!((with(16), with(18), with(1)), (VideoRange::Pq, VideoRange::Hlg, VideoRange::Sdr));
    }
}
