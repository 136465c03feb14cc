//! Media messages, in either direction.

use bytes::Bytes;

use crate::amf::{self, Decoder, Value};
use crate::command::values_of;
use crate::flv::TagKind;
use crate::message::{Message, MessageKind};

/// The tag that a media message carries; `None` for other messages and for what belongs to no track: empty messages, which some
/// encoders send to keep a connection alive, and what a server says to Flash players by script message.
pub(super) fn tag(message: Message) -> Option<(TagKind, Bytes)> {
    let (kind, body) = match message.header.kind {
        MessageKind::AUDIO => (TagKind::Audio, message.body),
        MessageKind::VIDEO => (TagKind::Video, message.body),
        MessageKind::DATA_AMF0 | MessageKind::DATA_AMF3 => {
            let body = values_of(&message)?;
            (TagKind::Script, (!is_players_own(&body)).then_some(body)?)
        }
        _ => return None,
    };
    (!body.is_empty()).then_some((kind, body))
}

/// Script messages that concern one connection to one server: whoever passes them on, as nginx-rtmp does, means nothing by it.
fn is_players_own(body: &[u8]) -> bool {
    match Decoder::new(body, amf::Limits::default()).next_value() {
        Ok(Some(Value::String(name))) => name == "|RtmpSampleAccess" || name == "onStatus",
        _ => false,
    }
}
