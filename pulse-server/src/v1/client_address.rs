//! Who a request is from, where proxies stand between.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// Where proxies say whom they speak for.
pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Addresses that are looked at in `X-Forwarded-For`, 20; more are no chain of proxies.
const MAX_HOPS: usize = 20;

/// The client's address: the connection's, or where that is a trusted proxy's, the last one in `X-Forwarded-For` that is
/// not. What untrusted peers write there is not believed.
pub(crate) fn of(remote: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let mut client = remote.to_canonical();
    if !is_trusted(client) {
        return client;
    }
    let lines: Vec<&str> =
        headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    for hop in hops.take(MAX_HOPS) {
        let Some(address) = read(hop.trim()) else { break };
        client = address.to_canonical();
        if !is_trusted(client) {
            break;
        }
    }
    client
}

/// An address as proxies write it: alone, or with its port, IPv6 in brackets or not.
fn read(hop: &str) -> Option<IpAddr> {
    if let Ok(address) = hop.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(address) = hop.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// What counts as one client: an IPv4 address, or an IPv6 network of 64 bits.
pub(crate) fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            std::net::Ipv6Addr::from_bits(network).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(remote: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        of(remote.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client("203.0.113.9", &["1.1.1.1"], &[]), "203.0.113.9");
        assert_eq!(client("203.0.113.9", &["1.1.1.1"], &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["1.1.1.1"], &["10.0.0.0/8"]), "1.1.1.1");
        // What the client itself wrote stands before what the proxy added.
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 1.1.1.1"], &["10.0.0.0/8"]), "1.1.1.1");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "1.1.1.1, 10.0.0.2"], &["10.0.0.0/8"]), "1.1.1.1");
        assert_eq!(client("10.0.0.1", &["nonsense"], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(client("::ffff:10.0.0.1", &["1.1.1.1"], &["10.0.0.0/8"]), "1.1.1.1");
    }

    #[test]
    fn an_address_may_have_its_port_and_brackets() {
        for (forwarded, expected) in [
            ("1.1.1.1:50123", "1.1.1.1"),
            ("[2001:db8::1]:50123", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("6.6.6.6, 1.1.1.1:1, 10.0.0.2:2", "1.1.1.1"),
            ("6.6.6.6, unknown", "10.0.0.1"),
            ("6.6.6.6, _hidden", "10.0.0.1"),
            ("1.1.1.1:99999", "10.0.0.1"),
            ("[1.1.1.1", "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[forwarded], &["10.0.0.0/8"]), expected, "{forwarded}");
        }
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let a = group("2001:db8:1:2:3::4".parse().unwrap());
        assert_eq!(a, group("2001:db8:1:2:ffff::1".parse().unwrap()));
        assert_ne!(a, group("2001:db8:1:3::1".parse().unwrap()));
    }
}
