//! What HLS answers look like on the wire: status, headers, ranges, errors. Browsers and CDNs act on every one of them.

use std::time::{Duration, Instant};

use crate::support::feed::Feed;
use crate::support::http::{Answer, Client};
use crate::support::process::Process;
use crate::support::seats::{self, Seats};
use crate::support::server::{Pulse, Setup};

const ID: &str = "answers";

struct Rig {
    pulse: Pulse,
    client: Client,
    _encoder: Process,
    _seats: Seats,
}

impl Rig {
    #[track_caller]
    fn start() -> Self {
        let seats = seats::some();
        let pulse = Setup::new().stream(ID).stream("idle").start();
        let encoder = Feed::new().publish("encoder", pulse.stage().path(), &pulse.publish_url(ID));
        pulse.wait_playable(ID);
        Self { pulse, client: Client::new(), _encoder: encoder, _seats: seats }
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.client.ask(method, &self.pulse.url(path), headers)
    }

    #[track_caller]
    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[])
    }

    fn video(&self, name: &str) -> String {
        format!("/hls/{ID}/-/video/{name}")
    }

    /// The video's playlist once it has a segment with media, and that segment's path.
    #[track_caller]
    fn segment(&self) -> (String, String) {
        let began = Instant::now();
        loop {
            let playlist = self.get(&self.video("index.m3u8")).text();
            let lines: Vec<&str> = playlist.lines().collect();
            let segment = lines.windows(3).find_map(|lines| match lines {
                [before, extinf, name] if extinf.starts_with("#EXTINF") && *before != "#EXT-X-GAP" => {
                    Some(self.video(name))
                }
                _ => None,
            });
            if let Some(segment) = segment {
                return (playlist, segment);
            }
            assert!(began.elapsed() < Duration::from_secs(15), "no segment:\n{playlist}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// The newest segment's sequence number in a playlist.
fn last_sequence(playlist: &str) -> u64 {
    let first = playlist.lines().find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:")).unwrap();
    let segments = playlist.lines().filter(|line| line.starts_with("#EXTINF")).count() as u64;
    first.parse::<u64>().unwrap() + segments - 1
}

#[test]
fn trap_39_every_answer_has_its_type_its_cache_control_and_cors() {
    let rig = Rig::start();
    let (playlist, segment) = rig.segment();
    let blocking = format!("index.m3u8?_HLS_msn={}", last_sequence(&playlist));
    let init = playlist.split("#EXT-X-MAP:URI=\"").nth(1).unwrap().split('"').next().unwrap();
    const PLAYLIST: &str = "application/vnd.apple.mpegurl";
    const PROBLEM: &str = "application/problem+json";
    let expected = [
        (format!("/hls/{ID}/index.m3u8"), 200, PLAYLIST, "no-store", ""),
        (rig.video("index.m3u8"), 200, PLAYLIST, "no-cache", ""),
        (rig.video(&blocking), 200, PLAYLIST, "max-age=24", ""),
        (segment, 200, "video/mp4", "max-age=72, immutable", ""),
        (rig.video(init), 200, "video/mp4", "max-age=72, immutable", ""),
        (rig.video("l1-s999.m4s"), 404, PROBLEM, "max-age=1", "not_found"),
        (rig.video("index.m3u8?_HLS_part=1"), 400, PROBLEM, "no-store", "invalid_directive"),
        (rig.video("index.m3u8?_HLS_msn=99999"), 400, PROBLEM, "no-store", "invalid_directive"),
        (rig.video("index.m3u8?_HLS_msn=x"), 400, PROBLEM, "no-store", "invalid_directive"),
        (format!("/hls/{ID}/forged/video/index.m3u8"), 403, PROBLEM, "no-store", "access_denied"),
        ("/hls/nobody/index.m3u8".to_owned(), 404, PROBLEM, "max-age=1", "stream_not_found"),
        ("/hls/idle/index.m3u8".to_owned(), 404, PROBLEM, "max-age=1", "stream_offline"),
        ("/flv/nobody.flv".to_owned(), 404, PROBLEM, "max-age=1", "stream_not_found"),
    ];
    for (path, status, media_type, cache, code) in expected {
        let answer = rig.get(&path);
        assert_eq!(
            (answer.status, answer.header("content-type"), answer.header("cache-control")),
            (status, media_type, cache),
            "{path}"
        );
        assert_eq!(answer.problem_code(), code, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        for exposed in ["Content-Range", "Date", "Age"] {
            assert!(answer.header("access-control-expose-headers").contains(exposed), "{path}");
        }
        assert!(!answer.header("date").is_empty(), "{path}");
    }
}

#[test]
fn trap_39_preflight_allows_ranges_and_other_methods_are_refused() {
    let rig = Rig::start();
    let answer = rig.ask("OPTIONS", &rig.video("index.m3u8"), &[("access-control-request-headers", "range")]);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, "*"));
    assert!(answer.header("access-control-allow-headers").to_lowercase().contains("range"));
    let answer = rig.ask("DELETE", &rig.video("index.m3u8"), &[]);
    assert_eq!((answer.status, answer.problem_code().as_str()), (405, "method_not_allowed"));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

#[test]
fn trap_39_playlists_are_compressed_and_media_never_is() {
    let rig = Rig::start();
    let (_, segment) = rig.segment();
    let gzip = [("accept-encoding", "gzip, br")];
    let playlist = rig.ask("GET", &rig.video("index.m3u8"), &gzip);
    assert_eq!((playlist.header("content-encoding"), playlist.header("vary")), ("gzip", "Accept-Encoding"));
    assert_eq!(playlist.body[..2], [0x1f, 0x8b]);
    assert_eq!(playlist.header("etag"), "", "old players take a 304 for the end");
    let refused = rig.ask("GET", &rig.video("index.m3u8"), &[("accept-encoding", "gzip;q=0")]);
    assert_eq!(refused.header("content-encoding"), "");
    assert!(refused.text().starts_with("#EXTM3U"));
    assert_eq!(rig.ask("GET", &segment, &gzip).header("content-encoding"), "");
}

#[test]
fn trap_40_head_ranges_and_conditions_on_segments() {
    let rig = Rig::start();
    let (_, segment) = rig.segment();
    let whole = rig.get(&segment);
    let total = whole.body.len();
    assert_eq!(whole.header("content-length"), total.to_string());
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let head = rig.ask("HEAD", &segment, &[]);
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, &*total.to_string(), 0));

    let range = |range: &str| rig.ask("GET", &segment, &[("range", range)]);
    let middle = range("bytes=100-299");
    assert_eq!((middle.status, middle.header("content-range")), (206, &*format!("bytes 100-299/{total}")));
    assert_eq!(middle.body, whole.body[100..300]);
    let end = range("bytes=-7");
    assert_eq!((end.status, &end.body[..]), (206, &whole.body[total - 7..]));
    let past = range(&format!("bytes={total}-"));
    assert_eq!((past.status, past.header("content-range")), (416, &*format!("bytes */{total}")));

    let tag = whole.header("etag");
    let same = rig.ask("GET", &segment, &[("range", "bytes=0-0"), ("if-range", tag)]);
    let other = rig.ask("GET", &segment, &[("range", "bytes=0-0"), ("if-range", "\"other\"")]);
    assert_eq!((same.status, other.status), (206, 200));
    let unchanged = rig.ask("GET", &segment, &[("if-none-match", tag)]);
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
}

#[test]
fn trap_28_a_blocking_reload_comes_with_its_segment_and_not_before() {
    let rig = Rig::start();
    let (playlist, _) = rig.segment();
    let next = last_sequence(&playlist) + 1;
    let asked = Instant::now();
    let answer = rig.get(&rig.video(&format!("index.m3u8?_HLS_msn={next}")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(last_sequence(&answer.text()) >= next);
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
}

#[test]
fn head_of_the_multivariant_playlist_opens_no_session_and_get_opens_one_each_time() {
    let rig = Rig::start();
    let path = format!("/hls/{ID}/index.m3u8");
    let sessions = || {
        let metrics = rig.pulse.get_ops("/metrics").text();
        let line = metrics.lines().find_map(|line| line.strip_prefix("pulse_hls_sessions_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    let before = sessions();
    let head = rig.ask("HEAD", &path, &[]);
    assert_eq!(sessions(), before);
    let (first, second) = (rig.get(&path), rig.get(&path));
    assert_eq!(sessions(), before + 2);
    assert_ne!(first.body, second.body);
    assert_eq!(head.header("content-length"), first.header("content-length"));
    // Below the session everything is relative and the same for all.
    let child = |answer: &Answer| answer.text().lines().last().unwrap().to_owned();
    let playlist = |answer: &Answer| rig.get(&format!("/hls/{ID}/{}", child(answer)));
    assert_eq!((playlist(&first).status, playlist(&second).status), (200, 200));
}
