//! What both ends of a connection have in common.

pub mod client;
mod clock;
mod link;
mod media;
pub mod server;

use std::time::Instant;

use bytes::Bytes;

use crate::{chunk, handshake};

/// What a session wants of its driver. Ask until the answer is [`Output::Timeout`].
#[derive(Debug)]
pub enum Output<E> {
    /// Bytes for the peer, in order.
    Transmit(Bytes),
    /// Something that happened.
    Event(E),
    /// Nothing more for now: wait for input, or until this moment and then call `handle_timeout`. A session without a timer
    /// names a moment an hour ahead.
    Timeout(Instant),
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer ended its stream as it should: `FCUnpublish`, `deleteStream` or `closeStream`.
    #[error("the peer ended its stream")]
    Finished,
    /// The transport ended without that: an encoder that crashed, a network that failed.
    #[error("the peer disconnected")]
    Disconnected,
    /// Something did not happen in time.
    #[error("timed out waiting for {0}")]
    Timeout(Awaited),
    /// The peer broke the protocol.
    #[error("protocol error: {0}")]
    Protocol(#[from] ProtocolError),
    /// We rejected its request.
    #[error("rejected: {0}")]
    Rejected(server::Rejection),
    /// We ended it.
    #[error("ended by the server: {0}")]
    Ended(server::Ending),
    /// The server refused us, with its status code.
    #[error("refused by the server: {code}")]
    Refused {
        /// Such as `NetStream.Publish.BadName`, at most 128 bytes.
        code: Box<str>,
        /// What the server adds for people, at most 256 bytes.
        description: Box<str>,
    },
}

/// What a peer took too long for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Awaited {
    /// The end of the handshake.
    #[error("the handshake")]
    Handshake,
    /// A request to publish or play; for a client, the server's permission.
    #[error("a request to publish or play, or its answer")]
    Request,
    /// Our own answer to the request.
    #[error("a decision on the request")]
    Decision,
    /// Anything from a publisher; for a client that plays, anything from the server.
    #[error("media")]
    Media,
}

/// How a peer broke the protocol. Trying again does not help it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// It does not speak RTMP.
    #[error(transparent)]
    Handshake(#[from] handshake::Error),
    /// Its chunks make no sense or go past a limit.
    #[error(transparent)]
    Chunk(#[from] chunk::Error),
    /// It connected twice, or without saying where to.
    #[error("invalid connect command")]
    Connect,
    /// It sent more commands than are allowed.
    #[error("too many commands")]
    Commands,
    /// It created more message streams than are allowed.
    #[error("too many message streams")]
    Streams,
    /// It sent more than is kept while its request was being decided.
    #[error("too much data before its request was answered")]
    Impatient,
}
