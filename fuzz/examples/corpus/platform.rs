//! Seeds of ids, times, URLs, exceptions, events and secrets.

use std::io;

use crate::folder::Folder;

/// The reader, by its number in the target, and what it reads.
const TEXTS: [(u8, &str); 33] = [
    (0, "evt_01h455vb4pex5vsknk084sn02q"),
    (0, "prj_01h455vb4pex5vsknk084sn02q"),
    (0, "evt_7zzzzzzzzzzzzzzzzzzzzzzzzz"),
    (0, "evt_8zzzzzzzzzzzzzzzzzzzzzzzzz"),
    (0, "a_b_00000000000000000000000000"),
    (1, "2026-11-21T14:42:00Z"),
    (1, "2026-11-21t14:42:00.123456789-23:59"),
    (1, "2016-12-31T23:59:60Z"),
    (1, "9999-12-31T23:59:59.999+00:00"),
    (1, "1970-01-01T00:00:00.0+00:01"),
    (2, "https://hooks.example.com/a?b=c"),
    (2, "http://127.0.0.1/"),
    (2, "http://0x7f.1/"),
    (2, "http://2130706433:8080/"),
    (2, "http://[::ffff:127.0.0.1]/"),
    (2, "http://[64:ff9b::10.0.0.1]/"),
    (2, "http:\\\\127.0.0.1"),
    (2, "rtmp://0177.0.0.1/live/key"),
    (2, "rtmp://live.example.com./app"),
    (2, "https://user:word@example.com/"),
    (2, "https://b\u{fc}cher.example:8443/"),
    (2, "http://\u{2460}\u{2461}\u{2466}.\u{24ea}.\u{24ea}.\u{2460}/"),
    (2, "http://%31%32%37.0.0.1/"),
    (3, "10.0.0.0/8"),
    (3, "::ffff:10.0.0.1"),
    (3, "fd00::/8"),
    (3, "hooks.internal."),
    (
        4,
        r#"{"id":"evt_01h455vb4pex5vsknk084sn02q","type":"stream.live","created_at":"2026-11-21T14:42:00Z","data":{"a":[1]}}"#,
    ),
    (
        4,
        r#"{"id":"evt_01h455vb4pex5vsknk084sn02q","type":"a","created_at":"2026-11-21T14:42:00Z","project_id":"prj_01h455vb4pex5vsknk084sn02q","data":null}"#,
    ),
    (5, "zw"),
    (5, "0000000000000000000000000000000000000000000000000000"),
    (5, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    (5, ""),
];

pub fn write(folder: &mut Folder) -> io::Result<()> {
    for (number, (reader, text)) in TEXTS.iter().enumerate() {
        folder.add(&format!("{number:02}"), &[&[*reader], text.as_bytes()].concat())?;
    }
    Ok(())
}
