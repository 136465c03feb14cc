//! What a viewer asks for.

use std::time::Instant;

use super::names;
use crate::rendition::{RenditionId, Renditions};

/// A request below `/hls/{stream}/{session}/`, or for the multivariant playlist.
///
/// Reading never fails: what names nothing is answered [`Reply::NotFound`](crate::Reply::NotFound), and a malformed directive
/// [`Reply::Invalid`](crate::Reply::Invalid), unless the playlist has ended, which ignores directives (RFC 8216bis §6.2.5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub(super) target: Target,
    pub(super) directives: Result<Directives, Invalid>,
    pub(super) arrived: Instant,
    pub(super) granted: Renditions,
}

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Multivariant { session: String },
    Playlist(RenditionId),
    Init { rendition: RenditionId, life: u64, number: u64 },
    Part { rendition: RenditionId, life: u64, number: u64 },
    Segment { rendition: RenditionId, life: u64, media_sequence: u64 },
    Nothing,
}

/// Delivery directives (RFC 8216bis §6.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Directives {
    /// `_HLS_msn` and `_HLS_part`.
    pub(super) block: Option<Block>,
    /// `_HLS_skip`.
    pub(super) skip: bool,
}

/// What a blocking reload waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) media_sequence: u64,
    pub(super) part: Option<u64>,
}

/// Why a request is malformed: 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// A directive's value is not what it has to be.
    #[error("{directive} has to be {expected}")]
    Directive {
        /// Its name.
        directive: &'static str,
        /// What its value has to be.
        expected: &'static str,
    },
    /// A directive was given twice.
    #[error("{directive} is there twice")]
    Repeated {
        /// Its name.
        directive: &'static str,
    },
    /// `_HLS_part` without `_HLS_msn` (RFC 8216bis §6.2.5.2).
    #[error("_HLS_part needs _HLS_msn")]
    PartWithoutSequence,
    /// `_HLS_msn` is more than two past the last segment (RFC 8216bis §6.2.5.2).
    #[error("_HLS_msn={requested} is too far ahead: the last segment is {last}")]
    SequenceTooFar {
        /// What was asked for.
        requested: u64,
        /// The last segment in the playlist.
        last: u64,
    },
    /// `_HLS_part` is past the last part by more than three seconds' worth (RFC 8216bis §6.2.5.2).
    #[error("_HLS_part={requested} is too far ahead: at most {allowed} can be asked for")]
    PartTooFar {
        /// What was asked for.
        requested: u64,
        /// The largest part index that would be waited for.
        allowed: u64,
    },
}

const MSN: &str = "_HLS_msn";
const PART: &str = "_HLS_part";
const SKIP: &str = "_HLS_skip";
const DECIMAL: &str = "a decimal integer";

impl Request {
    /// For the multivariant playlist, whose children's URIs go through `session`: one path segment, taken as it is.
    pub fn multivariant(session: &str, arrived: Instant) -> Self {
        Self {
            target: Target::Multivariant { session: session.to_owned() },
            directives: Ok(Directives::default()),
            arrived,
            granted: Renditions::ALL,
        }
    }

    /// For what is below the session: `path` is `{rendition}/{file}` without a leading slash, `query` what follows the `?`,
    /// `arrived` when the request came, from which holding is bounded.
    pub fn parse(path: &str, query: Option<&str>, arrived: Instant) -> Self {
        let target = target(path).unwrap_or(Target::Nothing);
        let directives = match (&target, query) {
            (Target::Playlist(_), Some(query)) => directives(query),
            _ => Ok(Directives::default()),
        };
        Self { target, directives, arrived, granted: Renditions::ALL }
    }

    /// Of somebody who may see only these renditions: the others are neither listed nor served.
    #[must_use]
    pub fn granted(self, renditions: Renditions) -> Self {
        Self { granted: renditions, ..self }
    }

    /// The rendition that is asked for, or of which something is.
    pub fn rendition(&self) -> Option<RenditionId> {
        match &self.target {
            Target::Multivariant { .. } | Target::Nothing => None,
            Target::Playlist(rendition)
            | Target::Init { rendition, .. }
            | Target::Part { rendition, .. }
            | Target::Segment { rendition, .. } => Some(*rendition),
        }
    }

    /// Whether a media playlist is asked for: the requests by which viewers are counted.
    pub fn is_media_playlist(&self) -> bool {
        matches!(self.target, Target::Playlist(_))
    }
}

fn target(path: &str) -> Option<Target> {
    let (folder, file) = path.split_once('/')?;
    let rendition = RenditionId::parse(folder)?;
    if file == "index.m3u8" {
        return Some(Target::Playlist(rendition));
    }
    let (stem, extension) = file.split_once('.')?;
    let mut fields = stem.split('-');
    let life = number(fields.next()?.strip_prefix('l')?)?;
    let last = fields.next()?;
    if fields.next().is_some() {
        return None;
    }
    let kind = last.chars().next()?;
    let number = number(last.get(kind.len_utf8()..)?)?;
    let media = names::extension(rendition);
    match (kind, extension) {
        ('i', "mp4") => Some(Target::Init { rendition, life, number }),
        ('p', extension) if extension == media => Some(Target::Part { rendition, life, number }),
        ('s', extension) if extension == media => {
            Some(Target::Segment { rendition, life, media_sequence: number })
        }
        _ => None,
    }
}

/// A number in the one spelling that playlists use, so that a cache holds one copy.
fn number(digits: &str) -> Option<u64> {
    let canonical = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    canonical.then(|| digits.parse().ok())?
}

fn directives(query: &str) -> Result<Directives, Invalid> {
    let (mut media_sequence, mut part, mut skip) = (None, None, None);
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            MSN => once(MSN, &mut media_sequence, decimal(MSN, value)?)?,
            PART => once(PART, &mut part, decimal(PART, value)?)?,
            SKIP if value == "YES" || value == "v2" => once(SKIP, &mut skip, ())?,
            SKIP => return Err(Invalid::Directive { directive: SKIP, expected: "YES or v2" }),
            _ => {}
        }
    }
    let block = match (media_sequence, part) {
        (Some(media_sequence), part) => Some(Block { media_sequence, part }),
        (None, Some(_)) => return Err(Invalid::PartWithoutSequence),
        (None, None) => None,
    };
    Ok(Directives { block, skip: skip.is_some() })
}

fn once<T>(directive: &'static str, slot: &mut Option<T>, value: T) -> Result<(), Invalid> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Invalid::Repeated { directive }),
    }
}

/// RFC 8216bis §4.2: 0 to 2^64-1. Leading zeros are allowed there.
fn decimal(directive: &'static str, value: &str) -> Result<u64, Invalid> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| value.parse().ok()).flatten().ok_or(Invalid::Directive { directive, expected: DECIMAL })
}
