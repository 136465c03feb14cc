//! A packager and its window in virtual time, with a viewer who reads every version of every playlist.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use hls_packager::{
    Announced, Config, Event, Health, Journal, Now, Packager, Part, RenditionId, Reply, Request, Segment,
    Settled, Window,
};
use std::sync::Arc;

use super::boxes::fragments;
use super::checker::Checker;
use super::encoder::{Encoder, Sent};
use super::media::Media;
use super::playlist::Playlist;
use super::renditions::agree;

/// 2026-11-21T12:00:00Z.
const WALL: u64 = 1_795_262_400;

pub(crate) struct Rig {
    pub(crate) packager: Packager,
    pub(crate) window: Window,
    pub(crate) start: Now,
    pub(crate) now: Now,
    /// What is on disk.
    pub(crate) disk: Option<String>,
    pub(crate) settled: Option<Arc<Settled>>,
    pub(crate) health: Vec<Health>,
    pub(crate) parts: Vec<(Instant, Part)>,
    pub(crate) segments: Vec<(Instant, Segment)>,
    pub(crate) checkers: BTreeMap<RenditionId, Checker>,
    /// The newest playlists.
    pub(crate) playlists: BTreeMap<RenditionId, Playlist>,
    pub(crate) playable_at: Option<Instant>,
    /// Read playlists only at every so many changes.
    pub(crate) every: u64,
    pub(crate) journals: u64,
    /// Whether much media comes at once, so that a gap can come together with the media before it.
    pub(crate) bursts: bool,
    /// The wanted duration of parts: renditions begin their segments less than that apart.
    part_ms: i64,
    media: Media,
    changes: u64,
}

impl Rig {
    pub(crate) fn new(config: Config) -> Self {
        let start = Now::new(Instant::now(), SystemTime::UNIX_EPOCH + Duration::from_secs(WALL));
        Self::at(config, start, None)
    }

    fn at(config: Config, start: Now, disk: Option<String>) -> Self {
        let journal: Option<Journal> = disk.as_ref().map(|text| text.parse().unwrap());
        Self {
            bursts: false,
            part_ms: i64::from(config.part_ms.max(200)),
            packager: Packager::new(config, journal),
            window: Window::new(),
            start,
            now: start,
            disk,
            settled: None,
            health: Vec::new(),
            parts: Vec::new(),
            segments: Vec::new(),
            checkers: BTreeMap::new(),
            playlists: BTreeMap::new(),
            playable_at: None,
            every: 1,
            journals: 0,
            media: Media::default(),
            changes: 0,
        }
    }

    /// The process is killed, and another one begins `later`, with what was on disk. Viewers go on.
    pub(crate) fn killed(mut self, config: Config, later: Duration) -> Self {
        let now = self.now.after(later);
        let mut next = Self::at(config, now, self.disk.take());
        next.every = self.every;
        next
    }

    /// Seconds since the start.
    pub(crate) fn seconds(&self) -> f64 {
        (self.now.instant - self.start.instant).as_secs_f64()
    }

    pub(crate) fn tracks(&mut self, encoder: &Encoder) {
        self.packager.tracks(self.now, &encoder.tracks());
        self.drain();
    }

    pub(crate) fn announce(&mut self, encoder: &Encoder) {
        let announced = Announced {
            video: u8::from(encoder.picture.is_some()),
            audio: encoder.sounds.len() as u8,
            frame_rate: None,
        };
        self.packager.announce(self.now, announced);
        self.drain();
    }

    /// An encoder publishes for `span`, beginning now.
    pub(crate) fn publish(&mut self, encoder: &Encoder, span: Duration) {
        self.announce(encoder);
        self.tracks(encoder);
        self.play(encoder.send(span), span);
    }

    /// Frames come at their times; then time goes on until `span` is over.
    pub(crate) fn play(&mut self, sent: Vec<Sent>, span: Duration) {
        let from = self.now;
        for Sent { at, frame } in sent {
            self.sleep_until(from.instant + at);
            let frame_time = frame.dts;
            self.packager.frame(self.now, frame).unwrap_or_else(|error| panic!("{frame_time:?}: {error}"));
            self.drain();
        }
        self.sleep_until(from.instant + span);
    }

    pub(crate) fn sleep(&mut self, span: Duration) {
        self.sleep_until(self.now.instant + span);
    }

    fn sleep_until(&mut self, until: Instant) {
        while let Some(due) = self.packager.poll_timeout().filter(|due| *due <= until) {
            let wait = due.saturating_duration_since(self.now.instant);
            self.now = self.now.after(wait);
            self.packager.handle_timeout(self.now);
            let made = self.drain();
            assert!(
                made || self.packager.poll_timeout() != Some(due),
                "a timeout at {} s that does nothing",
                self.seconds()
            );
        }
        self.now = self.now.after(until.saturating_duration_since(self.now.instant));
    }

    pub(crate) fn pause(&mut self) {
        self.packager.pause(self.now);
        self.drain();
    }

    pub(crate) fn resume(&mut self) {
        self.packager.resume(self.now);
        self.drain();
    }

    pub(crate) fn discontinuity(&mut self) {
        self.packager.discontinuity(self.now);
        self.drain();
    }

    pub(crate) fn end(&mut self) {
        self.packager.end(self.now);
        self.drain();
        for id in self.playlists.keys().copied().collect::<Vec<_>>() {
            self.read_one(id);
        }
    }

    /// Takes what was made. Returns whether anything was.
    fn drain(&mut self) -> bool {
        let mut any = false;
        while let Some(event) = self.packager.poll_event() {
            any = true;
            self.take(&event);
            let changed = match &event {
                Event::Part(part) => Some(part.rendition),
                Event::Segment(segment) => Some(segment.rendition),
                _ => None,
            };
            self.window.apply(event);
            self.read(changed);
        }
        any
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Journal(journal) => {
                self.disk = Some(journal.to_string());
                self.journals += 1;
            }
            Event::Settled(settled) => {
                self.settled = Some(Arc::clone(settled));
                self.media = Media::of(settled);
                self.checkers.clear();
                self.playlists.clear();
            }
            Event::Added { rendition, .. } | Event::Changed(rendition) => {
                self.media.knows(rendition);
            }
            Event::Health(health) => self.health.push(health.clone()),
            Event::Part(part) => {
                let journal = self.journal();
                assert!(part.head.media_sequence < journal.media_sequence, "not reserved: {part:?}");
                assert!(part.number < journal.part_number, "not reserved: {part:?}");
                self.media.check(part);
                self.check_gap(part);
                self.parts.push((self.now.instant, part.clone()));
            }
            Event::Segment(segment) => {
                assert!(segment.head.media_sequence < self.journal().media_sequence, "not reserved");
                self.segments.push((self.now.instant, segment.clone()));
            }
            _ => {}
        }
    }

    /// hls.js never recovers from a gap part behind parts of media in one segment, if it knows of it when it loads those.
    fn check_gap(&self, part: &Part) {
        let before = self.parts.iter().rev().find(|(_, before)| before.rendition == part.rendition);
        let Some((at, before)) = before.filter(|_| part.data.is_none() && part.index > 0) else { return };
        let apart = self.now.instant - *at;
        assert!(
            self.bursts || before.data.is_none() || apart >= Duration::from_millis(100),
            "a gap {apart:?} after media at {} s: {part:?}",
            self.seconds()
        );
    }

    pub(crate) fn journal(&self) -> Journal {
        self.disk.as_ref().expect("a journal comes first").parse().unwrap()
    }

    /// Reads the playlist that changed, and now and then all of them.
    fn read(&mut self, changed: Option<RenditionId>) {
        if !self.window.is_playable() {
            return;
        }
        self.playable_at.get_or_insert(self.now.instant);
        self.changes += 1;
        if !self.changes.is_multiple_of(self.every) {
            return;
        }
        if let Some(id) = changed.filter(|_| !self.changes.is_multiple_of(8)) {
            self.read_one(id);
            return;
        }
        let Some(settled) = self.settled.clone() else { return };
        let mut ids: Vec<RenditionId> = settled.renditions.iter().map(|rendition| rendition.id).collect();
        ids.extend(
            self.checkers
                .keys()
                .copied()
                .filter(|id| !settled.renditions.iter().any(|rendition| rendition.id == *id)),
        );
        for id in ids {
            self.read_one(id);
        }
        agree(&self.playlists, self.part_ms + 25);
    }

    pub(crate) fn read_one(&mut self, id: RenditionId) {
        let text = self.text(&format!("{id}/index.m3u8"), None);
        let delta = self.text(&format!("{id}/index.m3u8"), Some("_HLS_skip=YES"));
        let checker = self.checkers.entry(id).or_insert_with(|| Checker::new(&id.to_string()));
        let playlist = checker.check(&text, &delta);
        self.fetch_all(id, &playlist);
        self.playlists.insert(id, playlist);
    }

    /// All that is listed and no gap can be fetched, and a segment is its parts.
    fn fetch_all(&self, id: RenditionId, playlist: &Playlist) {
        let newest = playlist.segments.len().saturating_sub(2);
        let oldest = playlist.segments.iter().take(1);
        for segment in oldest.chain(&playlist.segments[newest..]).chain(&playlist.open) {
            if let Some(map) = &segment.map {
                assert!(!self.bytes(id, map).unwrap().is_empty());
            }
            let mut of_parts = Vec::new();
            for part in &segment.parts {
                let bytes = self.bytes(id, &part.uri);
                assert_eq!(bytes.is_none(), part.gap, "{}", part.uri);
                of_parts.extend(bytes.unwrap_or_default());
            }
            if segment.uri.is_empty() {
                continue;
            }
            let whole = self.bytes(id, &segment.uri).unwrap_or_default();
            assert_eq!(whole.is_empty(), segment.gap, "{}", segment.uri);
            assert!(segment.parts.is_empty() || whole == of_parts, "{} is not its parts", segment.uri);
        }
    }

    pub(crate) fn answer(&self, path: &str, query: Option<&str>) -> Reply {
        self.window.answer(self.now.instant, &Request::parse(path, query, self.now.instant))
    }

    pub(crate) fn text(&self, path: &str, query: Option<&str>) -> String {
        match self.answer(path, query) {
            Reply::Ready(resource) => String::from_utf8(resource.body.pieces().concat()).unwrap(),
            other => panic!("{path}?{query:?}: {other:?}"),
        }
    }

    pub(crate) fn bytes(&self, id: RenditionId, name: &str) -> Option<Vec<u8>> {
        match self.answer(&format!("{id}/{name}"), None) {
            Reply::Ready(resource) => {
                let bytes = resource.body.pieces().concat();
                assert_eq!(bytes.len() as u64, resource.body.len());
                Some(bytes)
            }
            Reply::NotFound(_) => None,
            other => panic!("{name}: {other:?}"),
        }
    }

    pub(crate) fn multivariant(&self) -> String {
        match self.window.answer(self.now.instant, &Request::multivariant("-", self.now.instant)) {
            Reply::Ready(resource) => String::from_utf8(resource.body.pieces().concat()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The durations of a rendition's segments of media, in seconds.
    pub(crate) fn durations(&self, id: RenditionId) -> Vec<f64> {
        let of = |segment: &&(Instant, Segment)| segment.1.rendition == id && !segment.1.gap;
        self.segments.iter().filter(of).map(|(_, segment)| segment.duration.as_secs_f64()).collect()
    }

    /// How many frames there are in the parts of a rendition, which is one of CMAF.
    pub(crate) fn frames(&self, id: RenditionId) -> usize {
        let of = self.parts.iter().filter(|(_, part)| part.rendition == id);
        let media = of.filter_map(|(_, part)| part.data.as_ref());
        media.flat_map(|data| fragments(data)).map(|fragment| fragment.samples.len()).sum()
    }

    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.health.iter().map(Health::code).collect()
    }
}
