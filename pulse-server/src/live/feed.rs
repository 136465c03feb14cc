//! The publisher's end of a channel: frames as they come, repaired and published.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use media_core::timeline::{Config, Jump, Timeline};
use media_core::{Frame, Track, TrackId};
use tokio::sync::oneshot;

use super::channel::{Channel, Eviction};
use super::health::CLOCK_JUMP;
use super::life::{Life, Superseded};
use super::signs::Changes;

/// A seated publisher. Dropping it leaves the seat, and the grace period begins.
pub struct Feed {
    channel: Arc<Channel>,
    life: Arc<Life>,
    generation: u64,
    timeline: Timeline,
    tracks: Vec<Track>,
    evicted: oneshot::Receiver<Eviction>,
}

impl Feed {
    pub(super) fn new(
        channel: Arc<Channel>,
        life: Arc<Life>,
        generation: u64,
        start_us: Option<i64>,
        evicted: oneshot::Receiver<Eviction>,
    ) -> Self {
        let timeline = match start_us {
            Some(start) => Timeline::starting_at(Config::rtmp(), start),
            None => Timeline::new(Config::rtmp()),
        };
        Self { channel, life, generation, timeline, tracks: Vec::new(), evicted }
    }

    /// The life that is fed.
    pub fn life(&self) -> &Arc<Life> {
        &self.life
    }

    /// Adds a track, or changes its configuration.
    ///
    /// # Errors
    /// [`Superseded`] when another publisher is in place.
    pub fn track(&mut self, track: &Track) -> Result<(), Superseded> {
        let repaired = self.timeline.track(track);
        match self.tracks.iter_mut().find(|known| known.id == repaired.id) {
            Some(known) => *known = repaired,
            None => {
                let at = self.tracks.partition_point(|known| known.id < repaired.id);
                self.tracks.insert(at, repaired);
            }
        }
        self.life.tracks(self.generation, &self.tracks.as_slice().into())
    }

    /// Repairs the clock of a frame that came at `now`, and publishes it. Frames of tracks that were not announced are dropped.
    ///
    /// # Errors
    /// [`Superseded`] when another publisher is in place.
    pub fn frame(&mut self, now: Instant, frame: Frame) -> Result<(), Superseded> {
        let Some(repaired) = self.timeline.frame(frame) else { return Ok(()) };
        if let Some(jump) = repaired.rebased {
            self.report_jump(jump);
            self.life.discontinuity(self.generation)?;
        }
        let edge_us = self.timeline.edge_us();
        let Some(track) = self.tracks.iter().find(|track| track.id == repaired.frame.track) else {
            return Ok(());
        };
        if let Some(changes) = self.life.frame(self.generation, now, track, repaired.frame, edge_us)? {
            self.report(&changes);
        }
        Ok(())
    }

    /// Why this publisher has to go, once it has to.
    pub fn eviction(&mut self) -> Option<Eviction> {
        self.evicted.try_recv().ok()
    }

    /// Waits until this publisher has to go.
    pub async fn evicted(&mut self) -> Eviction {
        match (&mut self.evicted).await {
            Ok(eviction) => eviction,
            // The channel dropped the seat without a word: the server is shutting down.
            Err(_) => std::future::pending().await,
        }
    }

    fn report(&self, changes: &Changes) {
        for (code, detail) in self.life.health.follow(SystemTime::now(), changes) {
            tracing::warn!(stream = %self.channel.id(), code, "{detail}");
        }
    }

    fn report_jump(&self, jump: Jump) {
        let kind = if jump.track < TrackId::audio(0) { "video" } else { "audio" };
        let detail = format!(
            "the encoder's {kind} clock jumped by {} ms; viewers get a discontinuity. Restarting the encoder's source, or a \
             variable frame rate input, usually causes this",
            jump.by_ms
        );
        if self.life.health.report(SystemTime::now(), CLOCK_JUMP, detail) {
            tracing::warn!(stream = %self.channel.id(), by_ms = jump.by_ms, kind, "encoder clock jumped");
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.channel.vacate(self.generation);
    }
}
