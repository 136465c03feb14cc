//! A publisher: admitted by the authority and seated in its channel, or turned away.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;

use rtmp_core::Target;
use rtmp_core::server::Rejection;
use rtmp_core::tokio::PendingPublish;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use super::feeding::Feeding;
use super::socket::Unwatch;
use super::{Peer, client};
use crate::app::App;
use crate::authority::{Denied, DeniedCode, Grant, Hold, Publish};
use crate::config::{Secret, fingerprint};
use crate::live::{Feed, Newcomer, Refused};

/// Lets a connection publish, or turns it away.
pub(super) async fn admit<I>(peer: Peer, pending: PendingPublish<I>)
where
    I: AsyncRead + AsyncWrite + Unwatch + Send + Unpin + 'static,
{
    let (app, remote) = (&peer.app, peer.remote);
    let target = &pending.request().target;
    let ask = Publish {
        key: Secret::new(target.key.expose()),
        token: target.params.get("token").map(Secret::new),
        app: target.app.to_string(),
        remote,
        client: client(target, &pending.request().connect),
    };
    let admitted = match app.admit(|authority| authority.publish(ask)).await {
        Ok((grant, hold)) => seat(app, grant, hold, remote),
        Err(denied) => Err(Refusal::of(&denied)),
    };
    let (feed, grant) = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return refuse(app, pending, remote, refusal).await,
    };
    app.counters.publishes.fetch_add(1, Relaxed);
    let encoder = pending.request().connect.software.to_string();
    tracing::info!(stream = %grant.stream, %remote, encoder, "publishing");
    let publisher = pending.accept().await;
    Feeding::new(publisher, feed, grant, peer).start();
}

/// Why a publisher is turned away.
struct Refusal {
    rejection: Rejection,
    why: String,
    /// Answered late: it may be guessing.
    late: bool,
}

impl Refusal {
    fn of(denied: &Denied) -> Self {
        let (rejection, late) = match denied.code {
            DeniedCode::BadCredential | DeniedCode::UnknownStream => (Rejection::BadName, true),
            DeniedCode::LimitReached
            | DeniedCode::UsedUp
            | DeniedCode::TooOften
            | DeniedCode::Unavailable => (Rejection::Unavailable, false),
        };
        Self { rejection, why: denied.why.clone(), late }
    }
}

fn seat(app: &App, mut grant: Grant, mut hold: Hold, remote: SocketAddr) -> Result<(Feed, Grant), Refusal> {
    let config = app.config.load();
    // Streams that anybody may open must not take the places of those that are configured, or tenants'.
    let configured =
        grant.stream.is_tenants() || config.streams.iter().any(|stream| stream.id == grant.stream.as_str());
    let most = if config.open && !configured {
        config.ingest.max_open_streams + config.streams.len()
    } else {
        usize::MAX
    };
    let channel = app.registry.open(&grant.stream, most).map_err(|_| Refusal {
        rejection: Rejection::Unavailable,
        why: "ingest.max_open_streams streams are live".to_owned(),
        late: false,
    })?;
    let newcomer = Newcomer { remote, terms: grant.terms, guard: std::mem::take(&mut grant.guard) };
    match channel.occupy(newcomer, config.ingest.takeover) {
        // From here on the channel's seat is found by revocations; this one was too early for that.
        Ok(_) if hold.is_revoked() => Err(Refusal {
            rejection: Rejection::BadName,
            why: "its key was revoked meanwhile".to_owned(),
            late: true,
        }),
        Ok(feed) => Ok((feed, grant)),
        Err(refused) => {
            let why = match refused {
                Refused::Occupied => "the stream has a publisher and ingest.takeover is \"reject\"",
                Refused::Fight => "two encoders evict each other",
            };
            Err(Refusal { rejection: Rejection::Busy, why: why.to_owned(), late: true })
        }
    }
}

async fn refuse<I>(app: &App, pending: PendingPublish<I>, remote: SocketAddr, refusal: Refusal)
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    app.counters.publishes_refused.fetch_add(1, Relaxed);
    tracing::warn!(%remote, app = %shown_app(&pending.request().target), why = refusal.why, "publisher refused");
    if refusal.late {
        let most = app.config.load().limits.pending_rejections_per_address;
        let Some(waiting) = app.rejections.enter(remote.ip(), most) else {
            return tracing::warn!(%remote, "too many refused peers of this address; disconnected without an answer");
        };
        sleep(waiting.delay()).await;
    }
    pending.reject(refusal.rejection).await;
}

/// Names of applications that encoders come with.
const USUAL_APPS: [&str; 4] = ["live", "app", "stream", "publish"];

/// The application, for the log. Another than the usual may be a key that was put in the wrong field.
fn shown_app(target: &Target) -> Cow<'_, str> {
    if USUAL_APPS.contains(&&*target.app) { (&*target.app).into() } else { fingerprint(&target.app).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_15_a_key_in_the_place_of_the_application_is_not_logged() {
        for key in ["", "live"] {
            let shown = shown_app(&Target::parse("sk_secret", "rtmp://h/sk_secret", key)).into_owned();
            assert!(shown.starts_with("[redacted: 9 characters"), "{shown}");
        }
        assert_eq!(shown_app(&Target::parse("live", "rtmp://h/live", "key")), "live");
    }
}
