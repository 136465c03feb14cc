//! Access units: where decoding may begin, parameter sets that travel in band, and HEVC under H.264's name.

use bytes::Bytes;

use super::config::MAX_SETS;
use super::{Config, MAX_CONFIG_BYTES, Sps, Vps, nal_type, payload};
use crate::codec::nal::{AnnexB, LengthPrefixed};
use crate::codec::{RandomAccess, avc, param_sets, sei};

/// The largest picture parameter set id (ISO/IEC 23008-2 §7.4.3.3.1).
const MAX_PPS_ID: u32 = 63;

/// Whether and how decoding may begin at an access unit with `length_size` bytes of length before each NAL unit.
pub fn random_access(length_size: u8, access_unit: &[u8]) -> RandomAccess {
    let mut found = RandomAccess::None;
    for unit in LengthPrefixed::new(access_unit, length_size) {
        match nal_type::of(unit) {
            Some(nal_type::FIRST_IRAP..=nal_type::LAST_IDR) => return RandomAccess::Idr,
            Some(nal_type::CRA..=nal_type::LAST_IRAP) => return RandomAccess::Open,
            Some(0..=nal_type::LAST_SLICE) => return found,
            Some(nal_type::PREFIX_SEI) => found = recovery(unit).unwrap_or(found),
            _ => {}
        }
    }
    found
}

fn recovery(unit: &[u8]) -> Option<RandomAccess> {
    sei::messages(payload(unit)).find_map(|message| match message {
        // A signed Exp-Golomb code: odd ones are positive. A point that lies behind is passed already.
        sei::Message::RecoveryPoint(code) => {
            let frames = if code % 2 == 1 { code.div_ceil(2) } else { 0 };
            Some(RandomAccess::Recovery { frames })
        }
        sei::Message::Transfer(_) => None,
    })
}

/// The record that `config` becomes when the parameter sets in `access_unit` differ from its own; `None` when there are none or
/// they say the same.
///
/// A set takes the place of the one with its id, a new SPS first in the list, since it is the one in force. Sets that cannot be
/// read change nothing. Cheap for an access unit without parameter sets, which nearly all are.
pub fn updated_config(config: &[u8], access_unit: &[u8]) -> Option<Bytes> {
    let length_size = (config.get(21)? & 3) + 1;
    let units = LengthPrefixed::new(access_unit, length_size);
    if !units.clone().any(is_parameter_set) {
        return None;
    }
    let before = Config::parse(config).ok()?;
    let mut merged = before.clone();
    // An access unit with several sets of one id changes the lists on its way to the same again.
    let changed = merge(&mut merged, units)
        && !(param_sets::same(&before.vps, &merged.vps)
            && param_sets::same(&before.sps, &merged.sps)
            && param_sets::same(&before.pps, &merged.pps));
    if changed { merged.encode().ok() } else { None }
}

/// The record for a stream whose parameter sets travel in band only: from an access unit that has all three kinds, with
/// `length_size` bytes of length before each NAL unit.
pub fn config_from_access_unit(length_size: u8, access_unit: &[u8]) -> Option<Bytes> {
    from_units(length_size, LengthPrefixed::new(access_unit, length_size))
}

/// The record from parameter sets behind start codes, as some hardware encoders send it for a sequence header. Its length size is 4,
/// as that of [`annex_b_to_length_prefixed`](crate::codec::nal::annex_b_to_length_prefixed).
pub fn config_from_annex_b(parameter_sets: &[u8]) -> Option<Bytes> {
    from_units(4, AnnexB::new(parameter_sets))
}

/// Whether what came as H.264 is HEVC, as OBS before 29.1 sent it over RTMP (srs#3464).
///
/// `data` is a sequence header or an access unit with four bytes of length. It is HEVC when it is an `hvcC` record, or when it has a
/// VPS and an SPS that can be read; their NAL headers are of types that H.264 leaves unspecified.
pub fn is_mislabelled(data: &[u8]) -> bool {
    if avc::Config::parse(data).and_then(|config| config.first_sps()).is_ok() {
        return false;
    }
    let readable = |unit: &[u8], kind: u8| match kind {
        nal_type::VPS => Vps::parse(unit).is_ok(),
        _ => Sps::parse(unit).is_ok(),
    };
    let found = |units: &mut dyn Iterator<Item = &[u8]>, wanted: u8| {
        units.take(param_sets::MAX_PER_ACCESS_UNIT).any(|unit| readable(unit, wanted))
    };
    let in_band =
        |wanted| found(&mut LengthPrefixed::new(data, 4), wanted) || found(&mut AnnexB::new(data), wanted);
    Config::parse(data).is_ok_and(|config| config.first_sps().is_ok())
        || (in_band(nal_type::VPS) && in_band(nal_type::SPS))
}

fn from_units<'a>(length_size: u8, units: impl Iterator<Item = &'a [u8]>) -> Option<Bytes> {
    let mut config = Config::empty(length_size);
    merge(&mut config, units);
    let complete = !config.vps.is_empty() && !config.pps.is_empty();
    if complete { config.encode().ok() } else { None }
}

fn is_parameter_set(unit: &[u8]) -> bool {
    matches!(nal_type::of(unit), Some(nal_type::VPS | nal_type::SPS | nal_type::PPS))
}

/// Takes the parameter sets of `units` in; whether that changed anything.
fn merge<'a>(config: &mut Config<'a>, units: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut changed = false;
    let mut new_sps = 0;
    for unit in units.filter(|unit| is_parameter_set(unit)).take(param_sets::MAX_PER_ACCESS_UNIT) {
        if unit.len() > MAX_CONFIG_BYTES {
            continue;
        }
        changed |= match nal_type::of(unit) {
            Some(nal_type::VPS) => {
                let mut end = config.vps.len();
                param_sets::replace(&mut config.vps, unit, vps_id, &mut end, MAX_SETS)
            }
            Some(nal_type::SPS) => param_sets::replace(&mut config.sps, unit, sps_id, &mut new_sps, MAX_SETS),
            _ => {
                let mut end = config.pps.len();
                param_sets::replace(&mut config.pps, unit, pps_id, &mut end, MAX_SETS)
            }
        };
    }
    changed
}

fn vps_id(unit: &[u8]) -> Option<u32> {
    Vps::parse(unit).ok().map(|vps| u32::from(vps.id))
}

fn sps_id(unit: &[u8]) -> Option<u32> {
    Sps::parse(unit).ok().map(|sps| u32::from(sps.id))
}

fn pps_id(unit: &[u8]) -> Option<u32> {
    let mut bits = payload(unit);
    let id = bits.ue_max(MAX_PPS_ID, "pps_pic_parameter_set_id").ok()?;
    bits.ue_max(15, "pps_seq_parameter_set_id").ok()?;
    Some(id)
}
