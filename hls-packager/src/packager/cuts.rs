//! Where segments begin, for all renditions, and on which date.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// The beginning of a segment in every rendition.
///
/// Times are *life time*: nanoseconds on one clock for all tracks, on which presentation runs without a step through every
/// discontinuity, gap and encoder of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// The segment's media sequence number.
    pub(super) media_sequence: u64,
    /// Where it begins.
    pub(super) at_ns: i64,
    /// Whether EXT-X-DISCONTINUITY precedes it.
    pub(super) discontinuity: bool,
    /// What to add to life time for the date, in nanoseconds since 1970. The same in all renditions, so that dates and media
    /// timestamps map consistently (RFC 8216bis §6.2.4).
    pub(super) date_offset_ns: i64,
}

impl Cut {
    /// The date of what is presented at `at_ns`.
    pub(super) fn date(&self, at_ns: i64) -> SystemTime {
        let since_1970 = u64::try_from(at_ns.saturating_add(self.date_offset_ns)).unwrap_or(0);
        SystemTime::UNIX_EPOCH + Duration::from_nanos(since_1970)
    }
}

/// Cuts that some rendition has not passed yet, and the newest.
#[derive(Debug)]
pub(super) struct Cuts {
    cuts: VecDeque<Cut>,
    /// The date offset of the cut before the newest.
    offset_before_ns: i64,
}

impl Cuts {
    pub(super) fn new(first: Cut) -> Self {
        Self { cuts: VecDeque::from([first]), offset_before_ns: first.date_offset_ns }
    }

    /// The cut that begins segment `media_sequence`; `None` before it is known, and long after.
    pub(super) fn find(&self, media_sequence: u64) -> Option<&Cut> {
        let first = self.cuts.front()?.media_sequence;
        self.cuts.get(usize::try_from(media_sequence.checked_sub(first)?).ok()?)
    }

    /// The newest cut: there is always one.
    pub(super) fn newest(&self) -> Cut {
        *self.cuts.back().expect("cuts start with one, and `forget` keeps the newest")
    }

    /// Begins a segment. A discontinuity is dated `date_ns` or where the one before ends, whichever is later (never back); between
    /// discontinuities the date goes on, moved by `step_ns`.
    pub(super) fn push(&mut self, at_ns: i64, discontinuity: Option<i64>, step_ns: i64) -> Cut {
        let newest = self.newest();
        let going_on = newest.date_offset_ns.saturating_add(step_ns);
        let date_offset_ns = match discontinuity {
            Some(date_ns) => date_ns.saturating_sub(at_ns).max(newest.date_offset_ns),
            None => going_on,
        };
        let cut = Cut {
            media_sequence: newest.media_sequence + 1,
            at_ns,
            discontinuity: discontinuity.is_some(),
            date_offset_ns,
        };
        self.offset_before_ns = newest.date_offset_ns;
        self.cuts.push_back(cut);
        cut
    }

    /// Replaces the newest cut by one at `at_ns` with a discontinuity, dated as by [`Self::push`]: a step that the date took at the
    /// replaced one is taken back. For a segment of which nothing was shown.
    pub(super) fn amend(&mut self, at_ns: i64, date_ns: i64) -> Cut {
        let mut cut = self.newest();
        cut.date_offset_ns = date_ns.saturating_sub(at_ns).max(self.offset_before_ns);
        cut.at_ns = at_ns;
        cut.discontinuity = true;
        if let Some(newest) = self.cuts.back_mut() {
            *newest = cut;
        }
        cut
    }

    /// Drops the cuts before segment `media_sequence`, which every rendition has passed.
    pub(super) fn forget(&mut self, media_sequence: u64) {
        while self.cuts.len() > 1 && self.cuts.front().is_some_and(|cut| cut.media_sequence < media_sequence)
        {
            self.cuts.pop_front();
        }
    }
}

/// A wall clock as nanoseconds since 1970; 0 before.
pub(super) fn wall_ns(wall: SystemTime) -> i64 {
    let since_1970 = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn cuts() -> Cuts {
        Cuts::new(Cut { media_sequence: 7, at_ns: 0, discontinuity: false, date_offset_ns: 100 * SECOND })
    }

    #[test]
    fn dates_go_on_between_discontinuities_and_never_back_at_them() {
        let mut cuts = cuts();
        assert_eq!(cuts.push(2 * SECOND, None, 0).date_offset_ns, 100 * SECOND);
        assert_eq!(cuts.push(4 * SECOND, None, -SECOND / 10).date_offset_ns, 100 * SECOND - SECOND / 10);
        let behind = cuts.push(6 * SECOND, Some(20 * SECOND), 0);
        assert_eq!(behind.date_offset_ns, 100 * SECOND - SECOND / 10, "the wall clock went back");
        let ahead = cuts.push(8 * SECOND, Some(208 * SECOND), 0);
        assert_eq!(
            (ahead.media_sequence, ahead.date_offset_ns, ahead.discontinuity),
            (11, 200 * SECOND, true)
        );
    }

    #[test]
    fn a_cut_that_becomes_a_discontinuity_is_not_dated_before_the_end_of_the_segment_before() {
        let mut cuts = cuts();
        cuts.push(2 * SECOND, None, -SECOND / 20);
        let amended = cuts.amend(2 * SECOND, 0);
        assert_eq!((amended.date_offset_ns, amended.discontinuity), (100 * SECOND, true));
        let again = cuts.amend(2 * SECOND, 0);
        assert_eq!(again, amended);
    }

    #[test]
    fn cuts_are_found_by_sequence_until_forgotten() {
        let mut cuts = cuts();
        cuts.push(SECOND, None, 0);
        assert_eq!(cuts.find(8).map(|cut| cut.at_ns), Some(SECOND));
        assert_eq!(cuts.find(9), None);
        cuts.forget(100);
        assert_eq!((cuts.find(7), cuts.newest().media_sequence), (None, 8));
    }
}
