//! Video messages: legacy (annex E.4.3) and Enhanced RTMP's `ExVideoTagHeader`.

use bytes::Bytes;
use media_core::{Codec, Timescale, Track, TrackId};

use super::super::enhanced::{self, Envelope, Part, video_packet as packet};
use super::super::nal::{self, AccessUnit};
use super::super::parameter_sets::ParameterSets;
use super::super::{av1, metadata};
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
            packet::SEQUENCE_START => self.legacy_header(id, codec, body),
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
            packet::MPEG2TS_SEQUENCE_START => return self.descriptor(id, codec, &body),
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
            _ => {
                self.lane_of(id, codec)?;
                self.picture(id, picture)
            }
        }
    }

    /// A legacy sequence header, which may not be what it is labelled as.
    fn legacy_header(&mut self, id: TrackId, codec: Codec, body: Bytes) -> Result<(), Why> {
        if codec == Codec::H264 && is_hvcc(&body) {
            self.video_header(id, Codec::Hevc, &body)?;
            if let Some(Lane { shape: Shape::Nal { disguised, .. }, .. }) = self.lane(id) {
                *disguised = true;
            }
            return Ok(());
        }
        self.video_header(id, codec, &body)
    }

    fn video_header(&mut self, id: TrackId, codec: Codec, header: &Bytes) -> Result<(), Why> {
        if header.is_empty() {
            return Err(Why::EmptyHeader { track: id });
        }
        match codec {
            Codec::H264 | Codec::Hevc if nal::starts_with_start_code(header) => {
                let sets = ParameterSets::from_units(codec, 4, nal::annexb_units(header));
                let record = sets.and_then(|sets| sets.record()).ok_or(Why::BadFrame { track: id })?;
                self.configure(id, codec, &record)
            }
            // Some writers prefix the record with the version and flags of the MP4 box it stands in.
            Codec::Vp9 if header.len() >= 12 && header.starts_with(&[1, 0, 0, 0]) => {
                self.configure(id, codec, &header.slice(4..))
            }
            _ => self.configure(id, codec, header),
        }
    }

    /// An AV1 video descriptor in place of `av1C`. It has no sequence header, so the track is announced by its first key frame.
    fn descriptor(&mut self, id: TrackId, codec: Codec, body: &[u8]) -> Result<(), Why> {
        if codec != Codec::Av1 {
            return Err(Why::PacketType { number: packet::MPEG2TS_SEQUENCE_START });
        }
        av1::record_head_from_descriptor(body).ok_or(Why::Malformed { field: "AV1 video descriptor" })?;
        Err(Why::Description { track: id })
    }

    fn nal_picture(&mut self, id: TrackId, codec: Codec, mut picture: Picture) -> Result<(), Why> {
        let bad = Why::BadFrame { track: id };
        let mut codec = codec;
        let mut length_size = 4;
        let mut known = false;
        if let Some(Lane { track, shape: Shape::Nal { sets, disguised }, .. }) = self.lane(id)
            && (track.codec == codec || *disguised && codec == Codec::H264)
        {
            (codec, length_size, known) = (track.codec, sets.length_size, true);
        }
        let mut unit = nal::read(codec, length_size, picture.data).ok_or(bad.clone())?;
        if !known {
            let announced = self.announce_from_units(id, codec, &unit.data)?;
            if announced != codec {
                unit = nal::read(announced, length_size, unit.data).ok_or(bad)?;
            }
        } else if unit.sets && (picture.key || unit.key || !unit.picture) {
            self.follow_sets(id, &unit)?;
        }
        if !unit.picture {
            return Err(Why::NoPicture { track: id });
        }
        picture.key |= unit.key;
        picture.data = unit.data;
        self.picture(id, picture)
    }

    /// Announces a track that has no header from the parameter sets in one of its access units; returns its real codec.
    fn announce_from_units(&mut self, id: TrackId, codec: Codec, data: &[u8]) -> Result<Codec, Why> {
        // An encoder that labels HEVC as AVC cannot make a header for it either.
        let codecs = if codec == Codec::H264 { &[Codec::H264, Codec::Hevc][..] } else { &[Codec::Hevc] };
        for &actual in codecs {
            let Some(sets) = ParameterSets::from_units(actual, 4, nal::units(data, 4)) else { continue };
            let Some(config) = sets.record() else { continue };
            let track = Track::from_config(id, actual, Timescale::MICROS, config)
                .map_err(|error| Why::BadHeader { track: id, error })?;
            let shape = Shape::Nal { sets, disguised: actual != codec };
            self.announce(Lane::new(track, Bytes::new(), shape))?;
            return Ok(actual);
        }
        Err(Why::NoHeader { track: id })
    }

    /// Announces the track anew when an access unit brings other parameter sets than the ones in force.
    fn follow_sets(&mut self, id: TrackId, unit: &AccessUnit) -> Result<(), Why> {
        let max_bytes = self.limits.max_config_bytes;
        let Some(Lane { track, header, shape: Shape::Nal { sets, disguised }, .. }) = self.lane(id) else {
            return Ok(());
        };
        let Some(updated) = sets.updated(nal::units(&unit.data, sets.length_size)) else { return Ok(()) };
        let Some(config) = updated.record().filter(|record| record.len() <= max_bytes) else { return Ok(()) };
        let shape = Shape::Nal { sets: updated, disguised: *disguised };
        // The header received last stays known, so that an encoder which repeats it does not undo the change each time.
        let header = header.clone();
        match Track::from_config(id, track.codec, Timescale::MICROS, config) {
            Ok(changed) => self.announce(Lane::new(changed, header, shape)),
            Err(error) => {
                // The picture may decode even so; the headers in force stay.
                self.out.push(Media::Ignored { why: Why::BadHeader { track: id, error } });
                Ok(())
            }
        }
    }

    fn av1_picture(&mut self, id: TrackId, mut picture: Picture) -> Result<(), Why> {
        picture.data = av1::without_delimiter(picture.data);
        if picture.key
            && let Some(sequence) = av1::sequence_header(&picture.data)
        {
            self.follow_sequence(id, sequence)?;
        }
        self.lane_of(id, Codec::Av1)?;
        self.picture(id, picture)
    }

    /// As [`Demuxer::follow_sets`], for AV1's sequence header.
    fn follow_sequence(&mut self, id: TrackId, sequence: &[u8]) -> Result<(), Why> {
        // 4:2:0 of 8 bits, where nothing else is known: decoders read the sequence header behind it.
        const UNKNOWN: [u8; 4] = [0x81, 0, 0x0c, 0];
        let before = match self.lane_of(id, Codec::Av1) {
            Ok(lane)
                if av1::sequence_header(lane.track.config.get(4..).unwrap_or_default()) == Some(sequence) =>
            {
                return Ok(());
            }
            Ok(lane) => lane.track.config.clone(),
            Err(_) => Bytes::from_static(&UNKNOWN),
        };
        let bad = Why::BadFrame { track: id };
        let config =
            av1::record(&before, sequence).filter(|record| record.len() <= self.limits.max_config_bytes);
        let track = Track::from_config(id, Codec::Av1, Timescale::MICROS, config.ok_or(bad)?)
            .map_err(|error| Why::BadHeader { track: id, error })?;
        let header = self.lane_of(id, Codec::Av1).map_or_else(|_| Bytes::new(), |lane| lane.header.clone());
        self.announce(Lane::new(track, header, Shape::Obu))
    }

    fn colour(&mut self, id: TrackId, body: &Bytes) -> Result<(), Why> {
        let range = metadata::read_colour(body)?;
        if let Some(lane) = self.lane(id)
            && lane.set_colour(range)
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

/// Whether a record has the reserved bits of `hvcC` (ISO/IEC 14496-15 §8.3.3.1) and a first array of HEVC parameter sets, which no
/// `avcC` has in these places.
fn is_hvcc(record: &[u8]) -> bool {
    let Some(head) = record.first_chunk::<24>() else { return false };
    let reserved = [(13, 0xf0), (15, 0xfc), (16, 0xfc), (17, 0xf8), (18, 0xf8)];
    let has = |&(at, mask): &(usize, u8)| head.get(at).is_some_and(|byte| byte & mask == mask);
    reserved.iter().all(has) && matches!(head[23] & 0x3f, 32..=34 | 39 | 40)
}
