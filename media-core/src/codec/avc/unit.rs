//! Access units: where decoding may begin, and parameter sets that travel in band.

use bytes::Bytes;

use super::{Config, MAX_CONFIG_BYTES, Sps, nal_type, payload};
use crate::codec::nal::{AnnexB, LengthPrefixed};
use crate::codec::{RandomAccess, param_sets, sei};

/// The largest picture parameter set id (ISO/IEC 14496-10 §7.4.2.2).
const MAX_PPS_ID: u32 = 255;

/// How many sets of a kind a record can hold (ISO/IEC 14496-15 §5.3.3.1.2); ids could tell one more apart.
const MAX_SPS: usize = 31;
const MAX_PPS: usize = 255;

/// Whether and how decoding may begin at an access unit with `length_size` bytes of length before each NAL unit.
pub fn random_access(length_size: u8, access_unit: &[u8]) -> RandomAccess {
    let mut found = RandomAccess::None;
    for unit in LengthPrefixed::new(access_unit, length_size) {
        match nal_type::of(unit) {
            nal_type::IDR => return RandomAccess::Idr,
            // Messages stand before the first slice they speak of.
            nal_type::SLICE => return found,
            nal_type::SEI => {
                let recovery = sei::messages(payload(unit)).find_map(|message| match message {
                    sei::Message::RecoveryPoint(frames) => Some(RandomAccess::Recovery { frames }),
                    sei::Message::Transfer(_) => None,
                });
                found = recovery.unwrap_or(found);
            }
            _ => {}
        }
    }
    found
}

/// The record that `config` becomes when the parameter sets in `access_unit` differ from its own; `None` when there are none or
/// they say the same.
///
/// A set takes the place of the one with its id, a new SPS first in the list, since it is the one in force. Sets that cannot be
/// read change nothing. Cheap for an access unit without parameter sets, which nearly all are.
pub fn updated_config(config: &[u8], access_unit: &[u8]) -> Option<Bytes> {
    let length_size = (config.get(4)? & 3) + 1;
    let units = LengthPrefixed::new(access_unit, length_size);
    if !units.clone().any(is_parameter_set) {
        return None;
    }
    let before = Config::parse(config).ok()?;
    let mut merged = before.clone();
    // An access unit with several sets of one id changes the list on its way to the same again.
    let changed = merge(&mut merged, units)
        && !(param_sets::same(&before.sps, &merged.sps) && param_sets::same(&before.pps, &merged.pps));
    if changed { merged.encode().ok() } else { None }
}

/// The record for a stream whose parameter sets travel in band only: from an access unit that has both kinds, with
/// `length_size` bytes of length before each NAL unit.
pub fn config_from_access_unit(length_size: u8, access_unit: &[u8]) -> Option<Bytes> {
    from_units(length_size, LengthPrefixed::new(access_unit, length_size))
}

/// The record from parameter sets behind start codes, as some hardware encoders send it for a sequence header. Its length size is 4,
/// as that of [`annex_b_to_length_prefixed`](crate::codec::nal::annex_b_to_length_prefixed).
pub fn config_from_annex_b(parameter_sets: &[u8]) -> Option<Bytes> {
    from_units(4, AnnexB::new(parameter_sets))
}

fn from_units<'a>(length_size: u8, units: impl Iterator<Item = &'a [u8]>) -> Option<Bytes> {
    let mut config = Config { length_size, sps: Vec::new(), pps: Vec::new(), sps_ext: Vec::new() };
    merge(&mut config, units);
    if config.pps.is_empty() { None } else { config.encode().ok() }
}

fn is_parameter_set(unit: &[u8]) -> bool {
    matches!(nal_type::of(unit), nal_type::SPS | nal_type::PPS)
}

/// Takes the parameter sets of `units` in; whether that changed anything.
fn merge<'a>(config: &mut Config<'a>, units: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut changed = false;
    let mut new_sps = 0;
    for unit in units.filter(|unit| is_parameter_set(unit)).take(param_sets::MAX_PER_ACCESS_UNIT) {
        if unit.len() > MAX_CONFIG_BYTES {
            continue;
        }
        if nal_type::of(unit) == nal_type::SPS {
            changed |= param_sets::replace(&mut config.sps, unit, sps_id, &mut new_sps, MAX_SPS);
        } else {
            let mut end = config.pps.len();
            changed |= param_sets::replace(&mut config.pps, unit, pps_id, &mut end, MAX_PPS);
        }
    }
    changed
}

fn sps_id(unit: &[u8]) -> Option<u32> {
    Sps::parse(unit).ok().map(|sps| u32::from(sps.id))
}

fn pps_id(unit: &[u8]) -> Option<u32> {
    let mut bits = payload(unit);
    let id = bits.ue_max(MAX_PPS_ID, "pic_parameter_set_id").ok()?;
    bits.ue_max(31, "seq_parameter_set_id").ok()?;
    Some(id)
}
