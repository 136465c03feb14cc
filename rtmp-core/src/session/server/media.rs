//! What a publisher sends once it was let in.

use super::super::ProtocolError;
use super::{Event, Phase, ServerSession};
use crate::aggregate::Parts;
use crate::command::{Command, values_of};
use crate::flv::{Media, TagKind};
use crate::message::{Message, MessageKind};

impl ServerSession {
    pub(super) fn receive(&mut self, message: Message) -> Result<(), ProtocolError> {
        match message.header.kind {
            MessageKind::COMMAND_AMF0 | MessageKind::COMMAND_AMF3 => {
                let command = Command::parse(&message, self.config.limits.amf);
                self.command(command)?;
            }
            MessageKind::AGGREGATE => Parts::new(message).for_each(|part| self.media(part)),
            _ => self.media(message),
        }
        Ok(())
    }

    /// Media on whatever message stream: one is published on a connection, and some encoders get its id wrong. From anybody
    /// else media mean nothing.
    fn media(&mut self, message: Message) {
        let Phase::Publishing { demuxer, .. } = &mut self.phase else { return };
        let (kind, body) = match message.header.kind {
            MessageKind::AUDIO => (TagKind::Audio, Some(message.body.clone())),
            MessageKind::VIDEO => (TagKind::Video, Some(message.body.clone())),
            MessageKind::DATA_AMF0 | MessageKind::DATA_AMF3 => (TagKind::Script, values_of(&message)),
            _ => return,
        };
        // Empty messages are a keep-alive of some encoders.
        let Some(body) = body.filter(|body| !body.is_empty()) else { return };
        drop(message.body);
        let events = &mut self.events;
        for media in demuxer.push(kind, message.header.timestamp_ms, body) {
            events.push_back(match media {
                Media::Track(track) => Event::Track(track),
                Media::Frame(frame) => Event::Frame(frame),
                Media::Metadata(metadata) => Event::Metadata(metadata),
                Media::Ignored { why } => Event::Ignored(why),
            });
        }
    }
}
