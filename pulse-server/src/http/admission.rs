//! What admission needs of a request, and what a refusal looks like over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::StatusCode;

use super::App;
use super::head::Head;
use super::problem::Problem;
use crate::authority::{Client, Denied, DeniedCode, View};
use crate::config::Secret;
use crate::stream_id::StreamId;

/// Parameters of a request that are handed on: as many as of an RTMP peer.
const MAX_PARAMS: usize = 32;
/// When to ask again for a place. One is free three target durations after its viewer went, so soon after that somebody has it.
const FULL_RETRY: Duration = Duration::from_secs(5);
/// When to ask again where the month's allowance is used up: only its operator, or the next month, ends that.
const USED_UP_RETRY: Duration = Duration::from_secs(60);

/// `token` of the query.
pub(super) fn token(head: &Head) -> Option<Secret> {
    let mut pairs = head.query()?.split('&').filter_map(|pair| pair.split_once('='));
    // A JWT has no character that needs escaping in a query.
    pairs.find(|(name, _)| *name == "token").map(|(_, value)| Secret::new(value))
}

/// The request to view `stream`.
pub(super) fn view(head: &Head, stream: StreamId, token: Option<Secret>) -> View {
    let app = head.path().split('/').nth(1).unwrap_or_default().to_owned();
    let pairs = form_urlencoded::parse(head.query().unwrap_or_default().as_bytes());
    let params =
        pairs.take(MAX_PARAMS).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let client = Client { app, params, ..Client::default() };
    let referrer = head.referrer.as_deref().map(str::to_owned);
    View { stream, token, remote: head.remote, referrer, session: true, client }
}

/// The answer to somebody who is refused; the operator's log learns why.
pub(super) fn denied(app: &App, stream: &StreamId, remote: SocketAddr, refusal: &Denied) -> Problem {
    let (code, why) = (refusal.code.as_str(), &refusal.why);
    match app.refused_viewers.say() {
        Some(unsaid) => {
            tracing::info!(stream = app.shown(stream), %remote, code, why, unsaid, "viewer refused");
        }
        None => tracing::debug!(stream = app.shown(stream), %remote, code, why, "viewer refused"),
    }
    refused(refusal)
}

/// What a refusal looks like. Of a tenant's plan a viewer learns no more than whether it is worth waiting.
pub(super) fn refused(refusal: &Denied) -> Problem {
    let (status, detail, retry_after) = match refusal.code {
        DeniedCode::UnknownStream => (StatusCode::NOT_FOUND, "There is no such stream.", None),
        DeniedCode::BadCredential => {
            (StatusCode::FORBIDDEN, "The request has no token that opens this stream.", None)
        }
        DeniedCode::LimitReached => (
            StatusCode::TOO_MANY_REQUESTS,
            "There is no place for another viewer at this moment.",
            Some(FULL_RETRY),
        ),
        DeniedCode::UsedUp => (
            StatusCode::TOO_MANY_REQUESTS,
            "The stream takes no new viewers until further notice.",
            Some(USED_UP_RETRY),
        ),
        DeniedCode::TooOften => {
            (StatusCode::TOO_MANY_REQUESTS, "Too many sessions are opened from this address.", None)
        }
        DeniedCode::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, "Admission cannot be decided at this moment.", None)
        }
    };
    let retry_after = refusal.retry_after.or(retry_after);
    Problem { retry_after, ..Problem::new(status, refusal.code.as_str(), detail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_for_a_limit_learns_when_to_come_back_and_what_is_true() {
        let problem =
            |code, retry_after| refused(&Denied { code, retry_after, why: "org_1: 7 of 7".to_owned() });
        let its_own = Duration::from_secs(2);
        for (code, own, retry_after, said) in [
            (DeniedCode::LimitReached, None, FULL_RETRY, "no place"),
            (DeniedCode::LimitReached, Some(its_own), its_own, "no place"),
            (DeniedCode::UsedUp, None, USED_UP_RETRY, "no new viewers"),
            (DeniedCode::TooOften, Some(its_own), its_own, "from this address"),
        ] {
            let problem = problem(code, own);
            assert_eq!((problem.status.as_u16(), problem.code), (429, "limit_reached"));
            assert_eq!(problem.retry_after, Some(retry_after), "{code:?}");
            assert!(problem.detail.contains(said) && !problem.detail.contains('7'), "{}", problem.detail);
        }
        assert_eq!(problem(DeniedCode::BadCredential, None).retry_after, None, "waiting does not help");
    }
}
