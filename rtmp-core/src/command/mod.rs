//! Commands: remote procedure calls in AMF (Adobe RTMP §7.2).

mod connect;

use bytes::{Bytes, BytesMut};

use crate::amf::{self, Decoder, Object, Value};
use crate::message::{Message, MessageKind};

pub use connect::ConnectInfo;
pub(crate) use connect::bounded;

/// A command as a peer sent it.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) name: String,
    /// Answers repeat it; 0 asks for none.
    pub(crate) transaction: f64,
    /// The value after it: an object with `connect` and results, else null.
    pub(crate) object: Value,
    pub(crate) arguments: Vec<Value>,
    /// The message stream it was sent on.
    pub(crate) stream_id: u32,
}

impl Command {
    /// Reads a command. Encoders send fewer values than they should, or garbage after them: what can be read counts. `None`
    /// when not even the name can be.
    pub(crate) fn parse(message: &Message, limits: amf::Limits) -> Option<Self> {
        let body = values_of(message)?;
        let mut values = Decoder::new(&body, limits);
        let mut next = || values.next_value().ok().flatten();
        let Value::String(name) = next()? else { return None };
        let transaction = next().and_then(|value| value.as_number()).unwrap_or(0.0);
        let object = next().unwrap_or(Value::Null);
        let mut arguments = Vec::new();
        while let Some(argument) = next() {
            arguments.push(argument);
        }
        Some(Self { name, transaction, object, arguments, stream_id: message.header.stream_id })
    }

    pub(crate) fn text(&self, argument: usize) -> &str {
        self.arguments.get(argument).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn number(&self, argument: usize) -> Option<f64> {
        self.arguments.get(argument).and_then(Value::as_number)
    }

    pub(crate) fn truth(&self, argument: usize) -> Option<bool> {
        self.arguments.get(argument).and_then(Value::as_bool)
    }

    /// The information object of an answer or status: its first argument that is an object.
    pub(crate) fn information(&self) -> Option<&Object> {
        self.arguments.iter().find_map(Value::as_object)
    }

    pub(crate) fn wants_answer(&self) -> bool {
        self.transaction != 0.0
    }
}

/// The AMF0 values of a command or script message. The AMF3 types begin with a byte that says that AMF0 follows, where
/// AMF3 values have a marker each (E-RTMP v2, "Enabling AMF3 in RTMP"); some encoders leave it out.
pub(crate) fn values_of(message: &Message) -> Option<Bytes> {
    let body = &message.body;
    let amf3 = matches!(message.header.kind, MessageKind::COMMAND_AMF3 | MessageKind::DATA_AMF3);
    let skip = usize::from(amf3 && body.first() == Some(&0));
    (body.len() > skip).then(|| body.slice(skip..))
}

/// The body of a command of ours.
pub(crate) fn encode(name: &str, transaction: f64, values: &[Value]) -> BytesMut {
    let mut out = BytesMut::with_capacity(256);
    amf::encode_str(name, &mut out);
    Value::Number(transaction).encode(&mut out);
    values.iter().for_each(|value| value.encode(&mut out));
    out
}

/// The information object of `onStatus` and of results.
pub(crate) fn status(level: &str, code: &str, description: &str) -> Object {
    Object::new().with("level", level).with("code", code).with("description", description)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageHeader;

    fn parse(kind: MessageKind, body: &[u8]) -> Option<Command> {
        let header = MessageHeader { kind, timestamp_ms: 0, stream_id: 0 };
        Command::parse(&Message { header, body: Bytes::copy_from_slice(body) }, amf::Limits::default())
    }

    #[test]
    fn trap_17_amf3_commands_come_with_and_without_their_first_byte() {
        let body = encode("createStream", 2.0, &[Value::Null]);
        for body in [&body[..], &[&[0], &body[..]].concat()] {
            let command = parse(MessageKind::COMMAND_AMF3, body).expect("a command");
            assert_eq!((command.name.as_str(), command.transaction), ("createStream", 2.0));
        }
    }

    #[test]
    fn a_command_cut_short_keeps_what_it_has() {
        let body = encode("publish", 5.0, &[Value::Null, "key".into()]);
        assert_eq!(parse(MessageKind::COMMAND_AMF0, &body).expect("whole").text(0), "key");
        for end in 0..body.len() {
            let command = parse(MessageKind::COMMAND_AMF0, &body[..end]);
            assert_eq!(command.is_some(), end >= 10, "{end}");
        }
    }
}
