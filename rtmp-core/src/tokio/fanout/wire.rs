//! Frames to batches of wire bytes.

use bytes::{BufMut, Bytes, BytesMut};
use media_core::broadcast::Received;
use media_core::ring::Meta;
use media_core::{Frame, Timescale, Track, TrackId, TrackKind};

use crate::capability::Needs;
use crate::chunk::{Chunking, DEFAULT_CHUNK_SIZE, write_message, written_len};
use crate::flv::{Muxer, Tag, TagKind, WireForm, file};
use crate::message::{MessageHeader, MessageKind};

/// What a fan-out's bytes are: one fan-out serves everybody who takes the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wire {
    /// RTMP messages, each whole, with absolute timestamps and in chunks of
    /// [`DEFAULT_CHUNK_SIZE`](crate::chunk::DEFAULT_CHUNK_SIZE), which the player has to be told.
    Rtmp {
        /// How tag bodies are written.
        form: WireForm,
        /// The message stream; 1 for nearly every player.
        stream_id: u32,
    },
    /// An FLV stream, for HTTP.
    Flv {
        /// How tag bodies are written.
        form: WireForm,
    },
}

impl Wire {
    /// How tag bodies are written.
    pub const fn form(self) -> WireForm {
        match self {
            Self::Rtmp { form, .. } | Self::Flv { form } => form,
        }
    }

    fn written_len(self, tag: &Tag) -> usize {
        match self {
            Self::Rtmp { stream_id, .. } => {
                written_len(&header(tag, stream_id), tag.len(), chunking(tag.kind))
            }
            Self::Flv { .. } => file::HEAD_BYTES + tag.len() + file::TAIL_BYTES,
        }
    }

    fn write(self, tag: &Tag, out: &mut BytesMut) {
        match self {
            Self::Rtmp { stream_id, .. } => {
                write_message(&header(tag, stream_id), &[tag.head(), &tag.payload], chunking(tag.kind), out);
            }
            // Larger tags than FLV can hold were left out before.
            Self::Flv { .. } => drop(file::write_tag(tag, out)),
        }
    }
}

fn header(tag: &Tag, stream_id: u32) -> MessageHeader {
    MessageHeader { kind: MessageKind(tag.kind.number()), timestamp_ms: tag.timestamp_ms, stream_id }
}

/// The chunk streams that other servers use for each kind of message; any number from 3 on would do.
fn chunking(kind: TagKind) -> Chunking {
    let chunk_stream = match kind {
        TagKind::Audio => 4,
        TagKind::Script => 5,
        TagKind::Video => 6,
    };
    Chunking { chunk_stream, chunk_size: DEFAULT_CHUNK_SIZE }
}

/// What a player may do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Audio,
    Video,
    /// Video that decoding may begin at.
    Key,
    /// Metadata, sequence headers and script data: everybody gets them.
    Shared,
}

/// One message of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Where it ends in the batch's bytes; it begins where the one before ends.
    pub(super) end: u32,
    pub(super) class: Class,
}

/// Messages that are flushed together, in one piece.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) bytes: Bytes,
    pub(super) entries: Box<[Entry]>,
    /// What somebody who begins here needs first; `None` where nobody can.
    pub(super) start: Option<Bytes>,
    /// Media time of the last message in milliseconds.
    pub(super) time_ms: i64,
}

impl Batch {
    pub(super) fn meta(&self) -> Meta {
        let start = self.start.as_ref().map_or(0, Bytes::len);
        let bytes = self.bytes.len() + start + size_of_val(&*self.entries);
        Meta { bytes, time_ms: self.time_ms, entry_point: self.start.is_some() }
    }

    /// The end of the message that the byte at `offset` belongs to: `offset` itself where a message begins.
    pub(super) fn boundary(&self, offset: usize) -> usize {
        let index = self.index(offset);
        let start = index
            .checked_sub(1)
            .and_then(|before| self.entries.get(before))
            .map_or(0, |entry| entry.end as usize);
        if start == offset {
            return offset;
        }
        self.entries.get(index).map_or(self.bytes.len(), |entry| entry.end as usize)
    }

    /// The number of the message that the byte at `offset` belongs to.
    pub(super) fn index(&self, offset: usize) -> usize {
        self.entries.partition_point(|entry| entry.end as usize <= offset)
    }
}

/// A batch is cut once it has so many bytes, so that the first frames of a long GOP are on their way while the rest is written.
const MAX_BATCH_BYTES: usize = 256 * 1024;
/// Larger bodies fit neither a chunk header nor an FLV tag.
const MAX_BODY_BYTES: usize = 0xff_ffff;

/// Collects messages until they are flushed.
#[derive(Debug)]
pub(super) struct Builder {
    wire: Wire,
    muxer: Muxer,
    needs: Needs,
    /// The track whose key frames somebody may begin at.
    entry_track: Option<TrackId>,
    /// The next frame is preceded by headers, for tracks that are new.
    headers_due: bool,
    /// The next frame is an entry point, whatever it is.
    force_entry: bool,
    pending: Vec<(Tag, Class)>,
    pending_bytes: usize,
    /// Set when the pending batch is an entry point.
    start: Option<Bytes>,
    time_ms: i64,
    /// Video is pending.
    has_video: bool,
}

impl Builder {
    pub(super) fn new(wire: Wire) -> Self {
        Self {
            wire,
            muxer: Muxer::new(wire.form()),
            needs: Needs::default(),
            entry_track: None,
            headers_due: false,
            force_entry: false,
            pending: Vec::new(),
            pending_bytes: 0,
            start: None,
            time_ms: 0,
            has_video: false,
        }
    }

    /// Whether a video message waits to be flushed, or there is no video to wait for.
    pub(super) fn wants_flush(&self) -> bool {
        let carries_video = || self.muxer.carried().any(|track| track.kind() == TrackKind::Video);
        self.has_video || (!self.pending.is_empty() && !carries_video())
    }

    /// What it takes to play what was taken last.
    pub(super) fn needs(&self) -> Needs {
        self.needs
    }

    /// Media time of what was taken last, in milliseconds.
    pub(super) fn time_ms(&self) -> i64 {
        self.time_ms
    }

    /// Lets somebody begin at the next frame even though it is no key frame.
    pub(super) fn force_entry(&mut self) {
        self.force_entry = true;
    }

    /// Takes what a broadcast gave; batches that are full, or that an entry point ends, go to `out`.
    pub(super) fn take(&mut self, received: &Received, out: &mut Vec<Batch>) {
        match received {
            Received::Tracks(tracks) => {
                self.muxer.set_tracks(tracks);
                self.needs = Needs::of(&self.muxer, tracks);
                let of = |kind| self.muxer.carried().find(|track| track.kind() == kind).map(|track| track.id);
                self.entry_track = of(TrackKind::Video).or_else(|| of(TrackKind::Audio));
                self.headers_due = true;
            }
            Received::Frame(frame) => self.frame(frame, out),
            _ => {}
        }
    }

    fn frame(&mut self, frame: &Frame, out: &mut Vec<Batch>) {
        let Some(track) = self.muxer.carried().find(|track| track.id == frame.track) else { return };
        let (kind, time_ms) = (track.kind(), time_ms(track, frame));
        let Some(tag) = self.muxer.frame(frame).filter(|tag| tag.len() <= MAX_BODY_BYTES) else { return };
        if std::mem::take(&mut self.headers_due) {
            // They end the batch before, so that whoever begins at this frame does not get them twice.
            for header in self.muxer.headers(tag.timestamp_ms) {
                self.push(header, Class::Shared);
            }
        }
        let entry = std::mem::take(&mut self.force_entry)
            || (frame.keyframe && self.entry_track == Some(frame.track));
        // Every frame of sound is a key frame: one entry point a batch is enough.
        if entry && (kind == TrackKind::Video || self.start.is_none()) {
            self.seal(out);
            self.start = Some(self.headers(tag.timestamp_ms));
        }
        let class = match kind {
            TrackKind::Audio => Class::Audio,
            TrackKind::Video if frame.keyframe => Class::Key,
            TrackKind::Video => Class::Video,
            TrackKind::Data => Class::Shared,
        };
        self.time_ms = time_ms;
        self.has_video |= kind == TrackKind::Video;
        self.push(tag, class);
        if self.pending_bytes >= MAX_BATCH_BYTES {
            self.seal(out);
        }
    }

    fn push(&mut self, tag: Tag, class: Class) {
        self.pending_bytes += self.wire.written_len(&tag);
        self.pending.push((tag, class));
    }

    /// What precedes the first message of somebody who begins now.
    fn headers(&self, timestamp_ms: u32) -> Bytes {
        let mut out = BytesMut::new();
        if let Wire::Flv { .. } = self.wire {
            out.put_slice(&file::stream_head(&self.muxer));
        }
        self.muxer.headers(timestamp_ms).iter().for_each(|tag| self.wire.write(tag, &mut out));
        out.freeze()
    }

    /// Ends the batch, if there is anything in it.
    pub(super) fn seal(&mut self, out: &mut Vec<Batch>) {
        self.has_video = false;
        let start = self.start.take();
        if self.pending.is_empty() {
            return;
        }
        let mut bytes = BytesMut::with_capacity(self.pending_bytes);
        let mut entries = Vec::with_capacity(self.pending.len());
        for (tag, class) in self.pending.drain(..) {
            self.wire.write(&tag, &mut bytes);
            entries.push(Entry { end: bytes.len() as u32, class });
        }
        self.pending_bytes = 0;
        out.push(Batch { bytes: bytes.freeze(), entries: entries.into(), start, time_ms: self.time_ms });
    }
}

fn time_ms(track: &Track, frame: &Frame) -> i64 {
    frame.dts.rescale(track.timescale, Timescale::MILLIS).0
}
