//! Requests to publish and to play, and the answers to them.

use std::sync::Arc;

use bytes::Bytes;

use crate::capability::Capabilities;
use crate::command::ConnectInfo;
use crate::name::Target;

/// Which request an answer is for. An answer to a request that is no longer open does nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket(pub(super) u64);

/// What a publisher wants done with its stream (Adobe RTMP §7.2.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishKind {
    /// Not recorded; also what encoders who say nothing mean.
    Live,
    /// Recorded.
    Record,
    /// Recorded at the end of an earlier recording.
    Append,
}

/// A peer wants to publish.
#[derive(Debug)]
#[non_exhaustive]
pub struct PublishRequest {
    /// Where to; its key is a secret.
    pub target: Target,
    /// Live or recorded.
    pub kind: PublishKind,
    /// What the encoder said of itself.
    pub connect: Arc<ConnectInfo>,
    /// For the answer.
    pub ticket: Ticket,
}

/// A peer wants to play.
#[derive(Debug)]
#[non_exhaustive]
pub struct PlayRequest {
    /// What; its key is the stream's name.
    pub target: Target,
    /// The message stream on which the media have to be sent: 1 for all players who create one stream, which is nearly all.
    pub stream_id: u32,
    /// What the player said of itself.
    pub connect: Arc<ConnectInfo>,
    /// For the answer.
    pub ticket: Ticket,
}

impl PlayRequest {
    /// What the player can receive.
    pub fn capabilities(&self) -> &Capabilities {
        &self.connect.capabilities
    }
}

impl From<PublishRequest> for Ticket {
    fn from(request: PublishRequest) -> Self {
        request.ticket
    }
}

impl From<PlayRequest> for Ticket {
    fn from(request: PlayRequest) -> Self {
        request.ticket
    }
}

/// How playing begins.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlayStart {
    /// Send `|RtmpSampleAccess`, which lets Flash players draw and analyse what they play. Default true.
    pub sample_access: bool,
    /// An AMF0 script message (`onMetaData` and its value) to send first, at time 0. Default none: a fan-out sends its own.
    pub metadata: Option<Bytes>,
}

impl Default for PlayStart {
    fn default() -> Self {
        Self { sample_access: true, metadata: None }
    }
}

/// Why a request is rejected. The peer learns the status code and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The key is wrong or has been revoked: `NetStream.Publish.BadName`, `NetStream.Play.StreamNotFound`.
    #[error("unknown or revoked key")]
    BadName,
    /// Another encoder is publishing this stream: `NetStream.Publish.BadName`.
    #[error("already being published")]
    Busy,
    /// No such stream, or nothing to play: `NetStream.Play.StreamNotFound`.
    #[error("no such stream")]
    NotFound,
    /// The player cannot receive the stream's codecs: `NetStream.Play.Failed`.
    #[error("codec not announced by the player")]
    Unsupported,
    /// A limit was reached or a dependency does not answer; trying again later may help: `NetStream.Publish.Failed`,
    /// `NetStream.Play.Failed`.
    #[error("not possible at the moment")]
    Unavailable,
}

/// Why we end an accepted connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ending {
    /// Another encoder with the same key took over.
    #[error("taken over by another publisher")]
    TakenOver,
    /// The right to publish or play was withdrawn.
    #[error("permission revoked")]
    Revoked,
    /// The stream that was played has ended.
    #[error("the stream ended")]
    StreamEnded,
    /// The player read too slowly.
    #[error("too slow a reader")]
    TooSlow,
    /// The server shuts down.
    #[error("the server shuts down")]
    Shutdown,
}

/// A request under decision.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) ticket: u64,
    pub(super) stream_id: u32,
    pub(super) publish: bool,
}
