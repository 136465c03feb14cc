//! Real syncframes say what ffprobe says of them, and make the boxes that FFmpeg makes.

use super::*;
use crate::codec::fixtures::{self, Writer, hex};
use crate::codec::{Codec, frame_samples, parse_frame};

fn audio(codec: Codec, frame: &[u8]) -> (u32, u8, String) {
    let header = parse_frame(codec, frame).unwrap();
    let Params::Audio(audio) = header.params else { panic!("no audio") };
    (audio.sample_rate, audio.channels, header.rfc6381)
}

#[test]
fn ac3_frames_say_what_ffprobe_says() {
    let surround = hex(fixtures::AC3_48_51);
    assert_eq!(audio(Codec::Ac3, &surround), (48_000, 6, "ac-3".into()));
    let stereo = hex(fixtures::AC3_441_STEREO);
    assert_eq!(audio(Codec::Ac3, &stereo), (44_100, 2, "ac-3".into()));
    let (surround, stereo) = (Ac3Config::parse(&surround).unwrap(), Ac3Config::parse(&stereo).unwrap());
    assert_eq!((surround.frame_bytes, surround.bitrate_bps), (1792, 448_000));
    assert_eq!((stereo.frame_bytes, stereo.bitrate_bps), (834, 192_000));
    assert_eq!(surround.dac3()[..], hex("103de0"));
    assert_eq!(stereo.dac3()[..], hex("501140"));
}

#[test]
fn eac3_frames_say_what_ffprobe_says() {
    let mut surround = hex(fixtures::EAC3_48_51);
    assert_eq!(audio(Codec::Eac3, &surround), (48_000, 6, "ec-3".into()));
    surround.resize(1536, 0);
    assert_eq!(Eac3Config::parse(&surround).unwrap().dec3(), hex("0c00200f00"));
    let mut mono = hex(fixtures::EAC3_32_MONO);
    assert_eq!(audio(Codec::Eac3, &mono), (32_000, 1, "ec-3".into()));
    mono.resize(384, 0);
    assert_eq!(Eac3Config::parse(&mono).unwrap().dec3(), hex("0200a00200"));
}

#[test]
fn one_format_is_not_taken_for_the_other() {
    assert!(parse_frame(Codec::Ac3, &hex(fixtures::EAC3_48_51)).is_err());
    assert!(parse_frame(Codec::Eac3, &hex(fixtures::AC3_48_51)).is_err());
}

#[test]
fn frames_in_a_row_are_counted_together() {
    let mut frame = hex(fixtures::AC3_441_STEREO);
    frame.resize(834, 0);
    assert_eq!(frame_samples(Codec::Ac3, &[], &frame), Some(1536));
    let twice = [&frame[..], &frame[..]].concat();
    assert_eq!(frame_samples(Codec::Ac3, &[], &twice), Some(3072));
    assert_eq!(frame_samples(Codec::Ac3, &[], &[]), None);
}

/// The bits of a syncframe of `bytes` bytes up to the dialogue level; `blocks_code` 3 is six blocks.
fn head(kind: u64, bytes: u64, blocks_code: u64, acmod: u64) -> Writer {
    let lfe = u64::from(acmod == 7);
    let head = Writer::new().u(16, 0x0b77).u(2, kind).u(3, 0).u(11, bytes / 2 - 1).u(2, 0).u(2, blocks_code);
    head.u(3, acmod).u(1, lfe).u(5, 16).u(5, 27).u(1, 0)
}

/// The syncframe that begins with `bits`.
fn syncframe(bytes: usize, bits: Writer) -> Vec<u8> {
    let mut frame = bits.bytes();
    frame.resize(bytes, 0);
    frame
}

#[test]
fn dependent_substreams_add_channels_but_no_time() {
    let main = syncframe(1536, head(0, 1536, 3, 7));
    // Lrs/Rrs, bit 6 of the map, in a stereo substream.
    let back = syncframe(512, head(1, 512, 3, 2).u(1, 1).u(16, 1 << 9));
    let unit = [&main[..], &back[..]].concat();
    let config = Eac3Config::parse(&unit).unwrap();
    assert_eq!(config.channels(), 8);
    assert_eq!((config.substreams[0].dependent, config.substreams[0].chan_loc), (1, 2));
    assert_eq!(config.data_rate_kbps, 512);
    // acmod 7 with LFE, one dependent substream, its location in a byte of its own.
    assert_eq!(config.dec3(), hex("1000200f0202"));
    assert_eq!(frame_samples(Codec::Eac3, &[], &unit), Some(1536));
    assert!(Eac3Config::parse(&back).is_err());
}

#[test]
fn short_syncframes_are_counted_by_their_blocks() {
    let one_block = syncframe(256, head(0, 256, 0, 2));
    let unit = one_block.repeat(6);
    assert_eq!(frame_samples(Codec::Eac3, &[], &one_block), Some(256));
    assert_eq!(frame_samples(Codec::Eac3, &[], &unit), Some(1536));
    // Six frames of one program are not six programs.
    assert_eq!(Eac3Config::parse(&unit).unwrap().substreams.len(), 1);
}

#[test]
fn a_flood_of_tiny_syncframes_is_bounded() {
    // Each of four bytes; the next one's sync word is read as the rest of the header.
    let unit = hex("0b770001").repeat(100_000);
    assert_eq!(frame_samples(Codec::Eac3, &[], &unit), Some(6 * 8 * 9 * 256));
}

#[test]
fn metadata_before_the_additional_information_is_passed_over() {
    // Mixing: downmix mode, centre and surround levels, LFE level, program scale, mixdef 3 of two bytes more, block configuration.
    let mixing = head(0, 768, 3, 7).u(1, 1).u(2, 1).u(6, 0).u(6, 0).u(1, 1).u(5, 9).u(1, 1).u(6, 3).u(1, 0);
    let mixing = mixing.u(2, 3).u(5, 0).u(16, 0).u(1, 1).u(6, 0b010000).u(5, 0);
    // Information: bsmod 5, extended surround mode, production, source rate.
    let information = mixing.u(1, 1).u(3, 5).u(2, 0).u(2, 2).u(1, 1).u(8, 0).u(1, 0);
    let additional = information.u(1, 1).u(6, 1).u(7, 0).u(1, 1).u(8, 16);
    let config = Eac3Config::parse(&syncframe(768, additional)).unwrap();
    assert_eq!(config.substreams[0].bsmod, 5);
    assert_eq!(config.objects, Some(16));
    let dec3 = config.dec3();
    assert_eq!(dec3[dec3.len() - 2..], [1, 16]);
}

#[test]
fn halved_frequencies_are_read() {
    let head = Writer::new().u(16, 0x0b77).u(5, 0).u(11, 100).u(2, 3).u(2, 1).u(3, 2).u(1, 0).u(5, 16);
    let config = Eac3Config::parse(&head.u(40, 0).bytes()).unwrap();
    assert_eq!(config.sample_rate, 22_050);
    let mut frame = hex(fixtures::AC3_48_51);
    frame[5] = 9 << 3;
    assert_eq!(Ac3Config::parse(&frame).unwrap().sample_rate, 24_000);
}
