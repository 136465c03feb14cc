//! Players get out what went in: ffmpeg and ffprobe over RTMP, FLV and HLS, low-latency viewers close to the edge.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use crate::support::feed::Feed;
use crate::support::follower::Follow;
use crate::support::play::{self, Play};
use crate::support::playlist::{self, Media};
use crate::support::process::Process;
use crate::support::server::{Pulse, Setup};
use crate::support::viewer::{self, Viewer};
use crate::support::{seats, wait};

const ID: &str = "shared";

/// Seconds that a player decodes.
const SECONDS: u32 = 6;

/// One server with one encoder for all tests that run at a time.
struct Channel {
    pulse: Pulse,
    _encoder: Process,
}

fn channel() -> Arc<Channel> {
    static CURRENT: Mutex<Weak<Channel>> = Mutex::new(Weak::new());
    let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(channel) = current.upgrade() {
        return channel;
    }
    let pulse = Setup::new().stream(ID).start();
    let encoder = Feed::new().gop(50).publish("encoder", pulse.stage().path(), &pulse.publish_url(ID));
    pulse.wait_live(ID);
    let channel = Arc::new(Channel { pulse, _encoder: encoder });
    *current = Arc::downgrade(&channel);
    channel
}

#[test]
fn ffprobe_sees_the_same_tracks_over_rtmp_flv_and_hls() {
    let _seats = seats::some();
    let channel = channel();
    let pulse = &channel.pulse;
    wait_segments(pulse, 3.0);
    let urls = [("rtmp", pulse.rtmp_url(ID)), ("flv", pulse.flv_url(ID)), ("hls", pulse.hls_url(ID))];
    for (name, url) in urls {
        let probed = play::probe(pulse.stage(), &format!("probe-{name}"), &url);
        let video = play::streams(&probed, "video");
        let [video] = video.as_slice() else { panic!("{name}: {probed}") };
        assert_eq!(
            (&video["codec_name"], &video["width"], &video["height"]),
            (&"h264".into(), &320.into(), &180.into())
        );
        let audio = play::streams(&probed, "audio");
        let [audio] = audio.as_slice() else { panic!("{name}: {probed}") };
        assert_eq!(audio["codec_name"], "aac", "{name}");
        assert_eq!((&audio["sample_rate"], &audio["channels"]), (&"48000".into(), &2.into()), "{name}");
    }
}

#[test]
fn ffmpeg_decodes_rtmp_without_an_error() {
    let _seats = seats::some();
    let channel = channel();
    let first = decode(&channel.pulse, "rtmp", channel.pulse.rtmp_url(ID));
    // The key frame is there at once; ffmpeg then looks at some seconds of media before it shows any.
    assert!(first < Duration::from_secs(4), "the first frame took {first:?}");
}

#[test]
fn ffmpeg_decodes_flv_without_an_error() {
    let _seats = seats::some();
    let channel = channel();
    decode(&channel.pulse, "flv", channel.pulse.flv_url(ID));
}

#[test]
fn ffmpeg_decodes_hls_without_an_error() {
    let _seats = seats::some();
    let channel = channel();
    // Three segments: ffmpeg starts that far from the end, and does not know EXT-X-GAP.
    wait_segments(&channel.pulse, 6.0);
    decode(&channel.pulse, "hls", channel.pulse.hls_url(ID));
}

#[test]
fn a_low_latency_viewer_plays_without_a_stall_close_to_the_encoder() {
    let _seats = seats::some();
    let channel = channel();
    let pulse = &channel.pulse;
    let viewer = Viewer::join(pulse, ID);
    viewer.wait_shown(10.0, Duration::from_secs(25));
    let behind = behind_the_clock(pulse);
    for (follow, playback) in viewer.leave() {
        viewer::assert_smooth("viewer", follow, &playback);
        viewer::assert_decodes(pulse.stage(), "viewer", follow, &playback);
        let first = playback.first_frame_after().unwrap();
        assert!(first <= Duration::from_secs(3), "{follow:?}: the first frame of a 2 s GOP took {first:?}");
        assert!(
            playback.part_target <= 0.25 && playback.hold_back >= 2.0 * playback.part_target,
            "{follow:?}"
        );
    }
    // The frames that are waiting for their part, the encoder's delay, and a busy machine.
    assert!((-0.1..1.5).contains(&behind), "the edge is {behind} s behind the clock");
}

#[test]
fn viewers_are_counted_by_protocol() {
    let _seats = seats::some();
    let pulse = Setup::new().stream("counted").start();
    let folder = pulse.stage().path();
    let _encoder = Feed::new().publish("encoder", folder, &pulse.publish_url("counted"));
    pulse.wait_playable("counted");
    // One playlist, one session.
    let hls = Viewer::join_for(&pulse, "counted", &[Follow::Video]);
    let mut flv = Play::new(pulse.flv_url("counted"), 60).start("flv", pulse.stage());
    let rtmp = Play::new(pulse.rtmp_url("counted"), 60).start("rtmp", pulse.stage());
    let counts = || {
        let live = pulse.live_stream("counted").ok_or("not live")?;
        Ok::<_, String>((live.viewers.hls, live.viewers.flv, live.viewers.rtmp))
    };
    let is = |expected| {
        wait::until(&format!("viewers to be {expected:?}"), Duration::from_secs(10), || {
            let counted = counts()?;
            wait::check(counted == expected, format!("{counted:?}"))
        });
    };
    is((1, 1, 1));
    flv.process().kill();
    drop(rtmp);
    is((1, 0, 0));
    drop(hls);
}

#[test]
fn the_live_list_describes_the_stream() {
    let _seats = seats::some();
    let channel = channel();
    let live = wait::until("two key frames to be counted", Duration::from_secs(10), || {
        let live = channel.pulse.live_stream(ID).ok_or_else(|| "not live".to_owned())?;
        if live.keyframe_interval_seconds.is_some() { Ok(live) } else { Err(format!("{live:?}")) }
    });
    assert_eq!(live.tracks.len(), 2, "{live:?}");
    assert!((24.0..26.0).contains(&live.fps), "{live:?}");
    assert!((1.9..2.1).contains(&live.keyframe_interval_seconds.unwrap()), "{live:?}");
    assert!((50_000..2_000_000).contains(&live.bitrate_bps), "{live:?}");
    assert!(live.uptime_seconds > 0.0 && live.health.is_empty(), "{live:?}");
    let metrics = channel.pulse.get_ops("/metrics");
    assert_eq!(metrics.status, 200);
    assert!(metrics.text().contains("# TYPE "), "{}", metrics.text());
}

/// Plays and gives how long the first frame took.
fn decode(pulse: &Pulse, name: &str, url: String) -> Duration {
    let played = Play::new(url, SECONDS).run(name, pulse.stage());
    played.assert_clean(name, f64::from(SECONDS) - 0.2);
    played.assert_video(name, "h264");
    played.assert_stream(name, "Audio", "aac", 1);
    let expected = u64::from(SECONDS) * 25;
    assert!(played.frames >= expected - 5, "{name}: {} frames of {expected}", played.frames);
    played.first_frame_after.expect("frames were decoded")
}

/// The video playlist, through the session that is not counted.
fn video_playlist(pulse: &Pulse) -> Media {
    let multivariant = playlist::multivariant(&pulse.wait_playable(ID)).unwrap();
    let path = format!("/hls/{ID}/{}", multivariant.variant_uri);
    playlist::media(&pulse.get(&path).text()).unwrap()
}

fn wait_segments(pulse: &Pulse, seconds: f64) {
    wait::until("finished segments", Duration::from_secs(20), || {
        let playable = video_playlist(pulse).playable_seconds();
        wait::check(playable >= seconds, format!("{playable} s"))
    });
}

/// Seconds from the end of the newest part, by EXT-X-PROGRAM-DATE-TIME, to the wall clock.
fn behind_the_clock(pulse: &Pulse) -> f64 {
    let media = video_playlist(pulse);
    let mut end = None;
    for segment in media.all() {
        end = segment.program_date_time.or(end).map(|start| start + segment.duration);
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    now - end.expect("a live playlist carries EXT-X-PROGRAM-DATE-TIME")
}
