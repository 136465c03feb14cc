//! MPEG transport stream, all tracks muxed (ISO/IEC 13818-1), as HLS takes it (RFC 8216bis §3.1.1).

use bytes::Bytes;
use media_core::{Frame, Track};

use crate::container::Error;

/// Whether a part opens with the program tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tables {
    /// PAT and PMT first: a segment's first part, and every independent part.
    Write,
    /// No tables: a part that nobody starts at.
    Omit,
}

/// Muxes the tracks of one stream. Continuity counters run on from part to part.
#[derive(Debug)]
pub struct Muxer {}

impl Muxer {
    /// A muxer of `tracks`: at most one video track, in the order in which the PMT lists them.
    ///
    /// # Errors
    /// [`Error::CodecNotPackaged`] for a track that MPEG-TS cannot carry; [`Error::BadConfig`].
    pub fn new(_tracks: &[Track]) -> Result<Self, Error> {
        Ok(Self {})
    }

    /// The packets of one part: the frames of all tracks that belong to it, each track's in decode order. A segment is
    /// the concatenation of its parts' bytes.
    ///
    /// # Errors
    /// [`Error::UnknownTrack`].
    pub fn part(&mut self, _frames: &[Frame], _tables: Tables) -> Result<Bytes, Error> {
        Err(Error::Empty)
    }
}
