//! Which addresses are public, by the IANA special-purpose registries (RFC 6890 and its updates).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reach {
    /// Everywhere: the only one to connect to without an exception.
    Public,
    /// `0.0.0.0/8`, `::`: this host.
    Unspecified,
    /// `127.0.0.0/8`, `::1`.
    Loopback,
    /// RFC 1918, RFC 4193, RFC 6598 (shared with carriers), and what IPv6 had instead before.
    Private,
    /// `169.254.0.0/16`, `fe80::/10`. Clouds serve metadata and credentials here.
    LinkLocal,
    /// Where a cloud serves metadata outside of the ranges above.
    Metadata,
    /// Multicast and broadcast.
    Multicast,
    /// For documentation, benchmarks, protocols, or not assigned.
    Reserved,
    /// An IPv4 address inside of an IPv6 one that a translator or tunnel would take out.
    Translated,
    /// Refused by the operator.
    Refused,
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Unspecified | Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "cloud metadata",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
            Self::Translated => "translated",
            Self::Refused => "blocked",
        })
    }
}

impl Reach {
    /// How far `address` reaches. IPv4 within IPv6 is looked into.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => v4(address),
            IpAddr::V6(address) => v6(address),
        }
    }
}

fn v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [0, ..] => Reach::Unspecified,
        [127, ..] => Reach::Loopback,
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => Reach::Private,
        [169, 254, ..] => Reach::LinkLocal,
        // Azure's agents answer at a public address that every virtual machine reaches.
        [168, 63, 129, 16] => Reach::Metadata,
        // IETF protocols (RFC 6890), the 6to4 relays (RFC 7526), benchmarks (RFC 2544).
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] => Reach::Reserved,
        // Documentation (RFC 5737).
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Reach::Reserved,
        [224..=239, ..] | [255, 255, 255, 255] => Reach::Multicast,
        [240..=255, ..] => Reach::Reserved,
        _ => Reach::Public,
    }
}

fn v6(address: Ipv6Addr) -> Reach {
    let [a, b, c, d, e, f, high, low] = address.segments();
    let embedded = || v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match (a, b) {
        _ if address.is_unspecified() => Reach::Unspecified,
        _ if address.is_loopback() => Reach::Loopback,
        // NAT64 (RFC 6052): hosts without IPv4 reach all of it by this prefix, so it is as good as what is inside.
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => match embedded() {
            Reach::Public => Reach::Public,
            _ => Reach::Translated,
        },
        // Multicast, link-local, site-local, unique local.
        (0xff00..=0xffff, _) => Reach::Multicast,
        (0xfe80..=0xfebf, _) => Reach::LinkLocal,
        (0xfec0..=0xfeff | 0xfc00..=0xfdff, _) => Reach::Private,
        // 6to4 (RFC 3056), Teredo (RFC 4380): tunnels of old that may still take the IPv4 address out.
        (0x2002, _) | (0x2001, 0) => Reach::Translated,
        // Protocols and benchmarks, documentation (RFC 3849, RFC 9637).
        (0x2001, 0x0000..=0x01ff | 0x0db8) | (0x3fff, 0x0000..=0x0fff) => Reach::Reserved,
        // ISATAP (RFC 5214) may stand below any prefix.
        (0x2000..=0x3fff, _) if matches!(e, 0 | 0x0200) && f == 0x5efe && embedded() != Reach::Public => {
            Reach::Translated
        }
        // Global unicast is what has been given out so far (RFC 4291 §2.4).
        (0x2000..=0x3fff, _) => Reach::Public,
        // Whatever embeds IPv4 in other ways: compatible (::/96), translated (::ffff:0:0:0/96), local NAT64 (RFC 8215).
        (0 | 0x64, _) => Reach::Translated,
        _ => Reach::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_of_the_ranges() {
        let cases = [
            ("0.0.0.0", Reach::Unspecified),
            ("0.255.255.255", Reach::Unspecified),
            ("1.0.0.0", Reach::Public),
            ("9.255.255.255", Reach::Public),
            ("10.0.0.0", Reach::Private),
            ("10.255.255.255", Reach::Private),
            ("11.0.0.0", Reach::Public),
            ("100.63.255.255", Reach::Public),
            ("100.64.0.0", Reach::Private),
            ("100.100.100.200", Reach::Private),
            ("100.127.255.255", Reach::Private),
            ("100.128.0.0", Reach::Public),
            ("126.255.255.255", Reach::Public),
            ("127.0.0.0", Reach::Loopback),
            ("127.255.255.255", Reach::Loopback),
            ("128.0.0.0", Reach::Public),
            ("168.63.129.15", Reach::Public),
            ("168.63.129.16", Reach::Metadata),
            ("169.253.255.255", Reach::Public),
            ("169.254.169.254", Reach::LinkLocal),
            ("169.255.0.0", Reach::Public),
            ("172.15.255.255", Reach::Public),
            ("172.16.0.0", Reach::Private),
            ("172.31.255.255", Reach::Private),
            ("172.32.0.0", Reach::Public),
            ("192.0.0.192", Reach::Reserved),
            ("192.0.1.0", Reach::Public),
            ("192.0.2.1", Reach::Reserved),
            ("192.88.99.1", Reach::Reserved),
            ("192.167.255.255", Reach::Public),
            ("192.168.0.0", Reach::Private),
            ("192.169.0.0", Reach::Public),
            ("198.17.255.255", Reach::Public),
            ("198.18.0.0", Reach::Reserved),
            ("198.19.255.255", Reach::Reserved),
            ("198.20.0.0", Reach::Public),
            ("198.51.100.7", Reach::Reserved),
            ("203.0.113.7", Reach::Reserved),
            ("223.255.255.255", Reach::Public),
            ("224.0.0.1", Reach::Multicast),
            ("240.0.0.1", Reach::Reserved),
            ("255.255.255.254", Reach::Reserved),
            ("255.255.255.255", Reach::Multicast),
            ("::", Reach::Unspecified),
            ("::1", Reach::Loopback),
            ("::2", Reach::Translated),
            ("::127.0.0.1", Reach::Translated),
            ("::8.8.8.8", Reach::Translated),
            ("::ffff:127.0.0.1", Reach::Loopback),
            ("::ffff:8.8.8.8", Reach::Public),
            ("::ffff:0:127.0.0.1", Reach::Translated),
            ("64:ff9b::8.8.8.8", Reach::Public),
            ("64:ff9b::10.0.0.1", Reach::Translated),
            ("64:ff9b::169.254.169.254", Reach::Translated),
            ("64:ff9b:1::8.8.8.8", Reach::Translated),
            ("64:ff9b:0:1::8.8.8.8", Reach::Translated),
            ("100::1", Reach::Reserved),
            ("2001::1", Reach::Translated),
            ("2001:1::1", Reach::Reserved),
            ("2001:2::1", Reach::Reserved),
            ("2001:10::1", Reach::Reserved),
            ("2001:1ff:ffff::1", Reach::Reserved),
            ("2001:200::1", Reach::Public),
            ("2001:db8::1", Reach::Reserved),
            ("2001:4860:4860::8888", Reach::Public),
            ("2002:7f00:1::1", Reach::Translated),
            ("2003::1", Reach::Public),
            ("2a00::5efe:10.0.0.1", Reach::Translated),
            ("2a00::200:5efe:127.0.0.1", Reach::Translated),
            ("2a00::5efe:8.8.8.8", Reach::Public),
            ("3ffe::1", Reach::Public),
            ("3fff:0fff::1", Reach::Reserved),
            ("3fff:1000::1", Reach::Public),
            ("4000::1", Reach::Reserved),
            ("5f00::1", Reach::Reserved),
            ("fc00::1", Reach::Private),
            ("fd00:ec2::254", Reach::Private),
            ("fe7f::1", Reach::Reserved),
            ("fe80::1", Reach::LinkLocal),
            ("fec0::1", Reach::Private),
            ("ff02::1", Reach::Multicast),
        ];
        for (address, reach) in cases {
            assert_eq!(Reach::of(address.parse().unwrap()), reach, "{address}");
        }
    }
}
