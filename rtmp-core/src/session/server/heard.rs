//! When a publisher was heard of last.

use std::time::Instant;

/// So many bytes of a message that is under way count as hearing from a publisher. Twenty times as many come in ten seconds over an uplink of
/// 256 kbit/s, on which one picture may take longer than that; who sends less only keeps its place.
const ENOUGH_BYTES: usize = 16 * 1024;

/// What counts is a whole media message (audio, video or data, empty ones too: some encoders send them to stay connected), or a good
/// part of one. Acknowledgements, pings and commands do not: an encoder whose source is gone sends them for ever.
#[derive(Debug)]
pub(super) struct Heard {
    at: Instant,
    /// Since then.
    bytes: usize,
}

impl Heard {
    /// It was let in.
    pub(super) fn new(now: Instant) -> Self {
        Self { at: now, bytes: 0 }
    }

    /// Bytes came.
    pub(super) fn bytes(&mut self, now: Instant, len: usize) {
        self.bytes = self.bytes.saturating_add(len);
        if self.bytes >= ENOUGH_BYTES {
            self.media(now);
        }
    }

    /// A media message is whole.
    pub(super) fn media(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    /// When that was.
    pub(super) fn at(&self) -> Instant {
        self.at
    }
}
