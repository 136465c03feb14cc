//! When a blocking reload is answered (RFC 8216bis §6.2.5.2).

use std::time::Duration;

use super::request::{Block, Invalid};
use super::shelf::Shelf;

/// `_HLS_msn` may be this far past the last segment.
const ADVANCE_SEGMENTS: u64 = 2;

/// Whether the playlist contains what is asked for.
///
/// # Errors
/// [`Invalid::SequenceTooFar`] and [`Invalid::PartTooFar`].
pub(super) fn is_there(block: Block, shelf: &Shelf, part_target: Duration) -> Result<bool, Invalid> {
    let last = shelf.last_segment().map(|segment| (segment.head.media_sequence, segment.parts.len() as u64));
    let open = shelf.open().map(|open| (open.head.media_sequence, open.parts.len() as u64));
    let last_sequence = match (last, open) {
        (Some((sequence, _)), _) => sequence,
        (None, Some((sequence, _))) => sequence.saturating_sub(1),
        (None, None) => return Ok(false),
    };
    let requested = block.media_sequence;
    if requested > last_sequence.saturating_add(ADVANCE_SEGMENTS) {
        return Err(Invalid::SequenceTooFar { requested, last: last_sequence });
    }
    let Some(part) = block.part else { return Ok(requested <= last_sequence) };
    let open_parts = open.map_or(0, |(_, parts)| parts);
    if requested < last_sequence {
        return Ok(true);
    }
    if requested == last_sequence {
        // A part past the final one is the next segment's first.
        let final_parts = last.map_or(0, |(_, parts)| parts);
        return Ok(part < final_parts || open_parts > 0);
    }
    // The segment in the making, or the one after it, of which nothing is there yet.
    let there = if requested == last_sequence + 1 { open_parts } else { 0 };
    let allowed = (there + advance_parts(part_target)).saturating_sub(1);
    if part > allowed {
        return Err(Invalid::PartTooFar { requested: part, allowed });
    }
    Ok(part < there)
}

/// The Advance Part Limit: `_HLS_part` may exceed the last part by this many.
fn advance_parts(part_target: Duration) -> u64 {
    match part_target < Duration::from_secs(1) {
        true => (3_000 / part_target.as_millis().max(1)) as u64,
        false => 3,
    }
}
