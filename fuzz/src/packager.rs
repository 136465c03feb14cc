//! Any encoder, its clock repaired as in a server, with all its pauses, jumps, crashes and changes of mind, in virtual time: the packager does not panic, never works
//! without end, and every playlist that a viewer could have seen keeps what RFC 8216bis asks and what earlier versions promised.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use hls_packager::{
    Announced, Config, Container, Event, Journal, Now, Packager, RenditionId, Reply, Request, Window,
};
use media_core::codec;
use media_core::timeline::{self, Timeline};
use media_core::{Codec, Frame, Timescale, Timestamp, Track, TrackId};

use crate::samples;
use crate::script::Script;
use live::checker::Checker;
use live::media::Media;
use live::renditions::agree;

/// The checker of hls-packager's own tests, written from RFC 8216bis alone.
#[path = "../../hls-packager/tests/it/live"]
mod live {
    pub(super) mod boxes;
    pub(super) mod checker;
    pub(super) mod media;
    pub(super) mod playlist;
    pub(super) mod renditions;
}

/// 2026-11-21T12:00:00Z.
const WALL_S: u64 = 1_795_262_400;
/// A script longer than this finds nothing that shorter ones do not.
const MAX_ACTS: usize = 150;
/// The longest that a stream lasts: every version of every playlist is read.
const MAX_SPAN: Duration = Duration::from_secs(90);
/// A reader that comes less often misses segments of the shortest windows.
const READ_EVERY: Duration = Duration::from_secs(1);
/// Events and timeouts in one second, and once more for the whole of what had been waiting.
const MAX_EVENTS_PER_S: u64 = 2_000;

struct Rig {
    config: Config,
    packager: Packager,
    window: Window,
    start: Now,
    now: Now,
    /// The journal that is on disk.
    disk: Option<String>,
    life: u64,
    renditions: Vec<RenditionId>,
    checkers: BTreeMap<RenditionId, Checker>,
    media: Media,
    /// How far apart renditions may begin a segment: a part where all goes well, and somewhat more where tracks that run apart lead in turn.
    apart: Duration,
    /// The date of each rendition's newest segment.
    dates: BTreeMap<RenditionId, SystemTime>,
    /// The newest part and segment that a viewer may have seen of each rendition.
    seen: BTreeMap<RenditionId, (u64, u64)>,
    /// As the encoder announces them.
    tracks: Vec<Track>,
    timeline: Timeline,
    /// Media time of the encoder, in microseconds.
    media_us: i64,
    /// Where the next frame of each audio track begins.
    sound_us: BTreeMap<TrackId, i64>,
    /// The wall clock was turned back since a life began or went on.
    turned_back: bool,
    events: u64,
    read_at: Instant,
}

/// The configuration in two bytes, the tracks in one, then acts.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let mut rig = Rig::new(config(&mut script));
    rig.choose_tracks(script.u8());
    for _ in 0..MAX_ACTS {
        if script.is_over() || rig.now.instant - rig.start.instant > MAX_SPAN {
            break;
        }
        rig.act(&mut script);
        rig.read();
    }
    rig.end();
    rig.read();
}

fn config(script: &mut Script<'_>) -> Config {
    let (flags, numbers) = (script.u8(), script.u8());
    let mut config = Config::default();
    config.container = if flags & 1 == 0 { Container::Cmaf } else { Container::MpegTs };
    config.low_latency = flags & 2 == 0;
    config.part_ms = [200, 50, 333, 1_000][usize::from(flags >> 2 & 3)];
    config.target_duration_s = u32::from(numbers & 7) + 1;
    config.window_s = [60, 1, 20, 30][usize::from(numbers >> 3 & 3)];
    config.min_segment_ms = [1_000, 0, 200, 10_000][usize::from(numbers >> 5 & 3)];
    config
}

impl Rig {
    fn new(config: Config) -> Self {
        let start = Now::new(Instant::now(), SystemTime::UNIX_EPOCH + Duration::from_secs(WALL_S));
        Self {
            packager: Packager::new(config.clone(), None),
            config,
            window: Window::new(),
            start,
            now: start,
            disk: None,
            life: 0,
            renditions: Vec::new(),
            checkers: BTreeMap::new(),
            media: Media::default(),
            apart: Duration::ZERO,
            dates: BTreeMap::new(),
            seen: BTreeMap::new(),
            tracks: Vec::new(),
            timeline: Timeline::new(timeline::Config::rtmp()),
            media_us: 0,
            sound_us: BTreeMap::new(),
            turned_back: false,
            events: 0,
            read_at: start.instant,
        }
    }

    fn act(&mut self, script: &mut Script<'_>) {
        match script.u8() % 16 {
            0..=4 => self.run_encoder(script.u8(), script.u8()),
            5..=6 => self.frame(script.u8(), script.u16() as i16, script.u8()),
            7 => self.pass(Duration::from_millis(u64::from(script.u16() & 0x3fff))),
            8 => self.choose_tracks(script.u8()),
            9 => self.jump(i64::from(script.u16() as i16)),
            10 => self.pause(),
            11 => self.resume(),
            12 => self.announce(script.u8()),
            13 => self.restart(u64::from(script.u16())),
            14 => self.turn_wall_clock(i64::from(script.u16() as i16)),
            _ if script.u8() == 0 => self.end(),
            _ => self.frame(script.u8(), 40, 0),
        }
        self.drain();
    }

    /// Steady frames on all tracks, at 25 or so a second, for up to five seconds, a key frame every so many.
    fn run_encoder(&mut self, frames: u8, manner: u8) {
        let step_us =
            [40_000, 33_367, 16_683, 100_000, 41_708, 20_000, 66_667, 200_000][usize::from(manner & 7)];
        let every = [1, 5, 25, 50, 250, 3, 12, 100][usize::from(manner >> 3 & 7)];
        for n in 0..frames & 0x7f {
            self.media_us += step_us;
            self.pass(Duration::from_micros(step_us as u64));
            for track in self.tracks.clone() {
                if track.video().is_some() {
                    let keyframe = u32::from(n) % every == 0;
                    let composition_us = if manner & 0x40 == 0 { 0 } else { 2 * step_us };
                    self.send(&track, self.media_us, composition_us, keyframe);
                } else {
                    self.catch_up(&track);
                }
            }
            self.drain();
        }
    }

    /// Sound up to now, a frame after the other.
    fn catch_up(&mut self, track: &Track) {
        let data = samples::payload(track.codec, true, &[0x55; 20]);
        let samples = codec::frame_samples(track.codec, &track.config, &data).unwrap_or(1_024);
        let rate = track.audio().map_or(48_000, |audio| audio.sample_rate);
        let frame_us = i64::from(samples) * 1_000_000 / i64::from(rate);
        let mut at_us = self.sound_us.get(&track.id).copied().unwrap_or(self.media_us);
        if (self.media_us - at_us).abs() > 1_000_000 {
            at_us = self.media_us;
        }
        while at_us <= self.media_us {
            self.send(track, at_us, 0, true);
            at_us += frame_us;
        }
        self.sound_us.insert(track.id, at_us);
    }

    /// One frame, at its track's time and so many milliseconds.
    fn frame(&mut self, which: u8, offset_ms: i16, manner: u8) {
        let Some(track) = self.tracks.get(usize::from(which) % self.tracks.len().max(1)).cloned() else {
            return;
        };
        let at_us = self.media_us + i64::from(offset_ms) * 1_000;
        self.media_us = self.media_us.max(at_us);
        self.send(&track, at_us, i64::from(manner) * 1_000, manner & 1 == 1);
    }

    fn send(&mut self, track: &Track, at_us: i64, composition_us: i64, keyframe: bool) {
        let composition_us = if track.video().is_some() { composition_us } else { 0 };
        let keyframe = keyframe || track.video().is_none();
        // Milliseconds that wrap, as they come over RTMP.
        let dts = at_us.div_euclid(1_000).rem_euclid(1 << 32) * 1_000;
        let (dts, pts) = (Timestamp(dts), Timestamp(dts + composition_us));
        let data = samples::payload(track.codec, keyframe, &[0x55; 20]).into();
        let frame = Frame { track: track.id, dts, pts, keyframe, data };
        let repaired = self.timeline.frame(frame).expect("the track was added");
        if repaired.rebased.is_some() {
            self.packager.discontinuity(self.now);
        }
        let taken = self.packager.frame(self.now, repaired.frame);
        assert!(taken.is_ok(), "{taken:?}");
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now.instant + time;
        let mut timeouts = 0;
        while let Some(due) = self.packager.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.after(due.saturating_duration_since(self.now.instant));
            self.packager.handle_timeout(self.now);
            self.drain();
            timeouts += 1;
            assert!(timeouts <= MAX_EVENTS_PER_S * (1 + time.as_secs()), "timeouts without end");
        }
        self.now = self.now.after(until.saturating_duration_since(self.now.instant));
    }

    fn choose_tracks(&mut self, choice: u8) {
        let video = [
            Some(Codec::H264),
            Some(Codec::H264),
            Some(Codec::Hevc),
            Some(Codec::Av1),
            Some(Codec::Vp9),
            None,
            None,
            Some(Codec::H264),
        ];
        let audio: [&[Codec]; 8] = [
            &[Codec::Aac],
            &[Codec::Aac],
            &[],
            &[Codec::Aac, Codec::Aac],
            &[Codec::Opus],
            &[Codec::Mp3],
            &[Codec::Ac3, Codec::Flac],
            &[Codec::Aac, Codec::Opus, Codec::Aac],
        ];
        // The two highest bits are for other headers of the same codecs.
        let track = |id: TrackId, codec| match (id == TrackId::video(0), choice & 0x40, choice & 0x80) {
            (true, _, 0) | (false, 0, _) => samples::track(id, codec, Timescale::MICROS),
            _ => samples::other_track(id, codec, Timescale::MICROS),
        };
        let video = video[usize::from(choice & 7)].map(|codec| track(TrackId::video(0), codec));
        let audio = audio[usize::from(choice >> 3 & 7)].iter().zip(0..);
        let audio = audio.map(|(codec, number)| track(TrackId::audio(number), *codec));
        self.tracks = video.into_iter().chain(audio).collect();
        self.announce_tracks();
    }

    fn announce_tracks(&mut self) {
        let tracks: Vec<Track> = self.tracks.iter().map(|track| self.timeline.track(track)).collect();
        self.packager.tracks(self.now, &tracks);
    }

    /// The encoder's clock jumps.
    fn jump(&mut self, by_ms: i64) {
        self.media_us += by_ms * 1_000;
    }

    fn pause(&mut self) {
        self.packager.pause(self.now);
    }

    /// An encoder is there: another one, or the same with a clock that begins anew.
    fn resume(&mut self) {
        self.timeline = match self.timeline.edge_us() {
            Some(edge) => Timeline::starting_at(timeline::Config::rtmp(), edge),
            None => Timeline::new(timeline::Config::rtmp()),
        };
        self.packager.resume(self.now);
        self.announce_tracks();
    }

    fn announce(&mut self, promise: u8) {
        let rate = [None, Some(30.0), Some(0.0), Some(f64::NAN), Some(1e9), Some(-1.0)];
        let announced = Announced {
            video: promise & 1,
            audio: promise >> 1 & 3,
            frame_rate: rate[usize::from(promise) % 6],
        };
        self.packager.announce(self.now, announced);
    }

    /// The process is killed, and another one goes on from what was on disk.
    fn restart(&mut self, after_ms: u64) {
        self.now = self.now.after(Duration::from_millis(after_ms));
        let journal =
            self.disk.as_ref().map(|text| text.parse::<Journal>().expect("what was written can be read"));
        self.packager = Packager::new(self.config.clone(), journal);
        self.window = Window::new();
        self.checkers.clear();
        self.renditions.clear();
        self.timeline = Timeline::new(timeline::Config::rtmp());
        self.announce_tracks();
    }

    fn turn_wall_clock(&mut self, by_s: i64) {
        let by = Duration::from_secs(by_s.unsigned_abs());
        self.turned_back |= by_s < 0;
        self.now.wall = if by_s < 0 { self.now.wall - by } else { self.now.wall + by };
    }

    /// The life ends, and another encoder begins the next.
    fn end(&mut self) {
        self.packager.end(self.now);
        self.drain();
        self.read();
        self.restart(0);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(event) = self.packager.poll_event() {
            self.events += 1;
            let seconds = (self.now.instant - self.start.instant).as_secs();
            assert!(self.events <= MAX_EVENTS_PER_S * (30 + seconds), "events without end");
            self.take(&event);
            self.window.apply(event);
        }
        if self.now.instant - self.read_at >= READ_EVERY {
            self.read();
        }
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Journal(journal) => {
                let text = journal.to_string();
                assert_eq!(text.parse().as_ref(), Ok(journal));
                self.disk = Some(text);
            }
            Event::Settled(settled) => {
                assert!(settled.life >= self.life, "life {} after {}", settled.life, self.life);
                if settled.life > self.life {
                    self.seen.clear();
                }
                self.life = settled.life;
                self.checkers.clear();
                self.renditions = settled.renditions.iter().map(|rendition| rendition.id).collect();
                self.media = Media::of(settled);
                if std::mem::take(&mut self.turned_back) {
                    // Of the run before only the time of its last journal is known, and dates had gone on since.
                    self.dates.clear();
                }
                self.apart = 2 * Duration::from_secs(u64::from(settled.target_duration_s));
            }
            Event::Added { rendition, .. } => {
                assert!(!self.renditions.contains(&rendition.id), "{rendition:?} was there");
                self.renditions.push(rendition.id);
                self.media.knows(rendition);
            }
            Event::Changed(rendition) => self.media.knows(rendition),
            Event::Part(part) => {
                let journal = self.journal();
                assert!(
                    part.head.media_sequence < journal.media_sequence && part.number < journal.part_number
                );
                let (number, sequence) = self.seen.entry(part.rendition).or_default();
                assert!(part.number > *number || *number == 0, "{part:?} after part {number}");
                assert!(part.head.media_sequence >= *sequence, "{part:?} after segment {sequence}");
                (*number, *sequence) = (part.number, part.head.media_sequence);
                self.media.check(part);
            }
            Event::Segment(segment) => {
                assert!(segment.head.media_sequence < self.journal().media_sequence);
                let (_, sequence) = self.seen.entry(segment.rendition).or_default();
                assert!(segment.head.media_sequence >= *sequence);
                *sequence = segment.head.media_sequence;
                let date = segment.head.date + Duration::from_millis(1);
                let before = self.dates.insert(segment.rendition, segment.head.date);
                assert!(before.is_none_or(|before| before < date), "dates go back: {segment:?}");
            }
            _ => {}
        }
    }

    fn journal(&self) -> Journal {
        self.disk.as_ref().expect("a journal comes first").parse().expect("what was written can be read")
    }

    /// A viewer reads every playlist, whole and as a delta update, and fetches what is at its end.
    fn read(&mut self) {
        self.read_at = self.now.instant;
        if !self.window.is_playable() {
            return;
        }
        let mut playlists = BTreeMap::new();
        for id in self.renditions.clone() {
            let path = format!("{id}/index.m3u8");
            let (whole, delta) = (self.text(&path, None), self.text(&path, Some("_HLS_skip=YES")));
            let checker = self.checkers.entry(id).or_insert_with(|| Checker::new(&path));
            let playlist = checker.check(&whole, &delta);
            let newest = playlist.segments.len().saturating_sub(2);
            for segment in playlist.segments[newest..].iter().chain(&playlist.open) {
                let names = segment.parts.iter().map(|part| (&part.uri, part.gap));
                let whole = (!segment.uri.is_empty()).then_some((&segment.uri, segment.gap));
                for (name, gap) in names.chain(whole) {
                    let there = matches!(self.answer(&format!("{id}/{name}"), None), Reply::Ready(_));
                    assert_eq!(there, !gap, "{name}");
                }
            }
            playlists.insert(id, playlist);
        }
        agree(&playlists, self.apart.as_millis() as i64);
    }

    fn answer(&self, path: &str, query: Option<&str>) -> Reply {
        self.window.answer(self.now.instant, &Request::parse(path, query, self.now.instant))
    }

    fn text(&self, path: &str, query: Option<&str>) -> String {
        match self.answer(path, query) {
            Reply::Ready(resource) => String::from_utf8(resource.body.pieces().concat()).expect("text"),
            other => panic!("{path}: {other:?}"),
        }
    }
}
