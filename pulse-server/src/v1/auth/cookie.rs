//! The cookie with the refresh token.

use hyper::header::{COOKIE, HeaderMap, HeaderValue};
use platform_core::{Secret, WallTime};

use crate::v1::failure::Failure;

/// Its name. The prefix makes browsers insist on `Secure`.
const NAME: &str = "__Secure-pulse_refresh";

/// The token in the cookie of a request. Two are refused: one may have been set by a neighbour in the domain.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<Secret>, Failure> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';'));
    let mut named = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(name, _)| *name == NAME);
    let token = named.next().map(|(_, value)| value.into());
    if named.next().is_some() {
        let detail = "The cookie is there twice; remove what other pages of the domain have set.";
        return Err(Failure::parameter(NAME, "duplicate_cookie", detail));
    }
    Ok(token)
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
        assert_eq!(read(&headers).unwrap(), Some("abc".into()));
        assert_eq!(read(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn two_cookies_of_the_name_are_refused_in_one_line_and_in_two() {
        let lines = [
            &["__Secure-pulse_refresh=a; __Secure-pulse_refresh=b"][..],
            &["__Secure-pulse_refresh=a", "__Secure-pulse_refresh=a"],
        ];
        for lines in lines {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, line.parse().unwrap());
            }
            assert_eq!(read(&headers).unwrap_err().status().as_u16(), 400);
        }
    }
}
