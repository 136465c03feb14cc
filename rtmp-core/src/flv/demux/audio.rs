//! Audio messages: legacy (annex E.4.2) and Enhanced RTMP's `ExAudioTagHeader`.

use bytes::Bytes;
use media_core::codec;
use media_core::codec::aac::{self, AdtsFrames};
use media_core::{Codec, Timescale, Track, TrackId};

use super::super::enhanced::{self, Envelope, Part, audio_packet as packet};
use super::super::opus;
use super::{Demuxer, Lane, Media, Shape, Stamp, Why};

const MP3: u8 = 2;
const EX_HEADER: u8 = 9;
const AAC: u8 = 10;
const MP3_8K: u8 = 14;

/// ADTS frames read from one message; more than a second of them is not live.
const MAX_ADTS_FRAMES: usize = 64;

impl Demuxer {
    pub(super) fn audio(&mut self, ms: u32, mut body: Bytes) -> Result<(), Why> {
        if body.is_empty() {
            return Err(Why::Empty);
        }
        let first = enhanced::u8_of(&mut body, "audio header")?;
        let id = TrackId::audio(0);
        let stamp = Stamp { ms, nanos: 0 };
        match first >> 4 {
            EX_HEADER => self.enhanced_audio(ms, first & 0x0f, body),
            // Two bytes without anything behind them are what some encoders send before the real header.
            AAC => match enhanced::u8_of(&mut body, "AAC packet type")? {
                packet::SEQUENCE_START => self.audio_header(id, Codec::Aac, &body),
                packet::CODED_FRAMES => self.aac(id, stamp, body),
                number => Err(Why::PacketType { number }),
            },
            MP3 | MP3_8K => self.self_described(id, Codec::Mp3, stamp, body),
            number => Err(Why::LegacyCodec { kind: "audio", number }),
        }
    }

    fn enhanced_audio(&mut self, ms: u32, packet_type: u8, mut body: Bytes) -> Result<(), Why> {
        let (packet_type, nanos) = enhanced::take_mod_ex(packet_type, &mut body)?;
        let stamp = Stamp { ms, nanos };
        let mut envelope = Envelope::open(packet_type, packet::MULTITRACK, body)?;
        while let Some(part) = envelope.next() {
            if let Err(why) = part.and_then(|part| self.audio_part(stamp, envelope.packet_type, part)) {
                self.out.push(Media::Ignored { why });
            }
        }
        Ok(())
    }

    fn audio_part(&mut self, stamp: Stamp, packet_type: u8, part: Part) -> Result<(), Why> {
        let Part { track, fourcc, body } = part;
        let id = TrackId::audio(track);
        let codec = fourcc.audio().ok_or(Why::UnknownFourCc { fourcc })?;
        match packet_type {
            packet::SEQUENCE_START => self.audio_header(id, codec, &body),
            packet::CODED_FRAMES => match codec {
                Codec::Aac => self.aac(id, stamp, body),
                Codec::Mp3 | Codec::Ac3 | Codec::Eac3 => self.self_described(id, codec, stamp, body),
                _ => {
                    self.lane_of(id, codec)?;
                    self.sound(id, stamp, body)
                }
            },
            packet::SEQUENCE_END => Err(Why::SequenceEnd { track: id }),
            packet::MULTICHANNEL_CONFIG => self.channels(id, codec, body),
            number => Err(Why::PacketType { number }),
        }
    }

    fn audio_header(&mut self, id: TrackId, codec: Codec, header: &Bytes) -> Result<(), Why> {
        match codec {
            Codec::Mp3 | Codec::Ac3 | Codec::Eac3 => Err(Why::EmptyHeader { track: id }),
            // An empty one means mono or stereo, unless a MultichannelConfig said otherwise before.
            Codec::Opus if header.is_empty() => match self.lane_of(id, codec) {
                Ok(_) => Err(Why::RepeatedHeader { track: id }),
                Err(_) => self.derived(id, codec, opus::head(2)),
            },
            _ if header.is_empty() => Err(Why::EmptyHeader { track: id }),
            // A STREAMINFO block's content without signature and block header.
            Codec::Flac if header.len() == 34 => {
                let signed = [b"fLaC\x80\x00\x00\x22", &header[..]].concat();
                self.configure(id, codec, &signed.into())
            }
            _ => self.configure(id, codec, header),
        }
    }

    /// Announces a track whose configuration did not come as a header.
    fn derived(&mut self, id: TrackId, codec: Codec, config: Bytes) -> Result<(), Why> {
        let track = Track::from_config(id, codec, Timescale::MICROS, config)
            .map_err(|error| Why::BadHeader { track: id, error })?;
        self.announce(Lane::new(track, Bytes::new(), Shape::Raw))
    }

    /// MultichannelConfig. Every codec but Opus without a header says the same in its own.
    fn channels(&mut self, id: TrackId, codec: Codec, mut body: Bytes) -> Result<(), Why> {
        enhanced::u8_of(&mut body, "channel order")?;
        let channels = enhanced::u8_of(&mut body, "channel count")?;
        let derives = match self.lane_of(id, codec) {
            Ok(lane) => {
                lane.header.is_empty() && lane.track.audio().is_none_or(|audio| audio.channels != channels)
            }
            Err(_) => true,
        };
        if codec == Codec::Opus && derives && (1..=8).contains(&channels) {
            return self.derived(id, codec, opus::head(channels));
        }
        Err(Why::Description { track: id })
    }

    fn aac(&mut self, id: TrackId, stamp: Stamp, data: Bytes) -> Result<(), Why> {
        if aac::is_adts(&data) {
            return self.adts(id, stamp, &data);
        }
        self.lane_of(id, Codec::Aac)?;
        self.sound(id, stamp, data)
    }

    /// AAC behind ADTS headers, which stand in for the sequence header where none came.
    fn adts(&mut self, id: TrackId, stamp: Stamp, data: &Bytes) -> Result<(), Why> {
        let mut samples = 0_u64;
        for adts in AdtsFrames::new(data).take(MAX_ADTS_FRAMES) {
            let stands = match self.lane_of(id, Codec::Aac) {
                Ok(Lane { shape: Shape::Adts { config }, .. }) => *config == adts.config,
                Ok(_) => true,
                Err(_) => false,
            };
            if !stands && samples > 0 {
                return Err(Why::BadFrame { track: id });
            }
            if !stands {
                let track = Track::from_config(
                    id,
                    Codec::Aac,
                    Timescale::MICROS,
                    Bytes::copy_from_slice(&adts.config),
                )
                .map_err(|error| Why::BadHeader { track: id, error })?;
                self.announce(Lane::new(track, Bytes::new(), Shape::Adts { config: adts.config }))?;
            }
            let track = &self.lane_of(id, Codec::Aac)?.track;
            let rate = track.audio().map_or(44_100, |audio| audio.sample_rate.max(1));
            let micros = samples * 1_000_000 / u64::from(rate);
            samples += u64::from(codec::frame_samples(Codec::Aac, &track.config, adts.frame).unwrap_or(1024));
            let dts = stamp.micros().offset(i64::try_from(micros).unwrap_or(0));
            self.frame(id, dts, dts, true, data.slice_ref(adts.frame));
        }
        Ok(())
    }

    /// A frame of a codec whose header is in every frame.
    fn self_described(&mut self, id: TrackId, codec: Codec, stamp: Stamp, data: Bytes) -> Result<(), Why> {
        if data.is_empty() {
            return Err(Why::Empty);
        }
        let now = frame_key(codec, &data).ok_or(Why::BadFrame { track: id })?;
        let known = match self.lane_of(id, codec) {
            Ok(Lane { shape: Shape::SelfDescribed { key }, .. }) => *key == now,
            _ => false,
        };
        if !known {
            let track = Track::from_first_frame(id, codec, Timescale::MICROS, &data)
                .map_err(|error| Why::BadHeader { track: id, error })?;
            let shape = Shape::SelfDescribed { key: now };
            match self.lane_of(id, codec) {
                Ok(lane) if lane.track == track => lane.shape = shape,
                _ => self.announce(Lane::new(track, Bytes::new(), shape))?,
            }
        }
        self.sound(id, stamp, data)
    }

    fn sound(&mut self, id: TrackId, stamp: Stamp, data: Bytes) -> Result<(), Why> {
        if data.is_empty() {
            return Err(Why::Empty);
        }
        let dts = stamp.micros();
        self.frame(id, dts, dts, true, data);
        Ok(())
    }
}

/// The bits of a frame header that do not change while the format stays, so that most frames need no further look.
fn frame_key(codec: Codec, frame: &[u8]) -> Option<u32> {
    let &[a, b, c, d, e, f, g, ..] = frame else { return None };
    match codec {
        // Version, layer and sampling frequency, and whether it is mono (ISO/IEC 11172-3 §2.4.2.3).
        Codec::Mp3 if a == 0xff && b & 0xe0 == 0xe0 => {
            Some(u32::from(b & 0xfe) << 16 | u32::from(c & 0x0c) << 8 | u32::from(d >> 6 == 3))
        }
        // fscod, bsid, acmod and what follows it (ETSI TS 102 366 §4.4.2).
        Codec::Ac3 if [a, b] == [0x0b, 0x77] => {
            Some(u32::from(e & 0xc0) << 16 | u32::from(f) << 8 | u32::from(g))
        }
        // Stream type, fscod to lfeon, bsid (ETSI TS 102 366 §E.1.2.2).
        Codec::Eac3 if [a, b] == [0x0b, 0x77] => {
            Some(u32::from(c & 0xf8) << 16 | u32::from(e) << 8 | u32::from(f & 0xf8))
        }
        _ => None,
    }
}
