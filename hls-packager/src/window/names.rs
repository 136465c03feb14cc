//! The names of what playlists refer to, relative to the playlist. A life's number is in each, so that none ever means two things.

use std::fmt;

use crate::rendition::RenditionId;

/// A file beside a media playlist.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name {
    Init { life: u64, number: u64 },
    Part { life: u64, number: u64, rendition: RenditionId },
    Segment { life: u64, media_sequence: u64, rendition: RenditionId },
}

/// The extension of segments and parts.
pub(super) fn extension(rendition: RenditionId) -> &'static str {
    match rendition {
        RenditionId::Muxed => "ts",
        RenditionId::Video | RenditionId::Audio(_) => "m4s",
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Init { life, number } => write!(f, "l{life}-i{number}.mp4"),
            Self::Part { life, number, rendition } => {
                write!(f, "l{life}-p{number}.{}", extension(*rendition))
            }
            Self::Segment { life, media_sequence, rendition } => {
                write!(f, "l{life}-s{media_sequence}.{}", extension(*rendition))
            }
        }
    }
}
