//! Answers to requests, and what a server says unasked.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::super::CloseReason;
use super::super::clock::after;
use super::super::link::on;
use super::heard::Heard;
use super::request::{Asked, Ending, PlayStart, Rejection, Ticket};
use super::{Phase, ServerSession};
use crate::amf::{Object, Value};
use crate::capability::Capabilities;
use crate::chunk::{Chunking, DEFAULT_CHUNK_SIZE, write_message};
use crate::command::{self, status};
use crate::control::Control;
use crate::flv::Demuxer;
use crate::message::{MessageHeader, MessageKind};

/// What a player can be told while it plays (Adobe RTMP §7.2.2.1; Flash Media Server's status codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlayNotice {
    /// The stream has a publisher again: `NetStream.Play.PublishNotify`.
    Published,
    /// The stream's publisher is gone; it may return: `NetStream.Play.UnpublishNotify`.
    Unpublished,
}

impl PlayNotice {
    fn information(self) -> Object {
        let (code, description) = match self {
            Self::Published => ("NetStream.Play.PublishNotify", "Published."),
            Self::Unpublished => ("NetStream.Play.UnpublishNotify", "Unpublished."),
        };
        status("status", code, description)
    }

    /// The notice as one whole message on a message stream, the same bytes for every player that was told a chunk size of 512
    /// or more (see [`Config::chunk_size`](super::Config::chunk_size)).
    pub fn to_bytes(self, stream_id: u32) -> Bytes {
        let body = command::encode("onStatus", 0.0, &[Value::Null, self.information().into()]);
        let header = MessageHeader { kind: MessageKind::COMMAND_AMF0, timestamp_ms: 0, stream_id };
        let mut out = BytesMut::new();
        let chunking = Chunking { chunk_stream: on::COMMAND, chunk_size: DEFAULT_CHUNK_SIZE };
        write_message(&header, &[&body], chunking, &mut out);
        out.freeze()
    }
}

impl ServerSession {
    /// Lets a publisher in. What it sent ahead is read now, so that events may be there at once. Does nothing when the request
    /// is no longer open.
    pub fn accept_publish(&mut self, now: Instant, request: impl Into<Ticket>) {
        self.now = now;
        let Some((asked, stash)) = self.decided(&request.into(), true) else { return };
        self.link.expect_media(self.config.limits.publisher);
        self.link.send(Control::StreamBegin(asked.stream_id));
        self.send_status(asked.stream_id, "status", "NetStream.Publish.Start", "Publishing.");
        let demuxer = Box::new(Demuxer::new(self.config.limits.flv));
        self.phase = Phase::Publishing { stream_id: asked.stream_id, demuxer, heard: Heard::new(now) };
        self.handle_input(now, &stash);
    }

    /// Lets a player in: `StreamBegin`, `NetStream.Play.Reset` and `Start` and what [`PlayStart`] asks for go out, and after them
    /// the media may, written with [`write_message`](crate::chunk::write_message), the configured chunk size and the
    /// request's stream id. What the session transmits later has to go between whole messages. Does nothing when the request is
    /// no longer open.
    pub fn accept_play(&mut self, now: Instant, request: impl Into<Ticket>, start: &PlayStart) {
        self.now = now;
        let Some((asked, stash)) = self.decided(&request.into(), false) else { return };
        let id = asked.stream_id;
        self.link.send(Control::StreamBegin(id));
        self.send_status(id, "status", "NetStream.Play.Reset", "Resetting.");
        self.send_status(id, "status", "NetStream.Play.Start", "Playing.");
        if start.sample_access {
            let mut body = BytesMut::new();
            let values = [Value::from("|RtmpSampleAccess"), true.into(), true.into()];
            values.iter().for_each(|value| value.encode(&mut body));
            self.link.send_amf(on::DATA, MessageKind::DATA_AMF0, id, &body);
        }
        if let Some(metadata) = &start.metadata {
            self.link.send_amf(on::DATA, MessageKind::DATA_AMF0, id, metadata);
        }
        self.phase = Phase::Playing { stream_id: id, ping: after(now, self.config.timeouts.ping_interval) };
        self.handle_input(now, &stash);
    }

    /// Turns a peer away: it gets the status that fits, and the session closes. Does nothing when the request is no longer
    /// open.
    pub fn reject(&mut self, now: Instant, request: impl Into<Ticket>, why: Rejection) {
        self.now = now;
        let ticket = request.into();
        let Phase::Deciding { asked, .. } = &self.phase else { return };
        if asked.ticket != ticket.0 {
            return;
        }
        let (stream_id, publish) = (asked.stream_id, asked.publish);
        let code = match (publish, why) {
            (true, Rejection::Unavailable) => "NetStream.Publish.Failed",
            (true, _) => "NetStream.Publish.BadName",
            (false, Rejection::Unsupported | Rejection::Unavailable) => "NetStream.Play.Failed",
            (false, _) => "NetStream.Play.StreamNotFound",
        };
        let description = match why {
            Rejection::BadName => "Not allowed.",
            Rejection::Busy => "Already publishing.",
            Rejection::NotFound => "No such stream.",
            Rejection::Unsupported => "The player did not announce the stream's codecs in fourCcList.",
            Rejection::Unavailable => "Try again later.",
        };
        self.send_status(stream_id, "error", code, description);
        self.close(CloseReason::Rejected(why));
    }

    /// Ends an accepted connection: the peer is told, and the session closes.
    pub fn end(&mut self, now: Instant, why: Ending) {
        self.now = now;
        match self.phase {
            Phase::Publishing { stream_id, .. } => {
                self.send_status(stream_id, "error", "NetStream.Publish.Denied", "No longer allowed.");
            }
            Phase::Playing { stream_id, .. } => {
                self.link.send(Control::StreamEof(stream_id));
                self.send_status(stream_id, "status", "NetStream.Play.Stop", "Stopped.");
            }
            _ => {}
        }
        self.close(CloseReason::Ended(why));
    }

    /// Tells a player of its stream's publisher.
    pub fn notify(&mut self, now: Instant, notice: PlayNotice) {
        self.now = now;
        if let Phase::Playing { stream_id, .. } = self.phase {
            self.send_command(stream_id, "onStatus", 0.0, &[Value::Null, notice.information().into()]);
        }
    }

    /// Asks the peer to connect anew, to `tc_url` or to where it is (E-RTMP v2, "Reconnect Request"); `false` if it did not
    /// announce that it understands. It goes on meanwhile; the session stays open.
    pub fn request_reconnect(&mut self, now: Instant, tc_url: Option<&str>) -> bool {
        self.now = now;
        if self.is_closed() || !self.connect.as_ref().is_some_and(|connect| connect.capabilities.reconnect) {
            return false;
        }
        let mut information = status("status", "NetConnection.Connect.ReconnectRequest", "Please reconnect.");
        if let Some(tc_url) = tc_url {
            information.push("tcUrl".to_owned(), tc_url.into());
        }
        self.send_command(0, "onStatus", 0.0, &[Value::Null, information.into()]);
        true
    }

    /// Closes a request; the peer's input meanwhile.
    fn decided(&mut self, ticket: &Ticket, publish: bool) -> Option<(Asked, Vec<u8>)> {
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Deciding { asked, stash, .. } if asked.ticket == ticket.0 && asked.publish == publish => {
                Some((asked, stash))
            }
            other => {
                self.phase = other;
                None
            }
        }
    }

    pub(super) fn ping(&mut self) {
        // The time is of no interest to the peer, which has to repeat it (§7.1.7).
        self.link.send(Control::PingRequest(0));
    }

    pub(super) fn send_status(&mut self, stream_id: u32, level: &str, code: &str, description: &str) {
        let information = status(level, code, description);
        self.send_command(stream_id, "onStatus", 0.0, &[Value::Null, information.into()]);
    }

    pub(super) fn send_command(&mut self, stream_id: u32, name: &str, transaction: f64, values: &[Value]) {
        let body = command::encode(name, transaction, values);
        self.link.send_amf(on::COMMAND, MessageKind::COMMAND_AMF0, stream_id, &body);
    }

    /// The properties and information of a successful `connect`.
    pub(super) fn connect_result(&self, amf3: bool, enhanced: bool) -> [Value; 2] {
        let announce = |object: Object| {
            if enhanced { Capabilities::all().announce(object) } else { object }
        };
        // What Flash-era encoders expect of a server: the version that first took H.264, and all capability bits.
        let properties =
            Object::new().with("fmsVer", "FMS/3,5,7,7009").with("capabilities", 31.0).with("mode", 1.0);
        let information = status("status", "NetConnection.Connect.Success", "Connected.")
            .with("objectEncoding", if amf3 { 3.0 } else { 0.0 });
        [announce(properties).into(), announce(information).into()]
    }
}
