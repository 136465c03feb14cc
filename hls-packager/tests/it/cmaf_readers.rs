//! CMAF read by the `mp4-atom` and `mp4` crates, which share no code with the muxer.

use std::io::Cursor;

use bytes::Bytes;
use hls_packager::cmaf;
use hls_packager::container::{Container, Error};
use media_core::{Codec, Frame, Timestamp, Track};
use mp4_atom::{Any, Atom, Codec as Entry, Decode, DecodeMaybe, Encode, Moof, Moov};
use proptest::prelude::*;

use crate::encoded;
use crate::fixture::{self, AAC_LC, AVCC};

fn atoms(file: &[u8]) -> Vec<Any> {
    let mut rest = file;
    let mut atoms = Vec::new();
    while let Some(atom) = Any::decode_maybe(&mut rest).unwrap() {
        atoms.push(atom);
    }
    assert!(rest.is_empty(), "bytes after the last box");
    atoms
}

fn movie(track: &Track, first_frame: &[u8]) -> Moov {
    let file = cmaf::init_segment(track, first_frame).unwrap();
    match <[Any; 2]>::try_from(atoms(&file)) {
        Ok([Any::Ftyp(ftyp), Any::Moov(moov)]) => {
            assert!(ftyp.compatible_brands.contains(&b"cmfc".into()));
            moov
        }
        other => panic!("{other:?}"),
    }
}

fn entry(track: &Track, first_frame: &[u8]) -> Entry {
    let moov = movie(track, first_frame);
    let [trak] = &moov.trak[..] else { panic!("one track") };
    let [entry] = &trak.mdia.minf.stbl.stsd.codecs[..] else { panic!("one entry") };
    entry.clone()
}

/// The payload of a configuration box as `mp4-atom` understood it.
fn payload<T: Atom + Encode>(atom: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    atom.encode(&mut bytes).unwrap();
    bytes.split_off(8)
}

#[test]
fn the_movie_announces_fragments_of_one_track() {
    let track = fixture::video(Codec::H264, AVCC, 1280, 720);
    let moov = movie(&track, &[]);
    let [trak] = &moov.trak[..] else { panic!("one track") };
    assert_eq!(trak.tkhd.track_id, cmaf::TRACK_ID);
    assert!(trak.tkhd.enabled);
    assert_eq!((trak.tkhd.width.integer(), trak.tkhd.height.integer()), (1280, 720));
    assert_eq!(trak.mdia.mdhd.timescale, 90_000);
    assert_eq!(trak.mdia.hdlr.handler, b"vide".into());
    assert!(trak.edts.is_none(), "decode times need no edit list");
    let [trex] = &moov.mvex.unwrap().trex[..] else { panic!("one trex") };
    assert_eq!((trex.track_id, trex.default_sample_description_index), (cmaf::TRACK_ID, 1));
}

#[test]
fn avc1_carries_the_record_byte_for_byte() {
    let Entry::Avc1(avc1) = entry(&fixture::video(Codec::H264, AVCC, 1280, 720), &[]) else { panic!() };
    assert_eq!((avc1.visual.width, avc1.visual.height), (1280, 720));
    assert_eq!(payload(&avc1.avcc), AVCC);
}

#[test]
fn vp09_takes_records_with_and_without_the_full_box_header() {
    let record = [0, 31, 0x82, 9, 16, 9, 0, 0];
    for prefix in [&[][..], &[1, 0, 0, 0]] {
        let track = fixture::video(Codec::Vp9, [prefix, &record].concat(), 640, 360);
        let Entry::Vp09(vp09) = entry(&track, &[]) else { panic!() };
        assert_eq!((vp09.vpcc.level, vp09.vpcc.bit_depth, vp09.vpcc.transfer_characteristics), (31, 8, 16));
        assert_eq!(vp09.colr.map(|colr| payload(&colr)), Some(b"nclx\x00\x09\x00\x10\x00\x09\x00".to_vec()));
    }
}

#[test]
fn mp4a_of_aac_carries_the_audio_specific_config() {
    // HE-AAC with explicit signalling, which must not be lost.
    let config = [0x2b, 0x09, 0x88, 0x00];
    let track = fixture::audio(Codec::Aac, config.to_vec(), 48_000, 2);
    let file = cmaf::init_segment(&track, &[]).unwrap();
    assert!(file.windows(6).any(|window| window == [0x80, 0x04, 0x2b, 0x09, 0x88, 0x00]));
    let Entry::Mp4a(mp4a) = entry(&fixture::audio(Codec::Aac, AAC_LC, 48_000, 2), &[]) else { panic!() };
    assert_eq!((mp4a.audio.channel_count, mp4a.audio.sample_rate.integer()), (2, 48_000));
    let specific = mp4a.esds.es_desc.dec_config.dec_specific.unwrap();
    assert_eq!((specific.profile, specific.freq_index, specific.chan_conf), (2, 3, 2));
}

#[test]
fn mp4a_of_mp3_names_the_layer_by_its_object_type() {
    for (hz, object_type) in [(44_100, 0x6b), (22_050, 0x69)] {
        let Entry::Mp4a(mp4a) = entry(&fixture::audio(Codec::Mp3, Bytes::new(), hz, 2), &[]) else {
            panic!()
        };
        assert_eq!(mp4a.esds.es_desc.dec_config.object_type_indication, object_type);
        assert!(mp4a.esds.es_desc.dec_config.dec_specific.is_none());
    }
}

#[test]
fn opus_and_dolby_and_flac_fields() {
    let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00";
    let Entry::Opus(opus) = entry(&fixture::audio(Codec::Opus, &head[..], 48_000, 2), &[]) else { panic!() };
    assert_eq!((opus.dops.output_channel_count, opus.dops.pre_skip), (2, 312));
    assert_eq!(opus.dops.input_sample_rate, 48_000);

    let frame = [0x0b, 0x77, 0, 0, 0x1c, 0x40, 0b1110_0001, 0];
    let Entry::Ac3(ac3) = entry(&fixture::audio(Codec::Ac3, Bytes::new(), 48_000, 6), &frame) else {
        panic!()
    };
    assert_eq!((ac3.dac3.fscod, ac3.dac3.bsid, ac3.dac3.acmod, ac3.dac3.lfeon), (0, 8, 7, true));
    assert_eq!(ac3.dac3.bit_rate_code, 14);

    let frame = [[0x0b, 0x77, 0x01, 0x7f, 0x3f, 0x80].to_vec(), vec![0; 762]].concat();
    let Entry::Eac3(eac3) = entry(&fixture::audio(Codec::Eac3, Bytes::new(), 48_000, 6), &frame) else {
        panic!()
    };
    assert_eq!(eac3.dec3.data_rate, 192);
    let [substream] = &eac3.dec3.substreams[..] else { panic!("one substream") };
    assert_eq!((substream.fscod, substream.bsid, substream.acmod, substream.lfeon), (0, 16, 7, true));

    let mut config = b"fLaC\x00\x00\x00\x22".to_vec();
    config.extend([0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x17, 0x70, 0x01, 0x70]);
    config.resize(42, 0);
    let Entry::Flac(flac) = entry(&fixture::audio(Codec::Flac, config, 96_000, 1), &[]) else { panic!() };
    assert_eq!(flac.audio.sample_rate.integer(), 48_000);
    assert_eq!(flac.dfla.blocks.len(), 1);
}

#[test]
fn unusable_configurations_are_refused() {
    let bad = |track: Track, first_frame: &[u8]| {
        let refused = cmaf::init_segment(&track, first_frame);
        assert!(matches!(refused, Err(Error::BadConfig(_))), "{refused:?}");
    };
    for codec in [Codec::H264, Codec::Hevc, Codec::Av1, Codec::Vp9] {
        bad(fixture::video(codec, Bytes::new(), 640, 360), &[]);
        bad(fixture::video(codec, vec![0; 70_000], 640, 360), &[]);
    }
    for codec in [Codec::Aac, Codec::Opus, Codec::Flac, Codec::Ac3, Codec::Eac3] {
        bad(fixture::audio(codec, Bytes::new(), 48_000, 2), &[]);
        bad(fixture::audio(codec, vec![0; 70_000], 48_000, 2), &[0; 8]);
    }
}

#[test]
fn hvc1_wants_all_parameter_sets_in_the_record() {
    let clip = encoded::video(Codec::Hevc, &[]);
    let Entry::Hvc1(hvc1) = entry(&clip.track, &[]) else { panic!() };
    let arrays: Vec<_> =
        hvc1.hvcc.arrays.iter().map(|array| (array.nal_unit_type, array.completeness)).collect();
    assert_eq!(arrays[..3], [(32, true), (33, true), (34, true)]);
    // The same record with the PPS array turned into an unknown one.
    let mut config = clip.track.config.to_vec();
    let pps = config.windows(3).rposition(|window| window[0] & 0x3f == 34 && window[1..] == [0, 1]).unwrap();
    config[pps] = 0x30;
    let in_unit = config[pps..].iter().position(|&byte| byte == 0x44).unwrap();
    config[pps + in_unit] = 0x60;
    let refused = cmaf::init_segment(&Track { config: config.into(), ..clip.track.clone() }, &[]);
    assert!(matches!(refused, Err(Error::BadConfig(_))), "{refused:?}");
}

#[test]
fn vp9_has_its_size_from_the_first_key_frame() {
    let clip = encoded::video(Codec::Vp9, &[]);
    assert_eq!(clip.track.video().unwrap().width, 0, "the record does not say");
    let Entry::Vp09(vp09) = entry(&clip.track, &clip.frames[0].data) else { panic!() };
    assert_eq!(
        (u32::from(vp09.visual.width), u32::from(vp09.visual.height)),
        (encoded::WIDTH, encoded::HEIGHT)
    );
    assert!(matches!(cmaf::init_segment(&clip.track, &[]), Err(Error::BadConfig(_))));
}

#[test]
fn pixel_shape_and_colours_of_the_bitstream_are_in_the_entry() {
    let shaped = ["-vf", "setsar=4/3", "-color_primaries", "bt2020", "-color_trc", "smpte2084"];
    let arguments = [&shaped[..], &["-colorspace", "bt2020nc"]].concat();
    for codec in [Codec::H264, Codec::Hevc, Codec::Av1] {
        let clip = encoded::video(codec, &arguments);
        let (colr, pasp) = match entry(&clip.track, &[]) {
            Entry::Avc1(avc1) => (avc1.colr, avc1.pasp),
            Entry::Hvc1(hvc1) => (hvc1.colr, hvc1.pasp),
            Entry::Av01(av01) => (av01.colr, av01.pasp),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            colr.map(|colr| payload(&colr)),
            Some(b"nclx\x00\x09\x00\x10\x00\x09\x00".to_vec()),
            "{codec:?}"
        );
        let moov = movie(&clip.track, &[]);
        if codec == Codec::Av1 {
            // Its bitstream knows no pixel shape.
            assert!(pasp.is_none());
        } else {
            assert_eq!(pasp.map(|pasp| (pasp.h_spacing, pasp.v_spacing)), Some((4, 3)), "{codec:?}");
            assert_eq!(moov.trak[0].tkhd.width.integer(), 213);
        }
        assert_eq!(moov.trak[0].tkhd.height.integer(), 120);
    }
}

#[test]
fn script_data_is_not_packaged() {
    let track = Track::data(media_core::Timescale::MILLIS);
    let refused = Error::CodecNotPackaged { codec: Codec::Amf0, container: Container::Cmaf };
    assert_eq!(cmaf::init_segment(&track, &[]), Err(refused));
}

#[test]
fn the_mp4_crate_reads_init_and_fragments() {
    let track = fixture::video(Codec::H264, AVCC, 1280, 720);
    let frames = [
        fixture::frame(&track, 90_000, 3000, true, &b"\0\0\0\x01\x65"[..]),
        fixture::frame(&track, 93_000, 0, false, &b"\0\0\0\x02\x41\x9a"[..]),
    ];
    let mut file = cmaf::init_segment(&track, &[]).unwrap().to_vec();
    file.extend(cmaf::fragment(1, &frames, Timestamp(96_000)).unwrap());
    let size = file.len() as u64;
    let reader = mp4::Mp4Reader::read_header(Cursor::new(&file), size).unwrap();
    let video = &reader.tracks()[&cmaf::TRACK_ID];
    assert_eq!((video.width(), video.height(), video.timescale()), (1280, 720, 90_000));
    assert_eq!(video.sequence_parameter_set().unwrap(), &AVCC[8..18]);
    let [moof] = &reader.moofs[..] else { panic!("one moof") };
    let traf = &moof.trafs[0];
    assert_eq!(traf.tfdt.as_ref().unwrap().base_media_decode_time, 90_000);
    let run = traf.trun.as_ref().unwrap();
    assert_eq!(
        (run.sample_count, &run.sample_sizes[..], &run.sample_cts[..]),
        (2, &[5, 6][..], &[3000, 0][..])
    );
}

/// The frames of fragments laid end to end, as a reader of ISO/IEC 14496-12 finds them.
fn read_fragments(track: &Track, file: &[u8]) -> Vec<(Frame, u32)> {
    let mut frames = Vec::new();
    let mut rest = file;
    while !rest.is_empty() {
        let start = rest;
        let moof = Moof::decode(&mut rest).unwrap();
        let [traf] = &moof.traf[..] else { panic!("one traf") };
        let [trun] = &traf.trun[..] else { panic!("one trun") };
        assert!(traf.tfhd.default_base_is_moof);
        let mut at = trun.data_offset.unwrap() as usize;
        assert_eq!(at, start.len() - rest.len() + 8, "data follows the mdat's header");
        let mut dts = i64::try_from(traf.tfdt.as_ref().unwrap().base_media_decode_time).unwrap();
        for sample in trun.samples.iter() {
            let duration = sample.duration.or(traf.tfhd.default_sample_duration).unwrap();
            let size = sample.size.or(traf.tfhd.default_sample_size).unwrap() as usize;
            let flags = sample.flags.or(traf.tfhd.default_sample_flags).unwrap();
            let data = start[at..at + size].to_vec();
            let sync = flags & 0x1_0000 == 0;
            assert_eq!(flags >> 24 & 3, if sync { 2 } else { 1 }, "sample_depends_on");
            frames.push((fixture::frame(track, dts, sample.cts.unwrap_or(0), sync, data), duration));
            dts += i64::from(duration);
            at += size;
        }
        let (mdat, after) = rest.split_at(at - (start.len() - rest.len()));
        assert_eq!(&mdat[4..8], b"mdat");
        assert_eq!(u32::from_be_bytes(mdat[..4].try_into().unwrap()) as usize, mdat.len());
        rest = after;
    }
    frames
}

prop_compose! {
    /// Durations, composition offsets, key frames and sizes, each alike or not, as `alike` says.
    fn any_frames()(
        alike in any::<[bool; 4]>(),
        samples in prop::collection::vec((1u32..5000, -9000i64..9000, any::<bool>(), 0usize..40), 1..40),
        start in prop_oneof![0i64..100, (1i64 << 32) - 2000..(1i64 << 32) + 2000, Just(1i64 << 62)],
    ) -> (Vec<Frame>, Timestamp) {
        let track = fixture::video(Codec::H264, AVCC, 16, 16);
        let mut dts = start;
        let frames = samples.iter().enumerate().map(|(index, &(duration, offset, key, size))| {
            let size = if alike[3] { 17 } else { size };
            let key = if alike[2] { index == 0 } else { key };
            let data = vec![index as u8; size];
            let frame = fixture::frame(&track, dts, if alike[1] { 0 } else { offset }, key, data);
            dts += i64::from(if alike[0] { 3000 } else { duration });
            frame
        });
        let frames = frames.collect();
        (frames, Timestamp(dts))
    }
}

proptest! {
    #[test]
    fn every_frame_comes_back_whatever_the_parts((frames, end) in any_frames(), part in 1usize..12) {
        let track = fixture::video(Codec::H264, AVCC, 16, 16);
        let parts: Vec<_> = frames.chunks(part).collect();
        let mut file = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let end = parts.get(index + 1).map_or(end, |next| next[0].dts);
            let bytes = cmaf::fragment(index as u32 + 1, part, end).unwrap();
            file.extend_from_slice(&bytes);
        }
        let read = read_fragments(&track, &file);
        let lasting: i64 = read.iter().map(|(_, duration)| i64::from(*duration)).sum();
        prop_assert_eq!(lasting, end.since(frames[0].dts));
        let read: Vec<Frame> = read.into_iter().map(|(frame, _)| frame).collect();
        prop_assert_eq!(read, frames);
    }

    #[test]
    fn no_configuration_panics(
        config in prop::collection::vec(any::<u8>(), 0..80),
        first_frame in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        for codec in [Codec::H264, Codec::Hevc, Codec::Av1, Codec::Vp9] {
            let _ = cmaf::init_segment(&fixture::video(codec, config.clone(), 16, 16), &first_frame);
        }
        for codec in [Codec::Aac, Codec::Opus, Codec::Mp3, Codec::Ac3, Codec::Eac3, Codec::Flac] {
            let sync = [&[0x0b, 0x77][..], &first_frame].concat();
            let _ = cmaf::init_segment(&fixture::audio(codec, config.clone(), 48_000, 2), &sync);
        }
    }
}
