//! MPEG-TS read by the `mpeg2ts` crate: every frame comes back at its time.

use hls_packager::container::{Container, Error};
use hls_packager::ts::{MAX_TRACKS, Muxer, TIME_OFFSET_TICKS, Tables};
use media_core::{Codec, Frame, Timescale, Track, TrackId};
use mpeg2ts::es::StreamType;
use proptest::prelude::*;

use crate::fixture::{self, AAC_LC, AVCC};
use crate::mpegts::{self, Pes};

const VIDEO_PID: u16 = 0x100;
const AUDIO_PID: u16 = 0x101;
const WRAP: i64 = 1 << 33;

fn h264() -> Track {
    fixture::video(Codec::H264, AVCC, 1280, 720)
}

fn aac() -> Track {
    fixture::audio(Codec::Aac, AAC_LC, 48_000, 2)
}

/// An access unit of one slice.
fn picture(dts: i64, offset: i64, keyframe: bool, len: usize) -> Frame {
    let mut data = (len as u32 + 1).to_be_bytes().to_vec();
    data.push(if keyframe { 0x65 } else { 0x41 });
    data.resize(data.len() + len, 0xab);
    fixture::frame(&h264(), dts, offset, keyframe, data)
}

fn sound(dts: i64, len: usize) -> Frame {
    fixture::frame(&aac(), dts, 0, true, vec![0x21; len])
}

/// The NAL units behind four-byte start codes.
fn units(data: &[u8]) -> Vec<Vec<u8>> {
    let mut units: Vec<Vec<u8>> = Vec::new();
    let mut rest = data;
    while let Some(&first) = rest.first() {
        if let Some(after) = rest.strip_prefix(&[0, 0, 0, 1]) {
            units.push(Vec::new());
            rest = after;
        } else {
            units.last_mut().expect("a start code first").push(first);
            rest = &rest[1..];
        }
    }
    units
}

/// Raw frames out of ADTS, each header checked against AAC-LC, 48 kHz, stereo.
fn adts_frames(data: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        assert_eq!(rest[..3], [0xff, 0xf1, 0x4c]);
        let len = usize::from(rest[3] & 3) << 11 | usize::from(rest[4]) << 3 | usize::from(rest[5]) >> 5;
        frames.push(rest[7..len].to_vec());
        rest = &rest[len..];
    }
    frames
}

#[test]
fn tables_open_the_parts_that_want_them_and_name_the_streams() {
    let mut muxer = Muxer::new(&[h264(), aac()]).unwrap();
    let first = muxer.part(&[picture(0, 0, true, 9)], Tables::Write).unwrap();
    assert_eq!((&first[..3], &first[188..191]), (&[0x47, 0x40, 0][..], &[0x47, 0x50, 0][..]));
    let second = muxer.part(&[picture(3000, 0, false, 9)], Tables::Omit).unwrap();
    let third = muxer.part(&[picture(6000, 0, true, 9)], Tables::Write).unwrap();
    let stream = mpegts::read(&[first, second, third].concat());
    assert_eq!(stream.pmts.len(), 2);
    let pmt = &stream.pmts[0];
    assert_eq!(pmt.pcr_pid.unwrap().as_u16(), VIDEO_PID);
    let listed: Vec<_> = pmt.es_info.iter().map(|es| (es.elementary_pid.as_u16(), es.stream_type)).collect();
    assert_eq!(listed, [(VIDEO_PID, StreamType::H264), (AUDIO_PID, StreamType::AdtsAac)]);
}

#[test]
fn stream_types_and_registrations() {
    let mp3 = |hz| fixture::audio(Codec::Mp3, &[][..], hz, 2);
    let cases = [
        (mp3(44_100), StreamType::Mpeg1Audio, None),
        (mp3(22_050), StreamType::Mpeg2HalvedSampleRateAudio, None),
        (
            fixture::audio(Codec::Ac3, &[][..], 48_000, 6),
            StreamType::DolbyDigitalUpToSixChannelAudio,
            Some(b"AC-3"),
        ),
    ];
    for (track, stream_type, registration) in cases {
        let frame = fixture::frame(&track, 0, 0, true, vec![1; 100]);
        let bytes = Muxer::new(&[track]).unwrap().part(&[frame], Tables::Write).unwrap();
        let stream = mpegts::read(&bytes);
        let es = &stream.pmts[0].es_info[0];
        assert_eq!(es.stream_type, stream_type);
        let found = es.descriptors.first().map(|descriptor| (descriptor.tag, descriptor.data.clone()));
        assert_eq!(found, registration.map(|format: &[u8; 4]| (5, format.to_vec())));
        assert_eq!(stream.pes[0].data, [1; 100]);
    }
}

#[test]
fn key_frames_open_with_a_delimiter_and_the_parameter_sets() {
    let bytes = Muxer::new(&[h264()])
        .unwrap()
        .part(&[picture(0, 3000, true, 3), picture(3000, 0, false, 3)], Tables::Write)
        .unwrap();
    let stream = mpegts::read(&bytes);
    let [key, other] = &stream.pes[..] else { panic!("two pictures") };
    let (sps, pps) = (&AVCC[8..18], &AVCC[21..25]);
    assert_eq!(units(&key.data), [&[9, 0xf0][..], sps, pps, &[0x65, 0xab, 0xab, 0xab]]);
    assert_eq!(units(&other.data), [&[9, 0xf0][..], &[0x41, 0xab, 0xab, 0xab]]);
    assert!(key.random_access && !other.random_access);
    let clock = key.pcr.expect("a clock on every picture");
    assert!(clock < key.dts && other.pcr.expect("a clock on every picture") == clock + 3000);
}

#[test]
fn the_encoders_own_delimiter_and_parameter_sets_are_not_doubled() {
    let data = [
        &[0, 0, 0, 2, 9, 0x10, 0, 0, 0, 2, 0x67, 0x42][..],
        &[0, 0, 0, 2, 0x68, 0xce, 0, 0, 0, 2, 0x65, 0x88],
    ];
    let frame = fixture::frame(&h264(), 0, 0, true, data.concat());
    let bytes = Muxer::new(&[h264()]).unwrap().part(&[frame], Tables::Write).unwrap();
    let expected = [&[9, 0xf0][..], &[0x67, 0x42], &[0x68, 0xce], &[0x65, 0x88]];
    assert_eq!(units(&mpegts::read(&bytes).pes[0].data), expected);
}

#[test]
fn audio_shares_packets_of_a_tenth_of_a_second_and_starts_anew_after_a_gap() {
    let mut frames: Vec<Frame> = (0..9).map(|index| sound(index * 1024, 200)).collect();
    frames.extend((0..3).map(|index| sound(20_000 + index * 1024, 200)));
    let bytes = Muxer::new(&[aac()]).unwrap().part(&frames, Tables::Write).unwrap();
    let stream = mpegts::read(&bytes);
    let found: Vec<_> = stream.pes.iter().map(|pes| (pes.pts, adts_frames(&pes.data).len())).collect();
    let at = |samples: i64| (samples * 90 / 48 + TIME_OFFSET_TICKS) as u64;
    assert_eq!(found, [(at(0), 4), (at(4096), 4), (at(8192), 1), (at(20_000), 3)]);
    assert!(stream.pes.iter().all(|pes| pes.pcr.is_some() && pes.random_access), "audio carries the clock");
}

#[test]
fn a_malformed_frame_costs_itself() {
    let mut muxer = Muxer::new(&[h264(), aac()]).unwrap();
    let broken = fixture::frame(&h264(), 3000, 0, false, &[0, 0, 0, 2, 0x41, 1, 0, 0, 0xff, 0xff, 0x41][..]);
    let rubbish = fixture::frame(&h264(), 6000, 0, false, &[0xff; 12][..]);
    let frames = [picture(0, 0, true, 4), broken, rubbish, sound(0, 9000), sound(1024, 10)];
    let stream = mpegts::read(&muxer.part(&frames, Tables::Write).unwrap());
    assert_eq!(muxer.malformed(), 3);
    let pictures: Vec<_> = stream.pes.iter().filter(|pes| pes.pid == VIDEO_PID).collect();
    assert_eq!(pictures.len(), 2);
    assert_eq!(units(&pictures[1].data), [&[9, 0xf0][..], &[0x41, 1]]);
    let sounds: Vec<_> = stream.pes.iter().filter(|pes| pes.pid == AUDIO_PID).collect();
    assert_eq!((sounds.len(), sounds[0].pts), (1, 1024 * 90 / 48 + TIME_OFFSET_TICKS as u64));
}

#[test]
fn what_the_container_cannot_carry_is_refused() {
    for codec in [Codec::Av1, Codec::Vp9, Codec::Opus, Codec::Flac, Codec::Eac3, Codec::Amf0] {
        let track = fixture::audio(codec, &[][..], 48_000, 2);
        let refused = Error::CodecNotPackaged { codec, container: Container::MpegTs };
        assert!(!Container::MpegTs.carries(codec));
        assert_eq!(Muxer::new(&[h264(), track]).map(|_| ()), Err(refused));
    }
    assert_eq!(Muxer::new(&[]).map(|_| ()), Err(Error::Empty));
    let crowd = vec![aac(); MAX_TRACKS + 1];
    assert!(matches!(Muxer::new(&crowd), Err(Error::OutOfRange { field: "tracks", .. })));
    let stranger = Error::UnknownTrack { track: TrackId::audio(0) };
    assert_eq!(Muxer::new(&[h264()]).unwrap().part(&[sound(0, 9)], Tables::Omit), Err(stranger));
}

#[test]
fn a_part_is_exactly_sized_and_without_frames_it_is_its_tables() {
    let mut muxer = Muxer::new(&[h264()]).unwrap();
    let part = muxer.part(&[picture(0, 0, true, 1000)], Tables::Write).unwrap();
    assert_eq!(Vec::from(part.clone()).capacity(), part.len());
    assert_eq!(muxer.part(&[], Tables::Write).unwrap().len(), 2 * 188);
    assert!(muxer.part(&[], Tables::Omit).unwrap().is_empty());
}

/// A NAL unit without zeros, so without start codes; neither a delimiter nor a parameter set.
fn any_unit() -> impl Strategy<Value = Vec<u8>> {
    (prop::sample::select(vec![0x41u8, 0x06, 0x01]), prop::collection::vec(1u8..=255, 0..700)).prop_map(
        |(first, mut rest)| {
            rest.insert(0, first);
            rest
        },
    )
}

#[derive(Debug, Clone)]
enum Input {
    Picture { step: i64, offset: i64, keyframe: bool, units: Vec<Vec<u8>> },
    Sound { gap: bool, data: Vec<u8> },
}

fn any_input() -> impl Strategy<Value = Input> {
    let picture = (1i64..9000, -2000i64..9000, any::<bool>(), prop::collection::vec(any_unit(), 1..4))
        .prop_map(|(step, offset, keyframe, units)| Input::Picture { step, offset, keyframe, units });
    // Never the syntactic element 5, a program config.
    let sound = (prop::bool::weighted(0.1), prop::collection::vec(0u8..0xa0, 1..500))
        .prop_map(|(gap, data)| Input::Sound { gap, data });
    prop_oneof![picture, sound]
}

/// Frames from a start in 90 kHz ticks that both clocks express exactly.
fn frames(inputs: &[Input], start: i64) -> Vec<Frame> {
    let (mut video, mut samples) = (start, start / 15 * 8);
    let frames = inputs.iter().map(|input| match input {
        Input::Picture { step, offset, keyframe, units } => {
            let prefixed = units.iter().map(|unit| [&(unit.len() as u32).to_be_bytes()[..], unit].concat());
            let data = prefixed.collect::<Vec<_>>().concat();
            video += step;
            fixture::frame(&h264(), video, *offset, *keyframe, data)
        }
        Input::Sound { gap, data } => {
            samples += if *gap { 48_000 } else { 1024 };
            fixture::frame(&aac(), samples, 0, true, data.clone())
        }
    });
    frames.collect()
}

fn on_the_wire(ticks: i64) -> u64 {
    (ticks + TIME_OFFSET_TICKS).rem_euclid(WRAP) as u64
}

fn check_picture(pes: &Pes, frame: &Frame) {
    assert_eq!((pes.pts, pes.dts), (on_the_wire(frame.pts.0), on_the_wire(frame.dts.0)));
    assert_eq!(pes.random_access, frame.keyframe);
    assert_eq!(pes.pcr, Some(on_the_wire(frame.dts.0 - 63_000)));
    let mut found = units(&pes.data);
    assert_eq!(found.remove(0), [9, 0xf0]);
    if frame.keyframe {
        assert_eq!(found.drain(..2).map(|unit| unit[0] & 0x1f).collect::<Vec<_>>(), [7, 8]);
    }
    let prefixed = found.iter().map(|unit| [&(unit.len() as u32).to_be_bytes()[..], unit].concat());
    assert_eq!(prefixed.collect::<Vec<_>>().concat(), frame.data);
}

fn check_sounds(pes: &[&Pes], frames: &[&Frame]) {
    let mut expected = frames.iter();
    for pes in pes {
        for (index, data) in adts_frames(&pes.data).into_iter().enumerate() {
            let frame = expected.next().expect("no more frames than went in");
            assert_eq!(data, frame.data);
            let ticks = frame.dts.rescale(Timescale::new(48_000).unwrap(), Timescale::VIDEO).0;
            // A reader counts on from the packet's time by 1024 samples a frame.
            assert_eq!((pes.pts + index as u64 * 1920) % WRAP as u64, on_the_wire(ticks));
        }
    }
    assert!(expected.next().is_none(), "no frame was lost");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_frame_comes_back_at_its_time_across_the_33_bit_wrap(
        inputs in prop::collection::vec(any_input(), 1..40),
        before_wrap in 0i64..20_000,
        far in any::<bool>(),
        part in 1usize..15,
    ) {
        // Ticks of 90 and 48 kHz meet every 15 and 8; whole frames keep them together.
        let start = if far { 7 * WRAP - TIME_OFFSET_TICKS - before_wrap } else { before_wrap };
        let frames = frames(&inputs, start / 15 * 15);
        let mut muxer = Muxer::new(&[h264(), aac()]).unwrap();
        let mut bytes = Vec::new();
        for (index, part) in frames.chunks(part).enumerate() {
            let tables = if index % 3 == 0 { Tables::Write } else { Tables::Omit };
            bytes.extend(muxer.part(part, tables).unwrap());
        }
        prop_assert_eq!(muxer.malformed(), 0);
        let stream = mpegts::read(&bytes);
        let (video, audio): (Vec<&Pes>, Vec<&Pes>) = stream.pes.iter().partition(|pes| pes.pid == VIDEO_PID);
        let (pictures, sounds): (Vec<&Frame>, Vec<&Frame>) =
            frames.iter().partition(|frame| frame.track == TrackId::video(0));
        prop_assert_eq!(video.len(), pictures.len());
        for (pes, frame) in video.iter().zip(&pictures) {
            check_picture(pes, frame);
        }
        check_sounds(&audio, &sounds);
    }

    #[test]
    fn no_frame_panics_and_packets_stay_whole(
        data in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..10),
        times in prop::collection::vec((any::<i64>(), any::<i64>()), 10),
        length_size in prop::sample::select(vec![0u8, 1, 3]),
    ) {
        let mut config = AVCC.to_vec();
        config[4] = 0xfc | length_size;
        let mut muxer = Muxer::new(&[fixture::video(Codec::H264, config, 16, 16), aac()]).unwrap();
        let frames: Vec<Frame> = data
            .iter()
            .zip(&times)
            .enumerate()
            .map(|(index, (data, &(dts, pts)))| {
                let mut frame = fixture::frame(&if index % 2 == 0 { h264() } else { aac() }, 0, 0, true, data.clone());
                frame.dts.0 = dts;
                frame.pts.0 = pts;
                frame
            })
            .collect();
        let bytes = muxer.part(&frames, Tables::Write).unwrap();
        mpegts::read(&bytes);
    }

    #[test]
    fn no_configuration_panics(config in prop::collection::vec(any::<u8>(), 0..80)) {
        for codec in [Codec::H264, Codec::Hevc] {
            let _ = Muxer::new(&[fixture::video(codec, config.clone(), 16, 16)]);
        }
        let _ = Muxer::new(&[fixture::audio(Codec::Aac, config, 48_000, 2)]);
    }
}
