//! How many sessions one address may open, so that a single loop of requests fills neither a plan nor the table of sessions.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};

use crate::authority::{Denied, DeniedCode};
use crate::network::{Network, Site};

/// How often what one network may open all networks of its site may together, 10 times: whoever has 65,536 of them has no more than that.
const SITES: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// Addresses that are known at once, about 100 bytes each. When there are more, those with their full allowance are forgotten; if
/// that does not help, newcomers are not limited: they are too many to be one.
const MAX_KNOWN: usize = 200_000;

/// The sessions that addresses open.
pub(super) struct Minting {
    limiter: DefaultKeyedRateLimiter<Network>,
    sites: DefaultKeyedRateLimiter<Site>,
    clock: DefaultClock,
}

impl Minting {
    /// So many a minute of one address.
    pub(super) fn new(per_minute: u64) -> Self {
        let per_minute =
            NonZeroU32::new(u32::try_from(per_minute).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN);
        Self {
            limiter: RateLimiter::keyed(Quota::per_minute(per_minute)),
            sites: RateLimiter::keyed(Quota::per_minute(per_minute.saturating_mul(SITES))),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a session.
    ///
    /// # Errors
    /// [`Denied`] when the address has opened too many.
    pub(super) fn count(&self, network: Network) -> Result<(), Denied> {
        let until = check(&self.limiter, &network).and_then(|()| check(&self.sites, &Site::of(network)));
        until.map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            Denied {
                code: DeniedCode::TooOften,
                retry_after: Some(Duration::from_secs(wait.as_secs() + 1)),
                why: "its address opens limits.sessions_per_address sessions a minute, or its site many times that"
                    .to_owned(),
            }
        })
    }

    /// Forgets addresses that have their full allowance again.
    pub(super) fn sweep(&self) {
        self.limiter.retain_recent();
        self.sites.retain_recent();
    }
}

fn check<K: Hash + Eq + Clone>(
    limiter: &DefaultKeyedRateLimiter<K>,
    key: &K,
) -> Result<(), NotUntil<<DefaultClock as Clock>::Instant>> {
    if limiter.len() >= MAX_KNOWN {
        limiter.retain_recent();
    }
    if limiter.len() >= MAX_KNOWN {
        return Ok(());
    }
    limiter.check_key(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_opens_so_many_and_another_is_not_concerned() {
        let minting = Minting::new(10);
        let network = |text: &str| Network::of(text.parse().unwrap());
        let opened = (0..1_000).filter(|_| minting.count(network("192.0.2.1")).is_ok()).count();
        assert!((10..=11).contains(&opened), "{opened}");
        let denied = minting.count(network("192.0.2.1")).unwrap_err();
        assert!(denied.retry_after.is_some_and(|wait| wait <= Duration::from_secs(7)), "{denied:?}");
        assert!(minting.count(network("192.0.2.2")).is_ok());
    }

    #[test]
    fn the_networks_of_one_site_open_ten_times_as_many_together_however_many_they_are() {
        let minting = Minting::new(10);
        let of = |site: u32, network: u32| {
            Network::of(format!("2001:db8:{site:x}:{network:x}::1").parse().unwrap())
        };
        let opened = (0..1_000).filter(|network| minting.count(of(1, *network)).is_ok()).count();
        assert!((100..=102).contains(&opened), "{opened}");
        assert!(minting.count(of(2, 1)).is_ok(), "another site");
    }
}
