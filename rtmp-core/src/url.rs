//! `rtmp://` URLs, as a client is given them.

use std::fmt;

use crate::command::bounded;
use crate::name::MAX_FIELD_BYTES;

/// The port of `rtmp://` when none is given.
pub const RTMP_PORT: u16 = 1935;
/// The port of `rtmps://` when none is given.
pub const RTMPS_PORT: u16 = 443;

/// Where a client publishes or plays. `Debug` and `Display` show scheme, host and port; the rest is often a secret.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RtmpUrl {
    /// `rtmps`: TLS is to be spoken beneath.
    pub tls: bool,
    /// Host name or address, an IPv6 address without its brackets.
    pub host: Box<str>,
    /// Port; 1935, or 443 for `rtmps`, when none is given.
    pub port: u16,
    /// The application: the path up to its last slash.
    pub app: Box<str>,
    /// The stream name or key: the last path segment and the query.
    pub name: Box<str>,
    /// `tcUrl` of the connect command: scheme, authority as given, application.
    pub tc_url: Box<str>,
}

/// Why text is not an RTMP URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It does not begin with `rtmp://` or `rtmps://`.
    #[error("URL does not begin with rtmp:// or rtmps://")]
    Scheme,
    /// There is no host.
    #[error("URL has no host")]
    Host,
    /// The port is not a number from 1 to 65,535.
    #[error("URL has an invalid port")]
    Port,
    /// It is longer than 8 KiB.
    #[error("URL is longer than 8192 bytes")]
    Length,
}

impl RtmpUrl {
    /// Reads a whole URL: `rtmp://host[:port]/app[/instance]/name[?query]`.
    ///
    /// The last slash of the path divides application from name, as in ffmpeg. With a query in the application
    /// (`rtmp://host/app?vhost=x/name`) the last slash of all does.
    ///
    /// # Errors
    /// [`UrlError`] when it is something else.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let (server, path) = Self::server(url)?;
        let (before_query, query) =
            path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let (app, name) = match (before_query.rsplit_once('/'), query.and_then(|query| query.rfind('/'))) {
            (None, Some(_)) => path.rsplit_once('/').unwrap_or((path, "")),
            (Some((app, _)), _) => (app, path.get(app.len() + 1..).unwrap_or_default()),
            (None, None) => (path, ""),
        };
        Ok(server.with(app, name))
    }

    /// Reads a server's URL and a stream key apart from it, as OBS and the services have them; the whole path is the
    /// application.
    ///
    /// # Errors
    /// [`UrlError`] when `server` is not an RTMP URL.
    pub fn with_key(server: &str, key: &str) -> Result<Self, UrlError> {
        if key.len() > MAX_FIELD_BYTES {
            return Err(UrlError::Length);
        }
        let (server, path) = Self::server(server)?;
        Ok(server.with(path.trim_end_matches('/'), key))
    }

    /// Scheme, host and port, with the authority in `tc_url`; and the path.
    fn server(url: &str) -> Result<(Self, &str), UrlError> {
        if bounded(url, MAX_FIELD_BYTES) != url {
            return Err(UrlError::Length);
        }
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::Scheme)?;
        let tls = match scheme {
            _ if scheme.eq_ignore_ascii_case("rtmp") => false,
            _ if scheme.eq_ignore_ascii_case("rtmps") => true,
            _ => return Err(UrlError::Scheme),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = host_and_port(authority)?;
        let default = if tls { RTMPS_PORT } else { RTMP_PORT };
        let port = port
            .map_or(Ok(default), |port| port.parse().ok().filter(|port| *port > 0).ok_or(UrlError::Port))?;
        let tc_url = format!("{}://{authority}", if tls { "rtmps" } else { "rtmp" });
        let (app, name) = (Box::default(), Box::default());
        Ok((
            Self { tls, host: host.into(), port, app, name, tc_url: tc_url.into() },
            path.trim_start_matches('/'),
        ))
    }

    fn with(mut self, app: &str, name: &str) -> Self {
        self.tc_url = format!("{}/{app}", self.tc_url).into();
        (self.app, self.name) = (app.into(), name.into());
        self
    }
}

fn host_and_port(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(UrlError::Host)?;
            let port =
                if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or(UrlError::Port)?) };
            (host, port)
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() { Err(UrlError::Host) } else { Ok((host, port)) }
}

impl std::str::FromStr for RtmpUrl {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        Self::parse(url)
    }
}

impl fmt::Display for RtmpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rtmps" } else { "rtmp" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}/…", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}/…", self.host, self.port)
        }
    }
}

impl fmt::Debug for RtmpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RtmpUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (String, u16, String, String, String) {
        let url = RtmpUrl::parse(url).expect("valid");
        (url.host.into(), url.port, url.app.into(), url.name.into(), url.tc_url.into())
    }

    fn expect(
        host: &str,
        port: u16,
        app: &str,
        name: &str,
        tc_url: &str,
    ) -> (String, u16, String, String, String) {
        (host.into(), port, app.into(), name.into(), tc_url.into())
    }

    #[test]
    fn the_last_slash_of_the_path_divides() {
        assert_eq!(parts("rtmp://h/live/key"), expect("h", 1935, "live", "key", "rtmp://h/live"));
        assert_eq!(
            parts("RTMP://h:19/a/b/key?t=1/2"),
            expect("h", 19, "a/b", "key?t=1/2", "rtmp://h:19/a/b")
        );
        assert_eq!(parts("rtmps://h/live/key"), expect("h", 443, "live", "key", "rtmps://h/live"));
        assert_eq!(parts("rtmp://h/app?v=x/key"), expect("h", 1935, "app?v=x", "key", "rtmp://h/app?v=x"));
        assert_eq!(parts("rtmp://[::1]:5/live/key"), expect("::1", 5, "live", "key", "rtmp://[::1]:5/live"));
        assert_eq!(parts("rtmp://h/live"), expect("h", 1935, "live", "", "rtmp://h/live"));
        assert_eq!(parts("rtmp://h"), expect("h", 1935, "", "", "rtmp://h/"));
    }

    #[test]
    fn a_key_apart_is_taken_whole() {
        let url = RtmpUrl::with_key("rtmp://h/live/", "a/b?c=d").expect("valid");
        assert_eq!((&*url.app, &*url.name, &*url.tc_url), ("live", "a/b?c=d", "rtmp://h/live"));
    }

    #[test]
    fn other_text_is_refused() {
        for (url, error) in [
            ("http://h/live", UrlError::Scheme),
            ("h/live", UrlError::Scheme),
            ("rtmp:///live", UrlError::Host),
            ("rtmp://[::1/live", UrlError::Host),
            ("rtmp://h:x/live", UrlError::Port),
            ("rtmp://h:0/live", UrlError::Port),
            ("rtmp://h:70000/live", UrlError::Port),
        ] {
            assert_eq!(RtmpUrl::parse(url), Err(error), "{url}");
        }
        let long = format!("rtmp://h/live/{}", "k".repeat(MAX_FIELD_BYTES));
        assert_eq!(RtmpUrl::parse(&long), Err(UrlError::Length));
    }

    #[test]
    fn the_secret_part_is_not_printed() {
        let url = RtmpUrl::parse("rtmp://h/secretapp/secretkey").expect("valid");
        assert_eq!(format!("{url:?} {url}"), "RtmpUrl(rtmp://h:1935/…) rtmp://h:1935/…");
    }
}
