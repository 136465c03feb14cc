//! Writing AMF0.

use bytes::{BufMut, BytesMut};

use super::amf0::marker;
use super::{Object, Value};

impl Value {
    /// Appends this value in AMF0. Bytes, which AMF0 has no type for, are written as undefined.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Number(number) => {
                out.put_u8(marker::NUMBER);
                out.put_f64(*number);
            }
            Self::Boolean(truth) => out.put_slice(&[marker::BOOLEAN, u8::from(*truth)]),
            Self::String(text) => encode_str(text, out),
            Self::Object(object) => {
                out.put_u8(marker::OBJECT);
                encode_members(object, out);
            }
            Self::EcmaArray(object) => {
                out.put_u8(marker::ECMA_ARRAY);
                out.put_u32(wire_len(members(object).count()));
                encode_members(object, out);
            }
            Self::Array(values) => {
                out.put_u8(marker::STRICT_ARRAY);
                out.put_u32(wire_len(values.len()));
                values.iter().for_each(|value| value.encode(out));
            }
            Self::Date(millis) => {
                out.put_u8(marker::DATE);
                out.put_f64(*millis);
                out.put_u16(0);
            }
            Self::Null => out.put_u8(marker::NULL),
            Self::Undefined | Self::Bytes(_) => out.put_u8(marker::UNDEFINED),
        }
    }
}

/// Appends text in AMF0, as a long string where it has more than 65,535 bytes.
pub fn encode_str(text: &str, out: &mut BytesMut) {
    match u16::try_from(text.len()) {
        Ok(len) => {
            out.put_u8(marker::STRING);
            out.put_u16(len);
        }
        Err(_) => {
            out.put_u8(marker::LONG_STRING);
            out.put_u32(wire_len(text.len()));
        }
    }
    out.put_slice(text.as_bytes());
}

/// The members that can be written: AMF0 has no name longer than 65,535 bytes, nor an empty one before the end.
fn members(object: &Object) -> impl Iterator<Item = (u16, &str, &Value)> {
    let named = object.iter().filter(|(name, _)| !name.is_empty());
    named.filter_map(|(name, value)| Some((u16::try_from(name.len()).ok()?, name, value)))
}

/// Members and the end marker.
fn encode_members(object: &Object, out: &mut BytesMut) {
    for (len, name, value) in members(object) {
        out.put_u16(len);
        out.put_slice(name.as_bytes());
        value.encode(out);
    }
    out.put_slice(&[0, 0, marker::OBJECT_END]);
}

fn wire_len(len: usize) -> u32 {
    u32::try_from(len).expect("no value of ours has four billion elements")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amf::{Decoder, Limits};

    #[test]
    fn long_text_takes_the_long_form() {
        for len in [65_535, 65_536] {
            let value = Value::String("x".repeat(len));
            let mut out = BytesMut::new();
            value.encode(&mut out);
            assert_eq!(out[0], if len == 65_535 { marker::STRING } else { marker::LONG_STRING });
            assert_eq!(Decoder::new(&out, Limits::default()).next_value(), Ok(Some(value)));
        }
    }

    #[test]
    fn an_ecma_array_counts_what_it_writes() {
        let mut out = BytesMut::new();
        Value::EcmaArray(Object::new().with("", true).with("a", true)).encode(&mut out);
        assert_eq!(&out[..], [8, 0, 0, 0, 1, 0, 1, b'a', 1, 1, 0, 0, 9]);
    }

    #[test]
    fn an_object_is_written_byte_by_byte_as_the_specification_has_it() {
        let mut out = BytesMut::new();
        Value::Object(Object::new().with("a", true)).encode(&mut out);
        assert_eq!(&out[..], [3, 0, 1, b'a', 1, 1, 0, 0, 9]);
    }
}
