//! Publishers who were let in and then send what no encoder should: each harms its own stream at most.

use std::time::Duration;

use media_core::{Frame, Timescale, Timestamp, Track, TrackId};
use rtmp_core::Capabilities;

use crate::support::feed::{Feed, x264};
use crate::support::follower::Follow;
use crate::support::listener::Listener;
use crate::support::publisher::{Publisher, Step, What};
use crate::support::recording::Recording;
use crate::support::seats;
use crate::support::server::{Setup, key_of};
use crate::support::viewer::{self, Viewer};

const ID: &str = "bystander";
const HOSTILE: &str = "hostile";

const PATIENCE: Duration = Duration::from_secs(20);

/// What the hostile stream may add to the server's memory, its media included.
const GROWTH_BYTES: u64 = 96 << 20;

/// Frames to send, at the pace that `frames` has before `mangle` gets hold of them.
fn steps(recording: &Recording, mut mangle: impl FnMut(usize, &mut Frame)) -> Vec<Step> {
    let tracks = recording.tracks.iter().cloned();
    let mut steps: Vec<_> =
        tracks.map(|track| Step { at: Duration::ZERO, what: What::Track(track) }).collect();
    for (index, frame) in recording.frames.iter().enumerate() {
        let (at, mut frame) = (at(frame), frame.clone());
        mangle(index, &mut frame);
        steps.push(Step { at, what: What::Frame(frame) });
    }
    steps
}

fn at(frame: &Frame) -> Duration {
    media_core::time::duration(frame.dts.0, Timescale::MICROS)
}

fn is_video(frame: &Frame) -> bool {
    frame.track == TrackId::video(0)
}

/// What an encoder may say of a picture's times.
type Mangle = fn(usize, &mut Frame);

const MANGLED: [(&str, Mangle); 6] = [
    // The ends of the 24 signed bits, in turn.
    ("extreme", |index, frame| {
        frame.pts = frame.dts.offset(if index.is_multiple_of(2) { -8_388_608_000 } else { 8_388_607_000 });
    }),
    // As far as is believed.
    ("far", |index, frame| {
        frame.pts = frame.dts.offset(if index.is_multiple_of(2) { -9_999_000 } else { 9_999_000 });
    }),
    // Every picture is shown before it is decoded.
    ("negative", |_, frame| frame.pts = frame.dts.offset(-40_000)),
    // B-frames that nothing was reordered for.
    ("shuffled", |index, frame| {
        frame.pts = frame.dts.offset((index as i64 * 7_919 % 13 - 6) * 40_000);
    }),
    // One decode time for a second of pictures.
    ("standing", |_, frame| frame.dts = Timestamp(frame.dts.0 / 1_000_000 * 1_000_000)),
    // Each picture begins a GOP, and decode times go to and fro.
    ("jittering", |index, frame| {
        frame.keyframe = true;
        frame.dts = frame.dts.offset(index as i64 * 31 % 11 * 30_000);
    }),
];

#[test]
fn hostile_composition_and_decode_times_harm_nobody() {
    let _seats = seats::all();
    let setup = MANGLED.iter().fold(Setup::new().stream(ID), |setup, (name, _)| setup.stream(name));
    let mut pulse = setup.start();
    let video = x264(25, &["-bf", "3", "-b_strategy", "0"]);
    let recording = Recording::make("b-frames", pulse.stage().path(), Feed::new().video(video), 8);
    let _encoder = Feed::new().publish("encoder", pulse.stage().path(), &pulse.publish_url(ID));
    pulse.wait_playable(ID);
    let bystander = Viewer::join(&pulse, ID);
    bystander.wait_shown(1.0, PATIENCE);
    let before = pulse.process().resident_bytes();
    let hostile: Vec<_> = MANGLED
        .iter()
        .map(|(name, mangle)| {
            let steps = steps(&recording, |index, frame| {
                if is_video(frame) {
                    mangle(index, frame);
                }
            });
            (*name, Publisher::start(pulse.rtmp_address(), &key_of(name), steps))
        })
        .collect();
    let viewers: Vec<_> = hostile
        .iter()
        .map(|(name, _)| {
            pulse.wait_playable(name);
            (*name, Viewer::join(&pulse, name))
        })
        .collect();
    for (name, publisher) in hostile {
        publisher.finish().unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for (name, viewer) in viewers {
        let seen = viewer.leave();
        for (follow, playback) in &seen {
            viewer::assert_conforms(name, *follow, playback);
            // A second in which no decode time passes is a gap for those who watch; the sound goes on.
            if (name, *follow) != ("standing", Follow::Video) {
                assert!(playback.shown_seconds() > 4.0, "{name} {follow:?}: {} s", playback.shown_seconds());
            }
        }
    }
    let grown = pulse.process().resident_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES, "the server grew by {} MiB", grown >> 20);
    let shown = bystander.look(crate::support::playback::Playback::shown_seconds);
    bystander.wait_shown(shown + 1.0, PATIENCE);
    for (follow, playback) in bystander.leave() {
        viewer::assert_smooth("bystander", follow, &playback);
    }
    pulse.assert_sound();
}

/// Tracks that a publisher may have, and so many more that it tries.
const TRACKS: u8 = 16;
const TOO_MANY: u8 = 4;

/// One picture and sound in 19 tracks, each with its own headers, which change every second, all at once or one by one.
fn changing_tracks(low: &Recording, high: &Recording) -> Vec<Step> {
    let mut steps = Vec::new();
    let (video, sound) = (low.tracks[0].clone(), [low.tracks[1].clone(), high.tracks[1].clone()]);
    steps.push(Step { at: Duration::ZERO, what: What::Track(video) });
    let mut now: Vec<Option<usize>> = vec![None; usize::from(TRACKS - 1 + TOO_MANY)];
    for frame in &low.frames {
        let at = at(frame);
        let second = usize::try_from(at.as_secs()).unwrap();
        if is_video(frame) {
            for (number, now) in now.iter_mut().enumerate() {
                // They come one after the other in the first seconds, then change, those with even numbers together.
                let wanted = match second * 6 {
                    come if number >= come => continue,
                    _ if number.is_multiple_of(2) => second % 2,
                    _ => (second + number) / 3 % 2,
                };
                if *now != Some(wanted) {
                    *now = Some(wanted);
                    steps.push(Step { at, what: What::Track(of(&sound[wanted], number)) });
                }
            }
            steps.push(Step { at, what: What::Frame(frame.clone()) });
        } else {
            for number in (0..now.len()).filter(|number| now[*number].is_some()) {
                let track = audio(number);
                steps.push(Step { at, what: What::Frame(Frame { track, ..frame.clone() }) });
            }
        }
    }
    steps
}

fn audio(number: usize) -> TrackId {
    TrackId::audio(u8::try_from(number).unwrap())
}

fn of(track: &Track, number: usize) -> Track {
    Track { id: audio(number), ..track.clone() }
}

#[test]
fn sixteen_tracks_that_change_all_the_time_are_played_on() {
    let _seats = seats::all();
    let mut pulse = Setup::new().stream(ID).stream(HOSTILE).start();
    let make = |name, feed| Recording::make(name, pulse.stage().path(), feed, 12);
    let low = make("low", Feed::new());
    let high = make("high", Feed::new().audio(&["-c:a aac -b:a 64k -ac 1"]).sample_rate(44_100));
    let _encoder = Feed::new().publish("encoder", pulse.stage().path(), &pulse.publish_url(ID));
    pulse.wait_playable(ID);
    let bystander = Viewer::join(&pulse, ID);
    bystander.wait_shown(1.0, PATIENCE);
    let before = pulse.process().resident_bytes();
    let publisher = Publisher::start(pulse.rtmp_address(), &key_of(HOSTILE), changing_tracks(&low, &high));
    pulse.wait_playable(HOSTILE);
    let viewer = Viewer::join_for(&pulse, HOSTILE, &[Follow::Video]);
    // One who takes what was there in the beginning, one who takes everything, one who comes when all are there.
    let listen = |announced| Listener::start(pulse.rtmp_address(), HOSTILE, announced);
    let early = [Capabilities::default(), Capabilities::all()].map(listen);
    viewer.wait_shown(5.0, PATIENCE);
    let late = listen(Capabilities::all());
    let tracks = pulse.wait_live(HOSTILE).tracks.len();
    assert_eq!(tracks, usize::from(TRACKS), "more than are allowed");
    publisher.finish().unwrap();
    for (who, listener) in ["legacy", "enhanced", "late"].into_iter().zip(early.into_iter().chain([late])) {
        let heard = listener.finish();
        assert!(heard.pictures > 50, "{who}: {heard:?}");
        let tracks = if who == "late" { usize::from(TRACKS) } else { 2 };
        assert_eq!(heard.tracks.len(), tracks, "{who}: {heard:?}");
        assert!(heard.until_ms > 11_000, "{who} was left behind: {heard:?}");
        assert_eq!(heard.ended, "", "{who} was sent away: {heard:?}");
    }
    for (follow, playback) in viewer.leave() {
        viewer::assert_conforms("viewer", follow, &playback);
        assert!(playback.shown_seconds() > 8.0, "{} s", playback.shown_seconds());
    }
    let grown = pulse.process().resident_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES, "the server grew by {} MiB", grown >> 20);
    for (follow, playback) in bystander.leave() {
        viewer::assert_smooth("bystander", follow, &playback);
    }
    pulse.assert_sound();
}
