//! What a publisher sends once it was let in.

use super::super::ProtocolError;
use super::super::media::tag;
use super::{Event, Phase, ServerSession};
use crate::aggregate::Parts;
use crate::command::Command;
use crate::flv::Media;
use crate::message::{Message, MessageKind};

/// Messages that say that somebody publishes.
const MEDIA: [MessageKind; 5] = [
    MessageKind::AUDIO,
    MessageKind::VIDEO,
    MessageKind::DATA_AMF0,
    MessageKind::DATA_AMF3,
    MessageKind::AGGREGATE,
];

impl ServerSession {
    pub(super) fn receive(&mut self, message: Message) -> Result<(), ProtocolError> {
        if let Phase::Publishing { heard, .. } = &mut self.phase
            && MEDIA.contains(&message.header.kind)
        {
            heard.media(self.now);
        }
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
        let timestamp_ms = message.header.timestamp_ms;
        let Some((kind, body)) = tag(message) else { return };
        let events = &mut self.events;
        for media in demuxer.push(kind, timestamp_ms, body) {
            events.push_back(match media {
                Media::Track(track) => Event::Track(track),
                Media::Frame(frame) => Event::Frame(frame),
                Media::Metadata(metadata) => Event::Metadata(metadata),
                Media::Ignored { why } => {
                    self.link.discarded();
                    Event::Ignored(why)
                }
            });
        }
    }
}
