//! Media playlists (RFC 8216bis §4.4.3 to §4.4.5), whole and as delta updates.

use std::fmt::{self, Write};
use std::time::Duration;

use super::date::{self, Rounding};
use super::names::Name;
use super::shelf::{OpenSegment, PartEntry, Shelf, Shelved};
use crate::event::{Head, Settled};
use crate::rendition::{RenditionId, Renditions};

/// EXT-X-PART tags stay for this many target durations (RFC 8216bis §6.2.2).
const PARTS_LISTED: u32 = 3;

/// CAN-SKIP-UNTIL in target durations: the smallest that RFC 8216bis §4.4.3.8 allows.
pub(super) const SKIP_BOUNDARY: u32 = 6;

/// HOLD-BACK in target durations and PART-HOLD-BACK in part targets: the smallest that RFC 8216bis §4.4.3.8 recommends.
const HOLD_BACK: u32 = 3;

/// EXT-X-VERSION (RFC 8216bis §8): 9 for EXT-X-SKIP, 6 for EXT-X-MAP, 3 for durations with a fraction.
const VERSION_SKIP: u32 = 9;
const VERSION_MAP: u32 = 6;
const VERSION_FRACTION: u32 = 3;

/// What a playlist is rendered from.
#[derive(Clone, Copy)]
pub(super) struct MediaPlaylist<'a> {
    pub(super) life: &'a Settled,
    pub(super) shelf: &'a Shelf,
    /// Every rendition of the life, this one too.
    pub(super) all: &'a [Shelf],
    /// Which of them are spoken of.
    pub(super) granted: Renditions,
    pub(super) ended: bool,
    /// EXT-X-INDEPENDENT-SEGMENTS.
    pub(super) independent_segments: bool,
}

/// PART-HOLD-BACK.
pub(super) fn part_hold_back(part_target: Duration) -> Duration {
    part_target * HOLD_BACK
}

/// How far before the end of a playlist players start.
pub(super) fn hold_back(life: &Settled) -> Duration {
    life.part_target.map_or(target_duration(life) * HOLD_BACK, part_hold_back)
}

/// Whether delta updates are offered: the window has to reach past the Skip Boundary.
pub(super) fn can_skip(life: &Settled) -> bool {
    life.window > target_duration(life) * SKIP_BOUNDARY
}

pub(super) fn target_duration(life: &Settled) -> Duration {
    Duration::from_secs(u64::from(life.target_duration_s))
}

impl MediaPlaylist<'_> {
    /// The playlist; with `skip`, the segments before the Skip Boundary replaced by EXT-X-SKIP (RFC 8216bis §6.2.5.1).
    pub(super) fn render(&self, skip: bool) -> String {
        let skipped = if skip { self.skippable() } else { 0 };
        let mut out = String::with_capacity(512 + 160 * (self.shelf.listed().len() - skipped) + 8 * 1024);
        // Writing to a string cannot fail.
        let _ = self.write(skipped, &mut out);
        out
    }

    /// How many segments a delta update leaves out: those that end before the Skip Boundary, counted from the last segment's end.
    fn skippable(&self) -> usize {
        if self.ended || !can_skip(self.life) {
            return 0;
        }
        let boundary = target_duration(self.life) * SKIP_BOUNDARY;
        let mut after = Duration::ZERO;
        let kept = self.shelf.listed().rev().take_while(|segment| {
            let keep = after <= boundary;
            after += as_written(segment.duration);
            keep
        });
        self.shelf.listed().len() - kept.count()
    }

    fn write(&self, skipped: usize, out: &mut String) -> fmt::Result {
        self.write_header(skipped, out)?;
        let mut init = self.shelf.listed().take(skipped).next_back().and_then(|segment| segment.head.init);
        let parts_from = self.parts_listed_from();
        for (index, segment) in self.shelf.listed().enumerate().skip(skipped) {
            self.write_head(&segment.head, &mut init, out)?;
            if index >= parts_from {
                self.write_parts(&segment.parts, out)?;
            }
            self.write_segment(segment, out)?;
        }
        if let Some(open) = self.shelf.open().filter(|_| self.life.part_target.is_some() && !self.ended) {
            self.write_open(open, &mut init, out)?;
        }
        if self.ended {
            return out.write_str("#EXT-X-ENDLIST\n");
        }
        match self.life.part_target {
            Some(_) => self.write_edge(out),
            None => Ok(()),
        }
    }

    fn write_header(&self, skipped: usize, out: &mut String) -> fmt::Result {
        let has_map = self.shelf.listed().any(|segment| segment.head.init.is_some())
            || self.shelf.open().is_some_and(|open| open.head.init.is_some());
        let version = match (skipped > 0, has_map) {
            (true, _) => VERSION_SKIP,
            (false, true) => VERSION_MAP,
            (false, false) => VERSION_FRACTION,
        };
        writeln!(out, "#EXTM3U\n#EXT-X-VERSION:{version}")?;
        writeln!(out, "#EXT-X-TARGETDURATION:{}", self.life.target_duration_s)?;
        self.write_server_control(out)?;
        if let Some(part_target) = self.life.part_target {
            writeln!(out, "#EXT-X-PART-INF:PART-TARGET={}", Seconds(part_target))?;
        }
        let first = self.shelf.listed().next().map(|segment| segment.head.media_sequence);
        let first = first.or(self.shelf.open().map(|open| open.head.media_sequence)).unwrap_or(1);
        writeln!(out, "#EXT-X-MEDIA-SEQUENCE:{first}")?;
        writeln!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", self.shelf.discontinuity_sequence())?;
        if self.independent_segments {
            out.write_str("#EXT-X-INDEPENDENT-SEGMENTS\n")?;
        }
        match skipped {
            0 => Ok(()),
            _ => writeln!(out, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}"),
        }
    }

    fn write_server_control(&self, out: &mut String) -> fmt::Result {
        let target = target_duration(self.life);
        out.write_str("#EXT-X-SERVER-CONTROL:")?;
        if self.life.part_target.is_some() {
            out.write_str("CAN-BLOCK-RELOAD=YES,")?;
        }
        if can_skip(self.life) {
            write!(out, "CAN-SKIP-UNTIL={},", Seconds(target * SKIP_BOUNDARY))?;
        }
        if let Some(part_target) = self.life.part_target {
            write!(out, "PART-HOLD-BACK={},", Seconds(part_hold_back(part_target)))?;
        }
        writeln!(out, "HOLD-BACK={}", Seconds(target * HOLD_BACK))
    }

    /// The first listed segment whose parts are listed: none of it may be farther from the end than three target durations.
    fn parts_listed_from(&self) -> usize {
        if self.life.part_target.is_none() || self.ended {
            return usize::MAX;
        }
        let reach = target_duration(self.life) * PARTS_LISTED;
        let mut after =
            self.shelf.so_far().saturating_sub(self.shelf.listed().map(|segment| segment.duration).sum());
        let near = self.shelf.listed().rev().take_while(|segment| {
            after += segment.duration;
            after <= reach
        });
        self.shelf.listed().len() - near.count()
    }

    fn write_head(&self, head: &Head, init: &mut Option<u64>, out: &mut String) -> fmt::Result {
        if head.discontinuity {
            out.write_str("#EXT-X-DISCONTINUITY\n")?;
        }
        if let Some(number) = head.init.filter(|_| head.init != *init) {
            writeln!(out, "#EXT-X-MAP:URI=\"{}\"", Name::Init { life: self.life.life, number })?;
            *init = Some(number);
        }
        out.write_str("#EXT-X-PROGRAM-DATE-TIME:")?;
        // hls.js aligns audio to video by their dates. Rounded like this, audio is never thought to be later than it is, which would
        // be as bad as a duration that is rounded up.
        let rounding = match self.shelf.rendition.id {
            RenditionId::Audio(_) => Rounding::Down,
            RenditionId::Video | RenditionId::Muxed => Rounding::Up,
        };
        date::write(out, head.date, rounding)?;
        out.write_char('\n')
    }

    fn write_parts(&self, parts: &[PartEntry], out: &mut String) -> fmt::Result {
        for part in parts {
            write!(
                out,
                "#EXT-X-PART:DURATION={},URI=\"{}\"",
                Seconds(part.duration),
                self.part_name(part.number)
            )?;
            if part.independent {
                out.write_str(",INDEPENDENT=YES")?;
            }
            out.write_str(if part.data.is_none() { ",GAP=YES\n" } else { "\n" })?;
        }
        Ok(())
    }

    fn write_segment(&self, segment: &Shelved, out: &mut String) -> fmt::Result {
        if segment.gap {
            out.write_str("#EXT-X-GAP\n")?;
        }
        let name = Name::Segment {
            life: self.life.life,
            media_sequence: segment.head.media_sequence,
            rendition: self.shelf.rendition.id,
        };
        writeln!(out, "#EXTINF:{},\n{name}", Seconds(segment.duration))
    }

    fn write_open(&self, open: &OpenSegment, init: &mut Option<u64>, out: &mut String) -> fmt::Result {
        self.write_head(&open.head, init, out)?;
        self.write_parts(&open.parts, out)
    }

    /// What tells of the next part, and of the other renditions.
    fn write_edge(&self, out: &mut String) -> fmt::Result {
        if let Some(number) = self.shelf.hint() {
            writeln!(out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}\"", self.part_name(number))?;
        }
        let listed = |id| id != self.shelf.rendition.id && self.granted.contain(id);
        for other in self.all.iter().filter(|other| listed(other.rendition.id)) {
            write_report(other, out)?;
        }
        Ok(())
    }

    fn part_name(&self, number: u64) -> Name {
        Name::Part { life: self.life.life, number, rendition: self.shelf.rendition.id }
    }
}

fn write_report(other: &Shelf, out: &mut String) -> fmt::Result {
    let open = other.open().map(|open| (open.head.media_sequence, open.parts.len()));
    let last = || other.last_segment().map(|segment| (segment.head.media_sequence, segment.parts.len()));
    let Some((media_sequence, parts)) = open.or_else(last) else { return Ok(()) };
    write!(
        out,
        "#EXT-X-RENDITION-REPORT:URI=\"../{}/index.m3u8\",LAST-MSN={media_sequence}",
        other.rendition.id
    )?;
    match parts {
        0 => out.write_char('\n'),
        parts => writeln!(out, ",LAST-PART={}", parts - 1),
    }
}

/// A duration as the playlist says it: clients add those up.
fn as_written(duration: Duration) -> Duration {
    Duration::from_micros(duration.as_micros() as u64 / 10 * 10)
}

/// Seconds with as many decimals as they need, up to five, rounded down: a tick of any clock in use is longer than the error.
///
/// Down, because hls.js looks for what comes next by the end of its buffer, which a browser rounds down to the microsecond: where a
/// segment that it joined in the middle seems to end after that, it asks for the same segment for ever.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = as_written(self.0).as_micros() / 10;
        let (whole, mut fraction, mut digits) = (units / 100_000, units % 100_000, 5);
        while digits > 3 && fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        write!(f, "{whole}.{fraction:0digits$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_decimal_and_rounded_down() {
        let text = |nanos| Seconds(Duration::from_nanos(nanos)).to_string();
        assert_eq!(text(0), "0.000");
        assert_eq!(text(202_000_000), "0.202");
        assert_eq!(text(185_759_637), "0.18575");
        assert_eq!(text(4_004_000_004), "4.004");
        assert_eq!(text(33_366_666), "0.03336");
        assert_eq!(text(2_005_666_666), "2.00566");
    }
}
