//! Goal: what a muxer writes in any form, a demuxer reads back as the same tracks and frames.

use bytes::Bytes;
use media_core::{Codec, Frame, Timescale, Timestamp, Track, TrackId, TrackKind};
use proptest::prelude::*;

use super::fixtures::{self, prefixed};
use super::{Demuxer, Media, Muxer, Tag, TagKind, WireForm};

const VIDEO: [Codec; 4] = [Codec::H264, Codec::Hevc, Codec::Av1, Codec::Vp9];
const AUDIO: [Codec; 6] = [Codec::Aac, Codec::Opus, Codec::Mp3, Codec::Ac3, Codec::Eac3, Codec::Flac];

fn read(demuxer: &mut Demuxer, tag: &Tag) -> Vec<Media> {
    demuxer.push(tag.kind, tag.timestamp_ms, tag.to_bytes()).collect()
}

/// A frame's payload that its codec accepts, with `noise` in it.
fn payload(codec: Codec, key: bool, noise: &[u8]) -> Bytes {
    match codec {
        Codec::H264 => prefixed(&[&[0x09, 0xf0], &[&[if key { 0x65 } else { 0x41 }], noise].concat()]),
        Codec::Hevc => prefixed(&[&[&[if key { 0x26 } else { 0x02 }, 0x01], noise].concat()]),
        // A frame OBU, or an inter frame's header.
        Codec::Av1 => [&[0x32, noise.len() as u8], noise].concat().into(),
        Codec::Vp9 => [&[0x86], noise].concat().into(),
        Codec::Mp3 => [fixtures::MP3_FRAME, noise].concat().into(),
        Codec::Ac3 => [fixtures::AC3_FRAME, noise].concat().into(),
        Codec::Eac3 => [fixtures::EAC3_FRAME, noise].concat().into(),
        _ => [&[0x21], noise].concat().into(),
    }
}

fn tracks() -> impl Strategy<Value = Vec<Track>> {
    let video = proptest::collection::vec(proptest::sample::select(&VIDEO[..]), 0..3);
    let audio = proptest::collection::vec(proptest::sample::select(&AUDIO[..]), 0..3);
    (video, audio).prop_map(|(video, audio)| {
        let video = video.into_iter().zip(0..).map(|(codec, n)| (TrackId::video(n), codec));
        let audio = audio.into_iter().zip(0..).map(|(codec, n)| (TrackId::audio(n), codec));
        video.chain(audio).map(|(id, codec)| fixtures::track(id, codec, Timescale::MICROS)).collect()
    })
}

/// Track (by a number to be reduced), decode time in ms, composition time in ms, key frame, noise.
type Sketch = (usize, u32, i32, bool, Vec<u8>);

fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
    let composition = prop_oneof![Just(0), -0x80_0000..0x7f_ffff_i32, -50..200_i32];
    let noise = proptest::collection::vec(1_u8..=255, 1..40);
    proptest::collection::vec((any::<usize>(), any::<u32>(), composition, any::<bool>(), noise), 0..12)
}

fn frame(tracks: &[Track], sketch: &Sketch, nanos: bool) -> Frame {
    let (index, ms, composition, key, noise) = sketch;
    let track = &tracks[index % tracks.len()];
    let video = track.kind() == TrackKind::Video;
    let reorders = matches!(track.codec, Codec::H264 | Codec::Hevc);
    let fraction = if nanos { i64::from(ms % 1000) } else { 0 };
    let dts = Timestamp(i64::from(*ms) * 1000 + fraction);
    let pts = dts.offset(if reorders { i64::from(*composition) * 1000 } else { 0 });
    let keyframe = *key || !video;
    Frame { track: track.id, dts, pts, keyframe, data: payload(track.codec, keyframe, noise) }
}

fn round_trip(form: WireForm, tracks: &[Track], sketches: &[Sketch], nanos: bool) {
    let mut muxer = Muxer::new(form);
    if nanos {
        muxer = muxer.with_nano_offsets();
    }
    muxer.set_tracks(tracks);
    let mut demuxer = Demuxer::default();
    let mut announced: Vec<Track> = Vec::new();
    for tag in muxer.headers(0) {
        for media in read(&mut demuxer, &tag) {
            match media {
                Media::Track(track) => announced.push(track),
                Media::Metadata(metadata) => {
                    let has = |kind| muxer.carried().any(|track| track.kind() == kind);
                    assert!(has(TrackKind::Video) || !metadata.video);
                    assert!(has(TrackKind::Audio) || !metadata.audio);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let configured: Vec<Track> =
        muxer.carried().filter(|track| !track.config.is_empty()).map(|track| on_wire(form, track)).collect();
    assert_eq!(announced, configured);
    for sketch in sketches {
        let sent = frame(tracks, sketch, nanos);
        let Some(tag) = muxer.frame(&sent) else {
            assert!(muxer.left_out().any(|track| track.id == sent.track));
            continue;
        };
        let got = read(&mut demuxer, &tag).into_iter().filter_map(|media| match media {
            Media::Frame(frame) => Some(frame),
            Media::Track(_) => None,
            other => panic!("{other:?}"),
        });
        let got: Vec<Frame> = got.collect();
        let legacy = tag.head().first().is_some_and(|first| match tag.kind {
            TagKind::Video => first & 0x80 == 0,
            _ => first >> 4 != 9,
        });
        let mut expected = Frame { track: id_on_wire(form, sent.track), ..sent };
        if legacy {
            // Legacy messages have no room for fractions of a millisecond.
            let fraction = expected.dts.0 % 1000;
            (expected.dts, expected.pts) = (expected.dts.offset(-fraction), expected.pts.offset(-fraction));
        }
        assert_eq!(got, [expected]);
    }
}

/// Forms of single tracks do not say which one it was.
fn id_on_wire(form: WireForm, id: TrackId) -> TrackId {
    match (form, id.0 >= 256) {
        (WireForm::Multitrack, _) => id,
        (_, true) => TrackId::audio(0),
        (_, false) => TrackId::video(0),
    }
}

fn on_wire(form: WireForm, track: &Track) -> Track {
    Track { id: id_on_wire(form, track.id), ..track.clone() }
}

proptest! {
    #[test]
    fn every_form_reads_back(tracks in tracks(), sketches in sketches(), nanos: bool) {
        for form in WireForm::ALL {
            if !tracks.is_empty() {
                round_trip(form, &tracks, &sketches, nanos);
            }
        }
    }
}
