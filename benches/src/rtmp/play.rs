//! A player without a socket: what to send, and what was received.

use anyhow::{Context, anyhow, bail};
use bytes::BytesMut;
use rtmp_core::RtmpUrl;
use rtmp_core::amf::{self, Decoder, Object, Value};
use rtmp_core::chunk::{Chunking, INITIAL_CHUNK_SIZE, write_message};
use rtmp_core::message::{MessageHeader, MessageKind};

use super::walker::{Seen, Walker};

const HANDSHAKE_BYTES: usize = 1_536;
/// A step of more than this between two video frames is a gap, in milliseconds.
const GAP_MS: u32 = 100;

/// One player. Send what [`take_output`](Self::take_output) gives, feed what arrives.
#[derive(Debug)]
pub struct Player {
    url: RtmpUrl,
    walker: Walker,
    /// What is missing of the server's handshake, and its first 1,536 bytes, which are sent back.
    handshake: Option<Vec<u8>>,
    output: BytesMut,
    started: bool,
    window: u64,
    acknowledged: u64,
    counts: Counts,
    last_video_ms: Option<u32>,
}

/// What a player has received.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Bytes, the handshake included.
    pub bytes: u64,
    /// Video frames.
    pub frames: u64,
    /// Steps of more than 100 ms between video frames.
    pub gaps: u64,
    /// Steps back.
    pub backward: u64,
}

impl Player {
    /// A player of `url`.
    pub fn new(url: RtmpUrl) -> Self {
        let mut player = Self::follower(INITIAL_CHUNK_SIZE as usize);
        player.url = url;
        player.started = false;
        player.handshake = Some(Vec::new());
        // Version 3, time and version zero, "random" bytes that need not be random.
        player.output.extend_from_slice(&[3]);
        player.output.extend_from_slice(&[0; HANDSHAKE_BYTES]);
        player
    }

    /// One that is sent chunks from the first byte on, without a word: the floor's.
    pub fn follower(chunk_size: usize) -> Self {
        let url = RtmpUrl::parse("rtmp://localhost/").expect("a URL");
        Self {
            url,
            walker: Walker::new(chunk_size),
            handshake: None,
            output: BytesMut::new(),
            started: true,
            window: 0,
            acknowledged: 0,
            counts: Counts::default(),
            last_video_ms: None,
        }
    }

    /// Whether media has come.
    pub fn is_playing(&self) -> bool {
        self.started && self.counts.frames > 0
    }

    /// What was received so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Bytes for the server.
    pub fn take_output(&mut self) -> Option<BytesMut> {
        (!self.output.is_empty()).then(|| self.output.split())
    }

    /// Takes what arrived.
    ///
    /// # Errors
    /// When the server refuses or sends nonsense.
    pub fn feed(&mut self, input: &[u8], mut seen: impl FnMut(&Seen<'_>)) -> anyhow::Result<()> {
        self.counts.bytes += input.len() as u64;
        let input = self.shake_hands(input);
        let mut commands = Vec::new();
        let Self { walker, counts, last_video_ms, window, .. } = self;
        let walked = walker.feed(input, |message| {
            match message.kind {
                MessageKind::COMMAND_AMF0 => commands.push(message.body.to_vec()),
                MessageKind::WINDOW_ACK_SIZE => {
                    let size = message.body.first_chunk().map_or(0, |size| u32::from_be_bytes(*size));
                    *window = u64::from(size);
                }
                _ if message.is_video_frame() => count_video(counts, last_video_ms, message.timestamp_ms),
                _ => {}
            }
            seen(message);
        });
        walked.map_err(|_| anyhow!("the server sends what are no chunks"))?;
        commands.iter().try_for_each(|command| self.answered(command))?;
        self.acknowledge();
        Ok(())
    }

    /// Takes the server's handshake from the front of the input.
    fn shake_hands<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        let Some(held) = &mut self.handshake else { return input };
        let (ours, rest) = input.split_at(input.len().min(1 + 2 * HANDSHAKE_BYTES - held.len()));
        held.extend_from_slice(ours);
        if held.len() == 1 + 2 * HANDSHAKE_BYTES {
            let echo = held.get(1..=HANDSHAKE_BYTES).unwrap_or_default();
            self.output.extend_from_slice(echo);
            self.handshake = None;
            let object = Object::new()
                .with("app", &*self.url.app)
                .with("flashVer", "LNX 9,0,124,2")
                .with("tcUrl", &*self.url.tc_url);
            self.command(0, &["connect".into(), 1.0.into(), Value::Object(object)]);
        }
        rest
    }

    /// Goes on to createStream and play.
    fn answered(&mut self, command: &[u8]) -> anyhow::Result<()> {
        let mut values = Decoder::new(command, amf::Limits::default());
        let name = values.next_value()?.context("an empty command")?;
        let transaction = values.next_value()?.as_ref().and_then(Value::as_number);
        match (name.as_str().unwrap_or_default(), transaction) {
            ("_result", Some(1.0)) => self.command(0, &["createStream".into(), 2.0.into(), Value::Null]),
            ("_result", Some(2.0)) => {
                values.next_value()?;
                let stream = values.next_value()?.as_ref().and_then(Value::as_number).unwrap_or(1.0);
                let name: Value = self.url.name.as_ref().into();
                self.command(stream as u32, &["play".into(), 3.0.into(), Value::Null, name, (-2.0).into()]);
            }
            ("_error", _) => bail!("the server refused a command"),
            ("onStatus", _) => {
                values.next_value()?;
                let information = values.next_value()?;
                let code = information.as_ref().and_then(Value::as_object).and_then(|of| of.text("code"));
                match code.unwrap_or_default() {
                    "NetStream.Play.Start" => self.started = true,
                    code if code.contains("Failed") || code.contains("NotFound") => bail!("refused: {code}"),
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn acknowledge(&mut self) {
        let bytes = self.counts.bytes;
        if self.window > 0 && bytes - self.acknowledged >= self.window {
            self.acknowledged = bytes;
            self.send(MessageKind::ACKNOWLEDGEMENT, 0, &(bytes as u32).to_be_bytes());
        }
    }

    fn command(&mut self, stream_id: u32, values: &[Value]) {
        let mut body = BytesMut::new();
        values.iter().for_each(|value| value.encode(&mut body));
        self.send(MessageKind::COMMAND_AMF0, stream_id, &body);
    }

    fn send(&mut self, kind: MessageKind, stream_id: u32, body: &[u8]) {
        let header = MessageHeader { kind, timestamp_ms: 0, stream_id };
        let chunk_stream = if kind == MessageKind::COMMAND_AMF0 { 3 } else { 2 };
        let chunking = Chunking { chunk_stream, chunk_size: INITIAL_CHUNK_SIZE };
        write_message(&header, &[body], chunking, &mut self.output);
    }
}

fn count_video(counts: &mut Counts, last_ms: &mut Option<u32>, timestamp_ms: u32) {
    counts.frames += 1;
    match last_ms.map(|last| timestamp_ms.wrapping_sub(last)) {
        Some(step) if step > u32::MAX / 2 => counts.backward += 1,
        Some(step) if step > GAP_MS => counts.gaps += 1,
        _ => {}
    }
    *last_ms = Some(timestamp_ms);
}
