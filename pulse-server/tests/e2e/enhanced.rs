//! Enhanced RTMP with ffmpeg 9: HEVC, AV1, VP9, Opus, AC-3 and two audio tracks, in and out again.

use std::time::Duration;

use crate::support::feed::{self, Feed, ffmpeg9, words};
use crate::support::follower::Follow;
use crate::support::play::{self, Play};
use crate::support::playlist;
use crate::support::server::{Pulse, Setup};
use crate::support::viewer::{self, Viewer};
use crate::support::{seats, wait};

const ID: &str = "enhanced";

const SECONDS: u32 = 4;

const PATIENCE: Duration = Duration::from_secs(25);

#[test]
fn hevc_with_aac_goes_in_and_comes_out() {
    let _seats = seats::some();
    let mut pulse = Setup::new().stream(ID).start();
    let feed = Feed::new()
        .with(ffmpeg9())
        .video(words("-c:v libx265 -preset ultrafast -b:v 300k -x265-params log-level=error:keyint=25:min-keyint=25:scenecut=0:pools=1:bframes=0"))
        .output("-rtmp_enhanced_codecs hvc1,mp4a");
    let _encoder = feed.publish("encoder", pulse.stage().path(), &pulse.publish_url(ID));
    let multivariant = playlist::multivariant(&pulse.wait_playable(ID)).unwrap();
    assert!(multivariant.codecs.contains("hvc1.1."), "{multivariant:?}");
    assert_hls(&pulse, &[Follow::Video, Follow::Audio(0)]);
    assert_out(&pulse, "hvc1,mp4a", "hevc", "aac", 1);
    // Debian's ffmpeg 5.1 offers no list of codecs: it is told that it cannot play this.
    let (log, took) = play::refused(pulse.stage(), "old-player", &pulse.rtmp_url(ID), PATIENCE);
    assert!(took < PATIENCE, "{log}");
    pulse.assert_sound();
}

#[test]
fn av1_with_two_opus_tracks_goes_in_and_comes_out() {
    let _seats = seats::some();
    let mut pulse = Setup::new().stream(ID).start();
    let feed = Feed::new()
        .with(ffmpeg9())
        .video(words("-c:v libsvtav1 -preset 12 -g 25 -svtav1-params lp=1:pred-struct=1:scd=0"))
        .audio(&["-c:a libopus -b:a 48k", "-c:a libopus -b:a 32k"])
        .output("-rtmp_enhanced_codecs av01,Opus");
    let _encoder = feed.publish("encoder", pulse.stage().path(), &pulse.publish_url(ID));
    let multivariant = playlist::multivariant(&pulse.wait_playable(ID)).unwrap();
    assert!(multivariant.codecs.contains("av01.0."), "{multivariant:?}");
    assert!(multivariant.codecs.to_lowercase().contains("opus"), "{multivariant:?}");
    assert_eq!(multivariant.audio.len(), 2, "{multivariant:?}");
    assert_hls(&pulse, &[Follow::Video, Follow::Audio(0), Follow::Audio(1)]);
    assert_out(&pulse, "av01,Opus", "av1", "opus", 2);
    pulse.assert_sound();
}

#[test]
fn vp9_with_ac3_goes_in_and_comes_out() {
    let _seats = seats::some();
    let mut pulse = Setup::new().stream(ID).start();
    let feed = Feed::new()
        .with(ffmpeg9())
        .video(words("-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 300k -g 25 -threads 1"))
        .audio(&["-c:a ac3 -b:a 96k"])
        .output("-rtmp_enhanced_codecs vp09,ac-3");
    let _encoder = feed.publish("encoder", pulse.stage().path(), &pulse.publish_url(ID));
    let multivariant = playlist::multivariant(&pulse.wait_playable(ID)).unwrap();
    assert!(
        multivariant.codecs.contains("vp09.") && multivariant.codecs.contains("ac-3"),
        "{multivariant:?}"
    );
    assert_hls(&pulse, &[Follow::Video, Follow::Audio(0)]);
    assert_out(&pulse, "vp09,ac-3", "vp9", "ac3", 1);
    pulse.assert_sound();
}

/// A player keeps the form it began with; it is sent away where that form does not carry what the encoder came back with.
#[test]
fn an_encoder_that_comes_back_with_another_codec_sends_away_who_cannot_play_it() {
    let _seats = seats::all();
    let mut pulse = Setup::new().stream(ID).start();
    let mut encoder = Feed::new().publish("encoder", pulse.stage().path(), &pulse.publish_url(ID));
    pulse.wait_playable(ID);
    let mut players = [pulse.rtmp_url(ID), pulse.flv_url(ID)].map(|url| {
        let name = if url.starts_with("rtmp") { "old-rtmp" } else { "old-flv" };
        Play::new(url, 600).start(name, pulse.stage())
    });
    wait::until("both to play", PATIENCE, || {
        let viewers = pulse.wait_live(ID).viewers;
        wait::check((viewers.rtmp, viewers.flv) == (1, 1), format!("{viewers:?}"))
    });
    encoder.kill();
    let feed = Feed::new()
        .with(ffmpeg9())
        .video(words("-c:v libx265 -preset ultrafast -b:v 300k -x265-params log-level=error:keyint=25:min-keyint=25:scenecut=0:pools=1:bframes=0"))
        .output("-rtmp_enhanced_codecs hvc1,mp4a");
    let _again = feed.publish("encoder-again", pulse.stage().path(), &pulse.publish_url(ID));
    for player in &mut players {
        player.process().wait(PATIENCE);
    }
    let why = "the stream's codecs changed to others than this player can be sent";
    let log = pulse.log();
    let gone: Vec<_> = log.lines().filter(|line| line.contains("gone") && line.contains(why)).collect();
    assert_eq!(gone.len(), 2, "{log}");
    // Who comes back gets the right form, or is told that there is none.
    assert_out(&pulse, "hvc1,mp4a", "hevc", "aac", 1);
    play::refused(pulse.stage(), "old-player", &pulse.rtmp_url(ID), PATIENCE);
    pulse.assert_sound();
}

fn assert_hls(pulse: &Pulse, follows: &[Follow]) {
    let viewer = Viewer::join_for(pulse, ID, follows);
    viewer.wait_shown(f64::from(SECONDS), PATIENCE);
    for (follow, playback) in viewer.leave() {
        viewer::assert_smooth("viewer", follow, &playback);
        viewer::assert_decodes(pulse.stage(), "viewer", follow, &playback);
    }
}

/// ffmpeg 9 plays RTMP, FLV and HLS. FLV, which negotiates nothing, carries one track of a kind.
fn assert_out(pulse: &Pulse, fourccs: &str, video: &str, audio: &str, audio_tracks: usize) {
    let outputs = [
        ("rtmp", pulse.rtmp_url(ID), format!("-rtmp_enhanced_codecs {fourccs}")),
        ("flv", pulse.flv_url(ID), String::new()),
        ("hls", pulse.hls_url(ID), String::new()),
    ];
    for (name, url, options) in outputs {
        let played = Play::new(url, SECONDS).with(feed::ffmpeg9()).options(&options).run(name, pulse.stage());
        played.assert_clean(name, f64::from(SECONDS) - 0.3);
        played.assert_video(name, video);
        played.assert_stream(name, "Audio", audio, if name == "flv" { 1 } else { audio_tracks });
    }
}
