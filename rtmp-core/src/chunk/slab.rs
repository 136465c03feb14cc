//! Memory for the bodies of media messages, several to an allocation.
//!
//! A publisher sends some 70 messages a second, which all live until the stream's ring has passed them. Allocated one by one, in all
//! sizes, they cost more than copying them.

use bytes::BytesMut;

/// What is allocated at once. A retained message may keep this much alive.
const SLAB_BYTES: usize = 32 * 1024;
/// Longer messages get an allocation of their own.
const LONGEST: usize = SLAB_BYTES / 2;
/// Messages after a discarded one that get allocations of their own.
const PENANCE: u8 = 64;

/// Hands out buffers.
#[derive(Debug)]
pub(super) struct Slab {
    rest: BytesMut,
    /// Messages that still get allocations of their own; `None` for all.
    alone: Option<u8>,
}

impl Slab {
    /// One that allocates every buffer by itself, which is what a peer who sends no media should get.
    pub(super) fn off() -> Self {
        Self { rest: BytesMut::new(), alone: None }
    }

    /// Shares allocations from here on.
    pub(super) fn turn_on(&mut self) {
        self.alone.get_or_insert(0);
    }

    /// The last message was not kept. Among kept ones it would hold memory that nobody counts, so a peer who sends many such gets no
    /// shared allocations.
    pub(super) fn discarded(&mut self) {
        if let Some(alone) = &mut self.alone {
            *alone = PENANCE;
            self.rest = BytesMut::new();
        }
    }

    /// An empty buffer for `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> BytesMut {
        match &mut self.alone {
            Some(0) if len <= LONGEST => {}
            alone => {
                *alone = alone.map(|left| left.saturating_sub(1));
                return BytesMut::with_capacity(len);
            }
        }
        if self.rest.capacity() < len {
            self.rest = BytesMut::with_capacity(SLAB_BYTES);
        }
        let rest = self.rest.split_off(len);
        std::mem::replace(&mut self.rest, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a buffer is, to see which share an allocation.
    fn at(buffer: &BytesMut) -> usize {
        buffer.as_ptr() as usize
    }

    #[test]
    fn buffers_lie_side_by_side_and_have_their_exact_size() {
        let mut slab = Slab::off();
        slab.turn_on();
        let (one, two) = (slab.take(100), slab.take(5_000));
        assert_eq!((one.capacity(), two.capacity()), (100, 5_000));
        assert_eq!(at(&one) + 100, at(&two));
        let long = slab.take(LONGEST + 1);
        assert!(long.capacity() > LONGEST);
        assert_eq!(at(&slab.take(1)), at(&two) + 5_000, "a long one does not end the slab");
    }

    #[test]
    fn nothing_is_shared_unless_it_is_asked_for() {
        let mut slab = Slab::off();
        slab.discarded();
        assert_eq!(slab.take(10).capacity(), 10);
        assert_eq!(slab.rest.capacity(), 0);
    }

    #[test]
    fn a_peer_whose_messages_are_discarded_shares_nothing_for_a_while() {
        let mut slab = Slab::off();
        slab.turn_on();
        slab.take(100);
        slab.discarded();
        for _ in 0..PENANCE {
            assert_eq!(slab.rest.capacity(), 0, "the rest was given back");
            slab.take(100);
        }
        slab.take(100);
        assert_eq!(slab.rest.capacity(), SLAB_BYTES - 100);
    }
}
