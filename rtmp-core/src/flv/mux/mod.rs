//! Tracks and frames to tag bodies.

mod form;
mod headers;
mod tag;

use media_core::{Codec, Frame, Timescale, Timestamp, Track, TrackKind};

use super::enhanced::{self, audio_packet, video_packet};
use super::{FourCc, TagKind};
pub use form::WireForm;
use tag::Head;
pub use tag::Tag;

/// Writes the media messages that players get, in one [`WireForm`]. One muxer serves all players of a stream that take the form.
#[derive(Debug)]
pub struct Muxer {
    form: WireForm,
    nano_offsets: bool,
    carried: Vec<Lane>,
    left_out: Vec<Track>,
}

/// A track and how its messages begin.
#[derive(Clone, Debug)]
struct Lane {
    track: Track,
    framing: Framing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// A codec number of legacy FLV: the whole first byte for sound.
    Legacy {
        sound: u8,
    },
    /// A FourCC; in the multitrack wrapper where there is a track number.
    Enhanced {
        fourcc: FourCc,
        wrapped: Option<u8>,
    },
    Script,
}

impl Muxer {
    /// A muxer without tracks: it writes nothing until it has some.
    pub fn new(form: WireForm) -> Self {
        Self { form, nano_offsets: false, carried: Vec::new(), left_out: Vec::new() }
    }

    /// Adds ModEx timestamp offsets to Enhanced RTMP messages, for players that announce `TimestampNanoOffset`: decode times keep
    /// their fractions of a millisecond (E-RTMP v2, `TimestampOffsetNano`). Off by default.
    #[must_use]
    pub fn with_nano_offsets(mut self) -> Self {
        self.nano_offsets = true;
        self
    }

    /// The form it writes.
    pub fn form(&self) -> WireForm {
        self.form
    }

    /// Takes the tracks of what follows. The players need [`Muxer::headers`] before the next frame.
    pub fn set_tracks(&mut self, tracks: &[Track]) {
        self.carried.clear();
        self.left_out.clear();
        let mut tracks: Vec<&Track> = tracks.iter().collect();
        tracks.sort_by_key(|track| track.id);
        for track in tracks {
            let taken = self.carried.iter().any(|lane| lane.track.kind() == track.kind());
            match self.framing(track) {
                Some(framing) if self.form == WireForm::Multitrack || !taken => {
                    self.carried.push(Lane { track: track.clone(), framing });
                }
                _ => self.left_out.push(track.clone()),
            }
        }
    }

    fn framing(&self, track: &Track) -> Option<Framing> {
        if track.kind() == TrackKind::Data {
            return Some(Framing::Script);
        }
        let wrapped =
            (self.form == WireForm::Multitrack).then(|| track.id.index()).filter(|&index| index > 0);
        match form::legacy_sound(track) {
            // What legacy FLV can say is said so in every form: a player that knows one FourCC need not know "avc1".
            Some(sound) if wrapped.is_none() => Some(Framing::Legacy { sound }),
            _ if self.form == WireForm::Legacy => None,
            _ => Some(Framing::Enhanced { fourcc: FourCc::of(track.codec)?, wrapped }),
        }
    }

    /// The tracks that players get.
    pub fn carried(&self) -> impl Iterator<Item = &Track> {
        self.carried.iter().map(|lane| &lane.track)
    }

    /// The tracks that the form has no room or no name for. A player to whom one of them matters is told
    /// `NetStream.Play.Failed`.
    pub fn left_out(&self) -> impl Iterator<Item = &Track> {
        self.left_out.iter()
    }

    /// The FourCCs that a player has to know (its `fourCcList`) to play everything carried.
    pub fn required(&self) -> impl Iterator<Item = FourCc> {
        self.carried.iter().filter_map(|lane| match lane.framing {
            Framing::Enhanced { fourcc, .. } => Some(fourcc),
            _ => None,
        })
    }

    /// The message of `frame`; `None` when its track is not carried. The payload is shared.
    pub fn frame(&self, frame: &Frame) -> Option<Tag> {
        let lane = self.carried.iter().find(|lane| lane.track.id == frame.track)?;
        let time = Time::of(frame, lane.track.timescale);
        let head = match lane.track.kind() {
            TrackKind::Video => self.video_head(lane, frame.keyframe, time),
            TrackKind::Audio => self.audio_head(lane, time),
            TrackKind::Data => Head::default(),
        };
        Some(Tag { kind: kind(&lane.track), timestamp_ms: time.ms, head, payload: frame.data.clone() })
    }

    fn video_head(&self, lane: &Lane, key: bool, time: Time) -> Head {
        let frame_type = if key { 0x10 } else { 0x20 };
        let mut head = Head::default();
        let reorders = matches!(lane.track.codec, Codec::H264 | Codec::Hevc);
        let composition = i32::to_be_bytes(time.composition_ms);
        let [_, composition @ ..] = composition;
        match lane.framing {
            Framing::Enhanced { fourcc, wrapped } => {
                let x = reorders && time.composition_ms == 0;
                let packet = if x { video_packet::CODED_FRAMES_X } else { video_packet::CODED_FRAMES };
                let multitrack = video_packet::MULTITRACK;
                self.enhanced_head(&mut head, 0x80 | frame_type, packet, multitrack, fourcc, wrapped, time);
                if reorders && !x {
                    head.extend(&composition);
                }
            }
            _ => {
                head.extend(&[frame_type | form::AVC, video_packet::CODED_FRAMES]);
                head.extend(&composition);
            }
        }
        head
    }

    fn audio_head(&self, lane: &Lane, time: Time) -> Head {
        let mut head = Head::default();
        match lane.framing {
            Framing::Enhanced { fourcc, wrapped } => {
                let (packet, multitrack) = (audio_packet::CODED_FRAMES, audio_packet::MULTITRACK);
                self.enhanced_head(&mut head, form::EX_AUDIO, packet, multitrack, fourcc, wrapped, time);
            }
            Framing::Legacy { sound } if lane.track.codec == Codec::Aac => {
                head.extend(&[sound, audio_packet::CODED_FRAMES]);
            }
            Framing::Legacy { sound } => head.extend(&[sound]),
            Framing::Script => {}
        }
        head
    }

    /// `first` is the message's first byte without the packet type.
    #[expect(clippy::too_many_arguments, reason = "the fields of one wire header, in its order")]
    fn enhanced_head(
        &self,
        head: &mut Head,
        first: u8,
        packet: u8,
        multitrack: u8,
        fourcc: FourCc,
        wrapped: Option<u8>,
        time: Time,
    ) {
        let outer = if wrapped.is_some() { multitrack } else { packet };
        if self.nano_offsets && time.nanos > 0 {
            let [_, nanos @ ..] = time.nanos.to_be_bytes();
            // Three bytes of data (written as one less), the offset, its type 0 and the packet type that follows.
            head.extend(&[first | enhanced::MOD_EX, 2]);
            head.extend(&nanos);
            head.extend(&[outer]);
        } else {
            head.extend(&[first | outer]);
        }
        if let Some(track) = wrapped {
            head.extend(&[enhanced::ONE_TRACK << 4 | packet]);
            head.extend(&fourcc.0);
            head.extend(&[track]);
        } else {
            head.extend(&fourcc.0);
        }
    }
}

/// A frame's times in the units of the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Time {
    /// Decode time in milliseconds, modulo 2^32.
    ms: u32,
    /// What the milliseconds leave over.
    nanos: u32,
    /// Presentation minus decode time in milliseconds, within 24 signed bits.
    composition_ms: i32,
}

/// The largest composition offset that 24 signed bits hold.
const MAX_COMPOSITION_MS: i64 = 0x7f_ffff;

impl Time {
    fn of(frame: &Frame, timescale: Timescale) -> Self {
        let ms = |time: Timestamp| time.rescale(timescale, Timescale::MILLIS);
        let composition =
            ms(frame.pts).since(ms(frame.dts)).clamp(-MAX_COMPOSITION_MS - 1, MAX_COMPOSITION_MS);
        let hz = i128::from(timescale.hz());
        let nanos = (i128::from(frame.dts.0) * 1_000_000_000).div_euclid(hz).rem_euclid(1_000_000);
        Self { ms: wrapped(ms(frame.dts)), nanos: nanos as u32, composition_ms: composition as i32 }
    }
}

/// Milliseconds modulo 2^32, as the wire has them.
fn wrapped(ms: Timestamp) -> u32 {
    (ms.0 & 0xffff_ffff) as u32
}

fn kind(track: &Track) -> TagKind {
    match track.kind() {
        TrackKind::Video => TagKind::Video,
        TrackKind::Audio => TagKind::Audio,
        TrackKind::Data => TagKind::Script,
    }
}

#[cfg(test)]
mod tests;
