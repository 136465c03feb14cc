//! EXT-X-PROGRAM-DATE-TIME where clocks differ: dates are led back to the wall clock, and in no rendition does one segment's come before
//! that of the segment before.

use std::time::Duration;

use hls_packager::{Config, RenditionId};
use media_core::TrackId;

use super::encoder::{AAC_48K, Encoder, PICTURE_30, Picture, Sent};
use super::rig::Rig;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_segment_of_sound_that_pauses_is_not_shorter_than_the_step_back_after_it() {
    let mut config = Config::default();
    (config.part_ms, config.min_segment_ms) = (1_000, 0);
    let encoder = Encoder::of(Some(Picture { gop: 18, ..PICTURE_30 }), &[AAC_48K]);
    for sound_ms in (0..600).step_by(20) {
        let mut rig = Rig::new(config.clone());
        let (first, mut rest): (Vec<Sent>, _) =
            encoder.send(SECOND * 20).into_iter().partition(|one| one.at < SECOND * 3);
        rig.announce(&encoder);
        rig.tracks(&encoder);
        rig.play(first, SECOND * 3);
        rig.now.wall -= SECOND * 10;
        // From somewhere in a GOP up to the next key frame there is no sound.
        let silent = |one: &Sent| {
            one.frame.track == TrackId::audio(0)
                && (12_000 + sound_ms..12_630).contains(&(one.frame.dts.0 / 48))
        };
        rest.retain(|one| !silent(one));
        rest.iter_mut().for_each(|one| one.at -= SECOND * 3);
        rig.play(rest, SECOND * 17);
        assert!(rig.playlists.contains_key(&RenditionId::Audio(0)), "the checker has read it");
    }
}
