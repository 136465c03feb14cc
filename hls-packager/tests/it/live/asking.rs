//! What viewers ask for, in time and out of it: blocking reloads, hints, what left the playlist, what players need to see in it.

use std::sync::Arc;
use std::time::Duration;

use hls_packager::{
    Body, Cache, Config, Invalid, MAX_HOLD, Missing, RenditionId, Renditions, Reply, Request, Topic,
};

use super::encoder::{Encoder, Sent};
use super::playlist::Playlist;
use super::rig::Rig;

const SECOND: Duration = Duration::from_secs(1);
const VIDEO: &str = "video/index.m3u8";

/// A stream of which `span` was received, and the frames of the second after it.
fn after(span: Duration, config: Config) -> (Rig, Vec<Sent>) {
    let encoder = Encoder::usual();
    let mut rig = Rig::new(config);
    rig.announce(&encoder);
    rig.tracks(&encoder);
    let sent = encoder.send(span + SECOND);
    rig.play(between(&sent, Duration::ZERO, span), span);
    (rig, between(&sent, span, span + SECOND))
}

/// What is sent from one moment to another, as if it began there.
fn between(sent: &[Sent], from: Duration, to: Duration) -> Vec<Sent> {
    let sent = sent.iter().filter(|sent| (from..to).contains(&sent.at));
    sent.map(|sent| Sent { at: sent.at - from, frame: sent.frame.clone() }).collect()
}

fn video(rig: &Rig) -> &Playlist {
    &rig.playlists[&RenditionId::Video]
}

fn is_held(reply: &Reply) -> bool {
    matches!(reply, Reply::Wait { on: Topic::Rendition(RenditionId::Video), .. })
}

fn text(reply: &Reply) -> &Arc<hls_packager::Text> {
    match reply {
        Reply::Ready(hls_packager::Resource { body: Body::Text(text), .. }) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn trap_28_a_blocking_reload_is_held_until_its_part_is_there_and_no_longer() {
    let (mut rig, rest) = after(SECOND * 5, Config::default());
    let open = video(&rig).open.clone().unwrap();
    let next = format!("_HLS_msn={}&_HLS_part={}", open.sequence, open.parts.len());
    let request = Request::parse(VIDEO, Some(&next), rig.now.instant);
    let Reply::Wait { until, version, on } = rig.window.answer(rig.now.instant, &request) else {
        panic!("nothing is there yet")
    };
    assert_eq!(until - rig.now.instant, MAX_HOLD, "three target durations are longer");
    assert!(matches!(rig.window.answer(until, &request), Reply::Unavailable { .. }));
    rig.play(between(&rest, Duration::ZERO, SECOND / 2), SECOND / 2);
    assert_ne!(rig.window.version(on), version);
    let Reply::Ready(resource) = rig.window.answer(rig.now.instant, &request) else {
        panic!("it is there now")
    };
    assert_eq!(resource.cache, Cache::MaxAge(24), "its URL names one version: six target durations");
    assert!(video(&rig).all().any(|segment| segment.parts.iter().any(|part| part.uri == rig_hint(&open))));
}

/// The name of the part after those that `open` has.
fn rig_hint(open: &super::playlist::Segment) -> String {
    let last = &open.parts.last().unwrap().uri;
    let number: u64 = last.trim_end_matches(".m4s").rsplit_once('p').unwrap().1.parse().unwrap();
    format!("l1-p{}.m4s", number + 1)
}

#[test]
fn trap_28_three_short_target_durations_are_the_longest_hold() {
    let mut config = Config::default();
    config.target_duration_s = 2;
    let (rig, _) = after(SECOND * 5, config);
    let next = format!("_HLS_msn={}", video(&rig).last_sequence().unwrap() + 1);
    let Reply::Wait { until, .. } = rig.answer(VIDEO, Some(&next)) else { panic!("nothing is there yet") };
    assert_eq!(until - rig.now.instant, SECOND * 6);
}

#[test]
fn trap_28_what_is_too_far_ahead_or_malformed_is_invalid() {
    let (mut rig, _) = after(SECOND * 5, Config::default());
    let last = video(&rig).last_sequence().unwrap();
    let there = video(&rig).open.as_ref().unwrap().parts.len() as u64;
    assert!(is_held(&rig.answer(VIDEO, Some(&format!("_HLS_msn={}", last + 2)))));
    let invalid = |query: String| match rig.answer(VIDEO, Some(&query)) {
        Reply::Invalid(why) => why,
        other => panic!("{query}: {other:?}"),
    };
    assert_eq!(
        invalid(format!("_HLS_msn={}", last + 3)),
        Invalid::SequenceTooFar { requested: last + 3, last }
    );
    // Three seconds of parts of 202 ms.
    let allowed = there + 13;
    assert!(is_held(&rig.answer(VIDEO, Some(&format!("_HLS_msn={}&_HLS_part={allowed}", last + 1)))));
    let requested = allowed + 1;
    assert_eq!(
        invalid(format!("_HLS_msn={}&_HLS_part={requested}", last + 1)),
        Invalid::PartTooFar { requested, allowed }
    );
    assert_eq!(invalid("_HLS_part=0".to_owned()), Invalid::PartWithoutSequence);
    for query in ["_HLS_msn=", "_HLS_msn=-1", "_HLS_msn=1e3", "_HLS_msn=1&_HLS_msn=1", "_HLS_skip=NO"] {
        invalid(query.to_owned());
    }
    assert!(matches!(rig.answer(VIDEO, Some("_HLS_unknown=1&x=y")), Reply::Ready(_)), "others' are ignored");
    rig.end();
    for query in ["_HLS_msn=99999", "_HLS_part=1", "_HLS_msn=x"] {
        assert!(matches!(rig.answer(VIDEO, Some(query)), Reply::Ready(_)), "{query} after ENDLIST");
    }
}

#[test]
fn trap_28_a_part_past_a_finished_segment_is_the_next_ones_first() {
    let (rig, _) = after(SECOND * 5, Config::default());
    let last = video(&rig).last_sequence().unwrap();
    assert!(video(&rig).open.is_some());
    assert!(matches!(rig.answer(VIDEO, Some(&format!("_HLS_msn={last}&_HLS_part=500"))), Reply::Ready(_)));
}

#[test]
fn trap_29_everybody_gets_the_same_rendered_and_compressed_bytes() {
    let (mut rig, rest) = after(SECOND * 5, Config::default());
    let replies: Vec<Reply> = (0..3).map(|_| rig.answer(VIDEO, None)).collect();
    assert!(replies.iter().all(|reply| Arc::ptr_eq(text(reply), text(&replies[0]))));
    let mut compressed = 0;
    for reply in &replies {
        text(reply).compressed(|bytes| {
            compressed += 1;
            bytes.to_vec().into()
        });
    }
    assert_eq!(compressed, 1);
    rig.play(rest, SECOND);
    let later = rig.answer(VIDEO, None);
    assert!(!Arc::ptr_eq(text(&later), text(&replies[0])), "a later version is another");
}

#[test]
fn trap_31_a_hinted_part_is_held_and_a_withdrawn_hint_is_gone_at_once() {
    let (mut rig, rest) = after(SECOND * 5, Config::default());
    let hint = format!("video/{}", video(&rig).hint.clone().expect("a hint"));
    assert!(is_held(&rig.answer(&hint, None)));
    rig.play(between(&rest, Duration::ZERO, SECOND / 2), SECOND / 2);
    assert!(matches!(rig.answer(&hint, None), Reply::Ready(_)));
    let hint = format!("video/{}", video(&rig).hint.clone().expect("another hint"));
    let beyond = hint.replace("-p", "-p9");
    assert!(matches!(rig.answer(&beyond, None), Reply::NotFound(Missing::Unknown)), "never hinted");
    rig.pause();
    rig.sleep(SECOND);
    assert!(!is_held(&rig.answer(&hint, None)), "what the encoder left behind, or a gap");
    assert!(video(&rig).hint.is_none());
    let parts: Vec<_> = video(&rig).all().flat_map(|segment| segment.parts.clone()).collect();
    let gap = format!("video/{}", parts.iter().rfind(|part| part.gap).unwrap().uri);
    assert!(matches!(rig.answer(&gap, None), Reply::NotFound(Missing::Gap)));
    let number: u64 = gap.trim_end_matches(".m4s").rsplit_once('p').unwrap().1.parse().unwrap();
    let next = format!("video/l1-p{}.m4s", number + 1);
    assert!(matches!(rig.answer(&next, None), Reply::NotFound(Missing::Unknown)), "nobody was told of it");
}

#[test]
fn trap_32_the_discontinuity_sequence_moves_when_the_tag_leaves() {
    let mut config = Config::default();
    config.window_s = 12;
    let mut rig = Rig::new(config);
    rig.publish(&Encoder::usual(), SECOND * 10);
    rig.pause();
    rig.sleep(SECOND * 2);
    rig.resume();
    rig.publish(&Encoder::usual(), SECOND * 6);
    for playlist in rig.playlists.values() {
        assert_eq!(playlist.discontinuity_sequence, 0);
        assert_eq!(playlist.segments.iter().filter(|segment| segment.discontinuity).count(), 1);
    }
    rig.publish(&Encoder { epoch_s: 6, ..Encoder::usual() }, SECOND * 30);
    for playlist in rig.playlists.values() {
        assert_eq!(playlist.discontinuity_sequence, 1);
        assert!(playlist.segments.iter().all(|segment| !segment.discontinuity));
    }
}

#[test]
fn trap_27_hold_backs_are_what_the_draft_recommends() {
    let (rig, _) = after(SECOND * 5, Config::default());
    let control = &video(&rig).server_control;
    let part_target = video(&rig).part_target.unwrap();
    assert_eq!(control["HOLD-BACK"], "12.000");
    assert_eq!(control["CAN-SKIP-UNTIL"], "24.000");
    assert!((control["PART-HOLD-BACK"].parse::<f64>().unwrap() - 3.0 * part_target).abs() < 1e-9);
    let mut short = Config::default();
    short.window_s = 24;
    let (rig, _) = after(SECOND * 5, short);
    assert!(!video(&rig).server_control.contains_key("CAN-SKIP-UNTIL"), "nothing could be skipped");
}

#[test]
fn trap_30_playlists_have_what_apples_player_wants_of_low_latency() {
    let (rig, _) = after(SECOND * 9, Config::default());
    for (id, playlist) in &rig.playlists {
        assert_eq!(
            playlist.reports.len(),
            rig.playlists.len() - 1,
            "{id}: a report for every other rendition"
        );
        assert!(playlist.all().all(|segment| segment.date.is_some()), "{id}");
        assert!(playlist.hint.is_some(), "{id}");
    }
    let parts: Vec<_> =
        video(&rig).all().filter(|segment| !segment.gap).flat_map(|segment| &segment.parts).collect();
    assert!(parts.iter().any(|part| part.independent) && !parts.iter().all(|part| part.independent));
    assert!(video(&rig).all().filter(|segment| !segment.gap).all(|segment| segment.parts[0].independent));
}

#[test]
fn trap_36_the_multivariant_playlist_says_what_the_headers_say() {
    let (rig, _) = after(SECOND * 5, Config::default());
    let multivariant = rig.multivariant();
    let stream = multivariant.lines().find(|line| line.starts_with("#EXT-X-STREAM-INF")).unwrap();
    for attribute in
        ["CODECS=\"avc1.42c01e,mp4a.40.2\"", "RESOLUTION=1280x720", "FRAME-RATE=30.000", "VIDEO-RANGE=SDR"]
    {
        assert!(stream.contains(attribute), "{attribute}: {stream}");
    }
}

#[test]
fn what_a_viewer_may_not_see_is_neither_listed_nor_served() {
    let (rig, _) = after(SECOND * 5, Config::default());
    let ask = |path: &str, granted| {
        rig.window.answer(rig.now.instant, &Request::parse(path, None, rig.now.instant).granted(granted))
    };
    let multivariant = |granted| {
        let request = Request::multivariant("-", rig.now.instant).granted(granted);
        rig.window.answer(rig.now.instant, &request)
    };
    let (video, audio) = (RenditionId::Video, RenditionId::Audio(0));
    for (granted, other) in [(video, audio), (audio, video)] {
        let only = Renditions::of([granted]);
        let reply = multivariant(only);
        let listed = String::from_utf8(text(&reply).identity().to_vec()).unwrap();
        assert!(listed.contains(&format!("-/{granted}/index.m3u8")), "{listed}");
        assert!(!listed.contains(&other.to_string()), "{listed}");
        let reply = ask(&format!("{granted}/index.m3u8"), only);
        let playlist = String::from_utf8(text(&reply).identity().to_vec()).unwrap();
        assert!(!playlist.contains("RENDITION-REPORT"), "{playlist}");
        let segment = playlist.lines().rfind(|line| line.contains("-s") && !line.contains(':')).unwrap();
        for path in ["index.m3u8", "l1-i1.mp4", segment] {
            let path = format!("{other}/{path}");
            assert!(matches!(ask(&path, Renditions::ALL), Reply::Ready(_)), "{path}");
            assert!(matches!(ask(&path, only), Reply::NotFound(Missing::Unknown)), "{path}");
        }
    }
    assert!(matches!(multivariant(Renditions::NONE), Reply::NotFound(Missing::Unknown)));
    // Nothing of that is in what everybody gets.
    let reply = ask(VIDEO, Renditions::of([video, audio]));
    let Reply::Ready(all) = rig.answer(VIDEO, None) else { panic!("it is there") };
    assert!(matches!(all.body, Body::Text(all) if Arc::ptr_eq(&all, text(&reply))));
    assert!(rig.multivariant().contains("audio0"));
}

#[test]
fn trap_41_segments_stay_for_three_target_durations_after_they_left() {
    let mut config = Config::default();
    config.window_s = 12;
    let encoder = Encoder::usual();
    let sent = encoder.send(SECOND * 60);
    let mut rig = Rig::new(config);
    rig.announce(&encoder);
    rig.tracks(&encoder);
    rig.play(between(&sent, Duration::ZERO, SECOND * 5), SECOND * 5);
    let first = video(&rig).segments.iter().find(|segment| !segment.gap).unwrap().clone();
    let path = format!("video/{}", first.uri);
    let mut left_at = None;
    for second in 5..60 {
        rig.play(between(&sent, SECOND * second, SECOND * (second + 1)), SECOND);
        let listed = video(&rig).segments.iter().any(|segment| segment.sequence == first.sequence);
        if !listed {
            left_at.get_or_insert(rig.seconds());
        }
        if left_at.is_none_or(|left_at| rig.seconds() - left_at < 11.0) {
            assert!(matches!(rig.answer(&path, None), Reply::Ready(_)), "gone at {} s", rig.seconds());
        }
    }
    assert!(left_at.is_some());
    assert!(matches!(rig.answer(&path, None), Reply::NotFound(Missing::Unknown)));
}
