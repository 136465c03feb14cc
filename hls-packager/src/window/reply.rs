//! What a viewer is answered.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::request::Invalid;
use crate::rendition::RenditionId;

/// The answer to a [`Request`](super::Request) at one moment.
#[derive(Clone, Debug)]
pub enum Reply {
    /// 200.
    Ready(Resource),
    /// Ask again when `on` has a version other than `version`, or at `until`, when the answer will not be this one.
    Wait {
        /// What the request waits for.
        on: Topic,
        /// Its [version](super::Window::version) now.
        version: u64,
        /// When to stop waiting.
        until: Instant,
    },
    /// 404.
    NotFound(Missing),
    /// 400.
    Invalid(Invalid),
    /// 503, with Retry-After.
    Unavailable {
        /// After how many seconds to try again.
        retry_after_s: u32,
    },
}

/// Why there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// Nothing has, or will have, this name; or it is long gone.
    Unknown,
    /// It is listed as a gap (EXT-X-GAP, GAP=YES), perhaps after it was hinted as a part.
    Gap,
    /// None of the stream's tracks can be packaged.
    CodecNotPackaged,
}

/// What changes, for those who wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Whether the stream can be played, and with which renditions.
    Stream,
    /// One rendition's playlist.
    Rendition(RenditionId),
}

/// What is to be sent.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its bytes, shared among all who ask for it.
    pub body: Body,
    /// Its media type.
    pub content_type: &'static str,
    /// How long it may be kept.
    pub cache: Cache,
}

/// How long an answer may be kept (Cache-Control).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// Not at all, not even to answer the same viewer again: the multivariant playlist, whose session is one viewer's.
    NoStore,
    /// Only to be revalidated: a live playlist, which the same URL names in every version.
    NoCache,
    /// This many seconds: the answer to a blocking reload, whose URL names one version.
    MaxAge(u32),
    /// For this many seconds, and it never changes: segments, parts and init segments.
    Immutable(u32),
}

/// Bytes to send.
#[derive(Clone, Debug)]
pub enum Body {
    /// A playlist.
    Text(Arc<Text>),
    /// A part or an init segment.
    Whole(Bytes),
    /// A segment: its parts in order.
    Chunks(Arc<Chunks>),
}

/// A rendered playlist, and a place for its compressed form.
#[derive(Debug)]
pub struct Text {
    identity: Bytes,
    compressed: OnceLock<Bytes>,
}

/// Bytes in several pieces.
#[derive(Debug)]
pub struct Chunks {
    pieces: Box<[Bytes]>,
    bytes: u64,
}

impl Body {
    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.identity.len() as u64,
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Chunks(chunks) => chunks.bytes,
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, in order. Cloning a piece shares it.
    pub fn pieces(&self) -> &[Bytes] {
        match self {
            Self::Text(text) => std::slice::from_ref(&text.identity),
            Self::Whole(bytes) => std::slice::from_ref(bytes),
            Self::Chunks(chunks) => &chunks.pieces,
        }
    }
}

impl Text {
    pub(super) fn new(identity: Bytes) -> Self {
        Self { identity, compressed: OnceLock::new() }
    }

    /// The playlist as it is.
    pub fn identity(&self) -> &Bytes {
        &self.identity
    }

    /// The playlist compressed by `compress`, which runs once however many ask.
    pub fn compressed(&self, compress: impl FnOnce(&[u8]) -> Bytes) -> &Bytes {
        self.compressed.get_or_init(|| compress(&self.identity))
    }
}

impl Chunks {
    pub(super) fn new(pieces: Box<[Bytes]>) -> Self {
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self { pieces, bytes }
    }
}

/// Media types (RFC 8216bis §10; IANA).
pub(super) mod content_type {
    pub(crate) const PLAYLIST: &str = "application/vnd.apple.mpegurl";
    pub(crate) const VIDEO_MP4: &str = "video/mp4";
    pub(crate) const AUDIO_MP4: &str = "audio/mp4";
    pub(crate) const MPEG_TS: &str = "video/mp2t";
}

/// The longest that a request for what is to come is held: hls.js gives up on a first byte after 10 s.
pub const MAX_HOLD: Duration = Duration::from_secs(8);

/// How long a request is held while a stream that was accepted has nothing to play yet.
pub const START_HOLD: Duration = Duration::from_secs(3);
