//! Requests and their answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::media_playlist::{self, MediaPlaylist};
use super::reply::{Body, Cache, MAX_HOLD, Missing, Reply, Resource, START_HOLD, Text, Topic, content_type};
use super::request::{Block, Directives, Request, Target};
use super::shelf::{Found, Shelf};
use super::{Life, Window, blocking, multivariant};
use crate::rendition::{RenditionId, Renditions};

/// The answer to a blocking reload may be kept for this many target durations: its URL names one version.
const BLOCKING_KEPT: u32 = 6;

impl Window {
    /// The answer to `request` at `now`.
    pub fn answer(&self, now: Instant, request: &Request) -> Reply {
        if self.not_packaged && self.life.is_none() {
            return Reply::NotFound(Missing::CodecNotPackaged);
        }
        if request.rendition().is_some_and(|id| !request.granted.contain(id)) {
            return Reply::NotFound(Missing::Unknown);
        }
        match &request.target {
            Target::Nothing => Reply::NotFound(Missing::Unknown),
            Target::Multivariant { session } => match self.life.as_ref().filter(|life| life.playable) {
                Some(life) => life.multivariant(session, request.granted),
                None => self.not_yet(now, request),
            },
            Target::Playlist(id) => match self.life.as_ref().filter(|life| life.playable) {
                Some(life) => self.playlist(life, *id, now, request),
                None => self.not_yet(now, request),
            },
            Target::Init { rendition, life, number } => self.init(*rendition, *life, *number),
            Target::Segment { rendition, life, media_sequence } => {
                self.segment(*rendition, *life, *media_sequence)
            }
            Target::Part { rendition, life, number } => self.part(*rendition, *life, *number, now, request),
        }
    }

    /// The stream was accepted and has nothing to play yet.
    fn not_yet(&self, now: Instant, request: &Request) -> Reply {
        self.hold(Topic::Stream, START_HOLD, now, request)
    }

    fn hold(&self, on: Topic, longest: Duration, now: Instant, request: &Request) -> Reply {
        let until = request.arrived + longest;
        match now < until {
            true => Reply::Wait { on, version: self.version(on), until },
            false => Reply::Unavailable { retry_after_s: 1 },
        }
    }

    fn playlist(&self, life: &Life, id: RenditionId, now: Instant, request: &Request) -> Reply {
        let Some(shelf) = life.shelf(id) else { return Reply::NotFound(Missing::Unknown) };
        if life.ended {
            return life.playlist(shelf, Directives::default(), request.granted);
        }
        let directives = match request.directives {
            Ok(directives) => directives,
            Err(why) => return Reply::Invalid(why),
        };
        let (Some(block), Some(part_target)) = (directives.block, life.settled.part_target) else {
            return life.playlist(shelf, Directives { block: None, ..directives }, request.granted);
        };
        match blocking::is_there(block, shelf, part_target) {
            Ok(true) => life.playlist(shelf, directives, request.granted),
            Ok(false) => self.hold(Topic::Rendition(id), life.longest_hold(), now, request),
            Err(why) => Reply::Invalid(why),
        }
    }

    /// The life of that number, which its media's names contain.
    fn named(&self, number: u64) -> Option<&Life> {
        self.life.iter().chain(&self.previous).find(|life| life.settled.life == number)
    }

    fn init(&self, rendition: RenditionId, life: u64, number: u64) -> Reply {
        let found = self.named(life).and_then(|life| {
            let init = life.shelf(rendition)?.find_init(number)?;
            Some(life.media(rendition, Body::Whole(init.data.clone())))
        });
        found.unwrap_or(Reply::NotFound(Missing::Unknown))
    }

    fn segment(&self, rendition: RenditionId, life: u64, media_sequence: u64) -> Reply {
        let found = self.named(life).and_then(|life| {
            let segment = life.shelf(rendition)?.find_segment(media_sequence)?;
            Some(match segment.gap {
                true => Reply::NotFound(Missing::Gap),
                false => life.media(rendition, Body::Chunks(Arc::clone(segment.body()))),
            })
        });
        found.unwrap_or(Reply::NotFound(Missing::Unknown))
    }

    fn part(&self, rendition: RenditionId, life: u64, number: u64, now: Instant, request: &Request) -> Reply {
        let Some(life) = self.named(life).filter(|life| life.settled.part_target.is_some()) else {
            return Reply::NotFound(Missing::Unknown);
        };
        let Some(shelf) = life.shelf(rendition) else { return Reply::NotFound(Missing::Unknown) };
        match shelf.find_part(number) {
            Found::Part(part) => match &part.data {
                Some(data) => life.media(rendition, Body::Whole(data.clone())),
                None => Reply::NotFound(Missing::Gap),
            },
            Found::Next if !life.ended && shelf.hint() == Some(number) => {
                self.hold(Topic::Rendition(rendition), life.longest_hold(), now, request)
            }
            Found::Next | Found::Nothing => Reply::NotFound(Missing::Unknown),
        }
    }
}

impl Life {
    fn longest_hold(&self) -> Duration {
        (media_playlist::target_duration(&self.settled) * 3).min(MAX_HOLD)
    }

    fn multivariant(&self, session: &str, granted: Renditions) -> Reply {
        let hold_back = media_playlist::hold_back(&self.settled);
        let Some(text) = multivariant::render(&self.shelves, hold_back, session, granted) else {
            return Reply::NotFound(Missing::Unknown);
        };
        Reply::Ready(Resource {
            body: Body::Text(Arc::new(Text::new(Bytes::from(text)))),
            content_type: content_type::PLAYLIST,
            cache: Cache::NoStore,
        })
    }

    fn playlist(&self, shelf: &Shelf, Directives { block, skip }: Directives, granted: Renditions) -> Reply {
        let slot = if skip { &shelf.delta } else { &shelf.full };
        let render = || {
            let playlist = MediaPlaylist {
                life: &self.settled,
                shelf,
                all: &self.shelves,
                granted,
                ended: self.ended,
                independent_segments: self.independent_segments,
            };
            Arc::new(Text::new(Bytes::from(playlist.render(skip))))
        };
        // Who may see all that there is gets the bytes that everybody gets.
        let text = match self.shelves.iter().all(|shelf| granted.contain(shelf.rendition.id)) {
            true => Arc::clone(slot.get_or_init(render)),
            false => render(),
        };
        Reply::Ready(Resource {
            body: Body::Text(text),
            content_type: content_type::PLAYLIST,
            cache: self.playlist_cache(block),
        })
    }

    fn playlist_cache(&self, block: Option<Block>) -> Cache {
        match block {
            Some(_) => Cache::MaxAge(self.settled.target_duration_s * BLOCKING_KEPT),
            None => Cache::NoCache,
        }
    }

    fn media(&self, rendition: RenditionId, body: Body) -> Reply {
        let kept = self.settled.window + media_playlist::target_duration(&self.settled) * super::KEPT;
        Reply::Ready(Resource {
            body,
            content_type: match rendition {
                RenditionId::Video => content_type::VIDEO_MP4,
                RenditionId::Audio(_) => content_type::AUDIO_MP4,
                RenditionId::Muxed => content_type::MPEG_TS,
            },
            cache: Cache::Immutable(u32::try_from(kept.as_secs()).unwrap_or(u32::MAX)),
        })
    }
}
