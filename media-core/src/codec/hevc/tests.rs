//! Real records say what ffprobe says of them; parameter sets in band and random access points are found.

use super::*;
use crate::codec::fixtures::{self, Writer, access_unit, hex};
use crate::codec::{Codec, RandomAccess, nal, parse_config};
use crate::track::VideoRange;

fn video_of(record: &[u8]) -> Video {
    let Params::Video(video) = parse_config(Codec::Hevc, record).unwrap().params else { panic!("no video") };
    video
}

fn rate(num: u32, den: u32) -> Option<FrameRate> {
    Some(FrameRate { num, den })
}

#[test]
fn records_say_what_ffprobe_says() {
    let expected = [
        (fixtures::HEVC_1080P2997, 1920, 1080, rate(30_000, 1001), VideoRange::Sdr, "hvc1.1.6.L120.90"),
        (fixtures::HEVC_2160P5994_PQ, 3840, 2160, rate(60_000, 1001), VideoRange::Pq, "hvc1.2.4.L153.90"),
        (fixtures::HEVC_720P23976_HLG, 1280, 720, rate(24_000, 1001), VideoRange::Hlg, "hvc1.2.4.L93.90"),
        (fixtures::HEVC_422_LISTS, 354, 290, rate(50, 1), VideoRange::Sdr, "hvc1.4.10.L63.9D.8"),
        (fixtures::HEVC_NO_TIMING, 640, 360, None, VideoRange::Sdr, "hvc1.1.6.L63.90"),
    ];
    for (text, width, height, frame_rate, range, name) in expected {
        let record = hex(text);
        assert_eq!(video_of(&record), Video { width, height, frame_rate, range });
        assert_eq!(parse_config(Codec::Hevc, &record).unwrap().rfc6381, name);
    }
}

#[test]
fn records_survive_a_round_trip() {
    for text in [
        fixtures::HEVC_1080P2997,
        fixtures::HEVC_2160P5994_PQ,
        fixtures::HEVC_720P23976_HLG,
        fixtures::HEVC_422_LISTS,
    ] {
        let record = hex(text);
        let again = Config::parse(&record).unwrap().encode().unwrap();
        // FFmpeg does not mark the array of SEI as complete, and neither is it here.
        assert_eq!(again, record);
    }
}

/// A VPS of the same stream as [`fixtures::HEVC_NO_TIMING`], with timing.
fn vps(units: u32, scale: u32) -> Vec<u8> {
    let head = Writer::new().u(4, 0).u(2, 3).u(6, 0).u(3, 0).u(1, 1).u(16, 0xffff);
    let ptl = head.u(8, 1).u(32, 0x6000_0000).u(48, 0x9000_0000_0000).u(8, 63);
    let order = ptl.u(1, 1).ue(4).ue(2).ue(5);
    // Three layer sets of one layer.
    let sets = order.u(6, 0).ue(2).u(2, 0b11);
    sets.u(1, 1).u(32, u64::from(units)).u(32, u64::from(scale)).u(1, 0).u(1, 0).nal(&[0x40, 1])
}

#[test]
fn the_vps_has_the_rate_where_the_sps_has_none() {
    let record = hex(fixtures::HEVC_NO_TIMING);
    let vps = vps(1001, 24_000);
    let mut config = Config::parse(&record).unwrap();
    config.vps = vec![&vps];
    assert_eq!(video_of(&config.encode().unwrap()).frame_rate, rate(24_000, 1001));
}

#[test]
fn hlg_behind_a_compatible_transfer_is_hlg() {
    let record = hex(fixtures::HEVC_1080P2997);
    let sei = hex("4e0193011280");
    let mut config = Config::parse(&record).unwrap();
    config.sei = vec![&sei];
    assert_eq!(video_of(&config.encode().unwrap()).range, VideoRange::Hlg);
}

#[test]
fn records_that_no_decoder_takes_are_refused() {
    let with = |at: usize, value: u8| {
        let mut record = hex(fixtures::HEVC_1080P2997);
        record[at] = value;
        Config::parse(&record).err()
    };
    assert!(matches!(with(0, 2), Some(HeaderError::Invalid { field: "configurationVersion", .. })));
    assert!(matches!(with(21, 0x0e), Some(HeaderError::Invalid { field: "lengthSizeMinusOne", .. })));
    assert!(matches!(with(22, 0), Some(HeaderError::Invalid { .. })));
    assert_eq!(with(0, 0), None);
}

#[test]
fn parameter_sets_stand_behind_start_codes() {
    let record = hex(fixtures::HEVC_1080P2997);
    let config = Config::parse(&record).unwrap();
    let annex_b = config.annex_b();
    let units: Vec<_> = nal::AnnexB::new(&annex_b).collect();
    assert_eq!(units, [config.vps[0], config.sps[0], config.pps[0]]);
    assert_eq!(config_from_annex_b(&annex_b).unwrap(), record);
}

#[test]
fn a_size_that_changes_in_band_is_noticed() {
    let (old, new) = (hex(fixtures::HEVC_1080P2997), hex(fixtures::HEVC_2160P5994_PQ));
    let sets = Config::parse(&new).unwrap();
    let unit = access_unit(&[sets.vps[0], sets.sps[0], sets.pps[0], &[0x28, 1, 0xac]]);
    assert_eq!(updated_config(&old, &unit).unwrap(), new);
    assert_eq!(updated_config(&new, &unit), None);
    assert_eq!(updated_config(&old, &access_unit(&[&[0x28, 1, 0xac]])), None);
    assert_eq!(config_from_access_unit(4, &unit).unwrap(), new);
}

#[test]
fn hevc_labelled_as_avc_is_recognised() {
    let record = hex(fixtures::HEVC_1080P2997);
    let config = Config::parse(&record).unwrap();
    let unit = access_unit(&[config.vps[0], config.sps[0], config.pps[0], &[0x28, 1, 0xac]]);
    assert!(is_mislabelled(&record));
    assert!(is_mislabelled(&unit));
    assert!(is_mislabelled(&config.annex_b()));
    let real = hex(fixtures::AVC_1080P2997);
    let sets = crate::codec::avc::Config::parse(&real).unwrap();
    assert!(!is_mislabelled(&real));
    assert!(!is_mislabelled(&access_unit(&[sets.sps[0], sets.pps[0], &[0x65, 0x88]])));
    assert!(!is_mislabelled(&[]));
}

#[test]
fn decoding_begins_at_irap_pictures_and_recovery_points() {
    // Units as libx265 writes them, with -x265-params open-gop=1.
    let at = |units: &[&[u8]]| random_access(4, &access_unit(units));
    let parameter_sets = &hex("4201010160")[..];
    assert_eq!(at(&[parameter_sets, &hex("2801ac21182e")]), RandomAccess::Idr);
    assert_eq!(at(&[&hex("2a01ac285a22")]), RandomAccess::Open);
    assert_eq!(at(&[&hex("0201d0214988")]), RandomAccess::None);
    assert_eq!(at(&[&hex("1001e1222d49")]), RandomAccess::None);
    // recovery_poc_cnt 2 and -1.
    assert_eq!(at(&[&hex("4e0106022080"), &hex("0201d021")]), RandomAccess::Recovery { frames: 2 });
    assert_eq!(at(&[&hex("4e0106017080"), &hex("0201d021")]), RandomAccess::Recovery { frames: 0 });
    // An IDR picture of another layer is not where the base layer begins.
    assert_eq!(at(&[&hex("2809ac21"), &hex("0201d021")]), RandomAccess::None);
}

#[test]
fn reference_sets_and_lists_before_the_vui_are_passed_over() {
    let head = Writer::new().u(4, 0).u(3, 1).u(1, 1);
    // Two sub-layers, of which the lower has a level.
    let ptl = head.u(8, 2).u(32, 0x2000_0000).u(48, 0).u(8, 120).u(2, 0b01).u(14, 0).u(8, 90);
    let size = ptl.ue(0).ue(1).ue(1920).ue(1088).u(1, 1).ue(0).ue(0).ue(0).ue(4).ue(2).ue(2);
    let order = size.ue(4).u(1, 0).ue(4).ue(2).ue(0).ue(0).ue(3).ue(0).ue(3).ue(0).ue(0);
    // Scaling lists: all predicted but the last, which is in full.
    let mut lists = order.u(1, 1).u(1, 1);
    for _ in 0..19 {
        lists = lists.u(1, 0).ue(0);
    }
    lists = lists.u(1, 1).se(0);
    for _ in 0..64 {
        lists = lists.se(-1);
    }
    let pcm = lists.u(2, 0b11).u(1, 1).u(8, 0x77).ue(0).ue(0).u(1, 0);
    // One explicit set of three pictures, one predicted from it, one explicit and empty.
    let explicit = pcm.ue(3).ue(2).ue(1).ue(0).u(1, 1).ue(0).u(1, 1).ue(0).u(1, 1);
    let predicted = explicit.u(1, 1).u(1, 0).ue(0).u(1, 1).u(2, 0b01).u(2, 0b00).u(1, 1);
    let sets = predicted.u(1, 0).ue(0).ue(0);
    let long_term = sets.u(1, 1).ue(2).u(9, 3).u(9, 5).u(2, 0);
    let vui = long_term.u(1, 1).u(1, 1).u(8, 2).u(1, 0).u(1, 1).u(3, 5).u(1, 1).u(1, 1).u(24, 0x09_1009);
    let unit = vui.u(1, 0).u(1, 0).u(1, 1).u(1, 0).u(1, 0).u(1, 1).u(32, 1).u(32, 50).nal(&[0x42, 1]);
    let sps = Sps::parse(&unit).unwrap();
    assert_eq!((sps.width, sps.height, sps.bit_depth_luma, sps.sub_layers), (1920, 1080, 10, 2));
    assert_eq!((sps.timing, sps.interlaced, sps.sample_aspect), (Some((1, 50)), true, (12, 11)));
    assert_eq!(sps.colour.range(), VideoRange::Pq);
}
