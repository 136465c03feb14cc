//! A server session and, in the test's hand, the wire to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtmp_core::amf::{self, Decoder, Object, Value};
use rtmp_core::chunk::{Chunking, Limits, Reader, write_message};
use rtmp_core::message::{Message, MessageHeader, MessageKind};
use rtmp_core::server::{Config, Event, PlayRequest, PlayStart, PublishRequest};
use rtmp_core::{CloseReason, Output, ServerSession};

pub(crate) struct Wire {
    pub(crate) session: ServerSession,
    pub(crate) now: Instant,
    /// Input is delivered in pieces of this size.
    pub(crate) step: usize,
    /// What the session transmitted, put together.
    pub(crate) answers: Vec<Message>,
    pub(crate) events: Vec<Event>,
    /// The session's next timer.
    pub(crate) wake: Instant,
    reader: Reader,
    handshake_left: usize,
    pub(crate) transmitted: usize,
}

impl Wire {
    /// A session that has been connected to.
    pub(crate) fn new(config: Config) -> Self {
        let now = Instant::now();
        let mut wire = Self {
            session: ServerSession::new(Arc::new(config), 1, now),
            now,
            step: usize::MAX,
            answers: Vec::new(),
            events: Vec::new(),
            wake: now,
            reader: Reader::new(Limits::default()),
            handshake_left: 3073,
            transmitted: 0,
        };
        wire.poll();
        wire
    }

    /// A session past its handshake.
    pub(crate) fn ready() -> Self {
        let mut wire = Self::new(Config::default());
        wire.handshake();
        wire
    }

    /// A session past `connect` and `createStream`.
    pub(crate) fn connected(app: &str) -> Self {
        let mut wire = Self::ready();
        wire.connect(app);
        wire.command(0, "createStream", 4.0, &[Value::Null]);
        wire
    }

    /// A publisher that was let in.
    pub(crate) fn publishing() -> Self {
        let mut wire = Self::connected("live");
        let request = wire.publish("key");
        wire.session.accept_publish(wire.now, request);
        wire.poll();
        wire.answers.clear();
        wire
    }

    /// A player that was let in.
    pub(crate) fn playing() -> Self {
        let mut wire = Self::connected("play");
        let request = wire.play("stream");
        wire.session.accept_play(wire.now, request, &PlayStart::default());
        wire.poll();
        wire
    }

    pub(crate) fn handshake(&mut self) {
        let mut hello = vec![3];
        hello.resize(1 + 2 * 1536, 0);
        self.bytes(&hello);
        assert_eq!(self.handshake_left, 0);
    }

    pub(crate) fn connect(&mut self, app: &str) {
        let object = Object::new().with("app", app).with("tcUrl", format!("rtmp://h/{app}").as_str());
        self.command(0, "connect", 1.0, &[object.into()]);
    }

    pub(crate) fn publish(&mut self, name: &str) -> PublishRequest {
        self.command(1, "publish", 5.0, &[Value::Null, name.into(), "live".into()]);
        self.publish_request()
    }

    pub(crate) fn publish_request(&mut self) -> PublishRequest {
        match self.events.pop() {
            Some(Event::Publish(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn play(&mut self, name: &str) -> PlayRequest {
        self.command(1, "play", 5.0, &[Value::Null, name.into()]);
        match self.events.pop() {
            Some(Event::Play(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn command(&mut self, stream_id: u32, name: &str, transaction: f64, values: &[Value]) {
        self.message(MessageKind::COMMAND_AMF0, 0, stream_id, &command_body(name, transaction, values));
    }

    /// Sends a message in chunks of 128 bytes.
    pub(crate) fn message(&mut self, kind: MessageKind, timestamp_ms: u32, stream_id: u32, body: &[u8]) {
        let bytes = message_bytes(kind, timestamp_ms, stream_id, body);
        self.bytes(&bytes);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(self.step) {
            self.session.handle_input(self.now, piece);
            self.poll();
        }
    }

    pub(crate) fn poll(&mut self) {
        loop {
            match self.session.poll_output() {
                Output::Transmit(bytes) => self.transmit(&bytes),
                Output::Event(event) => self.events.push(event),
                Output::Timeout(at) => {
                    self.wake = at;
                    return;
                }
            }
        }
    }

    fn transmit(&mut self, bytes: &[u8]) {
        self.transmitted += bytes.len();
        let (skipped, mut rest) = bytes.split_at(bytes.len().min(self.handshake_left));
        self.handshake_left -= skipped.len();
        while let Some(message) = self.reader.read(&mut rest).expect("our own chunks") {
            self.answers.push(message);
        }
    }

    /// Lets time pass, as a driver would: waking up when told to.
    pub(crate) fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.wake <= end && !self.session.is_closed() {
            self.now = self.now.max(self.wake);
            self.session.handle_timeout(self.now);
            self.poll();
        }
        self.now = end;
    }

    pub(crate) fn closed(&self) -> Option<&CloseReason> {
        self.events.iter().find_map(|event| match event {
            Event::Closed { reason } => Some(reason),
            _ => None,
        })
    }

    /// The commands among the answers: name, transaction, values.
    pub(crate) fn commands(&self) -> Vec<(String, f64, Vec<Value>)> {
        let commands = self.answers.iter().filter(|message| message.header.kind == MessageKind::COMMAND_AMF0);
        commands
            .map(|message| {
                let mut values = values(&message.body).into_iter();
                let name = values.next().expect("a name").as_str().expect("text").to_owned();
                let transaction = values.next().expect("a transaction").as_number().expect("a number");
                (name, transaction, values.collect())
            })
            .collect()
    }

    /// The status codes among the answers.
    pub(crate) fn codes(&self) -> Vec<String> {
        let commands = self.commands();
        let objects = commands.iter().flat_map(|(_, _, values)| values.iter().filter_map(Value::as_object));
        objects.filter_map(|object| object.text("code")).map(str::to_owned).collect()
    }

    /// Whether a command was answered with `_result`.
    pub(crate) fn has_result(&self, transaction: f64) -> bool {
        self.commands().iter().any(|(name, answered, _)| name == "_result" && *answered == transaction)
    }
}

pub(crate) fn values(body: &[u8]) -> Vec<Value> {
    let mut decoder = Decoder::new(body, amf::Limits::default());
    std::iter::from_fn(|| decoder.next_value().expect("valid AMF")).collect()
}

pub(crate) fn command_body(name: &str, transaction: f64, values: &[Value]) -> BytesMut {
    let mut body = BytesMut::new();
    [Value::from(name), transaction.into()].iter().chain(values).for_each(|value| value.encode(&mut body));
    body
}

pub(crate) fn message_bytes(kind: MessageKind, timestamp_ms: u32, stream_id: u32, body: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    let header = MessageHeader { kind, timestamp_ms, stream_id };
    write_message(&header, &[body], Chunking { chunk_stream: 3, chunk_size: 128 }, &mut out);
    out
}
