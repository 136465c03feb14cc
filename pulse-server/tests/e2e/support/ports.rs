//! Ports for the servers under test.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// The range lies below Linux's ephemeral ports (from 32768), so that no outgoing connection can take a port between
/// the check here and the server's bind.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A loopback address nobody listens on, never the same twice in a run.
pub(crate) fn free() -> SocketAddr {
    // Two runs at a time begin at different places.
    let offset = u16::try_from(std::process::id() % u32::from(COUNT)).expect("below COUNT, a u16");
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (offset.wrapping_mul(37) % COUNT + step % COUNT) % COUNT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no free port in {FIRST}..{}", FIRST + COUNT);
}
