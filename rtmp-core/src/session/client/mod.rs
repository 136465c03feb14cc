//! The side that connects, to publish or to play.

mod config;
mod event;
mod publish;
mod steps;

use std::collections::VecDeque;
use std::time::Instant;

use super::clock::{after, never};
use super::link::{Incoming, Link};
use super::{Awaited, CloseReason, Output, ProtocolError};
use crate::capability::Capabilities;
use crate::control::Control;
use crate::flv::Demuxer;

pub use config::{Config, Purpose, Timeouts};
pub use event::Event;
pub use publish::SendError;

use publish::Sender;

/// One connection to a server.
///
/// A session that publishes says [`Event::Publishing`] when [`send_track`](Self::send_track) and
/// [`send_frame`](Self::send_frame) may begin; one that plays delivers tracks and frames. It works like
/// [`ServerSession`](crate::ServerSession): feed it input and time, do what [`poll_output`](Self::poll_output) says.
#[derive(Debug)]
pub struct ClientSession {
    config: Config,
    link: Link,
    phase: Phase,
    events: VecDeque<Event>,
    server: Capabilities,
    now: Instant,
}

#[derive(Debug)]
enum Phase {
    Handshake {
        until: Instant,
    },
    /// `connect` was sent.
    Connecting {
        until: Instant,
    },
    /// `createStream` was sent.
    Creating {
        until: Instant,
    },
    /// `publish` or `play` was sent.
    Asking {
        stream_id: u32,
        until: Instant,
    },
    Publishing {
        stream_id: u32,
        sender: Box<Sender>,
    },
    Playing {
        stream_id: u32,
        demuxer: Box<Demuxer>,
        heard: Instant,
    },
    Closed,
}

impl ClientSession {
    /// A session for a connection that was made at `now`; it has the first packet to transmit. The seed should differ between
    /// connections; nothing secret depends on it.
    pub fn new(config: Config, seed: u64, now: Instant) -> Self {
        Self {
            link: Link::client(seed, config.limits),
            phase: Phase::Handshake { until: after(now, config.timeouts.handshake) },
            events: VecDeque::new(),
            server: Capabilities::default(),
            now,
            config,
        }
    }

    /// Takes bytes that arrived. Nothing of them is needed after the call.
    pub fn handle_input(&mut self, now: Instant, input: &[u8]) {
        self.now = now;
        let mut input = input;
        if let Err(error) = self.read(&mut input) {
            self.close(CloseReason::Protocol(error));
        }
    }

    /// The transport has ended or failed.
    pub fn handle_eof(&mut self, now: Instant) {
        self.now = now;
        self.close(CloseReason::Disconnected);
    }

    /// To be called at the moment of the last [`Output::Timeout`]; calls that come early do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        if let Some((until, awaited)) = self.awaiting()
            && now >= until
        {
            self.close(CloseReason::Timeout(awaited));
        }
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Output<Event> {
        if let Some(bytes) = self.link.take() {
            return Output::Transmit(bytes);
        }
        match self.events.pop_front() {
            Some(event) => Output::Event(event),
            None => {
                self.events.shrink_to(4);
                Output::Timeout(self.awaiting().map_or_else(|| never(self.now), |(until, _)| until))
            }
        }
    }

    /// The bytes for the peer alone, events left where they are.
    #[cfg(feature = "tokio")]
    pub(crate) fn take_transmit(&mut self) -> Option<bytes::Bytes> {
        self.link.take()
    }

    /// Whether [`Event::Closed`] was handed out or is queued. What is left to transmit should still be sent.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// What the server announced in its answer to `connect`.
    pub fn server_capabilities(&self) -> &Capabilities {
        &self.server
    }

    /// Bytes waiting to be transmitted. At [`Config::queue_bytes`] sending is refused.
    pub fn queued_bytes(&self) -> usize {
        self.link.queued()
    }

    fn awaiting(&self) -> Option<(Instant, Awaited)> {
        match &self.phase {
            Phase::Handshake { until } => Some((*until, Awaited::Handshake)),
            Phase::Connecting { until } | Phase::Creating { until } | Phase::Asking { until, .. } => {
                Some((*until, Awaited::Request))
            }
            Phase::Playing { heard, .. } => {
                Some((after(*heard, self.config.timeouts.server_silent), Awaited::Media))
            }
            Phase::Publishing { .. } | Phase::Closed => None,
        }
    }

    fn read(&mut self, input: &mut &[u8]) -> Result<(), ProtocolError> {
        loop {
            match &mut self.phase {
                Phase::Closed => return Ok(()),
                Phase::Playing { heard, .. } => *heard = self.now,
                _ => {}
            }
            match self.link.read(input)? {
                None => return Ok(()),
                Some(Incoming::Ready) => self.connect(),
                Some(Incoming::Message(message)) => self.receive(message),
                Some(Incoming::Control(Control::StreamEof(_))) => self.events.push_back(Event::Eof),
                Some(Incoming::Control(_)) => {}
            }
        }
    }

    fn close(&mut self, reason: CloseReason) {
        if !self.is_closed() {
            self.phase = Phase::Closed;
            self.events.push_back(Event::Closed { reason });
        }
    }
}
