//! `esds`: the MPEG-4 elementary stream descriptor (ISO/IEC 14496-1 §7.2.6).

use super::super::boxes::Boxes;

/// objectTypeIndication of AAC, of any object type.
pub(super) const AAC: u8 = 0x40;
/// objectTypeIndication of MPEG-2 layer III (ISO/IEC 13818-3, sampling frequencies below 32 kHz).
pub(super) const MPEG2_LAYER3: u8 = 0x69;
/// objectTypeIndication of MPEG-1 layer III (ISO/IEC 11172-3).
pub(super) const MPEG1_LAYER3: u8 = 0x6b;

const ES_DESCRIPTOR: u8 = 3;
const DECODER_CONFIG_DESCRIPTOR: u8 = 4;
const DECODER_SPECIFIC_INFO: u8 = 5;
const SL_CONFIG_DESCRIPTOR: u8 = 6;
/// streamType audio (5), upStream 0, reserved 1.
const AUDIO_STREAM: u8 = 5 << 2 | 1;
/// A descriptor's tag and its size on four bytes, the form most readers were tested with.
const HEADER_BYTES: usize = 5;

/// Writes `esds`; without `specific_info` there is no such descriptor.
pub(super) fn write(entry: &mut Boxes, object_type: u8, specific_info: &[u8]) {
    let info_bytes = if specific_info.is_empty() { 0 } else { HEADER_BYTES + specific_info.len() };
    let config_bytes = 13 + info_bytes;
    let es_bytes = 3 + HEADER_BYTES + config_bytes + HEADER_BYTES + 1;
    entry.full(b"esds", 0, 0, |b| {
        header(b, ES_DESCRIPTOR, es_bytes);
        b.u16(0); // ES_ID, 0 in a file
        b.u8(0);
        header(b, DECODER_CONFIG_DESCRIPTOR, config_bytes);
        b.u8(object_type);
        b.u8(AUDIO_STREAM);
        b.zeros(3 + 4 + 4); // bufferSizeDB and bit rates: unknown of a live stream
        if !specific_info.is_empty() {
            header(b, DECODER_SPECIFIC_INFO, specific_info.len());
            b.bytes(specific_info);
        }
        header(b, SL_CONFIG_DESCRIPTOR, 1);
        b.u8(2); // predefined: MP4
    });
}

fn header(b: &mut Boxes, tag: u8, len: usize) {
    b.u8(tag);
    // 28 bits; configurations are below MAX_CONFIG_BYTES.
    for shift in [21, 14, 7] {
        b.u8((len >> shift) as u8 & 0x7f | 0x80);
    }
    b.u8(len as u8 & 0x7f);
}
