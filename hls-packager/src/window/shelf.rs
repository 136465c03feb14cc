//! One rendition's segments, as they are listed and beyond.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;

use super::reply::{Chunks, Text};
use crate::event::{Head, Init, Part, Segment};
use crate::rendition::Rendition;

/// A rendition's segments: those that the playlist lists, those that left it and can still be fetched, and the one in the making.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) rendition: Rendition,
    /// Oldest first; the first `expired` of them are not listed any more.
    segments: VecDeque<Shelved>,
    expired: usize,
    open: Option<OpenSegment>,
    /// Set when the open segment is complete, and not shown as such yet.
    closing: Option<Segment>,
    inits: VecDeque<Init>,
    /// The discontinuity sequence number of the first listed segment, without its own tag.
    discontinuity_sequence: u64,
    /// The number that the next part will have.
    next_number: Option<u64>,
    /// Moves with every part and segment.
    pub(super) version: u64,
    /// How much of it is listed.
    listed: Duration,
    /// How many bytes of media it holds.
    bytes: u64,
    /// The peak segment bit rate so far (RFC 8216bis §4.1), in bits a second.
    peak_bps: u64,
    pub(super) full: OnceLock<Arc<Text>>,
    pub(super) delta: OnceLock<Arc<Text>>,
}

/// A complete segment.
#[derive(Debug)]
pub(super) struct Shelved {
    pub(super) head: Head,
    pub(super) duration: Duration,
    pub(super) gap: bool,
    pub(super) parts: Vec<PartEntry>,
    body: OnceLock<Arc<Chunks>>,
}

/// A segment in the making.
#[derive(Debug)]
pub(super) struct OpenSegment {
    pub(super) head: Head,
    pub(super) parts: Vec<PartEntry>,
}

/// A part.
#[derive(Clone, Debug)]
pub(super) struct PartEntry {
    pub(super) number: u64,
    pub(super) duration: Duration,
    pub(super) independent: bool,
    pub(super) data: Option<Bytes>,
}

/// What is known of a part by its number.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Part(&'a PartEntry),
    /// It comes next.
    Next,
    Nothing,
}

impl Shelf {
    pub(super) fn new(rendition: Rendition, discontinuity_sequence: u64) -> Self {
        Self {
            rendition,
            segments: VecDeque::new(),
            expired: 0,
            open: None,
            closing: None,
            inits: VecDeque::new(),
            discontinuity_sequence,
            next_number: None,
            version: 0,
            listed: Duration::ZERO,
            bytes: 0,
            peak_bps: 0,
            full: OnceLock::new(),
            delta: OnceLock::new(),
        }
    }

    /// A rendition that came late: the segments of `other`, as gaps.
    pub(super) fn behind(rendition: Rendition, other: &Self) -> Self {
        let mut shelf = Self::new(rendition, other.discontinuity_sequence);
        for segment in other.listed() {
            shelf.listed += segment.duration;
            shelf.segments.push_back(Shelved {
                head: Head { init: None, ..segment.head },
                duration: segment.duration,
                gap: true,
                parts: Vec::new(),
                body: OnceLock::new(),
            });
        }
        shelf
    }

    /// An init segment. One for a segment of which nothing was shown yet takes the place of the one before.
    pub(super) fn init(&mut self, init: Init) {
        if self.inits.back().is_some_and(|last| last.number == init.number) {
            self.inits.pop_back();
        }
        self.inits.push_back(init);
    }

    /// A part. If it begins a segment, the one before is shown as complete. Returns whether one was.
    ///
    /// Not earlier, since hls.js loses the last part of a segment (and stops) if it learns that the segment is complete while it loads
    /// the part before, and does not ask again before the next segment begins anyway.
    pub(super) fn part(&mut self, part: Part, target: Duration) -> bool {
        let closed = part.index == 0 && self.close(target);
        self.next_number = Some(part.number + 1);
        self.bytes += part.data.as_ref().map_or(0, |data| data.len() as u64);
        let open = self.open.get_or_insert_with(|| OpenSegment { head: part.head, parts: Vec::new() });
        open.parts.push(PartEntry {
            number: part.number,
            duration: part.duration,
            independent: part.independent,
            data: part.data,
        });
        self.changed();
        closed
    }

    /// The open segment is complete: [`Self::close`] shows it as such.
    pub(super) fn segment(&mut self, segment: Segment) {
        self.closing = Some(segment);
    }

    /// Shows the segment that is complete as such, in a playlist whose TARGETDURATION is `target`. Returns whether there was one.
    pub(super) fn close(&mut self, target: Duration) -> bool {
        let Some(segment) = self.closing.take() else { return false };
        let mut parts = self.open.take().map(|open| open.parts).unwrap_or_default();
        parts.shrink_to_fit();
        self.listed += segment.duration;
        let shelved = Shelved {
            head: segment.head,
            duration: segment.duration,
            gap: segment.gap,
            parts,
            body: OnceLock::new(),
        };
        self.segments.push_back(shelved);
        self.peak_bps = self.peak_bps.max(self.newest_bit_rate(target).unwrap_or(0));
        self.changed();
        true
    }

    /// The bit rate of the newest segments that last half a target duration or more, as RFC 8216bis §4.1 measures a peak.
    fn newest_bit_rate(&self, target: Duration) -> Option<u64> {
        let (mut bytes, mut duration) = (0, Duration::ZERO);
        for segment in self.segments.iter().rev().take_while(|segment| !segment.gap) {
            bytes += segment.bytes();
            duration += segment.duration;
            if duration >= target / 2 {
                return Some(bits_per_second(bytes, duration));
            }
        }
        None
    }

    /// Forgets what was rendered.
    pub(super) fn forget_texts(&mut self) {
        self.full = OnceLock::new();
        self.delta = OnceLock::new();
    }

    fn changed(&mut self) {
        self.version += 1;
    }

    /// Removes segments from the playlist while `window` is listed without them, and drops those that have been off it for longer than
    /// `keep`.
    pub(super) fn trim(&mut self, window: Duration, keep: Duration) {
        while self
            .segments
            .get(self.expired)
            .is_some_and(|first| self.listed.saturating_sub(first.duration) >= window)
        {
            self.unlist();
        }
        let mut off: Duration = self.segments.iter().take(self.expired).map(|segment| segment.duration).sum();
        while let Some(oldest) = self.segments.front().filter(|_| self.expired > 0) {
            off = off.saturating_sub(oldest.duration);
            if off < keep {
                break;
            }
            self.drop_oldest();
        }
    }

    /// Drops the oldest segment, though it might still be asked for, to save memory. Returns whether there was one to drop: the newest
    /// stays.
    pub(super) fn sacrifice(&mut self) -> bool {
        if self.segments.len() < 2 {
            return false;
        }
        if self.expired == 0 {
            self.unlist();
        }
        self.drop_oldest();
        true
    }

    /// Takes the oldest listed segment off the playlist.
    fn unlist(&mut self) {
        if let Some(first) = self.segments.get(self.expired) {
            self.listed -= first.duration;
            self.discontinuity_sequence += u64::from(first.head.discontinuity);
            self.expired += 1;
        }
    }

    /// Drops the oldest segment, which is not listed any more, and init segments that only it needed.
    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.segments.pop_front() {
            self.bytes -= oldest.bytes();
            self.expired -= 1;
        }
        let needed = self.segments.iter().find_map(|segment| segment.head.init);
        while self.inits.len() > 1
            && needed.is_some_and(|needed| self.inits.get(1).is_some_and(|next| next.number <= needed))
        {
            self.inits.pop_front();
        }
    }

    pub(super) fn listed(&self) -> impl DoubleEndedIterator<Item = &Shelved> + ExactSizeIterator {
        self.segments.iter().skip(self.expired)
    }

    pub(super) fn open(&self) -> Option<&OpenSegment> {
        self.open.as_ref()
    }

    pub(super) fn discontinuity_sequence(&self) -> u64 {
        self.discontinuity_sequence
    }

    pub(super) fn last_segment(&self) -> Option<&Shelved> {
        self.segments.back()
    }

    /// How much media, gaps included, came so far in segments and parts that are listed.
    pub(super) fn so_far(&self) -> Duration {
        self.listed + self.open_duration()
    }

    fn open_duration(&self) -> Duration {
        self.open.iter().flat_map(|open| &open.parts).map(|part| part.duration).sum()
    }

    /// The number of the part to hint at: nothing is, while gaps follow each other.
    pub(super) fn hint(&self) -> Option<u64> {
        let segments = self.segments.back().and_then(|segment| segment.parts.last());
        let last = self.open.as_ref().and_then(|open| open.parts.last()).or(segments);
        self.next_number.filter(|_| last.is_none_or(|last| last.data.is_some()))
    }

    /// How many bytes of media it holds.
    pub(super) fn media_bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn find_init(&self, number: u64) -> Option<&Init> {
        self.inits.iter().find(|init| init.number == number)
    }

    pub(super) fn find_segment(&self, media_sequence: u64) -> Option<&Shelved> {
        let first = self.segments.front()?.head.media_sequence;
        self.segments.get(usize::try_from(media_sequence.checked_sub(first)?).ok()?)
    }

    pub(super) fn find_part(&self, number: u64) -> Found<'_> {
        if self.next_number == Some(number) {
            return Found::Next;
        }
        let at = self
            .segments
            .partition_point(|segment| segment.parts.last().is_none_or(|last| last.number < number));
        let parts = match self.segments.get(at) {
            Some(segment) => Some(&segment.parts),
            None => self.open.as_ref().map(|open| &open.parts),
        };
        let part = parts.and_then(|parts| {
            let offset = number.checked_sub(parts.first()?.number)?;
            parts.get(usize::try_from(offset).ok()?)
        });
        part.map_or(Found::Nothing, Found::Part)
    }

    /// How far before the end of the playlist a player has to start that would start `hold_back` before it, if it cannot start
    /// there: for want of a key frame in that segment, or in one after it. `None` where it can.
    pub(super) fn start_before(&self, hold_back: Duration) -> Option<Duration> {
        let open = self.open.iter().map(|open| (self.open_duration(), open.parts.first()));
        let listed = self.listed().rev().map(|segment| (segment.duration, segment.parts.first()));
        let (mut from_end, mut starts_at, mut stranded) = (Duration::ZERO, Duration::ZERO, false);
        for (duration, first) in open.chain(listed) {
            from_end += duration;
            let starts = first.is_none_or(|part| part.independent || part.data.is_none());
            if starts && (stranded || from_end >= hold_back) {
                return stranded.then_some(from_end);
            }
            if !starts && starts_at >= hold_back * 2 / 3 {
                // A little less than asked for is better than a GOP more.
                return Some(starts_at);
            }
            stranded |= !starts;
            starts_at = from_end;
        }
        None
    }

    /// The largest and the average bit rate of its segments, in bits a second; of its parts where there is no segment yet.
    pub(super) fn bit_rates(&self) -> (u64, u64) {
        let media = || self.listed().filter(|segment| !segment.gap);
        let open = self.open.iter().flat_map(|open| &open.parts).filter(|part| part.data.is_some());
        let (open_bytes, open_duration) = open.fold((0, Duration::ZERO), |(bytes, duration), part| {
            (bytes + part.data.as_ref().map_or(0, |data| data.len() as u64), duration + part.duration)
        });
        let bytes: u64 = media().map(Shelved::bytes).sum::<u64>() + open_bytes;
        let duration = media().map(|segment| segment.duration).sum::<Duration>() + open_duration;
        let average = bits_per_second(bytes, duration);
        (self.peak_bps.max(average), average)
    }
}

impl Shelved {
    pub(super) fn bytes(&self) -> u64 {
        self.parts.iter().filter_map(|part| part.data.as_ref()).map(|data| data.len() as u64).sum()
    }

    /// Its parts' bytes, shared.
    pub(super) fn body(&self) -> &Arc<Chunks> {
        self.body.get_or_init(|| {
            Arc::new(Chunks::new(self.parts.iter().filter_map(|part| part.data.clone()).collect()))
        })
    }
}

fn bits_per_second(bytes: u64, duration: Duration) -> u64 {
    let nanos = duration.as_nanos().max(1);
    u64::try_from(u128::from(bytes) * 8 * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
}
