//! A media playlist as a reader sees it. Written from RFC 8216bis alone; it shares nothing with the renderer.

use std::collections::HashMap;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Playlist {
    pub(crate) version: u32,
    pub(crate) target_duration: u64,
    pub(crate) part_target: Option<f64>,
    pub(crate) server_control: HashMap<String, String>,
    pub(crate) media_sequence: u64,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) independent_segments: bool,
    pub(crate) skipped: u64,
    pub(crate) segments: Vec<Segment>,
    /// The segment in the making.
    pub(crate) open: Option<Segment>,
    pub(crate) hint: Option<String>,
    pub(crate) reports: Vec<HashMap<String, String>>,
    pub(crate) ended: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Segment {
    pub(crate) sequence: u64,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) discontinuity: bool,
    pub(crate) map: Option<String>,
    /// Milliseconds since 1970.
    pub(crate) date: Option<i64>,
    pub(crate) gap: bool,
    pub(crate) duration: f64,
    pub(crate) uri: String,
    pub(crate) parts: Vec<Part>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Part {
    pub(crate) uri: String,
    pub(crate) duration: f64,
    pub(crate) independent: bool,
    pub(crate) gap: bool,
}

impl Playlist {
    pub(crate) fn last_sequence(&self) -> Option<u64> {
        self.segments.last().map(|segment| segment.sequence)
    }

    /// All segments, the one in the making too.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().chain(&self.open)
    }

    /// The date at which the last complete segment ends, in milliseconds since 1970.
    pub(crate) fn end_ms(&self) -> i64 {
        let end = |last: &Segment| last.date.unwrap() + (last.duration * 1e3) as i64;
        self.segments.last().map_or(0, end)
    }

    pub(crate) fn duration(&self) -> f64 {
        self.segments.iter().map(|segment| segment.duration).sum()
    }
}

pub(crate) fn parse(text: &str) -> Playlist {
    assert!(text.starts_with("#EXTM3U\n"), "{text}");
    assert!(text.ends_with('\n'));
    let mut playlist = Playlist::default();
    let mut open = Segment::default();
    let (mut touched, mut map, mut discontinuities) = (false, None, 0);
    for line in text.lines().skip(1) {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-VERSION" => playlist.version = value.parse().unwrap(),
            "#EXT-X-TARGETDURATION" => playlist.target_duration = value.parse().unwrap(),
            "#EXT-X-SERVER-CONTROL" => playlist.server_control = attributes(value),
            "#EXT-X-PART-INF" => {
                playlist.part_target = Some(attributes(value)["PART-TARGET"].parse().unwrap());
            }
            "#EXT-X-MEDIA-SEQUENCE" => playlist.media_sequence = value.parse().unwrap(),
            "#EXT-X-DISCONTINUITY-SEQUENCE" => playlist.discontinuity_sequence = value.parse().unwrap(),
            "#EXT-X-INDEPENDENT-SEGMENTS" => playlist.independent_segments = true,
            "#EXT-X-SKIP" => playlist.skipped = attributes(value)["SKIPPED-SEGMENTS"].parse().unwrap(),
            "#EXT-X-DISCONTINUITY" => {
                assert!(!open.discontinuity && open.parts.is_empty());
                open.discontinuity = true;
                discontinuities += 1;
                touched = true;
            }
            "#EXT-X-MAP" => {
                assert!(open.parts.is_empty());
                map = Some(attributes(value)["URI"].clone());
                touched = true;
            }
            "#EXT-X-PROGRAM-DATE-TIME" => {
                assert!(open.parts.is_empty());
                open.date = Some(date(value));
                touched = true;
            }
            "#EXT-X-GAP" => open.gap = true,
            "#EXT-X-PART" => {
                open.parts.push(part(&attributes(value)));
                touched = true;
            }
            "#EXTINF" => open.duration = value.strip_suffix(',').unwrap().parse().unwrap(),
            "#EXT-X-PRELOAD-HINT" => {
                let hint = attributes(value);
                assert_eq!(hint["TYPE"], "PART");
                assert!(playlist.hint.replace(hint["URI"].clone()).is_none());
            }
            "#EXT-X-RENDITION-REPORT" => playlist.reports.push(attributes(value)),
            "#EXT-X-ENDLIST" => playlist.ended = true,
            _ if line.starts_with('#') => panic!("unknown tag {line}"),
            _ => {
                open.uri = line.to_owned();
                let done = finish(&playlist, std::mem::take(&mut open), &map, discontinuities);
                playlist.segments.push(done);
                touched = false;
            }
        }
    }
    if touched {
        assert!(!open.parts.is_empty(), "segment tags without a segment or part:\n{text}");
        playlist.open = Some(finish(&playlist, open, &map, discontinuities));
    }
    playlist
}

fn finish(playlist: &Playlist, mut segment: Segment, map: &Option<String>, discontinuities: u64) -> Segment {
    segment.sequence = playlist.media_sequence + playlist.skipped + playlist.segments.len() as u64;
    segment.discontinuity_sequence = playlist.discontinuity_sequence + discontinuities;
    segment.map = map.clone();
    segment
}

fn part(attributes: &HashMap<String, String>) -> Part {
    let flag = |name: &str| match attributes.get(name).map(String::as_str) {
        None => false,
        Some("YES") => true,
        Some(other) => panic!("{name}={other}"),
    };
    Part {
        uri: attributes["URI"].clone(),
        duration: attributes["DURATION"].parse().unwrap(),
        independent: flag("INDEPENDENT"),
        gap: flag("GAP"),
    }
}

pub(crate) fn attributes(mut text: &str) -> HashMap<String, String> {
    let mut attributes = HashMap::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once('=').unwrap();
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (value, rest) = quoted.split_once('"').unwrap();
                (value, rest.strip_prefix(',').unwrap_or(rest))
            }
            None => rest.split_once(',').unwrap_or((rest, "")),
        };
        assert!(attributes.insert(name.to_owned(), value.to_owned()).is_none(), "{name} twice");
        text = rest;
    }
    attributes
}

/// `YYYY-MM-DDThh:mm:ss.SSSZ` in milliseconds since 1970, by counting days.
fn date(text: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap();
    assert_eq!(text.len(), 24);
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let mut days: i64 = (1970..year).map(|year| 365 + i64::from(leap(year))).sum();
    let months = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    days += months[..month as usize - 1].iter().sum::<i64>() + day - 1;
    ((days * 24 + number(11..13)) * 60 + number(14..16)) * 60_000 + number(17..19) * 1_000 + number(20..23)
}
