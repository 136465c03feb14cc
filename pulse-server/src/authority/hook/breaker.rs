//! Spares backends that do not answer, and everybody who would wait for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use platform_core::ProjectId;

/// So many questions in a row without an answer, and the backend is not asked for a while.
const FAILURES: u32 = 5;
/// How long it is not asked; then one question finds out whether it is back.
const PAUSE: Duration = Duration::from_secs(10);
/// Questions to one project's backend at a time. Each is a connection and up to 128 KiB.
const AT_ONCE: usize = 64;
/// Projects that are known at once, about 80 bytes each. Beyond it those without trouble are forgotten.
const PROJECTS: usize = 10_000;

#[derive(Debug, Default)]
struct State {
    under_way: usize,
    failures: u32,
    /// Until when it is not asked.
    until: Option<Instant>,
}

/// What is known of the backends of projects.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<HashMap<ProjectId, State>>);

/// Why a backend is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// It has not answered lately.
    Failing,
    /// It is being asked too much already.
    Busy,
}

/// Leave to ask once. Dropped without a word, as when whoever was decided on has gone, it says nothing of the backend.
#[derive(Debug)]
pub(super) struct Leave {
    breakers: Arc<Breakers>,
    id: ProjectId,
    outcome: Option<Outcome>,
}

/// How the backend did.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Answered,
    Failed,
}

impl Breakers {
    /// Leave to ask the backend of a project.
    pub(super) fn enter(self: &Arc<Self>, id: ProjectId, now: Instant) -> Result<Leave, Closed> {
        let mut all = self.lock();
        if all.len() >= PROJECTS && !all.contains_key(&id) {
            all.retain(|_, state| state.under_way > 0 || state.failures > 0);
            if all.len() >= PROJECTS {
                return Err(Closed::Busy);
            }
        }
        let state = all.entry(id).or_default();
        match state.until {
            Some(until) if now < until => return Err(Closed::Failing),
            // This one finds out; the next ones wait for what it finds.
            Some(_) => state.until = Some(now + PAUSE),
            None if state.under_way >= AT_ONCE => return Err(Closed::Busy),
            None => {}
        }
        state.under_way += 1;
        drop(all);
        Ok(Leave { breakers: Arc::clone(self), id, outcome: None })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave {
    /// The backend has answered, whatever it said.
    pub(super) fn answered(mut self) {
        self.outcome = Some(Outcome::Answered);
    }

    /// The backend has not answered in time, or cannot be reached.
    pub(super) fn failed(mut self) {
        self.outcome = Some(Outcome::Failed);
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        let mut all = self.breakers.lock();
        let Some(state) = all.get_mut(&self.id) else { return };
        state.under_way = state.under_way.saturating_sub(1);
        match self.outcome {
            Some(Outcome::Answered) => (state.failures, state.until) = (0, None),
            Some(Outcome::Failed) => {
                state.failures = state.failures.saturating_add(1);
                if state.failures >= FAILURES {
                    state.until = Some(Instant::now() + PAUSE);
                }
            }
            // Was it to find out whether the backend is back, the next one does.
            None => state.until = state.until.map(|_| Instant::now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ProjectId {
        ProjectId::parse("prj_01kas6hwd0f6t8q2mnxk1zr5vb").unwrap()
    }

    #[test]
    fn a_backend_that_does_not_answer_is_spared_until_one_question_finds_it_back() {
        let breakers = Arc::new(Breakers::default());
        for _ in 0..FAILURES {
            breakers.enter(id(), Instant::now()).unwrap().failed();
        }
        assert_eq!(breakers.enter(id(), Instant::now()).unwrap_err(), Closed::Failing);
        let later = Instant::now() + PAUSE;
        drop(breakers.enter(id(), later).unwrap());
        let probe = breakers.enter(id(), later).expect("who was to find out has gone");
        assert_eq!(breakers.enter(id(), later).unwrap_err(), Closed::Failing, "one finds out");
        probe.answered();
        assert!(breakers.enter(id(), later).is_ok());
    }

    #[test]
    fn answers_between_failures_keep_it_open_and_so_many_ask_at_once() {
        let breakers = Arc::new(Breakers::default());
        for _ in 0..FAILURES * 3 {
            breakers.enter(id(), Instant::now()).unwrap().failed();
            breakers.enter(id(), Instant::now()).unwrap().answered();
        }
        let leaves: Vec<Leave> =
            (0..AT_ONCE).map(|_| breakers.enter(id(), Instant::now()).unwrap()).collect();
        assert_eq!(breakers.enter(id(), Instant::now()).unwrap_err(), Closed::Busy);
        leaves.into_iter().for_each(Leave::answered);
        assert!(breakers.enter(id(), Instant::now()).is_ok());
    }
}
