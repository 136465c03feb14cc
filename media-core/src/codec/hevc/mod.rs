//! HEVC: the decoder configuration record (`hvcC`), parameter sets in and out of it, and what an access unit holds.

mod config;
mod ptl;
mod sps;
mod unit;
mod vps;

pub use config::{Config, MAX_CONFIG_BYTES};
pub use ptl::ProfileTierLevel;
pub use sps::Sps;
pub use unit::{config_from_access_unit, config_from_annex_b, is_mislabelled, random_access, updated_config};
pub use vps::Vps;

use super::bits::Bits;
use super::sei;
use super::video::frame_rate;
use super::{Header, HeaderError};
use crate::track::{FrameRate, Params, Video};

const NAME: &str = "hevc";

/// Types of NAL units (ISO/IEC 23008-2 table 7-1).
pub mod nal_type {
    /// The first type of random access pictures (IRAP), which is BLA.
    pub const FIRST_IRAP: u8 = 16;
    /// The last type of BLA pictures.
    pub const LAST_BLA: u8 = 18;
    /// The last type of IDR pictures.
    pub const LAST_IDR: u8 = 20;
    /// Clean random access picture: leading pictures may follow that cannot be decoded.
    pub const CRA: u8 = 21;
    /// The last type reserved for random access pictures.
    pub const LAST_IRAP: u8 = 23;
    /// The last type of slices.
    pub const LAST_SLICE: u8 = 31;
    /// Video parameter set.
    pub const VPS: u8 = 32;
    /// Sequence parameter set.
    pub const SPS: u8 = 33;
    /// Picture parameter set.
    pub const PPS: u8 = 34;
    /// Access unit delimiter.
    pub const AUD: u8 = 35;
    /// Supplemental enhancement information before the picture.
    pub const PREFIX_SEI: u8 = 39;
    /// Supplemental enhancement information after the picture.
    pub const SUFFIX_SEI: u8 = 40;

    /// The type of a NAL unit of the base layer; `None` for another layer's and for what is no NAL unit.
    pub fn of(unit: &[u8]) -> Option<u8> {
        let [first, second, ..] = unit else { return None };
        let layer = ((first & 1) << 5) | (second >> 3);
        let forbidden = first >> 7;
        if layer != 0 || forbidden != 0 || second & 7 == 0 { None } else { Some(first >> 1) }
    }
}

/// The bits of a NAL unit behind its header.
fn payload(unit: &[u8]) -> Bits<'_> {
    Bits::rbsp(NAME, unit.get(2..).unwrap_or_default())
}

/// What an `hvcC` record says.
pub(super) fn header(record: &[u8]) -> Result<Header, HeaderError> {
    let config = Config::parse(record)?;
    let sps = config.first_sps()?;
    let vps = || config.vps.first().and_then(|unit| Vps::parse(unit).ok());
    let frame_rate = sps.frame_rate().or_else(|| vps()?.frame_rate());
    let mut colour = sps.colour;
    if let Some(transfer) = preferred_transfer(&config.sei) {
        colour.transfer = transfer;
    }
    let video = Video { width: sps.width, height: sps.height, frame_rate, range: colour.range() };
    Ok(Header { params: Params::Video(video), rfc6381: sps.ptl.rfc6381() })
}

/// The transfer characteristics that SEI messages prefer to the SPS's: HLG sent compatibly to sets that know only BT.2020's.
fn preferred_transfer(units: &[&[u8]]) -> Option<u8> {
    units.iter().flat_map(|unit| sei::messages(payload(unit))).find_map(|message| match message {
        sei::Message::Transfer(transfer) => Some(transfer),
        sei::Message::RecoveryPoint(_) => None,
    })
}

/// Pictures a second from `num_units_in_tick` and `time_scale`: in HEVC a tick is a picture.
fn picture_rate(timing: Option<(u32, u32)>) -> Option<FrameRate> {
    let (units, scale) = timing?;
    frame_rate(u64::from(scale), u64::from(units))
}

#[cfg(test)]
mod tests;
