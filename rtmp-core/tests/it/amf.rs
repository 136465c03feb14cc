//! AMF0 values survive the wire; anything else is refused without harm.

use bytes::BytesMut;
use proptest::prelude::*;
use rtmp_core::amf::{Decoder, Limits, Object, Value};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<f64>().prop_filter("NaN equals nothing", |number| !number.is_nan()).prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        ".{0,40}".prop_map(Value::String),
        (-1e12..1e12).prop_map(Value::Date),
        Just(Value::Null),
        Just(Value::Undefined),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        let object = prop::collection::vec((".{1,12}", inner.clone()), 0..8).prop_map(|members| {
            let mut object = Object::new();
            members.into_iter().for_each(|(name, value)| object.push(name, value));
            object
        });
        prop_oneof![
            prop::collection::vec(inner, 0..8).prop_map(Value::Array),
            object.clone().prop_map(Value::Object),
            object.prop_map(Value::EcmaArray),
        ]
    })
}

proptest! {
    #[test]
    fn values_survive_the_wire(values in prop::collection::vec(value(), 0..5)) {
        let mut bytes = BytesMut::new();
        values.iter().for_each(|value| value.encode(&mut bytes));
        let mut decoder = Decoder::new(&bytes, Limits::default());
        for value in values {
            prop_assert_eq!(decoder.next_value(), Ok(Some(value)));
        }
        prop_assert_eq!(decoder.next_value(), Ok(None));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2_000), amf3: bool) {
        let bytes = if amf3 { [&[0x11][..], &bytes].concat() } else { bytes };
        let mut decoder = Decoder::new(&bytes, Limits::default());
        while let Ok(Some(_)) = decoder.next_value() {}
    }

    #[test]
    fn mutated_values_are_read_or_refused(value in value(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = BytesMut::new();
        value.encode(&mut bytes);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let mut decoder = Decoder::new(&bytes, Limits::default());
        while let Ok(Some(_)) = decoder.next_value() {}
    }
}
