//! Audio that changes its sampling frequency, and with it the clock of its times, within a life.

use std::time::Duration;

use hls_packager::{Config, RenditionId};

use super::encoder::{AAC_48K, Encoder, PICTURE_30, Picture, Sound};
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
