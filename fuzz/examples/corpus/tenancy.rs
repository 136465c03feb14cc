//! Seeds of credentials: which one, whether it is the genuine one with changes, and the bytes or changes.

use std::io;

use crate::folder::Folder;

/// Credentials that the target knows.
const CREDENTIALS: u8 = 6;

const TEXTS: [&str; 8] = [
    "",
    "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJwdWxzZTphcGkifQ.AAAA",
    "eyJhbGciOiJub25lIn0.e30.",
    "a.b.c",
    "01h455vb4pex5vsknk084sn02q_00000000000000000000000000000000",
    "01h455vb4pex5vsknk084sn02q_",
    "pulse_secret_0000000000000000000000000000000000000000000000000000",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

/// Place and byte; the last lie behind most ends.
const CHANGES: [&[u8]; 5] =
    [&[], &[0, 0, b'A'], &[0, 40, b'B', 0, 41, b'.'], &[0xFF, 0xFF, 0], &[0, 90, b'=']];

pub fn write(folder: &mut Folder) -> io::Result<()> {
    for credential in 0..CREDENTIALS {
        for (number, text) in TEXTS.iter().enumerate() {
            folder
                .add(&format!("{credential}_text_{number}"), &[&[credential, 0], text.as_bytes()].concat())?;
        }
        for (number, changes) in CHANGES.iter().enumerate() {
            folder.add(&format!("{credential}_changed_{number}"), &[&[credential, 1], *changes].concat())?;
        }
    }
    Ok(())
}
