//! Follows one media playlist as a low-latency player does: blocking reloads, delta updates, every part as it appears.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::http::{Answer, Client};
use super::playback::{Piece, Playback};
use super::playlist::{self, Media, Segment};

/// Before another try after a failure.
const PAUSE: Duration = Duration::from_millis(250);

/// EXTINF and part durations are written with a few decimals.
const ROUNDING_SECONDS: f64 = 0.000_6;

/// A part below this share of the target must have a reason (RFC 8216bis §4.4.4.9).
const SHORTEST_PART: f64 = 0.85;

/// What is to be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    /// The variant's own playlist.
    Video,
    /// The audio rendition with this index. A decoder can start at any of its parts.
    Audio(usize),
}

/// The place of the piece that is wanted next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    msn: u64,
    part: usize,
}

/// One run along a playlist.
pub(crate) struct Follower<'a> {
    pub(crate) client: Client,
    pub(crate) multivariant_url: String,
    pub(crate) follow: Follow,
    pub(crate) stop: &'a AtomicBool,
    pub(crate) playback: &'a Mutex<Playback>,
    /// The contents each name has named.
    names: HashMap<String, (u64, Option<usize>)>,
}

/// One stay in a session: from the multivariant playlist to the first failure.
struct Session {
    url: String,
    last: Option<Media>,
    map: Option<String>,
    cursor: Option<Cursor>,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(
        client: Client,
        multivariant_url: String,
        follow: Follow,
        stop: &'a AtomicBool,
        playback: &'a Mutex<Playback>,
    ) -> Self {
        Self { client, multivariant_url, follow, stop, playback, names: HashMap::new() }
    }

    /// Plays until stopped or until the playlist ends; comes back after failures, as a page does.
    pub(crate) fn run(&mut self) {
        while !self.stopped() {
            if let Err(failure) = self.session() {
                self.record(|playback| playback.interruptions.push(failure));
                thread::sleep(PAUSE);
            } else {
                return;
            }
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn record(&self, change: impl FnOnce(&mut Playback)) {
        change(&mut self.playback.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn violation(&self, what: String) {
        self.record(|playback| playback.violations.push(what));
    }

    fn session(&mut self) -> Result<(), String> {
        let text = self.fetch(&self.multivariant_url)?.text();
        let multivariant = playlist::multivariant(&text)?;
        let uri = match self.follow {
            Follow::Video => &multivariant.variant_uri,
            Follow::Audio(index) => {
                let rendition = multivariant.audio.get(index);
                &rendition.ok_or_else(|| format!("no audio rendition {index} in {text}"))?.1
            }
        };
        let url = resolve(&self.multivariant_url, uri);
        let mut session = Session { url, last: None, map: None, cursor: None };
        while !self.stopped() {
            let media = self.reload(&mut session)?;
            self.take(&mut session, &media)?;
            if media.ended {
                self.record(|playback| playback.ended = true);
                return Ok(());
            }
            session.last = Some(media);
        }
        Ok(())
    }

    /// Fetches the playlist; from the second time on it asks for the piece it wants next, and for a delta.
    fn reload(&self, session: &mut Session) -> Result<Media, String> {
        let mut url = session.url.clone();
        if let (Some(cursor), Some(last)) = (session.cursor, &session.last) {
            if last.can_block_reload {
                url.push_str(&format!("?_HLS_msn={}&_HLS_part={}", cursor.msn, cursor.part));
                if last.can_skip_until.is_some() {
                    url.push_str("&_HLS_skip=YES");
                }
            } else {
                thread::sleep(PAUSE);
            }
        }
        let media = playlist::media(&self.fetch(&url)?.text())?;
        for problem in problems(session.last.as_ref(), &media) {
            self.violation(format!("{url}: {problem}"));
        }
        self.record(|playback| {
            if playback.target_duration != 0 && playback.target_duration != media.target_duration {
                playback.violations.push(format!(
                    "EXT-X-TARGETDURATION went from {} to {}",
                    playback.target_duration, media.target_duration
                ));
            }
            playback.target_duration = media.target_duration;
            playback.part_target = media.part_target.unwrap_or_default();
            playback.hold_back = media.part_hold_back.unwrap_or_default();
        });
        Ok(media)
    }

    /// Takes everything that is new since the cursor.
    fn take(&mut self, session: &mut Session, media: &Media) -> Result<(), String> {
        let mut cursor = session.cursor.unwrap_or_else(|| start(media));
        for segment in media.all() {
            let map = segment.map.as_ref().or(session.map.as_ref()).cloned();
            if map != session.map {
                let init = self.fetch(&resolve(&session.url, map.as_deref().unwrap_or_default()))?.body;
                self.record(|playback| playback.inits.push(init));
                session.map = map;
            }
            let finished = segment.msn < media.edge_msn();
            if segment.msn < cursor.msn {
                continue;
            }
            if segment.msn > cursor.msn {
                cursor = Cursor { msn: segment.msn, part: 0 };
            }
            cursor = self.take_segment(session, segment, cursor, finished)?;
        }
        session.cursor = Some(cursor);
        Ok(())
    }

    fn take_segment(
        &mut self,
        session: &Session,
        segment: &Segment,
        mut cursor: Cursor,
        finished: bool,
    ) -> Result<Cursor, String> {
        if finished && segment.parts.is_empty() {
            if cursor.part == 0 {
                let (independent, gap) = (true, segment.gap);
                self.piece(session, segment, None, &segment.uri, segment.duration, independent, gap)?;
            }
            return Ok(Cursor { msn: segment.msn + 1, part: 0 });
        }
        for (index, part) in segment.parts.iter().enumerate().skip(cursor.part) {
            let gap = part.gap || segment.gap;
            self.piece(session, segment, Some(index), &part.uri, part.duration, part.independent, gap)?;
            cursor.part = index + 1;
            if self.stopped() {
                break;
            }
        }
        Ok(if finished { Cursor { msn: segment.msn + 1, part: 0 } } else { cursor })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a piece has this many properties, and this is the only caller's form"
    )]
    fn piece(
        &mut self,
        session: &Session,
        segment: &Segment,
        part: Option<usize>,
        uri: &str,
        duration: f64,
        independent: bool,
        gap: bool,
    ) -> Result<(), String> {
        let place = (segment.msn, part);
        let url = resolve(&session.url, uri);
        // A gap's URI is never fetched, and need not name anything.
        if !gap
            && let Some(before) = self.names.insert(without_session(&url), place)
            && before != place
        {
            self.violation(format!("{uri} named {before:?} and now {place:?}"));
        }
        let data = if gap { Vec::new() } else { self.fetch(&url)?.body };
        let at = Instant::now();
        let independent = independent || self.follow != Follow::Video;
        let discontinuity = segment.discontinuity && part.is_none_or(|index| index == 0);
        self.record(|playback| {
            let init = playback.inits.len().saturating_sub(1);
            playback.pieces.push(Piece {
                at,
                msn: segment.msn,
                part,
                uri: url,
                duration,
                independent,
                gap,
                discontinuity,
                init,
                data,
            });
        });
        Ok(())
    }

    fn fetch(&self, url: &str) -> Result<Answer, String> {
        let answer = self.client.try_get(url)?;
        if answer.status == 200 {
            Ok(answer)
        } else {
            Err(format!("GET {url}: {} {}", answer.status, answer.problem_code()))
        }
    }
}

/// PART-HOLD-BACK from the live edge, as a player that wants low latency starts.
fn start(media: &Media) -> Cursor {
    let mut left = media.part_hold_back.unwrap_or_default();
    for segment in media.all().rev() {
        for (index, part) in segment.parts.iter().enumerate().rev() {
            left -= part.duration;
            if left <= 0.0 {
                return Cursor { msn: segment.msn, part: index };
            }
        }
        if segment.parts.is_empty() {
            return Cursor { msn: segment.msn, part: 0 };
        }
    }
    Cursor { msn: media.media_sequence + media.skipped, part: 0 }
}

/// What RFC 8216bis forbids, in one playlist or from one to the next.
fn problems(last: Option<&Media>, media: &Media) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(last) = last {
        if media.media_sequence < last.media_sequence {
            problems.push(format!(
                "EXT-X-MEDIA-SEQUENCE went back from {} to {}",
                last.media_sequence, media.media_sequence
            ));
        }
        if media.discontinuity_sequence < last.discontinuity_sequence {
            problems.push("EXT-X-DISCONTINUITY-SEQUENCE went back".to_owned());
        }
        if media.part_target != last.part_target {
            problems.push(format!("PART-TARGET went from {:?} to {:?}", last.part_target, media.part_target));
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "target durations are a few seconds")]
    let target = media.target_duration as f64;
    for segment in &media.segments {
        if segment.duration.round() > target {
            problems.push(format!("EXTINF {} above the target {target}", segment.duration));
        }
    }
    let part_target = media.part_target.unwrap_or(f64::MAX);
    for segment in media.all() {
        for (index, part) in segment.parts.iter().enumerate() {
            if part.duration > part_target + ROUNDING_SECONDS {
                problems.push(format!("part of {} s above the target {part_target}", part.duration));
            }
            // The last one of its segment, or one before a gap, is as long as it is.
            let cut_off = segment.parts.get(index + 1).is_none_or(|next| next.gap);
            let excused = part.independent || part.gap || cut_off;
            if !excused && part.duration < part_target * SHORTEST_PART - ROUNDING_SECONDS {
                problems
                    .push(format!("part {index} of {} has {} s for no reason", segment.msn, part.duration));
            }
        }
    }
    problems
}

/// A reference without a scheme, as the server writes them, against the playlist's address.
fn resolve(base: &str, uri: &str) -> String {
    if uri.contains("://") {
        return uri.to_owned();
    }
    let origin_end = base.find("://").map_or(0, |scheme| scheme + 3);
    let path_start = base[origin_end..].find('/').map_or(base.len(), |slash| origin_end + slash);
    let base = base.split('?').next().unwrap_or_default();
    if uri.starts_with('/') {
        return format!("{}{uri}", &base[..path_start]);
    }
    let folder = base.rfind('/').map_or(base, |slash| &base[..=slash]);
    let mut resolved: Vec<&str> = folder.trim_end_matches('/').split('/').collect();
    for step in uri.split('/') {
        match step {
            "." => {}
            ".." => drop(resolved.pop()),
            step => resolved.push(step),
        }
    }
    resolved.join("/")
}

/// The address with the session taken out: a rejoining viewer sees the same content under another session.
fn without_session(url: &str) -> String {
    let mut steps: Vec<&str> = url.split('/').collect();
    if let Some(hls) = steps.iter().position(|step| *step == "hls")
        && steps.len() > hls + 2
    {
        steps.remove(hls + 2);
    }
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_resolve_against_the_playlist() {
        let base = "http://h:1/hls/a/index.m3u8?x=/y";
        assert_eq!(resolve(base, "s/v0/index.m3u8"), "http://h:1/hls/a/s/v0/index.m3u8");
        assert_eq!(resolve(base, "../b/i.m3u8"), "http://h:1/hls/b/i.m3u8");
        assert_eq!(resolve(base, "/c"), "http://h:1/c");
        assert_eq!(without_session("http://h:1/hls/a/s/v0/1.m4s"), "http://h:1/hls/a/v0/1.m4s");
    }

    #[test]
    fn a_player_starts_part_hold_back_from_the_edge() {
        let media = playlist::media(
            "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-PART-INF:PART-TARGET=0.2\n\
             #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.6\n#EXT-X-MEDIA-SEQUENCE:3\n\
             #EXT-X-PART:DURATION=0.2,URI=\"a\"\n#EXT-X-PART:DURATION=0.2,URI=\"b\"\n#EXTINF:0.4,\ns\n\
             #EXT-X-PART:DURATION=0.2,URI=\"c\"\n#EXT-X-PART:DURATION=0.2,URI=\"d\"\n",
        )
        .unwrap();
        assert_eq!(start(&media), Cursor { msn: 3, part: 1 });
        assert!(problems(None, &media).is_empty());
    }

    #[test]
    fn what_the_specification_forbids_is_seen() {
        let read = |text: &str| playlist::media(text).unwrap();
        let head =
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF:PART-TARGET=0.2\n#EXT-X-MEDIA-SEQUENCE:";
        let long = read(&format!("{head}9\n#EXTINF:2.6,\ns\n"));
        assert_eq!(problems(None, &long).len(), 1);
        let short = read(&format!(
            "{head}8\n#EXT-X-PART:DURATION=0.1,URI=\"a\"\n#EXT-X-PART:DURATION=0.3,URI=\"b\"\n"
        ));
        assert_eq!(problems(Some(&long), &short).len(), 3, "{:?}", problems(Some(&long), &short));
    }
}
