//! A peer that sends what the script says: bytes as they are, messages in chunks, and commands that look like real ones.

use bytes::BytesMut;
use rtmp_core::amf::{Object, Value, encode_str};
use rtmp_core::chunk::{Chunking, INITIAL_CHUNK_SIZE, write_message};
use rtmp_core::message::{MessageHeader, MessageKind};

use crate::samples;
use crate::script::Script;

/// Zeros after the version: no digest in it, so the other side answers without one.
pub(crate) const HELLO: [u8; 1537] = {
    let mut hello = [0; 1537];
    hello[0] = 3;
    hello
};

const NAMES: [&str; 24] = [
    "connect",
    "releaseStream",
    "FCPublish",
    "createStream",
    "publish",
    "play",
    "play2",
    "pause",
    "receiveAudio",
    "receiveVideo",
    "seek",
    "FCUnpublish",
    "deleteStream",
    "closeStream",
    "FCSubscribe",
    "getStreamLength",
    "_checkbw",
    "call",
    "_result",
    "_error",
    "onStatus",
    "onFCPublish",
    "close",
    "",
];

const TEXTS: [&str; 12] = [
    "live",
    "key",
    "rtmp://127.0.0.1/live",
    "key?token=x",
    "",
    "record",
    "NetStream.Publish.Start",
    "NetStream.Play.Start",
    "NetStream.Play.UnpublishNotify",
    "NetStream.Play.StreamNotFound",
    "NetConnection.Connect.ReconnectRequest",
    "NetStream.Publish.BadName",
];

const MEMBERS: [&str; 10] = [
    "app",
    "tcUrl",
    "flashVer",
    "fourCcList",
    "capsEx",
    "videoFourCcInfoMap",
    "level",
    "code",
    "description",
    "name",
];

/// One end of a connection.
pub(crate) struct Adversary {
    chunk_size: u32,
}

impl Adversary {
    /// A peer at the beginning of a connection, after the handshake.
    pub(crate) fn new() -> Self {
        Self { chunk_size: INITIAL_CHUNK_SIZE }
    }

    /// The bytes of the script's next act.
    pub(crate) fn act(&mut self, script: &mut Script<'_>) -> BytesMut {
        let mut wire = BytesMut::new();
        match script.u8() % 6 {
            0 => {
                let len = usize::from(script.u8()) * 8;
                wire.extend_from_slice(script.bytes(len));
            }
            1 => {
                let header = MessageHeader {
                    kind: MessageKind(script.u8()),
                    timestamp_ms: script.u32(),
                    stream_id: u32::from(script.u8()),
                };
                let len = usize::from(script.u16() & 0xfff);
                self.send(script.u8(), header, script.bytes(len), &mut wire);
            }
            2 => {
                let header = MessageHeader {
                    kind: MessageKind::COMMAND_AMF0,
                    timestamp_ms: 0,
                    stream_id: u32::from(script.u8()),
                };
                let body = command(script);
                self.send(3, header, &body, &mut wire);
            }
            3 => {
                let size = u32::from(script.u16()).max(1);
                let header =
                    MessageHeader { kind: MessageKind::SET_CHUNK_SIZE, timestamp_ms: 0, stream_id: 0 };
                self.send(2, header, &size.to_be_bytes(), &mut wire);
                self.chunk_size = size;
            }
            4 => {
                let (kind, body) = samples::media_message(script.u8());
                let header = MessageHeader { kind, timestamp_ms: script.u32(), stream_id: 1 };
                self.send(4, header, &body, &mut wire);
            }
            _ => {
                let kind = MessageKind([1, 2, 3, 4, 5, 6, 22, 20][usize::from(script.u8() & 7)]);
                let header = MessageHeader { kind, timestamp_ms: 0, stream_id: 0 };
                let len = usize::from(script.u8());
                self.send(2, header, script.bytes(len), &mut wire);
            }
        }
        wire
    }

    fn send(&self, chunk_stream: u8, header: MessageHeader, body: &[u8], wire: &mut BytesMut) {
        let chunking = Chunking { chunk_stream: u32::from(chunk_stream), chunk_size: self.chunk_size };
        write_message(&header, &[body], chunking, wire);
    }
}

/// A command: name, transaction, and a few values.
fn command(script: &mut Script<'_>) -> BytesMut {
    let mut body = BytesMut::new();
    encode_str(NAMES[usize::from(script.u8()) % NAMES.len()], &mut body);
    Value::Number(f64::from(script.u8())).encode(&mut body);
    for _ in 0..script.u8() % 6 {
        value(script, 0).encode(&mut body);
    }
    body
}

fn value(script: &mut Script<'_>, depth: u8) -> Value {
    match script.u8() % 7 {
        0 => Value::Null,
        1 => Value::Number(f64::from(script.u32()) - 10.0),
        2 => Value::Boolean(script.flag()),
        3 | 4 => TEXTS[usize::from(script.u8()) % TEXTS.len()].into(),
        5 if depth < 3 => (0..script.u8() % 5)
            .fold(Object::new(), |object, _| {
                let name = MEMBERS[usize::from(script.u8()) % MEMBERS.len()];
                object.with(name, value(script, depth + 1))
            })
            .into(),
        6 if depth < 3 => Value::Array((0..script.u8() % 5).map(|_| value(script, depth + 1)).collect()),
        _ => Value::Undefined,
    }
}
