//! What is muxed into MPEG-TS is, taken apart by another's reader, the same frames at the same times.

use hls_packager::ts::{Muxer, TIME_OFFSET_TICKS, Tables};
use media_core::codec::aac::AdtsFrames;
use media_core::codec::nal::{AnnexB, LengthPrefixed};
use media_core::{Codec, Frame, Timescale, Timestamp, Track, TrackId};

use crate::samples;
use crate::script::Script;

#[path = "../../hls-packager/tests/it/mpegts.rs"]
mod mpegts;

const WRAP: i64 = 1 << 33;
const VIDEO_PID: u16 = 0x100;

/// The codec (bit 0), where the stream begins, and frames: of which track, how much later, how long.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let codec = if script.flag() { Codec::Hevc } else { Codec::H264 };
    let aac = Timescale::new(48_000).expect("not zero");
    let tracks = [
        samples::track(TrackId::video(0), codec, Timescale::VIDEO),
        samples::track(TrackId::audio(0), Codec::Aac, aac),
    ];
    let mut muxer = Muxer::new(&tracks).expect("the container carries both");
    // Up to 70 hours, past the wrap of 33 bits. Ticks of 90 and 48 kHz meet every 15 and 8.
    let start = i64::from(script.u16()) * 345_600;
    let (mut video, mut audio) = (start, start / 15 * 8);
    let (mut part, mut frames, mut wire) = (Vec::new(), Vec::new(), Vec::new());
    while !script.is_over() && frames.len() < 200 {
        let act = script.u8();
        if act & 1 == 0 {
            video += 1 + i64::from(script.u16() & 0x1fff);
            part.push(picture(&mut script, codec, act & 2 == 0, video));
        } else {
            audio += if act & 0x3e == 0 { 48_000 } else { 1_024 };
            part.push(sound(&mut script, audio));
        }
        if act & 0xc0 == 0 || script.is_over() {
            let tables = if act & 4 == 0 { Tables::Write } else { Tables::Omit };
            // The reader wants to know what it reads.
            let tables = if frames.is_empty() { Tables::Write } else { tables };
            wire.extend(muxer.part(&part, tables).expect("all tracks are known"));
            frames.append(&mut part);
        }
    }
    wire.extend(muxer.part(&part, Tables::Write).expect("all tracks are known"));
    frames.append(&mut part);
    assert_eq!(muxer.malformed(), 0);
    compare(&tracks[0], &frames, &mpegts::read(&wire));
}

fn picture(script: &mut Script<'_>, codec: Codec, keyframe: bool, dts: i64) -> Frame {
    let offset = i64::from(script.u16() as i16) / 4;
    let len = usize::from(script.u16() & 0x3ff);
    let data = samples::payload(codec, keyframe, script.bytes(len)).into();
    Frame { track: TrackId::video(0), dts: Timestamp(dts), pts: Timestamp(dts + offset), keyframe, data }
}

fn sound(script: &mut Script<'_>, dts: i64) -> Frame {
    let len = usize::from(script.u16() & 0x3ff);
    // A channel pair, so that it cannot be read as a program config.
    let data = samples::payload(Codec::Aac, true, script.bytes(len)).into();
    Frame { track: TrackId::audio(0), dts: Timestamp(dts), pts: Timestamp(dts), keyframe: true, data }
}

fn compare(video: &Track, frames: &[Frame], stream: &mpegts::Stream) {
    let (pictures, sounds): (Vec<&Frame>, Vec<&Frame>) =
        frames.iter().partition(|frame| frame.track == video.id);
    let (video_pes, audio_pes): (Vec<_>, Vec<_>) = stream.pes.iter().partition(|pes| pes.pid == VIDEO_PID);
    assert_eq!(video_pes.len(), pictures.len());
    for (pes, frame) in video_pes.into_iter().zip(pictures) {
        assert_eq!((pes.pts, pes.dts), (on_the_wire(frame.pts.0), on_the_wire(frame.dts.0)));
        assert_eq!(pes.random_access, frame.keyframe);
        let written: Vec<&[u8]> = LengthPrefixed::new(&frame.data, 4).collect();
        let read: Vec<&[u8]> = AnnexB::new(&pes.data).collect();
        assert!(read.ends_with(&written), "{read:?} does not end with {written:?}");
    }
    let mut sounds = sounds.into_iter();
    for pes in audio_pes {
        let mut at = pes.pts as i64;
        for adts in AdtsFrames::new(&pes.data) {
            let frame = sounds.next().expect("no more frames than went in");
            assert_eq!(adts.frame, frame.data);
            assert_eq!(at.rem_euclid(WRAP) as u64, on_the_wire(frame.dts.0 / 8 * 15), "{frame:?}");
            at += 1_920;
        }
    }
    assert!(sounds.next().is_none(), "a sound was lost");
}

fn on_the_wire(ticks: i64) -> u64 {
    (ticks + TIME_OFFSET_TICKS).rem_euclid(WRAP) as u64
}
