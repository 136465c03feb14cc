//! Protocol and user control messages (Adobe RTMP §5.4, §7.1.7).

use bytes::BytesMut;

use crate::chunk::{Chunking, INITIAL_CHUNK_SIZE, write_message};
use crate::message::{Message, MessageHeader, MessageKind};

/// The chunk stream of all control messages (§5.4).
const CHUNK_STREAM: u32 = 2;

/// A control message that sessions act on or send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    SetChunkSize(u32),
    Acknowledgement(u32),
    WindowAckSize(u32),
    /// With the limit type "dynamic".
    SetPeerBandwidth(u32),
    StreamBegin(u32),
    StreamEof(u32),
    /// A message stream and its player's buffer in milliseconds.
    SetBufferLength(u32, u32),
    PingRequest(u32),
    PingResponse(u32),
}

/// User control event types (§7.1.7).
mod event {
    pub(super) const STREAM_BEGIN: u16 = 0;
    pub(super) const STREAM_EOF: u16 = 1;
    pub(super) const SET_BUFFER_LENGTH: u16 = 3;
    pub(super) const PING_REQUEST: u16 = 6;
    pub(super) const PING_RESPONSE: u16 = 7;
}

impl Control {
    /// Reads a control message; `None` for one that is cut short or concerns nobody here.
    pub(crate) fn parse(message: &Message) -> Option<Self> {
        let body = &message.body;
        let first = u32_at(body, 0);
        match message.header.kind {
            MessageKind::ACKNOWLEDGEMENT => first.map(Self::Acknowledgement),
            MessageKind::WINDOW_ACK_SIZE => first.map(Self::WindowAckSize),
            MessageKind::SET_PEER_BANDWIDTH => first.map(Self::SetPeerBandwidth),
            MessageKind::USER_CONTROL => {
                let kind = body.first_chunk().map(|kind| u16::from_be_bytes(*kind))?;
                let value = u32_at(body, 2)?;
                match kind {
                    event::STREAM_BEGIN => Some(Self::StreamBegin(value)),
                    event::STREAM_EOF => Some(Self::StreamEof(value)),
                    event::SET_BUFFER_LENGTH => Some(Self::SetBufferLength(value, u32_at(body, 6)?)),
                    event::PING_REQUEST => Some(Self::PingRequest(value)),
                    event::PING_RESPONSE => Some(Self::PingResponse(value)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Appends it as a chunk. It fits into one of any chunk size in use.
    pub(crate) fn write(self, out: &mut BytesMut) {
        match self {
            Self::SetChunkSize(size) => put(MessageKind::SET_CHUNK_SIZE, &[&size.to_be_bytes()], out),
            Self::Acknowledgement(total) => put(MessageKind::ACKNOWLEDGEMENT, &[&total.to_be_bytes()], out),
            Self::WindowAckSize(size) => put(MessageKind::WINDOW_ACK_SIZE, &[&size.to_be_bytes()], out),
            Self::SetPeerBandwidth(size) => {
                put(MessageKind::SET_PEER_BANDWIDTH, &[&size.to_be_bytes(), &[2]], out);
            }
            Self::StreamBegin(stream) => put_event(event::STREAM_BEGIN, &[&stream.to_be_bytes()], out),
            Self::StreamEof(stream) => put_event(event::STREAM_EOF, &[&stream.to_be_bytes()], out),
            Self::SetBufferLength(stream, millis) => {
                put_event(event::SET_BUFFER_LENGTH, &[&stream.to_be_bytes(), &millis.to_be_bytes()], out);
            }
            Self::PingRequest(time) => put_event(event::PING_REQUEST, &[&time.to_be_bytes()], out),
            Self::PingResponse(time) => put_event(event::PING_RESPONSE, &[&time.to_be_bytes()], out),
        }
    }
}

fn put_event(event: u16, values: &[&[u8]], out: &mut BytesMut) {
    put(MessageKind::USER_CONTROL, &[&event.to_be_bytes(), &values.concat()], out);
}

fn put(kind: MessageKind, parts: &[&[u8]], out: &mut BytesMut) {
    let header = MessageHeader { kind, timestamp_ms: 0, stream_id: 0 };
    write_message(
        &header,
        parts,
        Chunking { chunk_stream: CHUNK_STREAM, chunk_size: INITIAL_CHUNK_SIZE },
        out,
    );
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::{Limits, Reader};

    #[test]
    fn what_is_written_is_read() {
        let all = [
            Control::Acknowledgement(1),
            Control::WindowAckSize(2),
            Control::SetPeerBandwidth(3),
            Control::StreamBegin(4),
            Control::StreamEof(5),
            Control::SetBufferLength(6, 7),
            Control::PingRequest(8),
            Control::PingResponse(9),
        ];
        for control in all {
            let mut out = BytesMut::new();
            control.write(&mut out);
            let message = Reader::new(Limits::default()).read(&mut &out[..]).expect("valid").expect("whole");
            assert_eq!(Control::parse(&message), Some(control));
        }
    }
}
