//! One life of a stream: from its first publisher until it ends for want of one.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use media_core::broadcast::{self, Broadcast, Publisher};
use media_core::{Frame, Track, TrackId};
use rtmp_core::tokio::fanout;

use super::health::Health;
use super::hls::Hls;
use super::meter::{Measured, Meter};
use super::outputs::Outputs;
use super::signs::Changes;

/// A life: the broadcast that outlives its encoders, and everything that is made of it.
pub struct Life {
    /// The fan-out of frames.
    pub broadcast: Broadcast,
    /// Playlists, parts and segments; `None` where HLS is off.
    pub hls: Option<Arc<Hls>>,
    /// RTMP and FLV fan-outs, made when somebody first plays.
    pub outputs: Outputs,
    /// What is wrong with the stream.
    pub health: Arc<Health>,
    /// When the life began.
    pub since: SystemTime,
    began: Instant,
    ended: OnceLock<SystemTime>,
    source: Mutex<Source>,
}

/// What the publisher in place writes to. Behind one lock with the generation, so that two publishers never mix frames.
struct Source {
    generation: u64,
    publisher: Publisher,
    meter: Meter,
    /// Where the next publisher's timeline continues, in microseconds.
    edge_us: Option<i64>,
    last_frame: Option<Instant>,
    on_air: OnAir,
}

/// For how long somebody was in place.
#[derive(Default)]
struct OnAir {
    before: Duration,
    since: Option<Instant>,
}

impl OnAir {
    fn begin(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    fn stop(&mut self) {
        self.before = self.total();
        self.since = None;
    }

    fn total(&self) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// Somebody else publishes now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superseded;

/// The generation while nobody is in place; publishers count from 1.
const NOBODY: u64 = 0;
/// The pause between one publisher's last frame and the next one's first, on the timeline.
const HANDOVER_US: i64 = 40_000;

impl Life {
    /// A life with its fan-out; `hls` starts packaging it.
    pub fn new(
        config: broadcast::Config,
        fanout: fanout::Config,
        health: Arc<Health>,
        hls: impl FnOnce(&Broadcast) -> Option<Arc<Hls>>,
    ) -> Self {
        let (publisher, broadcast) = broadcast::broadcast(config);
        let hls = hls(&broadcast);
        let outputs = Outputs::new(broadcast.clone(), fanout);
        let source = Source {
            generation: NOBODY,
            publisher,
            meter: Meter::default(),
            edge_us: None,
            last_frame: None,
            on_air: OnAir::default(),
        };
        Self {
            broadcast,
            hls,
            outputs,
            health,
            since: SystemTime::now(),
            began: Instant::now(),
            ended: OnceLock::new(),
            source: Mutex::new(source),
        }
    }

    /// Hands the stream to the publisher of `generation`. Returns where its timeline starts, if somebody published before.
    pub fn hand_over(&self, generation: u64) -> Option<i64> {
        let mut source = self.source();
        let continues = source.edge_us.is_some();
        source.generation = generation;
        source.on_air.begin();
        if continues {
            source.publisher.resume();
            source.publisher.discontinuity();
        }
        if let Some(changes) = source.meter.begin_anew() {
            self.health.follow(SystemTime::now(), &changes);
        }
        source.edge_us.map(|edge| edge.saturating_add(HANDOVER_US))
    }

    /// The publisher of `generation` has gone; the stream waits for the next. Nothing happens when it was not in place any more.
    pub fn pause(&self, generation: u64) {
        let mut source = self.source();
        if source.generation == generation {
            source.generation = NOBODY;
            source.on_air.stop();
            source.publisher.pause();
        }
    }

    /// Ends the life.
    pub fn end(&self) {
        let mut source = self.source();
        source.generation = NOBODY;
        source.on_air.stop();
        source.publisher.end();
        drop(source);
        // A life ends once.
        let _ = self.ended.set(SystemTime::now());
        if let Some(hls) = &self.hls {
            hls.end();
        }
    }

    /// Announces the tracks of what follows.
    ///
    /// # Errors
    /// [`Superseded`] when another publisher is in place.
    pub fn tracks(&self, generation: u64, tracks: &Arc<[Track]>) -> Result<(), Superseded> {
        self.source_of(generation)?.publisher.tracks(Arc::clone(tracks));
        Ok(())
    }

    /// Says that the timeline was re-based.
    ///
    /// # Errors
    /// [`Superseded`] when another publisher is in place.
    pub fn discontinuity(&self, generation: u64) -> Result<(), Superseded> {
        self.source_of(generation)?.publisher.discontinuity();
        Ok(())
    }

    /// Publishes a frame of `track` that came at `now`; `edge_us` is where the timeline stands after it. Returns what is to be told
    /// of the publisher.
    ///
    /// # Errors
    /// [`Superseded`] when another publisher is in place.
    pub(super) fn frame(
        &self,
        generation: u64,
        now: Instant,
        track: &Track,
        frame: Frame,
        edge_us: Option<i64>,
    ) -> Result<Option<Changes>, Superseded> {
        let mut source = self.source_of(generation)?;
        let changes = source.meter.frame(now, track, &frame);
        source.edge_us = edge_us;
        source.last_frame = Some(now);
        source.publisher.frame(frame);
        Ok(changes)
    }

    /// What was measured of the publisher.
    pub fn measured(&self) -> Measured {
        self.source().meter.measured()
    }

    /// Bits a second of each track that sent anything lately.
    pub fn bitrates(&self) -> Vec<(TrackId, u64)> {
        self.source().meter.bitrates().collect()
    }

    /// Bytes to viewers, heads of answers apart. Those of fan-outs that nobody plays any more are not among them.
    pub fn delivered_bytes(&self) -> u64 {
        let of_hls = self.hls.as_ref().map_or(0, |hls| hls.sent_bytes.load(Ordering::Relaxed));
        of_hls + self.outputs.sent_bytes()
    }

    /// For how long somebody has published, all told.
    pub fn on_air(&self) -> Duration {
        self.source().on_air.total()
    }

    /// How long ago it began.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// When it ended.
    pub fn ended(&self) -> Option<SystemTime> {
        self.ended.get().copied()
    }

    /// How long ago the last frame came.
    pub fn silent_for(&self) -> Option<Duration> {
        self.source().last_frame.map(|then| then.elapsed())
    }

    fn source_of(&self, generation: u64) -> Result<MutexGuard<'_, Source>, Superseded> {
        let source = self.source();
        if source.generation == generation { Ok(source) } else { Err(Superseded) }
    }

    fn source(&self) -> MutexGuard<'_, Source> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_on_air_between_one_publisher_and_the_next() {
        let five = Duration::from_secs(5);
        let ago = || Instant::now().checked_sub(five);
        let mut on_air = OnAir { before: Duration::ZERO, since: ago() };
        on_air.begin();
        assert!(on_air.total() >= five, "who takes over goes on");
        on_air.stop();
        let before = on_air.total();
        assert!(before >= five && on_air.total() == before, "it stands still");
        on_air.stop();
        assert_eq!(on_air.total(), before);
        on_air.since = ago();
        assert!(on_air.total() >= before + five);
    }
}
