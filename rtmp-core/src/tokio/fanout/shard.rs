//! A task that writes to many players.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::tokio::task::{coop::unconstrained, yield_now};
use ::tokio::time::{Instant, Sleep, sleep};

use super::delivery::{Command, What};
use super::player::{Player, Progress};
use super::shared::Shared;
use super::window::Window;

/// Players written to before other tasks of the runtime get their turn: about half a millisecond.
const PLAYERS_A_TURN: usize = 64;
/// The shortest pause before a full connection is tried again.
const MIN_RETRY: Duration = Duration::from_millis(20);

struct Seat {
    serial: u64,
    player: Box<Player>,
}

pub(super) struct Shard {
    shared: Arc<Shared>,
    slot: usize,
    window: Window,
    seats: Vec<Option<Seat>>,
    inbox: Vec<Command>,
    /// Seats that a command went to; enough where the ring has nothing new.
    touched: Vec<usize>,
    all: bool,
    /// The oldest batch that a player here needs.
    cursor: u64,
    retry: Pin<Box<Sleep>>,
    blocked: bool,
}

/// Runs the shard in `slot` until nobody needs it.
pub(super) async fn run(shared: Arc<Shared>, slot: usize) {
    let mut shard = Shard {
        shared,
        slot,
        window: Window::default(),
        seats: Vec::new(),
        inbox: Vec::new(),
        touched: Vec::new(),
        all: false,
        cursor: u64::MAX,
        retry: Box::pin(sleep(Duration::ZERO)),
        blocked: false,
    };
    while !shard.is_needless() {
        std::future::poll_fn(|cx| shard.poll_work(cx)).await;
        shard.heed_inbox();
        if shard.all {
            shard.write_all().await;
        } else {
            shard.write_touched().await;
        }
    }
}

impl Shard {
    fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { shared, slot, window, inbox, cursor, retry, blocked, all, .. } = self;
        *all = match shared.poll_shard(*slot, *cursor, window, inbox, cx) {
            Poll::Ready(changed) => changed,
            Poll::Pending if *blocked => {
                ready!(Future::poll(retry.as_mut(), cx));
                true
            }
            Poll::Pending => return Poll::Pending,
        };
        Poll::Ready(())
    }

    fn heed_inbox(&mut self) {
        for Command { place, serial, what } in std::mem::take(&mut self.inbox) {
            let index = place as usize;
            self.touched.push(index);
            if let What::Attach(player) = what {
                if self.seats.len() <= index {
                    self.seats.resize_with(index + 1, || None);
                }
                if let Some(seat) = self.seats.get_mut(index) {
                    *seat = Some(Seat { serial, player });
                }
                continue;
            }
            let Some(Some(seat)) = self.seats.get_mut(index) else { continue };
            if seat.serial == serial && seat.player.heed(what, &self.window) == Progress::Over {
                self.vacate(index);
            }
        }
    }

    async fn write_touched(&mut self) {
        let now = Instant::now();
        let touched = std::mem::take(&mut self.touched);
        let was_blocked = std::mem::take(&mut self.blocked);
        unconstrained(std::future::poll_fn(|_| {
            for index in &touched {
                self.cursor = self.cursor.min(self.write_one(*index, now));
            }
            Poll::Ready(())
        }))
        .await;
        self.retry_later(was_blocked, now);
    }

    async fn write_all(&mut self) {
        self.touched.clear();
        self.blocked = false;
        let mut cursor = u64::MAX;
        let now = Instant::now();
        for start in (0..self.seats.len()).step_by(PLAYERS_A_TURN) {
            if start > 0 {
                yield_now().await;
            }
            let end = (start + PLAYERS_A_TURN).min(self.seats.len());
            // Outside of the runtime's budget of operations, which would make a connection seem full.
            unconstrained(std::future::poll_fn(|_| {
                for index in start..end {
                    cursor = cursor.min(self.write_one(index, now));
                }
                Poll::Ready(())
            }))
            .await;
        }
        self.cursor = cursor;
        self.retry_later(false, now);
    }

    /// Sees to it that full connections are tried again; `was_blocked` where that is seen to already.
    fn retry_later(&mut self, was_blocked: bool, now: Instant) {
        if self.blocked && !was_blocked {
            let pause = self.shared.config.batch.max(MIN_RETRY);
            self.retry.as_mut().reset(now + pause);
        }
        self.blocked |= was_blocked;
    }

    /// Writes to the player in a seat; returns the oldest batch it needs.
    fn write_one(&mut self, index: usize, now: Instant) -> u64 {
        let Some(Some(seat)) = self.seats.get_mut(index) else { return u64::MAX };
        let mut sent = 0;
        let progress = seat.player.advance(&self.window, now, &self.shared.config, &mut sent);
        let needed = seat.player.oldest_needed();
        if sent > 0 {
            self.shared.sent_bytes.fetch_add(sent, Ordering::Relaxed);
        }
        match progress {
            Progress::Done => {}
            Progress::Blocked => self.blocked = true,
            Progress::Over => {
                self.vacate(index);
                return u64::MAX;
            }
        }
        needed
    }

    fn vacate(&mut self, index: usize) {
        if let Some(seat) = self.seats.get_mut(index).and_then(Option::take) {
            drop(seat);
            if let Some(shard) = self.shared.lock().shard(self.slot) {
                shard.vacate(index as u32);
            }
        }
    }

    /// Nobody is here, and nobody will come: the stream or the fan-out is over. Gives the slot up, so that a late player gets another
    /// shard.
    fn is_needless(&mut self) -> bool {
        if !(self.window.status.ended || self.window.status.closed) {
            return false;
        }
        let mut state = self.shared.lock();
        let empty = state.shard(self.slot).is_none_or(|shard| shard.players == 0);
        if empty {
            state.remove_slot(self.slot);
        }
        empty
    }
}
