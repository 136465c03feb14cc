//! Sending a stream.

use media_core::{Frame, Track};

use super::super::link::on;
use super::{ClientSession, Phase};
use crate::amf;
use crate::flv::{Muxer, Tag, TagKind, WireForm};
use crate::message::{MessageHeader, MessageKind};

/// Most tracks of a stream that is sent, so that a caller's mistake does not grow without bound.
const MAX_TRACKS: usize = 64;

/// A message's length has 24 bits (Adobe RTMP §5.3.1.2.1).
const LONGEST_MESSAGE: usize = 0xff_ffff;

/// Why something was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The session is not publishing: not yet, or no more. Wait for [`Event::Publishing`](super::Event::Publishing).
    #[error("the session is not publishing")]
    NotPublishing,
    /// As much as is allowed waits to be transmitted: the network is slower than the stream. Drop frames up to the next key
    /// frame, then try again.
    #[error("{queued} bytes wait to be transmitted, no more than {limit} may")]
    Full {
        /// Bytes waiting.
        queued: usize,
        /// [`Config::queue_bytes`](super::Config::queue_bytes).
        limit: usize,
    },
    /// A frame of 16 MiB or more, which no message can carry.
    #[error("frame of {len} bytes, a message carries at most 16777215")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// More tracks than the 64 that can be sent.
    #[error("more than 64 tracks")]
    Tracks,
}

/// What is being sent.
#[derive(Debug)]
pub(super) struct Sender {
    tracks: Vec<Track>,
    muxer: Muxer,
    multitrack: bool,
    /// Tracks changed: headers are due before the next frame.
    headers_due: bool,
}

impl Sender {
    /// `multitrack`: the server takes several tracks of a kind.
    pub(super) fn new(multitrack: bool) -> Self {
        Self { tracks: Vec::new(), muxer: Muxer::new(WireForm::Legacy), multitrack, headers_due: false }
    }

    fn set_track(&mut self, track: Track) -> Result<(), SendError> {
        if let Some(known) = self.tracks.iter_mut().find(|known| known.id == track.id) {
            *known = track;
        } else if self.tracks.len() < MAX_TRACKS {
            self.tracks.push(track);
        } else {
            return Err(SendError::Tracks);
        }
        self.headers_due = true;
        Ok(())
    }

    /// The plainest form that carries all tracks; to a server that takes one of a kind, the first of each.
    fn choose_form(&mut self) {
        let forms = [WireForm::Legacy, WireForm::Enhanced, WireForm::Multitrack];
        for form in forms.into_iter().filter(|form| self.multitrack || *form != WireForm::Multitrack) {
            self.muxer = Muxer::new(form);
            self.muxer.set_tracks(&self.tracks);
            if self.muxer.left_out().next().is_none() {
                break;
            }
        }
    }

    /// The message of a frame, and the headers that are due before it. None for a frame whose track is not carried; headers then
    /// wait for one whose is.
    fn messages(&mut self, frame: &Frame) -> Option<(Vec<Tag>, Tag)> {
        if self.headers_due {
            self.choose_form();
        }
        let tag = self.muxer.frame(frame)?;
        let due = std::mem::take(&mut self.headers_due);
        Some((if due { self.muxer.headers(tag.timestamp_ms) } else { Vec::new() }, tag))
    }
}

impl ClientSession {
    /// Announces a track, or its new headers; they go out before the next frame, with one `onMetaData` for all.
    ///
    /// The stream takes the plainest form that carries all tracks: legacy RTMP for H.264 with AAC or MP3, else Enhanced RTMP,
    /// with several tracks of a kind only if the server announced multitrack (else the first of each kind).
    ///
    /// # Errors
    /// [`SendError`] when the session is not publishing, or there are too many tracks.
    pub fn send_track(&mut self, track: Track) -> Result<(), SendError> {
        let Phase::Publishing { sender, .. } = &mut self.phase else { return Err(SendError::NotPublishing) };
        sender.set_track(track)
    }

    /// Sends an access unit of an announced track, its time in that track's timescale. A frame of a track that is not carried is
    /// dropped.
    ///
    /// # Errors
    /// [`SendError`] when the session is not publishing, or too much waits to be transmitted.
    pub fn send_frame(&mut self, frame: &Frame) -> Result<(), SendError> {
        let Phase::Publishing { stream_id, sender } = &mut self.phase else {
            return Err(SendError::NotPublishing);
        };
        let (queued, limit) = (self.link.queued(), self.config.queue_bytes);
        if queued >= limit {
            return Err(SendError::Full { queued, limit });
        }
        let stream_id = *stream_id;
        if frame.data.len() + Tag::MAX_HEAD_BYTES > LONGEST_MESSAGE {
            return Err(SendError::TooLong { len: frame.data.len() });
        }
        if let Some((headers, tag)) = sender.messages(frame) {
            headers.iter().chain([&tag]).for_each(|tag| self.send_tag(stream_id, tag));
        }
        Ok(())
    }

    fn send_tag(&mut self, stream_id: u32, tag: &Tag) {
        let (chunk_stream, kind) = match tag.kind {
            TagKind::Audio => (on::AUDIO, MessageKind::AUDIO),
            TagKind::Video => (on::VIDEO, MessageKind::VIDEO),
            TagKind::Script => (on::DATA, MessageKind::DATA_AMF0),
        };
        let header = MessageHeader { kind, timestamp_ms: tag.timestamp_ms, stream_id };
        let mut instruction = bytes::BytesMut::new();
        if tag.kind == TagKind::Script {
            // Without it servers pass script messages on and keep none for later viewers.
            amf::encode_str("@setDataFrame", &mut instruction);
        }
        self.link.send_message(chunk_stream, header, &[&instruction, tag.head(), &tag.payload]);
    }
}
