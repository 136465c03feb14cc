//! Whatever a publisher's clock does, decode times on the repaired timeline go forward on every track, and not far ahead of the
//! others.

use std::collections::HashMap;

use media_core::timeline::{Config, Timeline};
use media_core::{Codec, Frame, Timescale, Timestamp, TrackId};

use crate::samples;
use crate::script::Script;

const TRACKS: [(TrackId, Codec); 4] = [
    (TrackId::video(0), Codec::H264),
    (TrackId::audio(0), Codec::Aac),
    (TrackId::audio(1), Codec::Mp3),
    (TrackId::video(1), Codec::Av1),
];

/// The lowest bit of the first byte lets times be any 64 bits instead of RTMP's; nothing is promised of those but that they do no
/// harm.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let wild = script.flag();
    let config = if wild { Config::default() } else { Config::rtmp() };
    let mut timeline = Timeline::new(config);
    let mut scales = HashMap::new();
    let (mut last, mut edge_us) = (HashMap::<TrackId, i64>::new(), None::<i64>);
    let mut previous_ms = 0u32;
    while !script.is_over() {
        let act = script.u8();
        let (id, codec) = TRACKS[usize::from(act & 3)];
        if act & 0xf0 == 0xf0 || !scales.contains_key(&id) {
            let track = timeline.track(&samples::track(id, codec, Timescale::MICROS));
            assert!(scales.insert(id, track.timescale).is_none_or(|scale| scale == track.timescale));
        }
        let (dts, pts) = if wild {
            (script.i64(), script.i64())
        } else {
            // A step of up to half a minute either way, or any time at all.
            let step = i64::from(script.u16() as i16);
            previous_ms =
                if act & 0x0c == 0x0c { script.u32() } else { previous_ms.wrapping_add(step as u32) };
            let dts = i64::from(previous_ms) * 1000;
            (dts, dts + i64::from(script.u8() as i8) * 1000)
        };
        let data = samples::payload(codec, true, &[1, 2, 3]).into();
        let frame = Frame { track: id, dts: Timestamp(dts), pts: Timestamp(pts), keyframe: true, data };
        let repaired = timeline.frame(frame).expect("the track was added");
        if wild {
            continue;
        }
        let (dts, scale) = (repaired.frame.dts, scales[&id]);
        assert!(last.insert(id, dts.0).is_none_or(|last| last < dts.0), "decode times of {id:?} went back");
        let out_us = dts.rescale(scale, Timescale::MICROS).0;
        let composition_us = Timestamp(repaired.frame.pts.since(dts)).rescale(scale, Timescale::MICROS).0;
        assert!(composition_us.unsigned_abs() <= config.max_composition.as_micros() as u64 + 1);
        if let Some(edge) = edge_us {
            let ahead = out_us - edge;
            let most = config.max_forward.max(config.max_skew).as_micros() as i64 + 1_000_000;
            assert!(ahead <= most, "{id:?} is {ahead} µs ahead of all others");
        }
        edge_us = Some(edge_us.map_or(out_us, |edge| edge.max(out_us)));
        assert_eq!(timeline.edge_us(), edge_us);
    }
}
