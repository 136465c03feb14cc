//! What can be set about server sessions.

use std::time::Duration;

use crate::{amf, chunk, flv};

/// What all sessions of a server share.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How long a peer may take.
    pub timeouts: Timeouts,
    /// How much a peer may cost.
    pub limits: Limits,
    /// The chunk size we send with, in bytes. Default 60,000. A fan-out has to use the same.
    pub chunk_size: u32,
    /// The acknowledgement window we ask of peers, in bytes. Default 5,000,000.
    pub window_bytes: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            chunk_size: chunk::DEFAULT_CHUNK_SIZE,
            window_bytes: 5_000_000,
        }
    }
}

/// How long a peer may take.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Timeouts {
    /// From the connection to the end of the handshake. Default 5 s.
    pub handshake: Duration,
    /// From there to the request to publish or play. Default 10 s.
    pub request: Duration,
    /// From the request to its acceptance or rejection by us. Default 15 s: an authority's two seconds and the delay before a
    /// wrong key is answered fit.
    pub decision: Duration,
    /// How long a publisher may send no whole media message, nor 16 KiB of one. Default 10 s.
    pub publisher_silent: Duration,
    /// How often a player is pinged, so that a dead connection is noticed while nothing is played. Default 30 s. A player who
    /// does not answer is not dropped for that: some never do.
    pub ping_interval: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            request: Duration::from_secs(10),
            decision: Duration::from_secs(15),
            publisher_silent: Duration::from_secs(10),
            ping_interval: Duration::from_secs(30),
        }
    }
}

/// How much a peer may cost.
///
/// Worst case with the defaults: before it is let in, and for good if it plays, a connection holds at most 128 KiB of
/// unfinished messages, or 192 KiB of them and of what it sent ahead of our decision. A publisher that was let in holds at most
/// 12 MiB of unfinished messages and 1 MiB of codec headers. Reading a command or metadata takes 1 MiB more for the moment.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// For peers who have not been let in, and for players. Default [`chunk::Limits::small`].
    pub before_accept: chunk::Limits,
    /// For publishers. Default [`chunk::Limits::default`].
    pub publisher: chunk::Limits,
    /// For commands.
    pub amf: amf::Limits,
    /// For a publisher's tracks.
    pub flv: flv::Limits,
    /// Commands before the request to publish or play. Default 64; encoders send about six.
    pub commands_before_request: u32,
    /// Commands in one second, at any time. Default 50.
    pub commands_per_second: u32,
    /// Message streams at one time. Default 8; one can be published or played.
    pub streams: usize,
    /// Bytes kept of what a peer sends while its request is being decided. Default 64 KiB. Well-behaved peers wait; a driver
    /// that stops reading meanwhile never gets there.
    pub impatient_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            before_accept: chunk::Limits::small(),
            publisher: chunk::Limits::default(),
            amf: amf::Limits::default(),
            flv: flv::Limits::default(),
            commands_before_request: 64,
            commands_per_second: 50,
            streams: 8,
            impatient_bytes: 64 * 1024,
        }
    }
}
