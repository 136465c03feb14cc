//! Frame rates, GOPs, jitter and audio formats: what encoders send all day.

use std::time::Duration;

use hls_packager::{Config, Container, Health, RenditionId};

use super::encoder::{AAC_48K, Encoder, PICTURE_30, Picture, Sound};
use super::rig::Rig;

const MINUTE: Duration = Duration::from_secs(60);

fn rig() -> Rig {
    Rig::new(Config::default())
}

/// A rig that reads some of the versions, for long or many runs.
fn sampling() -> Rig {
    let mut rig = rig();
    rig.every = 7;
    rig
}

fn longest(durations: &[f64]) -> f64 {
    durations.iter().copied().fold(0.0, f64::max)
}

#[test]
fn two_second_gops_at_every_rate() {
    for rate in
        [(24_000, 1_001), (24, 1), (25, 1), (30_000, 1_001), (30, 1), (50, 1), (60_000, 1_001), (60, 1)]
    {
        let gop = u64::from(2 * rate.0 / rate.1);
        let picture = Picture { rate, gop, ..PICTURE_30 };
        let mut rig = sampling();
        rig.publish(&Encoder::of(Some(picture), &[AAC_48K]), MINUTE / 2);
        let durations = rig.durations(RenditionId::Video);
        let expected = gop as f64 * f64::from(rate.1) / f64::from(rate.0);
        assert!(durations.len() >= 13, "{rate:?}: {durations:?}");
        assert!(
            durations.iter().all(|duration| (duration - expected).abs() < 0.002),
            "{rate:?}: {durations:?}"
        );
        assert_eq!(rig.codes(), [""; 0], "{rate:?}");
    }
}

#[test]
fn trap_26_parts_are_whole_frames_and_go_out_with_their_last_frame() {
    for (rate, frames, target) in [
        ((24_000, 1_001), 5, 0.210),
        ((24, 1), 5, 0.210),
        ((25, 1), 5, 0.202),
        ((30_000, 1_001), 6, 0.202),
        ((60_000, 1_001), 12, 0.202),
    ] {
        let gop = u64::from(2 * rate.0 / rate.1) / frames * frames;
        let picture = Picture { rate, gop, ..PICTURE_30 };
        let mut rig = sampling();
        rig.publish(&Encoder::of(Some(picture), &[AAC_48K]), MINUTE / 6);
        assert_eq!(rig.playlists[&RenditionId::Video].part_target, Some(target));
        let interval = f64::from(rate.1) / f64::from(rate.0);
        let video = rig.parts.iter().filter(|(_, part)| part.rendition == RenditionId::Video);
        for (at, part) in video.skip(5) {
            let lasts = part.duration.as_secs_f64();
            assert!((lasts - frames as f64 * interval).abs() < 0.0021, "{rate:?}: {lasts}");
            // The part's last frame came just now: 'now' is a multiple of the frame interval.
            let since = (*at - rig.start.instant).as_secs_f64() / interval;
            assert!((since - since.round()).abs() < 0.01, "{rate:?}: {since}");
            let number = (since.round() as u64 + 1) % frames;
            assert_eq!(number, 0, "{rate:?}: a part waited for a frame more than it has");
        }
    }
}

#[test]
fn obs_with_its_default_gop_of_250_frames_is_cut_inside() {
    let picture = Picture { gop: 250, ..PICTURE_30 };
    let mut rig = sampling();
    rig.publish(&Encoder::of(Some(picture), &[AAC_48K]), MINUTE);
    let durations = rig.durations(RenditionId::Video);
    assert!(longest(&durations) < 4.3, "{durations:?}");
    assert!(durations.len() >= 13);
    let Health::GopTooLong { gop_ms, target_duration_s: 4 } = rig.health[0] else {
        panic!("{:?}", rig.health)
    };
    assert!((3_900..4_300).contains(&gop_ms));
    assert!(rig.health[0].to_string().contains("Keyframe Interval"));
    assert_eq!(rig.health[1], Health::GopTooLong { gop_ms: 8_333, target_duration_s: 4 });
    assert_eq!(rig.health.len(), 2);
    // The next life knows.
    rig.end();
    assert!((8_332..=8_335).contains(&rig.journal().longest_gop_ms));
    let mut next = rig.killed(Config::default(), MINUTE);
    next.every = 7;
    next.publish(&Encoder::of(Some(picture), &[AAC_48K]), MINUTE);
    assert_eq!(next.playlists[&RenditionId::Video].target_duration, 9);
    let durations = next.durations(RenditionId::Video);
    assert!(durations.iter().all(|duration| (duration - 250.0 / 30.0).abs() < 0.002), "{durations:?}");
    assert_eq!(next.codes(), [""; 0]);
}

#[test]
fn trap_24_target_duration_holds_for_every_gop() {
    for gop in [1, 7, 15, 29, 30, 31, 60, 90, 119, 120, 121, 125, 130, 150, 299, 300, 100_000] {
        let mut rig = sampling();
        rig.publish(&Encoder::of(Some(Picture { gop, ..PICTURE_30 }), &[AAC_48K]), MINUTE / 2);
        let durations = rig.durations(RenditionId::Video);
        assert!(longest(&durations) < 4.499, "{gop}: {durations:?}");
        assert_eq!(rig.playlists[&RenditionId::Video].target_duration, 4);
        let long = gop > 127;
        assert_eq!(rig.codes().contains(&"gop_too_long"), long, "{gop}: {:?}", rig.health);
        let shortest = durations.iter().copied().fold(9.0, f64::min);
        assert!(long || shortest > 0.9, "{gop}: {durations:?}");
    }
}

#[test]
fn low_frame_rates_have_one_frame_a_part() {
    for (rate, target) in [
        ((1, 1), 1.002),
        ((2, 1), 0.502),
        ((3, 1), 0.335),
        ((4, 1), 0.252),
        ((5, 1), 0.202),
        ((10, 1), 0.202),
        ((15, 1), 0.202),
    ] {
        let picture = Picture { rate, gop: u64::from(2 * rate.0), ..PICTURE_30 };
        let mut rig = rig();
        rig.publish(&Encoder::of(Some(picture), &[AAC_48K]), MINUTE / 2);
        assert_eq!(rig.playlists[&RenditionId::Video].part_target, Some(target), "{rate:?}");
        let durations = rig.durations(RenditionId::Video);
        assert!(durations.iter().all(|duration| (duration - 2.0).abs() < 0.002), "{rate:?}: {durations:?}");
    }
}

#[test]
fn rates_without_a_header_are_measured() {
    for rate in [(24, 1), (25, 1), (30, 1), (60, 1), (15, 1)] {
        let picture = Picture { rate, header_rate: false, gop: u64::from(2 * rate.0), ..PICTURE_30 };
        let mut rig = sampling();
        rig.publish(&Encoder::of(Some(picture), &[AAC_48K]), MINUTE / 6);
        let measured = rig.settled.as_ref().unwrap().renditions[0].frame_rate.unwrap();
        assert!((measured / f64::from(rate.0) - 1.0).abs() < 0.02, "{rate:?}: {measured}");
        assert!(rig.durations(RenditionId::Video).iter().all(|duration| (duration - 2.0).abs() < 0.002));
    }
}

#[test]
fn a_header_that_lies_about_the_rate_is_not_believed() {
    let mut encoder = Encoder::usual();
    encoder.picture = Some(Picture { rate: (25, 1), gop: 50, header_rate: false, ..PICTURE_30 });
    let mut tracks = encoder.tracks();
    if let media_core::track::Params::Video(video) = &mut tracks[0].params {
        video.frame_rate = Some(media_core::track::FrameRate { num: 50, den: 1 });
    }
    let mut rig = sampling();
    rig.packager.tracks(rig.now, &tracks);
    rig.play(encoder.send(MINUTE / 6), MINUTE / 6);
    assert_eq!(rig.settled.as_ref().unwrap().renditions[0].frame_rate, Some(25.0));
    assert_eq!(rig.playlists[&RenditionId::Video].part_target, Some(0.202));
}

#[test]
fn b_frames_keep_their_times() {
    for reorder in [1, 2, 3] {
        let mut rig = rig();
        let picture = Picture { reorder, gop: 60, ..PICTURE_30 };
        rig.publish(&Encoder::of(Some(picture), &[AAC_48K]), MINUTE / 6);
        let durations = rig.durations(RenditionId::Video);
        assert!(durations.iter().all(|duration| (duration - 2.0).abs() < 0.002), "{durations:?}");
    }
}

#[test]
fn audio_formats_fill_their_parts() {
    let sounds = [
        AAC_48K,
        Sound { rate: 44_100, ..AAC_48K },
        Sound { samples: 960, ..AAC_48K },
        Sound { samples: 2_880, ..AAC_48K },
        Sound { samples: 480, ..AAC_48K },
    ];
    for sound in sounds {
        for picture in
            [Some(PICTURE_30), Some(Picture { rate: (24_000, 1_001), gop: 48, ..PICTURE_30 }), None]
        {
            let mut rig = sampling();
            rig.publish(&Encoder::of(picture, &[sound]), MINUTE / 3);
            let target = rig.settled.as_ref().unwrap().part_target.unwrap();
            let audio = rig
                .parts
                .iter()
                .filter(|(_, part)| part.rendition == RenditionId::Audio(0) && part.data.is_some());
            let short = audio.filter(|(_, part)| part.duration < target.mul_f64(0.85)).count();
            // Only the last one of a segment.
            assert!(short <= rig.segments.len() + 1, "{sound:?} {picture:?}: {short}");
            assert_eq!(rig.codes(), [""; 0]);
        }
    }
}

#[test]
fn trap_35_renditions_are_cut_at_the_same_places() {
    for late_ms in [-300, -50, 0, 40, 120, 700] {
        for reorder in [0, 2] {
            let sound = Sound { late_ms, ..AAC_48K };
            let other = Sound { late_ms: late_ms / 2, rate: 44_100, ..AAC_48K };
            let picture = Picture { gop: 48, reorder, ..PICTURE_30 };
            let mut rig = sampling();
            rig.publish(&Encoder::of(Some(picture), &[sound, other]), MINUTE / 3);
            rig.end();
            let video = rig.playlists[&RenditionId::Video].clone();
            for id in [RenditionId::Audio(0), RenditionId::Audio(1)] {
                let audio = &rig.playlists[&id];
                assert_eq!(audio.segments.len(), video.segments.len(), "{late_ms}");
                assert!(audio.ended);
                for (a, v) in audio.segments.iter().zip(&video.segments).skip(2) {
                    assert_eq!(a.sequence, v.sequence);
                    let apart = (a.date.unwrap() - v.date.unwrap()).abs();
                    assert!(apart <= 25, "{late_ms}, {id}: {apart} ms apart at {}", a.sequence);
                }
            }
        }
    }
}

#[test]
fn trap_25_extinf_is_the_true_duration_over_ten_minutes() {
    let mut rig = sampling();
    rig.every = 23;
    let mut encoder = Encoder::of(
        Some(Picture { rate: (30_000, 1_001), gop: 61, ..PICTURE_30 }),
        &[Sound { rate: 44_100, ..AAC_48K }],
    );
    encoder.jitter_ms = 60;
    rig.publish(&encoder, MINUTE * 10);
    for id in [RenditionId::Video, RenditionId::Audio(0)] {
        let total: f64 = rig.durations(id).iter().sum();
        let segments =
            rig.segments.iter().filter(|(_, segment)| segment.rendition == id && !segment.gap).count();
        let expected = segments as f64 * 61.0 * 1.001 / 30.0;
        assert!((total - expected).abs() < 0.03, "{id}: {total} and not {expected}");
        // The date follows: no step, no drift.
        let of = |segment: &&(std::time::Instant, hls_packager::Segment)| segment.1.rendition == id;
        let (first, last) =
            (rig.segments.iter().find(of).unwrap(), rig.segments.iter().rev().find(of).unwrap());
        let span = last.1.head.date.duration_since(first.1.head.date).unwrap().as_secs_f64();
        assert!((span - (total - last.1.duration.as_secs_f64()) - 0.202).abs() < 0.04, "{id}: {span}");
    }
    assert!(rig.checkers[&RenditionId::Video].versions > 50);
}

#[test]
fn jittery_networks_and_clocks() {
    for jitter_ms in [5, 30, 150] {
        for (rounds, rate) in [(true, (30_000, 1_001)), (true, (60, 1)), (false, (25, 1))] {
            let mut encoder =
                Encoder::of(Some(Picture { rate, gop: 50, reorder: 2, ..PICTURE_30 }), &[AAC_48K]);
            encoder.jitter_ms = jitter_ms;
            encoder.rounds = rounds;
            let mut rig = sampling();
            rig.publish(&encoder, MINUTE / 2);
            assert_eq!(rig.codes(), [""; 0]);
        }
    }
}

#[test]
fn capture_clocks_that_jitter_by_half_a_frame() {
    let encoder = Encoder::usual();
    let mut sent = encoder.send(MINUTE / 2);
    let mut random = 7_u64;
    for one in sent.iter_mut().filter(|one| one.frame.track == media_core::TrackId::video(0)) {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let shift = ((random >> 40) % 2_400) as i64 - 1_200;
        one.frame.dts = one.frame.dts.offset(shift + 1_200);
        one.frame.pts = one.frame.dts;
    }
    let mut rig = sampling();
    rig.announce(&encoder);
    rig.tracks(&encoder);
    rig.play(sent, MINUTE / 2);
    let durations = rig.durations(RenditionId::Video);
    assert!(durations.iter().all(|duration| (duration - 2.0).abs() < 0.03), "{durations:?}");
}

#[test]
fn encoders_that_drop_frames_or_change_their_rate() {
    // Every 7th frame is lost, later every second one, later more than a part at once.
    let encoder = Encoder::usual();
    let mut rig = sampling();
    rig.announce(&encoder);
    rig.tracks(&encoder);
    let mut index = 0;
    let mut sent = encoder.send(MINUTE);
    sent.retain(|one| {
        if one.frame.track != media_core::TrackId::video(0) || one.frame.keyframe {
            return true;
        }
        index += 1;
        match one.at.as_secs() {
            0..20 => index % 7 != 0,
            20..40 => index % 2 != 0,
            _ => index % 30 > 10,
        }
    });
    rig.play(sent, MINUTE);
    let key_frames: Vec<f64> = rig
        .parts
        .iter()
        .filter(|(_, part)| part.rendition == RenditionId::Video && part.index == 0 && part.independent)
        .map(|(_, part)| part.head.date.duration_since(rig.start.wall).unwrap().as_secs_f64())
        .collect();
    assert_eq!(key_frames.len(), 30);
    assert!(key_frames.windows(2).all(|pair| (pair[1] - pair[0] - 2.0).abs() < 0.21), "{key_frames:?}");
    let gaps =
        rig.parts.iter().filter(|(at, part)| part.data.is_none() && (*at - rig.start.instant).as_secs() > 1);
    for (at, part) in gaps {
        assert!(
            (*at - rig.start.instant).as_secs() >= 40,
            "a gap where frames were less than a part apart: {part:?}"
        );
    }
}

#[test]
fn trap_14_audio_only_and_video_only() {
    let mut audio = rig();
    audio.publish(&Encoder::of(None, &[AAC_48K]), MINUTE / 2);
    let durations = audio.durations(RenditionId::Audio(0));
    assert!(durations.iter().all(|duration| (3.7..=4.0).contains(duration)), "{durations:?}");
    assert!(audio.playlists[&RenditionId::Audio(0)].independent_segments);
    let master = audio.multivariant();
    assert!(master.contains("CODECS=\"mp4a.40.2\"\n-/audio0/index.m3u8"), "{master}");
    assert!(!master.contains("EXT-X-MEDIA:"), "{master}");

    let mut video = rig();
    video.publish(&Encoder::of(Some(PICTURE_30), &[]), MINUTE / 2);
    let master = video.multivariant();
    assert!(master.contains(
        "CODECS=\"avc1.42c01e\",RESOLUTION=1280x720,FRAME-RATE=30.000,VIDEO-RANGE=SDR\n-/video/index.m3u8"
    ));
}

#[test]
fn classic_hls_and_transport_streams() {
    let mut classic = Config::default();
    classic.low_latency = false;
    let mut ts = Config::default();
    ts.container = Container::MpegTs;
    let mut classic_ts = ts.clone();
    classic_ts.low_latency = false;
    for config in [classic, ts, classic_ts] {
        let id = match config.container {
            Container::Cmaf => RenditionId::Video,
            Container::MpegTs => RenditionId::Muxed,
        };
        let mut rig = Rig::new(config);
        rig.every = 3;
        rig.publish(&Encoder::usual(), MINUTE + MINUTE / 2);
        let durations = rig.durations(id);
        assert!(durations.len() > 40);
        assert!(durations.iter().all(|duration| (duration - 2.0).abs() < 0.002), "{durations:?}");
    }
}
