//! The live window: what viewers can ask for at this moment.

mod answer;
mod blocking;
mod date;
mod media_playlist;
mod multivariant;
mod names;
mod reply;
mod request;
mod shelf;

use std::sync::Arc;
use std::time::Duration;

pub use multivariant::Variant;
pub use reply::{Body, Cache, Chunks, MAX_HOLD, Missing, Reply, Resource, START_HOLD, Text, Topic};
pub use request::{Invalid, Request};

use crate::event::{Event, Settled};
use crate::rendition::{Rendition, RenditionId};
use shelf::Shelf;

/// How much longer the main rendition may have waited for the others before the first playlist is served without them.
const OTHERS_PATIENCE: Duration = Duration::from_secs(1);

/// Segments that left the playlist can be fetched for this many target durations: paused and background players ask late.
const KEPT: u32 = 3;

/// What viewers can ask for: playlists, segments, parts and init segments of one stream.
///
/// [`apply`](Self::apply) each event of the stream's packager in order; [`answer`](Self::answer) requests. Answers are a function of the
/// events and the request, and `answer` takes `&self`, so a driver keeps it behind one lock and holds that briefly: a playlist is
/// rendered at most once for each version, on first request, and everybody gets the same bytes.
///
/// Memory: what is listed and what left the list within three target durations, up to [`Config::max_window_bytes`](crate::Config::max_window_bytes),
/// twice that while a life follows another; and some 150 bytes a part.
#[derive(Debug, Default)]
pub struct Window {
    life: Option<Life>,
    /// The life before: its media can be fetched until this one's window is full.
    previous: Option<Life>,
    not_packaged: bool,
    /// Moves when the stream can be played, and when its renditions change.
    version: u64,
}

/// One life's renditions, the main one first.
#[derive(Debug)]
struct Life {
    settled: Arc<Settled>,
    shelves: Vec<Shelf>,
    independent_segments: bool,
    playable: bool,
    ended: bool,
}

/// Who has to ask again after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Nobody.
    Nobody,
    /// Those who wait on this topic.
    Topic(Topic),
    /// Everybody.
    Everybody,
}

impl Window {
    /// A window of a stream of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what the packager made.
    pub fn apply(&mut self, event: Event) -> Wake {
        match event {
            Event::Journal(_) | Event::Health(_) => return Wake::Nobody,
            Event::Settled(settled) => {
                self.previous = self.life.take();
                self.not_packaged = false;
                self.life = Some(Life::new(settled));
            }
            Event::NotPackaged => self.not_packaged = true,
            event => return self.apply_to_life(event),
        }
        self.version += 1;
        Wake::Everybody
    }

    fn apply_to_life(&mut self, event: Event) -> Wake {
        let Some(life) = &mut self.life else { return Wake::Nobody };
        if matches!(event, Event::Segment(_)) && life.is_as_long_as_its_window() {
            self.previous = None;
        }
        let was_playable = life.playable;
        let topic = life.apply(event);
        life.playable = was_playable || life.can_be_played();
        match topic {
            Some(topic) if life.playable == was_playable => Wake::Topic(topic),
            _ => {
                self.version += 1;
                Wake::Everybody
            }
        }
    }

    /// The version of `topic`: it moves whenever those who wait on it have to ask again.
    pub fn version(&self, topic: Topic) -> u64 {
        match topic {
            Topic::Stream => self.version,
            // Both only grow, so the sum moves when either does.
            Topic::Rendition(id) => self.version + self.shelf(id).map_or(0, |shelf| shelf.version),
        }
    }

    /// Whether the stream can be played.
    pub fn is_playable(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.playable)
    }

    /// Whether it is known that nothing of the stream is packaged.
    pub fn is_not_packaged(&self) -> bool {
        self.not_packaged
    }

    /// What the multivariant playlist lists at this moment; `None` while there is nothing to play.
    pub fn variant(&self) -> Option<Variant> {
        let life = self.life.as_ref().filter(|life| life.playable)?;
        multivariant::variant(&life.shelves)
    }

    /// TARGETDURATION, once the stream's renditions are settled.
    pub fn target_duration(&self) -> Option<Duration> {
        self.life.as_ref().map(Life::target_duration)
    }

    /// Whether the life has ended.
    pub fn has_ended(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.ended)
    }

    /// How many bytes of media it holds.
    pub fn media_bytes(&self) -> u64 {
        let lives = self.life.iter().chain(&self.previous);
        lives.flat_map(|life| &life.shelves).map(Shelf::media_bytes).sum()
    }

    fn shelf(&self, id: RenditionId) -> Option<&Shelf> {
        self.life.as_ref()?.shelf(id)
    }
}

impl Life {
    fn new(settled: Arc<Settled>) -> Self {
        let shelves = settled.renditions.iter().cloned();
        let shelves =
            shelves.map(|rendition| Shelf::new(rendition, settled.discontinuity_sequence)).collect();
        let independent_segments = settled.independent_segments;
        Self { settled, shelves, independent_segments, playable: false, ended: false }
    }

    fn shelf(&self, id: RenditionId) -> Option<&Shelf> {
        self.shelves.iter().find(|shelf| shelf.rendition.id == id)
    }

    /// Takes an event. Returns what changed, if it is not the stream.
    fn apply(&mut self, event: Event) -> Option<Topic> {
        let changed = match event {
            Event::Init(init) => {
                let id = init.rendition;
                self.of(id)?.init(init);
                Some(id)
            }
            Event::Part(part) => {
                let id = part.rendition;
                let target = self.target_duration();
                if self.of(id)?.part(part, target) {
                    self.trim(id);
                }
                self.save_memory();
                Some(id)
            }
            Event::Segment(segment) => {
                let id = segment.rendition;
                let at_once = segment.gap || self.settled.part_target.is_none();
                self.of(id)?.segment(segment);
                if at_once {
                    self.close(id);
                }
                Some(id)
            }
            Event::Added { rendition, after } => {
                self.add(rendition, after);
                None
            }
            Event::Changed(rendition) => {
                self.change(rendition);
                None
            }
            Event::Dependent => {
                self.independent_segments = false;
                None
            }
            Event::Ended => {
                let ids: Vec<RenditionId> = self.shelves.iter().map(|shelf| shelf.rendition.id).collect();
                ids.into_iter().for_each(|id| self.close(id));
                self.ended = true;
                None
            }
            _ => None,
        };
        // Every playlist reports on the other renditions.
        for shelf in &mut self.shelves {
            shelf.forget_texts();
        }
        changed.map(Topic::Rendition)
    }

    /// Keeps to the limit of bytes, at the cost of the rendition that holds the most.
    fn save_memory(&mut self) {
        while self.shelves.iter().map(Shelf::media_bytes).sum::<u64>() > self.settled.max_window_bytes {
            let largest = self.shelves.iter_mut().max_by_key(|shelf| shelf.media_bytes());
            if !largest.is_some_and(Shelf::sacrifice) {
                return;
            }
        }
    }

    fn is_as_long_as_its_window(&self) -> bool {
        self.shelves.first().is_some_and(|main| main.so_far() >= self.settled.window)
    }

    fn of(&mut self, id: RenditionId) -> Option<&mut Shelf> {
        self.shelves.iter_mut().find(|shelf| shelf.rendition.id == id)
    }

    fn target_duration(&self) -> Duration {
        media_playlist::target_duration(&self.settled)
    }

    /// Shows the segment of a rendition that is complete as such.
    fn close(&mut self, id: RenditionId) {
        let target = self.target_duration();
        if self.of(id).is_some_and(|shelf| shelf.close(target)) {
            self.trim(id);
        }
    }

    fn trim(&mut self, id: RenditionId) {
        let target = self.target_duration();
        let window = self.settled.window.max(target * 3);
        if let Some(shelf) = self.of(id) {
            shelf.trim(window, target * KEPT);
        }
    }

    fn change(&mut self, rendition: Rendition) {
        if let Some(known) = self.of(rendition.id) {
            let frame_rate = rendition.frame_rate.or(known.rendition.frame_rate);
            known.rendition = Rendition { frame_rate, ..rendition };
        }
    }

    fn add(&mut self, rendition: Rendition, after: RenditionId) {
        self.close(after);
        let Some(after) = self.shelf(after) else { return };
        let shelf = Shelf::behind(rendition, after);
        match shelf.rendition.id {
            RenditionId::Video => self.shelves.insert(0, shelf),
            _ => self.shelves.push(shelf),
        }
    }

    /// Whether a player that opens the stream now has something to play: PART-HOLD-BACK's worth of parts, or a segment. The gap that a life
    /// opens with does not count.
    fn can_be_played(&self) -> bool {
        let Some((main, others)) = self.shelves.split_first() else { return false };
        if self.ended {
            return main.listed().len() > 0;
        }
        match self.settled.part_target {
            None => main.listed().len() > 0 && others.iter().all(|other| other.listed().len() > 0),
            Some(part_target) => {
                let enough = media_playlist::part_hold_back(part_target);
                let ready = |shelf: &Shelf, enough| shelf.so_far() >= enough + part_target;
                ready(main, enough)
                    && (others.iter().all(|other| ready(other, enough.saturating_sub(part_target)))
                        || ready(main, enough + OTHERS_PATIENCE))
            }
        }
    }
}
