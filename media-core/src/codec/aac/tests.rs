//! Configurations with every way of signalling SBR, PS and channels; ADTS in the place of raw frames.

use super::*;
use crate::codec::fixtures::{self, Writer, hex};
use crate::codec::{Codec, frame_samples, parse_config};

/// Sampling frequency, channels, string and samples of a frame.
fn says(config: &[u8]) -> (u32, u8, String, u32) {
    let header = parse_config(Codec::Aac, config).unwrap();
    let Params::Audio(audio) = header.params else { panic!("no audio") };
    let samples = frame_samples(Codec::Aac, config, &[]).unwrap();
    (audio.sample_rate, audio.channels, header.rfc6381, samples)
}

fn expect(rate: u32, channels: u8, name: &str, samples: u32) -> (u32, u8, String, u32) {
    (rate, channels, name.into(), samples)
}

#[test]
fn configurations_say_what_ffprobe_says() {
    assert_eq!(says(&hex(fixtures::AAC_LC_441)), expect(44_100, 2, "mp4a.40.2", 1024));
    assert_eq!(says(&hex(fixtures::AAC_LC_48_51)), expect(48_000, 6, "mp4a.40.2", 1024));
    assert_eq!(says(&hex(fixtures::AAC_LC_48_71)), expect(48_000, 8, "mp4a.40.2", 1024));
    assert_eq!(says(&hex(fixtures::AAC_PCE_QUAD)), expect(48_000, 4, "mp4a.40.2", 1024));
    assert_eq!(says(&hex(fixtures::AAC_PCE_61)), expect(48_000, 7, "mp4a.40.2", 1024));
    assert_eq!(says(&hex("1210")), expect(44_100, 2, "mp4a.40.2", 1024));
}

#[test]
fn he_aac_is_40_5_however_it_is_signalled() {
    let expected = expect(44_100, 2, "mp4a.40.5", 2048);
    assert_eq!(says(&hex("2b920800")), expected);
    assert_eq!(says(&hex("139056e5a0")), expected);
    // Without signalling it is what it says.
    assert_eq!(says(&hex("1390")), expect(22_050, 2, "mp4a.40.2", 1024));
}

#[test]
fn he_aac_v2_doubles_rate_and_channels() {
    let expected = expect(44_100, 2, "mp4a.40.29", 2048);
    assert_eq!(says(&hex("eb8a0800")), expected);
    assert_eq!(says(&hex("138856e5a54880")), expected);
}

#[test]
fn downsampled_sbr_keeps_the_frame_length() {
    // Object type 5, 44100 Hz before and after.
    let config = Writer::new().u(5, 5).u(4, 4).u(4, 2).u(4, 4).u(5, 2).u(3, 0).bytes();
    assert_eq!(says(&config), expect(44_100, 2, "mp4a.40.5", 1024));
    let triple = Writer::new().u(5, 5).u(4, 8).u(4, 2).u(4, 3).u(5, 2).u(3, 0).bytes();
    assert!(matches!(Config::parse(&triple), Err(HeaderError::Invalid { value: 48_000, .. })));
}

#[test]
fn frames_of_960_samples_are_counted() {
    assert_eq!(says(&hex("1214")).3, 960);
}

#[test]
fn an_escaped_frequency_is_read_in_full() {
    let config = |hz: u64| Writer::new().u(5, 2).u(4, 15).u(24, hz).u(4, 1).u(3, 0).bytes();
    assert_eq!(says(&config(37_800)), expect(37_800, 1, "mp4a.40.2", 1024));
    for hz in [0, 384_001] {
        assert!(Config::parse(&config(hz)).is_err());
    }
}

#[test]
fn low_delay_types_have_short_frames() {
    // Enhanced Low Delay, escaped object type, 48 kHz stereo; with SBR to double the rate.
    let eld = |flags: u64| Writer::new().u(5, 31).u(6, 7).u(4, 3).u(4, 2).u(6, flags).u(7, 0).bytes();
    assert_eq!(says(&eld(0b000000)), expect(48_000, 2, "mp4a.40.39", 512));
    assert_eq!(says(&eld(0b100000)), expect(48_000, 2, "mp4a.40.39", 480));
    assert_eq!(says(&eld(0b000011)), expect(96_000, 2, "mp4a.40.39", 1024));
    let ld = Writer::new().u(5, 23).u(4, 3).u(4, 1).u(3, 0b001).u(4, 0).u(2, 0).bytes();
    assert_eq!(says(&ld), expect(48_000, 1, "mp4a.40.23", 512));
}

#[test]
fn xhe_aac_counts_samples_of_its_output() {
    let head = Writer::new().u(5, 31).u(6, 10).u(4, 3).u(4, 2);
    let config = |index: u64| head.clone().u(5, 3).u(3, index).u(5, 2).u(8, 0).bytes();
    assert_eq!(says(&config(1)), expect(48_000, 2, "mp4a.40.42", 1024));
    assert_eq!(says(&config(3)), expect(48_000, 2, "mp4a.40.42", 2048));
    assert!(Config::parse(&config(7)).is_err());
}

#[test]
fn an_empty_sequence_header_is_refused() {
    let empty = Err(HeaderError::Truncated { codec: "aac", field: "audioObjectType", len: 0 });
    assert_eq!(parse_config(Codec::Aac, &[]), empty);
    assert!(parse_config(Codec::Aac, &[0, 0]).is_err());
    // No channels: by an empty program config element, and by a reserved configuration.
    let none = Writer::new().u(5, 2).u(4, 3).u(4, 0).u(3, 0).u(60, 0).bytes();
    assert!(matches!(Config::parse(&none), Err(HeaderError::Invalid { field: "channelConfiguration", .. })));
    let reserved = Writer::new().u(5, 2).u(4, 3).u(4, 9).u(3, 0).bytes();
    assert!(matches!(Config::parse(&reserved), Err(HeaderError::Invalid { value: 9, .. })));
}

#[test]
fn adts_in_the_place_of_a_raw_frame_is_taken_off() {
    let mut stream = hex(fixtures::ADTS_LC_441);
    stream.resize(97, 0x55);
    let adts = Adts::parse(&stream).unwrap();
    assert_eq!(adts.frame, &stream[7..]);
    assert_eq!(says(&adts.config), expect(44_100, 2, "mp4a.40.2", 1024));
    assert!(is_adts(&stream));
    let twice = [&stream[..], &stream[..]].concat();
    assert_eq!(AdtsFrames::new(&twice).map(|adts| adts.frame.len()).collect::<Vec<_>>(), [90, 90]);
    assert!(!is_adts(&twice[..193]));
    assert!(!is_adts(&hex("de02004c6176")));
}

#[test]
fn adts_with_a_checksum_has_two_bytes_more() {
    let mut stream = hex(fixtures::ADTS_LC_441);
    stream.resize(97, 0x55);
    stream[1] &= !1;
    assert_eq!(Adts::parse(&stream).unwrap().frame, &stream[9..]);
    // A frame that is shorter than its own header.
    let short = Writer::new().u(16, 0xfff1).u(2, 1).u(4, 4).u(1, 0).u(3, 2).u(4, 0).u(13, 6).u(13, 0).bytes();
    assert!(Adts::parse(&short).is_err());
}
