//! Counting of requests and minted tokens, for usage and plans.
//!
//! Counted in memory and written down once a minute; what a crash loses is a minute of counts. Each report is named by the
//! server's start and a number, and counts once.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use platform_core::{OrganizationId, ProjectId, Secret};
use tenancy::authority::Target;
use tenancy::quota::Resource;
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
    /// Organizations that have used their plan's requests of this month, as of the last flush.
    exhausted: RwLock<HashMap<OrganizationId, Exhausted>>,
}

/// A limit of requests that is reached.
#[derive(Clone, Copy)]
struct Exhausted {
    limit: i64,
    current: i64,
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
        Self { boot, state: Mutex::default(), exhausted: RwLock::default() }
    }
}

impl Metering {
    /// Refuses an API key whose organization has used its requests of this month: known to the minute.
    pub(super) fn check(&self, principal: &Principal) -> Result<(), Error> {
        let Principal::Key(key) = principal else { return Ok(()) };
        let exhausted = self.exhausted.read().unwrap_or_else(PoisonError::into_inner);
        match exhausted.get(&key.organization_id) {
            None => Ok(()),
            Some(&Exhausted { limit, current }) => {
                Err(Error::QuotaExceeded { resource: Resource::ApiRequests, limit, current })
            }
        }
    }

    /// Looks anew at those who have sent requests, and at those who had none left.
    async fn compare(
        &self,
        api: &Arc<Api>,
        call: &Call,
        active: BTreeSet<OrganizationId>,
    ) -> Result<(), Error> {
        let known: Vec<_> =
            self.exhausted.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        let mut exhausted = HashMap::new();
        for id in active.into_iter().chain(known).collect::<BTreeSet<_>>() {
            let levels = usage::levels(&mut api.db.read().await?, call, Target::Organization(id)).await;
            let levels = match levels {
                Err(Error::NotFound | Error::Refused { .. }) => continue,
                levels => levels?,
            };
            let level = levels.iter().find(|level| level.resource == Resource::ApiRequests);
            if let Some((limit, current)) = level.and_then(|level| Some((level.limit?, level.current)))
                && current >= limit
            {
                exhausted.insert(id, Exhausted { limit, current });
            }
        }
        *self.exhausted.write().unwrap_or_else(PoisonError::into_inner) = exhausted;
        Ok(())
    }

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
        let Some((number, counts)) = self.report() else {
            return self.compare(api, call, BTreeSet::new()).await;
        };
        let active = counts.keys().map(|(organization_id, ..)| *organization_id).collect();
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
        self.compare(api, call, active).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tenancy::{ApiKeyId, KeyPrincipal};

    use super::*;

    fn key(uuid: u128) -> Principal {
        Principal::Key(Arc::new(KeyPrincipal {
            id: ApiKeyId::from_uuid(uuid),
            project_id: ProjectId::from_uuid(uuid),
            organization_id: OrganizationId::from_uuid(uuid),
            scopes: Vec::new(),
            limits: Arc::default(),
        }))
    }

    #[test]
    fn a_report_is_the_same_until_it_is_written_and_what_comes_meanwhile_is_in_the_next() {
        let metering = Metering::default();
        metering.count(&key(1), Metric::ApiRequests);
        metering.count(&Principal::Anonymous, Metric::ApiRequests);
        let (number, counts) = metering.report().unwrap();
        metering.count(&key(1), Metric::ApiRequests);
        assert_eq!(metering.report().unwrap().0, number);
        assert_eq!(counts.values().sum::<i64>(), 1);
        metering.state.lock().unwrap().pending = None;
        let (next, counts) = metering.report().unwrap();
        assert_eq!((next, counts.values().sum::<i64>()), (number + 1, 1));
    }

    #[test]
    fn who_has_used_their_requests_is_refused_and_nobody_else() {
        let metering = Metering::default();
        let spent = Exhausted { limit: 10, current: 12 };
        metering.exhausted.write().unwrap().insert(OrganizationId::from_uuid(1), spent);
        assert!(matches!(
            metering.check(&key(1)),
            Err(Error::QuotaExceeded { resource: Resource::ApiRequests, limit: 10, current: 12 })
        ));
        assert!(metering.check(&key(2)).is_ok() && metering.check(&Principal::Anonymous).is_ok());
    }
}
