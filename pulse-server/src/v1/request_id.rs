//! The id of a request, in its answer, in the log and in the audit log.

use hyper::header::{HeaderMap, HeaderName};
use platform_core::Secret;

/// The header, of requests and of answers.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Bytes of an id that is taken over, 8 to 128.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// The id that the caller gave, if it is harmless in logs and headers; else a new one.
pub(super) fn of(headers: &HeaderMap) -> String {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
    given.filter(|id| is_sane(id)).map_or_else(generate, str::to_owned)
}

fn is_sane(id: &str) -> bool {
    LENGTH.contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

fn generate() -> String {
    let random = Secret::random(15).base32();
    format!("req_{}", random.expose_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_is_taken_over_and_any_other_replaced() {
        let with = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, id.parse().unwrap());
            of(&headers)
        };
        assert_eq!(with("0af7651916cd43dd8448eb211c80319c"), "0af7651916cd43dd8448eb211c80319c");
        let long = "x".repeat(129);
        for other in ["", "short", "with blank", "quote\"quote", &long] {
            assert!(with(other).starts_with("req_"), "{other}");
        }
        assert_ne!(of(&HeaderMap::new()), of(&HeaderMap::new()));
    }
}
