//! RTMPS and HTTPS with one certificate, which is replaced while the server runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::feed::Feed;
use crate::support::play::Play;
use crate::support::process::{Process, command};
use crate::support::rtmp_wire::Wire;
use crate::support::server::{Pulse, Setup, key_of};
use crate::support::{seats, wait};

const ID: &str = "secure";

const PATIENCE: Duration = Duration::from_secs(20);

/// How many stall at once; two more than these have every connection that there is.
const STALLED: usize = 20;

#[test]
fn ffmpeg_publishes_over_rtmps_and_plays_over_https_and_rtmps() {
    let _seats = seats::some();
    let mut pulse = Setup::new().stream(ID).tls().start();
    let publish = format!("rtmps://{}/live/{}", pulse.rtmps_address(), key_of(ID));
    let _encoder = Feed::new().publish("encoder", pulse.stage().path(), &publish);
    pulse.wait_playable(ID);
    let https = pulse.https_address();
    for (name, url) in [
        ("rtmps", format!("rtmps://{}/play/{ID}", pulse.rtmps_address())),
        ("flv", format!("https://{https}/flv/{ID}.flv")),
        ("hls", format!("https://{https}/hls/{ID}/index.m3u8")),
    ] {
        let played = Play::new(url, 3).run(name, pulse.stage());
        played.assert_clean(name, 2.8);
        played.assert_video(name, "h264");
        played.assert_stream(name, "Audio", "aac", 1);
    }
    pulse.assert_sound();
}

#[test]
fn https_speaks_http_2_and_http_1_1() {
    let _seats = seats::some();
    let pulse = Setup::new().stream(ID).tls().start();
    for (option, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let mut curl = command("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--insecure",
            option,
            "--write-out",
            "%{http_version} %{http_code}",
        ]);
        curl.args(["--output", "/dev/null", &format!("https://{}/healthz", pulse.https_address())]);
        let mut process = Process::start(&format!("curl{version}"), curl, pulse.stage().path());
        let status = process.wait(PATIENCE);
        assert!(status.success(), "{status}: {}", process.errors());
        assert_eq!(process.output(), format!("{version} 200"), "{option}");
    }
}

#[test]
fn a_replaced_certificate_is_served_without_a_restart() {
    let _seats = seats::some();
    let pulse = Setup::new().stream(ID).tls().start();
    assert!(subject(&pulse, 0).contains("pulse-e2e"), "{}", subject(&pulse, 1));
    pulse.issue_certificate("pulse-renewed");
    let mut attempt = 1;
    wait::until("the new certificate", PATIENCE, || {
        attempt += 1;
        let subject = subject(&pulse, attempt);
        wait::check(subject.contains("pulse-renewed"), subject)
    });
}

/// Peers that open a TLS connection and do not get on with it, in each of the ways in which one can.
fn stalled(address: SocketAddr) -> Vec<Wire> {
    let hello = client_hello();
    let silent = (0..STALLED / 2).map(|_| Vec::new());
    let partial = (0..STALLED / 2).map(|n| hello[..hello.len() * n / (STALLED / 2)].to_vec());
    // One takes the server's whole flight and never answers.
    let sent = silent.chain(partial).chain([hello.clone()]);
    sent.map(|bytes| {
        let mut wire = Wire::connect(address);
        wire.send(&bytes).unwrap();
        wire
    })
    .collect()
}

fn client_hello() -> Vec<u8> {
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let mut hello = Vec::new();
    rustls::ClientConnection::new(Arc::new(config), name).unwrap().write_tls(&mut hello).unwrap();
    hello
}

#[test]
fn handshakes_that_stall_are_counted_and_cut_at_their_deadline() {
    let _seats = seats::some();
    // Beside these there is one that trickles, and over HTTP the harness.
    let limits = format!("[limits]\nrtmp_connections = {}\nhttp_connections = {}", STALLED + 2, STALLED + 3);
    let mut pulse = Setup::new().stream(ID).section(&limits).tls().start();
    for (what, address, deadline) in [
        ("rtmp", pulse.rtmps_address(), Duration::from_secs(5)),
        ("http", pulse.https_address(), Duration::from_secs(10)),
    ] {
        // The harness's own connection, which is kept for a while from its last use on.
        pulse.get("/healthz");
        let before = open(&pulse, what);
        let started = Instant::now();
        let mut stalled = stalled(address);
        let mut trickling = Wire::connect(address);
        wait::until("them to be counted", Duration::from_secs(2), || {
            let open = open(&pulse, what) - before;
            wait::check(open == stalled.len() + 1, format!("{open}"))
        });
        // No room for another, who is told so at once.
        let refused = Wire::connect(address).closed_within(Duration::from_secs(2));
        refused.unwrap_or_else(|open| panic!("one too many is {open}"));
        let hello = client_hello();
        let mut bytes = hello.chunks(1);
        while started.elapsed() < deadline - Duration::from_millis(500) {
            trickling.send(bytes.next().unwrap()).unwrap();
            thread::sleep(Duration::from_millis(250));
        }
        assert_eq!(open(&pulse, what) - before, stalled.len() + 1, "{what}: some were cut too early");
        for wire in stalled.iter_mut().chain([&mut trickling]) {
            wire.closed_within(Duration::from_secs(2)).unwrap_or_else(|open| panic!("{what}: {open}"));
        }
        assert!(started.elapsed() < deadline + Duration::from_secs(2), "{what}: {:?}", started.elapsed());
        assert!(open(&pulse, what) <= before, "{what}: they are still counted");
    }
    // There is room again.
    assert!(subject(&pulse, 0).contains("pulse-e2e"));
    pulse.assert_sound();
}

/// Open connections by the metrics.
fn open(pulse: &Pulse, protocol: &str) -> usize {
    let metrics = pulse.get_ops("/metrics").text();
    let sample = format!("pulse_{protocol}_connections ");
    metrics.lines().find_map(|line| line.strip_prefix(&sample)).unwrap().parse().unwrap()
}

/// The subject of the certificate that the RTMPS listener shows.
fn subject(pulse: &Pulse, attempt: usize) -> String {
    let mut client = command("openssl");
    client.args(["s_client", "-connect", &pulse.rtmps_address().to_string()]);
    let mut process = Process::start(&format!("s_client{attempt}"), client, pulse.stage().path());
    process.wait(PATIENCE);
    process.output().lines().find(|line| line.starts_with("subject=")).unwrap_or_default().to_owned()
}
