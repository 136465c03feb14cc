//! What a server session reports.

use media_core::{Frame, Track};

use super::super::CloseReason;
use super::request::{PlayRequest, PublishRequest};
use crate::flv::{Metadata, Why};

/// Something that happened on a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The peer wants to publish. Answer with [`ServerSession::accept_publish`](super::ServerSession::accept_publish) or
    /// [`reject`](super::ServerSession::reject); nothing else happens on the connection before.
    Publish(PublishRequest),
    /// The peer wants to play. Answer with [`ServerSession::accept_play`](super::ServerSession::accept_play) or
    /// [`reject`](super::ServerSession::reject); nothing else happens on the connection before.
    Play(PlayRequest),
    /// A publisher announced a track, or its headers changed.
    Track(Track),
    /// An access unit of an announced track. Its time is the raw 32-bit timestamp in microseconds.
    Frame(Frame),
    /// A publisher's `onMetaData`.
    Metadata(Metadata),
    /// A publisher's message that carried nothing to pass on. Harmless in small numbers; for health reports.
    Ignored(Why),
    /// A player paused or went on. What it missed is not kept for it.
    Pause(bool),
    /// A player wants sound, or none.
    ReceiveAudio(bool),
    /// A player wants pictures, or none.
    ReceiveVideo(bool),
    /// The connection is over; the last event. Transmit what there still is, then close the transport.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}
