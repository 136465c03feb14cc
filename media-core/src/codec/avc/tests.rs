//! Real records say what ffprobe says of them; parameter sets in band and random access points are found.

use proptest::prelude::*;

use super::*;
use crate::codec::fixtures::{self, Writer, access_unit, hex};
use crate::codec::{Codec, RandomAccess, nal, parse_config};
use crate::track::{FrameRate, VideoRange};

fn video(text: &str) -> (Video, String) {
    let header = parse_config(Codec::H264, &hex(text)).unwrap();
    let Params::Video(video) = header.params else { panic!("no video") };
    (video, header.rfc6381)
}

fn rate(num: u32, den: u32) -> Option<FrameRate> {
    Some(FrameRate { num, den })
}

#[test]
fn records_say_what_ffprobe_says() {
    let sdr = VideoRange::Sdr;
    let expected = [
        (fixtures::AVC_1080P2997, 1920, 1080, rate(30_000, 1001), sdr),
        (fixtures::AVC_720P23976_BASELINE, 1280, 720, rate(24_000, 1001), sdr),
        (fixtures::AVC_1080I25, 1920, 1080, rate(25, 1), sdr),
        (fixtures::AVC_576P50_SAR, 720, 576, rate(50, 1), sdr),
        (fixtures::AVC_HI422_HLG, 1280, 720, rate(60_000, 1001), VideoRange::Hlg),
        (fixtures::AVC_HI10_PQ, 1280, 720, rate(50, 1), VideoRange::Pq),
        (fixtures::AVC_444_LISTS, 322, 182, rate(30, 1), sdr),
    ];
    for (text, width, height, frame_rate, range) in expected {
        assert_eq!(video(text).0, Video { width, height, frame_rate, range });
    }
}

#[test]
fn codecs_is_six_hex_digits_of_the_sps_whatever_the_record_claims() {
    assert_eq!(video(fixtures::AVC_1080P2997).1, "avc1.640028");
    assert_eq!(video(fixtures::AVC_720P23976_BASELINE).1, "avc1.42c01f");
    let mut record = hex(fixtures::AVC_1080P2997);
    record[1..4].copy_from_slice(&[66, 0, 12]);
    assert_eq!(parse_config(Codec::H264, &record).unwrap().rfc6381, "avc1.640028");
}

#[test]
fn the_sps_says_more_than_size() {
    let sps = |text| Config::parse(&hex(text)).unwrap().first_sps().unwrap();
    assert!(sps(fixtures::AVC_1080I25).interlaced);
    assert_eq!(sps(fixtures::AVC_576P50_SAR).sample_aspect, (16, 11));
    let hlg = sps(fixtures::AVC_HI422_HLG);
    assert_eq!(
        (hlg.chroma_format, hlg.bit_depth_luma, hlg.colour.primaries, hlg.colour.matrix),
        (2, 10, 9, 9)
    );
    assert_eq!(sps(fixtures::AVC_444_LISTS).chroma_format, 3);
}

#[test]
fn records_survive_a_round_trip() {
    for text in [
        fixtures::AVC_1080P2997,
        fixtures::AVC_720P23976_BASELINE,
        fixtures::AVC_1080I25,
        fixtures::AVC_HI422_HLG,
        fixtures::AVC_444_LISTS,
    ] {
        let record = hex(text);
        assert_eq!(Config::parse(&record).unwrap().encode().unwrap(), record);
    }
}

#[test]
fn a_record_without_the_high_profile_fields_is_taken() {
    let mut record = hex(fixtures::AVC_1080P2997);
    record.truncate(record.len() - 4);
    assert!(Config::parse(&record).is_ok());
}

#[test]
fn records_that_no_decoder_takes_are_refused() {
    let with = |at: usize, value: u8| {
        let mut record = hex(fixtures::AVC_1080P2997);
        record[at] = value;
        Config::parse(&record).err()
    };
    assert!(matches!(with(0, 0), Some(HeaderError::Invalid { field: "configurationVersion", .. })));
    assert!(matches!(with(4, 0xfe), Some(HeaderError::Invalid { field: "lengthSizeMinusOne", .. })));
    assert!(with(5, 0xe0).is_some());
    assert!(Config::parse(&vec![1; MAX_CONFIG_BYTES + 1]).is_err());
}

#[test]
fn parameter_sets_stand_behind_start_codes() {
    let record = hex(fixtures::AVC_720P23976_BASELINE);
    let config = Config::parse(&record).unwrap();
    let annex_b = config.annex_b();
    assert_eq!(nal::AnnexB::new(&annex_b).collect::<Vec<_>>(), [config.sps[0], config.pps[0]]);
    assert_eq!(config_from_annex_b(&annex_b).unwrap(), record);
}

#[test]
fn repeated_parameter_sets_change_nothing() {
    let record = hex(fixtures::AVC_1080P2997);
    let config = Config::parse(&record).unwrap();
    let unit = access_unit(&[&[9, 0xf0], config.sps[0], config.pps[0], &[0x65, 0x88]]);
    assert_eq!(updated_config(&record, &unit), None);
    assert_eq!(updated_config(&record, &access_unit(&[&[0x65, 0x88]])), None);
}

#[test]
fn a_size_that_changes_in_band_is_noticed() {
    let (old, new) = (hex(fixtures::AVC_1080P2997), hex(fixtures::AVC_720P23976_BASELINE));
    let sets = Config::parse(&new).unwrap();
    let unit = access_unit(&[sets.sps[0], sets.pps[0], &[0x65, 0x88]]);
    let updated = updated_config(&old, &unit).unwrap();
    assert_eq!(updated, new);
    assert_eq!(updated_config(&updated, &unit), None);
    let header = crate::codec::parse_key_frame(Codec::H264, &old, &unit).unwrap();
    assert_eq!(header, parse_config(Codec::H264, &new).unwrap());
}

#[test]
fn two_parameter_sets_of_one_id_in_an_access_unit_are_a_change_once() {
    let (old, new) = (hex(fixtures::AVC_1080P2997), hex(fixtures::AVC_720P23976_BASELINE));
    let (first, second) = (Config::parse(&old).unwrap(), Config::parse(&new).unwrap());
    let unit = access_unit(&[first.sps[0], second.sps[0], second.pps[0], &[0x65, 0x88]]);
    let updated = updated_config(&old, &unit).unwrap();
    assert_eq!(parse_config(Codec::H264, &updated), parse_config(Codec::H264, &new));
    assert_eq!(updated_config(&updated, &unit), None);
    // A set that is there already, between two of one id.
    let unit = access_unit(&[second.sps[0], first.sps[0], second.sps[0], &[0x65, 0x88]]);
    assert_eq!(updated_config(&updated, &unit), None);
}

#[test]
fn damaged_parameter_sets_in_band_change_nothing() {
    let record = hex(fixtures::AVC_1080P2997);
    let unit = access_unit(&[&[0x67, 0x64, 0, 40, 0], &[0x68], &[0x65, 0x88]]);
    assert_eq!(updated_config(&record, &unit), None);
}

#[test]
fn a_stream_without_a_sequence_header_gets_one_from_its_first_key_frame() {
    let record = hex(fixtures::AVC_1080P2997);
    let config = Config::parse(&record).unwrap();
    let unit = access_unit(&[config.sps[0], config.pps[0], &[0x65, 0x88]]);
    assert_eq!(config_from_access_unit(4, &unit).unwrap(), record);
    assert_eq!(config_from_access_unit(4, &access_unit(&[config.sps[0]])), None);
    assert_eq!(config_from_access_unit(4, &access_unit(&[config.pps[0]])), None);
}

#[test]
fn a_flood_of_parameter_sets_is_bounded() {
    let record = hex(fixtures::AVC_1080P2997);
    let sets: Vec<Vec<u8>> =
        (0..4000u32).map(|n| Writer::new().ue(n % 256).ue(0).ue(n).nal(&[0x68])).collect();
    let unit = access_unit(&sets.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let updated = updated_config(&record, &unit).unwrap();
    assert!(Config::parse(&updated).unwrap().pps.len() <= 129);
}

#[test]
fn decoding_begins_at_idr_recovery_points_and_nowhere_else() {
    // Units as libx264 writes them, with -x264-params intra-refresh=1, open-gop=1 and neither.
    let user_data = hex("0605044edc45e980");
    let at = |units: &[&[u8]]| random_access(4, &access_unit(units));
    assert_eq!(at(&[&user_data, &hex("6588843a0c60")]), RandomAccess::Idr);
    assert_eq!(at(&[&hex("060602151080"), &hex("419b40ea1d9c")]), RandomAccess::Recovery { frames: 9 });
    assert_eq!(at(&[&hex("060601c480"), &hex("4188aa827fd9")]), RandomAccess::Recovery { frames: 0 });
    assert_eq!(at(&[&user_data, &hex("419a22bc3d0a")]), RandomAccess::None);
    // A message behind the slice belongs to nothing.
    assert_eq!(at(&[&hex("419a22bc3d0a"), &hex("060601c480")]), RandomAccess::None);
    assert_eq!(at(&[]), RandomAccess::None);
}

#[test]
fn sizes_that_no_level_allows_are_refused() {
    let plain = Fields {
        high: false,
        chroma: 1,
        lists: false,
        poc: 0,
        columns: 120,
        rows: 68,
        interlaced: false,
        crop: [0, 0, 0, 4],
        timing: (1, 50),
        transfer: 1,
    };
    assert_eq!(Sps::parse(&build(&plain)).map(|sps| (sps.width, sps.height)), Ok((1920, 1080)));
    let refused = |change: &dyn Fn(&mut Fields)| {
        let mut fields = plain.clone();
        change(&mut fields);
        Sps::parse(&build(&fields)).is_err()
    };
    assert!(refused(&|fields| fields.columns = 1056));
    assert!(refused(&|fields| fields.rows = u32::MAX - 1));
    assert!(refused(&|fields| fields.crop = [480, 480, 0, 0]));
    assert!(refused(&|fields| fields.crop = [u32::MAX - 1; 4]));
}

/// The fields of an SPS that size and rate depend on.
#[derive(Clone, Debug)]
struct Fields {
    high: bool,
    chroma: u32,
    lists: bool,
    poc: u32,
    columns: u32,
    rows: u32,
    interlaced: bool,
    crop: [u32; 4],
    timing: (u32, u32),
    transfer: u8,
}

fn fields() -> impl Strategy<Value = Fields> {
    let shape = (any::<bool>(), 0u32..4, any::<bool>(), 0u32..3);
    let size = (1u32..1000, 1u32..500, any::<bool>(), proptest::array::uniform4(0u32..4));
    (shape, size, (1u32.., 1u32..), any::<u8>()).prop_map(|(shape, size, timing, transfer)| {
        let (high, chroma, lists, poc) = shape;
        let (columns, rows, interlaced, crop) = size;
        Fields { high, chroma, lists, poc, columns, rows, interlaced, crop, timing, transfer }
    })
}

fn build(fields: &Fields) -> Vec<u8> {
    let mut out = Writer::new().u(8, if fields.high { 100 } else { 77 }).u(8, 0).u(8, 40).ue(0);
    if fields.high {
        out = out.ue(fields.chroma);
        out = if fields.chroma == 3 { out.u(1, 0) } else { out };
        out = out.ue(0).ue(0).u(1, 0).u(1, u64::from(fields.lists));
        if fields.lists {
            let lists = if fields.chroma == 3 { 12 } else { 8 };
            // The first list ends early, the second is whole, the others are absent.
            out = out.u(1, 1).se(3).se(-11).u(1, 1);
            for _ in 0..16 {
                out = out.se(1);
            }
            out = out.u(lists - 2, 0);
        }
    }
    out = out.ue(0).ue(fields.poc);
    out = match fields.poc {
        0 => out.ue(2),
        1 => out.u(1, 0).se(-3).se(4).ue(2).se(100).se(-100),
        _ => out,
    };
    out = out.ue(4).u(1, 0).ue(fields.columns - 1).ue(fields.rows - 1).u(1, u64::from(!fields.interlaced));
    out = if fields.interlaced { out.u(1, 1) } else { out };
    out = out.u(1, 1).u(1, 1);
    out = fields.crop.iter().fold(out, |out, edge| out.ue(*edge));
    // VUI: sample aspect in full, no overscan, colour, chroma location, timing.
    out = out.u(1, 1).u(1, 1).u(8, 255).u(16, 4).u(16, 3).u(1, 0).u(1, 1).u(3, 5).u(1, 1).u(1, 1);
    out = out.u(8, 9).u(8, u64::from(fields.transfer)).u(8, 9).u(1, 1).ue(0).ue(0);
    out = out.u(1, 1).u(32, u64::from(fields.timing.0)).u(32, u64::from(fields.timing.1)).u(1, 1);
    out.nal(&[0x67])
}

proptest! {
    #[test]
    fn every_sps_is_read_back(fields in fields()) {
        let sps = Sps::parse(&build(&fields)).unwrap();
        let chroma = if fields.high { fields.chroma } else { 1 };
        let (x, y) = match chroma { 1 => (2, 2), 2 => (2, 1), _ => (1, 1) };
        let doubled = if fields.interlaced { 2 } else { 1 };
        let [left, right, top, bottom] = fields.crop;
        prop_assert_eq!(sps.width, 16 * fields.columns - x * (left + right));
        prop_assert_eq!(sps.height, doubled * (16 * fields.rows - y * (top + bottom)));
        prop_assert_eq!(sps.timing, Some(fields.timing));
        prop_assert_eq!(sps.colour.transfer, fields.transfer);
        prop_assert_eq!(sps.sample_aspect, (4, 3));
        prop_assert!(sps.fixed_frame_rate && sps.colour.full_range);
    }

    #[test]
    fn a_vui_that_is_cut_short_costs_only_itself(fields in fields(), cut in 2usize..12) {
        let unit = build(&fields);
        let sps = Sps::parse(&unit[..unit.len() - cut]).unwrap();
        prop_assert!(sps.width > 0 && sps.timing.is_none());
    }
}
