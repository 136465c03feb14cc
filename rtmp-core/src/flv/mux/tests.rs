//! Goal: every form writes, byte for byte, what its specification lays out, and says what it cannot carry.

use bytes::Bytes;
use media_core::TrackId;
use media_core::track::{Audio, Params, Video};

use super::*;

fn track(id: TrackId, codec: Codec, config: &'static [u8]) -> Track {
    let params = match codec.kind() {
        TrackKind::Video => Params::Video(Video { width: 1280, height: 720, ..Video::default() }),
        TrackKind::Audio => Params::Audio(Audio { sample_rate: 44_100, channels: 2 }),
        TrackKind::Data => Params::Data,
    };
    let timescale = Timescale::VIDEO;
    Track { id, codec, timescale, config: Bytes::from_static(config), params, rfc6381: "".into() }
}

fn frame(track: TrackId, dts: i64, pts: i64) -> Frame {
    let data = Bytes::from_static(b"data");
    Frame { track, dts: Timestamp(dts), pts: Timestamp(pts), keyframe: true, data }
}

fn muxer(form: WireForm, tracks: &[Track]) -> Muxer {
    let mut muxer = Muxer::new(form);
    muxer.set_tracks(tracks);
    muxer
}

fn body(muxer: &Muxer, frame: &Frame) -> Vec<u8> {
    muxer.frame(frame).unwrap().to_bytes().to_vec()
}

/// The sequence headers without `onMetaData`.
fn headers(muxer: &Muxer) -> Vec<Vec<u8>> {
    let tags = muxer.headers(7).into_iter().filter(|tag| tag.kind != TagKind::Script);
    tags.map(|tag| tag.to_bytes().to_vec()).collect()
}

#[test]
fn legacy_layouts() {
    let tracks =
        [track(TrackId::video(0), Codec::H264, b"avcC"), track(TrackId::audio(0), Codec::Aac, b"asc")];
    let muxer = muxer(WireForm::Legacy, &tracks);
    assert_eq!(headers(&muxer), [b"\x17\x00\x00\x00\x00avcC".to_vec(), b"\xaf\x00asc".to_vec()]);
    let mut video = frame(TrackId::video(0), 90, 90 * 81);
    assert_eq!(body(&muxer, &video), b"\x17\x01\x00\x00\x50data");
    video.keyframe = false;
    video.pts = Timestamp(90 * (1 - 34));
    assert_eq!(body(&muxer, &video), b"\x27\x01\xff\xff\xdedata");
    assert_eq!(body(&muxer, &frame(TrackId::audio(0), 90, 90)), b"\xaf\x01data");
    let end: Vec<_> = muxer.end(0).iter().map(Tag::to_bytes).collect();
    assert_eq!(end, [&b"\x17\x02\x00\x00\x00"[..]]);
}

/// FFmpeg makes a track of subtitles of an `onMetaData` that bears another time.
#[test]
fn metadata_is_stamped_zero_and_headers_with_their_frame() {
    let muxer = muxer(WireForm::Legacy, &[track(TrackId::video(0), Codec::H264, b"avcC")]);
    let times: Vec<_> = muxer.headers(4_021).iter().map(|tag| (tag.kind, tag.timestamp_ms)).collect();
    assert_eq!(times, [(TagKind::Script, 0), (TagKind::Video, 4_021)]);
}

#[test]
fn legacy_mp3_names_its_rate() {
    for (rate, channels, first) in
        [(44_100, 2, 0x2f), (22_050, 1, 0x2a), (11_025, 2, 0x27), (8_000, 1, 0xe2), (48_000, 2, 0x2f)]
    {
        let mut mp3 = track(TrackId::audio(0), Codec::Mp3, b"");
        mp3.params = Params::Audio(Audio { sample_rate: rate, channels });
        let muxer = muxer(WireForm::Legacy, &[mp3]);
        assert!(headers(&muxer).is_empty());
        assert_eq!(body(&muxer, &frame(TrackId::audio(0), 0, 0)), [&[first], &b"data"[..]].concat());
    }
}

#[test]
fn enhanced_layouts() {
    let tracks =
        [track(TrackId::video(0), Codec::Hevc, b"hvcC"), track(TrackId::audio(0), Codec::Opus, b"OpusHead")];
    let muxer = muxer(WireForm::Enhanced, &tracks);
    assert_eq!(headers(&muxer), [b"\x90hvc1hvcC".to_vec(), b"\x90OpusOpusHead".to_vec()]);
    assert_eq!(body(&muxer, &frame(TrackId::video(0), 0, 0)), b"\x93hvc1data");
    assert_eq!(body(&muxer, &frame(TrackId::video(0), 0, 9000)), b"\x91hvc1\x00\x00\x64data");
    assert_eq!(body(&muxer, &frame(TrackId::audio(0), 0, 0)), b"\x91Opusdata");
    let end: Vec<_> = muxer.end(0).iter().map(Tag::to_bytes).collect();
    assert_eq!(end, [&b"\x92hvc1"[..], b"\x92Opus"]);
    assert_eq!(muxer.required().collect::<Vec<_>>(), [FourCc(*b"hvc1"), FourCc(*b"Opus")]);
}

#[test]
fn av1_and_vp9_have_no_composition_time() {
    for (codec, name) in [(Codec::Av1, b"av01"), (Codec::Vp9, b"vp09")] {
        let muxer = muxer(WireForm::Enhanced, &[track(TrackId::video(0), codec, b"cfg")]);
        let mut frame = frame(TrackId::video(0), 0, 9000);
        frame.keyframe = false;
        assert_eq!(body(&muxer, &frame), [&[0xa1], &name[..], b"data"].concat());
    }
}

#[test]
fn multitrack_layouts() {
    let tracks = [
        track(TrackId::video(0), Codec::H264, b"avcC"),
        track(TrackId::video(2), Codec::H264, b"avcC"),
        track(TrackId::audio(0), Codec::Aac, b"asc"),
        track(TrackId::audio(1), Codec::Aac, b"asc"),
    ];
    let muxer = muxer(WireForm::Multitrack, &tracks);
    let expected = [
        b"\x17\x00\x00\x00\x00avcC".to_vec(),
        b"\x96\x00avc1\x02avcC".to_vec(),
        b"\xaf\x00asc".to_vec(),
        b"\x95\x00mp4a\x01asc".to_vec(),
    ];
    assert_eq!(headers(&muxer), expected);
    assert_eq!(body(&muxer, &frame(TrackId::video(2), 0, 90)), b"\x96\x01avc1\x02\x00\x00\x01data");
    assert_eq!(body(&muxer, &frame(TrackId::video(2), 0, 0)), b"\x96\x03avc1\x02data");
    assert_eq!(body(&muxer, &frame(TrackId::audio(1), 0, 0)), b"\x95\x01mp4a\x01data");
    assert_eq!(muxer.left_out().count(), 0);
}

#[test]
fn nano_offsets_stand_before_the_rest() {
    let tracks =
        [track(TrackId::video(1), Codec::Hevc, b"hvcC"), track(TrackId::audio(0), Codec::Opus, b"head")];
    let mut muxer = Muxer::new(WireForm::Multitrack).with_nano_offsets();
    muxer.set_tracks(&tracks);
    // 45 ticks of 90 kHz are half a millisecond.
    let video = muxer.frame(&frame(TrackId::video(1), 135, 135)).unwrap();
    assert_eq!(video.timestamp_ms, 1);
    assert_eq!(video.to_bytes(), b"\x97\x02\x07\xa1\x20\x06\x03hvc1\x01data"[..]);
    let audio = muxer.frame(&frame(TrackId::audio(0), 135, 135)).unwrap();
    assert_eq!(audio.to_bytes(), b"\x97\x02\x07\xa1\x20\x01Opusdata"[..]);
    assert_eq!(body(&muxer, &frame(TrackId::audio(0), 90, 90)), b"\x91Opusdata");
}

#[test]
fn trap_18_what_legacy_cannot_carry_is_left_out_and_named() {
    let tracks = [
        track(TrackId::video(0), Codec::Hevc, b"hvcC"),
        track(TrackId::audio(0), Codec::Aac, b"asc"),
        track(TrackId::audio(1), Codec::Aac, b"asc"),
        Track::data(Timescale::MILLIS),
    ];
    let muxer = muxer(WireForm::Legacy, &tracks);
    assert_eq!(muxer.frame(&frame(TrackId::video(0), 0, 0)), None);
    assert_eq!(muxer.frame(&frame(TrackId::audio(1), 0, 0)), None);
    assert_eq!(
        muxer.left_out().map(|track| track.id).collect::<Vec<_>>(),
        [TrackId::video(0), TrackId::audio(1)]
    );
    assert_eq!(muxer.carried().map(|track| track.id).collect::<Vec<_>>(), [TrackId::audio(0), TrackId::DATA]);
    assert_eq!(muxer.required().count(), 0);
    assert_eq!(body(&muxer, &frame(TrackId::DATA, 0, 0)), b"data");
}

#[test]
fn a_single_form_takes_the_first_track_it_can_carry() {
    let tracks =
        [track(TrackId::video(1), Codec::H264, b"avcC"), track(TrackId::video(0), Codec::Hevc, b"hvcC")];
    let carried = |form| muxer(form, &tracks).carried().map(|track| track.id).collect::<Vec<_>>();
    assert_eq!(carried(WireForm::Legacy), [TrackId::video(1)]);
    assert_eq!(carried(WireForm::Enhanced), [TrackId::video(0)]);
    assert_eq!(carried(WireForm::Multitrack), [TrackId::video(0), TrackId::video(1)]);
}

#[test]
fn trap_4_timestamps_are_modulo_two_to_the_thirty_two() {
    let muxer = muxer(WireForm::Legacy, &[track(TrackId::audio(0), Codec::Aac, b"asc")]);
    let at = |dts| muxer.frame(&frame(TrackId::audio(0), dts, dts)).unwrap().timestamp_ms;
    assert_eq!(at(90 * (1 << 32)), 0);
    assert_eq!(at(90 * ((1 << 32) + 5) + 89), 5);
    assert_eq!(at(-90), u32::MAX);
    assert_eq!(at(i64::MAX), ((i64::MAX / 90) & 0xffff_ffff) as u32);
}

#[test]
fn composition_times_stay_within_24_bits() {
    let muxer = muxer(WireForm::Legacy, &[track(TrackId::video(0), Codec::H264, b"avcC")]);
    assert_eq!(body(&muxer, &frame(TrackId::video(0), 0, i64::MAX)), b"\x17\x01\x7f\xff\xffdata");
    assert_eq!(body(&muxer, &frame(TrackId::video(0), 0, i64::MIN)), b"\x17\x01\x80\x00\x00data");
}

#[test]
fn payloads_are_shared() {
    let muxer = muxer(WireForm::Legacy, &[track(TrackId::video(0), Codec::H264, b"avcC")]);
    let frame = frame(TrackId::video(0), 0, 0);
    assert_eq!(muxer.frame(&frame).unwrap().payload.as_ptr(), frame.data.as_ptr());
}
