//! Tracks and frames made by hand.

use bytes::Bytes;
use media_core::track::{Audio, Params, Video};
use media_core::{Codec, Frame, Timescale, Timestamp, Track, TrackId};

/// An AVCDecoderConfigurationRecord of constrained baseline, level 3.0: one SPS, one PPS, four bytes of length.
pub(crate) const AVCC: &[u8] = &[
    1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 10, 0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x47, 0xfe, 0xc8, 1, 0,
    4, 0x68, 0xce, 0x3c, 0x80,
];
/// AAC-LC, 48 kHz, stereo.
pub(crate) const AAC_LC: &[u8] = &[0x11, 0x90];

pub(crate) fn video(codec: Codec, config: impl Into<Bytes>, width: u32, height: u32) -> Track {
    Track {
        id: TrackId::video(0),
        codec,
        timescale: Timescale::VIDEO,
        config: config.into(),
        params: Params::Video(Video { width, height, ..Video::default() }),
        rfc6381: "".into(),
    }
}

pub(crate) fn audio(codec: Codec, config: impl Into<Bytes>, sample_rate: u32, channels: u8) -> Track {
    Track {
        id: TrackId::audio(0),
        codec,
        timescale: Timescale::new(sample_rate).unwrap(),
        config: config.into(),
        params: Params::Audio(Audio { sample_rate, channels }),
        rfc6381: "".into(),
    }
}

pub(crate) fn frame(track: &Track, dts: i64, offset: i64, keyframe: bool, data: impl Into<Bytes>) -> Frame {
    Frame { track: track.id, dts: Timestamp(dts), pts: Timestamp(dts + offset), keyframe, data: data.into() }
}
