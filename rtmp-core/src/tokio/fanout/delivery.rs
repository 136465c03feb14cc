//! One player's place in a fan-out, as the rest of its connection sees it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::tokio::sync::oneshot;
use bytes::Bytes;

use super::player::Player;
use super::shared::Shared;

/// Bytes that a player's session may have waiting between media messages. A player that makes it answer more while reading nothing is
/// dropped. Default 64 KiB.
pub const MAX_QUEUED_BYTES: usize = 64 * 1024;

/// Why a player gets nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum End {
    /// The stream has ended; everything was written. [`Delivery::send`] still works, until [`Delivery::finish`].
    #[error("the stream ended")]
    StreamEnded,
    /// The stream goes on in codecs that the player did not announce, or that its wire form does not carry. Everything before was
    /// written, and [`Delivery::send`] still works, until [`Delivery::finish`].
    #[error("the stream's codecs changed to others than this player can be sent; it has to connect again")]
    CodecsChanged,
    /// [`Delivery::finish`] was called, and everything was written.
    #[error("finished")]
    Finished,
    /// It took no byte for [`Config::max_stall`](super::Config::max_stall).
    #[error("the player's connection took nothing for too long")]
    Stalled,
    /// It read so slowly that it fell off the ring [`Config::max_falls`](super::Config::max_falls) times.
    #[error("the player fell behind too far, too often")]
    TooSlow,
    /// It has more than [`MAX_QUEUED_BYTES`] of its session's answers to read.
    #[error("the player makes the server talk and does not listen")]
    Overflow,
    /// Its connection failed.
    #[error("the player's connection failed: {0}")]
    Io(io::ErrorKind),
    /// The fan-out's task is gone: the runtime shuts down.
    #[error("the fan-out is gone")]
    Gone,
}

/// A message to a shard: for which place, and which of the players that had it in turn.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) place: u32,
    pub(super) serial: u64,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Attach(Box<Player>),
    Send(Bytes),
    Paused(bool),
    Audio(bool),
    Video(bool),
    Finish,
    Forget,
}

/// The handle of a player that a fan-out writes to. Dropping it drops the writing half at once.
#[derive(Debug)]
pub struct Delivery {
    pub(super) shared: Arc<Shared>,
    pub(super) slot: usize,
    pub(super) place: u32,
    pub(super) serial: u64,
    pub(super) queued: Arc<AtomicUsize>,
    pub(super) end: oneshot::Receiver<End>,
    pub(super) finished: oneshot::Receiver<()>,
}

impl Delivery {
    /// Writes bytes of the session's own (whole messages: answers, pings) between two media messages, soon.
    pub fn send(&self, bytes: Bytes) {
        self.queued.fetch_add(bytes.len(), Ordering::Relaxed);
        // What is too much is not passed on: the shard sees the count.
        let fits = self.queued.load(Ordering::Relaxed) <= MAX_QUEUED_BYTES;
        self.tell(What::Send(if fits { bytes } else { Bytes::new() }));
    }

    /// Holds the media back, or goes on: where it stopped, or at the newest key frame if that is later.
    pub fn pause(&self, paused: bool) {
        self.tell(What::Paused(paused));
    }

    /// Leaves audio messages out, or not.
    pub fn receive_audio(&self, receive: bool) {
        self.tell(What::Audio(receive));
    }

    /// Leaves video messages out, or not; they begin again with a key frame.
    pub fn receive_video(&self, receive: bool) {
        self.tell(What::Video(receive));
    }

    /// Waits until nothing more comes of the stream. Cancel-safe; to be awaited once.
    pub async fn ended(&mut self) -> End {
        (&mut self.end).await.unwrap_or(End::Gone)
    }

    /// Writes what was given to [`Delivery::send`], but no more media, shuts the writing half down and waits for it to be done. To be
    /// bounded by a time-out.
    pub async fn finish(mut self) {
        self.tell(What::Finish);
        // An error means that it is over already.
        let _ = (&mut self.finished).await;
    }

    fn tell(&self, what: What) {
        self.shared.tell(self.slot, Command { place: self.place, serial: self.serial, what });
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.tell(What::Forget);
    }
}
