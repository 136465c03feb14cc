//! What the demuxer remembers of a track.

use bytes::Bytes;
use media_core::track::{Params, VideoRange};
use media_core::{Codec, Track};

/// One announced track.
#[derive(Debug)]
pub(super) struct Lane {
    /// As it was announced last.
    pub(super) track: Track,
    /// The last header received, to recognise a repetition; empty when the track was derived from its frames.
    pub(super) header: Bytes,
    pub(super) shape: Shape,
}

impl Lane {
    pub(super) fn new(track: Track, header: Bytes, shape: Shape) -> Self {
        Self { track, header, shape }
    }

    /// Heeds a colour description, or that it was taken back; whether the track changed by it.
    pub(super) fn set_colour(&mut self, colour: Option<VideoRange>) -> bool {
        let range = colour.or_else(|| {
            let header = media_core::codec::parse_config(self.track.codec, &self.track.config).ok()?;
            match header.params {
                Params::Video(video) => Some(video.range),
                _ => None,
            }
        });
        match (&mut self.track.params, range) {
            (Params::Video(video), Some(range)) => std::mem::replace(&mut video.range, range) != range,
            _ => false,
        }
    }
}

/// How a track's frames are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// NAL units.
    Nal {
        /// Bytes of the length before each.
        length_size: u8,
        /// The messages call it AVC (old OBS builds did so with HEVC).
        disguised: bool,
    },
    /// AAC whose header came with every frame.
    Adts { config: [u8; 2] },
    /// Frames that describe themselves; what the last one said.
    SelfDescribed { key: u32 },
    /// Frames passed on as they are.
    Raw,
}

impl Shape {
    /// The shape of a track whose configuration record came as a header.
    pub(super) fn of_config(track: &Track) -> Self {
        match track.codec {
            Codec::H264 => Self::nal(&track.config, 4),
            Codec::Hevc => Self::nal(&track.config, 21),
            _ => Self::Raw,
        }
    }

    /// `at` is where the record says how long the lengths are, in its lowest two bits.
    fn nal(record: &[u8], at: usize) -> Self {
        Self::Nal { length_size: record.get(at).map_or(4, |byte| (byte & 3) + 1), disguised: false }
    }
}
