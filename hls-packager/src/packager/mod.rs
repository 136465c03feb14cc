//! The packager: frames in, events out.
//!
//! Before a life its frames wait in [`opening`] until the tracks have settled; [`begin`] makes a [`life`] of them. There a track's frames
//! come through its [`feed`] to its rendition's [`lane`], which makes parts and segments. One track [leads](lead): its key frames begin
//! segments at [`cuts`] that the others [`follow`]. While the encoder is [`away`], or a track [stalls](stall), gaps take the place of frames.

mod away;
mod begin;
mod cadence;
mod cuts;
mod feed;
mod follow;
mod gop;
mod lane;
mod lead;
mod life;
mod opening;
mod outbox;
mod renditions;
mod stall;
mod targets;

use std::time::Instant;

use media_core::{Frame, Track, TrackId};

use crate::clock::Now;
use crate::config::Config;
use crate::event::Event;
use crate::journal::Journal;
use life::{Life, Unfit};
use opening::Opening;
use outbox::Outbox;

pub use lane::{MAX_PART_BYTES, MAX_PART_FRAMES};
pub use opening::{MAX_STAGED_BYTES, MAX_STAGED_FRAMES};
pub use renditions::MAX_AUDIO_TRACKS;

/// Cuts one stream's frames into parts and segments, and decides what its playlists promise.
///
/// It performs no I/O and reads no clock. The driver calls one of the input methods, then takes [events](Self::poll_event) until there
/// are none, then arranges for [`handle_timeout`](Self::handle_timeout) at [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Packager {
    config: Config,
    stage: Stage,
    /// The encoder's tracks and promises, for the next life.
    tracks: Vec<Track>,
    announced: Option<Announced>,
    out: Outbox,
}

#[derive(Debug)]
enum Stage {
    Opening(Opening),
    Running(Box<Life>),
    Ended,
}

/// What the encoder's metadata promises.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Announced {
    /// How many video tracks will come.
    pub video: u8,
    /// How many audio tracks will come.
    pub audio: u8,
    /// Frames a second. Believed where the header says nothing and the frames agree.
    pub frame_rate: Option<f64>,
}

/// Why a frame was refused. The caller's fault: times are repaired before they come here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A track's decode times have to increase, except after [`Packager::discontinuity`] and [`Packager::resume`].
    #[error("decode time {dts} of track {} does not follow {previous}", track.0)]
    BackwardDecodeTime {
        /// The track.
        track: TrackId,
        /// The decode time before, in the track's timescale.
        previous: i64,
        /// The refused one.
        dts: i64,
    },
}

impl Packager {
    /// A packager of one stream; `journal` is the newest that the driver has kept of it. A life that has not ended goes on.
    pub fn new(config: Config, journal: Option<Journal>) -> Self {
        Self {
            config: config.clamped(),
            stage: Stage::Opening(Opening::default()),
            tracks: Vec::new(),
            announced: None,
            out: Outbox::new(journal),
        }
    }

    /// The encoder's metadata says what will come.
    pub fn announce(&mut self, now: Now, announced: Announced) {
        self.out.set_now(now);
        self.announced = Some(announced);
        match &mut self.stage {
            Stage::Opening(opening) => opening.announce(announced),
            Stage::Running(life) => life.announced = Some(announced),
            Stage::Ended => {}
        }
        self.settle();
    }

    /// The tracks of what follows: all of them, whenever one is added or changes. Data tracks are ignored.
    ///
    /// A changed configuration takes effect at the next key frame, with a discontinuity; repeated headers change nothing. A changed
    /// *codec* ends the life and begins the next.
    pub fn tracks(&mut self, now: Now, tracks: &[Track]) {
        self.out.set_now(now);
        self.tracks = tracks.to_vec();
        let unfit = match &mut self.stage {
            Stage::Opening(opening) => {
                opening.tracks(tracks);
                false
            }
            Stage::Running(life) => life.tracks(tracks, &mut self.out) == Err(Unfit),
            Stage::Ended => false,
        };
        if unfit {
            self.end(now);
            let mut opening = Opening::with(Vec::new(), self.announced);
            opening.tracks(tracks);
            self.stage = Stage::Opening(opening);
        }
        self.settle();
    }

    /// A frame. Frames of unknown tracks and data are ignored.
    ///
    /// # Errors
    /// [`FrameError::BackwardDecodeTime`]; the frame is dropped and packaging goes on.
    pub fn frame(&mut self, now: Now, frame: Frame) -> Result<(), FrameError> {
        self.out.set_now(now);
        let taken = match &mut self.stage {
            Stage::Opening(opening) => opening.frame(frame, &self.config, &mut self.out),
            Stage::Running(life) => return life.frame(frame, &mut self.out),
            Stage::Ended => Ok(()),
        };
        self.settle();
        taken
    }

    /// The encoder's clock jumped: what follows does not continue what came before. The timeline goes on without a step, and the next
    /// segment has a discontinuity.
    pub fn discontinuity(&mut self, now: Now) {
        self.out.set_now(now);
        match &mut self.stage {
            Stage::Opening(opening) => opening.discontinuity(),
            Stage::Running(life) => life.discontinuity(),
            Stage::Ended => {}
        }
    }

    /// The encoder is away. The playlists go on by themselves, with gaps, until it is back or the life ends.
    pub fn pause(&mut self, now: Now) {
        self.out.set_now(now);
        match &mut self.stage {
            Stage::Opening(opening) => opening.reset(),
            Stage::Running(life) => life.go_away(&mut self.out),
            Stage::Ended => {}
        }
    }

    /// An encoder is there: the same one again or another, after a pause or in the place of the one before. What follows starts at
    /// its first key frame, with a discontinuity; until then the gap goes on.
    pub fn resume(&mut self, now: Now) {
        self.pause(now);
    }

    /// The life ends: EXT-X-ENDLIST. Nothing that comes after it is packaged; the next life is another packager's, made from this one's
    /// [journal](Self::journal).
    pub fn end(&mut self, now: Now) {
        self.out.set_now(now);
        match &mut self.stage {
            Stage::Opening(_) => {}
            Stage::Running(life) => {
                life.finish(&mut self.out);
                self.out.push(Event::Ended);
            }
            Stage::Ended => return,
        }
        self.out.checkpoint(|journal| journal.ended = true);
        self.stage = Stage::Ended;
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Opening(opening) => opening.settles_at(&self.config),
            Stage::Running(life) => life.timeout(),
            Stage::Ended => None,
        }
    }

    /// Time has passed. Calling it early does nothing.
    pub fn handle_timeout(&mut self, now: Now) {
        self.out.set_now(now);
        self.settle();
        if let Stage::Running(life) = &mut self.stage {
            life.time_passed(&mut self.out);
        }
    }

    /// What was made, in order; `None` until there is more input.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.pop()
    }

    /// The journal as of the last checkpoint.
    pub fn journal(&self) -> Option<&Journal> {
        self.out.journal()
    }

    fn settle(&mut self) {
        let Stage::Opening(opening) = &mut self.stage else { return };
        let Some(beginning) = opening.settle(&self.config, &mut self.out) else { return };
        let ignored = opening.ignored();
        let life = beginning.begin(&self.config, ignored, &mut self.out);
        self.stage = Stage::Running(Box::new(life));
    }
}
