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
    /// The dynamic range that a colour description gave, which outlives changes of the header.
    colour: Option<VideoRange>,
}

impl Lane {
    pub(super) fn new(track: Track, header: Bytes, shape: Shape) -> Self {
        Self { track, header, shape, colour: None }
    }

    /// Takes the place of `before`, with its colour description.
    pub(super) fn succeed(&mut self, before: &Self) {
        self.colour = before.colour;
        self.paint();
    }

    /// Heeds a colour description; whether the track changed by it.
    pub(super) fn set_colour(&mut self, colour: Option<VideoRange>) -> bool {
        let before = self.track.params.clone();
        self.colour = colour;
        if colour.is_none()
            && let Ok(header) = media_core::codec::parse_config(self.track.codec, &self.track.config)
        {
            self.track.params = header.params;
        }
        self.paint();
        self.track.params != before
    }

    fn paint(&mut self) {
        if let (Some(colour), Params::Video(video)) = (self.colour, &mut self.track.params) {
            video.range = colour;
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
