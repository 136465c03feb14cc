//! Counting of requests and minted tokens, for usage and plans.
//!
//! Counted in memory and written down once a minute; what a crash loses is a minute of counts. Each report is named by the
//! server's start and a number, and counts once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use platform_core::{OrganizationId, ProjectId, Secret};
use tenancy::usage::{self, Metric, Used};
use tenancy::{Call, Error, Principal};

use super::api::Api;

/// Projects and metrics that are counted at once, 100,000; beyond, counts are written down early or lost.
const MAX_COUNTS: usize = 100_000;

type Counts = HashMap<(OrganizationId, ProjectId, Metric), i64>;

/// What was counted and not written down yet.
pub(crate) struct Metering {
    /// Names this start of the server.
    boot: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counts: Counts,
    /// A report that was sent, with its number, until it is known to be written.
    pending: Option<(u64, Counts)>,
    reports: u64,
}

impl Default for Metering {
    fn default() -> Self {
        let boot = Secret::random(10).base32().expose_str().unwrap_or_default().to_owned();
        Self { boot, state: Mutex::default() }
    }
}

impl Metering {
    /// Counts one, for the project of an API key. Requests of people are nobody's plan's.
    pub(super) fn count(&self, principal: &Principal, metric: Metric) {
        let Principal::Key(key) = principal else { return };
        self.add(key.organization_id, key.project_id, metric);
    }

    /// Counts one for a project.
    pub(super) fn add(&self, organization_id: OrganizationId, project_id: ProjectId, metric: Metric) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.counts.len() < MAX_COUNTS {
            *state.counts.entry((organization_id, project_id, metric)).or_default() += 1;
        }
    }

    /// The report that is to be written: the one that may not have been, or a new one.
    fn report(&self) -> Option<(u64, Counts)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.pending.is_none() && !state.counts.is_empty() {
            state.reports += 1;
            let counts = std::mem::take(&mut state.counts);
            state.pending = Some((state.reports, counts));
        }
        state.pending.clone()
    }

    /// Writes down what was counted.
    pub(crate) async fn flush(&self, api: &Arc<Api>, call: &Call) -> Result<(), Error> {
        let Some((number, counts)) = self.report() else { return Ok(()) };
        let used = counts.into_iter().map(|((organization_id, project_id, metric), amount)| Used {
            organization_id,
            project_id,
            metric,
            at: call.now,
            amount,
        });
        let job = (call.clone(), format!("{}:{number}", self.boot), used.collect::<Vec<_>>());
        let written = api.db.write(job, |tx, (call, report, used)| {
            Box::pin(async move { usage::count(tx, call, report, used).await })
        });
        written.await?;
        self.state.lock().unwrap_or_else(PoisonError::into_inner).pending = None;
        Ok(())
    }
}
