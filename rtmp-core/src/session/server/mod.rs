//! The side that encoders and players connect to.

mod answers;
mod commands;
mod config;
mod event;
mod heard;
mod media;
mod request;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::clock::{after, never};
use super::link::{Incoming, Link};
use super::{Awaited, CloseReason, Output, ProtocolError};
use crate::command::ConnectInfo;
use crate::flv::Demuxer;

pub use answers::PlayNotice;
pub use config::{Config, Limits, Timeouts};
pub use event::Event;
pub use request::{Ending, PlayRequest, PlayStart, PublishKind, PublishRequest, Rejection, Ticket};

use commands::Rate;
use heard::Heard;
use request::Asked;

/// One connection of an encoder or a player.
///
/// Feed it what arrives and the time, do what [`poll_output`](Self::poll_output) says. It keeps no input but a header cut
/// short and the messages under way, so that any number of sessions can share one read buffer.
///
/// A session that idles holds less than 2 KiB beside what a publisher's codec headers take. What a hostile peer can make it
/// hold is said at [`Limits`].
#[derive(Debug)]
pub struct ServerSession {
    config: Arc<Config>,
    link: Link,
    phase: Phase,
    events: VecDeque<Event>,
    connect: Option<Arc<ConnectInfo>>,
    streams: Streams,
    rate: Rate,
    tickets: u64,
    now: Instant,
}

/// Where the connection is in its life. It ends in one place only: [`ServerSession::close`].
#[derive(Debug)]
enum Phase {
    Handshake { until: Instant },
    Commands { until: Instant },
    Deciding { asked: Asked, until: Instant, stash: Vec<u8> },
    Publishing { stream_id: u32, demuxer: Box<Demuxer>, heard: Heard },
    Playing { stream_id: u32, ping: Instant },
    Closed,
}

/// Message streams created by the peer.
#[derive(Debug, Default)]
struct Streams {
    ids: Vec<u32>,
}

impl Streams {
    /// The lowest id that is free; `None` when there are `limit`.
    fn create(&mut self, limit: usize) -> Option<u32> {
        if self.ids.len() >= limit {
            return None;
        }
        let id = (1..).find(|id| !self.ids.contains(id))?;
        self.ids.push(id);
        Some(id)
    }

    fn delete(&mut self, id: u32) {
        self.ids.retain(|other| *other != id);
    }
}

impl ServerSession {
    /// A session for a connection that was accepted at `now`. The seed should differ between connections; nothing secret
    /// depends on it.
    pub fn new(config: Arc<Config>, seed: u64, now: Instant) -> Self {
        Self {
            link: Link::server(seed, config.limits.before_accept),
            phase: Phase::Handshake { until: after(now, config.timeouts.handshake) },
            events: VecDeque::new(),
            connect: None,
            streams: Streams::default(),
            rate: Rate::new(now),
            tickets: 0,
            now,
            config,
        }
    }

    /// Takes bytes that arrived. Nothing of them is needed after the call.
    ///
    /// One call yields at most one event for every two bytes of input and about 100 bytes for each, so that a driver which reads
    /// 64 KiB at a time and polls in between queues at most 3 MiB, for the moment and once a thread.
    pub fn handle_input(&mut self, now: Instant, input: &[u8]) {
        self.now = now;
        if let Phase::Publishing { heard, .. } = &mut self.phase {
            heard.bytes(now, input.len());
        }
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
        let timeouts = &self.config.timeouts;
        let (until, awaited) = match &mut self.phase {
            Phase::Handshake { until } => (*until, Awaited::Handshake),
            Phase::Commands { until } => (*until, Awaited::Request),
            Phase::Deciding { until, .. } => (*until, Awaited::Decision),
            Phase::Publishing { heard, .. } => (after(heard.at(), timeouts.publisher_silent), Awaited::Media),
            Phase::Playing { ping, .. } => {
                if now >= *ping {
                    *ping = after(now, timeouts.ping_interval);
                    self.ping();
                }
                return;
            }
            Phase::Closed => return,
        };
        if now >= until {
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
                // A burst must not leave its queue behind.
                self.events.shrink_to(EVENTS_KEPT);
                Output::Timeout(self.deadline())
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

    /// What the peer said in `connect`, once it has.
    pub fn connect_info(&self) -> Option<&Arc<ConnectInfo>> {
        self.connect.as_ref()
    }

    fn deadline(&self) -> Instant {
        match &self.phase {
            Phase::Handshake { until } | Phase::Commands { until } | Phase::Deciding { until, .. } => *until,
            Phase::Publishing { heard, .. } => after(heard.at(), self.config.timeouts.publisher_silent),
            Phase::Playing { ping, .. } => *ping,
            Phase::Closed => never(self.now),
        }
    }

    fn read(&mut self, input: &mut &[u8]) -> Result<(), ProtocolError> {
        loop {
            match &mut self.phase {
                Phase::Closed => return Ok(()),
                Phase::Deciding { stash, .. } => {
                    return keep(stash, input, self.config.limits.impatient_bytes);
                }
                _ => {}
            }
            match self.link.read(input)? {
                None => return Ok(()),
                Some(Incoming::Ready) => {
                    let until = after(self.now, self.config.timeouts.request);
                    self.phase = Phase::Commands { until };
                }
                Some(Incoming::Message(message)) => self.receive(message)?,
                Some(Incoming::Control(_)) => {}
            }
        }
    }

    /// The one end of every session.
    fn close(&mut self, reason: CloseReason) {
        if !self.is_closed() {
            self.phase = Phase::Closed;
            self.events.push_back(Event::Closed { reason });
        }
    }
}

/// How many events a session's queue keeps room for when it is empty.
const EVENTS_KEPT: usize = 4;

/// While a request is being decided input is kept as it is: it may be media, for which the limits are not yet known.
fn keep(stash: &mut Vec<u8>, input: &mut &[u8], limit: usize) -> Result<(), ProtocolError> {
    if stash.len().saturating_add(input.len()) > limit {
        return Err(ProtocolError::Impatient);
    }
    stash.extend_from_slice(input);
    *input = &[];
    Ok(())
}
