//! How many watch an organization's streams at this moment, against what its plan allows.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform_core::OrganizationId;
use tenancy::revocation::Tag;

use super::denied;
use crate::authority::{Denied, DeniedCode, Guard, Seat};

/// The viewers of all organizations on this server. A viewer takes about 60 bytes, one without an id nothing.
#[derive(Debug, Default)]
pub(super) struct Audience(Mutex<HashMap<OrganizationId, House>>);

#[derive(Debug, Default)]
struct House {
    taken: i64,
    /// Viewers who say who they are, and how often they watch the same stream: they count once for each.
    known: HashMap<Tag, u32>,
}

impl Audience {
    #[cfg(test)]
    fn of(&self, organization_id: OrganizationId) -> i64 {
        self.houses().get(&organization_id).map_or(0, |house| house.taken)
    }

    fn houses(&self) -> MutexGuard<'_, HashMap<OrganizationId, House>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the viewers of an organization.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) audience: Arc<Audience>,
    pub(super) organization_id: OrganizationId,
    /// Who watches, and what: the tag is of a viewer's id and a stream.
    pub(super) viewer: Option<Tag>,
    /// How many places there are.
    pub(super) limit: Option<i64>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("organization_id", &self.organization_id).finish_non_exhaustive()
    }
}

impl Seat for Place {
    fn take(&self) -> Result<Guard, Denied> {
        let mut houses = self.audience.houses();
        let taken = houses.get(&self.organization_id).map_or(0, |house| house.taken);
        let known = |house: &House| self.viewer.is_some_and(|viewer| house.known.contains_key(&viewer));
        let counted = houses.get(&self.organization_id).is_some_and(known);
        if let Some(limit) = self.limit.filter(|limit| !counted && taken >= *limit) {
            let why = format!("the plan of {} allows {limit} viewers at once", self.organization_id);
            return Err(denied(DeniedCode::LimitReached, why));
        }
        let house = houses.entry(self.organization_id).or_default();
        house.taken += i64::from(!counted);
        if let Some(viewer) = self.viewer {
            *house.known.entry(viewer).or_default() += 1;
        }
        Ok(Guard::new(Taken(self.clone())))
    }
}

/// A place that is taken, until it is dropped.
struct Taken(Place);

impl Drop for Taken {
    fn drop(&mut self) {
        let Place { audience, organization_id, viewer, .. } = &self.0;
        let mut houses = audience.houses();
        let Some(house) = houses.get_mut(organization_id) else { return };
        let last = match viewer.and_then(|viewer| house.known.get_mut(&viewer)) {
            None => true,
            Some(times) => {
                *times -= 1;
                *times == 0
            }
        };
        if last {
            house.taken -= 1;
            viewer.map(|viewer| house.known.remove(&viewer));
        }
        if house.taken == 0 {
            houses.remove(organization_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(audience: &Arc<Audience>, viewer: Option<u64>, limit: i64) -> Place {
        Place {
            audience: Arc::clone(audience),
            organization_id: OrganizationId::from_uuid(1),
            viewer: viewer.map(Tag),
            limit: Some(limit),
        }
    }

    #[test]
    fn there_are_as_many_places_as_the_plan_says_and_they_are_given_back() {
        let audience = Arc::default();
        let nobody = place(&audience, None, 3);
        let mut taken: Vec<_> = (0..3).map(|_| nobody.take().unwrap()).collect();
        assert_eq!(nobody.take().unwrap_err().code, DeniedCode::LimitReached);
        taken.pop();
        assert!(nobody.take().is_ok());
        drop(taken);
        assert!(audience.houses().is_empty());
    }

    #[test]
    fn a_viewer_who_says_who_it_is_counts_once_for_a_stream() {
        let audience = Arc::default();
        let tabs: Vec<_> = (0..5).map(|_| place(&audience, Some(7), 2).take().unwrap()).collect();
        let other = place(&audience, Some(8), 2).take().unwrap();
        assert_eq!(audience.of(OrganizationId::from_uuid(1)), 2);
        assert!(place(&audience, Some(9), 2).take().is_err());
        assert!(place(&audience, Some(7), 2).take().is_ok(), "it is here already");
        drop(tabs);
        assert!(place(&audience, Some(9), 2).take().is_ok());
        drop(other);
        assert!(audience.houses().is_empty());
    }

    #[test]
    fn a_lowered_limit_refuses_newcomers_and_drops_nobody() {
        let audience = Arc::default();
        let _here: Vec<_> = (0..3).map(|id| place(&audience, Some(id), 3).take().unwrap()).collect();
        assert!(place(&audience, None, 1).take().is_err());
        assert_eq!(audience.of(OrganizationId::from_uuid(1)), 3);
    }
}
