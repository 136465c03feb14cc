//! rtmp-core: chunks, commands, FLV tags.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use rtmp_core::amf::{self, Decoder, Object, Value};
use rtmp_core::chunk::{Chunking, DEFAULT_CHUNK_SIZE, Limits, Reader, write_message};
use rtmp_core::flv::Demuxer;
use rtmp_core::message::{MessageHeader, MessageKind};

use super::Case;
use crate::clip::{Clip, Tag};

const MEGABYTE: usize = 1_000_000;
const CHUNK_SIZE: u32 = 4_096;

pub(super) fn cases(clip: &Clip) -> anyhow::Result<Vec<Case>> {
    let input = interleaved(clip);
    let length = input.len();
    let tags = up_to_a_megabyte(clip);
    let tags_length = tags.iter().map(|tag| tag.body.len()).sum();
    let (headers, frames) = (clip.headers.clone(), clip.frames.iter().take(77).cloned().collect());
    Ok(vec![
        Case::new("chunk_read", "1 MB, audio interleaved with video", move || read(&input)).bytes(length),
        write(tags).bytes(tags_length),
        demux(headers, frames),
        amf_connect(),
    ])
}

/// The clip's first megabyte, each audio message between the first and the second chunk of a video message.
fn interleaved(clip: &Clip) -> Bytes {
    let mut out = BytesMut::new();
    let size = CHUNK_SIZE.to_be_bytes();
    let control = MessageHeader { kind: MessageKind::SET_CHUNK_SIZE, timestamp_ms: 0, stream_id: 0 };
    write_message(&control, &[&size], Chunking { chunk_stream: 2, chunk_size: 128 }, &mut out);
    let mut waiting: Vec<&Tag> = Vec::new();
    for tag in &clip.frames {
        if tag.kind == rtmp_core::flv::TagKind::Audio {
            waiting.push(tag);
            continue;
        }
        let mut video = message(tag, 6);
        let first = video.split_to(video.len().min(12 + CHUNK_SIZE as usize));
        out.extend_from_slice(&first);
        waiting.drain(..).for_each(|audio| out.extend_from_slice(&message(audio, 4)));
        out.extend_from_slice(&video);
        if out.len() > MEGABYTE {
            break;
        }
    }
    out.freeze()
}

fn message(tag: &Tag, chunk_stream: u32) -> BytesMut {
    let mut out = BytesMut::new();
    let chunking = Chunking { chunk_stream, chunk_size: CHUNK_SIZE };
    write_message(&header(tag), &[&tag.body], chunking, &mut out);
    out
}

fn header(tag: &Tag) -> MessageHeader {
    MessageHeader { kind: MessageKind(tag.kind.number()), timestamp_ms: tag.at_ms, stream_id: 1 }
}

/// In pieces of 16 KiB, as a socket gives them.
fn read(input: &Bytes) {
    let mut reader = Reader::new(Limits::default());
    for mut piece in input.chunks(16 * 1024) {
        while let Ok(Some(message)) = reader.read(&mut piece) {
            black_box(message);
        }
    }
}

fn up_to_a_megabyte(clip: &Clip) -> Vec<Tag> {
    let mut left = MEGABYTE;
    let fits = |tag: &&Tag| {
        left = left.saturating_sub(tag.body.len());
        left > 0
    };
    clip.frames.iter().take_while(fits).cloned().collect()
}

fn write(tags: Vec<Tag>) -> Case {
    let mut out = BytesMut::with_capacity(2 * MEGABYTE);
    Case::new("chunk_write", "1 MB of messages", move || {
        out.clear();
        for tag in &tags {
            let chunking = Chunking { chunk_stream: 6, chunk_size: DEFAULT_CHUNK_SIZE };
            write_message(&header(tag), &[&tag.body], chunking, &mut out);
        }
        black_box(&out);
    })
}

fn demux(headers: Vec<Tag>, frames: Vec<Tag>) -> Case {
    Case::new("flv_demux", "headers and one second", move || {
        let mut demuxer = Demuxer::default();
        for tag in headers.iter().chain(&frames) {
            for media in demuxer.push(tag.kind, tag.at_ms, tag.body.clone()) {
                black_box(media);
            }
        }
    })
}

fn amf_connect() -> Case {
    let object = Object::new()
        .with("app", "live")
        .with("type", "nonprivate")
        .with("flashVer", "FMLE/3.0 (compatible; FMSc/1.0)")
        .with("swfUrl", "rtmp://localhost/live")
        .with("tcUrl", "rtmp://localhost/live")
        .with("videoCodecs", 252.0)
        .with("capsEx", 15.0);
    let mut body = BytesMut::new();
    ["connect".into(), 1.0.into(), Value::Object(object)].iter().for_each(|value| value.encode(&mut body));
    let body = body.freeze();
    Case::new("amf_connect", "one connect command", move || {
        let mut values = Decoder::new(&body, amf::Limits::default());
        while let Ok(Some(value)) = values.next_value() {
            black_box(value);
        }
    })
}
