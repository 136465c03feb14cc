//! FLV means the same in whatever pieces it arrives, and what a demuxer makes of it comes back from any wire form as it was.

use bytes::Bytes;
use media_core::{Frame, Track};
use rtmp_core::flv::file::{Error, Item, Limits, Reader};
use rtmp_core::flv::{Demuxer, Media, Muxer, Tag, TagKind, WireForm};

use crate::samples::Announced;
use crate::script::Script;

/// The first byte: 0 to 127 and an FLV stream, which arrives in pieces of so many bytes; or more and tags without their framing
/// (kind, time, length, body), which keep the fuzzer from losing track of them.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let mode = script.u8();
    let tags = if mode < 128 {
        stream(script.rest(), usize::from(mode).max(1))
    } else {
        std::iter::from_fn(|| tag(&mut script)).collect()
    };
    round_trips(&demux(tags));
}

fn tag(script: &mut Script<'_>) -> Option<(TagKind, u32, Bytes)> {
    if script.is_over() {
        return None;
    }
    let kind = [TagKind::Video, TagKind::Audio, TagKind::Script][usize::from(script.u8() % 3)];
    let time = script.u32();
    let len = usize::from(script.u16());
    Some((kind, time, Bytes::copy_from_slice(script.bytes(len))))
}

fn stream(wire: &[u8], piece: usize) -> Vec<(TagKind, u32, Bytes)> {
    let whole = read(wire, wire.len().max(1));
    assert_eq!(whole, read(wire, piece), "pieces of {piece}");
    let tags = whole.0.into_iter().filter_map(|item| match item {
        Item::Tag { kind, timestamp_ms, body } => Some((kind, timestamp_ms, body)),
        _ => None,
    });
    tags.collect()
}

fn read(wire: &[u8], piece: usize) -> (Vec<Item>, Option<Error>) {
    let mut reader = Reader::new(Limits::default());
    let mut items = Vec::new();
    for piece in wire.chunks(piece) {
        reader.push(piece);
        loop {
            match reader.poll() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => return (items, Some(error)),
            }
        }
    }
    (items, None)
}

fn demux(tags: Vec<(TagKind, u32, Bytes)>) -> Vec<Media> {
    let (mut demuxer, mut announced) = (Demuxer::default(), Announced::default());
    let mut out = Vec::new();
    for (kind, time, body) in tags {
        for media in demuxer.push(kind, time, body) {
            match &media {
                Media::Track(track) => announced.track(track),
                Media::Frame(frame) => announced.frame(frame),
                _ => {}
            }
            out.push(media);
        }
    }
    out
}

fn round_trips(media: &[Media]) {
    for form in WireForm::ALL {
        let mut muxer = Muxer::new(form).with_nano_offsets();
        let (mut tracks, mut demuxer) = (Vec::<Track>::new(), Demuxer::default());
        for media in media {
            match media {
                Media::Track(track) => {
                    tracks.retain(|known| known.id != track.id);
                    tracks.push(track.clone());
                    muxer.set_tracks(&tracks);
                    muxer.headers(0).iter().for_each(|tag| drop(push(&mut demuxer, tag)));
                }
                Media::Frame(frame) => round_trip(form, &muxer, &mut demuxer, frame),
                _ => {}
            }
        }
    }
}

/// A frame that was written comes back as it was: its bytes, its key frame flag, its times to the millisecond.
fn round_trip(form: WireForm, muxer: &Muxer, demuxer: &mut Demuxer, frame: &Frame) {
    let Some(tag) = muxer.frame(frame) else { return };
    let read: Vec<Frame> = push(demuxer, &tag)
        .into_iter()
        .filter_map(|media| match media {
            Media::Frame(frame) => Some(frame),
            _ => None,
        })
        .collect();
    let [got] = &read[..] else { panic!("{form:?}: {read:?} of {frame:?}") };
    assert_eq!((&got.data, got.keyframe), (&frame.data, frame.keyframe), "{form:?}");
    assert_eq!(got.dts.0.div_euclid(1000), frame.dts.0.div_euclid(1000), "{form:?}");
    assert_eq!(got.pts.since(got.dts), frame.pts.since(frame.dts), "{form:?}");
    if form == WireForm::Multitrack {
        assert_eq!(got.track, frame.track);
    }
}

fn push(demuxer: &mut Demuxer, tag: &Tag) -> Vec<Media> {
    demuxer.push(tag.kind, tag.timestamp_ms, tag.to_bytes()).collect()
}
