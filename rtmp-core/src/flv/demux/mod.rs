//! Tag bodies to tracks and frames.

mod audio;
mod lane;
mod video;
mod why;

use bytes::Bytes;
use media_core::codec::flac::StreamInfo;
use media_core::track::VideoRange;
use media_core::{Codec, Frame, Timescale, Timestamp, Track, TrackId};

use super::TagKind;
use super::metadata::{self, Metadata, Script};
use lane::{Lane, Shape};
pub use why::Why;

/// What a publisher may make the demuxer keep.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Audio and video tracks of one publisher. Default 16; each costs up to four times `max_config_bytes`.
    pub max_tracks: usize,
    /// Size of a decoder configuration record. Default 16 KiB; real ones have fewer than 500 bytes.
    pub max_config_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_tracks: 16, max_config_bytes: 16 << 10 }
    }
}

/// What a message meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Media {
    /// A track was announced, or its headers changed: its frames from here on are coded so.
    Track(Track),
    /// An access unit of an announced track. `dts` is the raw 32-bit timestamp in microseconds ([`Timescale::MICROS`]): it wraps and
    /// may jump, and [`media_core::timeline`] repairs it.
    Frame(Frame),
    /// `onMetaData`. Encoders repeat it and are often wrong in it; the tracks' headers count.
    Metadata(Metadata),
    /// Nothing to pass on.
    Ignored {
        /// The reason.
        why: Why,
    },
}

/// Reads the media messages of one publisher.
///
/// Formats: legacy FLV with H.264 (7), HEVC (12), AAC and MP3; Enhanced RTMP v1 and v2 with `avc1 hvc1 av01 vp09 mp4a Opus .mp3 ac-3
/// ec-3 fLaC`, multitrack and ModEx. What it forgives, each for encoders that need it: Annex B in place of length-prefixed NAL units,
/// HEVC labelled as AVC, ADTS in place of raw AAC, parameter sets that come or change only in the stream, headers sent again with
/// every key frame, temporal delimiters, and everything in [`Why`], which costs only the message it is in.
#[derive(Debug)]
pub struct Demuxer {
    limits: Limits,
    lanes: Vec<Lane>,
    /// The dynamic ranges that colour descriptions gave. They come before the headers too, and outlive their changes.
    colours: Vec<(TrackId, VideoRange)>,
    data_track: bool,
    out: Vec<Media>,
}

impl Default for Demuxer {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

/// When a message is, as it came over the wire.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    ms: u32,
    nanos: u32,
}

impl Stamp {
    fn micros(self) -> Timestamp {
        Timestamp(i64::from(self.ms) * 1000 + i64::from(self.nanos / 1000))
    }
}

impl Demuxer {
    /// A demuxer that has seen nothing.
    pub fn new(limits: Limits) -> Self {
        Self { limits, lanes: Vec::new(), colours: Vec::new(), data_track: false, out: Vec::new() }
    }

    /// Reads one message body and yields what it means, in order. Not taking the items is the same as dropping them.
    ///
    /// A message has one item in general and two where headers change with a frame. A multitrack message may have 32 shares, and a
    /// share 64 ADTS frames.
    pub fn push(
        &mut self,
        kind: TagKind,
        timestamp_ms: u32,
        body: Bytes,
    ) -> impl Iterator<Item = Media> + '_ {
        self.out.clear();
        let read = match kind {
            TagKind::Audio => self.audio(timestamp_ms, body),
            TagKind::Video => self.video(timestamp_ms, body),
            TagKind::Script => self.script(timestamp_ms, &body),
        };
        if let Err(why) = read {
            self.out.push(Media::Ignored { why });
        }
        self.out.drain(..)
    }

    fn script(&mut self, timestamp_ms: u32, body: &Bytes) -> Result<(), Why> {
        if body.is_empty() {
            return Err(Why::Empty);
        }
        match metadata::read(body)? {
            Script::Metadata(metadata) => self.out.push(Media::Metadata(metadata)),
            Script::Other(message) => {
                if !self.data_track {
                    self.data_track = true;
                    self.out.push(Media::Track(Track::data(Timescale::MICROS)));
                }
                let dts = Stamp { ms: timestamp_ms, nanos: 0 }.micros();
                self.frame(TrackId::DATA, dts, dts, true, message);
            }
        }
        Ok(())
    }

    fn frame(&mut self, track: TrackId, dts: Timestamp, pts: Timestamp, keyframe: bool, data: Bytes) {
        self.out.push(Media::Frame(Frame { track, dts, pts, keyframe, data }));
    }

    fn lane(&mut self, id: TrackId) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|lane| lane.track.id == id)
    }

    /// The lane of `id` if it carries `codec`.
    fn lane_of(&mut self, id: TrackId, codec: Codec) -> Result<&mut Lane, Why> {
        self.lane(id).filter(|lane| lane.track.codec == codec).ok_or(Why::NoHeader { track: id })
    }

    /// Takes a decoder configuration that came as a header of its own.
    fn configure(&mut self, id: TrackId, codec: Codec, header: &Bytes) -> Result<(), Why> {
        if header.len() > self.limits.max_config_bytes {
            return Err(Why::HeaderTooLarge { track: id, bytes: header.len() });
        }
        // A copy, so that a header kept for hours does not keep the buffer it was received in.
        let config = Bytes::copy_from_slice(header);
        if let Ok(lane) = self.lane_of(id, codec)
            && (lane.header == config || says_the_same(codec, &lane.track.config, &config))
        {
            lane.header = config;
            return Err(Why::RepeatedHeader { track: id });
        }
        let track = Track::from_config(id, codec, Timescale::MICROS, config.clone())
            .map_err(|error| Why::BadHeader { track: id, error })?;
        let shape = Shape::of_config(&track);
        self.announce(Lane::new(track, config, shape))
    }

    /// Makes `lane` the current one of its track and says so.
    fn announce(&mut self, mut lane: Lane) -> Result<(), Why> {
        if let Some(&(_, colour)) = self.colours.iter().find(|(id, _)| *id == lane.track.id) {
            lane.set_colour(Some(colour));
        }
        if let Some(known) = self.lane(lane.track.id) {
            let track = lane.track.clone();
            *known = lane;
            self.out.push(Media::Track(track));
            return Ok(());
        }
        if self.lanes.len() >= self.limits.max_tracks {
            return Err(Why::TooManyTracks);
        }
        self.out.push(Media::Track(lane.track.clone()));
        self.lanes.push(lane);
        Ok(())
    }
}

/// Whether a decoder could go on with either record.
fn says_the_same(codec: Codec, one: &[u8], other: &[u8]) -> bool {
    if codec == Codec::Flac
        && let (Ok(one), Ok(other)) = (StreamInfo::parse(one), StreamInfo::parse(other))
    {
        // FFmpeg sends a header again at the end, with the frame sizes, the length and the checksum of what it was.
        let format =
            |info: &StreamInfo<'_>| (info.sample_rate, info.channels, info.bits_per_sample, info.max_block);
        return format(&one) == format(&other);
    }
    one == other
}

#[cfg(test)]
mod tests;
