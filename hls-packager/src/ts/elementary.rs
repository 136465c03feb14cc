//! One elementary stream: how the program map names it and what a frame becomes in its PES packets.

use media_core::{Codec, Frame, Timescale, Track, TrackId, TrackKind};

use super::access_unit::AccessUnits;
use super::adts::{self, Adts};
use super::packet::Pid;
use crate::container::{Container, Error};

const STREAM_TYPE_MPEG1_AUDIO: u8 = 0x03;
const STREAM_TYPE_MPEG2_AUDIO: u8 = 0x04;
const STREAM_TYPE_ADTS: u8 = 0x0f;
const STREAM_TYPE_H264: u8 = 0x1b;
const STREAM_TYPE_HEVC: u8 = 0x24;
/// ATSC's, the one that HLS players know; DVB would write 0x06 and a descriptor of its own.
const STREAM_TYPE_AC3: u8 = 0x81;
const STREAM_ID_VIDEO: u8 = 0xe0;
const STREAM_ID_AUDIO: u8 = 0xc0;
const STREAM_ID_PRIVATE_1: u8 = 0xbd;
/// registration_descriptor (§2.6.8).
const REGISTRATION: u8 = 5;
/// Sampling frequencies below this one are MPEG-2's, whose layer III frames have half the samples.
const LOWEST_MPEG1_HZ: u32 = 32_000;
/// The longest audio frame that is muxed, in bytes; several fill a PES packet of 65,535. Real ones are below 8 KiB.
const MAX_AUDIO_FRAME_BYTES: usize = 0x2000;

/// One track as an elementary stream.
#[derive(Debug)]
pub(super) struct Elementary {
    pub(super) track: TrackId,
    pub(super) timescale: Timescale,
    pub(super) pid: Pid,
    coding: Coding,
    /// A frame's duration in 90 kHz ticks, for audio.
    frame_ticks: i64,
}

#[derive(Debug)]
enum Coding {
    H264(AccessUnits),
    Hevc(AccessUnits),
    Aac(Adts),
    Mp3 { mpeg1: bool },
    Ac3,
}

impl Elementary {
    /// `track` on `pid`.
    pub(super) fn new(track: &Track, pid: Pid) -> Result<Self, Error> {
        let hz = track.audio().map_or(48_000, |audio| audio.sample_rate.max(1));
        let (coding, hz, samples) = match track.codec {
            Codec::H264 => (Coding::H264(AccessUnits::h264(track)?), hz, 0),
            Codec::Hevc => (Coding::Hevc(AccessUnits::hevc(track)?), hz, 0),
            Codec::Aac => {
                let adts = Adts::of(track)?;
                let core_hz = adts.hz();
                (Coding::Aac(adts), core_hz, i64::from(adts::FRAME_SAMPLES))
            }
            Codec::Mp3 => {
                let mpeg1 = hz >= LOWEST_MPEG1_HZ;
                (Coding::Mp3 { mpeg1 }, hz, if mpeg1 { 1152 } else { 576 })
            }
            Codec::Ac3 => (Coding::Ac3, hz, 1536),
            codec => return Err(Error::CodecNotPackaged { codec, container: Container::MpegTs }),
        };
        let frame_ticks = samples * i64::from(Timescale::VIDEO.hz()) / i64::from(hz);
        Ok(Self { track: track.id, timescale: track.timescale, pid, coding, frame_ticks })
    }

    pub(super) fn kind(&self) -> TrackKind {
        match self.coding {
            Coding::H264(_) | Coding::Hevc(_) => TrackKind::Video,
            Coding::Aac(_) | Coding::Mp3 { .. } | Coding::Ac3 => TrackKind::Audio,
        }
    }

    /// A frame's duration in 90 kHz ticks; 0 for video.
    pub(super) fn frame_ticks(&self) -> i64 {
        self.frame_ticks
    }

    /// The program map's stream_type (ISO/IEC 13818-1 table 2-34; ATSC A/53 for AC-3).
    pub(super) fn stream_type(&self) -> u8 {
        match self.coding {
            Coding::H264(_) => STREAM_TYPE_H264,
            Coding::Hevc(_) => STREAM_TYPE_HEVC,
            Coding::Aac(_) => STREAM_TYPE_ADTS,
            Coding::Mp3 { mpeg1: true } => STREAM_TYPE_MPEG1_AUDIO,
            Coding::Mp3 { mpeg1: false } => STREAM_TYPE_MPEG2_AUDIO,
            Coding::Ac3 => STREAM_TYPE_AC3,
        }
    }

    /// The program map's descriptors: a registration where the stream type alone is not MPEG's own.
    pub(super) fn descriptors(&self) -> Vec<u8> {
        let format = match self.coding {
            Coding::Hevc(_) => b"HEVC",
            Coding::Ac3 => b"AC-3",
            Coding::H264(_) | Coding::Aac(_) | Coding::Mp3 { .. } => return Vec::new(),
        };
        [&[REGISTRATION, 4], &format[..]].concat()
    }

    /// The PES packets' stream_id (table 2-22).
    pub(super) fn stream_id(&self) -> u8 {
        match self.coding {
            Coding::H264(_) | Coding::Hevc(_) => STREAM_ID_VIDEO,
            Coding::Aac(_) | Coding::Mp3 { .. } => STREAM_ID_AUDIO,
            Coding::Ac3 => STREAM_ID_PRIVATE_1,
        }
    }

    /// How many bytes `frame` becomes; 0 when nothing of it can be written.
    pub(super) fn payload_bytes(&self, frame: &Frame) -> usize {
        let mut bytes = 0;
        self.write(frame, |piece| bytes += piece.len());
        bytes
    }

    /// Whether `frame` is as its codec frames it; what is not loses its broken part, or all of it.
    pub(super) fn is_well_formed(&self, frame: &Frame) -> bool {
        match &self.coding {
            Coding::H264(units) | Coding::Hevc(units) => units.is_well_formed(&frame.data),
            Coding::Aac(adts) => adts.pieces(&frame.data).is_some(),
            Coding::Mp3 { .. } | Coding::Ac3 => is_audio_frame(&frame.data),
        }
    }

    /// Hands `frame` to `sink` in pieces, as it stands in a PES packet.
    pub(super) fn write(&self, frame: &Frame, mut sink: impl FnMut(&[u8])) {
        match &self.coding {
            Coding::H264(units) | Coding::Hevc(units) => units.write(frame, sink),
            Coding::Aac(adts) => {
                if let Some((header, program_config, data)) = adts.pieces(&frame.data) {
                    sink(&header);
                    sink(program_config);
                    sink(data);
                }
            }
            Coding::Mp3 { .. } | Coding::Ac3 => {
                if is_audio_frame(&frame.data) {
                    sink(&frame.data);
                }
            }
        }
    }
}

fn is_audio_frame(data: &[u8]) -> bool {
    (1..=MAX_AUDIO_FRAME_BYTES).contains(&data.len())
}
