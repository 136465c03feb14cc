//! The pages that mails lead to: verifying an address, choosing another password, accepting an invitation.
//!
//! They lie in the binary as they are written, so that a link works whether or not the player page was built. What they do is done
//! by the API, when somebody presses a button: fetching a page, as scanners of mails do, changes nothing, and the token is in the
//! fragment, which no server is sent.

use bytes::Bytes;
use hyper::Response;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use super::body::Body;

/// What the pages may do: their own scripts and style, and asking this server. No site may frame them, as passwords are typed here.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! written {
    ($name:literal, $media_type:expr) => {
        ($name, $media_type, include_str!(concat!("../../web/account/", $name)))
    };
}

/// Name, media type and text of all that there is.
const FILES: [(&str, &str, &str); 10] = [
    written!("verify-email.html", HTML),
    written!("reset-password.html", HTML),
    written!("invitation.html", HTML),
    written!("page.css", CSS),
    written!("page.js", SCRIPT),
    written!("api.js", SCRIPT),
    written!("words.js", SCRIPT),
    written!("verify-email.js", SCRIPT),
    written!("reset-password.js", SCRIPT),
    written!("invitation.js", SCRIPT),
];

/// Answers a request for one of the pages, or for what they consist of.
pub(super) fn answer(path: &str) -> Option<Response<Body>> {
    let (_, media_type, text) = FILES.iter().find(|(name, ..)| path == address(name))?;
    Some(file(text, media_type))
}

/// Where a file is served: pages where mails say, the rest beside each other.
fn address(name: &str) -> String {
    match name.strip_suffix(".html") {
        Some(page) => format!("/{page}"),
        None => format!("/account/{name}"),
    }
}

fn file(text: &'static str, media_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Full(Bytes::from_static(text.as_bytes())));
    response.headers_mut().extend([
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (ROBOTS, HeaderValue::from_static("noindex")),
        (OPENER_POLICY, HeaderValue::from_static("same-origin")),
        (RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
    ]);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name and text of those with this ending.
    fn files(ending: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
        FILES.into_iter().filter(move |(name, ..)| name.ends_with(ending)).map(|(name, _, text)| (name, text))
    }

    /// The values of an attribute.
    fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
        let before = format!(" {attribute}=\"");
        html.split(&before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn the_pages_are_kept_nowhere_framed_by_nobody_and_allow_nothing_inline() {
        for path in ["/verify-email", "/reset-password", "/invitation"] {
            let answer = answer(path).unwrap();
            let header = |name: &str| answer.headers()[name].to_str().unwrap();
            assert_eq!(header("cache-control"), "no-store");
            assert_eq!(header("referrer-policy"), "no-referrer");
            assert_eq!(header("x-robots-tag"), "noindex");
            let policy = header("content-security-policy");
            assert!(policy.starts_with("default-src 'none';") && policy.ends_with("frame-ancestors 'none'"));
            for loose in ["unsafe", "data:", "blob:", "*", "http:", "https:"] {
                assert!(!policy.contains(loose), "{policy}");
            }
        }
    }

    /// Without a slash at their beginning they also work where a proxy serves all of this below a path.
    #[test]
    fn all_that_a_page_names_is_served_here() {
        for (page, html) in files(".html") {
            let named: Vec<_> = [values(html, "href"), values(html, "src")].concat();
            assert!(named.len() >= 2, "{page}");
            for name in named {
                assert!(answer(&format!("/{name}")).is_some(), "{page} names {name}");
            }
            for loose in ["<style", " style=", " onclick", "<script>", "://"] {
                assert!(!html.contains(loose), "{page} has {loose}");
            }
        }
        for (script, text) in files(".js") {
            for name in text.split(" from './").skip(1).filter_map(|rest| rest.split('\'').next()) {
                assert!(answer(&format!("/account/{name}")).is_some(), "{script} imports {name}");
            }
        }
    }

    #[test]
    fn every_field_has_a_label_and_a_place_for_what_is_wrong_with_it() {
        for (page, html) in files(".html") {
            let ids = values(html, "id");
            for described in values(html, "aria-describedby").iter().flat_map(|ids| ids.split(' ')) {
                assert!(ids.contains(&described), "{page}: {described}");
            }
            for field in html.split("<input ").skip(1).filter(|field| !field.contains("type=\"checkbox\"")) {
                let id = field.split('"').nth(1).unwrap();
                assert!(values(html, "for").contains(&id), "{page}: {id} has no label");
                assert!(
                    ids.contains(&format!("{id}-error").as_str()),
                    "{page}: {id} has no place for errors"
                );
            }
            assert!(html.contains("role=\"status\"") && html.contains("role=\"alert\""), "{page}");
        }
    }
}
