//! Wrong keys are answered late, so that guessing takes time; how many may wait for their answer is bounded per address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::network::Network;

/// The shortest delay; up to as much again is added at random, so that answers tell nothing by their time.
const DELAY: Duration = Duration::from_secs(1);

/// Refused peers that wait for their answer, by address or IPv6 network.
#[derive(Clone, Debug, Default)]
pub struct Rejections(Arc<Mutex<HashMap<Network, usize>>>);

/// One of them; gone when dropped.
#[derive(Debug)]
pub struct Pending {
    rejections: Rejections,
    network: Network,
}

impl Rejections {
    /// Takes a place among the waiting of `address` (its [`Network`]); `None` when `most` wait already and this one is not worth an answer.
    pub fn enter(&self, address: IpAddr, most: usize) -> Option<Pending> {
        let network = Network::of(address);
        let mut waiting = self.lock();
        let count = waiting.entry(network).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Pending { rejections: self.clone(), network })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    /// How long this one has to wait: 1 to 2 s.
    pub fn delay(&self) -> Duration {
        let mut random = [0; 2];
        // Without random numbers the delay is the same for all, and still a delay.
        let _ = getrandom::fill(&mut random);
        DELAY + DELAY * u32::from(u16::from_le_bytes(random)) / u32::from(u16::MAX)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut waiting = self.rejections.lock();
        if let Some(count) = waiting.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_waiting_and_no_more() {
        let rejections = Rejections::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let first = rejections.enter(address, 2).unwrap();
        let _second = rejections.enter(address, 2).unwrap();
        assert!(rejections.enter(address, 2).is_none());
        assert!(rejections.enter("192.0.2.2".parse().unwrap(), 2).is_some());
        drop(first);
        assert!(rejections.enter(address, 2).is_some());
        assert!((DELAY..=DELAY * 2).contains(&rejections.enter(address, 3).unwrap().delay()));
    }

    #[test]
    fn guessing_from_a_whole_ipv6_network_is_guessing_from_one_address() {
        let rejections = Rejections::default();
        let _held = rejections.enter("2001:db8::1".parse().unwrap(), 1).unwrap();
        assert!(rejections.enter("2001:db8::2".parse().unwrap(), 1).is_none());
        assert!(rejections.enter("::ffff:192.0.2.1".parse().unwrap(), 1).is_some());
    }

    #[test]
    fn addresses_are_forgotten() {
        let rejections = Rejections::default();
        drop(rejections.enter("192.0.2.1".parse().unwrap(), 1));
        assert!(rejections.lock().is_empty());
    }
}
