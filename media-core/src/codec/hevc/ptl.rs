//! Profile, tier and level (ISO/IEC 23008-2 §7.3.3), and the RFC 6381 string made of them.

use std::fmt::Write as _;

use crate::codec::HeaderError;
use crate::codec::bits::Bits;

/// The general part of `profile_tier_level()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileTierLevel {
    /// `general_profile_space`, 0 to 3.
    pub profile_space: u8,
    /// `general_tier_flag`: high tier.
    pub high_tier: bool,
    /// `general_profile_idc`, 0 to 31.
    pub profile: u8,
    /// `general_profile_compatibility_flag`s; flag 0 is the highest bit.
    pub compatibility: u32,
    /// The six bytes of constraint flags, in the lower 48 bits.
    pub constraints: u64,
    /// `general_level_idc`: thirty times the level.
    pub level: u8,
}

impl ProfileTierLevel {
    /// Reads the general part and passes over that of `max_sub_layers - 1` sub-layers.
    pub(super) fn read(bits: &mut Bits<'_>, max_sub_layers_minus1: u8) -> Result<Self, HeaderError> {
        let ptl = Self::general(bits)?;
        let mut present = Vec::with_capacity(8);
        for _ in 0..max_sub_layers_minus1.min(7) {
            present.push((
                bits.flag("sub_layer_profile_present_flag")?,
                bits.flag("sub_layer_level_present_flag")?,
            ));
        }
        if max_sub_layers_minus1 > 0 {
            bits.skip(2 * u32::from(8u8.saturating_sub(max_sub_layers_minus1)), "reserved_zero_2bits")?;
        }
        for (profile, level) in present {
            bits.skip(if profile { 88 } else { 0 }, "sub_layer_profile")?;
            bits.skip(if level { 8 } else { 0 }, "sub_layer_level_idc")?;
        }
        Ok(ptl)
    }

    fn general(bits: &mut Bits<'_>) -> Result<Self, HeaderError> {
        Ok(Self {
            profile_space: bits.u8(2, "general_profile_space")?,
            high_tier: bits.flag("general_tier_flag")?,
            profile: bits.u8(5, "general_profile_idc")?,
            compatibility: bits.u(32, "general_profile_compatibility_flags")?,
            constraints: (u64::from(bits.u(32, "general_constraint_flags")?) << 16)
                | u64::from(bits.u(16, "general_constraint_flags")?),
            level: bits.u8(8, "general_level_idc")?,
        })
    }

    /// The twelve bytes as `hvcC` holds them.
    pub(super) fn encode(&self) -> [u8; 12] {
        let first = (self.profile_space << 6) | (u8::from(self.high_tier) << 5) | (self.profile & 0x1f);
        let [c0, c1, c2, c3] = self.compatibility.to_be_bytes();
        let [_, _, k0, k1, k2, k3, k4, k5] = self.constraints.to_be_bytes();
        [first, c0, c1, c2, c3, k0, k1, k2, k3, k4, k5, self.level]
    }

    /// The RFC 6381 string by ISO/IEC 14496-15 §E.3: `hvc1.`, profile space and profile, compatibility flags in reverse order of
    /// bits, tier and level, and the constraint bytes without the zeros at their end.
    pub fn rfc6381(&self) -> String {
        let space = ["", "A", "B", "C"].get(usize::from(self.profile_space)).copied().unwrap_or_default();
        let tier = if self.high_tier { 'H' } else { 'L' };
        let compatibility = self.compatibility.reverse_bits();
        let mut name = format!("hvc1.{space}{}.{compatibility:X}.{tier}{}", self.profile, self.level);
        let [_, _, constraints @ ..] = self.constraints.to_be_bytes();
        let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for byte in constraints.iter().take(used) {
            // Writing into a string cannot fail.
            let _ = write!(name, ".{byte:X}");
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_follow_annex_e() {
        // The standard's own examples.
        let main = ProfileTierLevel {
            profile: 1,
            compatibility: 0x6000_0000,
            constraints: 0xb000_0000_0000,
            level: 93,
            ..ProfileTierLevel::default()
        };
        assert_eq!(main.rfc6381(), "hvc1.1.6.L93.B0");
        let spaced = ProfileTierLevel {
            profile_space: 1,
            high_tier: true,
            profile: 4,
            compatibility: 0x4100_0000,
            constraints: 0xb023_0000_0000,
            level: 120,
        };
        assert_eq!(spaced.rfc6381(), "hvc1.A4.82.H120.B0.23");
        let bare = ProfileTierLevel { profile: 2, level: 30, ..ProfileTierLevel::default() };
        assert_eq!(bare.rfc6381(), "hvc1.2.0.L30");
    }

    #[test]
    fn sub_layers_are_passed_over() {
        // Three sub-layers: the first with profile and level, the second with a level.
        let mut data = vec![0x01, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93];
        data.extend([0b1101_0000, 0]);
        data.extend([0xff; 11 + 1 + 1]);
        data.push(0x2a);
        let mut bits = Bits::new("hevc", &data);
        let ptl = ProfileTierLevel::read(&mut bits, 2).unwrap();
        assert_eq!(ptl.level, 93);
        assert_eq!(bits.u(8, "marker"), Ok(0x2a));
        let [head @ .., _] = &data[..12] else { unreachable!() };
        assert_eq!(&ptl.encode()[..11], head);
    }
}
