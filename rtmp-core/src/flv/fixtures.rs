//! Headers and frames for tests: parameter sets as x264 and x265 write them for 1280x720, the rest laid out by hand.

use bytes::Bytes;
use media_core::codec::{avc, hevc};
use media_core::{Codec, Timescale, Track, TrackId};

/// x264, High profile, level 3.1, 1280x720.
pub(crate) const AVC_SPS: &[u8] = &[
    0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x6a, 0x02, 0x02, 0x02, 0x80, 0x00,
    0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x1e, 0x07, 0x8c, 0x18, 0xcb,
];
pub(crate) const AVC_PPS: &[u8] = &[0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];
/// An IDR slice and another one, as far as carriage looks.
pub(crate) const AVC_IDR: &[u8] = &[0x65, 0x88, 0x84, 0x00, 0x21];
pub(crate) const AVC_SLICE: &[u8] = &[0x41, 0x9a, 0x24, 0x6c];
/// x265, Main profile, level 3.1, 1280x720.
pub(crate) const HEVC_VPS: &[u8] = &[
    0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00,
    0x00, 0x03, 0x00, 0x5d, 0x95, 0x98, 0x09,
];
pub(crate) const HEVC_SPS: &[u8] = &[
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00,
    0x5d, 0xa0, 0x02, 0x80, 0x80, 0x2d, 0x16, 0x59, 0x59, 0xa4, 0x93, 0x2b, 0xc0, 0x5a, 0x70, 0x80, 0x00,
    0x01, 0xf4, 0x80, 0x00, 0x3a, 0x98, 0x04,
];
pub(crate) const HEVC_PPS: &[u8] = &[0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40];
pub(crate) const HEVC_IDR: &[u8] = &[0x26, 0x01, 0xaf, 0x08];
/// An AV1 sequence header OBU: Main profile, level 3.1, 1280x720.
pub(crate) const AV1_SEQUENCE: &[u8] =
    &[0x0a, 0x0b, 0x00, 0x00, 0x00, 0x2d, 0x4c, 0xff, 0xb3, 0xc0, 0x18, 0x00, 0x80];
/// A VP9 key frame's header: profile 0, 1280x720.
pub(crate) const VP9_KEY: &[u8] = &[0x82, 0x49, 0x83, 0x42, 0x40, 0x4f, 0xf0, 0x2c, 0xf0, 0x00];
/// MPEG-1 layer III, 128 kbit/s, 44.1 kHz, stereo.
pub(crate) const MP3_FRAME: &[u8] = &[0xff, 0xfb, 0x90, 0x00, 0, 0, 0, 0, 0, 0];
/// AC-3, 48 kHz, stereo.
pub(crate) const AC3_FRAME: &[u8] = &[0x0b, 0x77, 0x12, 0x34, 0x14, 0x40, 0x40, 0, 0, 0];
/// E-AC-3, 48 kHz, six blocks, stereo.
pub(crate) const EAC3_FRAME: &[u8] = &[0x0b, 0x77, 0x00, 0x05, 0x34, 0x80, 0, 0, 0, 0, 0, 0];
/// AAC-LC, 48 kHz, stereo.
pub(crate) const ASC: &[u8] = &[0x11, 0x90];

/// NAL units as a length-prefixed access unit.
pub(crate) fn prefixed(units: &[&[u8]]) -> Bytes {
    let mut out = Vec::new();
    for unit in units {
        out.extend_from_slice(&(unit.len() as u32).to_be_bytes());
        out.extend_from_slice(unit);
    }
    out.into()
}

/// NAL units behind start codes.
pub(crate) fn annex_b(units: &[&[u8]]) -> Bytes {
    let mut out = Vec::new();
    for unit in units {
        out.extend_from_slice(&[0, 0, 0, 1]);
        out.extend_from_slice(unit);
    }
    out.into()
}

pub(crate) fn avcc() -> Bytes {
    avc::config_from_annex_b(&annex_b(&[AVC_SPS, AVC_PPS])).unwrap()
}

pub(crate) fn hvcc() -> Bytes {
    hevc::config_from_annex_b(&annex_b(&[HEVC_VPS, HEVC_SPS, HEVC_PPS])).unwrap()
}

pub(crate) fn flac_head() -> Bytes {
    let mut head = b"fLaC\x80\x00\x00\x22\x10\x00\x10\x00\0\0\0\0\0\0\x0b\xb8\x02\xf0".to_vec();
    head.resize(8 + 34, 0);
    head.into()
}

/// A valid configuration record.
pub(crate) fn config(codec: Codec) -> Bytes {
    match codec {
        Codec::H264 => avcc(),
        Codec::Hevc => hvcc(),
        Codec::Av1 => [&[0x81, 0x05, 0x0c, 0x00], AV1_SEQUENCE].concat().into(),
        Codec::Vp9 => Bytes::from_static(&[0, 31, 0x82, 1, 1, 1, 0, 0]),
        Codec::Aac => Bytes::from_static(ASC),
        Codec::Opus => super::opus::head(2),
        Codec::Flac => flac_head(),
        _ => Bytes::new(),
    }
}

/// A key frame that goes with [`config`].
pub(crate) fn key_frame(codec: Codec) -> Bytes {
    match codec {
        Codec::H264 => prefixed(&[AVC_IDR]),
        Codec::Hevc => prefixed(&[HEVC_IDR]),
        Codec::Av1 => [AV1_SEQUENCE, &[0x32, 0x02, 0x10, 0x00]].concat().into(),
        Codec::Vp9 => Bytes::from_static(VP9_KEY),
        Codec::Mp3 => Bytes::from_static(MP3_FRAME),
        Codec::Ac3 => Bytes::from_static(AC3_FRAME),
        Codec::Eac3 => Bytes::from_static(EAC3_FRAME),
        _ => Bytes::from_static(&[0x21, 0x10, 0x04, 0x60]),
    }
}

/// A track as a demuxer would announce it.
pub(crate) fn track(id: TrackId, codec: Codec, timescale: Timescale) -> Track {
    let config = config(codec);
    let made = if config.is_empty() {
        Track::from_first_frame(id, codec, timescale, &key_frame(codec))
    } else {
        Track::from_config(id, codec, timescale, config)
    };
    made.unwrap()
}

#[test]
fn fixtures_are_what_they_say() {
    for codec in [Codec::H264, Codec::Hevc, Codec::Av1] {
        let track = track(TrackId::video(0), codec, Timescale::MICROS);
        let size = track.video().map(|video| (video.width, video.height));
        assert_eq!(size, Some((1280, 720)), "{codec:?}");
    }
    for codec in [Codec::Aac, Codec::Opus, Codec::Mp3, Codec::Ac3, Codec::Eac3, Codec::Flac] {
        let track = track(TrackId::audio(0), codec, Timescale::MICROS);
        assert_eq!(track.audio().map(|audio| audio.channels), Some(2), "{codec:?}");
    }
}
