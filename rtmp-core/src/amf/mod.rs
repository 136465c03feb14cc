//! Action Message Format: the values of commands and metadata.
//!
//! [`Decoder`] reads AMF0 and, behind its `avmplus` marker, AMF3; [`Value::encode`] writes AMF0, which is what RTMP peers
//! speak whatever they announce.

mod amf0;
mod amf3;
mod cursor;
mod encode;
mod object;

pub use amf0::Decoder;
pub use encode::encode_str;
pub use object::Object;

use cursor::Cursor;

/// A decoded value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A double; AMF3 integers too.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// Text; long strings, XML documents and AMF3 XML too. Bytes that were not UTF-8 became U+FFFD.
    String(String),
    /// Named values. The class name of a typed object is dropped.
    Object(Object),
    /// Named values as metadata has them. An AMF3 array with names becomes one, its dense part under "0", "1", ….
    EcmaArray(Object),
    /// A list.
    Array(Vec<Value>),
    /// A point in time: milliseconds since 1970.
    Date(f64),
    /// Uninterpreted bytes (AMF3 only).
    Bytes(Vec<u8>),
    /// Nothing; also what stands for a reference to an earlier object, which is not resolved: a few bytes of references
    /// could otherwise unfold into gigabytes.
    Null,
    /// Less than nothing.
    Undefined,
}

impl Value {
    /// The number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth value; numbers count as in ActionScript, for encoders that send 0 and 1.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(truth) => Some(*truth),
            Self::Number(number) => Some(*number != 0.0),
            _ => None,
        }
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The named values of an object or ECMA array: peers use one for the other (E-RTMP v2, "ECMA Array vs Object").
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) | Self::EcmaArray(object) => Some(object),
            _ => None,
        }
    }

    /// The elements of a list.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(values) => Some(values),
            _ => None,
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

/// What one message may make the decoder allocate. With the defaults, at most about 1 MiB, whatever the message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How deep objects and arrays may nest. Default 16; each level costs one stack frame.
    pub depth: u8,
    /// How many values and names a message may hold. Default 8,192, about 80 bytes each: metadata of recorded files lists
    /// its key frames.
    pub elements: u32,
    /// How many bytes of text a message may unfold to, repeated AMF3 string references counted each time. Default 256 KiB.
    pub text_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 16, elements: 8_192, text_bytes: 256 * 1024 }
    }
}

/// Why bytes are not AMF. Always the peer's fault; the same bytes will be refused again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The message ends inside a value.
    #[error("AMF value cut short at byte {offset}")]
    Truncated {
        /// Where in the message.
        offset: usize,
    },
    /// A type marker that no peer sends (movie clips, record sets) or that does not exist.
    #[error("AMF{version} marker {marker:#04x} at byte {offset} is not supported")]
    Marker {
        /// 0 or 3.
        version: u8,
        /// The marker.
        marker: u8,
        /// Where in the message.
        offset: usize,
    },
    /// Objects nest deeper than [`Limits::depth`].
    #[error("AMF nests deeper than {limit}")]
    Depth {
        /// The limit.
        limit: u8,
    },
    /// More values than [`Limits::elements`].
    #[error("AMF holds more than {limit} values")]
    Elements {
        /// The limit.
        limit: u32,
    },
    /// More text than [`Limits::text_bytes`].
    #[error("AMF unfolds to more than {limit} bytes of text")]
    Text {
        /// The limit.
        limit: u32,
    },
    /// An AMF3 reference to something that was not sent before.
    #[error("AMF3 reference {index} at byte {offset} leads nowhere")]
    Reference {
        /// The index referred to.
        index: usize,
        /// Where in the message.
        offset: usize,
    },
}
