//! What each command does (Adobe RTMP §7.2). Every one is answered, in any order: FMLE and OBS send releaseStream, FCPublish,
//! createStream, publish; Haivision FCPublish after createStream; ffmpeg leaves some out; nobody agrees on the rest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::clock::after;
use super::super::{CloseReason, ProtocolError};
use super::request::{Asked, PlayRequest, PublishKind, PublishRequest, Ticket};
use super::{Event, Phase, ServerSession};
use crate::amf::{Object, Value};
use crate::command::{Command, ConnectInfo, status};
use crate::control::Control;
use crate::name::Target;

/// How often a peer commands.
#[derive(Debug)]
pub(super) struct Rate {
    second: Instant,
    in_second: u32,
    before_request: u32,
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self { second: now, in_second: 0, before_request: 0 }
    }
}

impl ServerSession {
    pub(super) fn command(&mut self, command: Option<Command>) -> Result<(), ProtocolError> {
        self.count_command()?;
        let Some(command) = command else { return Ok(()) };
        if self.connect.is_none() && command.name != "connect" {
            self.answer_error(&command, "NetConnection.Call.Failed", "Not connected.");
            return Ok(());
        }
        match command.name.as_str() {
            "connect" => return self.connect(&command),
            "createStream" => return self.create_stream(&command),
            "publish" => self.publish(&command),
            "play" => self.play(&command),
            "releaseStream" => self.answer(&command, &[Value::Null, Value::Undefined]),
            "FCPublish" => self.fc_publish(&command),
            "FCUnpublish" => self.fc_unpublish(&command),
            "FCSubscribe" => self.fc_subscribe(&command),
            "deleteStream" => self.delete_stream(&command),
            "closeStream" => self.close_stream(&command),
            "getStreamLength" => self.answer(&command, &[Value::Null, 0.0.into()]),
            "pause" | "pauseRaw" => self.pause(&command),
            "receiveAudio" | "receiveVideo" => self.receive_kind(&command),
            "seek" => self.seek(&command),
            // Answers to ours, which need none.
            "_result" | "_error" | "onStatus" | "onBWDone" => {}
            _ => self.answer(&command, &[Value::Null, Value::Undefined]),
        }
        Ok(())
    }

    fn count_command(&mut self) -> Result<(), ProtocolError> {
        let limits = &self.config.limits;
        let rate = &mut self.rate;
        if self.now.saturating_duration_since(rate.second) >= Duration::from_secs(1) {
            (rate.second, rate.in_second) = (self.now, 0);
        }
        rate.in_second += 1;
        if matches!(self.phase, Phase::Commands { .. }) {
            rate.before_request += 1;
        }
        let excessive = rate.in_second > limits.commands_per_second
            || rate.before_request > limits.commands_before_request;
        if excessive { Err(ProtocolError::Commands) } else { Ok(()) }
    }

    fn connect(&mut self, command: &Command) -> Result<(), ProtocolError> {
        let Some(object) = command.object.as_object().filter(|_| self.connect.is_none()) else {
            self.answer_error(command, "NetConnection.Connect.Rejected", "Invalid connect.");
            return Err(ProtocolError::Connect);
        };
        let connect = ConnectInfo::from_object(object);
        self.link.send(Control::WindowAckSize(self.config.window_bytes));
        self.link.send(Control::SetPeerBandwidth(self.config.window_bytes));
        self.link.set_chunk_size(self.config.chunk_size);
        let result = self.connect_result(connect.amf3, connect.capabilities.enhanced);
        self.connect = Some(Arc::new(connect));
        // Some encoders number their connect 0 and wait all the same.
        self.send_command(0, "_result", command.transaction.max(1.0), &result);
        Ok(())
    }

    fn create_stream(&mut self, command: &Command) -> Result<(), ProtocolError> {
        let id = self.streams.create(self.config.limits.streams).ok_or(ProtocolError::Streams)?;
        self.answer(command, &[Value::Null, f64::from(id).into()]);
        Ok(())
    }

    /// Wirecast does not go on before `onFCPublish` (nginx-rtmp#34), FMLE before the result.
    fn fc_publish(&mut self, command: &Command) {
        self.answer(command, &[Value::Null, Value::Undefined]);
        let information = status("status", "NetStream.Publish.Start", "FCPublish.");
        self.send_command(0, "onFCPublish", 0.0, &[Value::Null, information.into()]);
    }

    fn fc_subscribe(&mut self, command: &Command) {
        self.answer(command, &[Value::Null, Value::Undefined]);
        let information = status("status", "NetStream.Play.Start", "FCSubscribe.");
        self.send_command(0, "onFCSubscribe", 0.0, &[Value::Null, information.into()]);
    }

    fn publish(&mut self, command: &Command) {
        let kind = match command.text(1) {
            "record" => PublishKind::Record,
            "append" => PublishKind::Append,
            _ => PublishKind::Live,
        };
        let busy = ("NetStream.Publish.BadName", "Already in use.");
        let Some((target, connect, ticket)) = self.ask(command, true, busy) else { return };
        self.events.push_back(Event::Publish(PublishRequest { target, kind, connect, ticket }));
    }

    fn play(&mut self, command: &Command) {
        let busy = ("NetStream.Play.Failed", "Already in use.");
        let Some((target, connect, ticket)) = self.ask(command, false, busy) else { return };
        let stream_id = command.stream_id;
        self.events.push_back(Event::Play(PlayRequest { target, stream_id, connect, ticket }));
    }

    /// Opens a request, unless the connection is in use already.
    fn ask(
        &mut self,
        command: &Command,
        publish: bool,
        (code, description): (&str, &str),
    ) -> Option<(Target, Arc<ConnectInfo>, Ticket)> {
        let connect = self.connect.clone()?;
        let stream_id = command.stream_id;
        if !matches!(self.phase, Phase::Commands { .. }) {
            self.send_status(stream_id, "error", code, description);
            return None;
        }
        self.tickets += 1;
        let ticket = self.tickets;
        let until = after(self.now, self.config.timeouts.decision);
        let asked = Asked { ticket, stream_id, publish };
        self.phase = Phase::Deciding { asked, until, stash: Vec::new() };
        Some((Target::parse(&connect.app, &connect.tc_url, command.text(0)), connect, Ticket(ticket)))
    }

    fn fc_unpublish(&mut self, command: &Command) {
        self.answer(command, &[Value::Null, Value::Undefined]);
        if matches!(self.phase, Phase::Publishing { .. }) {
            let information = status("status", "NetStream.Unpublish.Success", "FCUnpublish.");
            self.send_command(0, "onFCUnpublish", 0.0, &[Value::Null, information.into()]);
            self.finish();
        }
    }

    fn delete_stream(&mut self, command: &Command) {
        // An encoder that names none means the one it uses.
        let id = command.number(0).map(|id| id as u32);
        if let Some(id) = id {
            self.streams.delete(id);
        }
        self.answer(command, &[Value::Null, Value::Undefined]);
        if id.is_none_or(|id| self.active() == Some(id)) {
            self.finish();
        }
    }

    fn close_stream(&mut self, command: &Command) {
        self.answer(command, &[Value::Null, Value::Undefined]);
        if command.stream_id == 0 || self.active() == Some(command.stream_id) {
            self.finish();
        }
    }

    /// The message stream that is published or played.
    fn active(&self) -> Option<u32> {
        match self.phase {
            Phase::Publishing { stream_id, .. } | Phase::Playing { stream_id, .. } => Some(stream_id),
            _ => None,
        }
    }

    /// The peer ends what it published or played; before that there is nothing to end.
    fn finish(&mut self) {
        match self.phase {
            Phase::Publishing { stream_id, .. } => {
                self.send_status(stream_id, "status", "NetStream.Unpublish.Success", "Unpublished.");
            }
            Phase::Playing { stream_id, .. } => {
                self.link.send(Control::StreamEof(stream_id));
                self.send_status(stream_id, "status", "NetStream.Play.Stop", "Stopped.");
            }
            _ => return,
        }
        self.close(CloseReason::Finished);
    }

    fn pause(&mut self, command: &Command) {
        let Phase::Playing { stream_id, .. } = self.phase else { return };
        let paused = command.truth(0).unwrap_or(true);
        let (code, description) = match paused {
            true => ("NetStream.Pause.Notify", "Paused."),
            false => ("NetStream.Unpause.Notify", "Playing."),
        };
        self.send_status(stream_id, "status", code, description);
        self.events.push_back(Event::Pause(paused));
    }

    fn receive_kind(&mut self, command: &Command) {
        if let Phase::Playing { .. } = self.phase {
            let wanted = command.truth(0).unwrap_or(true);
            self.events.push_back(match command.name.as_str() {
                "receiveAudio" => Event::ReceiveAudio(wanted),
                _ => Event::ReceiveVideo(wanted),
            });
        }
    }

    /// A live stream has nowhere to seek to; the player is told so and goes on playing.
    fn seek(&mut self, command: &Command) {
        self.send_status(command.stream_id, "error", "NetStream.Seek.Failed", "This stream is live.");
    }

    fn answer(&mut self, command: &Command, values: &[Value]) {
        if command.wants_answer() {
            self.send_command(0, "_result", command.transaction, values);
        }
    }

    fn answer_error(&mut self, command: &Command, code: &str, description: &str) {
        let information: Object = status("error", code, description);
        self.send_command(0, "_error", command.transaction, &[Value::Null, information.into()]);
    }
}
