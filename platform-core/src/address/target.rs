//! What a URL asks to connect to.

use std::fmt;
use std::net::IpAddr;

use url::Url;

use super::Refused;

/// A host: a name, or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Lower case, IDNA in ASCII, no dot at the end.
    Name(String),
    /// An address, in whatever form it was written: `0x7f.1` is 127.0.0.1, and `::ffff:127.0.0.1` as well.
    Address(IpAddr),
}

impl Host {
    /// Reads a host as browsers do (WHATWG URL § 3.5), for every scheme: decimal, octal, hexadecimal and shortened IPv4
    /// addresses are addresses, full-width characters are what they look like, a dot at the end does not make another name.
    ///
    /// # Errors
    ///
    /// [`Refused::Host`].
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let host = match url::Host::parse(text).map_err(|_| Refused::Host)? {
            url::Host::Ipv4(address) => return Ok(Self::Address(address.into())),
            url::Host::Ipv6(address) => return Ok(Self::Address(IpAddr::from(address).to_canonical())),
            url::Host::Domain(name) => name,
        };
        let name = host.strip_suffix('.').unwrap_or(&host);
        // A resolver may read what the standard does not take for an address.
        if name.is_empty()
            || name.len() > 253
            || name.split('.').any(|label| label.is_empty() || label.len() > 63)
        {
            return Err(Refused::Host);
        }
        if name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err(Refused::Host);
        }
        Ok(Self::Name(name.to_owned()))
    }
}

impl fmt::Display for Host {
    /// As in a URL: IPv6 in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// A URL that was read: absolute, with a host and a port, without credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    host: Host,
    port: u16,
}

impl Target {
    /// The longest URL that is read.
    pub const MAX_URL_BYTES: usize = 2048;

    pub(super) fn parse(text: &str) -> Result<Self, Refused> {
        if text.len() > Self::MAX_URL_BYTES {
            return Err(Refused::TooLong);
        }
        // The parser would leave them out, and what is stored would not be what is used.
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Refused::Malformed);
        }
        let url = Url::parse(text).map_err(|_| Refused::Malformed)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        let host = match url.host().ok_or(Refused::Malformed)? {
            // Outside of http and ws the parser leaves the host as it is.
            url::Host::Domain(name) => Host::parse(name)?,
            url::Host::Ipv4(address) => Host::Address(address.into()),
            url::Host::Ipv6(address) => Host::Address(IpAddr::from(address).to_canonical()),
        };
        let port = url.port_or_known_default().or(default_port(url.scheme())).ok_or(Refused::Malformed)?;
        if port == 0 {
            return Err(Refused::Port { port });
        }
        Ok(Self { url, host, port })
    }

    /// The scheme, lower case.
    pub fn scheme(&self) -> &str {
        self.url.scheme()
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port, written or the scheme's.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL in its normal form. It may contain a token: not for logs.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Path and query, as the request line has them.
    pub fn path_and_query(&self) -> &str {
        &self.url[url::Position::BeforePath..url::Position::AfterQuery]
    }
}

impl fmt::Debug for Target {
    /// Without path and query, which may contain stream keys and tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}/…", self.scheme(), self.host, self.port)
    }
}

/// Ports of schemes that the URL standard does not know.
fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "rtmp" => Some(1935),
        "rtmps" => Some(443),
        "rtsp" => Some(554),
        _ => None,
    }
}
