//! The muxer: frames of a part in, packets out.

use bytes::Bytes;
use media_core::{Frame, Timescale, Timestamp, Track, TrackKind};

use super::elementary::Elementary;
use super::packet::{self, Continuity, PACKET_BYTES, Packetizer, Pid, Signals};
use super::pes;
use super::psi::{self, TABLE_PACKETS};
use crate::container::Error;

/// The most tracks in one stream: the program map has one packet.
pub const MAX_TRACKS: usize = 8;
/// What is added to every time before it is written, in 90 kHz ticks: ten seconds, as Apple's segmenters do, so that
/// presentation times before the first decode time, and the clock that leads it, are not negative. Times wrap at 2^33.
pub const TIME_OFFSET_TICKS: i64 = 10 * 90_000;

/// How far the program clock is behind the decode times: the time that a receiver's buffers may fill. 0.7 s.
const CLOCK_LEAD_TICKS: i64 = 63_000;
/// How much audio shares a PES packet: 100 ms, the interval in which an audio-only stream must repeat the clock.
const AUDIO_PES_TICKS: i64 = 9_000;
/// The most audio in one PES packet, whose length field has 16 bits, in bytes.
const AUDIO_PES_BYTES: usize = 60_000;
/// The first elementary stream's PID; the others follow.
const FIRST_PID: Pid = 0x100;

/// Whether a part opens with the program tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tables {
    /// PAT and PMT first: a segment's first part, and every independent part.
    Write,
    /// No tables: a part that nobody starts at.
    Omit,
}

/// Muxes the tracks of one stream. Continuity counters run on from part to part, so that a segment is the concatenation
/// of its parts; a discontinuity or another track configuration wants a new muxer.
#[derive(Debug)]
pub struct Muxer {
    streams: Vec<Stream>,
    /// Index of the stream that carries the program clock.
    clock: usize,
    tables: psi::Tables,
    malformed: u64,
}

#[derive(Debug)]
struct Stream {
    elementary: Elementary,
    continuity: Continuity,
}

/// One PES packet to be.
struct Unit {
    /// Index of its stream.
    stream: usize,
    /// Its frames' places in the list of the part's frames by stream.
    frames: std::ops::Range<usize>,
    /// Decode time of its first frame, 90 kHz.
    dts: i64,
    /// Presentation time of its first frame, 90 kHz.
    pts: i64,
    keyframe: bool,
    /// Bytes after the PES header.
    payload: usize,
}

impl Muxer {
    /// A muxer of `tracks`, at least one and at most [`MAX_TRACKS`]. The first video track, or else the first track,
    /// carries the program clock.
    ///
    /// # Errors
    /// [`Error::CodecNotPackaged`] for a track that MPEG-TS cannot carry; [`Error::BadConfig`] for an unusable decoder
    /// configuration; [`Error::Empty`] and [`Error::OutOfRange`] for a wrong number of tracks.
    pub fn new(tracks: &[Track]) -> Result<Self, Error> {
        if tracks.is_empty() {
            return Err(Error::Empty);
        }
        if tracks.len() > MAX_TRACKS {
            return Err(Error::OutOfRange { field: "tracks", value: tracks.len() as i64 });
        }
        let elementary: Vec<Elementary> = tracks
            .iter()
            .zip(FIRST_PID..)
            .map(|(track, pid)| Elementary::new(track, pid))
            .collect::<Result<_, _>>()?;
        let clock = elementary.iter().position(|stream| stream.kind() == TrackKind::Video).unwrap_or(0);
        let clock_pid = elementary.get(clock).map_or(FIRST_PID, |stream| stream.pid);
        let tables = psi::Tables::new(&elementary, clock_pid);
        let streams = elementary
            .into_iter()
            .map(|elementary| Stream { elementary, continuity: Continuity::default() })
            .collect();
        Ok(Self { streams, clock, tables, malformed: 0 })
    }

    /// The packets of one part: the frames of all tracks that belong to it, each track's in decode order, the tracks
    /// mixed as they come. Its parts' bytes concatenated are a segment.
    ///
    /// A frame that is not as its codec frames it costs itself: what cannot be written of it is left out, and counted
    /// in [`Muxer::malformed`]. A part without frames is its tables, or empty.
    ///
    /// # Errors
    /// [`Error::UnknownTrack`]; nothing was muxed then.
    pub fn part(&mut self, frames: &[Frame], tables: Tables) -> Result<Bytes, Error> {
        let known = |frame: &&Frame| self.streams.iter().any(|stream| stream.elementary.track == frame.track);
        if let Some(stranger) = frames.iter().find(|frame| !known(frame)) {
            return Err(Error::UnknownTrack { track: stranger.track });
        }
        let (ordered, units) = self.plan(frames);
        let table_packets = if tables == Tables::Write { TABLE_PACKETS } else { 0 };
        let packets: usize = units.iter().map(|unit| self.packets(unit)).sum();
        let mut out = Vec::with_capacity((table_packets + packets) * PACKET_BYTES);
        if tables == Tables::Write {
            self.tables.write(&mut out);
        }
        for unit in &units {
            self.write(unit, ordered.get(unit.frames.clone()).unwrap_or_default(), &mut out);
        }
        debug_assert_eq!(out.len(), (table_packets + packets) * PACKET_BYTES);
        Ok(out.into())
    }

    /// How many frames were malformed so far: NAL unit lengths beyond the frame, audio that its header cannot announce.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    /// The frames by stream, and the PES packets that they make, in decode order of the tracks mixed.
    fn plan<'a>(&mut self, frames: &'a [Frame]) -> (Vec<&'a Frame>, Vec<Unit>) {
        let mut ordered = Vec::with_capacity(frames.len());
        let mut units: Vec<Unit> = Vec::with_capacity(frames.len());
        for (stream, Stream { elementary, .. }) in self.streams.iter().enumerate() {
            let first_unit = units.len();
            let mut due = 0;
            for frame in frames.iter().filter(|frame| frame.track == elementary.track) {
                if !elementary.is_well_formed(frame) {
                    self.malformed += 1;
                }
                let payload = elementary.payload_bytes(frame);
                if payload == 0 {
                    continue;
                }
                let (dts, pts) = (ticks(frame.dts, elementary), ticks(frame.pts, elementary));
                let at = ordered.len();
                ordered.push(frame);
                let open = units.get_mut(first_unit..).and_then(<[Unit]>::last_mut);
                match open.filter(|unit| unit.takes(elementary, dts, due, payload)) {
                    Some(unit) => {
                        unit.frames.end = at + 1;
                        unit.payload += payload;
                    }
                    None => units.push(Unit {
                        stream,
                        frames: at..at + 1,
                        dts,
                        pts,
                        keyframe: frame.keyframe,
                        payload,
                    }),
                }
                due = dts + elementary.frame_ticks();
            }
        }
        units.sort_by_key(|unit| unit.dts);
        (ordered, units)
    }

    fn signals(&self, unit: &Unit) -> Signals {
        let clock = unit.stream == self.clock;
        Signals {
            // Of audio, every frame is one; it only says something where there is nothing else to start at.
            random_access: clock && unit.keyframe,
            pcr: clock.then(|| pes::wrap(unit.dts - CLOCK_LEAD_TICKS)),
        }
    }

    fn packets(&self, unit: &Unit) -> usize {
        packet::packets(pes::Header::len(unit.times()) + unit.payload, self.signals(unit))
    }

    fn write(&mut self, unit: &Unit, frames: &[&Frame], out: &mut Vec<u8>) {
        let signals = self.signals(unit);
        let Some(Stream { elementary, continuity }) = self.streams.get_mut(unit.stream) else { return };
        let header = pes::Header::new(elementary.stream_id(), unit.times(), unit.payload);
        let len = header.as_bytes().len() + unit.payload;
        let mut packets = Packetizer::new(out, elementary.pid, continuity, len, signals);
        packets.push(header.as_bytes());
        for frame in frames {
            elementary.write(frame, |piece| packets.push(piece));
        }
    }
}

impl Unit {
    fn times(&self) -> pes::Times {
        pes::Times::new(self.pts, self.dts)
    }

    /// Whether a frame at `dts` joins this packet: audio, within its limits, at the time that follows from the packet's
    /// own (readers count on from there), give or take half a frame of clock jitter.
    fn takes(&self, elementary: &Elementary, dts: i64, due: i64, payload: usize) -> bool {
        elementary.kind() == TrackKind::Audio
            && (dts - due).abs() <= elementary.frame_ticks() / 2
            && dts - self.dts + elementary.frame_ticks() <= AUDIO_PES_TICKS
            && self.payload + payload <= AUDIO_PES_BYTES
    }
}

/// A frame's time on the 90 kHz clock of the transport stream, not wrapped.
fn ticks(time: Timestamp, elementary: &Elementary) -> i64 {
    // Half the range: sums of two times cannot overflow, and the wire has 33 bits of them.
    const LIMIT: i64 = i64::MAX / 4;
    let ticks = time.rescale(elementary.timescale, Timescale::VIDEO).0;
    ticks.clamp(-LIMIT, LIMIT) + TIME_OFFSET_TICKS
}
