//! The way to publishing or playing: connect, createStream, publish or play, in the order of FMLE and OBS.

use super::super::CloseReason;
use super::super::clock::after;
use super::super::link::on;
use super::super::media::tag;
use super::publish::Sender;
use super::{ClientSession, Event, Phase, Purpose};
use crate::aggregate::Parts;
use crate::amf::{Object, Value};
use crate::capability::Capabilities;
use crate::command::{self, Command, bounded};
use crate::control::Control;
use crate::flv::{Demuxer, Media};
use crate::message::{Message, MessageKind};
use crate::name::MAX_FIELD_BYTES;

/// Transaction ids. OBS counts the same way.
mod transaction {
    pub(super) const CONNECT: f64 = 1.0;
    pub(super) const RELEASE_STREAM: f64 = 2.0;
    pub(super) const FC_PUBLISH: f64 = 3.0;
    pub(super) const CREATE_STREAM: f64 = 4.0;
    pub(super) const PUBLISH_OR_PLAY: f64 = 5.0;
    pub(super) const NONE: f64 = 0.0;
}

/// The acknowledgement window we ask of servers, in bytes (what FMLE and OBS ask).
const WINDOW: u32 = 2_500_000;

/// The buffer a player claims to have, in milliseconds. Live servers ignore it or send a burst of it.
const BUFFER_MS: u32 = 1_000;

const MAX_CODE_BYTES: usize = 128;
const MAX_DESCRIPTION_BYTES: usize = 256;

impl ClientSession {
    /// The handshake is over.
    pub(super) fn connect(&mut self) {
        let url = &self.config.url;
        let mut object = Object::new()
            .with("app", &*url.app)
            .with("type", "nonprivate")
            .with("flashVer", &*self.config.software)
            .with("tcUrl", &*url.tc_url);
        if self.config.purpose == Purpose::Play {
            // All audio and video codecs of Flash, and the ability to seek: what Flash Player 10 sent.
            object = object.with("fpad", false).with("capabilities", 15.0).with("audioCodecs", 4071.0);
            object = object.with("videoCodecs", 252.0).with("videoFunction", 1.0);
        }
        if self.config.capabilities.enhanced {
            object = self.config.capabilities.announce(object);
        }
        self.command(0, "connect", transaction::CONNECT, &[object.into()]);
        self.phase = Phase::Connecting { until: after(self.now, self.config.timeouts.request) };
    }

    pub(super) fn receive(&mut self, message: Message) {
        match message.header.kind {
            MessageKind::COMMAND_AMF0 | MessageKind::COMMAND_AMF3 => {
                if let Some(command) = Command::parse(&message, self.config.amf) {
                    self.answered(&command);
                }
            }
            MessageKind::AGGREGATE => Parts::new(message).for_each(|part| self.media(part)),
            _ => self.media(message),
        }
    }

    fn answered(&mut self, command: &Command) {
        match (command.name.as_str(), command.transaction) {
            ("_result", transaction::CONNECT) => self.connected(command),
            ("_result", transaction::CREATE_STREAM) => self.created(command),
            ("_error", transaction::CONNECT | transaction::CREATE_STREAM | transaction::PUBLISH_OR_PLAY) => {
                self.refused(command);
            }
            ("onStatus", _) => self.status(command),
            _ => {}
        }
    }

    fn connected(&mut self, command: &Command) {
        let Phase::Connecting { until } = self.phase else { return };
        // Servers put what they announce into either object.
        let objects = [command.object.as_object(), command.information()];
        let announced = objects.into_iter().flatten().map(Capabilities::from_object);
        self.server =
            announced.reduce(|first, second| if first.enhanced { first } else { second }).unwrap_or_default();
        let name: Value = self.config.url.name.as_ref().into();
        self.link.send(Control::WindowAckSize(WINDOW));
        self.link.set_chunk_size(self.config.chunk_size);
        if self.config.purpose == Purpose::Publish {
            self.command(0, "releaseStream", transaction::RELEASE_STREAM, &[Value::Null, name.clone()]);
            self.command(0, "FCPublish", transaction::FC_PUBLISH, &[Value::Null, name]);
        }
        self.command(0, "createStream", transaction::CREATE_STREAM, &[Value::Null]);
        self.phase = Phase::Creating { until };
    }

    fn created(&mut self, command: &Command) {
        let Phase::Creating { until } = self.phase else { return };
        // A server that names none means the first.
        let stream_id = command.number(0).map_or(1, |id| id as u32);
        let name: Value = self.config.url.name.as_ref().into();
        match self.config.purpose {
            Purpose::Publish => {
                let values = [Value::Null, name, "live".into()];
                self.command(stream_id, "publish", transaction::PUBLISH_OR_PLAY, &values);
            }
            Purpose::Play => {
                // Start at -2: live if there is a live stream.
                let values = [Value::Null, name, Value::Number(-2.0)];
                self.command(stream_id, "play", transaction::PUBLISH_OR_PLAY, &values);
                self.link.send(Control::SetBufferLength(stream_id, BUFFER_MS));
            }
        }
        self.phase = Phase::Asking { stream_id, until };
    }

    fn status(&mut self, command: &Command) {
        let Some(information) = command.information() else { return };
        let code = information.text("code").unwrap_or_default();
        match code {
            "NetStream.Publish.Start" => self.begin(Purpose::Publish),
            "NetStream.Play.Start" => self.begin(Purpose::Play),
            "NetStream.Play.Stop" | "NetStream.Play.Complete" | "NetStream.Unpublish.Success" => {
                self.close(CloseReason::Finished);
            }
            // Comes before every start and says nothing.
            "NetStream.Play.Reset" => {}
            "NetConnection.Connect.ReconnectRequest" => {
                let tc_url = information.text("tcUrl").map(|url| bounded(url, MAX_FIELD_BYTES).into());
                self.events.push_back(Event::Reconnect { tc_url });
            }
            _ if information.text("level") == Some("error") && code != "NetStream.Seek.Failed" => {
                self.refused(command);
            }
            _ => {
                let (code, description) = described(information);
                self.events.push_back(Event::Status { code, description });
            }
        }
    }

    /// The server lets us do what we asked for.
    fn begin(&mut self, purpose: Purpose) {
        let Phase::Asking { stream_id, .. } = self.phase else { return };
        if purpose != self.config.purpose {
            return;
        }
        match purpose {
            Purpose::Publish => {
                let sender = Box::new(Sender::new(self.server.multitrack));
                self.phase = Phase::Publishing { stream_id, sender };
                self.events.push_back(Event::Publishing);
            }
            Purpose::Play => {
                let demuxer = Box::new(Demuxer::new(self.config.flv));
                self.phase = Phase::Playing { stream_id, demuxer, heard: self.now };
                self.events.push_back(Event::Playing);
            }
        }
    }

    fn refused(&mut self, command: &Command) {
        let (code, description) = command.information().map(described).unwrap_or_default();
        self.close(CloseReason::Refused { code, description });
    }

    fn media(&mut self, message: Message) {
        let Phase::Playing { demuxer, .. } = &mut self.phase else { return };
        let timestamp_ms = message.header.timestamp_ms;
        let Some((kind, body)) = tag(message) else { return };
        for media in demuxer.push(kind, timestamp_ms, body) {
            self.events.push_back(match media {
                Media::Track(track) => Event::Track(track),
                Media::Frame(frame) => Event::Frame(frame),
                Media::Metadata(metadata) => Event::Metadata(metadata),
                Media::Ignored { why } => Event::Ignored(why),
            });
        }
    }

    /// Ends publishing or playing as one should (`FCUnpublish`, `deleteStream`), and closes.
    pub fn finish(&mut self, now: std::time::Instant) {
        self.now = now;
        let (Phase::Publishing { stream_id, .. }
        | Phase::Playing { stream_id, .. }
        | Phase::Asking { stream_id, .. }) = self.phase
        else {
            return self.close(CloseReason::Finished);
        };
        if self.config.purpose == Purpose::Publish {
            let name = self.config.url.name.as_ref().into();
            self.command(0, "FCUnpublish", transaction::NONE, &[Value::Null, name]);
        }
        self.command(0, "deleteStream", transaction::NONE, &[Value::Null, f64::from(stream_id).into()]);
        self.close(CloseReason::Finished);
    }

    /// Pauses a stream that is played, or lets it go on.
    pub fn pause(&mut self, paused: bool) {
        self.play_command("pause", &[Value::Null, paused.into(), 0.0.into()]);
    }

    /// Asks for sound, or for none.
    pub fn receive_audio(&mut self, wanted: bool) {
        self.play_command("receiveAudio", &[Value::Null, wanted.into()]);
    }

    /// Asks for pictures, or for none.
    pub fn receive_video(&mut self, wanted: bool) {
        self.play_command("receiveVideo", &[Value::Null, wanted.into()]);
    }

    fn play_command(&mut self, name: &str, values: &[Value]) {
        if let Phase::Playing { stream_id, .. } = self.phase {
            self.command(stream_id, name, transaction::NONE, values);
        }
    }

    fn command(&mut self, stream_id: u32, name: &str, transaction: f64, values: &[Value]) {
        let body = command::encode(name, transaction, values);
        self.link.send_amf(on::COMMAND, MessageKind::COMMAND_AMF0, stream_id, &body);
    }
}

fn described(information: &Object) -> (Box<str>, Box<str>) {
    let text = |name, max| bounded(information.text(name).unwrap_or_default(), max).into();
    (text("code", MAX_CODE_BYTES), text("description", MAX_DESCRIPTION_BYTES))
}
