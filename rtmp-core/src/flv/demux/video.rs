//! Video messages: legacy (annex E.4.3) and Enhanced RTMP's `ExVideoTagHeader`.

use bytes::Bytes;
use media_core::codec::{self, av1, avc, hevc, vp9};
use media_core::track::Params;
use media_core::{Codec, Timescale, Track, TrackId};

use super::super::enhanced::{self, Envelope, Part, video_packet as packet};
use super::super::{metadata, nal};
use super::{Demuxer, Lane, Media, Shape, Stamp, Why};

const KEY_FRAME: u8 = 1;
const GENERATED_KEY_FRAME: u8 = 4;
const COMMAND_FRAME: u8 = 5;
const AVC: u8 = 7;
/// Not of Adobe: the number that Chinese CDNs and their encoders gave HEVC.
const HEVC: u8 = 12;

/// A coded picture as its message described it.
struct Picture {
    stamp: Stamp,
    /// Presentation minus decode time in milliseconds.
    composition_ms: i32,
    /// The message calls it a key frame.
    key: bool,
    data: Bytes,
}

impl Demuxer {
    pub(super) fn video(&mut self, ms: u32, mut body: Bytes) -> Result<(), Why> {
        if body.is_empty() {
            return Err(Why::Empty);
        }
        let first = enhanced::u8_of(&mut body, "video header")?;
        let frame_type = first >> 4 & 7;
        if first & 0x80 != 0 {
            return self.enhanced_video(ms, frame_type, first & 0x0f, body);
        }
        if frame_type == COMMAND_FRAME {
            return Err(Why::Command);
        }
        let codec = match first & 0x0f {
            AVC => Codec::H264,
            HEVC => Codec::Hevc,
            number => return Err(Why::LegacyCodec { kind: "video", number }),
        };
        let packet_type = enhanced::u8_of(&mut body, "AVC packet type")?;
        let composition_ms = enhanced::composition_offset(&mut body)?;
        let id = TrackId::video(0);
        match packet_type {
            packet::SEQUENCE_START => self.legacy_header(id, codec, &body),
            packet::CODED_FRAMES => {
                let stamp = Stamp { ms, nanos: 0 };
                let picture = Picture { stamp, composition_ms, key: is_key(frame_type), data: body };
                self.nal_picture(id, codec, picture)
            }
            packet::SEQUENCE_END => Err(Why::SequenceEnd { track: id }),
            number => Err(Why::PacketType { number }),
        }
    }

    fn enhanced_video(
        &mut self,
        ms: u32,
        frame_type: u8,
        packet_type: u8,
        mut body: Bytes,
    ) -> Result<(), Why> {
        let (packet_type, nanos) = enhanced::take_mod_ex(packet_type, &mut body)?;
        if frame_type == COMMAND_FRAME && packet_type != packet::METADATA {
            return Err(Why::Command);
        }
        let stamp = Stamp { ms, nanos };
        let mut envelope = Envelope::open(packet_type, packet::MULTITRACK, body)?;
        while let Some(part) = envelope.next() {
            let read =
                part.and_then(|part| self.video_part(stamp, is_key(frame_type), envelope.packet_type, part));
            if let Err(why) = read {
                self.out.push(Media::Ignored { why });
            }
        }
        Ok(())
    }

    fn video_part(&mut self, stamp: Stamp, key: bool, packet_type: u8, part: Part) -> Result<(), Why> {
        let Part { track, fourcc, mut body } = part;
        let id = TrackId::video(track);
        let codec = fourcc.video().ok_or(Why::UnknownFourCc { fourcc })?;
        let composition_ms = match packet_type {
            packet::SEQUENCE_START => return self.video_header(id, codec, &body),
            packet::SEQUENCE_END => return Err(Why::SequenceEnd { track: id }),
            packet::METADATA => return self.colour(id, &body),
            packet::MPEG2TS_SEQUENCE_START => return self.descriptor(id, codec),
            packet::CODED_FRAMES if matches!(codec, Codec::H264 | Codec::Hevc) => {
                enhanced::composition_offset(&mut body)?
            }
            packet::CODED_FRAMES | packet::CODED_FRAMES_X => 0,
            number => return Err(Why::PacketType { number }),
        };
        let picture = Picture { stamp, composition_ms, key, data: body };
        match codec {
            Codec::H264 | Codec::Hevc => self.nal_picture(id, codec, picture),
            Codec::Av1 => self.av1_picture(id, picture),
            _ => self.vp9_picture(id, picture),
        }
    }

    /// A legacy sequence header, which may not be what it is labelled as.
    fn legacy_header(&mut self, id: TrackId, codec: Codec, body: &Bytes) -> Result<(), Why> {
        if codec == Codec::H264 && hevc::is_mislabelled(body) {
            self.video_header(id, Codec::Hevc, body)?;
            if let Some(Lane { shape: Shape::Nal { disguised, .. }, .. }) = self.lane(id) {
                *disguised = true;
            }
            return Ok(());
        }
        self.video_header(id, codec, body)
    }

    fn video_header(&mut self, id: TrackId, codec: Codec, header: &Bytes) -> Result<(), Why> {
        if header.is_empty() {
            return Err(Why::EmptyHeader { track: id });
        }
        match codec {
            Codec::H264 | Codec::Hevc if nal::starts_with_start_code(header) => {
                let record = match codec {
                    Codec::H264 => avc::config_from_annex_b(header),
                    _ => hevc::config_from_annex_b(header),
                };
                self.configure(id, codec, &record.ok_or(Why::BadFrame { track: id })?)
            }
            // Some writers prefix the record with the version and flags of the MP4 box it stands in.
            Codec::Vp9 if header.len() >= 12 && header.starts_with(&[1, 0, 0, 0]) => {
                self.configure(id, codec, &header.slice(4..))
            }
            _ => self.configure(id, codec, header),
        }
    }

    /// An AV1 video descriptor in place of `av1C`. It says less than the sequence header in the first key frame, which announces the
    /// track.
    fn descriptor(&self, id: TrackId, codec: Codec) -> Result<(), Why> {
        match codec {
            Codec::Av1 => Err(Why::Description { track: id }),
            _ => Err(Why::PacketType { number: packet::MPEG2TS_SEQUENCE_START }),
        }
    }

    fn nal_picture(&mut self, id: TrackId, labelled: Codec, mut picture: Picture) -> Result<(), Why> {
        let known = self.lane(id).and_then(|lane| match lane.shape {
            Shape::Nal { length_size, disguised } if lane.track.codec == labelled || disguised => {
                Some((lane.track.codec, length_size))
            }
            _ => None,
        });
        let (codec, length_size) = known.unwrap_or_else(|| {
            // An encoder that labels HEVC as AVC cannot make a header for it either.
            let disguised = labelled == Codec::H264 && hevc::is_mislabelled(&picture.data);
            (if disguised { Codec::Hevc } else { labelled }, 4)
        });
        let unit = nal::read(codec, length_size, &picture.data).ok_or(Why::BadFrame { track: id })?;
        if known.is_none() {
            self.announce_from_units(id, labelled, codec, &unit.data)?;
        } else if unit.sets && (picture.key || unit.key || !unit.picture) {
            self.follow(id, &unit.data)?;
        }
        if !unit.picture {
            return Err(Why::NoPicture { track: id });
        }
        picture.key |= unit.key;
        picture.data = unit.data;
        self.picture(id, picture)
    }

    /// Announces a track that has no header from the parameter sets in one of its access units.
    fn announce_from_units(
        &mut self,
        id: TrackId,
        labelled: Codec,
        codec: Codec,
        data: &[u8],
    ) -> Result<(), Why> {
        let config = match codec {
            Codec::H264 => avc::config_from_access_unit(4, data),
            _ => hevc::config_from_access_unit(4, data),
        };
        let config = config.ok_or(Why::NoHeader { track: id })?;
        let track = self.track(id, codec, config)?;
        let shape = Shape::Nal { length_size: 4, disguised: labelled != codec };
        self.announce(Lane::new(track, Bytes::new(), shape))
    }

    /// Announces the track anew when an access unit brings other parameter sets, or another sequence header, than the ones in force.
    fn follow(&mut self, id: TrackId, data: &[u8]) -> Result<(), Why> {
        let Some(lane) = self.lane(id) else { return Ok(()) };
        let codec = lane.track.codec;
        let Some(config) = codec::updated_config(codec, &lane.track.config, data) else { return Ok(()) };
        let shape = lane.shape;
        // The header received last stays known, so that an encoder which repeats it does not undo the change each time.
        let header = lane.header.clone();
        match self.track(id, codec, config) {
            Ok(track) => self.announce(Lane::new(track, header, shape)),
            Err(why) => {
                // The picture may decode even so; the headers in force stay.
                self.out.push(Media::Ignored { why });
                Ok(())
            }
        }
    }

    /// A track from a record that was derived from its pictures.
    fn track(&self, id: TrackId, codec: Codec, config: Bytes) -> Result<Track, Why> {
        if config.len() > self.limits.max_config_bytes {
            return Err(Why::HeaderTooLarge { track: id, bytes: config.len() });
        }
        Track::from_config(id, codec, Timescale::MICROS, config)
            .map_err(|error| Why::BadHeader { track: id, error })
    }

    fn av1_picture(&mut self, id: TrackId, mut picture: Picture) -> Result<(), Why> {
        picture.data = av1::strip_temporal_delimiters(&picture.data);
        let known = self.lane_of(id, Codec::Av1).is_ok();
        if known && picture.key {
            self.follow(id, &picture.data)?;
        } else if !known {
            let config = av1::updated_config(&[], &picture.data).ok_or(Why::NoHeader { track: id })?;
            let track = self.track(id, Codec::Av1, config)?;
            self.announce(Lane::new(track, Bytes::new(), Shape::Raw))?;
        }
        self.picture(id, picture)
    }

    /// VP9's record has no size, so the track is announced again when a key frame gives it one, or another.
    fn vp9_picture(&mut self, id: TrackId, picture: Picture) -> Result<(), Why> {
        let lane = self.lane_of(id, Codec::Vp9)?;
        if picture.key
            && let Ok(key) = vp9::KeyFrame::parse(&picture.data)
            && let Params::Video(video) = &mut lane.track.params
            && (video.width, video.height) != (key.width, key.height)
        {
            (video.width, video.height) = (key.width, key.height);
            let track = lane.track.clone();
            self.out.push(Media::Track(track));
        }
        self.picture(id, picture)
    }

    fn colour(&mut self, id: TrackId, body: &Bytes) -> Result<(), Why> {
        let colour = metadata::read_colour(body)?;
        self.colours.retain(|(track, _)| *track != id);
        if let Some(range) = colour
            && self.colours.len() < self.limits.max_tracks
        {
            self.colours.push((id, range));
        }
        if let Some(lane) = self.lane(id)
            && lane.set_colour(colour)
        {
            let track = lane.track.clone();
            self.out.push(Media::Track(track));
        }
        Err(Why::Description { track: id })
    }

    fn picture(&mut self, id: TrackId, picture: Picture) -> Result<(), Why> {
        if picture.data.is_empty() {
            return Err(Why::Empty);
        }
        let dts = picture.stamp.micros();
        let pts = dts.offset(i64::from(picture.composition_ms) * 1000);
        self.frame(id, dts, pts, picture.key, picture.data);
        Ok(())
    }
}

fn is_key(frame_type: u8) -> bool {
    matches!(frame_type, KEY_FRAME | GENERATED_KEY_FRAME)
}
