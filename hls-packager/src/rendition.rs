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
    fn names_round_trip_and_have_one_spelling() {
        for id in [RenditionId::Video, RenditionId::Audio(0), RenditionId::Audio(255), RenditionId::Muxed] {
            assert_eq!(RenditionId::parse(&id.to_string()), Some(id));
        }
        for name in ["", "audio", "audio00", "audio256", "audio+1", "Video", "index.m3u8"] {
            assert_eq!(RenditionId::parse(name), None, "{name}");
        }
    }
}
