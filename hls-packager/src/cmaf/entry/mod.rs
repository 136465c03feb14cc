//! Sample entries: what the decoder must know, from the track's configuration (ISO/IEC 14496-12 §8.5.2).

mod audio;
mod esds;
mod video;

use media_core::{Codec, Track};

use super::boxes::Boxes;
use crate::container::{Container, Error};

/// A sample entry whose configuration was checked, ready to write.
#[derive(Debug)]
pub(super) struct SampleEntry<'a> {
    track: &'a Track,
    config: Config<'a>,
}

/// The configuration box of an entry.
#[derive(Debug)]
enum Config<'a> {
    Video(video::Config<'a>),
    Audio(audio::Config<'a>),
}

impl<'a> SampleEntry<'a> {
    /// The entry of `track`; `first_frame` tells what the track's configuration leaves out.
    pub(super) fn of(track: &'a Track, first_frame: &[u8]) -> Result<Self, Error> {
        let config = match track.codec {
            Codec::H264 | Codec::Hevc | Codec::Av1 | Codec::Vp9 => {
                Config::Video(video::Config::of(track, first_frame)?)
            }
            Codec::Aac | Codec::Opus | Codec::Mp3 | Codec::Ac3 | Codec::Eac3 | Codec::Flac => {
                Config::Audio(audio::Config::of(track, first_frame)?)
            }
            codec => return Err(Error::CodecNotPackaged { codec, container: Container::Cmaf }),
        };
        Ok(Self { track, config })
    }

    /// Writes it into a `stsd`.
    pub(super) fn write(&self, stsd: &mut Boxes) {
        match &self.config {
            Config::Video(config) => config.write(stsd),
            Config::Audio(config) => config.write(self.track, stsd),
        }
    }

    /// Width and height in square pixels; 0 for audio.
    pub(super) fn display_size(&self) -> (u16, u16) {
        match &self.config {
            Config::Video(config) => config.display_size(),
            Config::Audio(_) => (0, 0),
        }
    }
}
