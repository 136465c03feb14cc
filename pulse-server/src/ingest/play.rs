//! An RTMP player: admitted by the authority, attached to the stream's fan-out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rtmp_core::server::{Ending, PlayStart, Rejection};
use rtmp_core::tokio::{PendingPlay, fanout};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use super::halves::Halves;
use super::{Peer, client};
use crate::app::{App, Withdrawn};
use crate::authority::{DeniedCode, Grant, View};
use crate::config::Secret;
use crate::live::{Life, Unplayable};
use crate::stream_id::StreamId;

/// Lets a connection play, or turns it away.
pub(super) async fn admit<I>(peer: Peer, pending: PendingPlay<I>)
where
    I: AsyncRead + AsyncWrite + Halves + Send + Unpin + 'static,
{
    let (app, remote) = (&peer.app, peer.remote);
    let (grant, life, fanout, withdrawn) = match decide(app, &pending, remote).await {
        Ok(admitted) => admitted,
        Err(refusal) => return refuse(app, pending, remote, refusal).await,
    };
    app.counters.plays.fetch_add(1, Relaxed);
    let software = pending.request().connect.software.to_string();
    tracing::info!(stream = %grant.stream, %remote, software, "playing over RTMP");
    let player = pending.accept(&PlayStart::default());
    let player = player.split_with(Halves::halves);
    tokio::spawn(async move {
        let outcome = fanout::play_apart(&fanout, player, async { withdrawn.await.into() }).await;
        tracing::info!(stream = %grant.stream, remote = %peer.remote, why = %outcome, "RTMP player gone");
        // The life's outputs stay for as long as somebody plays them.
        drop(life);
    });
}

/// Why a player is turned away.
struct Refusal {
    rejection: Rejection,
    why: String,
    /// The stream, as far as there was a name of one.
    stream: Option<StreamId>,
    /// Answered late: it may be guessing.
    late: bool,
}

impl Refusal {
    fn new(rejection: Rejection, why: impl Into<String>) -> Self {
        Self { rejection, why: why.into(), stream: None, late: false }
    }

    fn of(self, stream: &StreamId) -> Self {
        Self { stream: Some(stream.clone()), ..self }
    }
}

/// Decides on a player. What it was granted may be taken back from the answer on, while it still waits for the stream's tracks.
async fn decide<I>(
    app: &App,
    pending: &PendingPlay<I>,
    remote: SocketAddr,
) -> Result<(Grant, Arc<Life>, fanout::Fanout, impl Future<Output = Withdrawn> + Send + use<I>), Refusal>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let request = pending.request();
    let stream = StreamId::parse(request.target.key.expose())
        .ok_or_else(|| Refusal::new(Rejection::NotFound, "not a stream's id"))?;
    let token = request.target.params.get("token").map(Secret::new);
    let client = client(&request.target, &request.connect);
    let asked = stream.clone();
    let ask = View { stream, token, remote, referrer: None, session: true, client };
    let (grant, hold) = app.admit(|authority| authority.play(ask)).await.map_err(|denied| Refusal {
        rejection: match denied.code {
            DeniedCode::UnknownStream | DeniedCode::BadCredential => Rejection::NotFound,
            DeniedCode::LimitReached
            | DeniedCode::UsedUp
            | DeniedCode::TooOften
            | DeniedCode::Unavailable => Rejection::Unavailable,
        },
        why: denied.why,
        stream: Some(asked),
        late: denied.code == DeniedCode::BadCredential,
    })?;
    let withdrawn = app.withdrawn(hold, grant.limits.expires_in);
    let refused = |rejection, why| Refusal::new(rejection, why).of(&grant.stream);
    let life = app.registry.find(&grant.stream).and_then(|channel| channel.life());
    let life = life.ok_or_else(|| refused(Rejection::NotFound, "the stream is not live"))?;
    let fanout =
        life.outputs.rtmp(request.capabilities(), request.stream_id).await.map_err(|why| match why {
            Unplayable::Codec => {
                refused(Rejection::Unsupported, "the player did not announce the stream's codecs")
            }
            Unplayable::Wires => {
                refused(Rejection::Unavailable, "too many message stream ids among the players")
            }
        })?;
    Ok((grant, life, fanout, withdrawn))
}

async fn refuse<I>(app: &App, pending: PendingPlay<I>, remote: SocketAddr, refusal: Refusal)
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let stream = refusal.stream.as_ref().map_or_else(|| "[unknown]".to_owned(), |stream| app.shown(stream));
    tracing::info!(stream, %remote, why = refusal.why, "RTMP player refused");
    if refusal.late {
        let most = app.config.load().limits.pending_rejections_per_address;
        let Some(waiting) = app.rejections.enter(remote.ip(), most) else { return };
        sleep(waiting.delay()).await;
    }
    pending.reject(refusal.rejection).await;
}

impl From<Withdrawn> for Ending {
    fn from(why: Withdrawn) -> Self {
        match why {
            Withdrawn::Revoked => Self::Revoked,
            Withdrawn::Draining => Self::Shutdown,
        }
    }
}
