//! The task that turns a broadcast's frames into batches of wire bytes.

use std::sync::Arc;
use std::time::Duration;

use ::tokio::time::{Instant, sleep, timeout_at};
use media_core::broadcast::{Broadcast, Received, Subscriber};

use super::shared::{Shared, State};
use super::wire::{Batch, Builder};

/// Messages taken from the broadcast under one lock.
const MAX_TAKEN: usize = 256;
/// In low-latency mode, how long sound waits for a picture to ride along with.
const MAX_RIDE: Duration = Duration::from_millis(50);
/// How long (of media) a stream may go without a key frame in the ring before somebody who comes may begin anywhere: streams with
/// intra refresh have none. As [`media_core::broadcast::Config::max_key_wait`].
const MAX_KEY_WAIT_MS: i64 = 3_000;

/// Why a driver stopped following the broadcast.
enum Stop {
    Ended,
    Unwanted,
    Closed,
}

/// Follows the broadcast whenever there is an audience, until the stream ends.
pub(super) async fn run(shared: Arc<Shared>, broadcast: Broadcast) {
    loop {
        while !shared.is_wanted() {
            if shared.lock().closed {
                return;
            }
            shared.wanted.notified().await;
        }
        let subscriber =
            if shared.config.gop_cache { broadcast.subscribe() } else { broadcast.subscribe_live() };
        let driver = Driver::new(&shared, subscriber);
        match driver.follow().await {
            Stop::Ended => return shared.announce(|state| state.ended = true),
            Stop::Closed => return,
            Stop::Unwanted => shared.announce(State::forget),
        }
    }
}

struct Driver<'a> {
    shared: &'a Shared,
    subscriber: Subscriber,
    builder: Builder,
    received: Vec<Received>,
    batches: Vec<Batch>,
    /// Media time at which the ring last held an entry point.
    entry_ms: Option<i64>,
    unwanted_since: Option<Instant>,
    ended: bool,
}

impl<'a> Driver<'a> {
    fn new(shared: &'a Shared, subscriber: Subscriber) -> Self {
        Self {
            shared,
            subscriber,
            builder: Builder::new(shared.wire),
            received: Vec::new(),
            batches: Vec::new(),
            entry_ms: None,
            unwanted_since: None,
            ended: false,
        }
    }

    async fn follow(mut self) -> Stop {
        let tick = self.shared.config.batch;
        loop {
            if tick.is_zero() {
                self.take_picture().await;
            } else {
                self.take_some().await;
            }
            self.take_rest();
            self.flush();
            if self.ended {
                return Stop::Ended;
            }
            if let Some(stop) = self.superfluous() {
                return stop;
            }
            if !tick.is_zero() {
                // Nothing wakes this task meanwhile: it takes all frames of a tick at once.
                sleep(tick).await;
            }
        }
    }

    /// Waits for anything.
    async fn take_some(&mut self) {
        self.subscriber.recv_batch(&mut self.received, MAX_TAKEN).await;
        self.build();
    }

    /// Waits for a picture; for sound only so long, and not at all where there are no pictures.
    async fn take_picture(&mut self) {
        self.take_some().await;
        let patience = Instant::now() + MAX_RIDE;
        while !self.builder.wants_flush() && !self.ended && self.batches.is_empty() {
            let more = self.subscriber.recv_batch(&mut self.received, MAX_TAKEN);
            if timeout_at(patience, more).await.is_err() {
                return;
            }
            self.build();
        }
    }

    /// Takes what is there already.
    fn take_rest(&mut self) {
        while self.subscriber.try_batch(&mut self.received, MAX_TAKEN) > 0 {
            self.build();
            // The first pictures of a long GOP go out while the rest is written.
            if !self.batches.is_empty() {
                self.publish();
            }
        }
    }

    fn build(&mut self) {
        let mut taken = std::mem::take(&mut self.received);
        for received in taken.drain(..) {
            match &received {
                Received::Ended => self.ended = true,
                // The encoder's return begins with a key frame; nobody should begin with what was before.
                Received::Resumed => {
                    self.builder.seal(&mut self.batches);
                    self.shared.publish(&mut self.batches);
                    self.shared.lock().ring.clear_entry_point();
                }
                tracks @ Received::Tracks(_) => self.take_tracks(tracks),
                received => self.builder.take(received, &mut self.batches),
            }
        }
        self.received = taken;
    }

    /// What came before the change reaches those who will not be able to play what comes after it.
    fn take_tracks(&mut self, tracks: &Received) {
        self.flush();
        self.builder.take(tracks, &mut self.batches);
        let needs = self.builder.needs();
        self.shared.announce(|state| state.needs = needs);
    }

    fn flush(&mut self) {
        self.builder.seal(&mut self.batches);
        self.publish();
    }

    fn publish(&mut self) {
        if self.batches.is_empty() {
            return;
        }
        let now = self.builder.time_ms();
        if self.shared.publish(&mut self.batches) {
            self.entry_ms = Some(now);
        } else if now.saturating_sub(*self.entry_ms.get_or_insert(now)) >= MAX_KEY_WAIT_MS {
            self.builder.force_entry();
        }
    }

    /// Whether to stop, as nobody has wanted the stream for a while.
    fn superfluous(&mut self) -> Option<Stop> {
        if self.shared.is_wanted() {
            self.unwanted_since = None;
            return None;
        }
        if self.shared.lock().closed {
            return Some(Stop::Closed);
        }
        let since = *self.unwanted_since.get_or_insert_with(Instant::now);
        (since.elapsed() >= self.shared.config.linger).then_some(Stop::Unwanted)
    }
}
