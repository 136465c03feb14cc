//! From which pages a cookie is taken.
//!
//! `SameSite=Strict` keeps browsers from sending it with other sites' requests already; this holds for other origins of the same
//! site too.

use hyper::Uri;
use hyper::header::{HOST, HeaderMap, ORIGIN};

/// What is known of this server's own origins.
pub(super) struct Own<'a> {
    /// Whether the request came over TLS.
    pub(super) secure: bool,
    /// `http.public_url`.
    pub(super) public_url: Option<&'a str>,
    /// `api.dashboard_origins`.
    pub(super) dashboards: &'a [String],
}

impl Own<'_> {
    /// Whether the page that sends a request is one of this server's, or there is no page: browsers name it with every `POST`.
    pub(super) fn sends(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else { return true };
        let (Ok(origin), None) = (origin.to_str(), origins.next()) else { return false };
        let public = self.public_url.is_some_and(|url| origin_of(url) == origin);
        public
            || self.dashboards.iter().any(|allowed| allowed == origin)
            || self.is_host(origin, uri, headers)
    }

    /// Whether an origin is the very host that was asked. Over TLS, here or where `http.public_url` says so, a page that came without it
    /// may be anybody's on the way.
    fn is_host(&self, origin: &str, uri: &Uri, headers: &HeaderMap) -> bool {
        // HTTP/2 has no Host (RFC 9113 §8.3.1), and an absolute target goes before it (RFC 9112 §3.2.2).
        let host = match uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => headers.get(HOST).and_then(|host| host.to_str().ok()),
        };
        let Some(host) = host.filter(|host| !host.is_empty() && !host.contains('@')) else { return false };
        let secure = self.secure || self.public_url.is_some_and(|url| url.starts_with("https://"));
        match origin.split_once("://") {
            Some(("https", page)) => page.eq_ignore_ascii_case(host),
            Some(("http", page)) => !secure && page.eq_ignore_ascii_case(host),
            _ => false,
        }
    }
}

/// Scheme and authority of a URL.
fn origin_of(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(authority..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| authority + at);
    url.get(..end).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(secure: bool, public_url: Option<&str>, target: &str, lines: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let dashboards = ["https://dashboard.example".to_owned()];
        Own { secure, public_url, dashboards: &dashboards }.sends(&target.parse().unwrap(), &headers)
    }

    #[test]
    fn pages_of_the_host_that_was_asked_and_of_the_dashboard_are_own() {
        let host = ("host", "pulse.example:8443");
        for (secure, origin, is_own) in [
            (true, "https://pulse.example:8443", true),
            (true, "http://pulse.example:8443", false),
            (true, "https://pulse.example", false),
            (true, "https://pulse.example:8443.evil.example", false),
            (true, "ftp://pulse.example:8443", false),
            (true, "null", false),
            (true, "", false),
            (true, "https://dashboard.example", true),
            (false, "http://pulse.example:8443", true),
            // A proxy in front has TLS.
            (false, "https://Pulse.example:8443", true),
        ] {
            assert_eq!(
                own(secure, None, "/v1/auth/refresh", &[host, ("origin", origin)]),
                is_own,
                "{origin}"
            );
        }
        assert!(own(true, None, "/", &[host]), "no page");
        let page = ("origin", "https://pulse.example:8443");
        assert!(!own(true, None, "/", &[host, page, page]));
        assert!(!own(true, None, "/", &[("host", ""), ("origin", "https://")]));
    }

    #[test]
    fn over_http_2_the_host_is_in_the_target() {
        let page = ("origin", "https://pulse.example");
        assert!(own(true, None, "https://pulse.example/v1/auth/refresh", &[page]));
        assert!(!own(true, None, "https://other.example/", &[page, ("host", "pulse.example")]));
        assert!(!own(true, None, "https://evil@pulse.example/", &[("origin", "https://evil@pulse.example")]));
    }

    #[test]
    fn the_public_address_counts_as_a_whole_origin_and_says_whether_there_is_tls() {
        let url = Some("https://pulse.example/live/");
        let host = ("host", "10.0.0.7:8080");
        for (origin, is_own) in [
            ("https://pulse.example", true),
            ("https://pulse.example/live", false),
            ("https:", false),
            ("https:/", false),
            ("https://pulse", false),
            ("http://10.0.0.7:8080", false),
        ] {
            assert_eq!(own(false, url, "/", &[host, ("origin", origin)]), is_own, "{origin}");
        }
    }
}
