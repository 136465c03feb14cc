//! The packager: frames in, events out.

use std::collections::VecDeque;
use std::time::Instant;

use media_core::{Frame, Track, TrackId};

use crate::clock::Now;
use crate::config::Config;
use crate::event::Event;
use crate::journal::Journal;

/// Cuts one stream's frames into parts and segments, and decides what its playlists promise.
///
/// It performs no I/O and reads no clock. The driver calls one of the input methods, then takes [events](Self::poll_event) until there
/// are none, then arranges for [`handle_timeout`](Self::handle_timeout) at [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Packager {
    config: Config,
    journal: Option<Journal>,
    events: VecDeque<Event>,
}

/// What the encoder's metadata promises: how many tracks will come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// Video tracks.
    pub video: u8,
    /// Audio tracks.
    pub audio: u8,
}

/// Why a frame was refused. The caller's fault: times are repaired before they come here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A track's decode times have to increase.
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
        Self { config: config.clamped(), journal, events: VecDeque::new() }
    }

    /// The encoder's metadata says how many tracks there will be.
    pub fn announce(&mut self, _now: Now, _announced: Announced) {}

    /// The tracks of what follows: all of them, whenever one is added or changes. Data tracks are ignored.
    pub fn tracks(&mut self, _now: Now, _tracks: &[Track]) {}

    /// A frame. Frames of unknown tracks and data are ignored.
    ///
    /// # Errors
    /// [`FrameError::BackwardDecodeTime`]; the frame is dropped and packaging goes on.
    pub fn frame(&mut self, _now: Now, _frame: Frame) -> Result<(), FrameError> {
        Ok(())
    }

    /// The encoder's clock jumped: what follows does not continue what came before.
    pub fn discontinuity(&mut self, _now: Now) {}

    /// The encoder is away. The playlists go on by themselves, with gaps, until it is back or the life ends.
    pub fn pause(&mut self, _now: Now) {}

    /// An encoder is there: the same one again or another, after a pause or in the place of the one before. What follows starts at
    /// its first key frame.
    pub fn resume(&mut self, _now: Now) {}

    /// The life ends: EXT-X-ENDLIST.
    pub fn end(&mut self, _now: Now) {}

    /// When [`handle_timeout`](Self::handle_timeout) has to be called if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, _now: Now) {}

    /// What was made, in order; `None` until there is more input.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The journal as of the last checkpoint.
    pub fn journal(&self) -> Option<&Journal> {
        let _ = &self.config;
        self.journal.as_ref()
    }
}
