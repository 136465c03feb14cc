//! How many reports are made at once: they read as much as there is.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use platform_core::problem::code;
use tenancy::{Principal, UserId};

use crate::v1::failure::Failure;

/// Reports that are made at once, 4.
const MOST: usize = 4;
/// How long one read of the database may take for a report, 10 s.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The reports that are being made, one of a person.
#[derive(Clone, Default)]
pub(in crate::v1) struct Running(Arc<Mutex<HashSet<Option<UserId>>>>);

/// A report that is being made, until dropped.
pub(super) struct Report {
    all: Running,
    of: Option<UserId>,
}

impl Running {
    /// Begins a report for somebody.
    pub(super) fn begin(&self, principal: &Principal) -> Result<Report, Failure> {
        let of = match principal {
            Principal::User(user) => Some(user.id),
            _ => None,
        };
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running.contains(&of) {
            let detail = "You have a report made already; wait for it, or end it.";
            let problem = code::RATE_LIMITED.problem(detail).with("policy", "report");
            return Err(problem.retry_after(Duration::from_secs(2)).into());
        }
        if running.len() >= MOST {
            let problem =
                code::UNAVAILABLE.problem("Other reports are being made at this moment; try again.");
            return Err(problem.retry_after(Duration::from_secs(5)).into());
        }
        running.insert(of);
        Ok(Report { all: self.clone(), of })
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.of);
    }
}

/// A read that does not take for ever.
pub(super) async fn in_time<T>(read: impl Future<Output = Result<T, tenancy::Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(read) => Ok(read?),
        Err(_) => {
            let detail = "Too much is to be read; ask for a shorter time, by `from` and `until`.";
            Err(code::UNAVAILABLE.problem(detail).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use tenancy::UserPrincipal;

    use super::*;

    #[test]
    fn a_person_has_one_report_made_at_once_and_everybody_a_few() {
        let person = |uuid: u128| {
            let id = UserId::from_uuid(uuid);
            let session_id = tenancy::SessionId::from_uuid(uuid);
            Principal::User(UserPrincipal { id, session_id, is_admin: false })
        };
        let running = Running::default();
        let status = |uuid| {
            running.begin(&person(uuid)).map(|_| 200).unwrap_or_else(|failure| failure.status().as_u16())
        };
        let mut reports: Vec<_> = (0..4).map(|uuid| running.begin(&person(uuid)).ok().unwrap()).collect();
        assert_eq!((status(0), status(9)), (429, 503));
        drop(reports.remove(0));
        assert_eq!((status(0), status(1)), (200, 429));
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_takes_too_long_is_given_up() {
        let stuck = in_time(std::future::pending::<Result<(), tenancy::Error>>()).await;
        assert_eq!(stuck.unwrap_err().status().as_u16(), 503);
    }
}
