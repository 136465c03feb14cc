//! OBS Studio with the settings it comes with: a key frame every 8.3 s, twice the default target duration.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::obs::{GOP, Obs};
use crate::support::play::Play;
use crate::support::seats;
use crate::support::server::{Setup, key_of};
use crate::support::status::GOP_TOO_LONG;
use crate::support::viewer::{self, Viewer};

const ID: &str = "studio";

/// Viewers join at these many points, evenly spread over the GOP.
const POINTS: u32 = 5;

/// What the order of things may cost beyond the wait for a key frame.
const SLACK: Duration = Duration::from_secs(1);

#[test]
fn viewers_who_join_anywhere_in_obs_default_gop_see_it_soon_and_without_a_stall() {
    let _seats = seats::all();
    let mut pulse = Setup::new().stream(ID).start();
    let mut obs = Obs::start(pulse.stage(), &format!("rtmp://{}/live", pulse.rtmp_address()), &key_of(ID));
    obs.wait_streaming();
    pulse.wait_playable(ID);
    let began = Instant::now();
    let viewers: Vec<Viewer> = (0..POINTS)
        .map(|point| {
            let due = began + GOP * point / POINTS;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            Viewer::join(&pulse, ID)
        })
        .collect();
    // ffmpeg knows nothing of parts: it waits for whole segments.
    let ffmpeg = Play::new(pulse.hls_url(ID), 8).run("ffmpeg-hls", pulse.stage());
    ffmpeg.assert_clean("ffmpeg over HLS", 7.8);
    let first = ffmpeg.first_frame_after.expect("frames were decoded");
    assert!(first <= GOP + SLACK, "ffmpeg over HLS: the first frame took {first:?}");
    let rtmp = Play::new(pulse.rtmp_url(ID), 3).run("ffmpeg-rtmp", pulse.stage());
    rtmp.assert_clean("ffmpeg over RTMP", 2.8);
    rtmp.assert_video("ffmpeg over RTMP", "640x360");
    for viewer in &viewers {
        viewer.wait_shown(2.0 * GOP.as_secs_f64(), Duration::from_secs(30));
    }
    for (point, viewer) in viewers.into_iter().enumerate() {
        let who = format!("viewer{point}");
        for (follow, playback) in viewer.leave() {
            viewer::assert_smooth(&who, follow, &playback);
            viewer::assert_decodes(pulse.stage(), &who, follow, &playback);
            let first = playback.first_frame_after().unwrap();
            assert!(first <= GOP + SLACK, "{who} {follow:?}: the first frame took {first:?}");
        }
    }
    let detail = pulse.wait_health(ID, GOP_TOO_LONG, Duration::from_secs(5));
    assert!(
        detail.to_lowercase().contains("keyframe interval"),
        "it does not name the encoder's setting: {detail}"
    );
    pulse.assert_sound();
}

#[test]
fn obs_is_told_that_its_key_is_wrong() {
    let _seats = seats::some();
    let pulse = Setup::new().stream(ID).start();
    let obs =
        Obs::start(pulse.stage(), &format!("rtmp://{}/live", pulse.rtmp_address()), "studio_key_of_another");
    obs.wait_refused();
    assert!(pulse.live().is_empty());
    let log = pulse.log();
    assert!(!log.contains("studio_key_of_another"), "the key is in the log:\n{log}");
}
