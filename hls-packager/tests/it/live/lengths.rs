//! No segment is longer than TARGETDURATION, in any rendition, where tracks do not end together: parts of a second in segments of one.

use std::time::Duration;

use hls_packager::{Config, RenditionId};
use media_core::TrackId;

use super::encoder::{AAC_48K, Encoder, PICTURE_30, Picture, Sent, Sound};
use super::rig::Rig;

const SECOND: Duration = Duration::from_secs(1);

/// The whole of what is listed is checked at every change of a playlist.
fn rig(low_latency: bool) -> Rig {
    let mut config = Config::default();
    (config.low_latency, config.part_ms, config.target_duration_s) = (low_latency, 1_000, 1);
    Rig::new(config)
}

fn encoder(gop: u64, sound: Sound) -> Encoder {
    Encoder::of(Some(Picture { gop, ..PICTURE_30 }), &[sound])
}

fn is_sound(one: &Sent) -> bool {
    one.frame.track == TrackId::audio(0)
}

#[test]
fn a_gap_that_begins_earlier_in_one_rendition_than_in_another() {
    for (low_latency, longer_ms) in
        [(true, 180), (true, 600), (false, 180), (false, 600), (true, 850), (false, 850)]
    {
        let mut rig = rig(low_latency);
        let encoder = encoder(30, AAC_48K);
        let mut sent = encoder.send(SECOND * 7);
        let ends = SECOND * 6 + Duration::from_millis(300);
        sent.retain(|one| {
            one.at < ends + if is_sound(one) { Duration::from_millis(longer_ms) } else { Duration::ZERO }
        });
        rig.announce(&encoder);
        rig.tracks(&encoder);
        rig.play(sent, SECOND * 7);
        rig.pause();
        rig.sleep(SECOND * 8);
    }
}

#[test]
fn a_segment_of_sound_after_one_whose_end_was_missing() {
    for low_latency in [true, false] {
        for from_ms in (6_050..7_000).step_by(150) {
            let mut rig = rig(low_latency);
            let encoder = encoder(30, AAC_48K);
            let mut sent = encoder.send(SECOND * 10);
            sent.retain(|one| !is_sound(one) || !(from_ms..7_000).contains(&(one.frame.dts.0 / 48)));
            rig.announce(&encoder);
            rig.tracks(&encoder);
            rig.play(sent, SECOND * 10);
            assert!(rig.playlists.contains_key(&RenditionId::Audio(0)));
        }
    }
}

#[test]
fn a_last_segment_of_sound_that_is_ahead_of_pictures() {
    for low_latency in [true, false] {
        for millis in (5_000..7_000).step_by(70) {
            let mut rig = rig(low_latency);
            let encoder = encoder(300, Sound { late_ms: -800, ..AAC_48K });
            let span = Duration::from_millis(millis);
            let mut sent = encoder.send(SECOND * 10);
            sent.retain(|one| one.at < span);
            let of_sound = sent.iter().filter(|one| is_sound(one)).count();
            rig.announce(&encoder);
            rig.tracks(&encoder);
            rig.play(sent, span);
            rig.end();
            let given = rig.frames(RenditionId::Audio(0));
            assert!(given + 2 >= of_sound, "{given} of {of_sound} frames");
        }
    }
}

#[test]
fn sound_that_runs_far_ahead_with_holes() {
    for (low_latency, target_s) in [(true, 1), (true, 2), (false, 1), (false, 2)] {
        for every_ms in (400..3_000).step_by(130) {
            let mut config = Config::default();
            (config.low_latency, config.part_ms, config.target_duration_s) = (low_latency, 1_000, target_s);
            let mut rig = Rig::new(config);
            let encoder = encoder(45, AAC_48K);
            let mut sent = encoder.send(SECOND * 12);
            rig.bursts = true;
            // All sound of twelve seconds is there after two, but there is little of it.
            let two = SECOND * 2;
            sent.retain(|one| match is_sound(one) {
                true => one.at < two || one.frame.dts.0 / 48 % every_ms < 21,
                false => one.at < two,
            });
            sent.iter_mut().for_each(|one| one.at = one.at.min(two));
            rig.announce(&encoder);
            rig.tracks(&encoder);
            rig.play(sent, two);
            rig.end();
        }
    }
}
