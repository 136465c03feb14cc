//! What a player needs before the first frame: `onMetaData` and sequence headers; and what ends a stream.

use bytes::{Bytes, BytesMut};
use media_core::{Codec, Track, TrackKind};

use super::super::enhanced::{ONE_TRACK, audio_packet, video_packet};
use super::super::{FourCc, TagKind};
use super::tag::Head;
use super::{Framing, Lane, Muxer, Tag, form, kind};
use crate::amf::{Object, Value};

impl Muxer {
    /// `onMetaData` and the sequence headers of all tracks carried, the latter stamped with the time of the frame that follows them.
    ///
    /// `onMetaData` is stamped with 0 at any time: FFmpeg takes one that bears another time for a track of subtitles.
    pub fn headers(&self, timestamp_ms: u32) -> Vec<Tag> {
        let metadata =
            self.carried.iter().any(|lane| lane.framing != Framing::Script).then(|| self.metadata());
        let metadata = metadata.map(|metadata| Tag::new(TagKind::Script, 0, metadata));
        metadata
            .into_iter()
            .chain(self.carried.iter().filter_map(|lane| header(lane, timestamp_ms)))
            .collect()
    }

    /// The messages that end the sequence of each track that has such a message.
    pub fn end(&self, timestamp_ms: u32) -> Vec<Tag> {
        self.carried.iter().filter_map(|lane| end(lane, timestamp_ms)).collect()
    }

    /// `onMetaData` (annex E.5; E-RTMP v2, "Enhancing onMetaData"). The tracks that are not the default ones stand in the maps that
    /// v2 adds.
    fn metadata(&self) -> Bytes {
        let mut info = Object::new();
        for lane in &self.carried {
            if !matches!(lane.framing, Framing::Enhanced { wrapped: Some(_), .. }) {
                describe(&mut info, lane);
            }
        }
        for (kind, name) in
            [(TrackKind::Video, "videoTrackIdInfoMap"), (TrackKind::Audio, "audioTrackIdInfoMap")]
        {
            let mut map = Object::new();
            for lane in self.carried.iter().filter(|lane| lane.track.kind() == kind) {
                if let Framing::Enhanced { wrapped: Some(track), .. } = lane.framing {
                    let mut info = Object::new();
                    describe(&mut info, lane);
                    map.push(track.to_string(), info.into());
                }
            }
            if !map.is_empty() {
                info.push(name.to_owned(), map.into());
            }
        }
        let mut out = BytesMut::new();
        Value::from("onMetaData").encode(&mut out);
        Value::EcmaArray(info.with("encoder", "Pulse")).encode(&mut out);
        out.freeze()
    }
}

fn describe(info: &mut Object, lane: &Lane) {
    let codec = match (&lane.framing, lane.track.codec) {
        (Framing::Enhanced { fourcc, .. }, _) => f64::from(fourcc.number()),
        (_, Codec::H264) => f64::from(form::AVC),
        (Framing::Legacy { sound }, _) => f64::from(sound >> 4),
        (Framing::Script, _) => return,
    };
    let mut put = |name: &str, value: Value| info.push(name.to_owned(), value);
    if let Some(video) = lane.track.video() {
        put("videocodecid", codec.into());
        if video.width > 0 && video.height > 0 {
            put("width", f64::from(video.width).into());
            put("height", f64::from(video.height).into());
        }
        if let Some(rate) = video.frame_rate {
            put("framerate", rate.as_f64().into());
        }
    }
    if let Some(audio) = lane.track.audio() {
        put("audiocodecid", codec.into());
        put("audiosamplerate", f64::from(audio.sample_rate).into());
        put("audiosamplesize", 16.0.into());
        put("stereo", (audio.channels > 1).into());
    }
}

fn header(lane: &Lane, timestamp_ms: u32) -> Option<Tag> {
    let Track { codec, config, .. } = &lane.track;
    if config.is_empty() {
        return None;
    }
    let head = match (lane.framing, codec) {
        (Framing::Legacy { .. }, Codec::H264) => Head::of(&[0x10 | form::AVC, 0, 0, 0, 0]),
        (Framing::Legacy { sound }, Codec::Aac) => Head::of(&[sound, 0]),
        (Framing::Enhanced { fourcc, wrapped }, _) => match lane.track.kind() {
            TrackKind::Video => {
                packet(0x90, video_packet::SEQUENCE_START, video_packet::MULTITRACK, fourcc, wrapped)
            }
            _ => packet(
                form::EX_AUDIO,
                audio_packet::SEQUENCE_START,
                audio_packet::MULTITRACK,
                fourcc,
                wrapped,
            ),
        },
        _ => return None,
    };
    Some(Tag { kind: kind(&lane.track), timestamp_ms, head, payload: config.clone() })
}

fn end(lane: &Lane, timestamp_ms: u32) -> Option<Tag> {
    let head = match (lane.framing, lane.track.codec) {
        (Framing::Legacy { .. }, Codec::H264) => Head::of(&[0x10 | form::AVC, 2, 0, 0, 0]),
        (Framing::Enhanced { fourcc, wrapped }, _) => match lane.track.kind() {
            TrackKind::Video => {
                packet(0x90, video_packet::SEQUENCE_END, video_packet::MULTITRACK, fourcc, wrapped)
            }
            _ => {
                packet(form::EX_AUDIO, audio_packet::SEQUENCE_END, audio_packet::MULTITRACK, fourcc, wrapped)
            }
        },
        _ => return None,
    };
    Some(Tag { kind: kind(&lane.track), timestamp_ms, head, payload: Bytes::new() })
}

/// The header of a message that is no frame; `first` is its first byte without the packet type.
fn packet(first: u8, packet: u8, multitrack: u8, fourcc: FourCc, wrapped: Option<u8>) -> Head {
    let mut head = Head::default();
    match wrapped {
        Some(track) => {
            head.extend(&[first | multitrack, ONE_TRACK << 4 | packet]);
            head.extend(&fourcc.0);
            head.extend(&[track]);
        }
        None => {
            head.extend(&[first | packet]);
            head.extend(&fourcc.0);
        }
    }
    head
}
