//! FLV tag bodies, which are also RTMP's media messages, to tracks and frames, and back.
//!
//! [`Demuxer`] reads what a publisher sends, [`Muxer`] writes what a player gets, and [`mod@file`] frames tags as an FLV file or an
//! HTTP-FLV stream. They speak legacy FLV (Adobe Video File Format 10.1, annex E) and Enhanced RTMP (veovera E-RTMP v2,
//! "Enhanced Audio" and "Enhanced Video"), and do not copy payloads.
//!
//! ```
//! use bytes::Bytes;
//! use rtmp_core::flv::{Demuxer, Media, TagKind};
//!
//! let mut demuxer = Demuxer::default();
//! let header = Bytes::from_static(&[0xaf, 0x00, 0x12, 0x10]);
//! for media in demuxer.push(TagKind::Audio, 0, header) {
//!     match media {
//!         Media::Track(track) => println!("{}", track.rfc6381),
//!         Media::Frame(frame) => println!("{} bytes", frame.data.len()),
//!         Media::Metadata(metadata) => println!("{metadata:?}"),
//!         Media::Ignored { why } => println!("{why}"),
//!     }
//! }
//! ```

mod demux;
mod enhanced;
pub mod file;
#[cfg(test)]
pub(crate) mod fixtures;
mod fourcc;
mod metadata;
mod mux;
mod nal;
mod opus;
#[cfg(test)]
mod round_trip;

pub use demux::{Demuxer, Limits, Media, Why};
pub use fourcc::FourCc;
pub use metadata::{MAX_ENCODER_BYTES, Metadata};
pub use mux::{Muxer, Tag, WireForm};

/// What a tag carries; its number is both the FLV tag type (annex E.4.1) and the RTMP message type (Adobe RTMP §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TagKind {
    /// Sound, 8.
    Audio,
    /// Pictures, 9.
    Video,
    /// An AMF0 script message, 18.
    Script,
}

impl TagKind {
    /// The tag type.
    pub const fn number(self) -> u8 {
        match self {
            Self::Audio => 8,
            Self::Video => 9,
            Self::Script => 18,
        }
    }

    /// The kind with this tag type.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            8 => Some(Self::Audio),
            9 => Some(Self::Video),
            18 => Some(Self::Script),
            _ => None,
        }
    }
}
