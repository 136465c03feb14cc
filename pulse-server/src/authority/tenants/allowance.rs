//! Organizations that have used up what their plan gives them a month: known in memory, compared every few seconds.

use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock};

use platform_core::OrganizationId;
use tenancy::authority::Target;
use tenancy::quota::Resource;
use tenancy::{Call, Error, usage};

use super::denied;
use crate::authority::{Denied, DeniedCode};
use crate::v1::Api;

/// What media uses by the month.
const MONTHLY: [Resource; 2] = [Resource::StreamingSeconds, Resource::DeliveredBytes];

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
                Err(denied(DeniedCode::LimitReached, why))
            }
        }
    }

    fn read(&self, organization_id: OrganizationId, resource: Resource) -> Option<i64> {
        let spent = self.0.read().unwrap_or_else(PoisonError::into_inner);
        spent.get(&(organization_id, resource)).copied()
    }

    /// Looks anew at those who stream, and at those who had nothing left. Who has newly used up a resource.
    pub(super) async fn compare(
        &self,
        api: &Api,
        call: &Call,
        streaming: &BTreeSet<OrganizationId>,
    ) -> Result<Vec<Spent>, Error> {
        let known: Vec<_> = {
            let spent = self.0.read().unwrap_or_else(PoisonError::into_inner);
            spent.keys().map(|(id, _)| *id).collect()
        };
        let mut spent = HashMap::new();
        for id in streaming.iter().copied().chain(known).collect::<BTreeSet<_>>() {
            let levels = match usage::levels(&mut api.db.read().await?, call, Target::Organization(id)).await
            {
                Err(Error::NotFound | Error::Refused { .. }) => continue,
                levels => levels?,
            };
            for level in levels.iter().filter(|level| MONTHLY.contains(&level.resource)) {
                if let Some(limit) = level.limit.filter(|limit| level.current >= *limit) {
                    let (resource, current) = (level.resource, level.current);
                    spent.insert((id, resource), Spent { organization_id: id, resource, limit, current });
                }
            }
        }
        let mut before = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let new = spent.iter().filter(|(key, _)| !before.contains_key(key));
        let newly = new.map(|(_, spent)| *spent).collect();
        *before = spent.into_iter().map(|(key, spent)| (key, spent.limit)).collect();
        Ok(newly)
    }
}
