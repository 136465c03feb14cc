//! Seeds of session handles: whether the rest is text, changes to a handle's text or to its bytes, or what a handle is to say.

use std::io;

use crate::folder::Folder;

/// Characters of a handle.
const TEXT: usize = 88;

pub fn write(folder: &mut Folder) -> io::Result<()> {
    let texts = [
        String::new(),
        "-".to_owned(),
        "A".repeat(TEXT),
        "A".repeat(TEXT - 1),
        "=".repeat(TEXT),
        "ä".repeat(TEXT / 2),
    ];
    for (number, text) in texts.iter().enumerate() {
        folder.add(&format!("text_{number}"), &[&[0], text.as_bytes()].concat())?;
    }
    // Place and byte: nothing, the first, the format, an expiry, the last of the signature, one more and one less.
    let changes: [&[u8]; 7] = [
        &[],
        &[0, 0, b'B'],
        &[0, 0, 2],
        &[0, 16, b'_', 0, 17, b'-'],
        &[0, 65, 1, 0, 87, b'A'],
        &[0, TEXT as u8, b'A'],
        &[0, TEXT as u8, 0],
    ];
    for (number, changes) in changes.iter().enumerate() {
        folder.add(&format!("changed_text_{number}"), &[&[1], *changes].concat())?;
        folder.add(&format!("changed_bytes_{number}"), &[&[2], *changes].concat())?;
    }
    for (number, byte) in [0x00, 0x01, 0x7F, 0x80, 0xFF].into_iter().enumerate() {
        folder.add(&format!("said_{number}"), &[&[3][..], &[byte; 48]].concat())?;
    }
    Ok(())
}
