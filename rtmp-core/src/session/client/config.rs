//! What can be set about a client session.

use std::time::Duration;

use crate::capability::Capabilities;
use crate::url::RtmpUrl;
use crate::{amf, chunk, flv};

/// What a client wants of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To send a stream.
    Publish,
    /// To receive one.
    Play,
}

/// Where to, what for, and within which bounds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The server, application and stream.
    pub url: RtmpUrl,
    /// To publish or to play.
    pub purpose: Purpose,
    /// How long the server may take.
    pub timeouts: Timeouts,
    /// What is announced in `connect`. Default everything. [`Capabilities::default`] makes a legacy client: some servers'
    /// front ends refuse properties they do not know.
    pub capabilities: Capabilities,
    /// The client's name for itself, `flashVer`. The default begins like FMLE's, which servers take for an encoder.
    pub software: Box<str>,
    /// The chunk size we send with, in bytes. Default 4,096, which every server takes.
    pub chunk_size: u32,
    /// Bytes that may wait to be transmitted before sending is refused. Default 4 MiB.
    pub queue_bytes: usize,
    /// For what the server sends.
    pub limits: chunk::Limits,
    /// For the server's commands.
    pub amf: amf::Limits,
    /// For the tracks of what is played.
    pub flv: flv::Limits,
}

impl Config {
    /// To publish to `url`.
    pub fn publish(url: RtmpUrl) -> Self {
        Self { limits: chunk::Limits::small(), ..Self::new(url, Purpose::Publish) }
    }

    /// To play `url`.
    pub fn play(url: RtmpUrl) -> Self {
        Self::new(url, Purpose::Play)
    }

    fn new(url: RtmpUrl, purpose: Purpose) -> Self {
        Self {
            url,
            purpose,
            timeouts: Timeouts::default(),
            capabilities: Capabilities::all(),
            software: "FMLE/3.0 (compatible; Pulse)".into(),
            chunk_size: 4_096,
            queue_bytes: 4 * 1024 * 1024,
            limits: chunk::Limits::default(),
            amf: amf::Limits::default(),
            flv: flv::Limits::default(),
        }
    }
}

/// How long the server may take.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Timeouts {
    /// From the connection to the end of the handshake. Default 5 s.
    pub handshake: Duration,
    /// From there to the server's permission to publish or play. Default 10 s.
    pub request: Duration,
    /// How long the server may send nothing at all while we play. Default 60 s: streams pause, servers ping.
    pub server_silent: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            request: Duration::from_secs(10),
            server_silent: Duration::from_secs(60),
        }
    }
}
