//! No codec header makes a reader panic, what it says is within bounds, and a configuration taken from an access unit is the one
//! that this access unit has.

use bytes::Bytes;
use media_core::Codec;
use media_core::codec::{self, Header, aac, ac3, av1, avc, hevc, video};
use media_core::track::Params;

use crate::script::Script;

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

/// The codec (out of range: all of them), the length of a configuration, the configuration, and a frame or another configuration.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let chosen = usize::from(script.u8());
    let len = usize::from(script.u16());
    let config = script.bytes(len);
    let data = script.rest();
    let all = 0..CODECS.len();
    let codecs = if all.contains(&chosen) { chosen..chosen + 1 } else { all };
    CODECS[codecs].iter().for_each(|codec| read(*codec, config, data));
    side_doors(data);
}

fn read(codec: Codec, config: &[u8], data: &[u8]) {
    for header in [config, data].map(|bytes| codec::parse_config(codec, bytes)) {
        check(header.ok().as_ref());
    }
    check(codec::parse_frame(codec, data).ok().as_ref());
    check(codec::parse_key_frame(codec, config, data).ok().as_ref());
    if let Some(updated) = codec::updated_config(codec, config, data) {
        assert!(codec::parse_config(codec, &updated).is_ok());
        assert_eq!(codec::updated_config(codec, &updated, data), None);
    }
    let _ = codec::random_access(codec, config, data);
    assert_ne!(codec::frame_samples(codec, config, data), Some(0));
}

fn check(header: Option<&Header>) {
    let Some(header) = header else { return };
    assert!(
        !header.rfc6381.is_empty()
            && header.rfc6381.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
    );
    match &header.params {
        Params::Video(video) => {
            assert!(video.width <= video::MAX_SIDE && video.height <= video::MAX_SIDE);
            assert!(video.frame_rate.is_none_or(|rate| rate.den > 0 && rate.num > 0));
        }
        Params::Audio(audio) => assert!(audio.sample_rate > 0 && audio.channels > 0),
        Params::Data => {}
    }
}

/// Readers that carriage needs, beside the ones for all codecs.
fn side_doors(data: &[u8]) {
    for config in [avc::config_from_annex_b(data), hevc::config_from_annex_b(data)].into_iter().flatten() {
        assert!(!config.is_empty());
    }
    for length_size in 1..=4 {
        let _ = avc::config_from_access_unit(length_size, data);
        let _ = hevc::config_from_access_unit(length_size, data);
    }
    let _ = (hevc::is_mislabelled(data), hevc::Vps::parse(data));
    if aac::is_adts(data) {
        let frames: usize = aac::AdtsFrames::new(data).map(|adts| adts.frame.len()).sum();
        assert!(frames <= data.len());
    }
    assert!(av1::strip_temporal_delimiters(&Bytes::copy_from_slice(data)).len() <= data.len());
    if let Ok(config) = ac3::Eac3Config::parse(data) {
        assert!(config.dec3().len() <= 2 + 8 * 4 + 2);
    }
}
