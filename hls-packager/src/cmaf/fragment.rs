//! One fragment: `moof` and `mdat` of a run of frames (ISO/IEC 14496-12 §8.8).
//!
//! The hot path of the packager: one pass over the frames sizes everything, one allocation holds the result, and each
//! frame's bytes are copied once.

use bytes::Bytes;
use media_core::{Frame, Timestamp};

use super::TRACK_ID;
use crate::container::Error;

/// The most media that one fragment takes, in bytes. `trun` addresses it by a signed 32-bit offset.
pub const MAX_FRAGMENT_BYTES: usize = 1 << 30;

/// The most frames that one fragment takes; a part of audio has some tens.
pub const MAX_FRAGMENT_FRAMES: usize = 1 << 16;

/// `default-base-is-moof`: offsets count from the `moof`, so that fragments can be cut out and concatenated.
const TFHD_BASE_IS_MOOF: u32 = 0x02_0000;
const TFHD_DURATION: u32 = 0x08;
const TFHD_SIZE: u32 = 0x10;
const TFHD_FLAGS: u32 = 0x20;
const TRUN_DATA_OFFSET: u32 = 0x001;
const TRUN_FIRST_FLAGS: u32 = 0x004;
const TRUN_DURATION: u32 = 0x100;
const TRUN_SIZE: u32 = 0x200;
const TRUN_FLAGS: u32 = 0x400;
const TRUN_COMPOSITION: u32 = 0x800;
/// Composition offsets are signed in version 1 of `trun` only, and browsers differ on signed ones in version 0.
const TRUN_VERSION_1: u32 = 1 << 24;
/// `sample_depends_on = 2`: a frame where decoding may begin.
const SYNC_SAMPLE: u32 = 0x0200_0000;
/// `sample_depends_on = 1`, `sample_is_non_sync_sample`.
const NON_SYNC_SAMPLE: u32 = 0x0101_0000;

/// One `moof` and `mdat` for a run of frames of one track, in decode order: a part (RFC 8216bis §3.1.2).
///
/// `sequence` counts the track's fragments from 1. Times are in the track's timescale; a frame lasts until the next
/// one's decode time, the last one until `end`, which is the decode time of the next fragment's first frame, so that
/// durations add up to the base decode times whatever the fragmentation.
///
/// The result is exactly sized. Its overhead is about 100 bytes and up to 16 a frame: constant durations, sizes and flags go
/// into the header (an AAC frame costs 4 bytes).
///
/// # Errors
/// [`Error::Empty`] without frames; [`Error::BackwardDecodeTime`] unless decode times strictly increase up to `end`;
/// [`Error::OutOfRange`] for a negative decode time, a duration or composition offset over 32 bits, more than
/// [`MAX_FRAGMENT_BYTES`] or [`MAX_FRAGMENT_FRAMES`].
pub fn fragment(sequence: u32, frames: &[Frame], end: Timestamp) -> Result<Bytes, Error> {
    let layout = Layout::of(frames, end)?;
    let mut out = Vec::with_capacity(layout.total());
    layout.write_header(sequence, &mut out);
    layout.write_run(frames, end, &mut out);
    out.extend_from_slice(&layout.mdat_size().to_be_bytes());
    out.extend_from_slice(b"mdat");
    for frame in frames {
        out.extend_from_slice(&frame.data);
    }
    debug_assert_eq!(out.len(), layout.total());
    Ok(out.into())
}

/// What a run has in common, and the sizes that follow from it.
struct Layout {
    decode_time: u64,
    frames: u32,
    media_bytes: usize,
    /// The duration of every sample, if they agree.
    duration: Option<u32>,
    /// The size of every sample, if they agree.
    size: Option<u32>,
    /// The flags of all samples but perhaps the first.
    flags: u32,
    /// The first sample's flags, where they differ.
    first_flags: Option<u32>,
    /// Whether the flags follow no such pattern and are written sample by sample.
    flags_each: bool,
    /// Whether any sample is presented at another time than it is decoded.
    composition: bool,
}

impl Layout {
    fn of(frames: &[Frame], end: Timestamp) -> Result<Self, Error> {
        let (Some(first), Some(last)) = (frames.first(), frames.last()) else { return Err(Error::Empty) };
        if frames.len() > MAX_FRAGMENT_FRAMES {
            return Err(Error::OutOfRange { field: "sample_count", value: frames.len() as i64 });
        }
        let decode_time = u64::try_from(first.dts.0)
            .map_err(|_| Error::OutOfRange { field: "baseMediaDecodeTime", value: first.dts.0 })?;
        let flags = flags(last);
        let mut layout = Self {
            decode_time,
            frames: frames.len() as u32,
            media_bytes: 0,
            duration: None,
            size: Some(first.data.len() as u32),
            flags,
            first_flags: None,
            flags_each: false,
            composition: false,
        };
        let mut durations_differ = false;
        for (index, (frame, duration)) in timed(frames, end).enumerate() {
            let duration = checked_duration(frame, duration)?;
            composition_offset(frame)?;
            durations_differ |= *layout.duration.get_or_insert(duration) != duration;
            layout.add(index, frame)?;
        }
        if durations_differ {
            layout.duration = None;
        }
        if layout.flags_each {
            layout.first_flags = None;
        }
        Ok(layout)
    }

    fn add(&mut self, index: usize, frame: &Frame) -> Result<(), Error> {
        self.media_bytes = self.media_bytes.saturating_add(frame.data.len());
        if self.media_bytes > MAX_FRAGMENT_BYTES {
            return Err(Error::OutOfRange { field: "mdat", value: self.media_bytes as i64 });
        }
        // Below MAX_FRAGMENT_BYTES, so it fits.
        self.size = self.size.filter(|&size| size == frame.data.len() as u32);
        self.composition |= frame.pts != frame.dts;
        let flags = flags(frame);
        if flags != self.flags {
            if index == 0 {
                self.first_flags = Some(flags);
            } else {
                self.flags_each = true;
            }
        }
        Ok(())
    }

    fn tfhd_flags(&self) -> u32 {
        TFHD_BASE_IS_MOOF
            | if self.duration.is_some() { TFHD_DURATION } else { 0 }
            | if self.size.is_some() { TFHD_SIZE } else { 0 }
            | if self.flags_each { 0 } else { TFHD_FLAGS }
    }

    fn trun_flags(&self) -> u32 {
        TRUN_DATA_OFFSET
            | if self.first_flags.is_some() { TRUN_FIRST_FLAGS } else { 0 }
            | if self.duration.is_some() { 0 } else { TRUN_DURATION }
            | if self.size.is_some() { 0 } else { TRUN_SIZE }
            | if self.flags_each { TRUN_FLAGS } else { 0 }
            | if self.composition { TRUN_COMPOSITION } else { 0 }
    }

    fn tfhd_size(&self) -> u32 {
        let optional = self.tfhd_flags() & (TFHD_DURATION | TFHD_SIZE | TFHD_FLAGS);
        16 + 4 * optional.count_ones()
    }

    fn trun_size(&self) -> u32 {
        let each = self.trun_flags() & (TRUN_DURATION | TRUN_SIZE | TRUN_FLAGS | TRUN_COMPOSITION);
        let first = if self.first_flags.is_some() { 4 } else { 0 };
        20 + first + 4 * each.count_ones() * self.frames
    }

    fn traf_size(&self) -> u32 {
        8 + self.tfhd_size() + 20 + self.trun_size()
    }

    fn moof_size(&self) -> u32 {
        8 + 16 + self.traf_size()
    }

    fn mdat_size(&self) -> u32 {
        8 + self.media_bytes as u32
    }

    fn total(&self) -> usize {
        self.moof_size() as usize + self.mdat_size() as usize
    }

    /// `moof` up to and with `tfdt`.
    fn write_header(&self, sequence: u32, out: &mut Vec<u8>) {
        let mut put = |value: u32| out.extend_from_slice(&value.to_be_bytes());
        put(self.moof_size());
        put(u32::from_be_bytes(*b"moof"));
        put(16);
        put(u32::from_be_bytes(*b"mfhd"));
        put(0);
        put(sequence);
        put(self.traf_size());
        put(u32::from_be_bytes(*b"traf"));
        put(self.tfhd_size());
        put(u32::from_be_bytes(*b"tfhd"));
        put(self.tfhd_flags());
        put(TRACK_ID);
        self.duration.into_iter().for_each(&mut put);
        self.size.into_iter().for_each(&mut put);
        if !self.flags_each {
            put(self.flags);
        }
        put(20);
        put(u32::from_be_bytes(*b"tfdt"));
        put(1 << 24); // version 1: 64 bits, which a stream of days needs
        out.extend_from_slice(&self.decode_time.to_be_bytes());
    }

    /// `trun`.
    fn write_run(&self, frames: &[Frame], end: Timestamp, out: &mut Vec<u8>) {
        let mut put = |value: u32| out.extend_from_slice(&value.to_be_bytes());
        put(self.trun_size());
        put(u32::from_be_bytes(*b"trun"));
        put(TRUN_VERSION_1 | self.trun_flags());
        put(self.frames);
        put(self.moof_size() + 8); // data_offset: past the mdat's header
        self.first_flags.into_iter().for_each(&mut put);
        for (frame, duration) in timed(frames, end) {
            // The casts are lossless: Layout::of checked every frame.
            if self.duration.is_none() {
                put(duration as u32);
            }
            if self.size.is_none() {
                put(frame.data.len() as u32);
            }
            if self.flags_each {
                put(flags(frame));
            }
            if self.composition {
                put(frame.pts.since(frame.dts) as i32 as u32);
            }
        }
    }
}

/// Each frame with the ticks until the next one.
fn timed(frames: &[Frame], end: Timestamp) -> impl Iterator<Item = (&Frame, i64)> {
    let next = frames.iter().skip(1).map(|frame| frame.dts).chain([end]);
    frames.iter().zip(next).map(|(frame, next)| (frame, next.since(frame.dts)))
}

fn checked_duration(frame: &Frame, duration: i64) -> Result<u32, Error> {
    if duration <= 0 {
        let dts = frame.dts.offset(duration).0;
        return Err(Error::BackwardDecodeTime { previous: frame.dts.0, dts });
    }
    u32::try_from(duration).map_err(|_| Error::OutOfRange { field: "sample_duration", value: duration })
}

fn composition_offset(frame: &Frame) -> Result<i32, Error> {
    let offset = frame.pts.since(frame.dts);
    i32::try_from(offset)
        .map_err(|_| Error::OutOfRange { field: "sample_composition_time_offset", value: offset })
}

fn flags(frame: &Frame) -> u32 {
    if frame.keyframe { SYNC_SAMPLE } else { NON_SYNC_SAMPLE }
}

#[cfg(test)]
mod tests {
    use media_core::TrackId;

    use super::*;

    fn frame(dts: i64, offset: i64, keyframe: bool, data: &'static [u8]) -> Frame {
        let (dts, pts) = (Timestamp(dts), Timestamp(dts + offset));
        Frame { track: TrackId::video(0), dts, pts, keyframe, data: Bytes::from_static(data) }
    }

    #[test]
    fn audio_run_costs_four_bytes_a_frame() {
        let frames = [frame(0x1_0000_0000, 0, true, b"abc"), frame(0x1_0000_0400, 0, true, b"de")];
        let bytes = fragment(7, &frames, Timestamp(0x1_0000_0800)).unwrap();
        #[rustfmt::skip]
        let golden: &[u8] = &[
            0, 0, 0, 0x68, b'm', b'o', b'o', b'f',
            0, 0, 0, 16, b'm', b'f', b'h', b'd', 0, 0, 0, 0, 0, 0, 0, 7,
            0, 0, 0, 0x50, b't', b'r', b'a', b'f',
            // Base is moof; duration and flags by default.
            0, 0, 0, 24, b't', b'f', b'h', b'd', 0, 2, 0, 0x28, 0, 0, 0, 1, 0, 0, 4, 0, 2, 0, 0, 0,
            0, 0, 0, 20, b't', b'f', b'd', b't', 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0,
            // Data offset and sizes.
            0, 0, 0, 28, b't', b'r', b'u', b'n', 1, 0, 2, 1, 0, 0, 0, 2, 0, 0, 0, 0x70, 0, 0, 0, 3, 0, 0, 0, 2,
            0, 0, 0, 13, b'm', b'd', b'a', b't', b'a', b'b', b'c', b'd', b'e',
        ];
        assert_eq!(&bytes[..], golden);
    }

    #[test]
    fn trap_37_video_run_with_reordering_has_signed_offsets_and_one_key_frame() {
        let frames =
            [frame(0, 3000, true, b"IDR"), frame(3000, 6000, false, b"P"), frame(6000, -3000, false, b"B")];
        let bytes = fragment(1, &frames, Timestamp(9003)).unwrap();
        #[rustfmt::skip]
        let golden: &[u8] = &[
            0, 0, 0, 0x84, b'm', b'o', b'o', b'f',
            0, 0, 0, 16, b'm', b'f', b'h', b'd', 0, 0, 0, 0, 0, 0, 0, 1,
            0, 0, 0, 0x6c, b't', b'r', b'a', b'f',
            0, 0, 0, 20, b't', b'f', b'h', b'd', 0, 2, 0, 0x20, 0, 0, 0, 1, 1, 1, 0, 0,
            0, 0, 0, 20, b't', b'f', b'd', b't', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            // Data offset, first flags; duration, size and composition offset of each.
            0, 0, 0, 0x3c, b't', b'r', b'u', b'n', 1, 0, 0xb, 5, 0, 0, 0, 3, 0, 0, 0, 0x8c, 2, 0, 0, 0,
            0, 0, 0x0b, 0xb8, 0, 0, 0, 3, 0, 0, 0x0b, 0xb8,
            0, 0, 0x0b, 0xb8, 0, 0, 0, 1, 0, 0, 0x17, 0x70,
            0, 0, 0x0b, 0xbb, 0, 0, 0, 1, 0xff, 0xff, 0xf4, 0x48,
            0, 0, 0, 13, b'm', b'd', b'a', b't', b'I', b'D', b'R', b'P', b'B',
        ];
        assert_eq!(&bytes[..], golden);
    }

    #[test]
    fn the_result_is_exactly_sized() {
        let frames = [frame(0, 0, true, b"abcd"), frame(1, 0, false, b"efgh"), frame(2, 0, true, b"")];
        let bytes = fragment(1, &frames, Timestamp(3)).unwrap();
        assert_eq!(Vec::from(bytes.clone()).capacity(), bytes.len());
    }

    #[test]
    fn backward_decode_times_are_refused() {
        let frames = [frame(10, 0, true, b"a"), frame(10, 0, false, b"b")];
        let refused = Err(Error::BackwardDecodeTime { previous: 10, dts: 10 });
        assert_eq!(fragment(1, &frames, Timestamp(20)), refused);
        assert_eq!(fragment(1, &frames[..1], Timestamp(10)), refused);
    }

    #[test]
    fn what_a_field_cannot_hold_is_refused() {
        let out_of_range = |frames: &[Frame], end| match fragment(1, frames, Timestamp(end)) {
            Err(Error::OutOfRange { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(out_of_range(&[frame(-1, 0, true, b"a")], 5), "baseMediaDecodeTime");
        assert_eq!(out_of_range(&[frame(0, 0, true, b"a")], 1 << 32), "sample_duration");
        assert_eq!(out_of_range(&[frame(0, 1 << 31, true, b"a")], 5), "sample_composition_time_offset");
        assert_eq!(fragment(1, &[], Timestamp(0)), Err(Error::Empty));
    }
}
