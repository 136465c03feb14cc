//! Who may publish, play and view.
//!
//! The server asks an [`Authority`] and does what it says; the built-in one knows the configured streams. An answer that takes longer
//! than [`Authority::patience`] is a refusal: admission is closed by default. What the authority takes back while it is in use, it
//! says through [`Authority::revocations`].

mod composed;
mod configured;
mod grants;
mod hook;
mod tenants;
mod terms;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use hls_packager::{RenditionId, Renditions};
use tokio::sync::mpsc;

use crate::config::Secret;
use crate::stream_id::StreamId;

pub(crate) use composed::Composed;
pub use configured::Configured;
pub(crate) use grants::{Grants, Hold};
pub(crate) use tenants::Tenants;
pub use terms::{Credential, Credentials, Revocation, Role, Terms};

/// How long an authority may take to answer.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// An authority's answer, when it comes.
pub type Decision = Pin<Box<dyn Future<Output = Result<Grant, Denied>> + Send>>;

/// Decides who may publish, play and view.
pub trait Authority: Send + Sync + 'static {
    /// May this connection publish?
    fn publish(&self, ask: Publish) -> Decision;

    /// May this connection play over RTMP or HTTP-FLV?
    fn play(&self, ask: View) -> Decision;

    /// May this viewer open an HLS session?
    fn view(&self, ask: View) -> Decision;

    /// May this viewer go on with a session that this process does not know: of a server before it, or beside it, or after a pause in
    /// which it was not counted? Its handle is genuine and has not expired.
    fn resume(&self, ask: Resume) -> Decision;

    /// How long it may take to answer, whatever it asks itself: [`TIMEOUT`].
    fn patience(&self) -> Duration {
        TIMEOUT
    }

    /// What is taken back from now on. Called once, when the server starts. An authority waits when the channel is full, so that
    /// no revocation is lost.
    fn revocations(&self) -> mpsc::Receiver<Revocation>;
}

/// A request to publish.
#[derive(Clone, Debug)]
pub struct Publish {
    /// The stream key as the encoder gave it, percent-decoded, without its query.
    pub key: Secret,
    /// `token` of the query, where there was one.
    pub token: Option<Secret>,
    /// The RTMP application name.
    pub app: String,
    /// Who asks.
    pub remote: SocketAddr,
    /// What it said of itself.
    pub client: Client,
}

/// What a peer said of itself, as it said it. `Debug` prints nothing of it: encoders put tokens anywhere.
#[derive(Clone, Default)]
pub struct Client {
    /// The RTMP application name; `hls` or `flv` for who comes by HTTP.
    pub app: String,
    /// The software, RTMP's `flashVer`.
    pub software: String,
    /// RTMP's `tcUrl`.
    pub tc_url: String,
    /// RTMP's `swfUrl`.
    pub swf_url: String,
    /// RTMP's `pageUrl`.
    pub page_url: String,
    /// The parameters of its query, percent-decoded.
    pub params: Vec<(String, String)>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(…)")
    }
}

/// A request to play or to view.
#[derive(Clone, Debug)]
pub struct View {
    /// The stream.
    pub stream: StreamId,
    /// `token` of the query, where there was one.
    pub token: Option<Secret>,
    /// Who asks.
    pub remote: SocketAddr,
    /// The Referer header, where there was one.
    pub referrer: Option<String>,
    /// Whether a session is to begin, or a player to stay; else it is about one answer, of a stream whose viewers nobody counts.
    pub session: bool,
    /// What it said of itself.
    pub client: Client,
}

/// A request to go on with a session.
#[derive(Clone, Debug)]
pub struct Resume {
    /// The stream.
    pub stream: StreamId,
    /// What the session rests on.
    pub terms: Terms,
    /// When it was opened, in seconds since 1970.
    pub opened: u64,
    /// Who asks.
    pub remote: SocketAddr,
}

/// What was granted.
#[derive(Debug)]
pub struct Grant {
    /// The stream that may be published or seen.
    pub stream: StreamId,
    /// What it may use.
    pub limits: Limits,
    /// What it rests on, for [`Revocation`].
    pub terms: Terms,
    /// Counts the viewer of an HLS session while it watches; `None` where nobody counts, and for players, who are counted by the guard.
    pub seat: Option<Arc<dyn Seat>>,
    /// Held for as long as the grant is in use and then dropped: a slot, a lease, a counter. That of a publisher is held through the
    /// grace period.
    pub guard: Guard,
}

impl Grant {
    /// All of a stream, without an end, on these terms.
    pub fn new(stream: StreamId, terms: Terms) -> Self {
        Self { stream, limits: Limits::default(), terms, seat: None, guard: Guard::default() }
    }
}

/// What a grant may use; `None` is the server's own limit.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Limits {
    /// How long it lasts.
    pub expires_in: Option<Duration>,
    /// Which renditions it shows. RTMP and FLV carry all of them, and are not for who may not see some.
    pub renditions: Renditions,
}

/// A viewer's place. Asked when a session's first media is asked for, and again when it comes back from a pause in which it was not
/// counted.
pub trait Seat: fmt::Debug + Send + Sync {
    /// Takes the place, until what is returned is dropped.
    ///
    /// # Errors
    /// [`Denied`] when there is none left.
    fn take(&self) -> Result<Guard, Denied>;

    /// Whether there are only so many: then nobody watches uncounted.
    fn is_limited(&self) -> bool;
}

/// Something to drop when a grant ends.
#[derive(Default)]
pub struct Guard(Option<Box<dyn Any + Send + Sync>>);

impl Guard {
    /// Keeps `value` until the grant ends.
    pub fn new(value: impl Any + Send + Sync) -> Self {
        Self(Some(Box::new(value)))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Guard(held)" } else { "Guard(none)" })
    }
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Stable machine code; what the peer may learn.
    pub code: DeniedCode,
    /// When asking again may help.
    pub retry_after: Option<Duration>,
    /// For the operator's log, not for the peer.
    pub why: String,
}

/// Kinds of refusal, as the peer sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeniedCode {
    /// There is no such stream.
    UnknownStream,
    /// The key or token does not open it.
    BadCredential,
    /// There is no place left; one may be free in a moment.
    LimitReached,
    /// What may be used in a longer time is used up.
    UsedUp,
    /// Its address asks too often.
    TooOften,
    /// The authority did not answer in time, or could not decide.
    Unavailable,
}

impl DeniedCode {
    /// The `code` of the problem document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownStream => "stream_not_found",
            Self::BadCredential => "access_denied",
            Self::LimitReached | Self::UsedUp | Self::TooOften => "limit_reached",
            Self::Unavailable => "admission_unavailable",
        }
    }
}

/// Waits for a decision, or for a part of one, at most for so long.
pub(crate) async fn decide<T>(
    patience: Duration,
    decision: impl Future<Output = Result<T, Denied>>,
) -> Result<T, Denied> {
    match tokio::time::timeout(patience, decision).await {
        Ok(answer) => answer,
        Err(_) => Err(Denied {
            code: DeniedCode::Unavailable,
            retry_after: Some(Duration::from_secs(2)),
            why: format!("the authority did not answer within {} s", patience.as_secs()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_authority_that_does_not_answer_refuses() {
        let never: Decision = Box::pin(std::future::pending());
        let denied = decide(TIMEOUT, never).await.expect_err("nobody answered");
        assert_eq!(denied.code, DeniedCode::Unavailable);
    }
}
