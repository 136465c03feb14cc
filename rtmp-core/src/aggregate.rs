//! Aggregate messages: several FLV tags in one (Adobe RTMP §7.1.6). Flash Media Server and some hardware send them.

use bytes::{Buf, Bytes};

use crate::message::{Message, MessageHeader, MessageKind};

/// The messages inside an aggregate. Its timestamp is that of the first; the others keep their distance to it. What is cut
/// short ends it.
pub(crate) struct Parts {
    rest: Bytes,
    header: MessageHeader,
    /// From the tags' clock to the message's.
    offset_ms: Option<u32>,
}

impl Parts {
    pub(crate) fn new(message: Message) -> Self {
        Self { rest: message.body, header: message.header, offset_ms: None }
    }
}

impl Iterator for Parts {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let rest = &mut self.rest;
        let kind = rest.try_get_u8().ok()?;
        let len = rest.try_get_uint(3).ok()? as usize;
        let low = rest.try_get_uint(3).ok()? as u32;
        let high = rest.try_get_u8().ok()?;
        rest.try_get_uint(3).ok()?;
        if len > rest.len() {
            return None;
        }
        let body = rest.split_to(len);
        // The length of the tag before ends each; the last may lack it.
        rest.advance(rest.len().min(4));
        let time = low | u32::from(high) << 24;
        let offset = *self.offset_ms.get_or_insert(self.header.timestamp_ms.wrapping_sub(time));
        let header = MessageHeader {
            kind: MessageKind(kind),
            timestamp_ms: time.wrapping_add(offset),
            stream_id: self.header.stream_id,
        };
        Some(Message { header, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(kind: u8, time: u32, body: &[u8]) -> Vec<u8> {
        let [high, low @ ..] = time.to_be_bytes();
        let [_, len @ ..] = (body.len() as u32).to_be_bytes();
        [&[kind][..], &len, &low, &[high], &[0, 0, 0], body, &(body.len() as u32 + 11).to_be_bytes()].concat()
    }

    fn parts(timestamp_ms: u32, body: Vec<u8>) -> Vec<(u8, u32, Vec<u8>)> {
        let header = MessageHeader { kind: MessageKind::AGGREGATE, timestamp_ms, stream_id: 1 };
        Parts::new(Message { header, body: body.into() })
            .map(|part| (part.header.kind.0, part.header.timestamp_ms, part.body.to_vec()))
            .collect()
    }

    #[test]
    fn trap_17_aggregate_messages_keep_their_distances() {
        let body = [tag(8, 0x0100_0010, &[1]), tag(9, 0x0100_0020, &[2, 3])].concat();
        assert_eq!(parts(1000, body), [(8, 1000, vec![1]), (9, 1016, vec![2, 3])]);
    }

    #[test]
    fn trap_17_an_aggregate_cut_short_ends_early() {
        let body = [tag(8, 0, &[1]), tag(9, 5, &[2, 3])].concat();
        for end in 0..body.len() {
            assert!(parts(0, body[..end].to_vec()).len() <= if end < 16 { 1 } else { 2 });
        }
        assert_eq!(parts(0, body[..body.len() - 4].to_vec()).len(), 2);
    }
}
