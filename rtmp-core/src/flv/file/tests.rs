//! Goal: what the writer writes is FLV to the byte, the reader reads it however it is cut, and broken streams end in an error.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::flv::{Muxer, Tag, TagKind, WireForm};

fn written(tags: &[Tag]) -> BytesMut {
    let mut out = BytesMut::from(&stream_head(&Muxer::new(WireForm::Legacy))[..]);
    tags.iter().for_each(|tag| write_tag(tag, &mut out).unwrap());
    out
}

/// All items of a stream that arrives in pieces of `size` bytes.
fn read(stream: &[u8], size: usize) -> Result<Vec<Item>, Error> {
    let mut reader = Reader::default();
    let mut items = Vec::new();
    for piece in stream.chunks(size) {
        reader.push(piece);
        while let Some(item) = reader.poll()? {
            items.push(item);
        }
    }
    Ok(items)
}

fn tag(kind: TagKind, timestamp_ms: u32, body: &'static [u8]) -> Tag {
    Tag::new(kind, timestamp_ms, Bytes::from_static(body))
}

#[test]
fn a_tag_is_laid_out_as_the_specification_says() {
    let stream = written(&[tag(TagKind::Video, 0x1234_5678, b"\x17\x02\x00\x00\x00")]);
    let expected = b"FLV\x01\x00\x00\x00\x00\x09\x00\x00\x00\x00\
        \x09\x00\x00\x05\x34\x56\x78\x12\x00\x00\x00\x17\x02\x00\x00\x00\x00\x00\x00\x10";
    assert_eq!(stream[..], expected[..]);
}

#[test]
fn an_extended_header_is_passed_over() {
    let stream =
        b"FLV\x01\x05\x00\x00\x00\x0bxx\x00\x00\x00\x00\x12\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00a";
    let items = read(stream, 1).unwrap();
    assert_eq!(items[0], Item::Header { audio: true, video: true });
    assert_eq!(
        items[1],
        Item::Tag { kind: TagKind::Script, timestamp_ms: 0, body: Bytes::from_static(b"a") }
    );
}

#[test]
fn reserved_and_encrypted_tags_are_passed_over() {
    let mut stream =
        written(&[tag(TagKind::Audio, 0, b"a"), tag(TagKind::Audio, 1, b"b"), tag(TagKind::Audio, 2, b"c")]);
    stream[13] = 0x28;
    stream[13 + 16] = 0x0f;
    let items = read(&stream, 7).unwrap();
    assert_eq!(items[1..3], [Item::Skipped { tag_type: 0x28 }, Item::Skipped { tag_type: 0x0f }]);
    assert!(matches!(items[3], Item::Tag { timestamp_ms: 2, .. }));
}

#[test]
fn a_wrong_back_pointer_alone_is_forgiven() {
    let mut stream = written(&[tag(TagKind::Audio, 0, b"a"), tag(TagKind::Audio, 1, b"b")]);
    stream[13 + 15] = 99;
    assert_eq!(read(&stream, 64).unwrap().len(), 3);
}

#[test]
fn missing_bytes_are_noticed_and_stay_noticed() {
    let stream = written(&[tag(TagKind::Audio, 0, b"abcdefgh"), tag(TagKind::Audio, 1, b"b")]);
    let cut = [&stream[..30], &stream[31..]].concat();
    let mut reader = Reader::default();
    reader.push(&cut);
    let error = loop {
        match reader.poll() {
            Ok(item) => assert!(item.is_some()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Desynchronised { .. }), "{error}");
    reader.push(&stream);
    assert_eq!(reader.poll(), Err(error));
}

#[test]
fn what_is_not_flv_or_too_large_is_refused_before_it_is_buffered() {
    assert_eq!(read(b"<html>", 1), Err(Error::NotFlv));
    assert_eq!(read(b"FLV\x01\x05\x00\x00\x00\x03", 9), Err(Error::NotFlv));
    assert_eq!(read(b"FLV\x01\x05\xff\xff\xff\xff", 9), Err(Error::NotFlv));
    let large = b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00\x09\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00";
    let error = Error::TagTooLarge { bytes: 0xff_ffff, limit: 8 << 20, offset: 13 };
    assert_eq!(read(large, 64), Err(error));
    let mut out = BytesMut::new();
    let bytes = 1 << 24;
    let tag = Tag::new(TagKind::Video, 0, vec![0; bytes].into());
    assert_eq!(write_tag(&tag, &mut out), Err(TooLarge { bytes }));
    assert!(out.is_empty());
}

fn any_tag() -> impl Strategy<Value = Tag> {
    let kind = prop_oneof![Just(TagKind::Audio), Just(TagKind::Video), Just(TagKind::Script)];
    let body = proptest::collection::vec(any::<u8>(), 0..200);
    (kind, any::<u32>(), body).prop_map(|(kind, time, body)| Tag::new(kind, time, body.into()))
}

proptest! {
    #[test]
    fn tags_survive_the_round_trip_in_pieces(tags in proptest::collection::vec(any_tag(), 0..8), size in 1usize..64) {
        let items = read(&written(&tags), size).unwrap();
        let read: Vec<Tag> = items.into_iter().filter_map(|item| match item {
            Item::Tag { kind, timestamp_ms, body } => Some(Tag::new(kind, timestamp_ms, body)),
            _ => None,
        }).collect();
        // The last tag waits for the back pointer of none: a body is complete by its size.
        prop_assert_eq!(read, tags);
    }

    #[test]
    fn any_bytes_end_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), size in 1usize..64) {
        let stream = [&b"FLV\x01\x05\x00\x00\x00\x09"[..], &bytes].concat();
        let _ = read(&stream, size);
        let _ = read(&bytes, size);
    }
}
