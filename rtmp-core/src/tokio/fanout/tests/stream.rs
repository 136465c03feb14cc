//! A publisher for tests, and a reader of what players got.

use bytes::BytesMut;
use media_core::broadcast::{self, Broadcast, Publisher};
use media_core::{Frame, Timestamp};

use super::*;
use crate::chunk::{Chunking, DEFAULT_CHUNK_SIZE, Limits, Reader, write_message};
use crate::message::{Message, MessageHeader, MessageKind};

pub(super) const VIDEO: TrackId = TrackId::video(0);
pub(super) const AUDIO: TrackId = TrackId::audio(0);

pub(super) struct Stream {
    pub(super) publisher: Publisher,
    pub(super) broadcast: Broadcast,
}

pub(super) fn tracks(video: Codec) -> Vec<Track> {
    let track = |id, codec| fixtures::track(id, codec, Timescale::MILLIS);
    vec![track(VIDEO, video), track(AUDIO, Codec::Aac)]
}

impl Stream {
    /// H.264 and AAC.
    pub(super) fn new() -> Self {
        Self::of(tracks(Codec::H264))
    }

    pub(super) fn of(tracks: Vec<Track>) -> Self {
        let (mut publisher, broadcast) = broadcast::broadcast(broadcast::Config::default());
        publisher.tracks(tracks.into());
        Self { publisher, broadcast }
    }

    pub(super) fn frame(&mut self, track: TrackId, ms: i64, keyframe: bool, bytes: usize) {
        let data = Bytes::from(vec![ms as u8; bytes]);
        self.publisher.frame(Frame { track, dts: Timestamp(ms), pts: Timestamp(ms), keyframe, data });
    }

    pub(super) fn key(&mut self, ms: i64) {
        self.frame(VIDEO, ms, true, 500);
    }

    pub(super) fn picture(&mut self, ms: i64) {
        self.frame(VIDEO, ms, false, 100);
    }

    pub(super) fn sound(&mut self, ms: i64) {
        self.frame(AUDIO, ms, true, 20);
    }
}

/// What a session says first: here, the chunk size.
pub(super) fn hello() -> Bytes {
    let header = MessageHeader { kind: MessageKind::SET_CHUNK_SIZE, timestamp_ms: 0, stream_id: 0 };
    control(header, &DEFAULT_CHUNK_SIZE.to_be_bytes())
}

/// A message of the session's own.
pub(super) fn answer(id: u32) -> Bytes {
    let header = MessageHeader { kind: MessageKind::ACKNOWLEDGEMENT, timestamp_ms: 0, stream_id: 0 };
    control(header, &id.to_be_bytes())
}

fn control(header: MessageHeader, body: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    write_message(&header, &[body], Chunking { chunk_stream: 2, chunk_size: 128 }, &mut out);
    out.freeze()
}

/// The whole messages in what a player got.
pub(super) fn messages(bytes: &[u8]) -> Vec<Message> {
    let mut reader = Reader::new(Limits::default());
    let mut rest = bytes;
    let mut messages = Vec::new();
    while let Some(message) = reader.read(&mut rest).unwrap() {
        messages.push(message);
    }
    messages
}

/// Their kinds, as letters: metadata, sequence headers of both kinds, key frames, pictures, sound, and what the session said.
pub(super) fn kinds(bytes: &[u8]) -> String {
    let kind = |message: &Message| match (message.header.kind, message.body.first_chunk::<2>()) {
        (MessageKind::DATA_AMF0, _) => 'm',
        (MessageKind::VIDEO, Some([0x17, 0])) => 'V',
        (MessageKind::VIDEO, Some([0x17, 1])) => 'k',
        (MessageKind::VIDEO, _) => 'p',
        (MessageKind::AUDIO, Some([0xaf, 0])) => 'A',
        (MessageKind::AUDIO, _) => 's',
        _ => 'c',
    };
    messages(bytes).iter().map(kind).collect()
}

/// The times of pictures and key frames.
pub(super) fn times(bytes: &[u8]) -> Vec<u32> {
    let video =
        |message: &Message| message.header.kind == MessageKind::VIDEO && message.body.get(1) == Some(&1);
    messages(bytes)
        .iter()
        .filter(|message| video(message))
        .map(|message| message.header.timestamp_ms)
        .collect()
}
