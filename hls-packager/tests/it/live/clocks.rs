//! Audio that changes its sampling frequency, and with it the clock of its times, within a life.

use std::time::Duration;

use hls_packager::{Config, RenditionId};

use super::encoder::{AAC_48K, Encoder, PICTURE_30, Picture, Sent, Sound};
use super::rig::Rig;

const SECOND: Duration = Duration::from_secs(1);

/// Ten seconds at one frequency, then twenty at another, on a clock that has run for weeks.
fn change(picture: Option<Picture>, from: u32, to: u32) -> Rig {
    let mut encoder = Encoder::of(picture, &[Sound { rate: from, ..AAC_48K }]);
    encoder.epoch_s = 2_147_480;
    let mut rig = Rig::new(Config::default());
    rig.publish(&encoder, SECOND * 10);
    encoder.sounds = vec![Sound { rate: to, ..AAC_48K }];
    encoder.epoch_s += 10;
    rig.publish(&encoder, SECOND * 20);
    rig.end();
    rig
}

#[test]
fn a_changed_sampling_frequency_costs_a_gop_at_most_and_no_memory() {
    for picture in [Some(PICTURE_30), None] {
        for (from, to) in [(48_000, 44_100), (44_100, 48_000)] {
            let rig = change(picture, from, to);
            let audio: Vec<_> =
                rig.parts.iter().filter(|(_, part)| part.rendition == RenditionId::Audio(0)).collect();
            assert!((140..170).contains(&audio.len()), "{picture:?} {from}: {} parts", audio.len());
            let gaps = audio.iter().filter(|(_, part)| part.data.is_none()).count();
            assert!(gaps <= 13, "{picture:?} {from}: {gaps} gaps");
            let last = &audio[audio.len() - 20..];
            assert!(
                last.iter().all(|(_, part)| part.data.is_some()),
                "{picture:?} {from}: no sound at the end"
            );
        }
    }
}

#[test]
fn sound_of_another_frequency_within_a_long_gop_waits_for_its_end_and_falls_behind_no_further() {
    for (from, to) in [(48_000, 44_100), (44_100, 48_000)] {
        let picture = Some(Picture { gop: 450, ..PICTURE_30 });
        let before = Encoder::of(picture, &[Sound { rate: from, ..AAC_48K }]);
        let after = Encoder::of(picture, &[Sound { rate: to, ..AAC_48K }]);
        let mut rig = Rig::new(Config::default());
        let (first, _) = split(&before, SECOND * 6);
        let (_, second) = split(&after, SECOND * 6);
        rig.announce(&before);
        rig.tracks(&before);
        rig.play(first, SECOND * 6);
        rig.tracks(&after);
        // Renditions are compared at every change.
        rig.play(second, SECOND * 18);
        rig.end();
        let audio = &rig.playlists[&RenditionId::Audio(0)];
        assert!(audio.segments.iter().any(|segment| segment.discontinuity));
        assert!(!audio.segments.last().unwrap().gap);
    }
}

/// What an encoder sends in 24 s, up to a moment and from it on.
fn split(encoder: &Encoder, at: Duration) -> (Vec<Sent>, Vec<Sent>) {
    let (first, mut second): (Vec<Sent>, Vec<Sent>) =
        encoder.send(SECOND * 24).into_iter().partition(|one| one.at < at);
    second.iter_mut().for_each(|one| one.at -= at);
    (first, second)
}
