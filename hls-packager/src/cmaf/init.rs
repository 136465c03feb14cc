//! The init segment: `ftyp` and `moov` with one track and no samples (ISO/IEC 14496-12 §8, ISO/IEC 23000-19 §7.3).

use bytes::Bytes;
use media_core::codec::HeaderError;
use media_core::{Codec, Track, TrackKind};

use super::TRACK_ID;
use super::boxes::Boxes;
use super::entry;
use crate::container::{Container, Error};

/// The longest decoder configuration that is packaged, in bytes. Real ones are below 4 KiB; an init segment is held as
/// long as segments refer to it, so this bounds what a publisher can make a stream hold for it.
pub const MAX_CONFIG_BYTES: usize = 64 * 1024;

/// `track_enabled | track_in_movie`.
const TRACK_FLAGS: u32 = 3;
/// The unity transformation, for `mvhd` and `tkhd`.
const MATRIX: [u32; 9] = [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000];
/// `und`, three letters of five bits.
const LANGUAGE: u16 = 0x55c4;

/// The init segment of `track`: `ftyp` and `moov`, the target of EXT-X-MAP (RFC 8216bis §3.1.2).
///
/// `first_frame` is the track's first frame, a key frame. It is looked at where the configuration does not say enough:
/// AC-3 and E-AC-3 have none, VP9's lacks the picture's size, AV1's may. It may be empty for the rest.
///
/// # Errors
/// [`Error::CodecNotPackaged`] for script data; [`Error::BadConfig`] when the track's configuration or frame is unusable,
/// or the configuration longer than [`MAX_CONFIG_BYTES`].
pub fn init_segment(track: &Track, first_frame: &[u8]) -> Result<Bytes, Error> {
    if !Container::Cmaf.carries(track.codec) {
        return Err(Error::CodecNotPackaged { codec: track.codec, container: Container::Cmaf });
    }
    if track.config.len() > MAX_CONFIG_BYTES {
        let value = track.config.len() as u64;
        return Err(HeaderError::Invalid { codec: track.codec.name(), field: "record size", value }.into());
    }
    let entry = entry::SampleEntry::of(track, first_frame)?;
    let mut file = Boxes::default();
    file_type(&mut file, track.codec);
    file.nest(b"moov", |moov| {
        movie_header(moov, track);
        moov.nest(b"trak", |trak| {
            track_header(trak, track, &entry);
            trak.nest(b"mdia", |mdia| media(mdia, track, &entry));
        });
        moov.nest(b"mvex", extends);
    });
    Ok(file.into_bytes())
}

/// `cmfc` and not `cmf2`: a fragment's earliest presentation time may lie after its decode time, which `cmf2` forbids.
fn file_type(file: &mut Boxes, codec: Codec) {
    file.nest(b"ftyp", |b| {
        b.bytes(b"iso6");
        b.u32(0);
        b.bytes(b"iso6cmfcmp41");
        match codec {
            Codec::H264 => b.bytes(b"avc1"),
            Codec::Av1 => b.bytes(b"av01"),
            _ => {}
        }
    });
}

fn movie_header(moov: &mut Boxes, track: &Track) {
    moov.full(b"mvhd", 0, 0, |b| {
        b.zeros(8); // creation and modification time
        b.u32(track.timescale.hz());
        b.u32(0); // duration: only fragments have any
        b.u32(0x0001_0000); // rate 1.0
        b.u16(0x0100); // volume 1.0
        b.zeros(10);
        MATRIX.iter().for_each(|&value| b.u32(value));
        b.zeros(24);
        b.u32(TRACK_ID + 1); // next_track_ID
    });
}

fn track_header(trak: &mut Boxes, track: &Track, entry: &entry::SampleEntry<'_>) {
    trak.full(b"tkhd", 0, TRACK_FLAGS, |b| {
        b.zeros(8); // creation and modification time
        b.u32(TRACK_ID);
        b.zeros(4);
        b.u32(0); // duration
        b.zeros(8);
        b.u16(0); // layer
        b.u16(0); // alternate_group
        b.u16(if track.kind() == TrackKind::Audio { 0x0100 } else { 0 });
        b.zeros(2);
        MATRIX.iter().for_each(|&value| b.u32(value));
        let (width, height) = entry.display_size();
        // 16.16 fixed point.
        b.u32(u32::from(width) << 16);
        b.u32(u32::from(height) << 16);
    });
}

fn media(mdia: &mut Boxes, track: &Track, entry: &entry::SampleEntry<'_>) {
    let audio = track.kind() == TrackKind::Audio;
    mdia.full(b"mdhd", 0, 0, |b| {
        b.zeros(8); // creation and modification time
        b.u32(track.timescale.hz());
        b.u32(0); // duration
        b.u16(LANGUAGE);
        b.zeros(2);
    });
    mdia.full(b"hdlr", 0, 0, |b| {
        b.zeros(4);
        b.bytes(if audio { b"soun" } else { b"vide" });
        b.zeros(12);
        b.bytes(if audio { b"SoundHandler\0" } else { b"VideoHandler\0" });
    });
    mdia.nest(b"minf", |minf| {
        if audio {
            minf.full(b"smhd", 0, 0, |b| b.zeros(4));
        } else {
            minf.full(b"vmhd", 0, 1, |b| b.zeros(8));
        }
        minf.nest(b"dinf", |dinf| {
            dinf.full(b"dref", 0, 0, |dref| {
                dref.u32(1);
                dref.full(b"url ", 0, 1, |_| {}); // self-contained
            });
        });
        minf.nest(b"stbl", |stbl| sample_tables(stbl, entry));
    });
}

/// The sample description, and the tables that a fragmented file must have and leaves empty.
fn sample_tables(stbl: &mut Boxes, entry: &entry::SampleEntry<'_>) {
    stbl.full(b"stsd", 0, 0, |stsd| {
        stsd.u32(1);
        entry.write(stsd);
    });
    for kind in [b"stts", b"stsc", b"stco"] {
        stbl.full(kind, 0, 0, |b| b.u32(0));
    }
    stbl.full(b"stsz", 0, 0, |b| b.zeros(8));
}

/// `mvex`: says that fragments follow. Their own headers carry every default.
fn extends(mvex: &mut Boxes) {
    mvex.full(b"trex", 0, 0, |b| {
        b.u32(TRACK_ID);
        b.u32(1); // default_sample_description_index
        b.zeros(12); // default duration, size and flags
    });
}
