//! The cookie with the refresh token.

use hyper::header::{COOKIE, HeaderMap, HeaderValue};
use platform_core::{Secret, WallTime};

/// Its name. The prefix makes browsers insist on `Secure`.
const NAME: &str = "__Secure-pulse_refresh";

/// The token in the cookie of a request.
pub(super) fn read(headers: &HeaderMap) -> Option<Secret> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';'));
    let mut named = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(name, _)| *name == NAME);
    named.next().map(|(_, value)| value.into())
}

/// The `Set-Cookie` of a token that is valid until `end`.
pub(super) fn set(token: &Secret, now: WallTime, end: WallTime) -> Option<HeaderValue> {
    line(token.expose_str()?, end.since(now).as_secs())
}

/// The `Set-Cookie` that removes it.
pub(super) fn clear() -> Option<HeaderValue> {
    line("", 0)
}

fn line(value: &str, seconds: u64) -> Option<HeaderValue> {
    let attributes = "HttpOnly; Secure; SameSite=Strict; Path=/v1/auth";
    let mut header =
        HeaderValue::try_from(format!("{NAME}={value}; Max-Age={seconds}; {attributes}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let now = WallTime::from_unix_ms(0);
        let line = set(&"abc".into(), now, now.plus(std::time::Duration::from_secs(60))).unwrap();
        assert_eq!(
            line.to_str().unwrap(),
            "__Secure-pulse_refresh=abc; Max-Age=60; HttpOnly; Secure; SameSite=Strict; Path=/v1/auth"
        );
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "a=b; __Secure-pulse_refresh=abc; c=d".parse().unwrap());
        assert_eq!(read(&headers), Some("abc".into()));
    }
}
