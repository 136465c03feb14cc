//! Reading AMF3 (Adobe AMF 3, 2013), as it stands behind AMF0's `avmplus` marker.
//!
//! Each value has tables of its own: the switch to AMF3 ends with the value (E-RTMP v2, "Enabling AMF3 in RTMP").

use std::rc::Rc;

use super::{Cursor, Error, Object, Value};

/// Type markers, AMF 3 §3.1.
mod marker {
    pub(super) const UNDEFINED: u8 = 0x00;
    pub(super) const NULL: u8 = 0x01;
    pub(super) const FALSE: u8 = 0x02;
    pub(super) const TRUE: u8 = 0x03;
    pub(super) const INTEGER: u8 = 0x04;
    pub(super) const DOUBLE: u8 = 0x05;
    pub(super) const STRING: u8 = 0x06;
    pub(super) const XML_DOCUMENT: u8 = 0x07;
    pub(super) const DATE: u8 = 0x08;
    pub(super) const ARRAY: u8 = 0x09;
    pub(super) const OBJECT: u8 = 0x0a;
    pub(super) const XML: u8 = 0x0b;
    pub(super) const BYTE_ARRAY: u8 = 0x0c;
    pub(super) const VECTOR_INT: u8 = 0x0d;
    pub(super) const VECTOR_UINT: u8 = 0x0e;
    pub(super) const VECTOR_DOUBLE: u8 = 0x0f;
    pub(super) const VECTOR_OBJECT: u8 = 0x10;
    pub(super) const DICTIONARY: u8 = 0x11;
}

/// Reads one AMF3 value.
pub(super) fn value(cursor: &mut Cursor<'_>) -> Result<Value, Error> {
    Reader { cursor, strings: Vec::new(), traits: Vec::new() }.value()
}

/// What an object's class looks like: its sealed members, and whether more may follow.
struct Traits {
    names: Vec<String>,
    dynamic: bool,
}

/// The two tables that values are read back from. Earlier objects are not kept: see [`Value::Null`].
struct Reader<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    strings: Vec<String>,
    traits: Vec<Rc<Traits>>,
}

/// The number that precedes strings and objects: a length (with its flag bits) or a reference.
enum Head {
    Inline(usize),
    Reference,
}

impl Reader<'_, '_> {
    fn value(&mut self) -> Result<Value, Error> {
        self.cursor.count_element()?;
        let offset = self.cursor.offset();
        let marker = self.cursor.u8()?;
        Ok(match marker {
            marker::UNDEFINED => Value::Undefined,
            marker::NULL => Value::Null,
            marker::FALSE => Value::Boolean(false),
            marker::TRUE => Value::Boolean(true),
            marker::INTEGER => Value::Number(f64::from(self.integer()?)),
            marker::DOUBLE => Value::Number(self.cursor.f64()?),
            marker::STRING => Value::String(self.string()?),
            _ => match self.head()? {
                Head::Reference => Value::Null,
                Head::Inline(inline) => self.complex(marker, inline, offset)?,
            },
        })
    }

    /// A value of a type that could also have been a reference; `inline` is the number before it.
    fn complex(&mut self, marker: u8, inline: usize, offset: usize) -> Result<Value, Error> {
        self.cursor.enter()?;
        let value = match marker {
            marker::XML_DOCUMENT | marker::XML => Value::String(self.cursor.text(inline)?),
            marker::DATE => Value::Date(self.cursor.f64()?),
            marker::BYTE_ARRAY => {
                self.cursor.count_text(inline)?;
                Value::Bytes(self.cursor.take(inline)?.to_vec())
            }
            marker::ARRAY => self.array(inline)?,
            marker::OBJECT => self.object(inline, offset)?,
            marker::VECTOR_INT | marker::VECTOR_UINT | marker::VECTOR_DOUBLE => {
                self.numbers(marker, inline)?
            }
            marker::VECTOR_OBJECT => {
                self.cursor.u8()?;
                self.string()?;
                Value::Array(self.list(inline)?)
            }
            marker::DICTIONARY => self.dictionary(inline)?,
            _ => return Err(Error::Marker { version: 3, marker, offset }),
        };
        self.cursor.leave();
        Ok(value)
    }

    /// U29: up to four bytes of seven bits, the fourth of eight (AMF 3 §1.3.1).
    fn u29(&mut self) -> Result<u32, Error> {
        let mut number = 0;
        for _ in 0..3 {
            let byte = self.cursor.u8()?;
            number = number << 7 | u32::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Ok(number << 8 | u32::from(self.cursor.u8()?))
    }

    /// A U29 as a signed 29-bit number.
    fn integer(&mut self) -> Result<i32, Error> {
        let number = self.u29()?;
        Ok((number << 3).cast_signed() >> 3)
    }

    fn head(&mut self) -> Result<Head, Error> {
        let number = self.u29()?;
        Ok(if number & 1 == 0 { Head::Reference } else { Head::Inline((number >> 1) as usize) })
    }

    fn string(&mut self) -> Result<String, Error> {
        let offset = self.cursor.offset();
        let number = self.u29()?;
        let index = (number >> 1) as usize;
        if number & 1 == 0 {
            let text = self.strings.get(index).ok_or(Error::Reference { index, offset })?.clone();
            self.cursor.count_text(text.len())?;
            return Ok(text);
        }
        let text = self.cursor.text(index)?;
        if !text.is_empty() {
            self.cursor.count_element()?;
            self.cursor.count_text(text.len())?;
            self.strings.push(text.clone());
        }
        Ok(text)
    }

    fn list(&mut self, count: usize) -> Result<Vec<Value>, Error> {
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(self.value()?);
        }
        Ok(values)
    }

    /// Named values up to the empty name.
    fn members(&mut self, object: &mut Object) -> Result<(), Error> {
        loop {
            let name = self.string()?;
            if name.is_empty() {
                return Ok(());
            }
            let value = self.value()?;
            object.push(name, value);
        }
    }

    fn array(&mut self, count: usize) -> Result<Value, Error> {
        let mut object = Object::new();
        self.members(&mut object)?;
        let dense = self.list(count)?;
        if object.is_empty() {
            return Ok(Value::Array(dense));
        }
        for (index, value) in dense.into_iter().enumerate() {
            object.push(index.to_string(), value);
        }
        Ok(Value::EcmaArray(object))
    }

    fn object(&mut self, flags: usize, offset: usize) -> Result<Value, Error> {
        let traits = self.class(flags, offset)?;
        let mut object = Object::new();
        for name in &traits.names {
            self.cursor.count_text(name.len())?;
            let value = self.value()?;
            object.push(name.clone(), value);
        }
        if traits.dynamic {
            self.members(&mut object)?;
        }
        Ok(Value::Object(object))
    }

    /// The class of an object, from U29O-traits without its lowest bit (AMF 3 §3.12).
    fn class(&mut self, flags: usize, offset: usize) -> Result<Rc<Traits>, Error> {
        if flags & 1 == 0 {
            let index = flags >> 1;
            return self.traits.get(index).cloned().ok_or(Error::Reference { index, offset });
        }
        if flags & 2 != 0 {
            // An externalizable object is written by its class's own code: its end cannot be found.
            return Err(Error::Marker { version: 3, marker: marker::OBJECT, offset });
        }
        let (dynamic, count) = (flags & 4 != 0, flags >> 3);
        self.string()?;
        let mut names = Vec::new();
        for _ in 0..count {
            self.cursor.count_element()?;
            names.push(self.string()?);
        }
        let class = Rc::new(Traits { names, dynamic });
        self.cursor.count_element()?;
        self.traits.push(Rc::clone(&class));
        Ok(class)
    }

    fn numbers(&mut self, marker: u8, count: usize) -> Result<Value, Error> {
        self.cursor.u8()?;
        let mut values = Vec::new();
        for _ in 0..count {
            self.cursor.count_element()?;
            values.push(Value::Number(match marker {
                marker::VECTOR_INT => f64::from(self.cursor.u32()?.cast_signed()),
                marker::VECTOR_UINT => f64::from(self.cursor.u32()?),
                _ => self.cursor.f64()?,
            }));
        }
        Ok(Value::Array(values))
    }

    /// A dictionary's keys may be anything; those that are text name members, the rest are dropped.
    fn dictionary(&mut self, count: usize) -> Result<Value, Error> {
        self.cursor.u8()?;
        let mut object = Object::new();
        for _ in 0..count {
            let key = self.value()?;
            let value = self.value()?;
            if let Value::String(name) = key {
                object.push(name, value);
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use crate::amf::{Decoder, Error, Limits, Object, Value};

    fn decode(value: &[u8]) -> Result<Value, Error> {
        let message = [&[0x11], value].concat();
        Decoder::new(&message, Limits::default()).next_value().map(|value| value.expect("not empty"))
    }

    #[test]
    fn scalars_are_read() {
        assert_eq!(decode(&[0x04, 0x7f]), Ok(Value::Number(127.0)));
        assert_eq!(decode(&[0x04, 0xff, 0xff, 0xff, 0xff]), Ok(Value::Number(-1.0)));
        assert_eq!(decode(&[0x04, 0x81, 0x00]), Ok(Value::Number(128.0)));
        assert_eq!(decode(&[0x03]), Ok(Value::Boolean(true)));
        assert_eq!(decode(&[0x06, 0x05, b'h', b'i']), Ok(Value::from("hi")));
        assert_eq!(decode(&[0x08, 0x01, 0, 0, 0, 0, 0, 0, 0, 0]), Ok(Value::Date(0.0)));
        assert_eq!(decode(&[0x0c, 0x05, 1, 2]), Ok(Value::Bytes(vec![1, 2])));
        assert_eq!(
            decode(&[0x0d, 0x03, 0, 0xff, 0xff, 0xff, 0xff]),
            Ok(Value::Array(vec![Value::Number(-1.0)]))
        );
    }

    #[test]
    fn classes_and_strings_are_referred_to() {
        // An array of two objects of one class with the member "a", whose second value repeats the string "hi".
        let message = [
            0x09, 0x05, 0x01, // two dense elements, no names
            0x0a, 0x13, 0x01, 0x03, b'a', 0x06, 0x05, b'h', b'i', // class with one sealed member
            0x0a, 0x01, 0x06, 0x02, // the same class; the second string
        ];
        let object = Value::Object(Object::new().with("a", "hi"));
        assert_eq!(decode(&message), Ok(Value::Array(vec![object.clone(), object])));
    }

    #[test]
    fn a_dynamic_object_reads_like_a_connect_command() {
        let message = [0x0a, 0x0b, 0x01, 0x07, b'a', b'p', b'p', 0x06, 0x05, b'h', b'i', 0x01];
        assert_eq!(decode(&message), Ok(Value::Object(Object::new().with("app", "hi"))));
    }

    #[test]
    fn references_to_nothing_and_unknown_classes_are_refused() {
        assert_eq!(decode(&[0x06, 0x02]), Err(Error::Reference { index: 1, offset: 2 }));
        assert!(matches!(decode(&[0x0a, 0x07, 0x03, b'C']), Err(Error::Marker { version: 3, .. })));
        assert!(matches!(decode(&[0x0a, 0x05]), Err(Error::Reference { index: 1, .. })));
    }

    #[test]
    fn repeated_string_references_cannot_unfold_without_bound() {
        let mut message = vec![0x09, 0xff, 0xff, 0x01, 0x01, 0x06, 0x82, 0xc4, 0x61];
        message.resize(message.len() + 20_784, b'x');
        for _ in 0..8_000 {
            message.extend([0x06, 0x00]);
        }
        assert_eq!(decode(&message), Err(Error::Text { limit: 256 * 1024 }));
    }

    #[test]
    fn nesting_and_counts_are_limited() {
        assert_eq!(decode(&[0x09, 0x03, 0x01].repeat(5_000)), Err(Error::Depth { limit: 16 }));
        assert!(matches!(decode(&[0x09, 0xff, 0xff, 0xff, 0xff, 0x01]), Err(Error::Truncated { .. })));
    }
}
