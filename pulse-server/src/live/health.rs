//! What is wrong with a stream, said so that a broadcaster can mend it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// One thing that is wrong, as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Stable machine code.
    pub code: &'static str,
    /// What is wrong and which setting mends it.
    pub detail: String,
    /// When it was first seen in this life.
    pub since: SystemTime,
    /// How often it was seen.
    pub count: u64,
}

/// The issues of one life, one entry a code; the codes are a fixed set, so this is bounded.
#[derive(Debug, Default)]
pub struct Health {
    issues: Mutex<BTreeMap<&'static str, Issue>>,
}

impl Health {
    /// Notes an issue; returns whether it is new in this life, and thus worth a log line.
    pub fn report(&self, now: SystemTime, code: &'static str, detail: String) -> bool {
        let mut issues = self.issues.lock().unwrap_or_else(PoisonError::into_inner);
        match issues.get_mut(code) {
            Some(issue) => {
                issue.count += 1;
                issue.detail = detail;
                false
            }
            None => {
                issues.insert(code, Issue { code, detail, since: now, count: 1 });
                true
            }
        }
    }

    /// All of them, by code.
    pub fn issues(&self) -> Vec<Issue> {
        self.issues.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_is_new_once() {
        let health = Health::default();
        let now = SystemTime::UNIX_EPOCH;
        assert!(health.report(now, "clock_jump", "first".into()));
        assert!(!health.report(now, "clock_jump", "second".into()));
        let issues = health.issues();
        assert_eq!((issues.len(), issues[0].count, issues[0].detail.as_str()), (1, 2, "second"));
    }
}
