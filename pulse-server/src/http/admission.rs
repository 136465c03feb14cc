//! What admission needs of a request, and what a refusal looks like over HTTP.

use std::net::SocketAddr;

use hyper::StatusCode;

use super::App;
use super::head::Head;
use super::problem::Problem;
use crate::authority::{Client, Denied, DeniedCode, View};
use crate::config::Secret;
use crate::stream_id::StreamId;

/// Parameters of a request that are handed on: as many as of an RTMP peer.
const MAX_PARAMS: usize = 32;

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
    let (stream, code, why) = (app.shown(stream), refusal.code.as_str(), &refusal.why);
    match app.refused_viewers.say() {
        Some(unsaid) => tracing::info!(stream, %remote, code, why, unsaid, "viewer refused"),
        None => tracing::debug!(stream, %remote, code, why, "viewer refused"),
    }
    refused(refusal)
}

/// What a refusal looks like.
pub(super) fn refused(refusal: &Denied) -> Problem {
    let (status, detail) = match refusal.code {
        DeniedCode::UnknownStream => (StatusCode::NOT_FOUND, "There is no such stream."),
        DeniedCode::BadCredential => {
            (StatusCode::FORBIDDEN, "The request has no token that opens this stream.")
        }
        DeniedCode::LimitReached => {
            (StatusCode::TOO_MANY_REQUESTS, "The stream has as many viewers as it takes.")
        }
        DeniedCode::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, "Admission cannot be decided at this moment.")
        }
    };
    Problem { retry_after: refusal.retry_after, ..Problem::new(status, refusal.code.as_str(), detail) }
}
