//! Peers that mean harm: each costs its own connection and a bounded amount of memory, and nobody else's stream.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::feed::{Feed, publish_file};
use crate::support::play;
use crate::support::process::{Process, command, succeeded};
use crate::support::rtmp_wire::{Wire, amf_key, amf_number, amf_string, chunk_continued, chunk_start};
use crate::support::server::{Pulse, Setup, key_of};
use crate::support::viewer::{self, Viewer};
use crate::support::{seats, wait};

const ID: &str = "bystander";

const PATIENCE: Duration = Duration::from_secs(20);

/// The handshake's deadline and what it takes to notice it.
const HANDSHAKE: Duration = Duration::from_secs(8);

/// What an attack may add to the server's memory: its allocator keeps some of what was freed.
const GROWTH_BYTES: u64 = 96 << 20;

/// A stream and a viewer that must not notice anything.
struct Bystander {
    pulse: Pulse,
    _encoder: Process,
    viewer: Viewer,
    resident_bytes: u64,
}

impl Bystander {
    fn start() -> Self {
        let pulse = Setup::new().stream(ID).stream("seat").start();
        let encoder = Feed::new().publish("encoder", pulse.stage().path(), &pulse.publish_url(ID));
        pulse.wait_playable(ID);
        let viewer = Viewer::join(&pulse, ID);
        viewer.wait_shown(1.0, PATIENCE);
        let resident_bytes = pulse.process().resident_bytes();
        Self { pulse, _encoder: encoder, viewer, resident_bytes }
    }

    fn assert_memory(&self) {
        let grown = self.pulse.process().resident_bytes().saturating_sub(self.resident_bytes);
        assert!(grown < GROWTH_BYTES, "the server grew by {} MiB", grown >> 20);
    }

    /// The stream went on through the attack and goes on after it.
    fn assert_untouched(mut self) {
        self.assert_memory();
        let shown = self.viewer.look(crate::support::playback::Playback::shown_seconds);
        self.viewer.wait_shown(shown + 2.0, PATIENCE);
        for (follow, playback) in self.viewer.leave() {
            viewer::assert_smooth("bystander", follow, &playback);
        }
        self.pulse.assert_sound();
    }
}

#[test]
fn a_handshake_that_trickles_is_cut_at_its_deadline() {
    let _seats = seats::some();
    let bystander = Bystander::start();
    let address = bystander.pulse.rtmp_address();
    let silent: Vec<_> = (0..200).map(|_| Wire::connect(address)).collect();
    let mut slow: Vec<_> = (0..20).map(|_| Wire::connect(address)).collect();
    let started = Instant::now();
    while started.elapsed() < HANDSHAKE {
        for wire in &mut slow {
            let _ = wire.send(&[3]);
        }
        thread::sleep(Duration::from_millis(500));
    }
    for mut wire in silent.into_iter().chain(slow) {
        wire.closed_within(Duration::from_secs(2)).unwrap_or_else(|open| panic!("{open}"));
    }
    bystander.assert_untouched();
}

#[test]
fn a_peer_that_connects_and_never_publishes_is_cut_at_its_deadline() {
    let _seats = seats::some();
    let bystander = Bystander::start();
    let mut wire = Wire::connected(bystander.pulse.rtmp_address(), "live");
    let took = wire.closed_within(Duration::from_secs(14)).unwrap_or_else(|open| panic!("{open}"));
    assert!(took > Duration::from_secs(5), "it was cut after {took:?} already");
    bystander.assert_untouched();
}

/// Somebody with a key who only wants to keep the seat: a byte now and then, and a ping, and never a message.
#[test]
fn a_publisher_that_trickles_is_cut() {
    let _seats = seats::some();
    let bystander = Bystander::start();
    let mut wire = Wire::connected(bystander.pulse.rtmp_address(), "live");
    wire.publish(&key_of("seat"));
    bystander.pulse.wait_live("seat");
    let started = Instant::now();
    // A video message of 60,000 bytes in chunks of 128.
    wire.send(&[chunk_start(4, 0, 60_000, 9, 1), vec![0; 128]].concat()).unwrap();
    let ping = [chunk_start(2, 0, 6, 4, 0), vec![0, 6, 0, 0, 0, 0]].concat();
    while started.elapsed() < Duration::from_secs(9) {
        wire.send(&ping).unwrap();
        wire.send(&[chunk_continued(4), vec![0; 128]].concat()).unwrap();
        thread::sleep(Duration::from_millis(500));
    }
    wire.closed_within(Duration::from_secs(4)).unwrap_or_else(|open| panic!("{open}"));
    wait::until("the log to say why", PATIENCE, || {
        let log = bystander.pulse.log();
        wait::check(log.contains("timed out waiting for media"), log)
    });
    bystander.assert_untouched();
}

#[test]
fn garbage_closes_the_connection_on_every_listener() {
    let _seats = seats::some();
    let bystander = Bystander::start();
    for address in [bystander.pulse.rtmp_address(), bystander.pulse.http_address()] {
        for seed in 1_u32..=20 {
            let mut wire = Wire::connect(address);
            let _ = wire.send(&noise(seed, 64 << 10));
            wire.closed_within(HANDSHAKE).unwrap_or_else(|open| panic!("{address}, seed {seed}: {open}"));
        }
    }
    // After a handshake that was fine.
    for seed in 1_u32..=20 {
        let mut wire = Wire::handshaken(bystander.pulse.rtmp_address());
        let _ = wire.send(&noise(seed, 256 << 10));
        wire.closed_within(PATIENCE)
            .unwrap_or_else(|open| panic!("after the handshake, seed {seed}: {open}"));
    }
    bystander.assert_untouched();
}

/// Unfinished messages on many chunk streams: the sum is bounded for each connection, whatever the headers announce.
#[test]
fn unfinished_messages_on_many_chunk_streams_do_not_fill_memory() {
    let _seats = seats::all();
    let bystander = Bystander::start();
    let address = bystander.pulse.rtmp_address();
    let attackers: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn(move || {
                let mut wire = Wire::handshaken(address);
                // The largest chunk size, so that few bytes of header are needed.
                let _ =
                    wire.send(&[chunk_start(2, 0, 4, 1, 0), 0x00ff_ffff_u32.to_be_bytes().to_vec()].concat());
                let piece = vec![0x5a; 64 << 10];
                for chunk_stream in 3..1_000 {
                    let header = chunk_start(chunk_stream, 0, 0x00ff_fffe, 9, 1);
                    if wire.send(&header).and_then(|()| wire.send(&piece)).is_err() {
                        break;
                    }
                }
                wire.closed_within(PATIENCE)
            })
        })
        .collect();
    wait::until("the attackers to be cut", PATIENCE, || {
        bystander.assert_memory();
        wait::check(attackers.iter().all(thread::JoinHandle::is_finished), "some go on")
    });
    for attacker in attackers {
        attacker.join().unwrap().unwrap_or_else(|open| panic!("{open}"));
    }
    bystander.assert_untouched();
}

#[test]
fn a_header_on_every_chunk_stream_is_refused() {
    let _seats = seats::some();
    let bystander = Bystander::start();
    let mut wire = Wire::handshaken(bystander.pulse.rtmp_address());
    for chunk_stream in 3..60_000 {
        // One chunk of 128 bytes of a message of 256: nothing ever completes.
        let chunk = [chunk_start(chunk_stream, 0, 256, 8, 1), vec![0; 128]].concat();
        if wire.send(&chunk).is_err() {
            break;
        }
    }
    wire.closed_within(PATIENCE).unwrap_or_else(|open| panic!("{open}"));
    bystander.assert_untouched();
}

#[test]
fn amf_that_is_nested_without_end_is_refused() {
    let _seats = seats::some();
    let bystander = Bystander::start();
    let mut wire = Wire::handshaken(bystander.pulse.rtmp_address());
    let mut body = [amf_string("connect"), amf_number(1.0)].concat();
    for _ in 0..20_000 {
        body.push(3);
        body.extend(amf_key("a"));
    }
    wire.command(0, &body);
    wire.closed_within(PATIENCE).unwrap_or_else(|open| panic!("{open}"));
    bystander.assert_untouched();
}

#[test]
fn a_flood_of_commands_is_cut() {
    let _seats = seats::some();
    let bystander = Bystander::start();
    let mut wire = Wire::connected(bystander.pulse.rtmp_address(), "live");
    let ping = [amf_string("createStream"), amf_number(9.0), vec![5]].concat();
    let message = [chunk_start(3, 0, u32::try_from(ping.len()).unwrap(), 20, 0), ping].concat();
    let flood = message.repeat(200);
    let started = Instant::now();
    while started.elapsed() < PATIENCE && wire.send(&flood).is_ok() {}
    wire.closed_within(PATIENCE).unwrap_or_else(|open| panic!("{open}"));
    bystander.assert_untouched();
}

/// A chunk that continues a message nobody has begun.
#[test]
fn a_continuation_without_a_beginning_is_refused() {
    let _seats = seats::some();
    let bystander = Bystander::start();
    let mut wire = Wire::handshaken(bystander.pulse.rtmp_address());
    let _ = wire.send(&[chunk_continued(40), vec![0; 128]].concat());
    wire.closed_within(PATIENCE).unwrap_or_else(|open| panic!("{open}"));
    bystander.assert_untouched();
}

#[test]
fn http_requests_without_an_end_are_refused() {
    let _seats = seats::some();
    let bystander = Bystander::start();
    let address = bystander.pulse.http_address();
    let mut endless = Wire::connect(address);
    let _ = endless.send(b"GET /hls/bystander/index.m3u8 HTTP/1.1\r\nHost: a\r\nX-Long: ");
    let line = vec![b'a'; 64 << 10];
    for _ in 0..64 {
        if endless.send(&line).is_err() {
            break;
        }
    }
    endless.closed_within(PATIENCE).unwrap_or_else(|open| panic!("{open}"));
    let mut slow: Vec<_> = (0..100).map(|_| Wire::connect(address)).collect();
    for wire in &mut slow {
        wire.send(b"GET / HTTP/1.1\r\nHost:").unwrap();
    }
    for mut wire in slow {
        wire.closed_within(Duration::from_secs(40)).unwrap_or_else(|open| panic!("a slow request: {open}"));
    }
    bystander.assert_untouched();
}

/// A player that never reads: dropped after its stall, and the log says why. 20 Mbit/s fill any socket's buffer soon.
#[test]
fn players_that_never_read_are_dropped() {
    let _seats = seats::all();
    let pulse = Setup::new().stream(ID).stream("fat").start();
    let file = fat_file(&pulse);
    let _fat = publish_file("fat", pulse.stage().path(), &file, &pulse.publish_url("fat"));
    pulse.wait_live("fat");
    let mut deaf: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut socket = TcpStream::connect(pulse.http_address()).unwrap();
            socket.write_all(b"GET /flv/fat.flv HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            socket.read_exact(&mut [0; 12]).unwrap();
            socket
        })
        .collect();
    wait::until("the deaf players to be counted", PATIENCE, || {
        let live = pulse.wait_live("fat");
        wait::check(live.viewers.flv == 8, format!("{live:?}"))
    });
    let before = pulse.process().resident_bytes();
    wait::until("them to be dropped", Duration::from_secs(40), || {
        let live = pulse.wait_live("fat");
        wait::check(live.viewers.flv == 0, format!("{live:?}"))
    });
    let grown = pulse.process().resident_bytes().saturating_sub(before);
    // The ring and the HLS window of a stream of 20 Mbit/s, whatever the number of players: 16 MiB, and 60 s of media.
    assert!(grown < 256 << 20, "the server grew by {} MiB", grown >> 20);
    deaf.clear();
    let played = play::Play::new(pulse.flv_url("fat"), 2).run("player", pulse.stage());
    played.assert_clean("who reads", 1.8);
}

/// Ten seconds of noise in H.264 at 20 Mbit/s with a key frame each second.
fn fat_file(pulse: &Pulse) -> std::path::PathBuf {
    let path = pulse.stage().path().join("fat.flv");
    let mut ffmpeg = command("ffmpeg");
    ffmpeg.args([
        "-nostdin",
        "-loglevel",
        "error",
        "-f",
        "lavfi",
        "-i",
        "nullsrc=size=640x360:rate=25,noise=alls=100:allf=t",
    ]);
    ffmpeg.args([
        "-t",
        "10",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-g",
        "25",
        "-bf",
        "0",
    ]);
    ffmpeg.args(["-b:v", "20M", "-maxrate", "20M", "-bufsize", "20M"]).arg(&path);
    let mut process = Process::start("fat-file", ffmpeg, pulse.stage().path());
    let status = process.wait(Duration::from_secs(60));
    succeeded(status).unwrap_or_else(|how| panic!("{how}: {}", process.errors()));
    path
}

/// Bytes without a pattern, the same for the same seed.
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        u8::try_from(state >> 24).expect("eight bits")
    })
    .take(length)
    .collect()
}
