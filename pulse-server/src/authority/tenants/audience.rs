//! How many watch an organization's streams at this moment, against what its plan allows.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use platform_core::OrganizationId;
use tenancy::revocation::Tag;

use super::denied;
use crate::authority::{Denied, DeniedCode, Guard, Seat};
use crate::network::Network;

/// The viewers of all organizations on this server. A viewer takes about 60 bytes, one without an id nothing.
#[derive(Debug, Default)]
pub(super) struct Audience {
    houses: Mutex<HashMap<OrganizationId, House>>,
    /// Whose house was full since somebody asked, and how many places it has.
    refused: Mutex<HashMap<OrganizationId, i64>>,
}

#[derive(Debug, Default)]
struct House {
    taken: i64,
    /// Viewers who say who they are, and how often they watch the same stream: they count once for each.
    known: HashMap<Tag, u32>,
    /// Of those who do not, how many come from one network.
    unknown: HashMap<Network, i64>,
    /// When somebody was refused who had less than a fair share of the full house.
    contested: Option<Instant>,
}

impl House {
    fn is_contested(&self, now: Instant) -> bool {
        self.contested.is_some_and(|since| now.saturating_duration_since(since) < CONTEST)
    }
}

impl Audience {
    #[cfg(test)]
    fn of(&self, organization_id: OrganizationId) -> i64 {
        self.houses().get(&organization_id).map_or(0, |house| house.taken)
    }

    /// Whose plan has refused viewers since the last call, and how many it allows.
    pub(super) fn refused(&self) -> HashMap<OrganizationId, i64> {
        std::mem::take(&mut self.refused.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn refuse(&self, organization_id: OrganizationId, limit: i64) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(organization_id, limit);
    }

    fn houses(&self) -> MutexGuard<'_, HashMap<OrganizationId, House>> {
        self.houses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the viewers of an organization.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) audience: Arc<Audience>,
    pub(super) organization_id: OrganizationId,
    /// Who watches, and what: the tag is of a viewer's id and a stream.
    pub(super) viewer: Option<Tag>,
    /// From where.
    pub(super) network: Network,
    /// How many places there are.
    pub(super) limit: Option<i64>,
}

/// Places that one network may have of any plan as long as nobody else wants them. Of a larger one it may have half.
const SMALL: i64 = 50;
/// For how long after others wanted places and found none a network has no new ones beyond half. Its viewers who have gone leave theirs to
/// those others, who come again meanwhile.
const CONTEST: Duration = Duration::from_secs(60);

impl Place {
    /// Whether there is a place for a viewer whom this house does not know.
    fn room(&self, house: Option<&mut House>, limit: i64, now: Instant) -> Result<(), Denied> {
        let Some(house) = house else { return self.in_full(0, limit) };
        let there = house.unknown.get(&self.network).copied().unwrap_or(0);
        if house.taken >= limit && there < limit / 2 {
            house.contested = Some(now);
        }
        self.in_full(house.taken, limit)?;
        // Those who say who they are have tokens that the tenant gave to each.
        let share = match self.viewer {
            Some(_) => limit,
            None if house.is_contested(now) => limit / 2,
            None => SMALL.max(limit / 2),
        };
        if there >= share {
            let why = format!("one address has {there} of the places of {} already", self.organization_id);
            return Err(denied(DeniedCode::LimitReached, why));
        }
        Ok(())
    }

    fn in_full(&self, taken: i64, limit: i64) -> Result<(), Denied> {
        if taken >= limit {
            self.audience.refuse(self.organization_id, limit);
            let why = format!("the plan of {} allows {limit} viewers at once", self.organization_id);
            return Err(denied(DeniedCode::LimitReached, why));
        }
        Ok(())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("organization_id", &self.organization_id).finish_non_exhaustive()
    }
}

impl Seat for Place {
    fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    fn take(&self) -> Result<Guard, Denied> {
        let mut houses = self.audience.houses();
        let known = |house: &House| self.viewer.is_some_and(|viewer| house.known.contains_key(&viewer));
        let counted = houses.get(&self.organization_id).is_some_and(known);
        if let Some(limit) = self.limit.filter(|_| !counted) {
            self.room(houses.get_mut(&self.organization_id), limit, Instant::now())?;
        }
        let house = houses.entry(self.organization_id).or_default();
        house.taken += i64::from(!counted);
        match self.viewer {
            Some(viewer) => *house.known.entry(viewer).or_default() += 1,
            None => *house.unknown.entry(self.network).or_default() += 1,
        }
        Ok(Guard::new(Taken(self.clone())))
    }
}

/// A place that is taken, until it is dropped.
struct Taken(Place);

impl Drop for Taken {
    fn drop(&mut self) {
        let Place { audience, organization_id, viewer, network, .. } = &self.0;
        let mut houses = audience.houses();
        let Some(house) = houses.get_mut(organization_id) else { return };
        let last = match viewer.as_ref().and_then(|viewer| house.known.get_mut(viewer)) {
            None => true,
            Some(times) => {
                *times -= 1;
                *times == 0
            }
        };
        if last {
            house.taken -= 1;
        }
        match viewer {
            Some(viewer) if last => drop(house.known.remove(viewer)),
            Some(_) => {}
            None => {
                let left = house.unknown.get_mut(network).map_or(0, |there| {
                    *there -= 1;
                    *there
                });
                if left == 0 {
                    house.unknown.remove(network);
                }
            }
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
            network: Network::of("192.0.2.1".parse().unwrap()),
            limit: Some(limit),
        }
    }

    #[test]
    fn one_address_does_not_fill_a_large_plan_with_viewers_whom_nobody_knows() {
        let audience = Arc::default();
        let taken: Vec<_> = (0..1_000).map_while(|_| place(&audience, None, 400).take().ok()).collect();
        assert_eq!(taken.len(), 200);
        assert!(place(&audience, Some(7), 400).take().is_ok(), "a viewer with a token of its own");
        let network = Network::of("192.0.2.2".parse().unwrap());
        assert!(Place { network, ..place(&audience, None, 400) }.take().is_ok());
        drop(taken);
        assert!(audience.houses().is_empty());
    }

    #[test]
    fn one_address_fills_a_small_plan_until_others_want_places() {
        let audience = Arc::default();
        let elsewhere = Network::of("192.0.2.2".parse().unwrap());
        let other = || Place { network: elsewhere, ..place(&audience, None, 10) };
        let mut taken: Vec<_> = (0..10).map(|_| place(&audience, None, 10).take().unwrap()).collect();
        assert!(place(&audience, None, 10).take().is_err());
        taken.pop();
        taken.push(place(&audience, None, 10).take().unwrap());
        assert!(other().take().is_err(), "there is none");
        taken.pop();
        assert!(place(&audience, None, 10).take().is_err(), "it is for the others");
        let _there = other().take().unwrap();
        taken.pop();
        let organization_id = OrganizationId::from_uuid(1);
        let since = |contested| audience.houses().get_mut(&organization_id).unwrap().contested = contested;
        since(Instant::now().checked_sub(CONTEST));
        assert!(place(&audience, None, 10).take().is_ok(), "who do not come again");
    }

    #[test]
    fn there_are_as_many_places_as_the_plan_says_and_they_are_given_back() {
        let audience = Arc::default();
        let nobody = place(&audience, None, 3);
        let mut taken: Vec<_> = (0..3).map(|_| nobody.take().unwrap()).collect();
        assert_eq!(nobody.take().unwrap_err().code, DeniedCode::LimitReached);
        assert_eq!(audience.refused(), HashMap::from([(OrganizationId::from_uuid(1), 3)]));
        assert!(audience.refused().is_empty(), "once");
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
