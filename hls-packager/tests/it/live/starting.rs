//! How a stream begins: what is waited for, what the first playlists say, and where players start in them.

use std::time::Duration;

use hls_packager::{
    Announced, Config, Container, Event, Health, Missing, Now, RenditionId, Reply, Request, START_HOLD, Topic,
};
use media_core::{Codec, TrackId};

use super::encoder::{AAC_48K, Encoder, PICTURE_30, Picture, Sound, audio_track};
use super::rig::Rig;

const SECOND: Duration = Duration::from_secs(1);

fn rig() -> Rig {
    Rig::new(Config::default())
}

/// When the stream could be played, in milliseconds after the encoder began.
fn playable_ms(rig: &Rig) -> u128 {
    (rig.playable_at.expect("it never could") - rig.start.instant).as_millis()
}

#[test]
fn the_first_playlist_is_served_when_part_hold_back_is_there() {
    let mut rig = rig();
    rig.publish(&Encoder::usual(), SECOND * 3);
    let first = playable_ms(&rig);
    assert!((760..=835).contains(&first), "after {first} ms");
    let playlist = &rig.checkers[&RenditionId::Video];
    assert!(playlist.versions > 10);
}

#[test]
fn trap_28_the_first_playlist_has_a_segment_and_media_sequence_1() {
    let mut rig = rig();
    let encoder = Encoder::usual();
    rig.announce(&encoder);
    rig.tracks(&encoder);
    for one in encoder.send(SECOND) {
        rig.play(vec![super::encoder::Sent { at: Duration::ZERO, ..one.clone() }], Duration::ZERO);
        if rig.window.is_playable() {
            break;
        }
    }
    for id in [RenditionId::Video, RenditionId::Audio(0)] {
        rig.read_one(id);
        let playlist = &rig.playlists[&id];
        assert_eq!(playlist.media_sequence, 1);
        assert_eq!(playlist.segments.len(), 1, "{id}");
        assert!(playlist.segments[0].gap);
        let open = playlist.open.as_ref().unwrap();
        let media: f64 = open.parts.iter().map(|part| part.duration).sum();
        let hold_back: f64 = playlist.server_control["PART-HOLD-BACK"].parse().unwrap();
        assert!(media >= hold_back - 0.2, "{id}: {media}");
        assert!(open.parts[0].independent);
    }
}

#[test]
fn a_request_before_there_is_anything_is_held_three_seconds() {
    let rig = rig();
    for request in [
        Request::multivariant("-", rig.now.instant),
        Request::parse("video/index.m3u8", None, rig.now.instant),
        Request::parse("video/index.m3u8", Some("_HLS_msn=7&_HLS_part=1"), rig.now.instant),
    ] {
        let Reply::Wait { on: Topic::Stream, until, .. } = rig.window.answer(rig.now.instant, &request)
        else {
            panic!("{request:?}")
        };
        assert_eq!(until, rig.now.instant + START_HOLD);
        assert!(matches!(rig.window.answer(until, &request), Reply::Unavailable { retry_after_s: 1 }));
    }
    let segment = Request::parse("video/l1-s1.m4s", None, rig.now.instant);
    assert!(matches!(rig.window.answer(rig.now.instant, &segment), Reply::NotFound(Missing::Unknown)));
}

#[test]
fn tracks_settle_when_all_that_were_announced_have_headers() {
    for (announced, audio_after_ms, settles_ms) in [
        // Both are there with the first key frame.
        (Some((1, 1)), 0, 0..=40),
        // The header of the announced audio track comes later.
        (Some((1, 1)), 1_200, 1_200..=1_240),
        // It never comes.
        (Some((1, 1)), 9_000, 2_000..=2_040),
        // Nothing was announced.
        (None, 0, 500..=540),
        (None, 300, 500..=540),
        // Only video was.
        (Some((1, 0)), 9_000, 0..=40),
    ] {
        let mut rig = rig();
        if let Some((video, audio)) = announced {
            rig.packager.announce(rig.now, Announced { video, audio, frame_rate: None });
        }
        let encoder = Encoder::usual();
        let tracks = encoder.tracks();
        rig.packager.tracks(rig.now, if audio_after_ms == 0 { &tracks } else { &tracks[..1] });
        let (mut told, mut settled) = (audio_after_ms == 0, None);
        for one in encoder.send(SECOND * 4) {
            let now = rig.start.after(one.at);
            if !told && one.at >= Duration::from_millis(audio_after_ms) {
                rig.packager.tracks(now, &tracks);
                told = true;
            }
            if rig.packager.poll_timeout().is_some_and(|due| due <= now.instant) {
                rig.packager.handle_timeout(now);
            }
            rig.packager.frame(now, one.frame).unwrap();
            while let Some(event) = rig.packager.poll_event() {
                if let Event::Settled(life) = event {
                    settled = Some((one.at.as_millis(), life.renditions.len()));
                }
            }
            if settled.is_some() {
                break;
            }
        }
        let (at, renditions) = settled.unwrap();
        assert!(settles_ms.contains(&(at as u64)), "{announced:?} {audio_after_ms}: after {at} ms");
        assert_eq!(renditions, 1 + usize::from(audio_after_ms < 1_500), "{announced:?} {audio_after_ms}");
    }
}

#[test]
fn trap_13_frames_before_the_first_key_frame_are_not_shown_and_not_waited_for_for_ever() {
    let mut rig = rig();
    let encoder = Encoder::usual();
    rig.announce(&encoder);
    rig.tracks(&encoder);
    let sent = encoder.send(SECOND * 5).into_iter().filter(|one| one.at > SECOND / 2).collect();
    rig.play(sent, SECOND * 5);
    let first = rig
        .parts
        .iter()
        .find(|(_, part)| part.rendition == RenditionId::Video && part.data.is_some())
        .unwrap();
    assert!(first.1.independent);
    assert!((first.0 - rig.start.instant).as_millis() >= 2_000);

    // Intra refresh: there are none at all.
    let mut rig = self::rig();
    let encoder = Encoder::of(Some(Picture { gop: 1_000_000, ..PICTURE_30 }), &[AAC_48K]);
    rig.announce(&encoder);
    rig.tracks(&encoder);
    let sent = encoder.send(SECOND * 20).into_iter().filter(|one| one.at > SECOND / 2).collect();
    rig.play(sent, SECOND * 20);
    assert_eq!(rig.codes()[0], "no_key_frame");
    let waited = playable_ms(&rig);
    assert!((11_000..12_000).contains(&waited), "{waited}");
}

#[test]
fn trap_14_audio_that_starts_seconds_after_video_holds_nothing_up() {
    let mut rig = rig();
    let late = Sound { from: SECOND * 5, ..AAC_48K };
    rig.publish(&Encoder::of(Some(PICTURE_30), &[late]), SECOND * 20);
    let playable = playable_ms(&rig);
    assert!(playable < 2_000, "{playable}");
    let audio = &rig.playlists[&RenditionId::Audio(0)];
    assert!(audio.segments[1].gap && !audio.segments.last().unwrap().gap);
}

#[test]
fn trap_14_a_video_track_without_frames_does_not_keep_sound_waiting() {
    let mut rig = rig();
    let encoder = Encoder::usual();
    rig.announce(&encoder);
    rig.tracks(&encoder);
    let sound =
        encoder.send(SECOND * 20).into_iter().filter(|one| one.frame.track != TrackId::video(0)).collect();
    rig.play(sound, SECOND * 20);
    let playable = playable_ms(&rig);
    assert!(playable < 3_500, "{playable}");
    assert!(!rig.playlists[&RenditionId::Audio(0)].segments.last().unwrap().gap);
    assert!(rig.playlists[&RenditionId::Video].segments.last().unwrap().gap);
    let mut config = Config::default();
    config.container = Container::MpegTs;
    let mut rig = Rig::new(config);
    rig.announce(&encoder);
    rig.tracks(&encoder);
    let sound =
        encoder.send(SECOND * 9).into_iter().filter(|one| one.frame.track != TrackId::video(0)).collect();
    rig.play(sound, SECOND * 9);
    assert!(playable_ms(&rig) < 3_500);
    assert!(rig.multivariant().contains("CODECS=\"mp4a.40.2\""));
}

#[test]
fn tracks_that_are_gone_before_they_settle_leave_nothing_to_wait_for() {
    let mut config = Config::default();
    config.container = Container::MpegTs;
    let mut rig = Rig::new(config);
    let sound = Encoder::of(None, &[AAC_48K]);
    rig.tracks(&sound);
    rig.play(sound.send(SECOND / 5), SECOND / 5);
    // The sound was kept, and then is one that the container does not carry, or there is a picture only, of which nothing comes.
    rig.tracks(&Encoder::of(None, &[Sound { samples: 960, ..AAC_48K }]));
    rig.sleep(SECOND * 5);
    assert!(rig.packager.poll_timeout().is_none());
    rig.tracks(&Encoder::of(Some(PICTURE_30), &[]));
    rig.sleep(SECOND * 5);
    assert!(rig.packager.poll_timeout().is_none());
    rig.publish(&Encoder::of(Some(PICTURE_30), &[]), SECOND * 3);
    assert!(rig.playable_at.is_some());
}

#[test]
fn a_codec_that_the_container_does_not_carry_is_named_and_the_rest_is_packaged() {
    let mut config = Config::default();
    config.container = Container::MpegTs;
    let mut rig = Rig::new(config.clone());
    let opus = Sound { samples: 960, ..AAC_48K };
    rig.publish(&Encoder::of(Some(PICTURE_30), &[opus]), SECOND * 5);
    assert_eq!(
        rig.health,
        [Health::CodecNotPackaged {
            track: TrackId::audio(0),
            codec: Codec::Opus,
            container: Container::MpegTs
        }]
    );
    assert!(rig.multivariant().contains("CODECS=\"avc1.42c01e\""));

    let mut rig = Rig::new(config);
    rig.publish(&Encoder::of(None, &[opus]), SECOND * 5);
    assert!(matches!(rig.answer("muxed/index.m3u8", None), Reply::NotFound(Missing::CodecNotPackaged)));
    let request = Request::multivariant("-", rig.now.instant);
    assert!(matches!(
        rig.window.answer(rig.now.instant, &request),
        Reply::NotFound(Missing::CodecNotPackaged)
    ));
}

#[test]
fn a_second_video_track_and_more_audio_than_is_packaged_are_told_of() {
    let mut rig = rig();
    let sounds = [AAC_48K; 10];
    let encoder = Encoder::of(Some(PICTURE_30), &sounds);
    let mut tracks = encoder.tracks();
    let mut second = tracks[0].clone();
    second.id = TrackId::video(1);
    tracks.insert(1, second);
    rig.packager.tracks(rig.now, &tracks);
    rig.play(encoder.send(SECOND * 3), SECOND * 3);
    assert_eq!(rig.codes(), ["extra_video", "track_refused", "track_refused"]);
    assert_eq!(rig.settled.as_ref().unwrap().renditions.len(), 9);
    let names: Vec<_> =
        rig.multivariant().lines().filter(|line| line.contains("TYPE=AUDIO")).map(str::to_owned).collect();
    assert_eq!(names.len(), 8);
    assert!(names[0].contains("DEFAULT=YES,AUTOSELECT=YES") && names[1].contains("DEFAULT=NO,AUTOSELECT=NO"));
    let distinct: std::collections::HashSet<_> =
        names.iter().map(|line| line.split("NAME=").nth(1).unwrap().split(',').next()).collect();
    assert_eq!(distinct.len(), 8);
}

#[test]
fn a_clock_that_jumps_before_the_tracks_have_settled() {
    let mut rig = rig();
    let mut encoder = Encoder::usual();
    rig.tracks(&encoder);
    rig.play(encoder.send(SECOND / 4), SECOND / 4);
    encoder.epoch_s = 1_000;
    rig.discontinuity();
    let rest = encoder.send(SECOND * 8).into_iter().filter(|one| one.at > SECOND / 4).map(|mut one| {
        one.at -= SECOND / 4;
        one
    });
    rig.play(rest.collect(), SECOND * 8);
    rig.end();
    let video = &rig.playlists[&RenditionId::Video];
    assert!((video.duration() - 8.2).abs() < 0.3, "{}", video.duration());
}

#[test]
fn long_gops_send_players_back_to_the_key_frame_where_they_could_not_start() {
    let mut rig = rig();
    rig.every = 9;
    let encoder = Encoder::of(Some(Picture { gop: 250, ..PICTURE_30 }), &[AAC_48K]);
    rig.announce(&encoder);
    rig.tracks(&encoder);
    let (mut sent_back, mut not) = (0, 0);
    for one in encoder.send(SECOND * 40) {
        rig.play(
            vec![super::encoder::Sent {
                at: one.at.saturating_sub(rig.now.instant - rig.start.instant),
                ..one
            }],
            Duration::ZERO,
        );
        if !rig.window.is_playable() || rig.seconds() < 2.0 {
            continue;
        }
        let master = rig.multivariant();
        let offset = master.lines().find_map(|line| line.strip_prefix("#EXT-X-START:TIME-OFFSET="));
        let edge = rig.seconds();
        let since_key = edge % (250.0 / 30.0);
        match offset {
            Some(offset) => {
                let offset: f64 = offset.parse().unwrap();
                // To this GOP's key frame, or while there are too few parts of it to start with, to the one before.
                let early = since_key < 0.85;
                assert!(early || since_key > 3.9, "{since_key} s after the key frame");
                let to_this = (-offset - since_key).abs() < 0.4;
                let to_the_one_before = (-offset - since_key - 250.0 / 30.0).abs() < 0.4;
                assert!(to_this || early && to_the_one_before, "{offset}, {since_key} s after the key frame");
                assert!(-offset >= 0.4);
                sent_back += 1;
            }
            None => {
                assert!(since_key < 4.7, "{since_key} s after the key frame");
                not += 1;
            }
        }
    }
    assert!(sent_back > 500 && not > 500, "{sent_back} {not}");
}

#[test]
fn a_driver_that_never_calls_between_frames_loses_nothing() {
    // No timeouts: frames alone move everything that has frames.
    let mut rig = rig();
    let encoder = Encoder::usual();
    rig.announce(&encoder);
    rig.tracks(&encoder);
    for one in encoder.send(SECOND * 10) {
        let now: Now = rig.start.after(one.at);
        rig.packager.frame(now, one.frame).unwrap();
        while let Some(event) = rig.packager.poll_event() {
            rig.window.apply(event);
        }
    }
    rig.now = rig.start.after(SECOND * 10);
    assert!(rig.text("video/index.m3u8", None).contains("l1-s5.m4s"));
    assert!(rig.text("audio0/index.m3u8", None).contains("l1-s5.m4s"));
}

#[test]
fn a_track_of_a_codec_without_headers_is_packaged_from_its_first_frame() {
    let mut track = audio_track(0, &AAC_48K);
    track.codec = Codec::Mp3;
    track.config = bytes::Bytes::new();
    track.rfc6381 = "mp4a.40.34".into();
    let mut rig = rig();
    let encoder = Encoder::of(Some(PICTURE_30), &[]);
    let mut tracks = encoder.tracks();
    tracks.push(track);
    rig.packager.tracks(rig.now, &tracks);
    // 1,152 samples at 48 kHz, 128 kbit/s.
    let mut data = vec![0; 384];
    data[..4].copy_from_slice(&[0xff, 0xfb, 0x94, 0x00]);
    let mut sent = encoder.send(SECOND * 5);
    for index in 0..208_i64 {
        let dts = media_core::Timestamp(index * 1_152);
        let data = bytes::Bytes::from(data.clone());
        let frame = media_core::Frame { track: TrackId::audio(0), dts, pts: dts, keyframe: true, data };
        sent.push(super::encoder::Sent { at: Duration::from_micros(index as u64 * 24_000), frame });
    }
    sent.sort_by_key(|one| one.at);
    rig.play(sent, SECOND * 5);
    assert_eq!(rig.codes(), [""; 0]);
    assert!(rig.multivariant().contains("mp4a.40.34"));
}

#[test]
fn a_segment_is_shown_as_complete_with_the_first_part_of_the_next() {
    // hls.js loses the last part of a segment if it learns that the segment is complete while it loads the part before.
    let mut rig = rig();
    let encoder = Encoder::usual();
    rig.announce(&encoder);
    rig.tracks(&encoder);
    let mut ends = 0;
    for one in encoder.send(SECOND * 10) {
        let before = rig.playlists.get(&RenditionId::Audio(0)).cloned();
        let wait = one.at.saturating_sub(rig.now.instant - rig.start.instant);
        rig.play(vec![super::encoder::Sent { at: wait, ..one }], Duration::ZERO);
        let Some(after) = rig.playlists.get(&RenditionId::Audio(0)) else { continue };
        let Some(before) = before.filter(|before| before.last_sequence() < after.last_sequence()) else {
            continue;
        };
        ends += 1;
        let parts = &before.open.as_ref().unwrap().parts;
        assert_eq!(&after.segments.last().unwrap().parts, parts, "no part came with it");
        assert_eq!(after.open.as_ref().unwrap().parts.len(), 1);
    }
    assert_eq!(ends, 4);
}
