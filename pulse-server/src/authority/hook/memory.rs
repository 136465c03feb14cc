//! Answers that hold for a moment: a player that opens one playlist after the other, an encoder that tries again and again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use platform_core::ProjectId;
use sha2::{Digest, Sha256};

use super::Answer;

/// How long an answer holds.
const HOLDS: Duration = Duration::from_secs(5);
/// Answers that are kept at once, about 150 bytes each and a name where there is one. Beyond it all are forgotten.
const ANSWERS: usize = 10_000;

/// What was asked, and by whose settings: another URL is another question.
pub(super) type Key = [u8; 32];

/// The answers.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<HashMap<Key, (Instant, Answer)>>);

impl Memory {
    /// The key of a question.
    pub(super) fn key(project_id: ProjectId, url: &str, identity: &[u8]) -> Key {
        let mut digest = Sha256::new();
        for part in [project_id.to_string().as_bytes(), url.as_bytes(), identity] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    /// The answer to it, while it holds.
    pub(super) fn recall(&self, key: &Key, now: Instant) -> Option<Answer> {
        let answers = self.lock();
        let (until, answer) = answers.get(key)?;
        (now < *until).then(|| answer.clone())
    }

    /// Keeps an answer.
    pub(super) fn keep(&self, key: Key, answer: Answer, now: Instant) {
        let mut answers = self.lock();
        if answers.len() >= ANSWERS {
            answers.retain(|_, (until, _)| now < *until);
        }
        if answers.len() >= ANSWERS {
            answers.clear();
        }
        answers.insert(key, (now + HOLDS, answer));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, (Instant, Answer)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_for_a_moment_and_memory_is_bounded() {
        let (memory, now) = (Memory::default(), Instant::now());
        let id = ProjectId::parse("prj_01kas6hwd0f6t8q2mnxk1zr5vb").unwrap();
        let key = Memory::key(id, "http://a/", b"x");
        memory.keep(key, Answer::Denied(403), now);
        assert_eq!(memory.recall(&key, now), Some(Answer::Denied(403)));
        assert_eq!(memory.recall(&key, now + HOLDS), None);
        assert_eq!(memory.recall(&Memory::key(id, "http://b/", b"x"), now), None);
        for n in 0..=ANSWERS {
            memory.keep(Memory::key(id, "u", &n.to_be_bytes()), Answer::Allowed, now);
        }
        assert!(memory.lock().len() <= ANSWERS);
    }
}
