//! Counting of requests and minted tokens, for usage and plans.
//!
//! Counted in memory and written down every five seconds (ten where nobody counts media); what a crash loses is what was counted since.
//! Each report is named by the server's start and a number, and counts once.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hyper::Method;
use platform_core::{OrganizationId, ProjectId, Secret};
use tenancy::authority::Target;
use tenancy::gate::Passed;
use tenancy::quota::Resource;
use tenancy::usage::{self, Metric, Used};
use tenancy::{Call, Error, Principal};
use tokio::sync::Notify;

use super::api::Api;

/// Projects and metrics that are counted at once, 100,000; beyond, those of further ones are lost.
const MAX_COUNTS: usize = 100_000;

/// Rows of one report, each of which is two rows in the database: 500.
const MAX_REPORT: usize = 500;

/// Of what something was counted.
type Of = (OrganizationId, Option<ProjectId>, Metric);
type Counts = HashMap<Of, i64>;
/// What is written down in one transaction.
type Report = Vec<(Of, i64)>;

/// What was counted and not written down yet.
pub(crate) struct Metering {
    /// Names this start of the server.
    boot: String,
    state: Mutex<State>,
    /// Organizations that have used their plan's requests of this month, as of the last flush.
    exhausted: RwLock<HashMap<OrganizationId, Exhausted>>,
    /// Told when something is to be written down soon.
    pub(crate) due: Arc<Notify>,
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
    /// Reports with their numbers, each until it is known to be written.
    pending: VecDeque<(u64, Report)>,
    reports: u64,
}

impl Default for Metering {
    fn default() -> Self {
        let boot = Secret::random(10).base32().expose_str().unwrap_or_default().to_owned();
        Self { boot, state: Mutex::default(), exhausted: RwLock::default(), due: Arc::default() }
    }
}

impl Metering {
    /// Refuses an API key whose organization has used its requests of this month: known to the minute.
    pub(super) fn check_key(&self, principal: &Principal) -> Result<(), Error> {
        match principal {
            Principal::Key(key) => self.check(key.organization_id),
            _ => Ok(()),
        }
    }

    /// Refuses a person who changes something of such an organization. What they read, delete and revoke is counted and not refused, so
    /// that they can see why, and end a key that has used it all.
    pub(super) fn check_person(&self, call: &Call, method: &Method) -> Result<(), Error> {
        let spared = matches!(*method, Method::GET | Method::HEAD | Method::DELETE);
        if spared || !matches!(call.principal, Principal::User(_)) {
            return Ok(());
        }
        call.passed()
            .iter()
            .filter_map(Passed::place)
            .try_for_each(|(organization, _)| self.check(organization))
    }

    fn check(&self, organization_id: OrganizationId) -> Result<(), Error> {
        let exhausted = self.exhausted.read().unwrap_or_else(PoisonError::into_inner);
        match exhausted.get(&organization_id) {
            None => Ok(()),
            Some(&Exhausted { limit, current }) => {
                Err(Error::QuotaExceeded { organization_id, resource: Resource::ApiRequests, limit, current })
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
                let (organization_id, resource) = (id, Resource::ApiRequests);
                let refusal = Error::QuotaExceeded { organization_id, resource, limit, current };
                api.quota_notices.tell(&api.db, &api.tenancy, call.now, &refusal);
            }
        }
        *self.exhausted.write().unwrap_or_else(PoisonError::into_inner) = exhausted;
        Ok(())
    }

    /// Counts a request that was answered: of a key for its project, of a person for what the gate has let them through to.
    pub(super) fn count_request(&self, call: &Call) {
        match &call.principal {
            Principal::Key(key) => self.add(key.organization_id, Some(key.project_id), Metric::ApiRequests),
            Principal::User(_) => self.count_person(call, Metric::ApiRequests),
            _ => {}
        }
    }

    /// Counts a minted token.
    pub(super) fn count_token(&self, call: &Call) {
        match &call.principal {
            Principal::Key(key) => self.add(key.organization_id, Some(key.project_id), Metric::TokensMinted),
            _ => self.count_person(call, Metric::TokensMinted),
        }
    }

    /// Counts one, once for each organization.
    fn count_person(&self, call: &Call, metric: Metric) {
        let places: BTreeMap<_, _> = call.passed().iter().filter_map(Passed::place).collect();
        for (organization_id, project_id) in places {
            self.add(organization_id, project_id, metric);
        }
    }

    fn add(&self, organization_id: OrganizationId, project_id: Option<ProjectId>, metric: Metric) {
        self.add_amount((organization_id, project_id, metric), 1);
    }

    /// Counts what streams of a project used.
    pub(crate) fn count_media(
        &self,
        organization_id: OrganizationId,
        project_id: ProjectId,
        metric: Metric,
        amount: i64,
    ) {
        if amount > 0 {
            self.add_amount((organization_id, Some(project_id), metric), amount);
        }
    }

    fn add_amount(&self, of: (OrganizationId, Option<ProjectId>, Metric), amount: i64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.counts.len() < MAX_COUNTS || state.counts.contains_key(&of) {
            let count = state.counts.entry(of).or_default();
            *count = count.saturating_add(amount);
        }
    }

    /// The next report that is to be written: one that may not have been, or a part of what was counted since.
    fn report(&self) -> Option<(u64, Report)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).pending.front().cloned()
    }

    /// Makes reports of what was counted, unless some are left from the last time.
    fn gather(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.pending.is_empty() {
            return;
        }
        let mut counts: Vec<_> = std::mem::take(&mut state.counts).into_iter().collect();
        while !counts.is_empty() {
            let part = counts.split_off(counts.len().saturating_sub(MAX_REPORT));
            state.reports += 1;
            let number = state.reports;
            state.pending.push_back((number, part));
        }
    }

    /// A report is written, by whoever was first.
    fn written(&self, number: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.pending.pop_front_if(|(first, _)| *first == number);
    }

    /// Writes down what was counted, some rows a transaction, so that nobody's writes wait for all of it.
    pub(crate) async fn flush(&self, api: &Arc<Api>, call: &Call) -> Result<(), Error> {
        let mut active = BTreeSet::new();
        // What was left from the last time first, and then what was counted since: it may be the last time.
        for _ in 0..2 {
            self.gather();
            self.write_down(api, call, &mut active).await?;
        }
        self.compare(api, call, active).await
    }

    async fn write_down(
        &self,
        api: &Arc<Api>,
        call: &Call,
        active: &mut BTreeSet<OrganizationId>,
    ) -> Result<(), Error> {
        while let Some((number, counts)) = self.report() {
            active.extend(counts.iter().map(|((organization_id, ..), _)| *organization_id));
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
            self.written(number);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arc_swap::ArcSwap;
    use platform_core::WallTime;
    use platform_core::sql::Db;
    use tenancy::{ApiKeyId, KeyPrincipal, Tenancy};

    use super::*;
    use crate::config::Config;
    use crate::platform;

    const NOW: WallTime = WallTime::from_unix_ms(1_790_000_000_000);

    fn by_key(tenancy: &Tenancy, uuid: u128) -> Call {
        let key = KeyPrincipal {
            id: ApiKeyId::from_uuid(uuid),
            project_id: ProjectId::from_uuid(uuid),
            organization_id: OrganizationId::from_uuid(uuid),
            scopes: Vec::new(),
            limits: Arc::default(),
        };
        tenancy.call(Principal::Key(Arc::new(key)), NOW)
    }

    #[tokio::test]
    async fn a_report_is_the_same_until_it_is_written_and_what_comes_meanwhile_is_in_the_next() {
        let (_, tenancy) = platform::in_memory(NOW).await;
        let metering = Metering::default();
        metering.count_request(&by_key(&tenancy, 1));
        metering.count_request(&tenancy.call(Principal::Anonymous, NOW));
        metering.gather();
        let (number, counts) = metering.report().unwrap();
        metering.count_request(&by_key(&tenancy, 1));
        metering.gather();
        assert_eq!(metering.report().unwrap().0, number);
        assert_eq!(counts[0].1, 1);
        metering.written(number);
        assert!(metering.report().is_none());
        metering.gather();
        let (next, counts) = metering.report().unwrap();
        assert_eq!((next, counts[0].1), (number + 1, 1));
        // Who wrote the first one as well comes late.
        metering.written(number);
        assert_eq!(metering.report().unwrap().0, next);
    }

    #[tokio::test]
    async fn much_is_written_down_in_small_reports() {
        let (_, tenancy) = platform::in_memory(NOW).await;
        let metering = Metering::default();
        for uuid in 0..1_200 {
            metering.count_request(&by_key(&tenancy, uuid));
        }
        metering.gather();
        let (mut sizes, mut numbers) = (Vec::new(), Vec::new());
        while let Some((number, part)) = metering.report() {
            sizes.push(part.len());
            numbers.push(number);
            metering.written(number);
        }
        assert_eq!((sizes, numbers), (vec![500, 500, 200], vec![1, 2, 3]));
    }

    #[tokio::test]
    async fn a_key_whose_organization_has_used_its_requests_is_refused_and_no_other() {
        let (_, tenancy) = platform::in_memory(NOW).await;
        let metering = Metering::default();
        let spent = Exhausted { limit: 10, current: 12 };
        metering.exhausted.write().unwrap().insert(OrganizationId::from_uuid(1), spent);
        assert!(matches!(
            metering.check_key(&by_key(&tenancy, 1).principal),
            Err(Error::QuotaExceeded { resource: Resource::ApiRequests, limit: 10, current: 12, .. })
        ));
        assert!(metering.check_key(&by_key(&tenancy, 2).principal).is_ok());
        assert!(metering.check_key(&Principal::Anonymous).is_ok());
    }

    /// An organization, and a call of the person who made it.
    async fn organization(db: &Db, tenancy: &Tenancy) -> (OrganizationId, Call) {
        let operator = tenancy.call(Principal::Operator, NOW);
        let person = db.write(operator, |tx, call| {
            Box::pin(async move {
                let password = tenancy::password::hash(&"correct horse battery".into())?;
                let (email, name) = ("sam@example.org".to_owned(), "Sam".to_owned());
                let registration = tenancy::user::Registration { email, name, password };
                tenancy::user::create(tx, call, &registration, false).await
            })
        });
        let session_id = tenancy.id(NOW);
        let user = tenancy::UserPrincipal { id: person.await.unwrap().id, session_id, is_admin: false };
        let call = tenancy.call(Principal::User(user), NOW);
        let created =
            db.write(call.clone(), |tx, call| Box::pin(tenancy::organization::create(tx, call, "Acme")));
        (created.await.unwrap().id, call)
    }

    #[tokio::test]
    async fn a_flush_writes_what_was_left_from_the_last_time_and_what_was_counted_since() {
        let (db, tenancy) = platform::in_memory(NOW).await;
        let (organization_id, call) = organization(&db, &tenancy).await;
        let api = Arc::new(Api::new(db, tenancy, &Arc::new(ArcSwap::from_pointee(Config::default()))));
        let metering = Metering::default();
        let count = || metering.add(organization_id, None, Metric::ApiRequests);
        count();
        // As after a write that failed.
        metering.gather();
        count();
        let system = api.tenancy.call(Principal::System, call.now);
        metering.flush(&api, &system).await.unwrap();
        let mut tx = api.db.read().await.unwrap();
        let used = usage::of_month(&mut tx, organization_id, &[Metric::ApiRequests], NOW).await.unwrap();
        assert_eq!(used[&Metric::ApiRequests], 2);
    }

    #[tokio::test]
    async fn what_people_ask_for_counts_for_the_organization_it_lies_in_and_changes_end_with_its_requests() {
        let (db, tenancy) = platform::in_memory(NOW).await;
        let (organization_id, call) = organization(&db, &tenancy).await;
        let (metering, call) = (Metering::default(), call.noting());
        tenancy::organization::read(&mut db.read().await.unwrap(), &call, organization_id).await.unwrap();
        metering.count_request(&call);
        metering.gather();
        let (_, counts) = metering.report().unwrap();
        assert_eq!(counts, [((organization_id, None, Metric::ApiRequests), 1)]);
        let spent = Exhausted { limit: 10, current: 10 };
        metering.exhausted.write().unwrap().insert(organization_id, spent);
        for (method, spared) in
            [(Method::GET, true), (Method::DELETE, true), (Method::POST, false), (Method::PATCH, false)]
        {
            assert_eq!(metering.check_person(&call, &method).is_ok(), spared, "{method}");
        }
        let elsewhere = tenancy.call(call.principal.clone(), NOW).noting();
        assert!(metering.check_person(&elsewhere, &Method::POST).is_ok());
    }
}
