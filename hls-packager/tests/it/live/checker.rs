//! What every media playlist and every update of it has to satisfy, by RFC 8216bis.

use std::collections::BTreeMap;

use super::playlist::{Playlist, Segment, parse};

/// The rounding of a duration in a playlist, in seconds.
const ROUNDING: f64 = 0.000_01;

/// Follows one rendition's playlist through a life.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    name: String,
    before: Option<Playlist>,
    /// Every segment that was ever listed.
    pub(crate) seen: BTreeMap<u64, Segment>,
    longest: f64,
    pub(crate) versions: u64,
}

impl Checker {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// A new version of the playlist, and its delta update.
    pub(crate) fn check(&mut self, text: &str, delta: &str) -> Playlist {
        let playlist = parse(text);
        let context = format!("{}:\n{text}", self.name);
        // They are slow; a form that only they refuse comes more than once.
        if self.versions.is_multiple_of(40) {
            independent_reader(text);
            independent_reader(delta);
        }
        alone(&playlist, &context);
        self.check_delta(&playlist, delta, &context);
        if let Some(before) = self.before.take() {
            follows(&before, &playlist, &context);
        }
        for segment in &playlist.segments {
            let known = self.seen.entry(segment.sequence).or_insert_with(|| segment.clone());
            assert!(same(known, segment), "segment {} changed: {known:?}\n{context}", segment.sequence);
        }
        self.longest = self.longest.max(playlist.duration());
        self.versions += 1;
        self.before = Some(playlist.clone());
        playlist
    }

    fn check_delta(&self, whole: &Playlist, delta: &str, context: &str) {
        let delta_text = delta;
        let delta = parse(delta);
        if delta.skipped == 0 {
            assert_eq!(&delta, whole, "{context}");
        } else {
            assert_eq!(delta.version, 9, "EXT-X-SKIP needs version 9");
        }
        let boundary: f64 = match whole.server_control.get("CAN-SKIP-UNTIL") {
            Some(boundary) => boundary.parse().unwrap(),
            None => {
                assert_eq!(delta.skipped, 0);
                return;
            }
        };
        let skipped = delta.skipped as usize;
        let after =
            |index: usize| whole.segments[index + 1..].iter().map(|segment| segment.duration).sum::<f64>();
        if skipped > 0 {
            assert!(after(skipped - 1) > boundary - ROUNDING, "skipped too much\n{delta_text}\n{context}");
        }
        if skipped < whole.segments.len() && !whole.ended {
            assert!(after(skipped) <= boundary + ROUNDING, "skipped too little\n{delta_text}\n{context}");
        }
        // A client puts the delta behind what it knows.
        let discontinuities =
            whole.segments[..skipped].iter().filter(|segment| segment.discontinuity).count();
        let map = skipped.checked_sub(1).and_then(|last| whole.segments[last].map.clone());
        let rebuilt: Vec<Segment> = whole.segments[..skipped]
            .iter()
            .cloned()
            .chain(delta.segments.iter().cloned().map(|mut segment| {
                segment.discontinuity_sequence += discontinuities as u64;
                segment.map = segment.map.or(map.clone());
                segment
            }))
            .collect();
        assert_eq!(rebuilt, whole.segments, "{delta_text}\n{context}");
        assert_eq!((&delta.hint, &delta.reports), (&whole.hint, &whole.reports));
        assert_eq!(delta.open.map(|open| open.parts), whole.open.clone().map(|open| open.parts));
    }
}

/// The independent readers take it.
fn independent_reader(text: &str) {
    let options = quick_m3u8::config::ParsingOptionsBuilder::new().with_parsing_for_all_tags().build();
    let mut reader = quick_m3u8::Reader::from_str(text, options);
    let mut lines = 0;
    while let Some(line) = reader.read_line().unwrap_or_else(|error| panic!("{error:?}\n{text}")) {
        assert!(!matches!(line, quick_m3u8::HlsLine::UnknownTag(_)), "{line:?}");
        lines += 1;
    }
    assert!(lines > 5);
    if !text.contains("#EXT-X-SKIP") && text.contains("#EXTINF") {
        m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
}

/// What one playlist has to satisfy.
fn alone(playlist: &Playlist, context: &str) {
    let target = playlist.target_duration as f64;
    assert!(playlist.target_duration >= 1);
    assert!(playlist.media_sequence >= 1, "hls.js does not block while its last sequence number is 0");
    assert!(!playlist.segments.is_empty(), "hls.js takes this for an error\n{context}");
    let control = |name: &str| playlist.server_control.get(name).map(|value| value.parse::<f64>().unwrap());
    assert!(control("HOLD-BACK").unwrap() >= 3.0 * target);
    if let Some(skip) = control("CAN-SKIP-UNTIL") {
        assert!(skip >= 6.0 * target);
    }
    match playlist.part_target {
        Some(part_target) => {
            assert!(control("PART-HOLD-BACK").unwrap() >= 3.0 * part_target - 1e-9);
            assert_eq!(playlist.server_control["CAN-BLOCK-RELOAD"], "YES");
            parts(playlist, part_target, context);
        }
        None => {
            assert!(playlist.all().all(|segment| segment.parts.is_empty()));
            assert!(playlist.open.is_none() && playlist.hint.is_none() && playlist.reports.is_empty());
        }
    }
    assert!(!playlist.ended || playlist.hint.is_none(), "no hint after the end\n{context}");
    let maps = playlist.all().any(|segment| segment.map.is_some());
    let needed = if playlist.skipped > 0 {
        9
    } else if maps {
        6
    } else {
        3
    };
    // A rendition that has had no media yet says already what its first init segment will need.
    assert!((needed..=needed.max(6)).contains(&playlist.version), "{context}");
    let mut uris = std::collections::HashSet::new();
    for segment in playlist.all() {
        assert!(segment.date.is_some(), "no date on {}\n{context}", segment.sequence);
        assert!(segment.duration.round() <= target, "{} is too long\n{context}", segment.duration);
        assert!(uris.insert(&segment.uri), "{} twice", segment.uri);
        for part in &segment.parts {
            assert!(uris.insert(&part.uri), "{} twice", part.uri);
        }
    }
    assert!(playlist.segments.iter().all(|segment| segment.duration > 0.0), "{context}");
    dates(playlist, context);
}

fn parts(playlist: &Playlist, part_target: f64, context: &str) {
    let all: Vec<&Segment> = playlist.all().collect();
    for (index, segment) in all.iter().enumerate() {
        let complete = index < playlist.segments.len();
        for (at, part) in segment.parts.iter().enumerate() {
            assert!(part.duration <= part_target + 1e-9, "part of {} s\n{context}", part.duration);
            let before_gap = segment.parts.get(at + 1).is_some_and(|next| next.gap);
            let last = at + 1 == segment.parts.len();
            // The last part of the segment in the making may turn out to be its last: the next version tells.
            let excepted = part.independent || part.gap || before_gap || last;
            assert!(
                excepted || part.duration >= 0.85 * part_target - ROUNDING,
                "part of {} s is under 85 %\n{context}",
                part.duration
            );
        }
        if complete && !segment.parts.is_empty() {
            let sum: f64 = segment.parts.iter().map(|part| part.duration).sum();
            let rounding = ROUNDING * (segment.parts.len() + 1) as f64;
            assert!((sum - segment.duration).abs() < rounding, "parts of {sum} s\n{context}");
            assert_eq!(segment.gap, segment.parts.iter().all(|part| part.gap), "{context}");
        }
    }
    let with_parts = all.iter().position(|segment| !segment.parts.is_empty()).unwrap_or(all.len());
    assert!(
        all[with_parts..].iter().all(|segment| !segment.parts.is_empty()),
        "parts leave in order\n{context}"
    );
    let from_end = |index: usize| {
        let open: f64 = playlist.open.iter().flat_map(|open| &open.parts).map(|part| part.duration).sum();
        all[index..].iter().map(|segment| segment.duration).sum::<f64>() + open
    };
    if with_parts < playlist.segments.len() {
        let reach = 3.0 * playlist.target_duration as f64;
        assert!(from_end(with_parts) <= reach + 0.001, "old parts are listed\n{context}");
    }
}

/// Dates go on without a step of a second or more, but at discontinuities, where they only go forward.
fn dates(playlist: &Playlist, context: &str) {
    let all: Vec<&Segment> = playlist.all().collect();
    for pair in all.windows(2) {
        let step = (pair[1].date.unwrap() - pair[0].date.unwrap()) as f64 / 1e3 - pair[0].duration;
        // A gap can be shorter than the millisecond that dates are written in.
        let stands = pair[0].duration < 0.001 && pair[1].date == pair[0].date;
        assert!(pair[1].date > pair[0].date || stands, "dates go back\n{context}");
        match pair[1].discontinuity {
            true => assert!(step > -0.002, "the date steps back by {step} s\n{context}"),
            false => assert!(step.abs() < 0.1, "the date steps by {step} s\n{context}"),
        }
    }
}

/// What a version has to satisfy beside the one before.
fn follows(before: &Playlist, now: &Playlist, context: &str) {
    assert_eq!(now.target_duration, before.target_duration, "{context}");
    assert_eq!(now.part_target, before.part_target, "{context}");
    assert_eq!(now.server_control, before.server_control, "{context}");
    assert!(now.media_sequence >= before.media_sequence, "media sequence went back\n{context}");
    assert!(now.discontinuity_sequence >= before.discontinuity_sequence);
    assert!(!before.ended || now.ended);
    assert!(now.independent_segments <= before.independent_segments);
    if let (Some(last), Some(first)) = (before.last_sequence(), now.segments.first()) {
        // Input that runs ahead of time can push out what nobody has seen: nothing but new media does.
        let came = (now.end_ms() - before.end_ms()) as f64 / 1e3;
        let pushed_out = came >= 3.0 * now.target_duration as f64;
        assert!(first.sequence <= last + 1 || pushed_out, "segments were left out\n{context}");
    }
    if now.media_sequence > before.media_sequence {
        let least = 3.0 * now.target_duration as f64 - ROUNDING * now.segments.len() as f64;
        assert!(now.duration() >= least, "too little is left\n{context}");
    }
    for segment in &now.segments {
        if let Some(known) = before.segments.iter().find(|known| known.sequence == segment.sequence) {
            assert!(same(known, segment), "{known:?}\n{context}");
        }
    }
    let Some(open) = &before.open else { return };
    let Some(later) = now.all().find(|segment| segment.sequence == open.sequence) else {
        assert!(now.media_sequence > open.sequence, "the open segment is gone\n{context}");
        return;
    };
    assert_eq!(
        (later.date, later.discontinuity, &later.map, later.discontinuity_sequence),
        (open.date, open.discontinuity, &open.map, open.discontinuity_sequence),
        "{context}"
    );
    if later.parts.is_empty() {
        // So much time has passed that its parts have left.
        return;
    }
    assert_eq!(later.parts[..open.parts.len()], open.parts[..], "parts only come\n{context}");
    if let Some(hint) = &before.hint {
        let next = later
            .parts
            .get(open.parts.len())
            .or_else(|| now.all().find(|segment| segment.sequence == open.sequence + 1)?.parts.first());
        if let Some(next) = next {
            assert_eq!(&next.uri, hint, "another part than the one hinted at\n{context}");
        }
    }
}

/// A segment does not change but for its parts, which leave.
fn same(a: &Segment, b: &Segment) -> bool {
    let bare = |segment: &Segment| Segment { parts: Vec::new(), ..segment.clone() };
    let (a_bare, b_bare) = (bare(a), bare(b));
    a_bare == b_bare && (a.parts == b.parts || a.parts.is_empty() || b.parts.is_empty())
}
