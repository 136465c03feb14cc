//! CMAF: fragmented MP4 with one track a file (ISO/IEC 23000-19 over ISO/IEC 14496-12).
//!
//! [`init_segment`] once a track, then one [`fragment`] a part. A segment is the concatenation of its parts' bytes.

use bytes::Bytes;
use media_core::{Frame, Timestamp, Track};

use crate::container::Error;

/// The `track_ID` of the one track in every file.
pub const TRACK_ID: u32 = 1;

/// The init segment of `track`: `ftyp` and `moov`, the target of EXT-X-MAP.
///
/// `first_frame` is any frame of the track; only AC-3 and E-AC-3, whose configuration is in every frame and nowhere
/// else, look at it, and it may be empty for the rest.
///
/// # Errors
/// [`Error::CodecNotPackaged`] for script data; [`Error::BadConfig`] when the track's configuration is unusable.
pub fn init_segment(_track: &Track, _first_frame: &[u8]) -> Result<Bytes, Error> {
    Err(Error::Empty)
}

/// One `moof` and `mdat` for a run of frames of one track, in decode order: a part.
///
/// `sequence` counts the track's fragments from 1. Times are in the track's timescale; a frame lasts until the next
/// one's decode time, the last one until `end`, which is the decode time of the next fragment's first frame.
///
/// # Errors
/// [`Error::Empty`] without frames; [`Error::BackwardDecodeTime`] unless decode times strictly increase up to `end`;
/// [`Error::OutOfRange`] for a negative decode time or what does not fit a field.
pub fn fragment(_sequence: u32, _frames: &[Frame], _end: Timestamp) -> Result<Bytes, Error> {
    Err(Error::Empty)
}
