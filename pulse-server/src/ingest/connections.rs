//! How many RTMP connections are open, in all and by address or IPv6 network.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::network::Network;

/// Open connections.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_network: HashMap<Network, usize>,
}

/// An open connection; closed when dropped.
#[derive(Debug)]
pub struct Counted {
    connections: Connections,
    network: Network,
}

impl Connections {
    /// Counts a connection in; `None` when there are too many, in all or of this address (its [`Network`]).
    pub fn enter(&self, address: IpAddr, most: usize, most_per_address: usize) -> Option<Counted> {
        let network = Network::of(address);
        let mut open = self.lock();
        let of_address = open.by_network.get(&network).copied().unwrap_or(0);
        if open.total >= most || of_address >= most_per_address {
            return None;
        }
        open.total += 1;
        open.by_network.insert(network, of_address + 1);
        Some(Counted { connections: self.clone(), network })
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.total -= 1;
        if let Some(count) = open.by_network.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                open.by_network.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_hold() {
        let connections = Connections::default();
        let [a, b]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
        let first = connections.enter(a, 3, 2);
        let _others = (connections.enter(a, 3, 2).unwrap(), connections.enter(b, 3, 2).unwrap());
        assert!(connections.enter(a, 9, 2).is_none() && connections.enter(b, 3, 2).is_none());
        drop(first);
        assert_eq!(connections.open(), 2);
        assert!(connections.enter(a, 3, 2).is_some());
    }

    #[test]
    fn who_has_a_whole_ipv6_network_has_one_share() {
        let connections = Connections::default();
        let enter = |address: &str| connections.enter(address.parse().unwrap(), 9, 2);
        let _held = [enter("2001:db8::1").unwrap(), enter("2001:db8::2").unwrap()];
        assert!(enter("2001:db8::3").is_none() && enter("2001:db8:0:1::3").is_some());
    }
}
