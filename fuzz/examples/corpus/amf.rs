//! Seeds of AMF.

use std::io;

use rtmp_core::chunk::{Limits, Reader};
use rtmp_core::message::MessageKind;

use crate::chunks::HANDSHAKE_BYTES;
use crate::folder::Folder;
use crate::recorded::Recording;

pub fn write(folder: &mut Folder, recordings: &[Recording]) -> io::Result<()> {
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for recording in recordings {
        let mut reader = Reader::new(Limits::default());
        let mut wire = &recording.rtmp[HANDSHAKE_BYTES..];
        while let Ok(Some(message)) = reader.read(&mut wire) {
            let body = message.body.to_vec();
            if matches!(message.header.kind, MessageKind::COMMAND_AMF0 | MessageKind::DATA_AMF0)
                && !seen.contains(&body)
            {
                folder.add(&format!("{}_{}", recording.name, seen.len()), &[&[0], &body[..]].concat())?;
                seen.push(body);
            }
        }
    }
    for (name, amf3, wire) in by_hand() {
        folder.add(name, &[&[u8::from(amf3)], &wire[..]].concat())?;
    }
    Ok(())
}

fn by_hand() -> Vec<(&'static str, bool, Vec<u8>)> {
    let nested = |depth: usize| [[3, 0, 1, b'a'].repeat(depth), vec![5], [0, 0, 9].repeat(depth)].concat();
    let named = |marker: u8, rest: &[u8]| [&[marker], rest].concat();
    vec![
        ("depth_15", false, nested(15)),
        ("depth_17", false, nested(17)),
        ("strict_array_that_lies", false, vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0, 1]),
        ("ecma_array_that_lies", false, vec![0x08, 0xff, 0xff, 0xff, 0xff, 0, 1, b'a', 1, 1, 0, 0, 9]),
        ("trap_9_strict_array", false, vec![0x0a, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, b'x']),
        ("long_string", false, [&[0x0c, 0, 0, 0, 5][..], b"hello"].concat()),
        ("long_string_that_lies", false, vec![0x0c, 0xff, 0xff, 0xff, 0xff, b'x']),
        ("typed_object", false, vec![0x10, 0, 1, b'C', 0, 1, b'a', 6, 0, 0, 9]),
        ("date", false, vec![0x0b, 0x42, 0x77, 0, 0, 0, 0, 0, 0, 0, 60]),
        ("reference", false, vec![3, 0, 1, b'a', 7, 0, 0, 0, 0, 9]),
        ("not_utf8", false, vec![2, 0, 2, 0xff, 0xfe]),
        ("unsupported", false, vec![0x0d, 0x0e]),
        ("object_without_end", false, vec![3, 0, 1, b'a', 1, 1]),
        ("amf3_integer", true, vec![4, 0xff, 0xff, 0xff, 0xff]),
        ("amf3_string_and_reference", true, vec![9, 5, 1, 6, 3, b'x', 6, 0]),
        ("amf3_reference_nowhere", true, vec![6, 0x7e]),
        ("amf3_object", true, named(0x0a, &[0x13, 1, 3, b'a', 4, 1])),
        ("amf3_dynamic_object", true, named(0x0a, &[0x0b, 1, 3, b'a', 4, 1, 1])),
        ("amf3_externalizable", true, named(0x0a, &[0x07, 3, b'E', 1])),
        ("amf3_array_with_names", true, vec![9, 3, 3, b'a', 4, 1, 1, 4, 2]),
        ("amf3_array_that_lies", true, vec![9, 0xff, 0xff, 0xff, 0xff, 1]),
        ("amf3_vector", true, vec![0x0d, 5, 0, 0, 0, 0, 1, 0, 0, 0, 2]),
        ("amf3_dictionary", true, vec![0x11, 3, 0, 6, 3, b'k', 4, 1]),
        ("amf3_bytes", true, vec![0x0c, 7, 1, 2, 3]),
        ("amf3_date", true, vec![8, 1, 0x42, 0x77, 0, 0, 0, 0, 0, 0]),
        ("amf3_traits_that_lie", true, named(0x0a, &[0xff, 0xff, 0xff, 0xf3, 1])),
    ]
}
