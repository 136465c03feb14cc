//! Who asks: credentials in the headers of a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName};
use platform_core::Secret;

const KEY: HeaderName = HeaderName::from_static("x-pulse-key");
const SECRET: HeaderName = HeaderName::from_static("x-pulse-secret");

/// What a request brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    /// Nothing.
    None,
    /// A person's access token.
    Token(Secret),
    /// A backend's API key.
    Key {
        /// The public part.
        public: String,
        /// The secret part.
        secret: Secret,
    },
    /// Something that cannot be read, or two things at once.
    Broken,
}

/// Reads what a request brought.
pub(super) fn of(headers: &HeaderMap) -> Credentials {
    let authorization = headers.get_all(AUTHORIZATION).iter().count();
    let by_key = headers.contains_key(KEY) || headers.contains_key(SECRET);
    match (authorization, by_key) {
        (0, false) => Credentials::None,
        (0, true) => pulse(headers).unwrap_or(Credentials::Broken),
        (1, false) => standard(headers).unwrap_or(Credentials::Broken),
        _ => Credentials::Broken,
    }
}

fn pulse(headers: &HeaderMap) -> Option<Credentials> {
    // What is there twice may mean something else to whoever stands before this server.
    if [KEY, SECRET].into_iter().any(|name| headers.get_all(name).iter().count() > 1) {
        return None;
    }
    let public = headers.get(KEY)?.to_str().ok()?.to_owned();
    let secret = Secret::new(headers.get(SECRET)?.as_bytes());
    Some(Credentials::Key { public, secret })
}

/// `Bearer` (RFC 6750 §2.1) and `Basic` (RFC 7617 §2).
fn standard(headers: &HeaderMap) -> Option<Credentials> {
    let (scheme, value) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Credentials::Token(value.into()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = Secret::new(STANDARD.decode(value).ok()?);
    let (public, secret) = pair.expose_str()?.split_once(':')?;
    Some(Credentials::Key { public: public.to_owned(), secret: secret.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(&'static str, &str)]) -> Credentials {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        of(&headers)
    }

    #[test]
    fn each_way_is_read_and_two_at_once_are_not() {
        let key = Credentials::Key { public: "pulse_key_a".to_owned(), secret: "pulse_secret_b".into() };
        let basic = format!("Basic {}", STANDARD.encode("pulse_key_a:pulse_secret_b"));
        assert_eq!(read(&[]), Credentials::None);
        assert_eq!(read(&[("authorization", "bearer abc")]), Credentials::Token("abc".into()));
        assert_eq!(read(&[("authorization", &basic)]), key);
        assert_eq!(read(&[("x-pulse-key", "pulse_key_a"), ("x-pulse-secret", "pulse_secret_b")]), key);
        for broken in [
            &[("authorization", "Bearer")][..],
            &[("authorization", "Digest x")],
            &[("authorization", "Basic ###")],
            &[("x-pulse-key", "pulse_key_a")],
            &[("x-pulse-secret", "pulse_secret_b")],
            &[("authorization", "Bearer a"), ("authorization", "Bearer b")],
            &[("authorization", &basic), ("x-pulse-key", "pulse_key_a")],
            &[("x-pulse-key", "pulse_key_a"), ("x-pulse-key", "b"), ("x-pulse-secret", "pulse_secret_b")],
            &[("x-pulse-key", "pulse_key_a"), ("x-pulse-secret", "pulse_secret_b"), ("x-pulse-secret", "c")],
        ] {
            assert_eq!(read(broken), Credentials::Broken, "{broken:?}");
        }
    }
}
