//! Goal: whatever form a publisher sends its media in, legacy, enhanced or wrong, comes out as the same tracks and frames, and
//! nothing it sends panics or grows without bound.

use media_core::track::VideoRange;
use proptest::prelude::*;

use super::*;
use crate::amf::{Object, Value};
use crate::flv::FourCc;
use crate::flv::fixtures::*;

const V0: TrackId = TrackId::video(0);
const A0: TrackId = TrackId::audio(0);

fn push(demuxer: &mut Demuxer, kind: TagKind, ms: u32, parts: &[&[u8]]) -> Vec<Media> {
    demuxer.push(kind, ms, parts.concat().into()).collect()
}

fn video(demuxer: &mut Demuxer, ms: u32, parts: &[&[u8]]) -> Vec<Media> {
    push(demuxer, TagKind::Video, ms, parts)
}

fn audio(demuxer: &mut Demuxer, ms: u32, parts: &[&[u8]]) -> Vec<Media> {
    push(demuxer, TagKind::Audio, ms, parts)
}

/// The only track among `media`, which has nothing else.
fn only_track(media: &[Media]) -> &Track {
    match media {
        [Media::Track(track)] => track,
        other => panic!("{other:?}"),
    }
}

fn only_frame(media: &[Media]) -> &Frame {
    match media {
        [Media::Frame(frame)] => frame,
        other => panic!("{other:?}"),
    }
}

fn track_and_frame(media: &[Media]) -> (&Track, &Frame) {
    match media {
        [Media::Track(track), Media::Frame(frame)] => (track, frame),
        other => panic!("{other:?}"),
    }
}

fn why(media: &[Media]) -> &Why {
    match media {
        [Media::Ignored { why }] => why,
        other => panic!("{other:?}"),
    }
}

/// A demuxer that has had a legacy H.264 header.
fn with_avc() -> Demuxer {
    let mut demuxer = Demuxer::default();
    only_track(&video(&mut demuxer, 0, &[b"\x17\x00\x00\x00\x00", &avcc()]));
    demuxer
}

#[test]
fn legacy_h264_and_aac() {
    let mut demuxer = Demuxer::default();
    let media = video(&mut demuxer, 0, &[b"\x17\x00\x00\x00\x00", &avcc()]);
    let track = only_track(&media);
    assert_eq!((track.id, track.codec, track.timescale), (V0, Codec::H264, Timescale::MICROS));
    assert_eq!(track.config, avcc());
    let media = audio(&mut demuxer, 0, &[b"\xaf\x00", ASC]);
    assert_eq!((only_track(&media).id, &*only_track(&media).rfc6381), (A0, "mp4a.40.2"));

    let media = video(&mut demuxer, 40, &[b"\x17\x01\x00\x00\x50", &prefixed(&[AVC_IDR])]);
    let expected = Frame {
        track: V0,
        dts: Timestamp(40_000),
        pts: Timestamp(120_000),
        keyframe: true,
        data: prefixed(&[AVC_IDR]),
    };
    assert_eq!(only_frame(&media), &expected);
    let media = video(&mut demuxer, 73, &[b"\x27\x01\x00\x00\x00", &prefixed(&[AVC_SLICE])]);
    assert!(!only_frame(&media).keyframe);
    let media = audio(&mut demuxer, u32::MAX, &[b"\xaf\x01", b"\x21\x10"]);
    assert_eq!(only_frame(&media).dts, Timestamp(4_294_967_295_000));
    assert!(only_frame(&media).keyframe);
}

#[test]
fn payloads_are_slices_of_the_message() {
    let mut demuxer = with_avc();
    let message = Bytes::from([b"\x17\x01\x00\x00\x00", &prefixed(&[AVC_IDR])[..]].concat());
    let media: Vec<_> = demuxer.push(TagKind::Video, 0, message.clone()).collect();
    assert_eq!(only_frame(&media).data.as_ptr(), message[5..].as_ptr());
}

#[test]
fn trap_6_composition_times_are_signed_in_both_headers() {
    let mut demuxer = with_avc();
    let idr = prefixed(&[AVC_IDR]);
    let legacy = video(&mut demuxer, 100, &[b"\x17\x01\xff\xff\xde", &idr]);
    assert_eq!(only_frame(&legacy).pts, Timestamp(66_000));
    let enhanced = video(&mut demuxer, 100, &[b"\x91avc1\xff\xff\xde", &idr]);
    assert_eq!(only_frame(&enhanced).pts, Timestamp(66_000));
    let x = video(&mut demuxer, 100, &[b"\x93avc1", &idr]);
    assert_eq!((only_frame(&x).pts, &only_frame(&x).data), (Timestamp(100_000), &idr));
}

#[test]
fn trap_10_aac_without_a_header_says_so() {
    let mut demuxer = Demuxer::default();
    assert_eq!(why(&audio(&mut demuxer, 0, &[b"\xaf\x01\x21\x10\x04"])), &Why::NoHeader { track: A0 });
    assert!(why(&audio(&mut demuxer, 0, &[b"\xaf\x01\x21\x10\x04"])).is_fault());
}

#[test]
fn trap_10_an_empty_header_comes_before_the_real_one() {
    let mut demuxer = Demuxer::default();
    assert_eq!(why(&audio(&mut demuxer, 0, &[b"\xaf\x00"])), &Why::EmptyHeader { track: A0 });
    only_track(&audio(&mut demuxer, 0, &[b"\xaf\x00", ASC]));
    assert_eq!(why(&audio(&mut demuxer, 5, &[b"\xaf\x00"])), &Why::EmptyHeader { track: A0 });
    only_frame(&audio(&mut demuxer, 5, &[b"\xaf\x01\x21\x10\x04"]));
}

/// An ADTS frame of AAC-LC, 48 kHz, stereo.
fn adts(raw: &[u8]) -> Vec<u8> {
    let size = raw.len() as u16 + 7;
    let head = [
        0xff,
        0xf1,
        0x4c,
        0x80 | (size >> 11) as u8,
        (size >> 3) as u8,
        ((size & 7) << 5) as u8 | 0x1f,
        0xfc,
    ];
    [&head, raw].concat()
}

#[test]
fn trap_10_adts_stands_in_for_the_header_and_is_taken_off() {
    let mut demuxer = Demuxer::default();
    let media = audio(&mut demuxer, 10, &[b"\xaf\x01", &adts(b"one"), &adts(b"two")]);
    let [Media::Track(track), Media::Frame(one), Media::Frame(two)] = &media[..] else { panic!("{media:?}") };
    assert_eq!(track.config, ASC);
    assert_eq!((&one.data[..], &two.data[..]), (&b"one"[..], &b"two"[..]));
    assert_eq!((one.dts, two.dts), (Timestamp(10_000), Timestamp(10_000 + 21_333)));
    only_frame(&audio(&mut demuxer, 50, &[b"\xaf\x01", &adts(b"three")]));
}

#[test]
fn trap_10_adts_behind_a_real_header_leaves_it_in_force() {
    let mut demuxer = Demuxer::default();
    only_track(&audio(&mut demuxer, 0, &[b"\xaf\x00\x12\x10"]));
    assert_eq!(only_frame(&audio(&mut demuxer, 0, &[b"\xaf\x01", &adts(b"raw")])).data, &b"raw"[..]);
}

#[test]
fn trap_10_he_aac_headers_are_read() {
    let mut demuxer = Demuxer::default();
    // SBR, signalled explicitly: object type 5, 24 kHz core, 48 kHz output, LC below.
    let media = audio(&mut demuxer, 0, &[b"\xaf\x00\x2b\x11\x88\x00"]);
    assert_eq!(&*only_track(&media).rfc6381, "mp4a.40.5");
}

#[test]
fn trap_11_a_header_that_is_sent_again_is_no_change() {
    let mut demuxer = with_avc();
    for _ in 0..3 {
        let media = video(&mut demuxer, 0, &[b"\x17\x00\x00\x00\x00", &avcc()]);
        assert_eq!(why(&media), &Why::RepeatedHeader { track: V0 });
        assert!(!why(&media).is_fault());
    }
}

/// [`AVC_SPS`] of another level.
fn other_sps() -> Vec<u8> {
    let mut sps = AVC_SPS.to_vec();
    sps[3] = 0x28;
    sps
}

#[test]
fn trap_11_other_headers_are_a_change() {
    let mut demuxer = with_avc();
    let mut changed = avcc().to_vec();
    let at = changed.windows(2).position(|pair| pair == [0x67, 0x64]).unwrap();
    changed[at + 3] = 0x28;
    let media = video(&mut demuxer, 0, &[b"\x17\x00\x00\x00\x00", &changed]);
    assert_eq!(&*only_track(&media).rfc6381, "avc1.640028");
}

#[test]
fn trap_11_parameter_sets_that_change_in_band_are_a_change() {
    let mut demuxer = with_avc();
    let same = prefixed(&[AVC_SPS, AVC_PPS, AVC_IDR]);
    only_frame(&video(&mut demuxer, 0, &[b"\x17\x01\x00\x00\x00", &same]));
    let changed = prefixed(&[&other_sps(), AVC_PPS, AVC_IDR]);
    let media = video(&mut demuxer, 0, &[b"\x17\x01\x00\x00\x00", &changed]);
    let (track, frame) = track_and_frame(&media);
    assert_eq!((&*track.rfc6381, &frame.data), ("avc1.640028", &changed));
    only_frame(&video(&mut demuxer, 0, &[b"\x17\x01\x00\x00\x00", &changed]));
}

#[test]
fn trap_11_a_stale_header_repeated_does_not_undo_what_changed_in_band() {
    let mut demuxer = with_avc();
    let changed = prefixed(&[&other_sps(), AVC_PPS, AVC_IDR]);
    video(&mut demuxer, 0, &[b"\x17\x01\x00\x00\x00", &changed]);
    for _ in 0..3 {
        let media = video(&mut demuxer, 0, &[b"\x17\x00\x00\x00\x00", &avcc()]);
        assert_eq!(why(&media), &Why::RepeatedHeader { track: V0 });
        only_frame(&video(&mut demuxer, 0, &[b"\x17\x01\x00\x00\x00", &changed]));
    }
}

#[test]
fn parameter_sets_sent_on_their_own_are_heeded() {
    let mut demuxer = with_avc();
    let sets = prefixed(&[&other_sps(), AVC_PPS]);
    let media = video(&mut demuxer, 0, &[b"\x27\x01\x00\x00\x00", &sets]);
    let [Media::Track(_), Media::Ignored { why }] = &media[..] else { panic!("{media:?}") };
    assert_eq!(why, &Why::NoPicture { track: V0 });
}

#[test]
fn an_idr_picture_is_a_key_frame_whatever_the_message_calls_it() {
    let mut demuxer = with_avc();
    assert!(only_frame(&video(&mut demuxer, 0, &[b"\x27\x01\x00\x00\x00", &prefixed(&[AVC_IDR])])).keyframe);
}

#[test]
fn annex_b_headers_and_frames_are_converted() {
    let mut demuxer = Demuxer::default();
    let media = video(&mut demuxer, 0, &[b"\x17\x00\x00\x00\x00", &annex_b(&[AVC_SPS, AVC_PPS])]);
    assert_eq!(only_track(&media).config, avcc());
    let media = video(&mut demuxer, 0, &[b"\x17\x01\x00\x00\x00", &annex_b(&[AVC_IDR, AVC_SLICE])]);
    assert_eq!(only_frame(&media).data, prefixed(&[AVC_IDR, AVC_SLICE]));
}

#[test]
fn a_track_without_a_header_is_derived_from_its_first_key_frame() {
    for body in [prefixed(&[AVC_SPS, AVC_PPS, AVC_IDR]), annex_b(&[AVC_SPS, AVC_PPS, AVC_IDR])] {
        let mut demuxer = Demuxer::default();
        let slice = video(&mut demuxer, 0, &[b"\x27\x01\x00\x00\x00", &prefixed(&[AVC_SLICE])]);
        assert_eq!(why(&slice), &Why::NoHeader { track: V0 });
        let media = video(&mut demuxer, 0, &[b"\x17\x01\x00\x00\x00", &body]);
        let (track, frame) = track_and_frame(&media);
        assert_eq!((&track.config, &frame.data), (&avcc(), &prefixed(&[AVC_SPS, AVC_PPS, AVC_IDR])));
    }
}

#[test]
fn trap_18_hevc_in_legacy_tags() {
    let mut demuxer = Demuxer::default();
    let media = video(&mut demuxer, 0, &[b"\x1c\x00\x00\x00\x00", &hvcc()]);
    assert_eq!(only_track(&media).codec, Codec::Hevc);
    let media = video(&mut demuxer, 0, &[b"\x1c\x01\x00\x00\x28", &prefixed(&[HEVC_IDR])]);
    assert_eq!((only_frame(&media).pts, only_frame(&media).keyframe), (Timestamp(40_000), true));
}

#[test]
fn trap_18_hevc_labelled_as_avc() {
    let mut demuxer = Demuxer::default();
    let media = video(&mut demuxer, 0, &[b"\x17\x00\x00\x00\x00", &hvcc()]);
    assert_eq!(only_track(&media).codec, Codec::Hevc);
    let again = video(&mut demuxer, 0, &[b"\x17\x00\x00\x00\x00", &hvcc()]);
    assert_eq!(why(&again), &Why::RepeatedHeader { track: V0 });
    assert!(only_frame(&video(&mut demuxer, 0, &[b"\x27\x01\x00\x00\x00", &prefixed(&[HEVC_IDR])])).keyframe);

    let mut demuxer = Demuxer::default();
    let empty = video(&mut demuxer, 0, &[b"\x17\x00\x00\x00\x00"]);
    assert_eq!(why(&empty), &Why::EmptyHeader { track: V0 });
    let units = prefixed(&[HEVC_VPS, HEVC_SPS, HEVC_PPS, HEVC_IDR]);
    let media = video(&mut demuxer, 0, &[b"\x17\x01\x00\x00\x00", &units]);
    assert_eq!(track_and_frame(&media).0.codec, Codec::Hevc);
    only_frame(&video(&mut demuxer, 0, &[b"\x17\x01\x00\x00\x00", &units]));
}

#[test]
fn commands_and_ends_are_no_media() {
    let mut demuxer = with_avc();
    assert_eq!(why(&video(&mut demuxer, 0, &[b"\x57\x00"])), &Why::Command);
    assert_eq!(why(&video(&mut demuxer, 0, &[b"\xd1\x01"])), &Why::Command);
    assert_eq!(why(&video(&mut demuxer, 0, &[b"\x17\x02\x00\x00\x00"])), &Why::SequenceEnd { track: V0 });
    assert_eq!(why(&video(&mut demuxer, 0, &[b"\x92hvc1"])), &Why::SequenceEnd { track: V0 });
    assert_eq!(why(&audio(&mut demuxer, 0, &[b"\x92Opus"])), &Why::SequenceEnd { track: A0 });
    assert_eq!(why(&audio(&mut demuxer, 0, &[])), &Why::Empty);
    only_frame(&video(&mut demuxer, 0, &[b"\x17\x01\x00\x00\x00", &prefixed(&[AVC_IDR])]));
}

#[test]
fn codecs_that_are_not_carried_are_named() {
    let mut demuxer = Demuxer::default();
    let number = |kind, number| Why::LegacyCodec { kind, number };
    assert_eq!(why(&video(&mut demuxer, 0, &[b"\x22\x00"])), &number("video", 2));
    assert_eq!(why(&audio(&mut demuxer, 0, &[b"\xb2\x00"])), &number("audio", 11));
    let fourcc = FourCc(*b"vp08");
    assert_eq!(why(&video(&mut demuxer, 0, &[b"\x90vp08\x00"])), &Why::UnknownFourCc { fourcc });
    assert_eq!(why(&audio(&mut demuxer, 0, &[b"\x93mp4a"])), &Why::PacketType { number: 3 });
}

#[test]
fn every_enhanced_video_codec() {
    for codec in [Codec::H264, Codec::Hevc, Codec::Av1, Codec::Vp9] {
        let mut demuxer = Demuxer::default();
        let name = FourCc::of(codec).unwrap().0;
        let media = video(&mut demuxer, 0, &[b"\x90", &name, &config(codec)]);
        assert_eq!((only_track(&media).codec, &only_track(&media).config), (codec, &config(codec)));
        let composition: &[u8] = if matches!(codec, Codec::H264 | Codec::Hevc) { &[0, 0, 10] } else { &[] };
        let media = video(&mut demuxer, 20, &[b"\x91", &name, composition, &key_frame(codec)]);
        let Some(Media::Frame(frame)) = media.last() else { panic!("{codec:?}: {media:?}") };
        let pts = if composition.is_empty() { 20_000 } else { 30_000 };
        assert_eq!(
            (frame.pts, frame.keyframe, &frame.data),
            (Timestamp(pts), true, &key_frame(codec)),
            "{codec:?}"
        );
    }
}

#[test]
fn every_enhanced_audio_codec() {
    for codec in [Codec::Aac, Codec::Opus, Codec::Flac, Codec::Mp3, Codec::Ac3, Codec::Eac3] {
        let mut demuxer = Demuxer::default();
        let name = FourCc::of(codec).unwrap().0;
        let header = audio(&mut demuxer, 0, &[b"\x90", &name, &config(codec)]);
        let media = audio(&mut demuxer, 20, &[b"\x91", &name, &key_frame(codec)]);
        let described = config(codec).is_empty();
        let (track, frame) = if described {
            assert_eq!(why(&header), &Why::EmptyHeader { track: A0 });
            track_and_frame(&media)
        } else {
            (only_track(&header), only_frame(&media))
        };
        assert_eq!((track.codec, &frame.data), (codec, &key_frame(codec)), "{codec:?}");
        only_frame(&audio(&mut demuxer, 40, &[b"\x91", &name, &key_frame(codec)]));
    }
}

#[test]
fn legacy_mp3_follows_a_change_of_its_format() {
    let mut demuxer = Demuxer::default();
    track_and_frame(&audio(&mut demuxer, 0, &[b"\x2f", MP3_FRAME]));
    let mut padded = MP3_FRAME.to_vec();
    padded[2] |= 2;
    only_frame(&audio(&mut demuxer, 26, &[b"\x2f", &padded]));
    let mut other = MP3_FRAME.to_vec();
    other[2] |= 4;
    let media = audio(&mut demuxer, 52, &[b"\x2f", &other]);
    assert_eq!(track_and_frame(&media).0.audio().unwrap().sample_rate, 48_000);
    assert_eq!(why(&audio(&mut demuxer, 52, &[b"\x2f", b"not an mp3 frame"])), &Why::BadFrame { track: A0 });
}

#[test]
fn mod_ex_refines_both_times() {
    let mut demuxer = Demuxer::default();
    video(&mut demuxer, 0, &[b"\x90hvc1", &hvcc()]);
    // 333,333 ns, then CodedFrames with 40 ms of composition time.
    let media =
        video(&mut demuxer, 33, &[b"\x97\x02\x05\x16\x15\x01hvc1\x00\x00\x28", &prefixed(&[HEVC_IDR])]);
    assert_eq!((only_frame(&media).dts, only_frame(&media).pts), (Timestamp(33_333), Timestamp(73_333)));
    let media = video(&mut demuxer, 33, &[b"\x97\x02\x05\x16\x15\x06\x03hvc1\x00", &prefixed(&[HEVC_IDR])]);
    assert_eq!(only_frame(&media).dts, Timestamp(33_333));
}

#[test]
fn multitrack_messages_give_each_track_its_share() {
    let mut demuxer = Demuxer::default();
    let (avc, hevc) = (avcc(), hvcc());
    let size = |bytes: &[u8]| [0, (bytes.len() >> 8) as u8, bytes.len() as u8];
    let headers = [b"\x96\x20avc1\x00", &size(&avc)[..], &avc, b"hvc1\x01", &size(&hevc), &hevc].concat();
    let media = video(&mut demuxer, 0, &[&headers]);
    let ids = media.iter().map(|media| match media {
        Media::Track(track) => (track.id, track.codec),
        other => panic!("{other:?}"),
    });
    let ids = ids.collect::<Vec<_>>();
    assert_eq!(ids, [(V0, Codec::H264), (TrackId::video(1), Codec::Hevc)]);

    let idr = prefixed(&[HEVC_IDR]);
    let media = video(&mut demuxer, 7, &[b"\x96\x03hvc1\x01", &idr]);
    assert_eq!((only_frame(&media).track, &only_frame(&media).data), (TrackId::video(1), &idr));
    // A codec that is not the track's.
    let media = video(&mut demuxer, 7, &[b"\x96\x03hvc1\x00", &idr]);
    assert_eq!(why(&media), &Why::NoHeader { track: V0 });
    // The default track needs no wrapper.
    only_frame(&video(&mut demuxer, 7, &[b"\x93avc1", &prefixed(&[AVC_IDR])]));

    let media = audio(&mut demuxer, 0, &[b"\x95\x00mp4a\x01", ASC]);
    assert_eq!(only_track(&media).id, TrackId::audio(1));
    let media = audio(&mut demuxer, 9, &[b"\x95\x11mp4a\x00\x00\x00\x01a\x01\x00\x00\x02bc"]);
    let [Media::Ignored { why: Why::NoHeader { .. } }, Media::Frame(frame)] = &media[..] else {
        panic!("{media:?}")
    };
    assert_eq!((frame.track, &frame.data[..]), (TrackId::audio(1), &b"bc"[..]));
}

#[test]
fn a_publisher_has_a_bounded_number_of_tracks() {
    let mut demuxer = Demuxer::default();
    for track in 0..16 {
        only_track(&audio(&mut demuxer, 0, &[b"\x95\x00mp4a", &[track], ASC]));
    }
    assert_eq!(why(&audio(&mut demuxer, 0, &[b"\x95\x00mp4a\x10", ASC])), &Why::TooManyTracks);
    only_frame(&audio(&mut demuxer, 0, &[b"\x95\x01mp4a\x0f", b"raw"]));
}

#[test]
fn headers_are_bounded_and_copied_out_of_their_message() {
    let mut demuxer = Demuxer::default();
    let media = video(&mut demuxer, 0, &[b"\x17\x00\x00\x00\x00", &avcc(), &vec![0; 16 << 10]]);
    assert!(matches!(why(&media), Why::HeaderTooLarge { .. }));
    let message = Bytes::from([b"\x17\x00\x00\x00\x00", &avcc()[..]].concat());
    let within = message.as_ptr_range();
    let media: Vec<_> = demuxer.push(TagKind::Video, 0, message).collect();
    assert!(!within.contains(&only_track(&media).config.as_ptr()));
}

#[test]
fn av1_follows_its_sequence_header() {
    let mut demuxer = Demuxer::default();
    // Announced by an MPEG-2 TS descriptor, which has no size: the first key frame makes the track.
    let media = video(&mut demuxer, 0, &[b"\x95av01\x80\x04\x81\x05\x0c\x00"]);
    assert_eq!(why(&media), &Why::Description { track: V0 });
    let unit = key_frame(Codec::Av1);
    let media = video(&mut demuxer, 0, &[b"\x91av01\x12\x00", &unit]);
    let (track, frame) = track_and_frame(&media);
    assert_eq!((track.video().unwrap().width, &frame.data), (1280, &unit));
    only_frame(&video(&mut demuxer, 0, &[b"\x91av01", &unit]));
    let mut smaller = unit.to_vec();
    // max_frame_width_minus_1 of 11 bits.
    smaller[6] = 0x4b;
    let media = video(&mut demuxer, 0, &[b"\x91av01", &smaller]);
    assert_ne!(track_and_frame(&media).0.video().unwrap().width, 1280);
}

#[test]
fn vp9_takes_its_size_from_key_frames() {
    let mut demuxer = Demuxer::default();
    let boxed = [&[1, 0, 0, 0], &config(Codec::Vp9)[..]].concat();
    let media = video(&mut demuxer, 0, &[b"\x90vp09", &boxed]);
    assert_eq!(only_track(&media).config, config(Codec::Vp9));
    let media = video(&mut demuxer, 0, &[b"\x91vp09", VP9_KEY]);
    let video_params = track_and_frame(&media).0.video().unwrap();
    assert_eq!((video_params.width, video_params.height), (1280, 720));
    only_frame(&video(&mut demuxer, 0, &[b"\x91vp09", VP9_KEY]));
}

fn colour(transfer: Option<f64>) -> Vec<u8> {
    let info = transfer.map_or(Value::Undefined, |transfer| {
        let config = Object::new().with("transferCharacteristics", transfer);
        Object::new().with("colorConfig", config).into()
    });
    let mut out = bytes::BytesMut::new();
    Value::from("colorInfo").encode(&mut out);
    info.encode(&mut out);
    out.to_vec()
}

#[test]
fn a_colour_description_changes_the_range_until_it_is_taken_back() {
    let mut demuxer = Demuxer::default();
    video(&mut demuxer, 0, &[b"\x90hvc1", &hvcc()]);
    let range = |media: &[Media]| match media {
        [Media::Track(track), Media::Ignored { why: Why::Description { .. } }] => {
            track.video().unwrap().range
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(range(&video(&mut demuxer, 0, &[b"\xd4hvc1", &colour(Some(16.0))])), VideoRange::Pq);
    let again = video(&mut demuxer, 0, &[b"\x94hvc1", &colour(Some(16.0))]);
    assert_eq!(why(&again), &Why::Description { track: V0 });
    assert_eq!(range(&video(&mut demuxer, 0, &[b"\x94hvc1", &colour(None)])), VideoRange::Sdr);
}

#[test]
fn a_colour_description_may_come_before_the_header_and_outlives_its_changes() {
    let mut demuxer = Demuxer::default();
    let early = video(&mut demuxer, 0, &[b"\x94hvc1", &colour(Some(18.0))]);
    assert_eq!(why(&early), &Why::Description { track: V0 });
    let media = video(&mut demuxer, 0, &[b"\x90hvc1", &hvcc()]);
    assert_eq!(only_track(&media).video().unwrap().range, VideoRange::Hlg);
    let media = video(&mut demuxer, 0, &[b"\x90avc1", &avcc()]);
    assert_eq!(only_track(&media).video().unwrap().range, VideoRange::Hlg);
}

#[test]
fn opus_without_a_head_is_stereo_until_told_otherwise() {
    let mut demuxer = Demuxer::default();
    let channels = |media: &[Media]| only_track(media).audio().unwrap().channels;
    assert_eq!(channels(&audio(&mut demuxer, 0, &[b"\x90Opus"])), 2);
    let again = audio(&mut demuxer, 0, &[b"\x90Opus"]);
    assert_eq!(why(&again), &Why::RepeatedHeader { track: A0 });
    assert_eq!(channels(&audio(&mut demuxer, 0, &[b"\x94Opus\x01\x06\x00\x00\x00\x3f"])), 6);
    let again = audio(&mut demuxer, 0, &[b"\x94Opus\x01\x06\x00\x00\x00\x3f"]);
    assert_eq!(why(&again), &Why::Description { track: A0 });
}

#[test]
fn a_bare_streaminfo_gets_its_signature() {
    let mut demuxer = Demuxer::default();
    let media = audio(&mut demuxer, 0, &[b"\x90fLaC", &flac_head()[8..]]);
    assert_eq!(only_track(&media).config, flac_head());
}

#[test]
fn a_streaminfo_that_only_sums_up_is_no_change() {
    let mut demuxer = Demuxer::default();
    only_track(&audio(&mut demuxer, 0, &[b"\x90fLaC", &flac_head()]));
    let mut summed_up = flac_head().to_vec();
    summed_up[8 + 4..8 + 10].copy_from_slice(&[0, 0, 12, 0, 1, 0]);
    summed_up[8 + 18..].fill(7);
    let media = audio(&mut demuxer, 9, &[b"\x90fLaC", &summed_up]);
    assert_eq!(why(&media), &Why::RepeatedHeader { track: A0 });
    // 96 kHz.
    summed_up[8 + 10..8 + 13].copy_from_slice(&[0x17, 0x70, 0x02]);
    let media = audio(&mut demuxer, 9, &[b"\x90fLaC", &summed_up]);
    assert_eq!(only_track(&media).audio().unwrap().sample_rate, 96_000);
}

#[test]
fn script_messages_are_frames_of_the_data_track() {
    let mut demuxer = Demuxer::default();
    let text = b"\x02\x00\x0aonTextData\x05";
    let media = push(&mut demuxer, TagKind::Script, 5, &[text]);
    let (track, frame) = track_and_frame(&media);
    assert_eq!((track.id, frame.dts, &frame.data[..]), (TrackId::DATA, Timestamp(5000), &text[..]));
    only_frame(&push(&mut demuxer, TagKind::Script, 6, &[text]));
    let media = push(&mut demuxer, TagKind::Script, 7, &[b"\x02\x00\x0aonMetaData\x05"]);
    assert_eq!(media, [Media::Metadata(Metadata::default())]);
    assert_eq!(why(&push(&mut demuxer, TagKind::Script, 7, &[b"\x00"])), &Why::Script);
}

#[test]
fn bad_frames_cost_only_themselves() {
    let mut demuxer = with_avc();
    let bad = video(&mut demuxer, 0, &[b"\x17\x01\x00\x00\x00\x00\x00\xff\xff\x65"]);
    assert_eq!(why(&bad), &Why::BadFrame { track: V0 });
    let bad = video(&mut demuxer, 0, &[b"\x17\x00\x00\x00\x00\x01\x64"]);
    assert!(matches!(why(&bad), Why::BadHeader { .. }));
    only_frame(&video(&mut demuxer, 0, &[b"\x17\x01\x00\x00\x00", &prefixed(&[AVC_IDR])]));
}

/// Bodies that get past the first bytes, and then anything.
fn bodies() -> impl Strategy<Value = (TagKind, Vec<u8>)> {
    let kind = prop_oneof![Just(TagKind::Audio), Just(TagKind::Video), Just(TagKind::Script)];
    let starts: Vec<&'static [u8]> = vec![
        b"",
        b"\x17\x00\x00\x00\x00",
        b"\x17\x01\x00\x00\x00",
        b"\x1c\x00\x00\x00\x00\x01",
        b"\xaf\x00",
        b"\xaf\x01\xff\xf1",
        b"\x2f\xff\xfb",
        b"\x90hvc1\x01",
        b"\x91av01\x0a",
        b"\x91vp09\x82",
        b"\x90av01\x81",
        b"\x96\x11avc1",
        b"\x96\x20",
        b"\x97\xff",
        b"\x94hvc1\x02\x00\x09colorInfo",
        b"\x91ac-3\x0b\x77",
        b"\x94Opus\x02",
        b"\x90fLaC",
        b"\x02\x00\x0aonMetaData\x08",
    ];
    (kind, proptest::sample::select(starts), proptest::collection::vec(any::<u8>(), 0..120))
        .prop_map(|(kind, start, rest)| (kind, [start, &rest].concat()))
}

proptest! {
    #[test]
    fn nothing_panics_or_grows(messages in proptest::collection::vec(bodies(), 1..20)) {
        let mut demuxer = Demuxer::default();
        for (kind, body) in messages {
            let body = Bytes::from(body);
            let count = demuxer.push(kind, 0, body).count();
            prop_assert!(count <= 66, "{count} items of one message");
        }
        prop_assert!(demuxer.lanes.len() <= 16);
    }

    #[test]
    fn cut_messages_never_panic(at in 0usize..200, codec in 0usize..3) {
        let messages: [&[&[u8]]; 3] = [
            &[b"\x17\x00\x00\x00\x00", &avcc()],
            &[b"\x90hvc1", &hvcc()],
            &[b"\x96\x11avc1\x00\x00\x00\x09", b"\x00\x00\x00\x05", AVC_IDR],
        ];
        let body = messages[codec].concat();
        let body = &body[..at.min(body.len())];
        let _ = video(&mut Demuxer::default(), 0, &[body]);
        let _ = video(&mut with_avc(), 0, &[body]);
    }
}
