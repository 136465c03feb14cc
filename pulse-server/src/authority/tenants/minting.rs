//! How many sessions one address may open, so that a single loop of requests fills neither a plan nor the table of sessions.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::authority::{Denied, DeniedCode};
use crate::network::Network;

/// Addresses that are known at once, about 100 bytes each. When there are more, those with their full allowance are forgotten; if
/// that does not help, newcomers are not limited: they are too many to be one.
const MAX_KNOWN: usize = 200_000;

/// The sessions that addresses open.
pub(super) struct Minting {
    limiter: DefaultKeyedRateLimiter<Network>,
    clock: DefaultClock,
}

impl Minting {
    /// So many a minute of one address.
    pub(super) fn new(per_minute: u64) -> Self {
        let per_minute =
            NonZeroU32::new(u32::try_from(per_minute).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN);
        Self { limiter: RateLimiter::keyed(Quota::per_minute(per_minute)), clock: DefaultClock::default() }
    }

    /// Counts a session.
    ///
    /// # Errors
    /// [`Denied`] when the address has opened too many.
    pub(super) fn count(&self, network: Network) -> Result<(), Denied> {
        if self.limiter.len() >= MAX_KNOWN {
            self.limiter.retain_recent();
        }
        if self.limiter.len() >= MAX_KNOWN {
            return Ok(());
        }
        self.limiter.check_key(&network).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            Denied {
                code: DeniedCode::LimitReached,
                retry_after: Some(Duration::from_secs(wait.as_secs() + 1)),
                why: "its address opens limits.sessions_per_address sessions a minute".to_owned(),
            }
        })
    }

    /// Forgets addresses that have their full allowance again.
    pub(super) fn sweep(&self) {
        self.limiter.retain_recent();
    }
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
}
