//! Reading playlists: as much as a viewer at the live edge needs.
//!
//! A viewer reads ten playlists a second, and thousands of viewers share the load tool's core. So only what comes after the last part
//! that the viewer knows is read, from the playlist's end backwards.

use anyhow::{Context, ensure};

/// Where a part is: media sequence number of its segment, and index in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Media sequence number.
    pub segment: u64,
    /// Part index.
    pub part: u64,
}

/// A part that is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Where it is.
    pub at: Position,
    /// Its URI, relative to the playlist.
    pub uri: String,
    /// In seconds.
    pub duration_s: f64,
    /// There is no media.
    pub gap: bool,
}

/// Follows a media playlist.
#[derive(Clone, Debug, Default)]
pub struct Follower {
    next: Position,
    /// The last part that was listed: what comes after it is news.
    last: Option<(String, Position)>,
    hint: Option<String>,
}

impl Follower {
    /// The query of the blocking reload that brings the next part.
    pub fn query(&self) -> String {
        format!("_HLS_msn={}&_HLS_part={}&_HLS_skip=YES", self.next.segment, self.next.part)
    }

    /// Where the next part will be.
    pub fn next(&self) -> Position {
        self.next
    }

    /// The URI of the next part, if the playlist tells.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The parts that were not there before; all of them at first.
    ///
    /// # Errors
    /// When it is no media playlist.
    pub fn read(&mut self, playlist: &[u8]) -> anyhow::Result<Vec<Part>> {
        let text = std::str::from_utf8(playlist)?;
        let known = self.last.as_ref();
        let news = known.and_then(|(uri, at)| Some((after_line_with(text, uri)?, at)));
        let lines = match news {
            Some((news, at)) => {
                self.next = Position { part: at.part + 1, ..*at };
                news
            }
            None => {
                self.next = Position { segment: first_sequence(text)?, part: 0 };
                text
            }
        };
        self.hint = None;
        let mut parts = Vec::new();
        for line in lines.lines() {
            if let Some(attributes) = line.strip_prefix("#EXT-X-PART:") {
                let uri = attribute(attributes, "URI").context("a part without URI")?.to_owned();
                let duration_s = attribute(attributes, "DURATION").context("no duration")?.parse()?;
                let gap = attribute(attributes, "GAP") == Some("YES");
                parts.push(Part { at: self.next, uri, duration_s, gap });
                self.next.part += 1;
            } else if let Some(attributes) = line.strip_prefix("#EXT-X-PRELOAD-HINT:") {
                self.hint = attribute(attributes, "URI").map(str::to_owned);
            } else if !line.is_empty() && !line.starts_with('#') {
                self.next = Position { segment: self.next.segment + 1, part: 0 };
            }
        }
        if let Some(last) = parts.last() {
            self.last = Some((last.uri.clone(), last.at));
        }
        Ok(parts)
    }
}

/// What follows the last line that names `uri`.
fn after_line_with<'a>(text: &'a str, uri: &str) -> Option<&'a str> {
    let mut end = text.len();
    while end > 0 {
        let start = text.get(..end - 1)?.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(start..end)?;
        if line.starts_with("#EXT-X-PART:") && line.contains(uri) {
            return text.get(end..);
        }
        end = start;
    }
    None
}

/// The media sequence number of the first segment that is listed: those that a delta update skips come before.
fn first_sequence(text: &str) -> anyhow::Result<u64> {
    ensure!(text.starts_with("#EXTM3U"), "no playlist");
    let value = |tag: &str| text.lines().find_map(|line| line.strip_prefix(tag));
    let sequence: u64 = value("#EXT-X-MEDIA-SEQUENCE:").map_or(Ok(0), str::parse)?;
    let skipped = value("#EXT-X-SKIP:").and_then(|attributes| attribute(attributes, "SKIPPED-SEGMENTS"));
    Ok(sequence + skipped.map_or(Ok(0), str::parse)?)
}

/// What a multivariant playlist leads to: its first variant, and its first audio rendition.
///
/// # Errors
/// When it has no variant.
pub fn renditions(playlist: &[u8]) -> anyhow::Result<Vec<String>> {
    let text = std::str::from_utf8(playlist)?;
    let mut lines = text.lines().skip_while(|line| !line.starts_with("#EXT-X-STREAM-INF"));
    let variant = lines.find(|line| !line.is_empty() && !line.starts_with('#')).context("no variant")?;
    let audio = text.lines().find_map(|line| {
        let attributes = line.strip_prefix("#EXT-X-MEDIA:")?;
        attributes.contains("TYPE=AUDIO").then(|| attribute(attributes, "URI"))?
    });
    Ok([Some(variant), audio].into_iter().flatten().map(str::to_owned).collect())
}

/// A value of an attribute list (RFC 8216bis §4.2), without its quotes.
pub fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = attributes;
    loop {
        let (found, value) = rest.split_once('=')?;
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_once(',').map_or((value, ""), |(value, after)| (value, after)),
        };
        if found == name {
            return Some(value);
        }
        rest = after.trim_start_matches(',');
    }
}

/// `uri` as seen from the playlist at `base`, both being paths.
pub fn resolve(base: &str, uri: &str) -> String {
    if uri.starts_with('/') {
        return uri.to_owned();
    }
    let base = base.split('?').next().unwrap_or_default();
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{uri}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:2,\ns7.m4s\n#EXT-X-PART:DURATION=0.2,URI=\"p0.m4s\"\n\
        #EXT-X-PART:DURATION=0.2,URI=\"p1.m4s\",INDEPENDENT=YES\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p2.m4s\"\n";
    const LATER: &str = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n#EXT-X-PART:DURATION=0.2,URI=\"p0.m4s\"\n\
        #EXT-X-PART:DURATION=0.2,URI=\"p1.m4s\"\n#EXT-X-PART:DURATION=0.2,URI=\"p2.m4s\"\n#EXTINF:0.6,\ns8.m4s\n\
        #EXT-X-PART:DURATION=0.2,URI=\"p3.m4s\",GAP=YES\n";

    #[test]
    fn a_follower_finds_what_is_new_and_where_the_next_part_will_be() {
        let mut follower = Follower::default();
        assert_eq!(follower.read(FIRST.as_bytes()).unwrap().len(), 2);
        assert_eq!((follower.next(), follower.hint()), (Position { segment: 8, part: 2 }, Some("p2.m4s")));
        assert_eq!(follower.query(), "_HLS_msn=8&_HLS_part=2&_HLS_skip=YES");
        let parts = follower.read(LATER.as_bytes()).unwrap();
        let found: Vec<_> =
            parts.iter().map(|part| (part.at.segment, part.at.part, part.uri.as_str(), part.gap)).collect();
        assert_eq!(found, [(8, 2, "p2.m4s", false), (9, 0, "p3.m4s", true)]);
        assert_eq!(follower.next(), Position { segment: 9, part: 1 });
        // A segment that ends without a further part is counted once, however often the playlist is read.
        let ended = format!("{LATER}#EXTINF:0.2,\ns9.m4s\n");
        for _ in 0..2 {
            assert_eq!(follower.read(ended.as_bytes()).unwrap(), []);
            assert_eq!(follower.next(), Position { segment: 10, part: 0 });
        }
        // One who has missed everything reads from the front, past what was skipped.
        let mut stranger =
            Follower { last: Some(("p.m4s".into(), Position::default())), ..Follower::default() };
        stranger.read(LATER.as_bytes()).unwrap();
        assert_eq!(stranger.next(), Position { segment: 9, part: 1 });
    }

    #[test]
    fn attributes_and_addresses() {
        let line = "TYPE=AUDIO,NAME=\"a,URI=b\",URI=\"x/y.m3u8\",N=1";
        assert_eq!(attribute(line, "URI"), Some("x/y.m3u8"));
        assert_eq!(attribute(line, "N"), Some("1"));
        assert_eq!(attribute(line, "M"), None);
        assert_eq!(resolve("/hls/a/index.m3u8?b=/c", "d/e"), "/hls/a/d/e");
        assert_eq!(resolve("/hls/a/index.m3u8", "/e"), "/e");
    }
}
