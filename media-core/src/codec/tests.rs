//! No bytes, however broken, make a reader panic, and what it says of them stays within its bounds.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use fixtures::{all, hex};

const CODECS: [Codec; 11] = [
    Codec::H264,
    Codec::Hevc,
    Codec::Av1,
    Codec::Vp9,
    Codec::Aac,
    Codec::Opus,
    Codec::Mp3,
    Codec::Ac3,
    Codec::Eac3,
    Codec::Flac,
    Codec::Amf0,
];

/// Gives `data` to every reader.
fn read_all(config: &[u8], data: &[u8]) {
    for codec in CODECS {
        for header in
            [parse_config(codec, data), parse_frame(codec, data), parse_key_frame(codec, config, data)]
        {
            check(header.ok());
        }
        if let Some(config) = updated_config(codec, config, data) {
            assert!(parse_config(codec, &config).is_ok(), "{codec:?}");
            assert_eq!(updated_config(codec, &config, data), None, "{codec:?}");
        }
        let _ = random_access(codec, config, data);
        if let Some(samples) = frame_samples(codec, config, data) {
            assert!(samples > 0, "{codec:?}");
        }
    }
    let _ = (avc::config_from_annex_b(data), hevc::config_from_annex_b(data), hevc::is_mislabelled(data));
    let _ = (aac::is_adts(data), hevc::Vps::parse(data), avc::Sps::parse(data), hevc::Sps::parse(data));
    let stripped = av1::strip_temporal_delimiters(&Bytes::copy_from_slice(data));
    assert!(stripped.len() <= data.len());
    for length_size in 1..=4 {
        let _ = avc::config_from_access_unit(length_size, data);
        let _ = hevc::config_from_access_unit(length_size, data);
    }
    if let Ok(ac3) = ac3::Eac3Config::parse(data) {
        assert!(ac3.dec3().len() <= 2 + 8 * 4 + 2);
    }
}

fn check(header: Option<Header>) {
    match header.map(|header| header.params) {
        Some(Params::Video(video)) => {
            assert!(video.width <= video::MAX_SIDE && video.height <= video::MAX_SIDE);
            assert!(video.frame_rate.is_none_or(|rate| rate.den > 0 && rate.as_f64() > 0.0));
        }
        Some(Params::Audio(audio)) => assert!(audio.sample_rate > 0 && audio.channels > 0),
        _ => {}
    }
}

#[test]
fn every_prefix_of_a_real_header_is_survived() {
    for header in all() {
        for len in 0..header.len() {
            read_all(&header, &header[..len]);
            read_all(&header[..len], &header);
        }
    }
}

#[test]
fn every_flipped_bit_of_a_real_header_is_survived() {
    for header in all() {
        for bit in 0..header.len() * 8 {
            let mut broken = header.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            read_all(&header, &broken);
        }
    }
}

#[test]
fn codecs_without_a_record_say_so() {
    for codec in [Codec::Mp3, Codec::Ac3, Codec::Eac3, Codec::Amf0] {
        assert_eq!(parse_config(codec, &[]), Err(HeaderError::NoHeader { codec: codec.name() }));
    }
    assert!(matches!(parse_frame(Codec::H264, &[]), Err(HeaderError::NoHeader { .. })));
    assert!(matches!(parse_key_frame(Codec::Opus, &[], &[]), Err(HeaderError::NoHeader { .. })));
}

#[test]
fn a_huge_access_unit_is_read_in_linear_time() {
    // A million NAL units of a byte each, parameter sets by their type, in the three packings.
    let config = hex(fixtures::AVC_1080P2997);
    let prefixed = [0, 0, 0, 1, 0x67].repeat(1_000_000);
    assert_eq!(updated_config(Codec::H264, &config, &prefixed), None);
    assert_eq!(random_access(Codec::H264, &config, &prefixed), RandomAccess::None);
    assert_eq!(avc::config_from_annex_b(&prefixed), None);
    assert!(!hevc::is_mislabelled(&[0x12, 0].repeat(1_000_000)));
    let adts = [0xff, 0xf1, 0x50, 0x80, 0, 0xff, 0xfc].repeat(500_000);
    assert!(aac::is_adts(&adts));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(config in proptest::collection::vec(any::<u8>(), 0..64),
                              data in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_all(&config, &data);
    }

    #[test]
    fn mostly_zeros_are_survived(data in proptest::collection::vec(prop_oneof![4 => Just(0u8), 1 => any::<u8>()], 0..300),
                                 header in 0usize..30) {
        let headers = all();
        let mut broken = headers[header % headers.len()].clone();
        let keep = broken.len() / 2;
        broken.truncate(keep);
        broken.extend(&data);
        read_all(&headers[header % headers.len()], &broken);
    }
}
