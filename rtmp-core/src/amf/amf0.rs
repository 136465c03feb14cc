//! Reading AMF0 (Adobe AMF 0, 2007).

use super::{Cursor, Error, Limits, Object, Value, amf3};

/// Reads the values of one message, one after the other.
///
/// ```
/// use rtmp_core::amf::{Decoder, Limits, Value};
/// let mut values = Decoder::new(&[0x01, 1], Limits::default());
/// assert_eq!(values.next_value().unwrap(), Some(Value::Boolean(true)));
/// assert_eq!(values.next_value().unwrap(), None);
/// ```
pub struct Decoder<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Decoder<'a> {
    /// A reader of one message's values; the limits hold for all of them together.
    pub fn new(message: &'a [u8], limits: Limits) -> Self {
        Self { cursor: Cursor::new(message, limits) }
    }

    /// The next value; `None` at the message's end.
    ///
    /// # Errors
    /// [`Error`] when the bytes are not AMF or go past a limit. Nothing after it can be read.
    pub fn next_value(&mut self) -> Result<Option<Value>, Error> {
        if self.cursor.is_empty() { Ok(None) } else { value(&mut self.cursor).map(Some) }
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.cursor.rest()
    }
}

/// Type markers, AMF 0 §2.1.
pub(super) mod marker {
    pub(crate) const NUMBER: u8 = 0x00;
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const STRING: u8 = 0x02;
    pub(crate) const OBJECT: u8 = 0x03;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const UNDEFINED: u8 = 0x06;
    pub(crate) const REFERENCE: u8 = 0x07;
    pub(crate) const ECMA_ARRAY: u8 = 0x08;
    pub(crate) const OBJECT_END: u8 = 0x09;
    pub(crate) const STRICT_ARRAY: u8 = 0x0a;
    pub(crate) const DATE: u8 = 0x0b;
    pub(crate) const LONG_STRING: u8 = 0x0c;
    pub(crate) const UNSUPPORTED: u8 = 0x0d;
    pub(crate) const XML_DOCUMENT: u8 = 0x0f;
    pub(crate) const TYPED_OBJECT: u8 = 0x10;
    pub(crate) const AVMPLUS: u8 = 0x11;
}

fn value(cursor: &mut Cursor<'_>) -> Result<Value, Error> {
    cursor.count_element()?;
    let offset = cursor.offset();
    Ok(match cursor.u8()? {
        marker::NUMBER => Value::Number(cursor.f64()?),
        marker::BOOLEAN => Value::Boolean(cursor.u8()? != 0),
        marker::STRING => Value::String(short_text(cursor)?),
        marker::LONG_STRING | marker::XML_DOCUMENT => {
            let len = cursor.u32()?;
            Value::String(cursor.text(len as usize)?)
        }
        marker::OBJECT => Value::Object(members(cursor)?),
        marker::TYPED_OBJECT => {
            short_text(cursor)?;
            Value::Object(members(cursor)?)
        }
        marker::ECMA_ARRAY => {
            // The count is a hint which some encoders leave at zero; the end marker ends the array.
            cursor.u32()?;
            Value::EcmaArray(members(cursor)?)
        }
        marker::STRICT_ARRAY => {
            let count = cursor.u32()?;
            Value::Array(elements(cursor, count)?)
        }
        marker::DATE => {
            let millis = cursor.f64()?;
            cursor.take(2)?;
            Value::Date(millis)
        }
        marker::NULL => Value::Null,
        marker::UNDEFINED | marker::UNSUPPORTED => Value::Undefined,
        marker::REFERENCE => {
            cursor.take(2)?;
            Value::Null
        }
        marker::AVMPLUS => amf3::value(cursor)?,
        marker => return Err(Error::Marker { version: 0, marker, offset }),
    })
}

/// Named values up to the end marker. Some encoders end the message instead of the object: what was read stands.
fn members(cursor: &mut Cursor<'_>) -> Result<Object, Error> {
    cursor.enter()?;
    let mut object = Object::new();
    while !cursor.is_empty() {
        let name = short_text(cursor)?;
        if name.is_empty() && cursor.rest().first() == Some(&marker::OBJECT_END) {
            cursor.take(1)?;
            break;
        }
        let value = value(cursor)?;
        object.push(name, value);
    }
    cursor.leave();
    Ok(object)
}

fn elements(cursor: &mut Cursor<'_>, count: u32) -> Result<Vec<Value>, Error> {
    cursor.enter()?;
    // Nothing is reserved by a count that a peer wrote.
    let mut values = Vec::new();
    for _ in 0..count {
        values.push(value(cursor)?);
    }
    cursor.leave();
    Ok(values)
}

fn short_text(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let len = cursor.u16()?;
    cursor.text(usize::from(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(message: &[u8]) -> Result<Value, Error> {
        Decoder::new(message, Limits::default()).next_value().map(|value| value.expect("not empty"))
    }

    #[test]
    fn every_type_a_peer_can_send_is_read() {
        assert_eq!(decode(&[0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]), Ok(Value::Number(1.0)));
        assert_eq!(decode(&[2, 0, 2, b'h', b'i']), Ok(Value::from("hi")));
        assert_eq!(decode(&[0x0c, 0, 0, 0, 1, b'x']), Ok(Value::from("x")));
        assert_eq!(decode(&[0x0f, 0, 0, 0, 1, b'x']), Ok(Value::from("x")));
        assert_eq!(decode(&[5]), Ok(Value::Null));
        assert_eq!(decode(&[6]), Ok(Value::Undefined));
        assert_eq!(decode(&[0x0d]), Ok(Value::Undefined));
        assert_eq!(decode(&[7, 0, 0]), Ok(Value::Null));
        assert_eq!(decode(&[0x0a, 0, 0, 0, 2, 1, 1, 5]), Ok(Value::Array(vec![true.into(), Value::Null])));
        assert_eq!(decode(&[0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Ok(Value::Date(0.0)));
        let object = Object::new().with("a", true);
        assert_eq!(decode(&[3, 0, 1, b'a', 1, 1, 0, 0, 9]), Ok(Value::Object(object.clone())));
        assert_eq!(decode(&[0x10, 0, 1, b'C', 0, 1, b'a', 1, 1, 0, 0, 9]), Ok(Value::Object(object.clone())));
        assert_eq!(decode(&[8, 0, 0, 0, 9, 0, 1, b'a', 1, 1, 0, 0, 9]), Ok(Value::EcmaArray(object)));
    }

    #[test]
    fn an_object_may_end_with_the_message() {
        let object = Object::new().with("a", true);
        assert_eq!(decode(&[8, 0, 0, 0, 1, 0, 1, b'a', 1, 1]), Ok(Value::EcmaArray(object)));
    }

    #[test]
    fn markers_that_no_peer_sends_are_refused() {
        for marker in [0x04, 0x09, 0x0e, 0x12, 0xff] {
            assert_eq!(decode(&[marker]), Err(Error::Marker { version: 0, marker, offset: 0 }));
        }
    }

    #[test]
    fn nesting_stops_at_the_limit() {
        let nested = |levels: usize| {
            let mut message = [3, 0, 1, b'a'].repeat(levels);
            message.push(5);
            message
        };
        assert!(decode(&nested(16)).is_ok());
        assert_eq!(decode(&nested(17)), Err(Error::Depth { limit: 16 }));
        assert_eq!(decode(&nested(5_000)), Err(Error::Depth { limit: 16 }));
    }

    #[test]
    fn a_count_reserves_nothing_and_elements_are_limited() {
        assert_eq!(decode(&[0x0a, 0xff, 0xff, 0xff, 0xff]), Err(Error::Truncated { offset: 5 }));
        let mut message = vec![0x0a, 0, 0xff, 0xff, 0xff];
        message.resize(10_000, 5);
        assert_eq!(decode(&message), Err(Error::Elements { limit: 8_192 }));
    }

    #[test]
    fn every_prefix_of_a_message_is_read_or_refused() {
        let whole = [8, 0, 0, 0, 1, 0, 1, b'a', 0x0a, 0, 0, 0, 1, 2, 0, 1, b'x', 0, 0, 9];
        assert!(decode(&whole).is_ok());
        for end in 1..whole.len() {
            let _ = decode(&whole[..end]);
        }
    }
}
