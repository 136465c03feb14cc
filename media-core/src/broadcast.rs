//! One publisher, many subscribers, and nobody waits for anybody.
//!
//! A [`Broadcast`] is a bounded ring with a cursor per [`Subscriber`]. The [`Publisher`] never blocks: a subscriber that falls off
//! the ring jumps to the newest key frame and is told [`Received::Skipped`]. A new subscriber starts at the newest key frame (the
//! GOP cache), so that it has a picture at once.
//!
//! Publishing allocates nothing per subscriber; it takes one short lock and wakes those who wait. Wake-ups go through
//! [`std::task::Waker`], so any runtime will do.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::frame::Frame;
use crate::ring::{Bounds, Lookup, Meta, Ring};
use crate::time::Timescale;
use crate::track::{Track, TrackId, TrackKind};

/// Bounds of a broadcast.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How much the ring holds. The worst-case memory of a stream's fan-out is `bounds.max_bytes` plus one frame.
    pub bounds: Bounds,
    /// How long (in media time) a joiner waits for a key frame before it starts without one: streams with intra refresh have none.
    /// Default 3 s.
    pub max_key_wait: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { bounds: Bounds::default(), max_key_wait: Duration::from_secs(3) }
    }
}

/// What a subscriber gets, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// The tracks of what follows. Always first; again whenever they change.
    Tracks(Arc<[Track]>),
    /// A frame. Decode times of a track never go back.
    Frame(Frame),
    /// The timeline was re-based: what follows does not continue what came before.
    Discontinuity,
    /// The subscriber was too slow; what follows starts at a key frame, after the [`Received::Tracks`] that apply to it.
    Skipped {
        /// How many entries it missed.
        entries: u64,
    },
    /// The encoder is away and may come back.
    Paused,
    /// The encoder is back.
    Resumed,
    /// The stream has ended. Nothing follows.
    Ended,
}

#[derive(Debug)]
struct Reader {
    cursor: u64,
    /// Tracks to deliver before the entry at the cursor.
    tracks: Option<Arc<[Track]>>,
    skipped: u64,
    /// Set while the reader waits for an entry point: the media time in milliseconds at which it stops waiting.
    waiting: Option<Option<i64>>,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct State {
    ring: Ring<Received>,
    tracks: Arc<[Track]>,
    /// The tracks that were in force at the newest entry point.
    tracks_at_entry: Arc<[Track]>,
    readers: Vec<Option<Reader>>,
    time_ms: i64,
    max_key_wait_ms: i64,
}

/// A handle to subscribe with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Broadcast {
    state: Arc<Mutex<State>>,
}

/// The writing side. There is one for each broadcast; dropping it ends the stream.
#[derive(Debug)]
pub struct Publisher {
    broadcast: Broadcast,
    woken: Vec<Waker>,
    ended: bool,
}

/// A reading side.
#[derive(Debug)]
pub struct Subscriber {
    broadcast: Broadcast,
    slot: usize,
}

/// Makes a broadcast and its only publisher.
pub fn broadcast(config: Config) -> (Publisher, Broadcast) {
    let none: Arc<[Track]> = Arc::new([]);
    let state = State {
        ring: Ring::new(config.bounds),
        tracks: Arc::clone(&none),
        tracks_at_entry: none,
        readers: Vec::new(),
        time_ms: 0,
        max_key_wait_ms: i64::try_from(config.max_key_wait.as_millis()).unwrap_or(i64::MAX),
    };
    let broadcast = Broadcast { state: Arc::new(Mutex::new(state)) };
    (Publisher { broadcast: broadcast.clone(), woken: Vec::new(), ended: false }, broadcast)
}

impl Broadcast {
    /// Starts reading at the newest key frame, or at the next one when none is held.
    pub fn subscribe(&self) -> Subscriber {
        let mut state = self.lock();
        let reader = match state.ring.entry_point() {
            Some(entry) => state.reader_at(entry, Arc::clone(&state.tracks_at_entry)),
            None => state.reader_at_next_key(),
        };
        let slot = state.add(reader);
        drop(state);
        Subscriber { broadcast: self.clone(), slot }
    }

    /// Starts reading at the next key frame, closer to live than [`Broadcast::subscribe`] and later with a picture.
    pub fn subscribe_live(&self) -> Subscriber {
        let mut state = self.lock();
        let reader = state.reader_at_next_key();
        let slot = state.add(reader);
        drop(state);
        Subscriber { broadcast: self.clone(), slot }
    }

    /// The current tracks.
    pub fn tracks(&self) -> Arc<[Track]> {
        Arc::clone(&self.lock().tracks)
    }

    /// Bytes of media held for joiners and laggards.
    pub fn retained_bytes(&self) -> usize {
        self.lock().ring.bytes()
    }

    /// Number of subscribers.
    pub fn subscribers(&self) -> usize {
        self.lock().readers.iter().flatten().count()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can leave the state half-changed, so a panic elsewhere need not spread.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Publisher {
    /// Announces the tracks of what follows. Does nothing when they are the current ones.
    pub fn tracks(&mut self, tracks: Arc<[Track]>) {
        let mut state = self.broadcast.lock();
        if state.tracks == tracks {
            return;
        }
        if state.tracks.iter().all(|old| tracks.contains(old)) {
            // A late track: the cached GOP still decodes.
            state.tracks_at_entry = Arc::clone(&tracks);
        } else {
            // The cached GOP belongs to the old headers; joiners wait for the next key frame.
            state.ring.clear_entry_point();
        }
        state.tracks = Arc::clone(&tracks);
        drop(state);
        let bytes = tracks.iter().map(|track| size_of::<Track>() + track.config.len()).sum();
        self.push(Received::Tracks(tracks), bytes, false);
    }

    /// Publishes a frame of an announced track; frames of others are dropped.
    pub fn frame(&mut self, frame: Frame) {
        let mut state = self.broadcast.lock();
        let Some(track) = state.tracks.iter().find(|track| track.id == frame.track) else { return };
        state.time_ms = frame.dts.rescale(track.timescale, Timescale::MILLIS).0;
        let entry_point = frame.keyframe && Some(frame.track) == entry_track(&state.tracks);
        let bytes = frame.data.len();
        if !self.ended {
            state.push(Received::Frame(frame), bytes, entry_point, &mut self.woken);
        }
        drop(state);
        self.woken.drain(..).for_each(Waker::wake);
    }

    /// Says that the timeline was re-based.
    pub fn discontinuity(&mut self) {
        self.push(Received::Discontinuity, 0, false);
    }

    /// Says that the encoder is away.
    pub fn pause(&mut self) {
        self.push(Received::Paused, 0, false);
    }

    /// Says that the encoder is back. Joiners wait for its first key frame.
    pub fn resume(&mut self) {
        self.broadcast.lock().ring.clear_entry_point();
        self.push(Received::Resumed, 0, false);
    }

    /// Ends the stream. Further calls do nothing.
    pub fn end(&mut self) {
        if !self.ended {
            self.push(Received::Ended, 0, false);
            self.ended = true;
        }
    }

    fn push(&mut self, item: Received, bytes: usize, entry_point: bool) {
        if !self.ended {
            self.broadcast.lock().push(item, bytes, entry_point, &mut self.woken);
            self.woken.drain(..).for_each(Waker::wake);
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.end();
    }
}

/// The track whose key frames are entry points: the first video track, or else the first audio track.
fn entry_track(tracks: &[Track]) -> Option<TrackId> {
    let of = |kind| tracks.iter().find(|track| track.kind() == kind).map(|track| track.id);
    of(TrackKind::Video).or_else(|| of(TrackKind::Audio))
}

impl State {
    /// Appends an entry, drops what nobody needs any more, and hands over who waits for it.
    fn push(&mut self, item: Received, bytes: usize, entry_point: bool, woken: &mut Vec<Waker>) {
        let meta = Meta { bytes, time_ms: self.time_ms, entry_point };
        self.ring.push(item, meta);
        if entry_point {
            self.tracks_at_entry = Arc::clone(&self.tracks);
        }
        if self.ring.trimmable() {
            // Who has fallen off needs nothing any more of what is left, however long it stays away.
            let held = self.ring.oldest();
            let cursors = self.readers.iter().flatten().map(|reader| reader.cursor);
            let slowest = cursors.filter(|cursor| *cursor >= held).min();
            let slowest = slowest.unwrap_or(self.ring.next());
            // The entry just pushed stays for whoever subscribes before the next key frame.
            let newest = self.ring.next().saturating_sub(1);
            self.ring.trim(slowest.min(newest));
        }
        woken.extend(self.readers.iter_mut().flatten().filter_map(|reader| reader.waker.take()));
    }

    fn reader_at(&self, cursor: u64, tracks: Arc<[Track]>) -> Reader {
        Reader { cursor, tracks: Some(tracks), skipped: 0, waiting: None, waker: None }
    }

    fn reader_at_next_key(&self) -> Reader {
        Reader { waiting: Some(None), ..self.reader_at(self.ring.next(), Arc::clone(&self.tracks)) }
    }

    /// Gives a reader a slot.
    fn add(&mut self, reader: Reader) -> usize {
        if let Some((slot, place)) = self.readers.iter_mut().enumerate().find(|(_, place)| place.is_none()) {
            *place = Some(reader);
            return slot;
        }
        self.readers.push(Some(reader));
        self.readers.len() - 1
    }

    /// The next thing for the reader in `slot`; `None` when it has caught up.
    fn next_for(&mut self, slot: usize) -> Option<Received> {
        let Self { ring, tracks, tracks_at_entry, readers, max_key_wait_ms, .. } = self;
        let reader = readers.get_mut(slot)?.as_mut()?;
        loop {
            let entry = match ring.at(reader.cursor) {
                Lookup::Ahead => None,
                Lookup::Entry(item, meta) => Some((item, meta)),
                Lookup::Fallen => {
                    let (to, tracks, waiting) = match ring.entry_point() {
                        Some(entry) => (entry, &*tracks_at_entry, None),
                        None => (ring.next(), &*tracks, Some(None)),
                    };
                    reader.skipped += to - reader.cursor;
                    reader.cursor = to;
                    reader.tracks = Some(Arc::clone(tracks));
                    reader.waiting = waiting;
                    continue;
                }
            };
            if reader.skipped > 0 {
                return Some(Received::Skipped { entries: std::mem::take(&mut reader.skipped) });
            }
            if let Some(tracks) = reader.tracks.take_if(|tracks| !tracks.is_empty()) {
                return Some(Received::Tracks(tracks));
            }
            let (item, meta) = entry?;
            let passed = match (&mut reader.waiting, item) {
                (Some(deadline), Received::Frame(_)) if !meta.entry_point => {
                    let deadline = *deadline.get_or_insert(meta.time_ms.saturating_add(*max_key_wait_ms));
                    meta.time_ms < deadline
                }
                (Some(_), Received::Frame(_)) => false,
                _ => {
                    reader.cursor += 1;
                    return Some(item.clone());
                }
            };
            reader.cursor += 1;
            if !passed {
                reader.waiting = None;
                return Some(item.clone());
            }
        }
    }
}

impl Subscriber {
    /// Takes up to `max` messages into `out` under one lock, and returns how many; pending when there is none yet. After
    /// [`Received::Ended`] it stays pending.
    pub fn poll_batch(&mut self, cx: &mut Context<'_>, out: &mut Vec<Received>, max: usize) -> Poll<usize> {
        let mut state = self.broadcast.lock();
        let before = out.len();
        while out.len() - before < max {
            let Some(received) = state.next_for(self.slot) else { break };
            out.push(received);
        }
        if out.len() > before {
            return Poll::Ready(out.len() - before);
        }
        if let Some(Some(reader)) = state.readers.get_mut(self.slot) {
            match &mut reader.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
        }
        Poll::Pending
    }

    /// As [`Subscriber::poll_batch`], without waiting: 0 when there is nothing yet.
    pub fn try_batch(&mut self, out: &mut Vec<Received>, max: usize) -> usize {
        let mut context = Context::from_waker(Waker::noop());
        match self.poll_batch(&mut context, out, max) {
            Poll::Ready(count) => count,
            Poll::Pending => 0,
        }
    }

    /// Waits for the next message.
    pub async fn recv(&mut self) -> Received {
        let mut one = Vec::with_capacity(1);
        poll_fn(|cx| self.poll_batch(cx, &mut one, 1)).await;
        // poll_batch is ready only with at least one message.
        one.pop().unwrap_or(Received::Ended)
    }

    /// Waits for messages and takes up to `max` of them into `out`.
    pub async fn recv_batch(&mut self, out: &mut Vec<Received>, max: usize) -> usize {
        poll_fn(|cx| self.poll_batch(cx, out, max)).await
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        if let Some(place) = self.broadcast.lock().readers.get_mut(self.slot) {
            *place = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use bytes::Bytes;

    use super::*;
    use crate::codec::Codec;
    use crate::time::Timestamp;
    use crate::track::{Params, Video};

    fn track(id: TrackId, codec: Codec) -> Track {
        Track {
            id,
            codec,
            timescale: Timescale::MILLIS,
            config: Bytes::new(),
            params: Params::Video(Video::default()),
            rfc6381: "".into(),
        }
    }

    fn video() -> Arc<[Track]> {
        Arc::new([track(TrackId::video(0), Codec::H264)])
    }

    fn frame(dts: i64, keyframe: bool) -> Frame {
        let data = Bytes::from(vec![0; 100]);
        Frame { track: TrackId::video(0), dts: Timestamp(dts), pts: Timestamp(dts), keyframe, data }
    }

    fn drain(subscriber: &mut Subscriber) -> Vec<Received> {
        let mut out = Vec::new();
        subscriber.try_batch(&mut out, usize::MAX);
        out
    }

    fn times(received: &[Received]) -> Vec<i64> {
        let frames = received.iter().filter_map(|received| match received {
            Received::Frame(frame) => Some(frame.dts.0),
            _ => None,
        });
        frames.collect()
    }

    #[test]
    fn a_joiner_starts_at_the_newest_key_frame() {
        let (mut publisher, broadcast) = broadcast(Config::default());
        publisher.tracks(video());
        for dts in 0..5 {
            publisher.frame(frame(dts, dts % 3 == 0));
        }
        let received = drain(&mut broadcast.subscribe());
        assert_eq!(received.first(), Some(&Received::Tracks(video())));
        assert_eq!(times(&received), [3, 4]);
    }

    #[test]
    fn a_live_joiner_starts_at_the_next_key_frame() {
        let (mut publisher, broadcast) = broadcast(Config::default());
        publisher.tracks(video());
        publisher.frame(frame(0, true));
        let mut joiner = broadcast.subscribe_live();
        publisher.frame(frame(1, false));
        publisher.frame(frame(2, true));
        let received = drain(&mut joiner);
        assert_eq!(received.first(), Some(&Received::Tracks(video())));
        assert_eq!(times(&received), [2]);
    }

    #[test]
    fn a_joiner_without_a_cached_key_frame_waits_for_one_and_then_gets_everything() {
        let (mut publisher, broadcast) = broadcast(Config::default());
        publisher.tracks(video());
        publisher.frame(frame(0, false));
        let mut joiner = broadcast.subscribe();
        for dts in 1..6 {
            publisher.frame(frame(dts, dts == 3));
        }
        assert_eq!(times(&drain(&mut joiner)), [3, 4, 5]);
    }

    #[test]
    fn trap_13_a_stream_without_key_frames_is_delivered_after_the_wait() {
        let (mut publisher, broadcast) = broadcast(Config::default());
        publisher.tracks(video());
        let mut joiner = broadcast.subscribe();
        for n in 0..200 {
            publisher.frame(frame(n * 40, false));
        }
        let first = times(&drain(&mut joiner)).first().copied();
        assert_eq!(first, Some(3000));
    }

    #[test]
    fn a_laggard_skips_to_the_newest_key_frame_and_is_told() {
        let bounds = Bounds { max_bytes: 1000, ..Bounds::default() };
        let (mut publisher, broadcast) = broadcast(Config { bounds, ..Config::default() });
        publisher.tracks(video());
        let mut slow = broadcast.subscribe();
        let mut quick = broadcast.subscribe();
        let mut seen = Vec::new();
        for dts in 0..40 {
            publisher.frame(frame(dts, dts % 4 == 0));
            seen.extend(drain(&mut quick));
        }
        assert_eq!(times(&seen), (0..40).collect::<Vec<_>>());
        let received = drain(&mut slow);
        assert!(
            matches!(received.first(), Some(Received::Skipped { entries }) if *entries > 30),
            "{received:?}"
        );
        assert_eq!(received.get(1), Some(&Received::Tracks(video())));
        assert_eq!(times(&received), [36, 37, 38, 39]);
    }

    #[test]
    fn trap_12_memory_is_bounded_without_key_frames() {
        let bounds = Bounds { max_bytes: 10_000, ..Bounds::default() };
        let (mut publisher, broadcast) = broadcast(Config { bounds, ..Config::default() });
        publisher.tracks(video());
        publisher.frame(frame(0, true));
        let _laggard = broadcast.subscribe();
        for dts in 1..10_000 {
            publisher.frame(frame(dts, false));
            assert!(broadcast.retained_bytes() <= 10_000);
        }
    }

    #[test]
    fn a_flood_of_headers_counts_against_the_bounds() {
        let bounds = Bounds { max_bytes: 100_000, ..Bounds::default() };
        let (mut publisher, broadcast) = broadcast(Config { bounds, ..Config::default() });
        let laggard = broadcast.subscribe();
        for n in 0..1_000_u32 {
            let config = Bytes::from(n.to_be_bytes().repeat(4_096));
            publisher.tracks(Arc::new([Track { config, ..track(TrackId::video(0), Codec::H264) }]));
            let held = &broadcast.lock().ring;
            assert!(held.next() - held.oldest() <= 6);
        }
        drop(laggard);
    }

    #[test]
    fn a_laggard_that_never_reads_again_does_not_keep_the_ring_full() {
        let bounds = Bounds { max_bytes: 10_000, ..Bounds::default() };
        let (mut publisher, broadcast) = broadcast(Config { bounds, ..Config::default() });
        publisher.tracks(video());
        let mut laggard = broadcast.subscribe();
        for dts in 0..1_000 {
            publisher.frame(frame(dts, dts % 10 == 0));
        }
        assert_eq!(broadcast.retained_bytes(), 1_000);
        assert!(matches!(drain(&mut laggard).first(), Some(Received::Skipped { .. })));
    }

    #[test]
    fn only_the_gop_is_kept_when_everybody_keeps_up() {
        let (mut publisher, broadcast) = broadcast(Config::default());
        publisher.tracks(video());
        let mut reader = broadcast.subscribe();
        for dts in 0..100 {
            publisher.frame(frame(dts, dts % 10 == 0));
            drain(&mut reader);
        }
        assert_eq!(broadcast.retained_bytes(), 1000);
    }

    #[test]
    fn after_a_change_of_tracks_nobody_gets_the_old_gop_with_the_new_headers() {
        let (mut publisher, broadcast) = broadcast(Config::default());
        publisher.tracks(video());
        publisher.frame(frame(0, true));
        let changed: Arc<[Track]> = Arc::new([track(TrackId::video(0), Codec::Hevc)]);
        publisher.tracks(Arc::clone(&changed));
        let mut joiner = broadcast.subscribe();
        publisher.frame(frame(1, false));
        publisher.frame(frame(2, true));
        assert_eq!(drain(&mut joiner), [Received::Tracks(changed), Received::Frame(frame(2, true))]);
    }

    #[test]
    fn a_late_track_keeps_the_cached_gop() {
        let (mut publisher, broadcast) = broadcast(Config::default());
        publisher.tracks(video());
        publisher.frame(frame(0, true));
        let both: Arc<[Track]> =
            video().iter().cloned().chain([track(TrackId::audio(0), Codec::Aac)]).collect();
        publisher.tracks(Arc::clone(&both));
        let received = drain(&mut broadcast.subscribe());
        assert_eq!(received.first(), Some(&Received::Tracks(both)));
        assert_eq!(times(&received), [0]);
    }

    #[test]
    fn life_cycle_messages_arrive_in_order_and_dropping_the_publisher_ends() {
        let (mut publisher, broadcast) = broadcast(Config::default());
        publisher.tracks(video());
        let mut reader = broadcast.subscribe();
        publisher.pause();
        publisher.resume();
        publisher.discontinuity();
        drop(publisher);
        let received = drain(&mut reader);
        let tail = [Received::Paused, Received::Resumed, Received::Discontinuity, Received::Ended];
        assert_eq!(received.get(1..), Some(&tail[..]));
        assert!(drain(&mut reader).is_empty());
    }

    #[test]
    fn a_waiting_reader_is_woken_once_per_wait() {
        struct Counter(AtomicUsize);
        impl Wake for Counter {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let counter = Arc::new(Counter(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&counter));
        let (mut publisher, broadcast) = broadcast(Config::default());
        let mut reader = broadcast.subscribe();
        let mut out = Vec::new();
        assert!(reader.poll_batch(&mut Context::from_waker(&waker), &mut out, 1).is_pending());
        publisher.tracks(video());
        publisher.frame(frame(0, true));
        assert_eq!(counter.0.load(Ordering::SeqCst), 1);
    }
}
