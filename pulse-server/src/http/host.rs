//! `Host` (RFC 9112 §3.2).

use hyper::Version;
use hyper::header::{HOST, HeaderMap};
use hyper::http::uri::Authority;

/// What is wrong where it [is not](is_sound).
pub(crate) const UNSOUND: &str = "A request has one `Host`, a name or an address.";

/// Whether a request names the host it is for as it must: once in HTTP/1.1, at most once elsewhere, and by something that can be one. With two
/// of them a proxy might go by one and this server by the other.
pub(crate) fn is_sound(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version != Version::HTTP_11,
        (Some(_), Some(_)) => false,
        (Some(host), None) if host.is_empty() => true,
        (Some(host), None) => {
            let host = host.as_bytes();
            !host.contains(&b'@') && Authority::try_from(host).is_ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_for_one_host() {
        for (version, hosts, sound) in [
            (Version::HTTP_11, &["example.org"][..], true),
            (Version::HTTP_11, &["example.org:8080"], true),
            (Version::HTTP_11, &["[::1]:8080"], true),
            (Version::HTTP_11, &[""], true),
            (Version::HTTP_11, &[], false),
            (Version::HTTP_11, &["a", "a"], false),
            (Version::HTTP_11, &["a/b"], false),
            (Version::HTTP_11, &["a b"], false),
            (Version::HTTP_11, &["user@a"], false),
            (Version::HTTP_10, &[], true),
            (Version::HTTP_10, &["a", "b"], false),
            (Version::HTTP_2, &[], true),
            (Version::HTTP_2, &["a", "b"], false),
        ] {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, host.parse().unwrap());
            }
            assert_eq!(is_sound(version, &headers), sound, "{version:?} {hosts:?}");
        }
    }
}
