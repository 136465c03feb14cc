//! What encoders make of H.264, AAC and MP3, and frame rates that do not fit milliseconds.

use std::time::Duration;

use crate::support::feed::{Feed, words, x264};
use crate::support::follower::Follow;
use crate::support::play::{self, Play};
use crate::support::playlist::{self, Multivariant};
use crate::support::process::Process;
use crate::support::server::{Pulse, Setup};
use crate::support::viewer::{self, Viewer};
use crate::support::{seats, wait};

const ID: &str = "codecs";

const SECONDS: f64 = 4.0;

const PATIENCE: Duration = Duration::from_secs(20);

/// Publishes a feed on a server of its own, and gives what the multivariant playlist says.
fn publish(feed: &Feed, section: &str) -> (Pulse, Process, Multivariant) {
    let pulse = Setup::new().stream(ID).section(section).start();
    let encoder = feed.publish("encoder", pulse.stage().path(), &pulse.publish_url(ID));
    let multivariant = playlist::multivariant(&pulse.wait_playable(ID)).unwrap();
    (pulse, encoder, multivariant)
}

fn watch(pulse: &Pulse, follows: &[Follow]) {
    let viewer = Viewer::join_for(pulse, ID, follows);
    viewer.wait_shown(SECONDS, PATIENCE);
    for (follow, playback) in viewer.leave() {
        viewer::assert_smooth("viewer", follow, &playback);
        viewer::assert_decodes(pulse.stage(), "viewer", follow, &playback);
    }
}

#[test]
fn high_profile_with_b_frames_and_aac_at_44100_hz() {
    let _seats = seats::some();
    let video = words(
        "-c:v libx264 -preset veryfast -profile:v high -pix_fmt yuv420p -b:v 300k -g 50 -bf 3 -threads 1",
    );
    let (pulse, _encoder, multivariant) = publish(&Feed::new().video(video).sample_rate(44_100), "");
    assert!(multivariant.codecs.contains("avc1.6400"), "{multivariant:?}");
    assert!(multivariant.codecs.contains("mp4a.40.2"), "{multivariant:?}");
    assert_eq!(multivariant.resolution, Some((320, 180)), "{multivariant:?}");
    assert!(multivariant.frame_rate.is_some_and(|rate| (rate - 25.0).abs() < 0.01), "{multivariant:?}");
    let average = multivariant.average_bandwidth.expect("it is measured");
    assert!((50_000..=multivariant.bandwidth).contains(&average), "{multivariant:?}");
    watch(&pulse, &[Follow::Video, Follow::Audio(0)]);
    // The composition offsets survive the way through RTMP.
    let played = Play::new(pulse.rtmp_url(ID), 3).run("rtmp", pulse.stage());
    played.assert_clean("rtmp", 2.8);
    played.assert_video("rtmp", "h264 (High)");
}

#[test]
fn baseline_profile_with_mp3() {
    let _seats = seats::some();
    let video = x264(25, &["-profile:v", "baseline"]);
    let feed = Feed::new().video(video).audio(&["-c:a libmp3lame -b:a 64k -ac 2"]).sample_rate(44_100);
    let (pulse, _encoder, multivariant) = publish(&feed, "");
    assert!(multivariant.codecs.contains("avc1.42"), "{multivariant:?}");
    let mp3 = ["mp4a.40.34", "mp4a.6B", "mp3"];
    assert!(mp3.iter().any(|name| multivariant.codecs.contains(name)), "{multivariant:?}");
    watch(&pulse, &[Follow::Video, Follow::Audio(0)]);
    let played = Play::new(pulse.flv_url(ID), 3).run("flv", pulse.stage());
    played.assert_clean("flv", 2.8);
    played.assert_stream("flv", "Audio", "mp3", 1);
}

#[test]
fn video_without_audio() {
    let _seats = seats::some();
    let (pulse, _encoder, multivariant) = publish(&Feed::new().no_audio(), "");
    assert!(multivariant.audio.is_empty() && !multivariant.codecs.contains("mp4a"), "{multivariant:?}");
    watch(&pulse, &[Follow::Video]);
}

#[test]
fn audio_without_video() {
    let _seats = seats::some();
    let (pulse, _encoder, multivariant) = publish(&Feed::new().no_video(), "");
    assert_eq!(multivariant.codecs, "mp4a.40.2", "{multivariant:?}");
    let viewer = Viewer::join_for(&pulse, ID, &[Follow::Video]);
    viewer.wait("audio", PATIENCE, |playback| playback.pieces.iter().filter(|piece| !piece.gap).count() > 15);
    let (_, playback) = viewer.leave().remove(0);
    viewer::assert_smooth("viewer", Follow::Audio(0), &playback);
    viewer::assert_decodes(pulse.stage(), "viewer", Follow::Audio(0), &playback);
    let played = Play::new(pulse.rtmp_url(ID), 3).run("rtmp", pulse.stage());
    played.assert_clean("rtmp", 2.8);
}

#[test]
fn metadata_may_be_missing() {
    let _seats = seats::some();
    let (pulse, _encoder, multivariant) = publish(&Feed::new().output("-flvflags no_metadata"), "");
    assert_eq!(multivariant.audio.len(), 1, "{multivariant:?}");
    watch(&pulse, &[Follow::Video, Follow::Audio(0)]);
}

/// Parts are whole frames; at these rates a frame is no whole number of milliseconds, and RTMP's clock is one.
#[test]
fn parts_keep_their_target_at_every_common_frame_rate() {
    let _seats = seats::all();
    let rates = ["24000/1001", "24", "30000/1001", "30", "60000/1001"];
    let ids: Vec<String> = (0..rates.len()).map(|index| format!("rate{index}")).collect();
    let pulse = ids.iter().fold(Setup::new(), |setup, id| setup.stream(id)).start();
    let encoders: Vec<Process> = rates
        .iter()
        .zip(&ids)
        .map(|(rate, id)| {
            let feed = Feed::new().rate(rate).gop(60).no_audio();
            feed.publish(&format!("encoder-{id}"), pulse.stage().path(), &pulse.publish_url(id))
        })
        .collect();
    let viewers: Vec<Viewer> = ids
        .iter()
        .map(|id| {
            pulse.wait_playable(id);
            Viewer::join_for(&pulse, id, &[Follow::Video])
        })
        .collect();
    for ((rate, id), viewer) in rates.iter().zip(&ids).zip(viewers) {
        viewer.wait_shown(6.0, PATIENCE);
        let (follow, playback) = viewer.leave().remove(0);
        viewer::assert_conforms(rate, follow, &playback);
        assert!((0.15..0.26).contains(&playback.part_target), "{rate}: {}", playback.part_target);
        let multivariant = playlist::multivariant(&pulse.wait_playable(id)).unwrap();
        let (top, bottom) = rate.split_once('/').unwrap_or((rate, "1"));
        let expected = top.parse::<f64>().unwrap() / bottom.parse::<f64>().unwrap();
        assert!(
            multivariant.frame_rate.is_some_and(|rate| (rate - expected).abs() < 0.01),
            "{rate}: {multivariant:?}"
        );
    }
    drop(encoders);
}

#[test]
fn mpeg_ts_carries_the_same_streams_for_old_players() {
    let _seats = seats::some();
    let (pulse, _encoder, multivariant) = publish(&Feed::new(), "[hls]\ncontainer = \"ts\"");
    assert!(
        multivariant.codecs.contains("avc1.") && multivariant.codecs.contains("mp4a.40.2"),
        "{multivariant:?}"
    );
    assert!(multivariant.audio.is_empty(), "{multivariant:?}");
    let path = format!("/hls/{ID}/{}", multivariant.variant_uri);
    wait::until("finished segments", PATIENCE, || {
        let playable = playlist::media(&pulse.get(&path).text())?.playable_seconds();
        wait::check(playable >= 5.0, format!("{playable} s"))
    });
    let probed = play::probe(pulse.stage(), "probe", &pulse.hls_url(ID));
    assert_eq!(play::streams(&probed, "video").len(), 1, "{probed}");
    assert_eq!(play::streams(&probed, "audio").len(), 1, "{probed}");
    let played = Play::new(pulse.hls_url(ID), 4).run("hls", pulse.stage());
    played.assert_clean("hls", 3.8);
    watch(&pulse, &[Follow::Video]);
}

#[test]
fn what_the_container_cannot_carry_goes_on_over_rtmp_and_flv() {
    let _seats = seats::some();
    let feed = Feed::new()
        .no_video()
        .with(crate::support::feed::ffmpeg9())
        .audio(&["-c:a libopus -b:a 48k"])
        .output("-rtmp_enhanced_codecs Opus");
    let pulse = Setup::new().stream(ID).section("[hls]\ncontainer = \"ts\"").start();
    let _encoder = feed.publish("encoder", pulse.stage().path(), &pulse.publish_url(ID));
    pulse.wait_health(ID, "codec_not_packaged", PATIENCE);
    let answer = pulse.get(&format!("/hls/{ID}/index.m3u8"));
    assert_eq!(
        (answer.status, answer.problem_code().as_str()),
        (404, "codec_not_packaged"),
        "{}",
        answer.text()
    );
    let played =
        Play::new(pulse.flv_url(ID), 3).with(crate::support::feed::ffmpeg9()).run("flv", pulse.stage());
    played.assert_clean("flv", 2.8);
    played.assert_stream("flv", "Audio", "opus", 1);
}
