//! Encoders that go away, come back, change or fall silent; servers that are killed.

use std::time::Duration;

use hls_packager::{Config, Container, RenditionId};
use media_core::TrackId;

use super::encoder::{AAC_48K, Encoder, PICTURE_30, Picture, Sound};
use super::rig::Rig;

const SECOND: Duration = Duration::from_secs(1);

fn rig() -> Rig {
    Rig::new(Config::default())
}

/// The longest time without a new part or segment of `id` in the playlist, in seconds.
fn longest_wait(rig: &Rig, id: RenditionId, parts: bool) -> f64 {
    let times: Vec<_> = match parts {
        true => rig.parts.iter().filter(|(_, part)| part.rendition == id).map(|(at, _)| *at).collect(),
        false => {
            rig.segments.iter().filter(|(_, segment)| segment.rendition == id).map(|(at, _)| *at).collect()
        }
    };
    times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).fold(0.0, f64::max)
}

#[test]
fn while_the_encoder_is_away_gaps_follow_in_all_renditions() {
    let encoder = Encoder::of(Some(PICTURE_30), &[AAC_48K, Sound { rate: 44_100, ..AAC_48K }]);
    let mut rig = rig();
    rig.publish(&encoder, SECOND * 11 + SECOND / 3);
    rig.pause();
    rig.sleep(SECOND * 21);
    for id in [RenditionId::Video, RenditionId::Audio(0), RenditionId::Audio(1)] {
        assert!(longest_wait(&rig, id, true) <= 0.41, "{id}: {}", longest_wait(&rig, id, true));
        assert!(longest_wait(&rig, id, false) <= 6.0, "{id}");
        let playlist = &rig.playlists[&id];
        let gaps = playlist.segments.iter().filter(|segment| segment.gap).count();
        assert!(gaps >= 5, "{id}: {gaps}");
        assert!(playlist.hint.is_none(), "nothing to hint at");
    }
    rig.resume();
    rig.publish(&encoder, SECOND * 20);
    rig.end();
    let playlists: Vec<_> = rig.playlists.values().cloned().collect();
    for playlist in &playlists {
        let discontinuities: Vec<_> = playlist
            .segments
            .iter()
            .filter(|segment| segment.discontinuity)
            .map(|segment| segment.sequence)
            .collect();
        assert_eq!(discontinuities.len(), 1, "{playlist:?}");
        assert_eq!(playlist.segments.len(), playlists[0].segments.len());
        assert!(playlist.ended);
    }
}

#[test]
fn trap_42_a_pause_is_no_end_and_the_date_follows_the_wall_clock() {
    let mut rig = rig();
    rig.publish(&Encoder::usual(), SECOND * 10);
    rig.pause();
    rig.sleep(SECOND * 13);
    let seconds = rig.seconds();
    rig.resume();
    rig.publish(&Encoder::usual(), SECOND * 10);
    let playlist = &rig.playlists[&RenditionId::Video];
    assert!(!playlist.ended);
    let back = playlist.segments.iter().find(|segment| segment.discontinuity).unwrap();
    let at = back.date.unwrap() as f64 / 1e3 - 1_795_262_400.0;
    assert!((at - seconds).abs() < 0.3, "dated {at} and came at {seconds}");
}

#[test]
fn trap_24_a_gap_that_ends_within_a_long_part_makes_no_segment_too_long() {
    let mut config = Config::default();
    config.part_ms = 1_000;
    let mut rig = Rig::new(config);
    rig.publish(&Encoder::usual(), SECOND * 10);
    rig.pause();
    // Four gap parts are a whole segment, and most of a fifth has passed.
    rig.sleep(SECOND * 4 + SECOND * 9 / 10);
    rig.resume();
    rig.publish(&Encoder::usual(), SECOND * 10);
    let durations = rig.segments.iter().map(|(_, segment)| segment.duration.as_secs_f64());
    assert!(durations.fold(0.0, f64::max) < 4.5);
}

#[test]
fn an_encoder_that_takes_over_from_a_stalled_one_may_begin_where_that_one_stood() {
    let encoder = Encoder { epoch_s: 20, ..Encoder::usual() };
    let mut rig = rig();
    rig.publish(&Encoder::usual(), SECOND * 10);
    rig.sleep(SECOND * 8);
    assert!(rig.codes().contains(&"encoder_stalled"));
    let sent = encoder.send(SECOND);
    // The stalled one goes on, without a key frame.
    rig.play(sent.iter().filter(|sent| !sent.frame.keyframe).cloned().collect(), SECOND);
    rig.resume();
    rig.tracks(&encoder);
    rig.play(sent, SECOND);
    rig.publish(&encoder, Duration::ZERO);
    assert!(rig.segments.iter().any(|(_, segment)| segment.gap));
    assert!(!rig.playlists[&RenditionId::Video].open.as_ref().unwrap().parts.iter().any(|part| part.gap));
}

#[test]
fn a_returning_encoder_starts_at_a_key_frame() {
    let mut rig = rig();
    rig.publish(&Encoder::usual(), SECOND * 10);
    rig.pause();
    rig.sleep(SECOND * 5);
    rig.resume();
    let encoder = Encoder::usual();
    rig.tracks(&encoder);
    // It is joined in the middle of a GOP.
    let sent = encoder.send(SECOND * 10);
    let sent = sent.into_iter().filter(|one| one.at > SECOND / 2).collect();
    rig.play(sent, SECOND * 10);
    let back = rig.playlists[&RenditionId::Video]
        .segments
        .iter()
        .find(|segment| segment.discontinuity)
        .cloned()
        .unwrap();
    let of = |part: &&(std::time::Instant, hls_packager::Part)| {
        part.1.head.media_sequence == back.sequence && part.1.rendition == RenditionId::Video
    };
    let first = &rig.parts.iter().find(of).unwrap().1;
    assert!(first.independent && first.data.is_some() && first.index == 0);
}

#[test]
fn takeover_without_a_pause_never_mixes_encoders() {
    let mut rig = rig();
    rig.publish(&Encoder::usual(), SECOND * 7);
    let mut other = Encoder::usual();
    other.epoch_s = 5_000;
    rig.resume();
    rig.discontinuity();
    rig.publish(&other, SECOND * 9);
    rig.end();
    for playlist in rig.playlists.values() {
        assert_eq!(playlist.segments.iter().filter(|segment| segment.discontinuity).count(), 1);
    }
}

#[test]
fn trap_05_a_clock_that_jumps_leaves_no_hole_and_a_discontinuity_at_the_next_key_frame() {
    for epoch_s in [-3_000, -1, 3_600, 1_000_000] {
        let mut rig = rig();
        let mut encoder = Encoder::usual();
        encoder.epoch_s = 5_000;
        rig.publish(&encoder, SECOND * 9);
        encoder.epoch_s += epoch_s;
        rig.discontinuity();
        // The same encoder: its GOP goes on.
        let sent = encoder.send(SECOND * 20);
        let sent = sent.into_iter().filter(|one| one.at >= SECOND).map(|mut one| {
            one.at -= SECOND;
            one
        });
        rig.play(sent.collect(), SECOND * 19);
        rig.end();
        for (id, playlist) in &rig.playlists {
            assert_eq!(
                playlist.segments.iter().filter(|segment| segment.discontinuity).count(),
                1,
                "{id} {epoch_s}"
            );
            let gaps =
                playlist.segments.iter().skip(1).flat_map(|segment| &segment.parts).filter(|part| part.gap);
            assert_eq!(gaps.count(), 0, "{id} {epoch_s}");
            assert!((playlist.duration() - 28.2).abs() < 0.3, "{id} {epoch_s}: {}", playlist.duration());
        }
    }
}

#[test]
fn clocks_that_jump_without_a_word_do_not_fill_hours_with_gaps() {
    let mut rig = rig();
    let mut encoder = Encoder::usual();
    rig.publish(&encoder, SECOND * 9);
    encoder.epoch_s = 7_200;
    rig.play(encoder.send(SECOND * 9), SECOND * 9);
    rig.end();
    for playlist in rig.playlists.values() {
        assert!(playlist.duration() < 19.5, "{}", playlist.duration());
    }
}

#[test]
fn backward_decode_times_are_refused_and_packaging_goes_on() {
    let mut rig = rig();
    let encoder = Encoder::usual();
    rig.publish(&encoder, SECOND * 5);
    let old = encoder.send(SECOND).remove(3).frame;
    let error = rig.packager.frame(rig.now, old).unwrap_err();
    assert!(error.to_string().contains("does not follow"), "{error}");
    let rest = encoder.send(SECOND * 12).into_iter().filter(|one| one.at > SECOND * 5 + SECOND / 20).map(
        |mut one| {
            one.at -= SECOND * 5;
            one
        },
    );
    rig.play(rest.collect(), SECOND * 7);
    rig.end();
    assert!((rig.playlists[&RenditionId::Video].duration() - 12.2).abs() < 0.3);
}

#[test]
fn trap_33_media_sequence_goes_on_after_the_server_was_killed() {
    let mut rig = rig();
    rig.publish(&Encoder::usual(), SECOND * 31);
    let before = rig.playlists.clone();
    let (parts, last_part) = (rig.parts.len(), rig.parts.iter().map(|(_, part)| part.number).max().unwrap());
    assert!(parts > 100);
    let old_life = rig.settled.clone().unwrap();
    let mut rig = rig.killed(Config::default(), SECOND * 2);
    // The encoder comes back at another rate, which changes no promise.
    let encoder = Encoder::of(Some(Picture { rate: (24, 1), gop: 48, ..PICTURE_30 }), &[AAC_48K]);
    rig.publish(&encoder, SECOND * 30);
    let life = rig.settled.clone().unwrap();
    assert_eq!(life.life, old_life.life);
    assert_eq!(
        (life.target_duration_s, life.part_target),
        (old_life.target_duration_s, old_life.part_target)
    );
    for (id, after) in &rig.playlists {
        let before = &before[id];
        let last = before.open.as_ref().map_or(0, |open| open.sequence).max(before.last_sequence().unwrap());
        assert!(after.media_sequence > last && after.media_sequence < last + 20, "{id}");
        assert_eq!(after.server_control, before.server_control);
        assert!(after.segments[0].discontinuity && after.segments[0].gap);
        let shown = before.all().map(|segment| segment.discontinuity_sequence).max().unwrap();
        assert_eq!(after.segments[0].discontinuity_sequence, shown + 1);
        let end = before
            .all()
            .map(|segment| segment.date.unwrap() + (segment.duration * 1e3) as i64)
            .max()
            .unwrap();
        assert!(after.segments[0].date.unwrap() >= end, "{id}: dates go back");
        assert!(after.segments[0].date.unwrap() <= end + 4_500, "{id}: dates run ahead");
    }
    assert!(rig.parts.iter().all(|(_, part)| part.number > last_part), "names are never used again");
}

#[test]
fn killed_at_any_moment_no_name_is_used_twice() {
    let encoder = Encoder::usual();
    for millis in (300..9_000).step_by(731) {
        let mut rig = rig();
        rig.every = 5;
        rig.publish(&encoder, Duration::from_millis(millis));
        let shown: Vec<_> = rig.parts.iter().map(|(_, part)| (part.rendition, part.number)).collect();
        let sequences: Vec<_> = rig.parts.iter().map(|(_, part)| part.head.media_sequence).collect();
        let mut next = rig.killed(Config::default(), SECOND);
        next.every = 5;
        next.publish(&encoder, SECOND * 8);
        for (_, part) in &next.parts {
            assert!(!shown.contains(&(part.rendition, part.number)), "{millis}");
            assert!(!sequences.contains(&part.head.media_sequence), "{millis}");
        }
    }
}

#[test]
fn the_wall_clock_may_go_back_between_runs() {
    let mut rig = rig();
    rig.publish(&Encoder::usual(), SECOND * 20);
    let end = rig.playlists[&RenditionId::Video].segments.last().unwrap().date.unwrap();
    let mut now = rig.now;
    now.wall -= SECOND * 3_600;
    rig.now = now;
    let mut next = rig.killed(Config::default(), SECOND);
    next.publish(&Encoder::usual(), SECOND * 10);
    assert!(next.playlists[&RenditionId::Video].segments[0].date.unwrap() > end - 20_000);
}

#[test]
fn an_ended_life_is_followed_by_another_with_its_own_names() {
    let mut rig = rig();
    rig.publish(&Encoder::usual(), SECOND * 30);
    rig.end();
    let before = rig.playlists[&RenditionId::Video].clone();
    assert!(before.ended);
    let mut next = rig.killed(Config::default(), SECOND * 100);
    next.publish(&Encoder::usual(), SECOND * 10);
    let life = next.settled.clone().unwrap();
    assert_eq!(life.life, 2);
    let after = &next.playlists[&RenditionId::Video];
    assert!(after.media_sequence > before.last_sequence().unwrap());
    assert!(after.segments.iter().all(|segment| segment.uri.starts_with("l2-")));
    assert!(life.independent_segments, "15 GOPs of 2 s fitted");
    assert!(after.independent_segments && !before.independent_segments);
}

#[test]
fn independent_segments_is_given_up_when_a_gop_does_not_fit_any_more() {
    let mut rig = rig();
    rig.publish(&Encoder::usual(), SECOND * 30);
    rig.end();
    let mut next = rig.killed(Config::default(), SECOND * 100);
    next.publish(&Encoder::usual(), SECOND * 10);
    assert!(next.playlists[&RenditionId::Video].independent_segments);
    next.resume();
    next.publish(&Encoder::of(Some(Picture { gop: 250, ..PICTURE_30 }), &[AAC_48K]), SECOND * 10);
    assert!(!next.playlists[&RenditionId::Video].independent_segments);
    assert!(!next.journal().independent_segments);
}

#[test]
fn an_encoder_that_falls_silent_becomes_a_gap_before_a_segment_is_overdue() {
    let mut rig = rig();
    let encoder = Encoder::usual();
    rig.publish(&encoder, SECOND * 11);
    rig.sleep(SECOND * 20);
    assert_eq!(rig.codes(), ["encoder_stalled"]);
    for id in [RenditionId::Video, RenditionId::Audio(0)] {
        assert!(longest_wait(&rig, id, false) <= 6.0, "{id}: {}", longest_wait(&rig, id, false));
    }
    // It comes back as if nothing had been.
    let rest = encoder.send(SECOND * 31).into_iter().filter(|one| one.at > SECOND * 11 + SECOND / 10).map(
        |mut one| {
            one.at -= SECOND * 11;
            one
        },
    );
    rig.play(rest.collect(), SECOND * 20);
    rig.end();
    for playlist in rig.playlists.values() {
        assert_eq!(playlist.segments.iter().filter(|segment| segment.discontinuity).count(), 1);
    }
}

#[test]
fn a_short_stall_of_the_uplink_costs_no_media() {
    let mut rig = rig();
    let encoder = Encoder::usual();
    let mut sent = encoder.send(SECOND * 20);
    // Two seconds of silence, then all of it at once.
    for one in sent.iter_mut().filter(|one| (9..11).contains(&one.at.as_secs())) {
        one.at = SECOND * 11;
    }
    rig.announce(&encoder);
    rig.tracks(&encoder);
    rig.play(sent, SECOND * 20);
    assert_eq!(rig.codes(), [""; 0]);
    let parts = rig.parts.iter().filter(|(_, part)| part.data.is_none()).count();
    assert_eq!(parts, 2, "only the gaps that the playlists open with");
}

#[test]
fn trap_14_audio_that_stops_and_returns_is_a_gap_in_its_rendition_only() {
    let mut rig = rig();
    let encoder = Encoder::usual();
    let sent = encoder.send(SECOND * 40);
    let audible = |one: &super::encoder::Sent| {
        one.frame.track == TrackId::video(0) || one.at < SECOND * 10 || one.at > SECOND * 22
    };
    rig.announce(&encoder);
    rig.tracks(&encoder);
    rig.play(sent.into_iter().filter(audible).collect(), SECOND * 40);
    assert_eq!(rig.codes(), ["track_stalled", "track_returned"]);
    assert!(longest_wait(&rig, RenditionId::Audio(0), false) <= 6.0);
    assert!(longest_wait(&rig, RenditionId::Video, false) <= 2.1);
    let video = &rig.playlists[&RenditionId::Video];
    assert_eq!(video.segments.iter().filter(|segment| segment.gap).count(), 1);
    assert!(video.segments.iter().all(|segment| !segment.discontinuity));
    let audio = &rig.playlists[&RenditionId::Audio(0)];
    let last = audio.segments.last().unwrap();
    assert!(!last.gap && video.last_sequence().unwrap() - last.sequence <= 1);
}

#[test]
fn trap_14_video_that_stops_leaves_the_sound_going_and_takes_the_lead_again() {
    let mut rig = rig();
    let encoder = Encoder::usual();
    let sent = encoder.send(SECOND * 40);
    let visible = |one: &super::encoder::Sent| {
        one.frame.track == TrackId::audio(0) || one.at < SECOND * 10 || one.at > SECOND * 21
    };
    rig.announce(&encoder);
    rig.tracks(&encoder);
    rig.play(sent.into_iter().filter(visible).collect(), SECOND * 40);
    assert_eq!(rig.codes(), ["track_stalled", "track_returned"]);
    for id in [RenditionId::Video, RenditionId::Audio(0)] {
        assert!(longest_wait(&rig, id, false) <= 6.0, "{id}: {}", longest_wait(&rig, id, false));
    }
    let audio = &rig.playlists[&RenditionId::Audio(0)];
    assert_eq!(audio.segments.iter().filter(|segment| segment.gap).count(), 1, "sound went on");
    let video = &rig.playlists[&RenditionId::Video];
    assert!(video.segments.iter().filter(|segment| segment.gap).count() >= 3);
    assert!(!video.segments.last().unwrap().gap);
}

#[test]
fn an_encoder_that_returns_without_audio_or_without_video() {
    for (first, second) in [(0, 1), (1, 0)] {
        let tracks = [Encoder::of(Some(PICTURE_30), &[]), Encoder::of(None, &[AAC_48K])];
        let mut rig = rig();
        rig.publish(&Encoder::usual(), SECOND * 9);
        rig.pause();
        rig.sleep(SECOND * 3);
        rig.resume();
        rig.publish(&tracks[first], SECOND * 13);
        rig.pause();
        rig.sleep(SECOND * 2);
        rig.resume();
        rig.publish(&tracks[second], SECOND * 13);
        rig.resume();
        rig.publish(&Encoder::usual(), SECOND * 13);
        rig.end();
        let (video, audio) = (&rig.playlists[&RenditionId::Video], &rig.playlists[&RenditionId::Audio(0)]);
        assert_eq!(video.segments.len(), audio.segments.len());
        assert_eq!(video.segments.iter().filter(|segment| segment.discontinuity).count(), 3);
    }
}

#[test]
fn trap_11_repeated_headers_change_nothing_and_new_ones_bring_an_init_segment_and_a_discontinuity() {
    let mut rig = rig();
    let encoder = Encoder::usual();
    rig.announce(&encoder);
    rig.tracks(&encoder);
    let mut changed = encoder.tracks();
    let mut config = changed[0].config.to_vec();
    *config.last_mut().unwrap() ^= 1;
    changed[0].config = config.into();
    let mut asked = 0;
    for chunk in encoder
        .send(SECOND * 24)
        .chunk_by(|a, b| !(b.frame.keyframe && b.frame.track == TrackId::video(0)) && a.at <= b.at)
    {
        // Headers before each key frame, as some encoders send them; another one after 12 s.
        let from = chunk[0].at;
        match from < SECOND * 12 {
            true => rig.tracks(&encoder),
            false => {
                rig.packager.tracks(rig.now, &changed);
                asked += 1;
            }
        }
        let started = rig.start.instant;
        let now = rig.now.instant - started;
        let chunk = chunk.iter().cloned().map(|mut one| {
            one.at = one.at.saturating_sub(now);
            one
        });
        rig.play(chunk.collect(), Duration::ZERO);
    }
    assert!(asked > 3);
    let video = &rig.playlists[&RenditionId::Video];
    let changes: Vec<_> = video.segments.windows(2).filter(|pair| pair[0].map != pair[1].map).collect();
    assert_eq!(changes.len(), 1);
    assert!(changes[0][1].discontinuity);
    assert_eq!(video.segments.iter().filter(|segment| segment.discontinuity).count(), 1);
    let audio = &rig.playlists[&RenditionId::Audio(0)];
    let at = changes[0][1].sequence;
    assert!(audio.segments.iter().find(|segment| segment.sequence == at).unwrap().discontinuity);
    assert!(audio.segments.windows(2).all(|pair| pair[0].map == pair[1].map), "its header did not change");
}

#[test]
fn audio_that_changes_its_sampling_frequency() {
    for video in [true, false] {
        let mut rig = rig();
        let picture = video.then_some(PICTURE_30);
        rig.publish(&Encoder::of(picture, &[AAC_48K]), SECOND * 9);
        let other = Encoder::of(picture, &[Sound { rate: 44_100, ..AAC_48K }]);
        rig.resume();
        rig.publish(&other, SECOND * 9);
        rig.end();
        let audio = &rig.playlists[&RenditionId::Audio(0)];
        let maps: std::collections::BTreeSet<_> =
            audio.segments.iter().filter_map(|segment| segment.map.clone()).collect();
        assert_eq!(maps.len(), 2, "{video}");
    }
}

#[test]
fn trap_36_another_codec_is_another_life() {
    let mut rig = rig();
    rig.publish(&Encoder::usual(), SECOND * 9);
    let ended = rig.window.has_ended();
    assert!(!ended);
    let mut tracks = Encoder::usual().tracks();
    tracks[1] = super::encoder::audio_track(0, &Sound { samples: 960, ..AAC_48K });
    rig.packager.tracks(rig.now, &tracks);
    let encoder = Encoder::of(Some(PICTURE_30), &[Sound { samples: 960, ..AAC_48K }]);
    rig.publish(&encoder, SECOND * 9);
    assert_eq!(rig.settled.as_ref().unwrap().life, 2);
    assert_eq!(rig.codes(), ["codec_changed"]);
    assert!(rig.multivariant().contains("Opus"));
    // What viewers of the first life have in their playlists is still there.
    assert!(rig.bytes(RenditionId::Video, "l1-s2.m4s").is_some());
}

#[test]
fn a_late_track_is_for_new_viewers_with_gaps_before_it() {
    for config in [Config::default(), {
        let mut ts = Config::default();
        ts.container = Container::MpegTs;
        ts
    }] {
        let muxed = config.container == Container::MpegTs;
        let mut rig = Rig::new(config);
        let silent = Encoder::of(Some(PICTURE_30), &[]);
        rig.publish(&silent, SECOND * 9);
        let before = rig.multivariant();
        assert!(!before.contains("mp4a"));
        let both = Encoder::usual();
        rig.tracks(&both);
        let rest = both.send(SECOND * 31).into_iter().filter(|one| one.at >= SECOND * 9 + SECOND / 20).map(
            |mut one| {
                one.at -= SECOND * 9;
                one
            },
        );
        rig.play(rest.collect(), SECOND * 22);
        assert_eq!(rig.codes(), ["late_track"]);
        let after = rig.multivariant();
        assert!(after.contains("avc1.42c01e,mp4a.40.2"), "{after}");
        if muxed {
            let discontinuities =
                rig.playlists[&RenditionId::Muxed].segments.iter().filter(|segment| segment.discontinuity);
            assert_eq!(discontinuities.count(), 1, "the program tables change");
            continue;
        }
        assert!(after.contains("AUDIO=\"audio\""), "{after}");
        rig.read_one(RenditionId::Audio(0));
        rig.end();
        rig.read_one(RenditionId::Audio(0));
        let (video, audio) = (&rig.playlists[&RenditionId::Video], &rig.playlists[&RenditionId::Audio(0)]);
        assert_eq!(video.segments.len(), audio.segments.len());
        assert!(audio.segments.iter().take(5).all(|segment| segment.gap));
        assert!(audio.segments.iter().skip(7).all(|segment| !segment.gap), "{audio:?}");
        assert!(video.segments.iter().all(|segment| !segment.discontinuity));
    }
}

#[test]
fn late_video_takes_the_lead() {
    let mut rig = rig();
    rig.publish(&Encoder::of(None, &[AAC_48K]), SECOND * 9);
    let both = Encoder::usual();
    rig.tracks(&both);
    let rest =
        both.send(SECOND * 31).into_iter().filter(|one| one.at >= SECOND * 9 + SECOND / 20).map(|mut one| {
            one.at -= SECOND * 9;
            one
        });
    rig.play(rest.collect(), SECOND * 22);
    rig.read_one(RenditionId::Video);
    rig.end();
    rig.read_one(RenditionId::Video);
    let (video, audio) = (&rig.playlists[&RenditionId::Video], &rig.playlists[&RenditionId::Audio(0)]);
    assert_eq!(video.segments.len(), audio.segments.len());
    let last = &video.segments[video.segments.len() - 3];
    assert!(!last.gap && (last.duration - 2.0).abs() < 0.01);
    assert!(rig.multivariant().contains("-/video/index.m3u8"));
}

#[test]
fn a_late_track_continues_the_rendition_that_leads_and_not_the_first_one() {
    for millis in (8_000..9_000).step_by(50) {
        let from = Duration::from_millis(millis);
        let mut rig = rig();
        // Sound of the second track comes first and leads.
        let second = Sound { late_ms: -400, ..AAC_48K };
        let encoder = Encoder::of(None, &[AAC_48K, second]);
        let more = Encoder::of(None, &[AAC_48K, second, Sound { from, ..AAC_48K }]);
        let (first, mut rest): (Vec<_>, _) =
            more.send(SECOND * 20).into_iter().partition(|one| one.at < from);
        rig.announce(&encoder);
        rig.tracks(&encoder);
        rig.play(first, from);
        rig.tracks(&more);
        rest.iter_mut().for_each(|one| one.at -= from);
        rig.play(rest, SECOND * 12);
        assert_eq!(rig.codes(), ["late_track"]);
        rig.read_one(RenditionId::Audio(2));
        rig.end();
    }
}

#[test]
fn a_lost_frame_of_sound_costs_no_other() {
    for part_ms in [50, 200, 500, 1_000] {
        for picture in [Some(PICTURE_30), None] {
            let mut config = Config::default();
            config.part_ms = part_ms;
            let mut rig = Rig::new(config);
            let encoder = Encoder::of(picture, &[AAC_48K]);
            let mut sent = encoder.send(SECOND * 20);
            // One frame in 37, which is at any place of a part.
            sent.retain(|one| one.frame.track == TrackId::video(0) || one.frame.dts.0 / 1_024 % 37 != 20);
            let of_sound = sent.iter().filter(|one| one.frame.track == TrackId::audio(0)).count();
            rig.announce(&encoder);
            rig.tracks(&encoder);
            rig.play(sent, SECOND * 20);
            rig.end();
            let given = rig.frames(RenditionId::Audio(0));
            assert!(given + 2 >= of_sound, "{part_ms}, {picture:?}: {given} of {of_sound} frames");
        }
    }
}

#[test]
fn a_late_track_begins_where_the_gaps_before_it_end() {
    for short_ms in [50, 100, 150] {
        let mut rig = rig();
        // The second track leads, and what comes of it at last is less than what comes of the first.
        let encoder = Encoder::of(None, &[AAC_48K, Sound { late_ms: -30, ..AAC_48K }]);
        let mut sent = encoder.send(SECOND * 8);
        let short = SECOND * 8 - Duration::from_millis(short_ms);
        sent.retain(|one| one.frame.track == TrackId::audio(0) || one.at < short);
        rig.announce(&encoder);
        rig.tracks(&encoder);
        rig.play(sent, SECOND * 8);
        rig.tracks(&Encoder::of(None, &[AAC_48K; 3]));
        rig.pause();
        rig.sleep(SECOND * 5);
        assert_eq!(rig.codes(), ["late_track"]);
        rig.read_one(RenditionId::Audio(2));
    }
}

#[test]
fn pictures_that_return_at_once_with_other_composition_offsets_come_after_a_discontinuity() {
    for (reorder, discontinuities) in [(0, 0), (2, 1)] {
        let mut rig = rig();
        let encoder = Encoder::usual();
        rig.publish(&encoder, SECOND * 6);
        rig.tracks(&Encoder::of(None, &[AAC_48K]));
        let mut other = Encoder::of(Some(Picture { reorder, ..PICTURE_30 }), &[AAC_48K]);
        other.rounds = false;
        rig.tracks(&other);
        let rest = other.send(SECOND * 16).into_iter().filter(|one| one.at >= SECOND * 6 + SECOND / 20);
        rig.play(
            rest.map(|mut one| {
                one.at -= SECOND * 6;
                one.frame.keyframe |= one.frame.track == TrackId::video(0) && one.at < SECOND / 10;
                one
            })
            .collect(),
            SECOND * 10,
        );
        let video = &rig.playlists[&RenditionId::Video];
        let found = video.segments.iter().filter(|segment| segment.discontinuity).count();
        assert_eq!(found, discontinuities, "{reorder}");
    }
}
