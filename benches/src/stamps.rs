//! Which message something received is, and when it was written.
//!
//! A receiver knows a message by the last 16 bytes of its payload: servers rewrite headers and timestamps and RTMP becomes CMAF, but
//! an access unit's last bytes stay what they are, and a fragment ends with those of its last frame.

use std::collections::HashMap;
use std::time::Instant;

/// The last bytes of a payload.
pub type Tail = [u8; 16];

/// The tail of a payload; shorter ones are padded in front.
pub fn tail_of(payload: &[u8]) -> Tail {
    let mut tail = Tail::default();
    push_tail(&mut tail, payload);
    tail
}

/// The tail after more payload.
pub fn push_tail(tail: &mut Tail, bytes: &[u8]) {
    let fresh = bytes.len().min(tail.len());
    tail.rotate_left(fresh);
    let from = bytes.iter().skip(bytes.len() - fresh);
    for (to, from) in tail.iter_mut().skip(16 - fresh).zip(from) {
        *to = *from;
    }
}

/// When each message was last written.
#[derive(Debug, Default)]
pub struct Stamps(HashMap<Tail, Instant>);

impl Stamps {
    /// It is being written now.
    pub fn wrote(&mut self, tail: Tail, now: Instant) {
        self.0.insert(tail, now);
    }

    /// When it was.
    pub fn of(&self, tail: &Tail) -> Option<Instant> {
        self.0.get(tail).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_does_not_depend_on_how_the_payload_arrives() {
        let payload: Vec<u8> = (0..100).collect();
        let mut tail = Tail::default();
        payload.chunks(7).for_each(|piece| push_tail(&mut tail, piece));
        assert_eq!(tail, tail_of(&payload));
        assert_eq!(tail.last(), Some(&99));
        assert_eq!(tail.first(), Some(&84));
        assert_eq!(tail_of(&[5]), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
    }
}
