//! What a client session reports.

use media_core::{Frame, Track};

use super::super::CloseReason;
use crate::flv::{Metadata, Why};

/// Something that happened on a connection to a server.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The server lets us publish: tracks and frames may be sent.
    Publishing,
    /// The server lets us play.
    Playing,
    /// What is played has this track, or its headers changed.
    Track(Track),
    /// An access unit of an announced track. Its time is the raw 32-bit timestamp in microseconds.
    Frame(Frame),
    /// The `onMetaData` of what is played.
    Metadata(Metadata),
    /// A message of what is played that carried nothing to pass on.
    Ignored(Why),
    /// What is played has no more to send for now (`StreamEOF`, Adobe RTMP §7.1.7).
    Eof,
    /// A status that is no error and ends nothing, such as `NetStream.Play.UnpublishNotify`.
    Status {
        /// The status code, at most 128 bytes.
        code: Box<str>,
        /// What the server adds for people, at most 256 bytes.
        description: Box<str>,
    },
    /// The server asks us to connect anew at the next key frame, to this URL or to the same (E-RTMP v2, "Reconnect Request").
    Reconnect {
        /// An absolute or relative reference, at most 8 KiB; not to be followed unchecked.
        tc_url: Option<Box<str>>,
    },
    /// The connection is over; the last event. Transmit what there still is, then close the transport.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}
