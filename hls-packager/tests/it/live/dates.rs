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

#[test]
fn dates_do_not_go_back_after_two_kills_of_which_the_second_came_before_any_media() {
    let encoder = Encoder::usual();
    let mut config = Config::default();
    config.low_latency = false;
    let mut rig = Rig::new(config.clone());
    // Half a minute comes at once: its dates are ahead of the wall clock.
    rig.announce(&encoder);
    rig.tracks(&encoder);
    let at_once = encoder.send(SECOND * 30).into_iter().map(|one| Sent { at: one.at / 100, ..one });
    rig.play(at_once.collect(), SECOND);
    let end_ms = rig.playlists[&RenditionId::Video].end_ms();
    let mut rig = rig.killed(config.clone(), SECOND);
    rig.announce(&encoder);
    rig.tracks(&encoder);
    rig.play(encoder.send(SECOND / 10), SECOND / 10);
    assert!(rig.settled.is_some() && rig.parts.is_empty(), "it settles");
    let mut rig = rig.killed(config, SECOND);
    rig.publish(&encoder, SECOND * 8);
    let begins_ms = rig.playlists[&RenditionId::Video].segments[0].date.unwrap();
    assert!(begins_ms >= end_ms, "{} ms back", end_ms - begins_ms);
}

#[test]
fn dates_that_were_led_back_to_the_wall_clock_do_not_jump_ahead_with_the_next_run() {
    let encoder = Encoder::usual();
    let mut rig = Rig::new(Config::default());
    rig.every = 100;
    rig.announce(&encoder);
    rig.tracks(&encoder);
    // Six seconds too many at first, which a step of 50 ms a segment makes up for.
    let mut sent = encoder.send(SECOND * 366);
    sent.iter_mut().for_each(|one| one.at = one.at.saturating_sub(SECOND * 6));
    rig.play(sent, SECOND * 360);
    let mut rig = rig.killed(Config::default(), SECOND);
    rig.every = 1;
    let wall_ms = rig.now.wall.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64;
    rig.publish(&encoder, SECOND * 8);
    let ahead_ms = rig.playlists[&RenditionId::Video].segments[0].date.unwrap() - wall_ms;
    assert!(ahead_ms < 3_000, "{ahead_ms} ms");
}
