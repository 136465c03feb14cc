//! What a publisher can make a stream cost.

use std::time::Duration;

use hls_packager::{Config, RenditionId};
use media_core::TrackId;

use super::encoder::{AAC_48K, Encoder, PICTURE_30, Picture};
use super::rig::Rig;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_window_holds_no_more_bytes_than_it_may() {
    let mut config = Config::default();
    config.max_window_bytes = 4 * 1024 * 1024;
    let mut rig = Rig::new(config);
    rig.every = 10_000_000;
    let mut encoder = Encoder::usual();
    encoder.key_bytes = 150_000;
    let most = encoder.send(SECOND * 30).iter().map(|one| one.frame.data.len() as u64).sum::<u64>();
    assert!(most > 12 * 1024 * 1024);
    rig.announce(&encoder);
    rig.tracks(&encoder);
    for one in encoder.send(SECOND * 30) {
        let wait = one.at.saturating_sub(rig.now.instant - rig.start.instant);
        rig.play(vec![super::encoder::Sent { at: wait, ..one }], Duration::ZERO);
        assert!(rig.window.media_bytes() <= 4 * 1024 * 1024, "{}", rig.window.media_bytes());
    }
    rig.read_one(RenditionId::Video);
    let listed = rig.playlists[&RenditionId::Video].segments.len();
    assert!((1..9).contains(&listed), "{listed}");
}

#[test]
fn an_encoder_that_changes_its_headers_with_every_frame_makes_no_segment_a_frame() {
    let mut rig = Rig::new(Config::default());
    rig.every = 5;
    let encoder = Encoder::of(Some(Picture { gop: 1, ..PICTURE_30 }), &[AAC_48K]);
    rig.announce(&encoder);
    let mut tracks = encoder.tracks();
    rig.packager.tracks(rig.now, &tracks);
    for one in encoder.send(SECOND * 12) {
        if one.frame.track == TrackId::video(0) {
            let mut config = tracks[0].config.to_vec();
            *config.last_mut().unwrap() ^= 1;
            tracks[0].config = config.into();
            rig.packager.tracks(rig.now, &tracks);
        }
        let wait = one.at.saturating_sub(rig.now.instant - rig.start.instant);
        rig.play(vec![super::encoder::Sent { at: wait, ..one }], Duration::ZERO);
    }
    let segments = rig.segments.iter().filter(|(_, segment)| segment.rendition == RenditionId::Video).count();
    assert!(segments <= 12 * 5 + 2, "{segments}");
    assert!(rig.journals < 12 * 5 + 10, "{} writes to disk", rig.journals);
}

#[test]
fn input_faster_than_real_time_is_packaged_with_few_writes_and_a_bounded_window() {
    let mut rig = Rig::new(Config::default());
    rig.every = 40;
    let encoder = Encoder::usual();
    rig.announce(&encoder);
    rig.tracks(&encoder);
    // Ten minutes within two seconds.
    let sent = encoder.send(SECOND * 600).into_iter().map(|mut one| {
        one.at /= 300;
        one
    });
    rig.play(sent.collect(), SECOND * 2);
    let playlist = &rig.playlists[&RenditionId::Video];
    assert!(playlist.duration() < 65.0);
    assert!(rig.journals < 300 / 8 + 40, "{} writes to disk", rig.journals);
    assert_eq!(rig.codes(), [""; 0]);
}

#[test]
fn frames_of_a_tick_each_and_of_no_bytes() {
    let mut rig = Rig::new(Config::default());
    rig.every = 50;
    let encoder = Encoder::usual();
    rig.announce(&encoder);
    rig.tracks(&encoder);
    rig.play(encoder.send(SECOND * 3), SECOND * 3);
    for index in 0..20_000_i64 {
        let dts = media_core::Timestamp(90_000 * 3 + index);
        let frame = media_core::Frame {
            track: TrackId::video(0),
            dts,
            pts: dts,
            keyframe: index % 3 == 0,
            data: bytes::Bytes::new(),
        };
        rig.packager.frame(rig.now, frame).unwrap();
    }
    rig.end();
    assert!(rig.codes().contains(&"part_refused"), "{:?}", rig.codes());
}
