//! Outbound address policy: where the server may connect to on behalf of a tenant.
//!
//! A tenant who chooses an address (a webhook, a destination to forward to, an input to pull) must not reach what only the
//! server can reach: itself, its network, its cloud's metadata service. So a connection is made in these steps:
//!
//! 1. [`AddressPolicy::target`] reads the URL: scheme, port, no credentials, a host. It may be done when the tenant enters
//!    it, for an early answer, and must be done again when it is used.
//! 2. The caller resolves the host, and [`AddressPolicy::pin`] checks *every* address. One that is refused refuses the name,
//!    as a name that resolves inside and outside is an attack.
//! 3. The connection goes to [`Pinned::addresses`], never to the name: a second look-up may answer otherwise. The name is for
//!    the `Host` header and for TLS.
//! 4. Redirects are not followed. Their target is another URL, of the peer's choice.
//!
//! Proxies from the environment must not be used either: they would resolve the name themselves.

mod ranges;
mod resolve;
mod target;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use ipnet::{IpNet, Ipv4Net};

pub use ranges::Reach;
pub use resolve::Resolve;
pub use target::{Host, Target};

/// Most addresses of a name that a [`Pinned`] keeps. All are checked; nobody tries more than a few.
pub const MAX_ADDRESSES: usize = 8;

/// Where the server may connect to on behalf of a tenant. See the [module](self) for how it is used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AddressPolicy {
    /// Schemes that are allowed, lower case. `https` by default.
    pub schemes: Vec<String>,
    /// Ports that are allowed. 80, 443 and everything from 1024 on by default, as tenants could otherwise speak to mail
    /// servers and the like in the server's name.
    pub ports: Vec<RangeInclusive<u16>>,
    /// What the operator allows although it is not public. Nothing by default.
    pub exceptions: Vec<Exception>,
    /// Networks that the operator refuses although they are public: the server's own addresses. None by default.
    pub refused: Vec<IpNet>,
}

impl Default for AddressPolicy {
    fn default() -> Self {
        Self::for_schemes(["https"])
    }
}

/// An operator's exception: a host by name, whatever it resolves to, or a network.
///
/// It lifts the check of addresses; schemes and ports have their own settings. A host by name trusts whoever answers for
/// the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exception {
    /// This host exactly, not those below it; lower case, IDNA in ASCII, no dot at the end.
    Host(String),
    /// Addresses of this network. IPv4 in IPv6 forms counts as IPv4.
    Net(IpNet),
}

impl std::str::FromStr for Exception {
    type Err = Refused;

    /// Reads `10.1.0.0/16`, `10.1.2.3`, `fd00::/8` or `hooks.internal`.
    fn from_str(text: &str) -> Result<Self, Refused> {
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(Self::Net(canonical(net)));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Net(address.to_canonical().into()));
        }
        match Host::parse(text)? {
            Host::Name(name) => Ok(Self::Host(name)),
            Host::Address(address) => Ok(Self::Net(address.into())),
        }
    }
}

/// The network that [`AddressPolicy::check`] compares with: IPv4 in its IPv6 form as IPv4.
fn canonical(net: IpNet) -> IpNet {
    let net = net.trunc();
    match (net.addr().to_canonical(), net.prefix_len().checked_sub(96)) {
        (IpAddr::V4(address), Some(prefix)) if net.addr().is_ipv6() => {
            Ipv4Net::new(address, prefix).map_or(net, IpNet::V4)
        }
        _ => net,
    }
}

impl AddressPolicy {
    /// The default policy for these schemes.
    pub fn for_schemes<S: Into<String>>(schemes: impl IntoIterator<Item = S>) -> Self {
        Self {
            schemes: schemes.into_iter().map(Into::into).collect(),
            ports: vec![80..=80, 443..=443, 1024..=u16::MAX],
            exceptions: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Checks all of a URL but what its host resolves to.
    ///
    /// # Errors
    ///
    /// [`Refused`], for the tenant to read.
    pub fn target(&self, url: &str) -> Result<Target, Refused> {
        let target = Target::parse(url)?;
        if !self.schemes.iter().any(|scheme| scheme == target.scheme()) {
            return Err(Refused::Scheme { allowed: self.schemes.join(", ") });
        }
        if !self.ports.iter().any(|range| range.contains(&target.port())) {
            return Err(Refused::Port { port: target.port() });
        }
        match target.host() {
            Host::Address(address) => self.check(*address)?,
            Host::Name(name) if self.excepts(name) => {}
            // Refused below as well, but only once it is resolved.
            Host::Name(name) if name == "localhost" || name.ends_with(".localhost") => {
                return Err(Refused::Address { reach: Reach::Loopback, resolved: true });
            }
            Host::Name(_) => {}
        }
        Ok(target)
    }

    /// Checks every address that the target's host resolved to and pins the connection to them. For a host that is an
    /// address, `resolved` is not looked at.
    ///
    /// # Errors
    ///
    /// [`Refused::Address`] when one of them is not allowed, [`Refused::Unresolved`] when there is none.
    pub fn pin(&self, target: Target, resolved: impl IntoIterator<Item = IpAddr>) -> Result<Pinned, Refused> {
        let port = target.port();
        let mut addresses = Vec::new();
        match target.host() {
            Host::Address(address) => {
                self.check(*address)?;
                addresses.push(SocketAddr::new(*address, port));
            }
            Host::Name(name) => {
                let excepted = self.excepts(name);
                for address in resolved {
                    if !excepted {
                        self.check(address).map_err(Refused::of_a_name)?;
                    }
                    let address = SocketAddr::new(address, port);
                    if addresses.len() < MAX_ADDRESSES && !addresses.contains(&address) {
                        addresses.push(address);
                    }
                }
            }
        }
        if addresses.is_empty() {
            return Err(Refused::Unresolved);
        }
        Ok(Pinned { target, addresses })
    }

    /// [`target`](Self::target), resolve, [`pin`](Self::pin).
    ///
    /// # Errors
    ///
    /// [`Refused`]. That the host does not resolve may pass.
    pub async fn resolve<R: Resolve>(&self, url: &str, resolver: &R) -> Result<Pinned, Refused> {
        let target = self.target(url)?;
        let resolved = match target.host() {
            Host::Address(_) => Vec::new(),
            Host::Name(name) => resolver.resolve(name).await.map_err(|_| Refused::Unresolved)?,
        };
        self.pin(target, resolved)
    }

    fn excepts(&self, name: &str) -> bool {
        self.exceptions.iter().any(|exception| matches!(exception, Exception::Host(host) if host == name))
    }

    /// Whether a connection may go to this address.
    ///
    /// # Errors
    ///
    /// [`Refused::Address`].
    pub fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let address = address.to_canonical();
        let within = |net: &IpNet| canonical(*net).contains(&address);
        if self.exceptions.iter().any(|exception| matches!(exception, Exception::Net(net) if within(net))) {
            return Ok(());
        }
        let reach = if self.refused.iter().any(within) { Reach::Refused } else { Reach::of(address) };
        if reach == Reach::Public { Ok(()) } else { Err(Refused::Address { reach, resolved: false }) }
    }
}

/// A target with the addresses that were checked. There is no other way to make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    target: Target,
    addresses: Vec<SocketAddr>,
}

impl Pinned {
    /// What was asked for: the URL for the request line, the host for the `Host` header and for TLS.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Where to connect to, in the resolver's order; at least one, [`MAX_ADDRESSES`] at most.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// Why an address is not connected to. The text is for the tenant and does not repeat what a name resolved to, which would
/// tell about the inside of the network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Longer than [`Target::MAX_URL_BYTES`].
    #[error("the URL is longer than {} bytes", Target::MAX_URL_BYTES)]
    TooLong,
    /// No URL, or one without a host.
    #[error("not an absolute URL with a host")]
    Malformed,
    /// No host name and no address.
    #[error("not a host name")]
    Host,
    /// A scheme that is not used here.
    #[error("the scheme is not allowed; use one of: {allowed}")]
    Scheme {
        /// Those that are.
        allowed: String,
    },
    /// A user name or password in the URL. They would end up in logs.
    #[error("the URL contains a user name or password")]
    Credentials,
    /// A port that is not allowed.
    #[error("port {port} is not allowed")]
    Port {
        /// That port.
        port: u16,
    },
    /// An address that is not public.
    #[error("{} {reach} address, which is not allowed", if *.resolved { "the host resolves to a" } else { "it is a" })]
    Address {
        /// What it is instead.
        reach: Reach,
        /// Whether a name resolved to it.
        resolved: bool,
    },
    /// The name has no address. May pass.
    #[error("the host does not resolve")]
    Unresolved,
}

impl Refused {
    fn of_a_name(self) -> Self {
        match self {
            Self::Address { reach, .. } => Self::Address { reach, resolved: true },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
