//! Organizations that have used up what their plan gives them a month: known in memory, compared every few seconds.

use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use platform_core::OrganizationId;
use tenancy::Error;
use tenancy::quota::{Level, Resource};

use super::denied;
use crate::authority::{Denied, DeniedCode};

/// What media uses by the month.
pub(super) const MONTHLY: [Resource; 2] = [Resource::StreamingSeconds, Resource::DeliveredBytes];

/// Who has nothing left of what.
#[derive(Debug, Default)]
pub(super) struct Allowance(RwLock<HashMap<(OrganizationId, Resource), i64>>);

/// A resource that was used up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    pub(super) organization_id: OrganizationId,
    pub(super) resource: Resource,
    pub(super) limit: i64,
    pub(super) current: i64,
}

impl Allowance {
    /// Whether something is left of a resource.
    ///
    /// # Errors
    /// [`Denied`] when not.
    pub(super) fn check(&self, organization_id: OrganizationId, resource: Resource) -> Result<(), Denied> {
        match self.read(organization_id, resource) {
            None => Ok(()),
            Some(limit) => {
                let why = format!("{organization_id} has used its {resource} of this month, {limit}");
                Err(denied(DeniedCode::UsedUp, why))
            }
        }
    }

    fn read(&self, organization_id: OrganizationId, resource: Resource) -> Option<i64> {
        self.spent().get(&(organization_id, resource)).copied()
    }

    /// Looks anew at those who stream, and at those who had nothing left: `levels` says what an organization may use by the month
    /// and has. Each is looked at on its own; of whom it cannot be known, what was known holds. Who has newly used up a resource.
    pub(super) async fn compare<F: Future<Output = Result<Vec<Level>, Error>>>(
        &self,
        streaming: &BTreeSet<OrganizationId>,
        levels: impl Fn(OrganizationId) -> F,
    ) -> Vec<Spent> {
        let known: Vec<_> = self.spent().keys().map(|(id, _)| *id).collect();
        let mut newly = Vec::new();
        for id in streaming.iter().copied().chain(known).collect::<BTreeSet<_>>() {
            match levels(id).await {
                Ok(levels) => newly.extend(self.note(id, &levels)),
                Err(Error::NotFound) => drop(self.note(id, &[])),
                Err(error) if error.is_transient() => {
                    tracing::debug!(%error, "what is left of plans is not known; looked at again");
                    // The database would keep each of the others waiting as long.
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, organization_id = %id, "what is left of a plan is not known");
                }
            }
        }
        newly
    }

    /// Takes over what is known of an organization; what of it is news.
    fn note(&self, id: OrganizationId, levels: &[Level]) -> Vec<Spent> {
        let mut spent = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut newly = Vec::new();
        for resource in MONTHLY {
            let level = levels.iter().find(|level| level.resource == resource);
            let used_up = level.and_then(|level| Some((level.limit?, level.current)));
            match used_up.filter(|(limit, current)| current >= limit) {
                Some((limit, current)) => {
                    if spent.insert((id, resource), limit).is_none() {
                        newly.push(Spent { organization_id: id, resource, limit, current });
                    }
                }
                None => drop(spent.remove(&(id, resource))),
            }
        }
        newly
    }

    fn spent(&self) -> RwLockReadGuard<'_, HashMap<(OrganizationId, Resource), i64>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> OrganizationId {
        OrganizationId::from_uuid(number)
    }

    fn used(current: i64) -> Vec<Level> {
        let resource = Resource::DeliveredBytes;
        vec![Level { resource, limit: Some(10), current, resets_at: None }]
    }

    #[tokio::test]
    async fn one_organization_that_cannot_be_looked_at_keeps_nobody_elses_limit_from_holding() {
        let allowance = Allowance::default();
        let (streaming, bytes) = (BTreeSet::from([id(1), id(2), id(3)]), Resource::DeliveredBytes);
        let broken =
            |of| async move { if of == id(2) { Err(Error::internal("broken")) } else { Ok(used(10)) } };
        let newly: Vec<_> =
            allowance.compare(&streaming, broken).await.iter().map(|spent| spent.organization_id).collect();
        assert_eq!(newly, [id(1), id(3)]);
        assert!(allowance.check(id(3), bytes).is_err() && allowance.check(id(2), bytes).is_ok());
        assert!(allowance.compare(&streaming, broken).await.is_empty(), "once");

        // Whoever had nothing left has nothing left while it cannot be known, and has again when it is.
        assert!(allowance.compare(&streaming, |_| async { Err(Error::internal("all")) }).await.is_empty());
        assert!(allowance.check(id(1), bytes).is_err());
        assert!(allowance.compare(&BTreeSet::new(), |_| async { Ok(used(0)) }).await.is_empty());
        assert!(allowance.check(id(1), bytes).is_ok() && allowance.check(id(3), bytes).is_ok());
    }
}
