//! RTMPS and HTTPS with one certificate, which is replaced while the server runs.

use std::time::Duration;

use crate::support::feed::Feed;
use crate::support::play::Play;
use crate::support::process::{Process, command};
use crate::support::server::{Pulse, Setup, key_of};
use crate::support::{seats, wait};

const ID: &str = "secure";

const PATIENCE: Duration = Duration::from_secs(20);

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

/// The subject of the certificate that the RTMPS listener shows.
fn subject(pulse: &Pulse, attempt: usize) -> String {
    let mut client = command("openssl");
    client.args(["s_client", "-connect", &pulse.rtmps_address().to_string()]);
    let mut process = Process::start(&format!("s_client{attempt}"), client, pulse.stage().path());
    process.wait(PATIENCE);
    process.output().lines().find(|line| line.starts_with("subject=")).unwrap_or_default().to_owned()
}
