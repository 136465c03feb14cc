//! The connection beneath a session: handshake, chunks, acknowledgements, pings.

use bytes::{Bytes, BytesMut};

use super::ProtocolError;
use crate::chunk::{self, Chunking, INITIAL_CHUNK_SIZE, Reader, write_message};
use crate::control::Control;
use crate::handshake::{Handshake, Random};
use crate::message::{Message, MessageHeader, MessageKind};

/// The acknowledgement window of a peer who never names one, in bytes (what FMLE and OBS send).
const DEFAULT_WINDOW: u32 = 2_500_000;

/// Chunk streams of what sessions send; control messages have 2.
pub(super) mod on {
    pub(in super::super) const COMMAND: u32 = 3;
    pub(in super::super) const AUDIO: u32 = 4;
    pub(in super::super) const DATA: u32 = 5;
    pub(in super::super) const VIDEO: u32 = 6;
}

/// What arrived.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The handshake is over.
    Ready,
    /// A message that concerns the session.
    Message(Message),
    /// A control message that a session may want to know of.
    Control(Control),
}

#[derive(Debug)]
pub(super) struct Link {
    handshake: Option<Box<Handshake>>,
    reader: Reader,
    out: BytesMut,
    chunk_size: u32,
    /// All bytes since the handshake, modulo 2^32 (Adobe RTMP §5.4.3). Without the handshake's, so that a peer who does not
    /// count those never sees more acknowledged than it sent.
    received: u32,
    acknowledged: u32,
    /// The peer's acknowledgement window.
    window: u32,
    /// The window we told the peer last; 0 for none.
    announced: u32,
}

impl Link {
    pub(super) fn server(seed: u64, limits: chunk::Limits) -> Self {
        Self::new(Handshake::server(Random::new(seed)), limits, BytesMut::new())
    }

    pub(super) fn client(seed: u64, limits: chunk::Limits) -> Self {
        let mut out = BytesMut::new();
        Self::new(Handshake::client(Random::new(seed), &mut out), limits, out)
    }

    fn new(handshake: Handshake, limits: chunk::Limits, out: BytesMut) -> Self {
        Self {
            handshake: Some(Box::new(handshake)),
            reader: Reader::new(limits),
            out,
            chunk_size: INITIAL_CHUNK_SIZE,
            received: 0,
            acknowledged: 0,
            window: DEFAULT_WINDOW,
            announced: 0,
        }
    }

    /// Media follow, to be kept in order.
    pub(super) fn expect_media(&mut self, limits: chunk::Limits) {
        self.reader.set_limits(limits);
        self.reader.share_allocations();
    }

    /// The last message will not be kept.
    pub(super) fn discarded(&mut self) {
        self.reader.discarded();
    }

    /// Reads from the front of `input` up to the next thing that matters; `None` once the input is used up.
    pub(super) fn read(&mut self, input: &mut &[u8]) -> Result<Option<Incoming>, ProtocolError> {
        if let Some(handshake) = &mut self.handshake {
            if !handshake.read(input, &mut self.out)? {
                return Ok(None);
            }
            self.handshake = None;
            return Ok(Some(Incoming::Ready));
        }
        loop {
            let before = input.len();
            let message = self.reader.read(input)?;
            // Exact modulo 2^32, which is what is acknowledged.
            self.received = self.received.wrapping_add((before - input.len()) as u32);
            let Some(message) = message else {
                self.acknowledge();
                return Ok(None);
            };
            if let Some(incoming) = self.receive(message) {
                return Ok(Some(incoming));
            }
        }
    }

    fn receive(&mut self, message: Message) -> Option<Incoming> {
        match message.header.kind {
            MessageKind::ACKNOWLEDGEMENT
            | MessageKind::WINDOW_ACK_SIZE
            | MessageKind::SET_PEER_BANDWIDTH
            | MessageKind::USER_CONTROL => {}
            _ => return Some(Incoming::Message(message)),
        }
        match Control::parse(&message)? {
            Control::WindowAckSize(0) => {}
            Control::WindowAckSize(size) => self.window = size,
            // Nothing here waits for acknowledgements (YouTube sends few), so its limit type is of no interest; but a server
            // that sends it wants the window it asked for said back (§5.4.5).
            Control::SetPeerBandwidth(size) if self.announced != size => {
                self.announced = size;
                self.send(Control::WindowAckSize(size));
            }
            Control::SetPeerBandwidth(_) => {}
            Control::PingRequest(time) => self.send(Control::PingResponse(time)),
            control => return Some(Incoming::Control(control)),
        }
        None
    }

    /// Acknowledges what arrived, twice a window, so that a sender which stops at its window never does; once for one input
    /// however small the window.
    fn acknowledge(&mut self) {
        if self.received.wrapping_sub(self.acknowledged) >= (self.window / 2).max(1) {
            self.acknowledged = self.received;
            self.send(Control::Acknowledgement(self.received));
        }
    }

    pub(super) fn send(&mut self, control: Control) {
        control.write(&mut self.out);
    }

    /// Sends with this chunk size from here on.
    pub(super) fn set_chunk_size(&mut self, chunk_size: u32) {
        self.send(Control::SetChunkSize(chunk_size));
        self.chunk_size = chunk_size;
    }

    pub(super) fn send_message(&mut self, chunk_stream: u32, header: MessageHeader, parts: &[&[u8]]) {
        let chunking = Chunking { chunk_stream, chunk_size: self.chunk_size };
        write_message(&header, parts, chunking, &mut self.out);
    }

    /// A command or script message at time 0.
    pub(super) fn send_amf(&mut self, chunk_stream: u32, kind: MessageKind, stream_id: u32, body: &[u8]) {
        self.send_message(chunk_stream, MessageHeader { kind, timestamp_ms: 0, stream_id }, &[body]);
    }

    /// Bytes waiting for [`Link::take`].
    pub(super) fn queued(&self) -> usize {
        self.out.len()
    }

    /// What is to be transmitted. Gives the buffer away, so that an idle connection has none.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        (!self.out.is_empty()).then(|| std::mem::take(&mut self.out).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Limits;

    /// A link past its handshake, near the end of what 32 bits count.
    fn link(received: u32) -> Link {
        let mut link = Link::server(1, Limits::default());
        let mut hello = vec![3];
        hello.resize(1 + 2 * 1536, 0);
        assert!(matches!(link.read(&mut &hello[..]), Ok(Some(Incoming::Ready))));
        link.take();
        (link.received, link.acknowledged) = (received, received);
        link
    }

    /// Feeds bytes of an audio message in chunks; the acknowledgements sent.
    fn acknowledged(link: &mut Link, messages: usize) -> Vec<u32> {
        let mut acknowledged = Vec::new();
        let mut message = BytesMut::new();
        let header = MessageHeader { kind: MessageKind::AUDIO, timestamp_ms: 0, stream_id: 1 };
        let chunking = Chunking { chunk_stream: 4, chunk_size: INITIAL_CHUNK_SIZE };
        write_message(&header, &[&[0; 100_000]], chunking, &mut message);
        for _ in 0..messages {
            let mut input = &message[..];
            while link.read(&mut input).expect("valid").is_some() {}
            let sent = link.take().unwrap_or_default();
            let mut reader = Reader::new(Limits::default());
            let mut sent = &sent[..];
            while let Some(message) = reader.read(&mut sent).expect("our own") {
                if let Some(Control::Acknowledgement(total)) = Control::parse(&message) {
                    acknowledged.push(total);
                }
            }
        }
        acknowledged
    }

    #[test]
    fn trap_7_acknowledgements_go_on_over_the_wrap_at_four_gibibytes() {
        for start in [0, 0x7fff_ff00, u32::MAX - 2_000_000] {
            let mut link = link(start);
            let totals = acknowledged(&mut link, 60);
            assert_eq!(totals.len(), 4, "one for each half of the default window");
            let mut last = start;
            for total in totals {
                let step = total.wrapping_sub(last);
                assert!((1_250_000..1_360_000).contains(&step), "{step}");
                last = total;
            }
        }
    }

    #[test]
    fn trap_7_the_handshake_is_not_counted() {
        let mut link = link(0);
        link.window = 200_000;
        let [total] = acknowledged(&mut link, 1)[..] else { panic!("one") };
        assert_eq!(total, 12 + 100_000 + 781);
    }

    #[test]
    fn a_server_that_sets_our_bandwidth_gets_its_window_back_once() {
        let mut link = Link::server(1, Limits::default());
        for size in [1000u32, 1000, 2000] {
            let header =
                MessageHeader { kind: MessageKind::SET_PEER_BANDWIDTH, timestamp_ms: 0, stream_id: 0 };
            let body = Bytes::from([&size.to_be_bytes()[..], &[2]].concat());
            assert!(link.receive(Message { header, body }).is_none());
        }
        assert_eq!(link.queued(), 2 * 16);
    }
}
