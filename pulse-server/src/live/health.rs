//! What is wrong with a stream, said so that a broadcaster can mend it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use media_core::TrackId;

use super::signs::{Changes, Sign, gap_detail};

/// What was seen once is told as something that happens now for so long.
const FRESH: Duration = Duration::from_secs(60);

/// An encoder's clock jumped, that of all it sends or the video's alone.
pub(super) const CLOCK_JUMP: &str = "clock_jump";

/// One thing that is wrong, as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Stable machine code.
    pub code: &'static str,
    /// What is wrong.
    pub detail: String,
    /// When it was first seen in this life.
    pub since: SystemTime,
    /// When it was last seen, or said to hold.
    pub last: SystemTime,
    /// How often it was seen.
    pub count: u64,
    /// Where it holds until it is said to be over: a bit for each [`Subject`].
    holders: u32,
}

impl Issue {
    /// Whether it holds, or was seen lately.
    pub fn is_current(&self, now: SystemTime) -> bool {
        self.holders != 0 || now.duration_since(self.last).is_ok_and(|since| since < FRESH)
    }
}

/// What of a stream an issue is of, for what can hold in several places at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject(u32);

impl Subject {
    /// The stream as a whole.
    pub const STREAM: Self = Self(1);

    /// A track; those beyond the fifteenth of a kind share a place.
    pub fn track(id: TrackId) -> Self {
        let place = u32::from(id.index().min(14));
        let first = if id < TrackId::audio(0) { 1 } else { 16 };
        Self(1 << (first + place))
    }
}

/// The issues of one life, one entry a code; the codes are a fixed set, so this is bounded.
#[derive(Debug, Default)]
pub struct Health {
    issues: Mutex<BTreeMap<&'static str, Issue>>,
}

impl Health {
    /// Notes something that happened; returns whether it is new in this life, and thus worth a log line.
    pub fn report(&self, now: SystemTime, code: &'static str, detail: String) -> bool {
        self.note(now, code, detail, 0)
    }

    /// Notes something that holds until it is [over](Self::over); returns whether it is new in this life.
    pub fn hold(&self, now: SystemTime, code: &'static str, subject: Subject, detail: String) -> bool {
        self.note(now, code, detail, subject.0)
    }

    /// Something does not hold any more.
    pub fn over(&self, now: SystemTime, code: &'static str, subject: Subject) {
        if let Some(issue) = self.lock().get_mut(code).filter(|issue| issue.holders & subject.0 != 0) {
            issue.holders &= !subject.0;
            issue.last = now;
        }
    }

    /// Takes over what an encoder was seen to do; what of it is new in this life, and thus worth a log line, by its code.
    pub(super) fn follow(&self, now: SystemTime, changes: &Changes) -> Vec<(&'static str, String)> {
        let mut new = Vec::new();
        if let Some(detail) = changes.gap_ms.map(gap_detail)
            && self.report(now, CLOCK_JUMP, detail.clone())
        {
            new.push((CLOCK_JUMP, detail));
        }
        for sign in Sign::ALL {
            if changes.over.has(sign) {
                self.over(now, sign.code(), Subject::STREAM);
            }
            if changes.hold.has(sign) {
                let detail = changes.values.detail(sign);
                if self.hold(now, sign.code(), Subject::STREAM, detail.clone()) {
                    new.push((sign.code(), detail));
                }
            }
        }
        new
    }

    /// Whether something holds.
    pub fn holds(&self, code: &str) -> bool {
        self.lock().get(code).is_some_and(|issue| issue.holders != 0)
    }

    /// All of them, by code.
    pub fn issues(&self) -> Vec<Issue> {
        self.lock().values().cloned().collect()
    }

    fn note(&self, now: SystemTime, code: &'static str, detail: String, holders: u32) -> bool {
        let mut issues = self.lock();
        match issues.get_mut(code) {
            Some(issue) => {
                issue.count += 1;
                issue.detail = detail;
                issue.last = now;
                issue.holders |= holders;
                false
            }
            None => {
                issues.insert(code, Issue { code, detail, since: now, last: now, count: 1, holders });
                true
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Issue>> {
        self.issues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    #[test]
    fn an_issue_is_new_once() {
        let health = Health::default();
        assert!(health.report(NOW, CLOCK_JUMP, "first".into()));
        assert!(!health.report(NOW, CLOCK_JUMP, "second".into()));
        let issues = health.issues();
        assert_eq!((issues.len(), issues[0].count, issues[0].detail.as_str()), (1, 2, "second"));
    }

    #[test]
    fn what_holds_is_current_until_it_is_over_everywhere() {
        let health = Health::default();
        let later = NOW + FRESH * 2;
        let (sound, picture) = (Subject::track(TrackId::audio(0)), Subject::track(TrackId::video(0)));
        health.hold(NOW, "track_stalled", sound, "sound".into());
        health.hold(NOW, "track_stalled", picture, "picture".into());
        health.over(later, "track_stalled", picture);
        assert!(health.holds("track_stalled") && health.issues()[0].is_current(later + FRESH * 9));
        health.over(later, "track_stalled", sound);
        assert!(!health.holds("track_stalled"));
        let issue = &health.issues()[0];
        assert!(issue.is_current(later + FRESH / 2) && !issue.is_current(later + FRESH));
    }

    #[test]
    fn every_track_has_a_place_that_no_track_of_the_other_kind_has() {
        for n in 0..=255 {
            let (video, audio) = (Subject::track(TrackId::video(n)), Subject::track(TrackId::audio(n)));
            assert_eq!((video.0 & audio.0, (video.0 | audio.0) & Subject::STREAM.0), (0, 0), "{n}");
        }
    }
}
