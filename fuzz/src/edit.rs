//! Something genuine, with changes.

/// Applies changes of three bytes each: the place, and the byte to be there. Just behind the end an even byte cuts one off, an odd one is
/// added.
pub fn edit(genuine: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut bytes = genuine.to_vec();
    for change in changes.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([change[0], change[1]])) % (bytes.len() + 1);
        match bytes.get_mut(place) {
            Some(byte) => *byte = change[2],
            None if change[2] % 2 == 0 => drop(bytes.pop()),
            None => bytes.push(change[2]),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}
