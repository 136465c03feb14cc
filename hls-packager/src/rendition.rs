//! Renditions: what has a media playlist of its own, and its name in URLs.

use std::fmt;
use std::sync::Arc;

use media_core::Track;

/// Names a rendition within a stream. Its text form is the folder in URLs: `video`, `audio0`, `muxed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RenditionId {
    /// The video track of a CMAF stream.
    Video,
    /// An audio track of a CMAF stream, by its number within the publisher's audio tracks.
    Audio(u8),
    /// All tracks of an MPEG-TS stream.
    Muxed,
}

impl RenditionId {
    /// Reads the folder name; `None` for what no rendition is called.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "video" => Some(Self::Video),
            "muxed" => Some(Self::Muxed),
            _ => {
                let digits = name.strip_prefix("audio")?;
                let number: u8 = digits.parse().ok()?;
                // One spelling each, so that a cache holds one copy.
                (number.to_string() == digits).then_some(Self::Audio(number))
            }
        }
    }
}

impl fmt::Display for RenditionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Video => f.write_str("video"),
            Self::Audio(number) => write!(f, "audio{number}"),
            Self::Muxed => f.write_str("muxed"),
        }
    }
}

/// A set of renditions, as what somebody may see. By default all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renditions(u32);

impl Default for Renditions {
    fn default() -> Self {
        Self::ALL
    }
}

impl Renditions {
    /// All of them.
    pub const ALL: Self = Self(u32::MAX);
    /// None.
    pub const NONE: Self = Self(0);

    /// These. A name of another server's making may be of none: see [`RenditionId::parse`].
    pub fn of(ids: impl IntoIterator<Item = RenditionId>) -> Self {
        Self(ids.into_iter().map(Self::bit).fold(0, |set, bit| set | bit))
    }

    /// Whether `id` is one of them.
    pub fn contain(self, id: RenditionId) -> bool {
        self == Self::ALL || self.0 & Self::bit(id) != 0
    }

    /// As a number, for [`from_bits`](Self::from_bits).
    pub fn bits(self) -> u32 {
        self.0
    }

    /// The set that had this number.
    pub fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// A bit each; audio tracks beyond the 29th, of which the packager makes nothing, have none.
    fn bit(id: RenditionId) -> u32 {
        match id {
            RenditionId::Video => 1,
            RenditionId::Muxed => 2,
            RenditionId::Audio(number) => 4_u32.checked_shl(number.into()).unwrap_or(0) & (u32::MAX >> 1),
        }
    }
}

/// A rendition of a life: what the multivariant playlist says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendition {
    /// Its name.
    pub id: RenditionId,
    /// What it carries: one track in CMAF, all of them in MPEG-TS.
    pub tracks: Arc<[Track]>,
    /// Frames a second of its video, by header or measured.
    pub frame_rate: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in_and_only_all_has_everything() {
        use RenditionId::{Audio, Muxed, Video};
        let some = Renditions::of([Video, Audio(3)]);
        assert!(some.contain(Video) && some.contain(Audio(3)));
        assert!(!some.contain(Muxed) && !some.contain(Audio(0)));
        assert!(Renditions::ALL.contain(Audio(255)) && !Renditions::NONE.contain(Video));
        let most = Renditions::of([Video, Muxed].into_iter().chain((0..=255).map(Audio)));
        assert!(most != Renditions::ALL && !most.contain(Audio(255)));
        assert_eq!(Renditions::from_bits(some.bits()), some);
    }

    #[test]
    fn names_round_trip_and_have_one_spelling() {
        for id in [RenditionId::Video, RenditionId::Audio(0), RenditionId::Audio(255), RenditionId::Muxed] {
            assert_eq!(RenditionId::parse(&id.to_string()), Some(id));
        }
        for name in ["", "audio", "audio00", "audio256", "audio+1", "Video", "index.m3u8"] {
            assert_eq!(RenditionId::parse(name), None, "{name}");
        }
    }
}
