//! What a packager makes of frames.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::container::Container;
use crate::health::Health;
use crate::journal::Journal;
use crate::rendition::{Rendition, RenditionId};

/// What a packager made, in the order in which a [`Window`](crate::Window) applies it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// To be synced to disk before any later event is applied to a window. A window ignores it.
    Journal(Journal),
    /// A life began: its tracks have settled and its targets are fixed. Everything after it belongs to this life.
    Settled(Arc<Settled>),
    /// A rendition for new viewers, whose track came after the others had settled.
    Added {
        /// The rendition.
        rendition: Rendition,
        /// Another one, whose newest complete segment ends where this one begins: its segments up to there are gaps here.
        after: RenditionId,
    },
    /// What a known rendition carries from now on.
    Changed(Rendition),
    /// A segment begins without a key frame, so EXT-X-INDEPENDENT-SEGMENTS is not true any more.
    Dependent,
    /// An init segment. CMAF only.
    Init(Init),
    /// A part of the segment that is being made. In lives without parts it is not listed, only kept.
    Part(Part),
    /// A segment is complete.
    Segment(Segment),
    /// The playlists are complete: EXT-X-ENDLIST.
    Ended,
    /// None of the tracks can be packaged, and nothing will come.
    NotPackaged,
    /// Something about the encoder that costs its viewers. A window ignores it.
    Health(Health),
}

/// A life: what its playlists promise until it ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The life's number, in every segment's name.
    pub life: u64,
    /// What segments are.
    pub container: Container,
    /// EXT-X-TARGETDURATION, in seconds.
    pub target_duration_s: u32,
    /// PART-TARGET; `None` in a life without parts.
    pub part_target: Option<Duration>,
    /// How much media a playlist lists.
    pub window: Duration,
    /// The most media that a window holds, in bytes.
    pub max_window_bytes: u64,
    /// Whether every segment starts with a key frame: EXT-X-INDEPENDENT-SEGMENTS.
    pub independent_segments: bool,
    /// The discontinuity sequence number before the first segment.
    pub discontinuity_sequence: u64,
    /// What has a playlist, video first.
    pub renditions: Vec<Rendition>,
}

/// A media initialization section (RFC 8216bis §3), the target of EXT-X-MAP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// The rendition.
    pub rendition: RenditionId,
    /// Its number, in its name: the media sequence number of the first segment that needs it.
    pub number: u64,
    /// `ftyp` and `moov`.
    pub data: Bytes,
}

/// What comes before a segment's first part in a playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// EXT-X-MEDIA-SEQUENCE counted to this segment: the same in all renditions.
    pub media_sequence: u64,
    /// Whether EXT-X-DISCONTINUITY precedes it.
    pub discontinuity: bool,
    /// The number of its init segment; `None` in MPEG-TS, and in gaps before the first init segment.
    pub init: Option<u64>,
    /// The date of its first sample.
    pub date: SystemTime,
}

/// A partial segment (RFC 8216bis §4.4.4.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The rendition.
    pub rendition: RenditionId,
    /// The segment it belongs to.
    pub head: Head,
    /// Its place in the segment, from 0.
    pub index: u32,
    /// Its number in the rendition, in its name. Counts on across segments, so that the name of the next part is known before it
    /// is known which segment it will be in.
    pub number: u64,
    /// Its duration.
    pub duration: Duration,
    /// Whether it has a frame at which decoding can begin.
    pub independent: bool,
    /// Its bytes; `None` for a gap.
    pub data: Option<Bytes>,
}

/// A media segment (RFC 8216bis §3) is complete. Its bytes are those of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The rendition.
    pub rendition: RenditionId,
    /// What precedes it.
    pub head: Head,
    /// Its duration: EXTINF.
    pub duration: Duration,
    /// Whether it has no media: EXT-X-GAP.
    pub gap: bool,
}
