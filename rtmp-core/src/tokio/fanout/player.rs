//! Writing to one player.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use ::tokio::io::AsyncWrite;
use ::tokio::sync::oneshot;
use ::tokio::time::Instant;
use bytes::{Buf, Bytes};

use super::Config;
use super::delivery::{End, MAX_QUEUED_BYTES, What};
use super::window::{Status, Window};
use super::wire::{Batch, Class, Entry};
use crate::capability::Capabilities;

/// Where media are written.
pub(super) trait Io: AsyncWrite + Send + Unpin {}
impl<T: AsyncWrite + Send + Unpin> Io for T {}

/// Pieces given to one vectored write. A player that keeps up has one or two.
const MAX_SLICES: usize = 16;

/// A place in the ring, always between two messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    batch: u64,
    offset: usize,
}

/// Consecutive bytes of one batch that a player wants.
#[derive(Clone, Copy, Debug)]
struct Run {
    batch: u64,
    start: usize,
    end: usize,
    /// It begins with the key frame that the player waits for.
    key: bool,
    /// Where to go on after it.
    next: Cursor,
}

/// A player in a shard. About 300 bytes, and its writing half.
pub(super) struct Player {
    io: Box<dyn Io>,
    vectored: bool,
    capabilities: Capabilities,
    /// The rest of a message that was written in part, then what its session says and what it begins with: before any media.
    first: VecDeque<Bytes>,
    /// Bytes of its session's that are not known to be written, those on their way here included.
    queued: Arc<AtomicUsize>,
    /// How many of them came here since `first` was empty.
    unsettled: usize,
    /// `None` until there is somewhere to begin.
    cursor: Option<Cursor>,
    /// Without a GOP cache: the first batch it may begin at.
    not_before: Option<u64>,
    paused: bool,
    audio: bool,
    video: bool,
    /// Video was turned on again: it goes on with a key frame.
    awaits_key: bool,
    /// When the connection began to take nothing.
    stalled: Option<Instant>,
    unflushed: bool,
    falls: u32,
    /// The end was reported; nothing but `first` is written any more.
    over: bool,
    finishing: bool,
    end: Option<oneshot::Sender<End>>,
    /// Dropped with the player.
    _finished: oneshot::Sender<()>,
}

impl std::fmt::Debug for Player {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Player")
            .field("cursor", &self.cursor)
            .field("paused", &self.paused)
            .finish_non_exhaustive()
    }
}

/// What writing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It has all there is.
    Done,
    /// Its connection takes no more now.
    Blocked,
    /// It is to be dropped.
    Over,
}

/// One vectored write: what goes first, then runs of media.
struct Plan {
    runs: [Option<Run>; MAX_SLICES],
    len: usize,
    /// Where the player stands after everything, with what it does not want passed over.
    end: Cursor,
}

impl Player {
    pub(super) fn new(
        io: Box<dyn Io>,
        first: Bytes,
        capabilities: Capabilities,
        queued: Arc<AtomicUsize>,
        end: oneshot::Sender<End>,
        finished: oneshot::Sender<()>,
    ) -> Self {
        Self {
            vectored: io.is_write_vectored(),
            io,
            capabilities,
            first: if first.is_empty() { VecDeque::new() } else { VecDeque::from([first]) },
            queued,
            unsettled: 0,
            cursor: None,
            not_before: None,
            paused: false,
            audio: true,
            video: true,
            awaits_key: false,
            stalled: None,
            unflushed: false,
            falls: 0,
            over: false,
            finishing: false,
            end: Some(end),
            _finished: finished,
        }
    }

    /// The oldest batch it needs; [`u64::MAX`] for none.
    pub(super) fn oldest_needed(&self) -> u64 {
        self.cursor.filter(|_| !self.over && !self.paused).map_or(u64::MAX, |cursor| cursor.batch)
    }

    /// Heeds a command; `Over` when the player is to be dropped.
    pub(super) fn heed(&mut self, what: What, window: &Window) -> Progress {
        match what {
            What::Send(bytes) => {
                if self.queued.load(Ordering::Relaxed) > MAX_QUEUED_BYTES {
                    return self.fail(End::Overflow);
                }
                self.unsettled += bytes.len();
                self.push_first(bytes);
            }
            What::Paused(paused) => {
                let later = |cursor: Cursor| window.entry_number().is_some_and(|entry| entry > cursor.batch);
                let gone = |cursor: Cursor| cursor.batch < window.oldest();
                if self.paused && !paused && self.cursor.is_some_and(|cursor| later(cursor) || gone(cursor)) {
                    self.cursor = None;
                }
                self.paused = paused;
            }
            What::Audio(receive) => self.audio = receive,
            What::Video(receive) => {
                self.awaits_key |= receive && !self.video;
                self.video = receive;
            }
            What::Finish => {
                self.finishing = true;
                self.report(End::Finished);
            }
            What::Forget => return Progress::Over,
            What::Attach(_) => {}
        }
        Progress::Done
    }

    /// An empty piece would look like a connection that takes nothing.
    fn push_first(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.first.push_back(bytes);
        }
    }

    fn report(&mut self, end: End) {
        self.over = true;
        if let Some(sender) = self.end.take() {
            // Nobody listens when the handle is gone.
            let _ = sender.send(end);
        }
    }

    fn fail(&mut self, end: End) -> Progress {
        self.report(end);
        Progress::Over
    }

    /// Writes what there is for it.
    pub(super) fn advance(
        &mut self,
        window: &Window,
        now: Instant,
        config: &Config,
        sent: &mut u64,
    ) -> Progress {
        if let Err(end) = self.find_place(window, config) {
            return self.fail(end);
        }
        let mut cx = Context::from_waker(std::task::Waker::noop());
        loop {
            let plan = self.plan(window);
            if self.first.is_empty() && plan.len == 0 {
                self.settle(&plan);
                return self.caught_up(window, now, config, &mut cx);
            }
            let (written, offered) = match self.write(&plan, window, &mut cx) {
                (Poll::Ready(Ok(0)), _) => return self.fail(End::Io(io::ErrorKind::WriteZero)),
                (Poll::Ready(Ok(written)), offered) => (written, offered),
                (Poll::Ready(Err(error)), _) => return self.fail(End::Io(error.kind())),
                (Poll::Pending, _) => return self.wait(now, config),
            };
            *sent += written as u64;
            (self.stalled, self.unflushed) = (None, true);
            self.consume(written, &plan, window);
            if written < offered {
                // The connection is full; it would say so now, for the price of another call.
                return Progress::Blocked;
            }
        }
    }

    /// The connection takes nothing at the moment.
    fn wait(&mut self, now: Instant, config: &Config) -> Progress {
        let since = *self.stalled.get_or_insert(now);
        let stalled = now.duration_since(since) >= config.max_stall;
        if stalled { self.fail(End::Stalled) } else { Progress::Blocked }
    }

    /// Finds where to begin, or to go on after having fallen off the ring.
    fn find_place(&mut self, window: &Window, config: &Config) -> Result<(), End> {
        if self.over || self.paused {
            return Ok(());
        }
        if self.cursor.is_some_and(|cursor| cursor.batch < window.oldest()) {
            self.falls += 1;
            if self.falls >= config.max_falls {
                return Err(End::TooSlow);
            }
            self.cursor = None;
        }
        let not_before = if config.gop_cache { 0 } else { *self.not_before.get_or_insert(window.next()) };
        if self.cursor.is_none()
            && let Some((batch, start)) = window.entry_point()
            && batch >= not_before
        {
            self.push_first(start);
            self.cursor = Some(Cursor { batch, offset: 0 });
            self.awaits_key = false;
        }
        Ok(())
    }

    fn plan(&self, window: &Window) -> Plan {
        let nowhere = Cursor { batch: 0, offset: 0 };
        let Some(cursor) = self.cursor.filter(|_| !self.over && !self.paused) else {
            return Plan { runs: [None; MAX_SLICES], len: 0, end: nowhere };
        };
        let mut plan = Plan { runs: [None; MAX_SLICES], len: 0, end: cursor };
        let wants_all = self.audio && self.video && !self.awaits_key;
        let mut awaits_key = self.awaits_key;
        while let Some(batch) = window.batch(plan.end.batch) {
            let number = plan.end.batch;
            if wants_all {
                let next = Cursor { batch: number + 1, offset: 0 };
                let whole =
                    Run { batch: number, start: plan.end.offset, end: batch.bytes.len(), key: false, next };
                if whole.start < whole.end && !plan.push(whole) {
                    break;
                }
                plan.end = next;
            } else if !self.plan_some(batch, &mut plan, &mut awaits_key) {
                break;
            }
        }
        plan
    }

    /// Adds the wanted runs of the batch that `plan.end` stands in; whether there was room for all.
    fn plan_some(&self, batch: &Batch, plan: &mut Plan, awaits_key: &mut bool) -> bool {
        let number = plan.end.batch;
        let mut start = plan.end.offset;
        for entry in batch.entries.get(batch.index(start)..).unwrap_or_default() {
            let end = entry.end as usize;
            let next = Cursor { batch: number, offset: end };
            if self.wants(entry, *awaits_key) {
                let key = *awaits_key && entry.class == Class::Key;
                if !plan.extend(Run { batch: number, start, end, key, next }) {
                    return false;
                }
                *awaits_key &= !key;
            }
            plan.end = next;
            plan.pass_over();
            start = end;
        }
        plan.end = Cursor { batch: number + 1, offset: 0 };
        plan.pass_over();
        true
    }

    fn wants(&self, entry: &Entry, awaits_key: bool) -> bool {
        match entry.class {
            Class::Shared => true,
            Class::Audio => self.audio,
            Class::Key => self.video,
            Class::Video => self.video && !awaits_key,
        }
    }

    /// One write of as much as goes into one; also how many bytes were offered.
    fn write(
        &mut self,
        plan: &Plan,
        window: &Window,
        cx: &mut Context<'_>,
    ) -> (Poll<io::Result<usize>>, usize) {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let first = self.first.iter().map(|bytes| &bytes[..]);
        let media = plan
            .runs
            .iter()
            .flatten()
            .filter_map(|run| window.batch(run.batch)?.bytes.get(run.start..run.end));
        let mut count = 0;
        for (slice, bytes) in slices.iter_mut().zip(first.chain(media)) {
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        let io = Pin::new(&mut self.io);
        match slices.get(..count).unwrap_or_default() {
            [only, ..] if count == 1 || !self.vectored => (io.poll_write(cx, only), only.len()),
            several => (io.poll_write_vectored(cx, several), several.iter().map(|slice| slice.len()).sum()),
        }
    }

    /// Moves past what was written. A message written in part is kept until it is whole, so that the player can be moved elsewhere, or
    /// its session speak, without breaking its chunk stream.
    fn consume(&mut self, mut written: usize, plan: &Plan, window: &Window) {
        while let Some(front) = self.first.front_mut() {
            if written < front.len() {
                front.advance(written);
                return;
            }
            written -= front.len();
            self.first.pop_front();
        }
        self.queued.fetch_sub(std::mem::take(&mut self.unsettled), Ordering::Relaxed);
        for run in plan.runs.iter().flatten() {
            let len = run.end - run.start;
            if written == 0 {
                return;
            }
            self.awaits_key &= !run.key;
            if written < len {
                self.stop_within(run, run.start + written, window);
                return;
            }
            written -= len;
            self.cursor = Some(run.next);
        }
    }

    fn stop_within(&mut self, run: &Run, at: usize, window: &Window) {
        let Some(batch) = window.batch(run.batch) else { return };
        let boundary = batch.boundary(at);
        if boundary > at {
            self.first.push_back(batch.bytes.slice(at..boundary));
        }
        self.cursor = Some(Cursor { batch: run.batch, offset: boundary });
    }

    /// Passes over what it does not want.
    fn settle(&mut self, plan: &Plan) {
        if self.cursor.is_some() && !self.over && !self.paused {
            self.cursor = Some(plan.end);
        }
    }

    /// It has everything there is. Is there more to come for it?
    fn judge(&mut self, status: Status) {
        if status.ended {
            self.report(End::StreamEnded);
        } else if !self.capabilities.meet(status.needs) {
            self.report(End::CodecsChanged);
        }
    }

    /// Everything was given to the connection; encrypted ones keep some of it until they are flushed.
    fn caught_up(
        &mut self,
        window: &Window,
        now: Instant,
        config: &Config,
        cx: &mut Context<'_>,
    ) -> Progress {
        let io = Pin::new(&mut self.io);
        let settled = match (self.finishing, self.unflushed) {
            (true, _) => io.poll_shutdown(cx),
            (false, true) => io.poll_flush(cx),
            (false, false) => Poll::Ready(Ok(())),
        };
        match settled {
            Poll::Pending => return self.wait(now, config),
            Poll::Ready(Err(error)) => return self.fail(End::Io(error.kind())),
            Poll::Ready(Ok(())) if self.finishing => return Progress::Over,
            Poll::Ready(Ok(())) => (self.stalled, self.unflushed) = (None, false),
        }
        if !self.over {
            self.judge(window.status);
        }
        Progress::Done
    }
}

impl Plan {
    /// Adds a run; whether there was room.
    fn push(&mut self, run: Run) -> bool {
        let Some(place) = self.runs.get_mut(self.len) else { return false };
        *place = Some(run);
        self.len += 1;
        true
    }

    /// Adds a run to the last one where they touch.
    fn extend(&mut self, run: Run) -> bool {
        if let Some(Some(last)) = self.len.checked_sub(1).and_then(|index| self.runs.get_mut(index))
            && (last.batch, last.end) == (run.batch, run.start)
            && !run.key
        {
            (last.end, last.next) = (run.end, run.next);
            return true;
        }
        self.push(run)
    }

    /// Lets the last run end where the plan ends, so that what is not wanted is passed over with it.
    fn pass_over(&mut self) {
        let end = self.end;
        if let Some(Some(last)) = self.len.checked_sub(1).and_then(|index| self.runs.get_mut(index)) {
            last.next = end;
        }
    }
}
