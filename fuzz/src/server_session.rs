//! A server session and a peer that follows a script: whatever it sends and whenever, and however its requests are decided, the
//! session ends once, says nothing after that, and asks for no moment in the past.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtmp_core::server::{Config, Ending, Event, PlayNotice, PlayStart, Rejection, Ticket};
use rtmp_core::{Output, ServerSession};

use crate::adversary::{Adversary, HELLO};
use crate::samples::Announced;
use crate::script::Script;

/// More acts than this find nothing that fewer do not.
const MAX_ACTS: usize = 300;

struct Rig {
    session: ServerSession,
    now: Instant,
    open: Option<(Ticket, bool)>,
    publishing: bool,
    announced: Announced,
    closed: bool,
}

/// The lowest bit of the first byte leaves the handshake to the script.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let mode = script.u8();
    let now = Instant::now();
    let session = ServerSession::new(Arc::new(Config::default()), u64::from(mode), now);
    let mut rig =
        Rig { session, now, open: None, publishing: false, announced: Announced::default(), closed: false };
    if mode & 1 == 0 {
        rig.input(&HELLO);
        rig.input(&HELLO[1..]);
    }
    let mut adversary = Adversary::new();
    for _ in 0..MAX_ACTS {
        if script.is_over() || rig.closed {
            break;
        }
        match script.u8() % 16 {
            0 => rig.pass(Duration::from_millis(u64::from(script.u16()))),
            1 => rig.decide(script.u8()),
            2 => rig.say(script.u8()),
            3 => rig.eof(),
            _ => rig.input(&adversary.act(&mut script)),
        }
    }
    rig.eof();
    assert!(rig.closed && rig.session.is_closed());
}

impl Rig {
    fn input(&mut self, bytes: &[u8]) {
        self.session.handle_input(self.now, bytes);
        self.poll(bytes.len());
    }

    fn eof(&mut self) {
        self.session.handle_eof(self.now);
        self.poll(0);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.session.handle_timeout(self.now);
        self.poll(0);
    }

    fn decide(&mut self, decision: u8) {
        let Some((ticket, publish)) = self.open.take() else { return };
        match (decision % 8, publish) {
            (0, _) => self.session.reject(self.now, ticket, Rejection::BadName),
            (1, _) => self.session.reject(self.now, ticket, Rejection::Unavailable),
            // The wrong answer to a request does nothing.
            (2, true) => self.session.accept_play(self.now, ticket, &PlayStart::default()),
            (2, false) => self.session.accept_publish(self.now, ticket),
            (_, true) => {
                self.publishing = true;
                self.session.accept_publish(self.now, ticket);
            }
            (_, false) => self.session.accept_play(self.now, ticket, &PlayStart::default()),
        }
        // What had been sent ahead is read now: at most as much as is kept.
        self.poll(Config::default().limits.impatient_bytes);
    }

    fn say(&mut self, what: u8) {
        match what % 4 {
            0 => self.session.end(self.now, Ending::TakenOver),
            1 => self.session.notify(self.now, PlayNotice::Unpublished),
            2 => self.session.notify(self.now, PlayNotice::Published),
            _ => drop(self.session.request_reconnect(self.now, Some("rtmp://127.0.0.1/live"))),
        }
        self.poll(0);
    }

    /// Takes all output. `input` bytes went in, and one event comes for every four of them at most.
    fn poll(&mut self, input: usize) {
        let mut events = 0;
        loop {
            match self.session.poll_output() {
                Output::Transmit(bytes) => assert!(!bytes.is_empty()),
                Output::Event(event) => {
                    events += 1;
                    assert!(!self.closed, "{event:?} after the end");
                    self.take(event);
                }
                Output::Timeout(at) => {
                    // A deadline that has passed is acted upon by handle_timeout, which the driver calls at once.
                    if at < self.now {
                        self.session.handle_timeout(self.now);
                    } else {
                        break;
                    }
                }
            }
        }
        assert!(events <= input / 4 + 4 + HELLO.len(), "{events} events of {input} bytes");
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Publish(request) => self.ask(request.into(), true),
            Event::Play(request) => self.ask(request.into(), false),
            Event::Track(track) => {
                assert!(self.publishing);
                self.announced.track(&track);
            }
            Event::Frame(frame) => {
                assert!(self.publishing);
                self.announced.frame(&frame);
            }
            Event::Closed { .. } => self.closed = true,
            _ => {}
        }
    }

    fn ask(&mut self, ticket: Ticket, publish: bool) {
        assert!(self.open.replace((ticket, publish)).is_none(), "one request at a time");
    }
}
