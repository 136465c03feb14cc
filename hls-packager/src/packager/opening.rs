//! Before a life: frames are kept until the tracks have settled.

use std::time::{Duration, Instant};

use media_core::{Frame, Track, TrackId, TrackKind};

use super::begin::Beginning;
use super::outbox::Outbox;
use super::{Announced, FrameError, cadence, renditions};
use crate::clock::Now;
use crate::config::Config;
use crate::container::Container;
use crate::event::Event;
use crate::health::Health;

/// The most that is kept before the tracks have settled, in bytes; then they settle. Two seconds at 128 Mbit/s.
pub const MAX_STAGED_BYTES: usize = 32 * 1024 * 1024;

/// The most frames that are kept.
pub const MAX_STAGED_FRAMES: usize = 4_096;

/// How long to wait for three frames where no header tells the frame rate.
const RATE_PATIENCE: Duration = Duration::from_secs(1);

/// A frame that was kept.
#[derive(Debug)]
pub(super) struct Staged {
    /// When it came.
    pub(super) came: Now,
    /// Whether the encoder's clock jumped before it.
    pub(super) jumped: bool,
    /// The frame.
    pub(super) frame: Frame,
}

/// A stream of which nothing was packaged yet.
#[derive(Debug, Default)]
pub(super) struct Opening {
    tracks: Vec<Track>,
    announced: Option<Announced>,
    staged: Vec<Staged>,
    /// The encoder's clock jumped before the next frame.
    jumped: bool,
    staged_bytes: usize,
    last: Vec<(TrackId, i64)>,
    /// When the first frame that can be started with came.
    start: Option<Instant>,
    /// When any frame came.
    first: Option<Instant>,
    /// The decode time of the first frame of video, in milliseconds.
    first_video_ms: Option<i64>,
    told: Vec<TrackId>,
    nothing_packaged: bool,
}

impl Opening {
    pub(super) fn with(tracks: Vec<Track>, announced: Option<Announced>) -> Self {
        Self { tracks, announced, ..Self::default() }
    }

    pub(super) fn announce(&mut self, announced: Announced) {
        self.announced = Some(announced);
    }

    pub(super) fn tracks(&mut self, tracks: &[Track]) {
        let clock =
            |tracks: &[Track], id| tracks.iter().find(|track| track.id == id).map(|track| track.timescale);
        let changed =
            self.tracks.iter().any(|old| clock(tracks, old.id).is_some_and(|new| new != old.timescale));
        self.tracks = tracks.iter().filter(|track| track.kind() != TrackKind::Data).cloned().collect();
        if changed {
            // What was kept counts in ticks of another clock.
            self.reset();
        }
    }

    /// Another encoder: what was kept of the one before does not count.
    pub(super) fn reset(&mut self) {
        *self = Self::with(std::mem::take(&mut self.tracks), self.announced);
    }

    /// The encoder's clock jumped.
    pub(super) fn discontinuity(&mut self) {
        self.jumped = true;
        self.last.clear();
        self.first_video_ms = None;
    }

    /// Keeps a frame.
    pub(super) fn frame(
        &mut self,
        frame: Frame,
        config: &Config,
        out: &mut Outbox,
    ) -> Result<(), FrameError> {
        self.advance(&frame)?;
        let now = out.now();
        self.first.get_or_insert(now.instant);
        let Some(track) = self.packaged(config).into_iter().find(|track| track.id == frame.track) else {
            return Ok(());
        };
        match track.kind() {
            TrackKind::Video => self.video(&track, frame, config, out),
            _ => self.audio(frame, config, now),
        }
        Ok(())
    }

    fn advance(&mut self, frame: &Frame) -> Result<(), FrameError> {
        let (track, dts) = (frame.track, frame.dts.0);
        match self.last.iter_mut().find(|(id, _)| *id == track) {
            Some((_, last)) if dts <= *last => {
                Err(FrameError::BackwardDecodeTime { track, previous: *last, dts })
            }
            Some((_, last)) => {
                *last = dts;
                Ok(())
            }
            None => {
                self.last.push((track, dts));
                Ok(())
            }
        }
    }

    fn video(&mut self, track: &Track, frame: Frame, config: &Config, out: &mut Outbox) {
        let now = out.now();
        let hz = i64::from(track.timescale.hz());
        let dts_ms = (i128::from(frame.dts.0) * 1_000 / i128::from(hz)) as i64;
        let first_ms = *self.first_video_ms.get_or_insert(dts_ms);
        if self.has_video() {
            self.stage(now, frame);
            return;
        }
        let waited_ms = u64::try_from(dts_ms.saturating_sub(first_ms)).unwrap_or(0);
        if !frame.keyframe && waited_ms < u64::from(config.max_key_wait_ms) {
            return;
        }
        if !frame.keyframe {
            out.health(Health::NoKeyFrame { waited_ms });
        }
        // What came before cannot be shown with it.
        self.clear();
        self.start = Some(now.instant);
        self.stage(now, frame);
    }

    fn audio(&mut self, frame: Frame, config: &Config, now: Now) {
        if self.has_video() {
            self.stage(now, frame);
            return;
        }
        let expects_video = self.packaged(config).iter().any(|track| track.kind() == TrackKind::Video);
        if expects_video {
            let patience = Duration::from_millis(u64::from(config.settle_promised_ms));
            let waited =
                self.first.is_some_and(|first| now.instant.saturating_duration_since(first) >= patience);
            if self.first_video_ms.is_some() || !waited {
                return;
            }
        }
        self.start.get_or_insert(now.instant);
        self.stage(now, frame);
    }

    fn has_video(&self) -> bool {
        self.staged.first().is_some_and(|staged| {
            self.tracks.iter().any(|track| track.id == staged.frame.track && track.kind() == TrackKind::Video)
        })
    }

    fn stage(&mut self, came: Now, frame: Frame) {
        self.staged_bytes += frame.data.len();
        let jumped = std::mem::take(&mut self.jumped) && !self.staged.is_empty();
        self.staged.push(Staged { came, jumped, frame });
    }

    fn clear(&mut self) {
        self.staged.clear();
        self.staged_bytes = 0;
    }

    /// The tracks that will be packaged as things stand, video first.
    fn packaged(&self, config: &Config) -> Vec<Track> {
        let mut packaged: Vec<Track> = Vec::new();
        for track in &self.tracks {
            if renditions::admissible(track, &packaged, config.container).is_ok() {
                packaged.push(track.clone());
            }
        }
        packaged.sort_by_key(|track| track.kind() != TrackKind::Video);
        packaged
    }

    /// When the tracks settle, as things stand.
    pub(super) fn settles_at(&self, config: &Config) -> Option<Instant> {
        let millis = |ms: u32| Duration::from_millis(u64::from(ms));
        let packaged = self.packaged(config);
        let Some(start) = self.start else {
            // Nothing that can be packaged: after a while that is said.
            let silent = packaged.is_empty() && !self.tracks.is_empty() && !self.nothing_packaged;
            return self.first.filter(|_| silent)?.checked_add(millis(config.settle_ms));
        };
        if self.staged_bytes > MAX_STAGED_BYTES || self.staged.len() > MAX_STAGED_FRAMES {
            return Some(start);
        }
        let count = |kind| self.tracks.iter().filter(|track| track.kind() == kind).count();
        let complete = self.announced.map(|announced| {
            count(TrackKind::Video) >= usize::from(announced.video)
                && count(TrackKind::Audio) >= usize::from(announced.audio)
        });
        let wait = match complete {
            Some(true) => Duration::ZERO,
            Some(false) => millis(config.settle_promised_ms),
            None => millis(config.settle_ms),
        };
        let wait = match self.knows_rate(&packaged) {
            true => wait,
            false => wait.max(RATE_PATIENCE),
        };
        start.checked_add(wait)
    }

    fn knows_rate(&self, packaged: &[Track]) -> bool {
        let Some(video) = packaged.iter().find(|track| track.kind() == TrackKind::Video) else { return true };
        let frames = self.staged.iter().filter(|staged| staged.frame.track == video.id).count();
        frames >= 3 || frames == 0 || renditions::said_rate(video).is_some()
    }

    /// What a life begins with, if the tracks have settled.
    pub(super) fn settle(&mut self, config: &Config, out: &mut Outbox) -> Option<Beginning> {
        if self.settles_at(config)? > out.now().instant {
            return None;
        }
        self.tell(config, out);
        let mut tracks = self.packaged(config);
        if config.container == Container::MpegTs && !self.has_video() {
            // Its parts would be made of video frames, and there are none.
            tracks.retain(|track| track.kind() != TrackKind::Video);
        }
        if tracks.is_empty() {
            // What was kept is of tracks that are gone, or have become something else.
            self.clear();
            self.start = None;
            if self.packaged(config).is_empty() {
                self.nothing_packaged = true;
                out.push(Event::NotPackaged);
            }
            return None;
        }
        let rate = self.rate(&tracks);
        let frames = std::mem::take(&mut self.staged);
        Some(Beginning { tracks, frames, rate, announced: self.announced })
    }

    fn rate(&self, tracks: &[Track]) -> Option<f64> {
        let video = tracks.iter().find(|track| track.kind() == TrackKind::Video)?;
        let of_video = self.staged.iter().filter(|staged| staged.frame.track == video.id);
        let since_jump = of_video.rev().scan(false, |jumped, staged| {
            let before = std::mem::replace(jumped, staged.jumped);
            (!before).then_some(staged.frame.dts.0)
        });
        let mut times: Vec<i64> = since_jump.collect();
        times.reverse();
        let measured = cadence::measure(&times, video.timescale.hz());
        let announced = self.announced.and_then(|announced| announced.frame_rate);
        cadence::rate(&[renditions::said_rate(video), announced], measured)
    }

    /// Says which tracks are not packaged.
    fn tell(&mut self, config: &Config, out: &mut Outbox) {
        let mut packaged: Vec<Track> = Vec::new();
        for track in &self.tracks {
            match renditions::admissible(track, &packaged, config.container) {
                Ok(()) => packaged.push(track.clone()),
                Err(health) if !self.told.contains(&track.id) => {
                    self.told.push(track.id);
                    out.health(health);
                }
                Err(_) => {}
            }
        }
    }

    /// The tracks that were said not to be packaged.
    pub(super) fn ignored(&self) -> Vec<TrackId> {
        self.told.clone()
    }
}
