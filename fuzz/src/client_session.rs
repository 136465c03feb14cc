//! A client session and a server that follows a script.

use std::time::{Duration, Instant};

use rtmp_core::client::{Config, Event};
use rtmp_core::{ClientSession, Output, RtmpUrl};

use crate::adversary::{Adversary, HELLO};
use crate::samples::{self, Announced};
use crate::script::Script;

const MAX_ACTS: usize = 300;

struct Rig {
    session: ClientSession,
    now: Instant,
    publishing: bool,
    announced: Announced,
    closed: bool,
}

/// The two lowest bits of the first byte: leave the handshake to the script; play instead of publishing.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let mode = script.u8();
    let url = RtmpUrl::parse("rtmp://127.0.0.1/live/key").expect("the URL is valid");
    let config = if mode & 2 == 0 { Config::publish(url) } else { Config::play(url) };
    let queue_bytes = config.queue_bytes;
    let now = Instant::now();
    let session = ClientSession::new(config, u64::from(mode), now);
    let mut rig = Rig { session, now, publishing: false, announced: Announced::default(), closed: false };
    rig.poll();
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
            1 => rig.send(script.u8(), script.u32()),
            2 => rig.ask(script.u8()),
            3 => rig.finish(),
            _ => rig.input(&adversary.act(&mut script)),
        }
        assert!(rig.session.queued_bytes() <= queue_bytes + (1 << 16));
    }
    rig.finish();
    assert!(rig.closed && rig.session.is_closed());
}

impl Rig {
    fn input(&mut self, bytes: &[u8]) {
        self.session.handle_input(self.now, bytes);
        self.poll();
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.session.handle_timeout(self.now);
        self.poll();
    }

    fn send(&mut self, which: u8, at: u32) {
        let (track, frame) = samples::track_and_frame(which, at);
        assert_eq!(self.session.send_track(track).is_ok(), self.publishing);
        assert_eq!(self.session.send_frame(&frame).is_ok(), self.publishing);
        self.poll();
    }

    fn ask(&mut self, what: u8) {
        match what % 3 {
            0 => self.session.pause(what & 4 == 0),
            1 => self.session.receive_audio(what & 4 == 0),
            _ => self.session.receive_video(what & 4 == 0),
        }
        self.poll();
    }

    fn finish(&mut self) {
        self.session.finish(self.now);
        self.poll();
    }

    fn poll(&mut self) {
        loop {
            match self.session.poll_output() {
                Output::Transmit(bytes) => assert!(!bytes.is_empty()),
                Output::Event(event) => {
                    assert!(!self.closed, "{event:?} after the end");
                    self.take(event);
                }
                Output::Timeout(at) if at < self.now => self.session.handle_timeout(self.now),
                Output::Timeout(_) => break,
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Publishing => self.publishing = true,
            Event::Track(track) => self.announced.track(&track),
            Event::Frame(frame) => self.announced.frame(&frame),
            Event::Closed { .. } => {
                self.closed = true;
                self.publishing = false;
            }
            _ => {}
        }
    }
}
