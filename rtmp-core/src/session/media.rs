//! Media messages, in either direction.

use bytes::Bytes;

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
    // An AMF0 string with its length.
    const NAMES: [&[u8]; 2] = [b"\x02\x00\x11|RtmpSampleAccess", b"\x02\x00\x08onStatus"];
    NAMES.iter().any(|name| body.starts_with(name))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::amf::encode_str;
    use crate::message::MessageHeader;

    #[test]
    fn what_a_server_says_to_its_players_is_no_media() {
        for (name, passed) in
            [("|RtmpSampleAccess", false), ("onStatus", false), ("onStatusX", true), ("onMetaData", true)]
        {
            let mut body = BytesMut::new();
            encode_str(name, &mut body);
            let header = MessageHeader { kind: MessageKind::DATA_AMF0, timestamp_ms: 0, stream_id: 1 };
            let found = tag(Message { header, body: body.freeze() });
            assert_eq!(found.is_some(), passed, "{name}");
        }
    }
}
