//! The envelope of Enhanced RTMP: ModEx prelude, FourCC and multitrack (veovera E-RTMP v2, `ExAudioTagHeader`, `ExVideoTagHeader`).

use bytes::{Buf, Bytes};

use super::demux::Why;
use super::fourcc::FourCc;

/// `AudioPacketType` values.
pub(super) mod audio_packet {
    pub(in super::super) const SEQUENCE_START: u8 = 0;
    pub(in super::super) const CODED_FRAMES: u8 = 1;
    pub(in super::super) const SEQUENCE_END: u8 = 2;
    pub(in super::super) const MULTICHANNEL_CONFIG: u8 = 4;
    pub(in super::super) const MULTITRACK: u8 = 5;
}

/// `VideoPacketType` values.
pub(super) mod video_packet {
    pub(in super::super) const SEQUENCE_START: u8 = 0;
    pub(in super::super) const CODED_FRAMES: u8 = 1;
    pub(in super::super) const SEQUENCE_END: u8 = 2;
    pub(in super::super) const CODED_FRAMES_X: u8 = 3;
    pub(in super::super) const METADATA: u8 = 4;
    pub(in super::super) const MPEG2TS_SEQUENCE_START: u8 = 5;
    pub(in super::super) const MULTITRACK: u8 = 6;
}

/// The packet type of a ModEx prelude, the same for audio and video.
pub(super) const MOD_EX: u8 = 7;
/// The ModEx type whose data is a UI24 of nanoseconds.
const TIMESTAMP_OFFSET_NANO: u8 = 0;
/// ModEx preludes read in one message. One kind is defined; more than a handful is an attack.
const MAX_MOD_EX: usize = 8;
/// Tracks read from one message. The 16 tracks of a publisher, each with one packet, fit twice.
const MAX_PARTS: usize = 32;
/// The largest nanosecond offset: less than the millisecond it refines.
pub(super) const MAX_NANOS: u32 = 999_999;

/// `AvMultitrackType` values.
pub(super) const ONE_TRACK: u8 = 0;
pub(super) const MANY_TRACKS: u8 = 1;
pub(super) const MANY_TRACKS_MANY_CODECS: u8 = 2;

/// Takes the ModEx preludes off `body`; returns the packet type that follows them and the nanosecond offset.
pub(super) fn take_mod_ex(mut packet_type: u8, body: &mut Bytes) -> Result<(u8, u32), Why> {
    let mut nanos = 0;
    for _ in 0..MAX_MOD_EX {
        if packet_type != MOD_EX {
            return Ok((packet_type, nanos));
        }
        let mut size = usize::from(u8_of(body, "ModEx size")?) + 1;
        if size == 256 {
            size = usize::from(body.try_get_u16().map_err(|_| truncated("ModEx size"))?) + 1;
        }
        let mut data = take(body, size, "ModEx data")?;
        let types = u8_of(body, "ModEx type")?;
        packet_type = types & 0x0f;
        if types >> 4 == TIMESTAMP_OFFSET_NANO {
            // Data shorter than the three bytes the type needs carries no offset; the frame itself is still good.
            nanos = data.try_get_uint(3).map_or(0, |value| (value as u32).min(MAX_NANOS));
        }
    }
    Err(Why::Malformed { field: "ModEx" })
}

/// One track's share of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) track: u8,
    pub(super) fourcc: FourCc,
    pub(super) body: Bytes,
}

/// A message of one or many tracks, all of the same packet type.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) packet_type: u8,
    layout: Layout,
    fourcc: Option<FourCc>,
    rest: Bytes,
    parts: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Plain,
    OneTrack,
    ManyTracks,
    ManyTracksManyCodecs,
}

impl Envelope {
    /// Reads what precedes the tracks; `multitrack` is the packet type that switches multitrack on.
    pub(super) fn open(packet_type: u8, multitrack: u8, mut body: Bytes) -> Result<Self, Why> {
        let (packet_type, layout) = if packet_type == multitrack {
            let types = u8_of(&mut body, "multitrack type")?;
            let layout = match types >> 4 {
                ONE_TRACK => Layout::OneTrack,
                MANY_TRACKS => Layout::ManyTracks,
                MANY_TRACKS_MANY_CODECS => Layout::ManyTracksManyCodecs,
                _ => return Err(Why::Malformed { field: "multitrack type" }),
            };
            let inner = types & 0x0f;
            if inner == multitrack || inner == MOD_EX {
                return Err(Why::Malformed { field: "nested packet type" });
            }
            (inner, layout)
        } else {
            (packet_type, Layout::Plain)
        };
        let fourcc = match layout {
            Layout::ManyTracksManyCodecs => None,
            _ => Some(fourcc_of(&mut body)?),
        };
        Ok(Self { packet_type, layout, fourcc, rest: body, parts: 0 })
    }

    /// The next track's share.
    pub(super) fn next(&mut self) -> Option<Result<Part, Why>> {
        let many = matches!(self.layout, Layout::ManyTracks | Layout::ManyTracksManyCodecs);
        if self.parts > 0 && (!many || self.rest.is_empty()) {
            return None;
        }
        self.parts += 1;
        let part = if self.parts > MAX_PARTS { Err(Why::TooManyTracks) } else { self.read_part() };
        if part.is_err() {
            // Without a size there is no way to find the next track.
            self.layout = Layout::Plain;
        }
        Some(part)
    }

    fn read_part(&mut self) -> Result<Part, Why> {
        let fourcc = match self.fourcc {
            Some(fourcc) => fourcc,
            None => fourcc_of(&mut self.rest)?,
        };
        let track = match self.layout {
            Layout::Plain => 0,
            _ => u8_of(&mut self.rest, "track id")?,
        };
        let body = match self.layout {
            Layout::Plain | Layout::OneTrack => std::mem::take(&mut self.rest),
            _ => {
                let size = self.rest.try_get_uint(3).map_err(|_| truncated("track size"))?;
                take(&mut self.rest, size as usize, "track data")?
            }
        };
        Ok(Part { track, fourcc, body })
    }
}

pub(super) fn truncated(field: &'static str) -> Why {
    Why::Truncated { field }
}

pub(super) fn u8_of(body: &mut Bytes, field: &'static str) -> Result<u8, Why> {
    body.try_get_u8().map_err(|_| truncated(field))
}

/// A signed 24-bit composition offset in milliseconds. Read unsigned, −34 ms becomes four and a half hours.
pub(super) fn composition_offset(body: &mut Bytes) -> Result<i32, Why> {
    let value = body.try_get_uint(3).map_err(|_| truncated("composition time"))?;
    Ok(((value as u32) << 8).cast_signed() >> 8)
}

fn fourcc_of(body: &mut Bytes) -> Result<FourCc, Why> {
    body.try_get_u32().map(|value| FourCc(value.to_be_bytes())).map_err(|_| truncated("FourCC"))
}

fn take(body: &mut Bytes, size: usize, field: &'static str) -> Result<Bytes, Why> {
    if size > body.len() {
        return Err(truncated(field));
    }
    Ok(body.split_to(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(packet_type: u8, body: &'static [u8]) -> Vec<Result<Part, Why>> {
        match Envelope::open(packet_type, video_packet::MULTITRACK, Bytes::from_static(body)) {
            Ok(mut envelope) => std::iter::from_fn(|| envelope.next()).collect(),
            Err(why) => vec![Err(why)],
        }
    }

    fn part(track: u8, fourcc: &[u8; 4], body: &'static [u8]) -> Result<Part, Why> {
        Ok(Part { track, fourcc: FourCc(*fourcc), body: Bytes::from_static(body) })
    }

    #[test]
    fn the_default_track_has_no_wrapper_and_number_zero() {
        assert_eq!(parts(1, b"hvc1abc"), [part(0, b"hvc1", b"abc")]);
        assert_eq!(parts(2, b"hvc1"), [part(0, b"hvc1", b"")]);
    }

    #[test]
    fn each_multitrack_layout_is_read() {
        assert_eq!(parts(6, b"\x01hvc1\x05abc"), [part(5, b"hvc1", b"abc")]);
        assert_eq!(
            parts(6, b"\x11av01\x00\x00\x00\x01a\x07\x00\x00\x02bc"),
            [part(0, b"av01", b"a"), part(7, b"av01", b"bc")]
        );
        assert_eq!(
            parts(6, b"\x21av01\x00\x00\x00\x01ahvc1\x01\x00\x00\x00"),
            [part(0, b"av01", b"a"), part(1, b"hvc1", b"")]
        );
    }

    #[test]
    fn a_size_past_the_end_stops_the_message_but_keeps_what_came_before() {
        let read = parts(6, b"\x11av01\x00\x00\x00\x01a\x07\x00\xff\xffbc");
        assert_eq!(read, [part(0, b"av01", b"a"), Err(truncated("track data"))]);
    }

    #[test]
    fn nested_and_reserved_multitrack_types_are_refused() {
        assert_eq!(parts(6, b"\x06hvc1"), [Err(Why::Malformed { field: "nested packet type" })]);
        assert_eq!(parts(6, b"\x31hvc1"), [Err(Why::Malformed { field: "multitrack type" })]);
    }

    #[test]
    fn tracks_of_one_message_are_bounded() {
        let mut body = b"\x11av01".to_vec();
        body.extend_from_slice(&[0; 4 * 1000]);
        let mut envelope = Envelope::open(6, 6, Bytes::from(body)).unwrap();
        let read: Vec<_> = std::iter::from_fn(|| envelope.next()).collect();
        assert_eq!(read.len(), MAX_PARTS + 1);
        assert_eq!(read.last(), Some(&Err(Why::TooManyTracks)));
    }

    #[test]
    fn mod_ex_carries_nanoseconds_in_both_size_forms() {
        let mut body = Bytes::from_static(b"\x02\x00\x30\x39\x01hvc1");
        assert_eq!(take_mod_ex(MOD_EX, &mut body), Ok((1, 12_345)));
        assert_eq!(body, "hvc1");

        let mut long = vec![0xff, 0x01, 0x2b];
        long.extend_from_slice(&[0x0f, 0x42, 0x3f]);
        long.extend_from_slice(&[0; 297]);
        long.push(0x03);
        let mut long = Bytes::from(long);
        assert_eq!(take_mod_ex(MOD_EX, &mut long), Ok((3, 999_999)));
        assert!(long.is_empty());
    }

    #[test]
    fn unknown_mod_ex_types_are_skipped_and_endless_ones_refused() {
        let mut body = Bytes::from_static(b"\x00\xaa\x57\x02\x00\x00\x07\x01");
        assert_eq!(take_mod_ex(MOD_EX, &mut body), Ok((1, 7)));
        let mut endless = Bytes::from(b"\x00\x00\x07".repeat(1000));
        assert_eq!(take_mod_ex(MOD_EX, &mut endless), Err(Why::Malformed { field: "ModEx" }));
        let mut cut = Bytes::from_static(b"\x09\x00");
        assert_eq!(take_mod_ex(MOD_EX, &mut cut), Err(truncated("ModEx data")));
    }

    #[test]
    fn trap_6_composition_time_is_signed() {
        let mut body = Bytes::from_static(&[0xff, 0xff, 0xde]);
        assert_eq!(composition_offset(&mut body), Ok(-34));
    }
}
