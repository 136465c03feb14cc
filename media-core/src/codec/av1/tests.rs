//! Real records say what ffprobe says of them; key frames, sequence headers and delimiters are found.

use super::*;
use crate::codec::fixtures::{self, Writer, hex};
use crate::codec::{Codec, RandomAccess, parse_config};
use crate::track::{FrameRate, VideoRange};

#[test]
fn records_say_what_ffprobe_says() {
    let sdr = VideoRange::Sdr;
    let expected = [
        (fixtures::AV1_AOM_1080P, 1920, 1080, sdr, "av01.0.08M.08"),
        (fixtures::AV1_SVT_PQ, 1280, 720, VideoRange::Pq, "av01.0.08M.10.0.110.09.16.09.0"),
        (fixtures::AV1_AOM_444, 322, 182, sdr, "av01.1.00M.08.0.000.01.01.01.1"),
        (fixtures::AV1_RAV1E, 1280, 720, sdr, "av01.0.31M.08"),
    ];
    for (text, width, height, range, name) in expected {
        let header = parse_config(Codec::Av1, &hex(text)).unwrap();
        assert_eq!(header.params, Params::Video(Video { width, height, frame_rate: None, range }));
        assert_eq!(header.rfc6381, name);
    }
}

#[test]
fn a_record_without_a_sequence_header_has_no_size_yet() {
    let record = &hex(fixtures::AV1_AOM_1080P)[..4];
    let header = parse_config(Codec::Av1, record).unwrap();
    assert_eq!(header.params, Params::Video(Video::default()));
    assert_eq!(header.rfc6381, "av01.0.08M.08");
    let frame = hex(fixtures::AV1_AOM_1080P_FRAME);
    assert_eq!(updated_config(record, &frame).unwrap(), hex(fixtures::AV1_AOM_1080P));
    let full = crate::codec::parse_key_frame(Codec::Av1, record, &frame).unwrap();
    assert_eq!(full, parse_config(Codec::Av1, &hex(fixtures::AV1_AOM_1080P)).unwrap());
}

#[test]
fn a_sequence_header_that_says_the_same_changes_nothing() {
    let same = hex(fixtures::AV1_AOM_1080P_FRAME);
    assert_eq!(updated_config(&hex(fixtures::AV1_AOM_1080P), &same), None);
    // SVT-AV1 writes other coding tools into the record than into the stream.
    assert_eq!(updated_config(&hex(fixtures::AV1_SVT_PQ), &hex(fixtures::AV1_SVT_PQ_FRAME)), None);
    assert_eq!(updated_config(&hex(fixtures::AV1_SVT_PQ), &same).unwrap(), hex(fixtures::AV1_AOM_1080P));
}

#[test]
fn timing_counts_only_where_pictures_are_evenly_spaced() {
    let build = |equal: u64| {
        let head = Writer::new().u(3, 0).u(2, 0).u(1, 1).u(32, 1001).u(32, 60_000).u(1, equal);
        // Two ticks a picture, a decoder model, two operating points of which the first is of high tier.
        let timing = if equal == 1 { head.ue(1) } else { head };
        let model = timing.u(1, 1).u(5, 9).u(32, 1).u(10, 0).u(1, 1).u(5, 1);
        let first = model.u(12, 0).u(5, 13).u(1, 1).u(1, 1).u(21, 0).u(1, 1).u(4, 9);
        let points = first.u(12, 0).u(5, 5).u(1, 0).u(1, 0);
        let size = points.u(4, 10).u(4, 10).u(11, 1919).u(11, 1079).u(1, 1).u(7, 0);
        let tools = size.u(3, 0).u(4, 0).u(1, 1).u(2, 0).u(1, 0).u(1, 1).u(1, 0).u(1, 1).u(3, 6).u(3, 0);
        tools.u(1, 1).u(1, 0).u(1, 1).u(24, 0x09_1209).u(1, 0).u(2, 2).u(1, 0).bytes()
    };
    let even = SequenceHeader::parse(&build(1)).unwrap();
    assert_eq!(even.frame_rate, Some(FrameRate { num: 30_000, den: 1001 }));
    assert_eq!((even.width, even.height, even.level, even.high_tier), (1920, 1080, 13, true));
    assert_eq!(even.rfc6381(), "av01.0.13H.10.0.112.09.18.09.0");
    assert_eq!(even.header().params, {
        let frame_rate = even.frame_rate;
        Params::Video(Video { width: 1920, height: 1080, frame_rate, range: VideoRange::Hlg })
    });
    assert_eq!(SequenceHeader::parse(&build(0)).unwrap().frame_rate, None);
}

#[test]
fn decoding_begins_at_shown_key_frames() {
    let key = hex(fixtures::AV1_AOM_1080P_FRAME);
    // A frame header of its own, padding before it: the frame's first byte is header bits.
    let at = |bits: u8| random_access(&[0x12, 0, 0x32, 1, bits]);
    assert_eq!(random_access(&key[..13]), RandomAccess::None);
    assert_eq!(at(0b0001_0000), RandomAccess::Idr);
    assert_eq!(at(0b0000_0000), RandomAccess::None);
    assert_eq!(at(0b0011_0000), RandomAccess::None);
    assert_eq!(at(0b1000_0000), RandomAccess::None);
    assert_eq!(random_access(&[]), RandomAccess::None);
}

#[test]
fn temporal_delimiters_are_stripped() {
    let strip = |data: &'static [u8]| strip_temporal_delimiters(&Bytes::from_static(data));
    let unit = Bytes::from_static(&[0x12, 0, 0x32, 1, 0x10]);
    let stripped = strip_temporal_delimiters(&unit);
    assert_eq!(stripped, [0x32, 1, 0x10][..]);
    assert_eq!(stripped.as_ptr(), unit[2..].as_ptr());
    assert_eq!(strip(&[0x32, 1, 0x10, 0x12, 0, 0x32, 1, 0x20]), [0x32, 1, 0x10, 0x32, 1, 0x20][..]);
    assert_eq!(strip(&[0x12, 0]), [][..]);
    // What cannot be read stays as it is.
    assert_eq!(strip(&[0x32, 9, 0x10]), [0x32, 9, 0x10][..]);
}

#[test]
fn records_of_another_version_are_refused() {
    let mut record = hex(fixtures::AV1_AOM_1080P);
    record[0] = 0x82;
    assert!(matches!(Config::parse(&record), Err(HeaderError::Invalid { field: "marker and version", .. })));
    assert!(Config::parse(&vec![0x81; MAX_CONFIG_BYTES + 1]).is_err());
}
