//! About how many bytes of memory take what is kept, each with its entry.

use std::mem::size_of;

use serde_json::Value;

use crate::api_key::KnownKey;
use crate::principal::UserPrincipal;
use crate::stream::Stream;
use crate::token::Minter;

/// Bytes that an entry takes beside its value, in the maps and on the heap.
const ENTRY: usize = 256;
/// Bytes that a piece of text or a node of a tree takes beside what is in it.
const PIECE: usize = 48;

/// Of an API key.
pub(super) fn of_key(key: &KnownKey) -> usize {
    ENTRY + size_of::<KnownKey>() + key.heap_bytes()
}

/// Of a login.
pub(super) fn of_login(_: &UserPrincipal) -> usize {
    ENTRY + size_of::<UserPrincipal>()
}

/// Of what mints tokens: with the header's texts and the key, Ed25519's as PKCS #8.
pub(super) fn of_minter(_: &Minter) -> usize {
    ENTRY + size_of::<Minter>() + 512
}

/// Of a stream.
pub(super) fn of_stream(stream: &Stream) -> usize {
    let texts = stream.name.len() + stream.name_key.len() + stream.description.len();
    let labels: usize = stream.labels.0.iter().map(|(key, value)| 2 * PIECE + key.len() + value.len()).sum();
    let metadata: usize =
        stream.metadata.0.iter().map(|(key, value)| PIECE + key.len() + of_value(value)).sum();
    ENTRY + size_of::<Stream>() + texts + labels + metadata
}

/// What a JSON value takes: a list of single digits a good deal more than its text.
fn of_value(value: &Value) -> usize {
    let within: usize = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(of_value).sum(),
        Value::Object(members) => {
            members.iter().map(|(key, value)| PIECE + key.len() + of_value(value)).sum()
        }
    };
    PIECE + within
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_digits_weighs_more_than_its_text() {
        let digits = Value::Array(vec![Value::from(0); 4_000]);
        assert!(of_value(&digits) > 4_000 * size_of::<Value>());
        assert!(of_value(&Value::from("x".repeat(8_000))) < 9_000);
    }
}
