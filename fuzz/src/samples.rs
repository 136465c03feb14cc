//! Tracks and frames that are as they should be, for what is fuzzed around them.

use bytes::{BufMut, BytesMut};
use media_core::codec::{avc, hevc, nal};
use media_core::{Codec, Frame, Timescale, Timestamp, Track, TrackId, TrackKind};
use rtmp_core::flv::{Muxer, TagKind, WireForm};
use rtmp_core::message::MessageKind;

/// x264: High profile, level 3.1, 1280x720.
const AVC: [&[u8]; 2] = [
    &[
        0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x6a, 0x02, 0x02, 0x02, 0x80, 0x00,
        0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x1e, 0x07, 0x8c, 0x18, 0xcb,
    ],
    &[0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0],
];
/// x265: Main profile, level 3.1, 1280x720.
const HEVC: [&[u8]; 3] = [
    &[
        0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00,
        0x00, 0x03, 0x00, 0x5d, 0x95, 0x98, 0x09,
    ],
    &[
        0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00,
        0x5d, 0xa0, 0x02, 0x80, 0x80, 0x2d, 0x16, 0x59, 0x59, 0xa4, 0x93, 0x2b, 0xc0, 0x5a, 0x70, 0x80, 0x00,
        0x01, 0xf4, 0x80, 0x00, 0x3a, 0x98, 0x04,
    ],
    &[0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40],
];
/// An AV1 sequence header: Main profile, level 3.1, 1280x720.
const AV1_SEQUENCE: &[u8] = &[0x0a, 0x0b, 0x00, 0x00, 0x00, 0x2d, 0x4c, 0xff, 0xb3, 0xc0, 0x18, 0x00, 0x80];
/// Frame headers: MPEG-1 layer III at 44.1 kHz, AC-3 and E-AC-3 at 48 kHz, stereo all.
const MP3: &[u8] = &[0xff, 0xfb, 0x90, 0x00, 0, 0, 0, 0, 0, 0];
const AC3: &[u8] = &[0x0b, 0x77, 0x12, 0x34, 0x14, 0x40, 0x40, 0, 0, 0];
const EAC3: &[u8] = &[0x0b, 0x77, 0x00, 0x05, 0x34, 0x80, 0, 0, 0, 0, 0, 0];

/// Every codec that a publisher can send.
pub(crate) const CODECS: [Codec; 10] = [
    Codec::H264,
    Codec::Aac,
    Codec::Hevc,
    Codec::Av1,
    Codec::Vp9,
    Codec::Opus,
    Codec::Mp3,
    Codec::Ac3,
    Codec::Eac3,
    Codec::Flac,
];

/// A track with a real header.
pub(crate) fn track(id: TrackId, codec: Codec, timescale: Timescale) -> Track {
    let made = match codec {
        Codec::Mp3 => Track::from_first_frame(id, codec, timescale, MP3),
        Codec::Ac3 => Track::from_first_frame(id, codec, timescale, AC3),
        Codec::Eac3 => Track::from_first_frame(id, codec, timescale, EAC3),
        _ => Track::from_config(id, codec, timescale, config(codec).into()),
    };
    made.expect("the header is valid")
}

/// The same with another header, if the codec is one of those that most encoders have.
pub(crate) fn other_track(id: TrackId, codec: Codec, timescale: Timescale) -> Track {
    let mut config = config(codec);
    match (codec, config.last_mut()) {
        // Another picture parameter set.
        (Codec::H264, Some(last)) => *last ^= 2,
        // LC at 44.1 kHz, stereo.
        (Codec::Aac, _) => config = vec![0x12, 0x10],
        _ => return track(id, codec, timescale),
    }
    Track::from_config(id, codec, timescale, config.into()).expect("the header is valid")
}

fn config(codec: Codec) -> Vec<u8> {
    let annex_b =
        |units: &[&[u8]]| units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect::<Vec<u8>>();
    match codec {
        Codec::H264 => avc::config_from_annex_b(&annex_b(&AVC)).expect("valid").to_vec(),
        Codec::Hevc => hevc::config_from_annex_b(&annex_b(&HEVC)).expect("valid").to_vec(),
        Codec::Av1 => [&[0x81, 0x05, 0x0c, 0x00], AV1_SEQUENCE].concat(),
        Codec::Vp9 => vec![0, 31, 0x82, 1, 1, 1, 0, 0],
        Codec::Opus => b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0".to_vec(),
        Codec::Flac => {
            let mut head = b"fLaC\x80\x00\x00\x22\x10\x00\x10\x00\0\0\0\0\0\0\x0b\xb8\x02\xf0".to_vec();
            head.resize(8 + 34, 0);
            head
        }
        // LC at 48 kHz, stereo.
        _ => vec![0x11, 0x90],
    }
}

/// A frame's bytes as its codec frames them, with `noise` as what was coded.
pub(crate) fn payload(codec: Codec, key: bool, noise: &[u8]) -> Vec<u8> {
    match codec {
        Codec::H264 => access_unit(&[if key { 0x65 } else { 0x41 }], noise),
        Codec::Hevc => access_unit(&[if key { 0x26 } else { 0x02 }, 0x01], noise),
        // A frame OBU that says its size in two bytes of LEB128.
        Codec::Av1 => [&[0x32, noise.len() as u8 | 0x80, (noise.len() >> 7) as u8 & 0x7f], noise].concat(),
        Codec::Vp9 if key => [&[0x82, 0x49, 0x83, 0x42, 0x40, 0x4f, 0xf0, 0x2c, 0xf0, 0x00], noise].concat(),
        Codec::Vp9 => [&[0x86], noise].concat(),
        Codec::Mp3 => [MP3, noise].concat(),
        Codec::Ac3 => [AC3, noise].concat(),
        Codec::Eac3 => [EAC3, noise].concat(),
        // A TOC of 20 ms, or the beginning of a channel pair: never an ADTS header.
        _ => [&[0x21], noise].concat(),
    }
}

fn access_unit(header: &[u8], noise: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    nal::push_length_prefixed(&mut out, &[header, &escaped(noise), &[0x80]].concat());
    out
}

/// `noise` with emulation prevention, as every encoder writes it: no start code can be in it.
fn escaped(noise: &[u8]) -> Vec<u8> {
    let (mut out, mut zeros) = (Vec::with_capacity(noise.len()), 0);
    for &byte in noise {
        if zeros == 2 && byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    if zeros > 0 {
        out.push(3);
    }
    out
}

/// A track by number, and a frame of it at `ms`.
pub(crate) fn track_and_frame(which: u8, ms: u32) -> (Track, Frame) {
    let codec = CODECS[usize::from(which) % CODECS.len()];
    let number = which / 64;
    let id = match codec.kind() {
        TrackKind::Video => TrackId::video(number),
        _ => TrackId::audio(number),
    };
    let dts = Timestamp(i64::from(ms) * 1000);
    let data = payload(codec, true, &[which; 30]).into();
    (track(id, codec, Timescale::MICROS), Frame { track: id, dts, pts: dts, keyframe: true, data })
}

/// The header (if `which` is odd) or a frame of a track by number, as RTMP carries it.
pub(crate) fn media_message(which: u8) -> (MessageKind, BytesMut) {
    let (track, frame) = track_and_frame(which / 2, 0);
    let form = if which & 0x40 == 0 { WireForm::Enhanced } else { WireForm::Multitrack };
    let mut muxer = Muxer::new(form);
    muxer.set_tracks(&[track]);
    let tag = match which & 1 {
        1 => muxer.headers(0).pop(),
        _ => muxer.frame(&frame),
    };
    let Some(tag) = tag else { return (MessageKind::DATA_AMF0, BytesMut::new()) };
    let kind = match tag.kind {
        TagKind::Audio => MessageKind::AUDIO,
        TagKind::Video => MessageKind::VIDEO,
        TagKind::Script => MessageKind::DATA_AMF0,
    };
    let mut body = BytesMut::with_capacity(tag.len());
    body.put_slice(tag.head());
    body.put_slice(&tag.payload);
    (kind, body)
}

/// What a demuxer announced: frames are of these tracks, and headers are of a size that can be kept.
#[derive(Default)]
pub(crate) struct Announced {
    tracks: Vec<TrackId>,
}

impl Announced {
    pub(crate) fn track(&mut self, track: &Track) {
        let limits = rtmp_core::flv::Limits::default();
        assert!(track.config.len() <= limits.max_config_bytes + 64);
        if !self.tracks.contains(&track.id) {
            self.tracks.push(track.id);
        }
        // Script messages are a track of their own.
        assert!(self.tracks.len() <= limits.max_tracks + 1);
    }

    pub(crate) fn frame(&self, frame: &Frame) {
        assert!(
            self.tracks.contains(&frame.track),
            "a frame of track {}, which was not announced",
            frame.track.0
        );
        assert!(!frame.data.is_empty());
    }
}
