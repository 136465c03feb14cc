//! What is read as AMF0 or AMF3 is within its limits, and written as AMF0 it reads back and is written the same again.

use bytes::BytesMut;
use rtmp_core::amf::{Decoder, Limits, Value};

use crate::script::Script;

/// AMF0's marker for an AMF3 value.
const AVMPLUS: u8 = 0x11;

/// The lowest bit of the first byte makes the rest AMF3.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let amf3 = script.flag();
    let wire = if amf3 { [&[AVMPLUS], script.rest()].concat() } else { script.rest().to_vec() };
    let values = read(&wire, Limits::default());
    let text: usize = values.iter().map(text_bytes).sum();
    assert!(text <= Limits::default().text_bytes as usize);

    let written = write(&values);
    // AMF3 arrays with names gain names for their dense part, so more values may be there than were read.
    let mut wide = Limits::default();
    (wide.elements, wide.text_bytes) = (u32::MAX, u32::MAX);
    let again = read(&written, wide);
    assert_eq!(again.len(), values.len());
    assert_eq!(write(&again), written);
}

fn read(wire: &[u8], limits: Limits) -> Vec<Value> {
    let mut decoder = Decoder::new(wire, limits);
    let mut values = Vec::new();
    while let Ok(Some(value)) = decoder.next_value() {
        values.push(value);
    }
    values
}

fn write(values: &[Value]) -> BytesMut {
    let mut out = BytesMut::new();
    values.iter().for_each(|value| value.encode(&mut out));
    out
}

/// Text and names; the names that a dense part gained are not text that was read.
fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(values) => values.iter().map(text_bytes).sum(),
        Value::Object(object) | Value::EcmaArray(object) => {
            object.iter().map(|(_, value)| text_bytes(value)).sum()
        }
        _ => 0,
    }
}
