//! Who counts as one peer where limits go by address.

use std::net::{IpAddr, Ipv6Addr};

/// The network that one customer is given at least: an IPv4 address, or an IPv6 prefix of 64 bits (RFC 6177 §2), within which a single
/// machine can take any address it likes. An IPv4 address that was mapped into IPv6 is the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network(IpAddr);

impl Network {
    /// The network of an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & PREFIX)),
            address => address,
        })
    }
}

/// The network that one customer is given at most, as a rule: an IPv4 address, or an IPv6 prefix of 48 bits (RFC 6177 §2), of which 65,536
/// [networks](Network) can be made. Where many of those would help a peer to more than it should have, a larger limit goes by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Site(Network);

impl Site {
    /// The site of a network.
    pub(crate) fn of(network: Network) -> Self {
        Self(match network.0 {
            IpAddr::V6(address) => Network(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & SITE_PREFIX))),
            IpAddr::V4(_) => network,
        })
    }
}

/// The first 64 bits.
const PREFIX: u128 = !0 << 64;
/// The first 48 bits.
const SITE_PREFIX: u128 = !0 << 80;

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(a: &str, b: &str) -> bool {
        Network::of(a.parse().unwrap()) == Network::of(b.parse().unwrap())
    }

    #[test]
    fn an_ipv6_network_of_64_bits_is_one_peer() {
        assert!(alike("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert!(!alike("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(!alike("::1", "2001:db8::1"));
    }

    #[test]
    fn an_ipv6_network_of_48_bits_is_one_site() {
        let site = |text: &str| Site::of(Network::of(text.parse().unwrap()));
        assert_eq!(site("2001:db8:1:2::1"), site("2001:db8:1:ffff::1"));
        assert_ne!(site("2001:db8:1::1"), site("2001:db8:2::1"));
        assert_eq!(site("192.0.2.1"), site("::ffff:192.0.2.1"));
        assert_ne!(site("192.0.2.1"), site("192.0.2.2"));
    }

    #[test]
    fn an_ipv4_address_is_one_peer_however_it_is_written() {
        assert!(alike("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!alike("192.0.2.1", "192.0.2.2"));
        assert!(!alike("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
    }
}
