//! How many RTMP connections are open, in all and by address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Open connections.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// An open connection; closed when dropped.
#[derive(Debug)]
pub struct Counted {
    connections: Connections,
    address: IpAddr,
}

impl Connections {
    /// Counts a connection in; `None` when there are too many, in all or of this address.
    pub fn enter(&self, address: IpAddr, most: usize, most_per_address: usize) -> Option<Counted> {
        let mut open = self.lock();
        let of_address = open.by_address.get(&address).copied().unwrap_or(0);
        if open.total >= most || of_address >= most_per_address {
            return None;
        }
        open.total += 1;
        open.by_address.insert(address, of_address + 1);
        Some(Counted { connections: self.clone(), address })
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
        if let Some(count) = open.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.address);
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
}
