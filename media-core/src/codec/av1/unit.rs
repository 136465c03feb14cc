//! Temporal units: key frames, sequence headers in band, delimiters.

use bytes::Bytes;

use super::{Config, NAME, Obu, Obus, SequenceHeader};
use crate::codec::bits::Bits;
use crate::codec::{HeaderError, RandomAccess};

/// `frame_type` of a key frame.
const KEY_FRAME: u8 = 0;

/// Whether decoding may begin at a temporal unit: its first frame is a shown key frame.
pub fn random_access(temporal_unit: &[u8]) -> RandomAccess {
    let mut still = false;
    for obu in Obus::new(temporal_unit) {
        match obu.kind {
            Obu::SEQUENCE_HEADER => {
                still = SequenceHeader::parse(obu.payload).is_ok_and(|header| header.still);
            }
            Obu::FRAME | Obu::FRAME_HEADER => {
                let key = still || is_shown_key_frame(obu.payload).unwrap_or(false);
                return if key { RandomAccess::Idr } else { RandomAccess::None };
            }
            _ => {}
        }
    }
    RandomAccess::None
}

/// The beginning of `uncompressed_header()` (AV1 specification §5.9.2).
fn is_shown_key_frame(payload: &[u8]) -> Result<bool, HeaderError> {
    let mut bits = Bits::new(NAME, payload);
    let existing = bits.flag("show_existing_frame")?;
    let kind = bits.u8(2, "frame_type")?;
    let shown = bits.flag("show_frame")?;
    Ok(!existing && kind == KEY_FRAME && shown)
}

/// The first sequence header among the OBUs of `data`, if there is one.
pub fn sequence_header(data: &[u8]) -> Option<Result<SequenceHeader, HeaderError>> {
    find_sequence_header(data).map(|obu| SequenceHeader::parse(obu.payload))
}

fn find_sequence_header(data: &[u8]) -> Option<Obu<'_>> {
    Obus::new(data).find(|obu| obu.kind == Obu::SEQUENCE_HEADER)
}

/// The record that `config` becomes when `temporal_unit` has a sequence header of its own that says something else; `None` when it
/// has none or one that says the same.
///
/// Bits that only concern the decoder do not count: SVT-AV1 writes other coding tools into the record than into the stream, and
/// decoders take those of the stream.
pub fn updated_config(config: &[u8], temporal_unit: &[u8]) -> Option<Bytes> {
    let obu = find_sequence_header(temporal_unit)?;
    let current = Config::parse(config).ok().and_then(|config| find_sequence_header(config.obus));
    if current.is_some_and(|current| current.payload == obu.payload) {
        return None;
    }
    let sequence = SequenceHeader::parse(obu.payload).ok()?;
    if current.and_then(|current| SequenceHeader::parse(current.payload).ok()).as_ref() == Some(&sequence) {
        return None;
    }
    Config::encode(&sequence, &with_size(&obu)?)
}

/// The OBU with a size, which the record requires.
fn with_size(obu: &Obu<'_>) -> Option<Vec<u8>> {
    let size = u32::try_from(obu.payload.len()).ok()?;
    let mut out = vec![obu.kind << 3 | 2];
    let mut left = size;
    while left > 0x7f {
        out.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
    out.extend_from_slice(obu.payload);
    Some(out)
}

/// `temporal_unit` without temporal delimiters, which an MP4 sample does not have; shared bytes unless one stands in the middle.
pub fn strip_temporal_delimiters(temporal_unit: &Bytes) -> Bytes {
    let delimiter = |obu: &Obu<'_>| obu.kind == Obu::TEMPORAL_DELIMITER;
    let lead: usize = Obus::new(temporal_unit).take_while(delimiter).map(|obu| obu.whole.len()).sum();
    let body = temporal_unit.slice(lead.min(temporal_unit.len())..);
    if !Obus::new(&body).any(|obu| delimiter(&obu)) {
        return body;
    }
    let mut obus = Obus::new(&body);
    let mut out: Vec<u8> = Vec::with_capacity(body.len());
    for obu in obus.by_ref().filter(|obu| !delimiter(obu)) {
        out.extend_from_slice(obu.whole);
    }
    out.extend_from_slice(obus.rest());
    out.into()
}
