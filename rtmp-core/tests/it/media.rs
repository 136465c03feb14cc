//! A stream to send: headers as x264 and FFmpeg's AAC encoder write them, frames of a few bytes.

use bytes::Bytes;
use media_core::{Codec, Frame, Timescale, Timestamp, Track, TrackId};

/// avcC of a 1920x1080 stream.
pub(crate) const AVCC: &[u8] = &[
    0x01, 0x64, 0x00, 0x28, 0xff, 0xe1, 0x00, 0x18, 0x67, 0x64, 0x00, 0x28, 0xac, 0xb4, 0x03, 0xc0, 0x11,
    0x3f, 0x2e, 0x02, 0x20, 0x00, 0x00, 0x7d, 0x20, 0x00, 0x1d, 0x4c, 0x01, 0xe3, 0x06, 0x54, 0x01, 0x00,
    0x04, 0x68, 0xce, 0x0f, 0xcb, 0xfd, 0xf8, 0xf8, 0x00,
];
/// AudioSpecificConfig of AAC-LC, 48 kHz, stereo.
pub(crate) const ASC: &[u8] = &[0x11, 0x90];
/// A length-prefixed IDR slice, as far as carriage looks.
pub(crate) const IDR: &[u8] = &[0, 0, 0, 5, 0x65, 0x88, 0x84, 0x00, 0x21];

pub(crate) fn video_track() -> Track {
    let config = Bytes::from_static(AVCC);
    Track::from_config(TrackId::video(0), Codec::H264, Timescale::MICROS, config).expect("valid avcC")
}

pub(crate) fn audio_track(n: u8) -> Track {
    let config = Bytes::from_static(ASC);
    Track::from_config(TrackId::audio(n), Codec::Aac, Timescale::MICROS, config).expect("valid ASC")
}

/// A frame of `track` at a millisecond.
pub(crate) fn frame(track: TrackId, ms: i64, data: &'static [u8]) -> Frame {
    let dts = Timestamp(ms * 1000);
    Frame { track, dts, pts: dts, keyframe: true, data: Bytes::from_static(data) }
}

/// An FLV video tag body of a key frame.
pub(crate) fn video_body(composition_ms: i32) -> Vec<u8> {
    let [_, composition @ ..] = composition_ms.to_be_bytes();
    [&[0x17, 1][..], &composition, IDR].concat()
}

/// The FLV video tag body of the sequence header.
pub(crate) fn video_header() -> Vec<u8> {
    [&[0x17, 0, 0, 0, 0][..], AVCC].concat()
}

/// The FLV audio tag body of the sequence header.
pub(crate) fn audio_header() -> Vec<u8> {
    [&[0xaf, 0][..], ASC].concat()
}
