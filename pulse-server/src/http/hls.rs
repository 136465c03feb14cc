//! `/hls/…`: playlists, parts and segments, at once or when they exist.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hls_packager::{Body as Packaged, Cache, Missing, Renditions, Reply, Request, Resource};
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderValue, VARY,
};
use hyper::{Method, Response, StatusCode};

use super::App;
use super::admission::{denied, refused, token, view};
use super::body::{Body, Pieces};
use super::head::Head;
use super::problem::Problem;
use super::range::{Wanted, wanted};
use crate::authority::{self, DeniedCode, View};
use crate::live::{Checked, HANDLE_CHARACTERS, Hls, Phase, SessionRefused, Unknown};
use crate::stream_id::StreamId;

/// Stands for a session where a public stream is fetched through a plain CDN: nobody is counted.
const ANONYMOUS: &str = "-";
/// What the paths of media playlists end with.
const PLAYLIST: &str = "/index.m3u8";
/// As long as a real handle, so that HEAD tells the length without opening a session.
const NO_SESSION: &str = match str::from_utf8(&[b'A'; HANDLE_CHARACTERS]) {
    Ok(text) => text,
    Err(_) => "",
};
/// A playlist smaller than this fits one packet either way.
const WORTH_COMPRESSING: usize = 600;

/// Answers what follows `/hls/`.
pub(super) async fn answer(app: &Arc<App>, head: &Head, rest: &str) -> Result<Response<Body>, Problem> {
    let (stream, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let Some(stream) = StreamId::parse(stream) else { return Err(unknown_stream()) };
    if rest == "index.m3u8" {
        return Box::pin(multivariant(app, head, stream)).await;
    }
    let Some((session, path)) = rest.split_once('/') else { return Err(nothing_here()) };
    media(app, head, &stream, session, path).await
}

/// The multivariant playlist: where a viewer is admitted.
async fn multivariant(app: &Arc<App>, head: &Head, stream: StreamId) -> Result<Response<Body>, Problem> {
    let ask = view(head, stream.clone(), token(head));
    let admitted = app.admit(|authority| authority.view(ask)).await;
    let (grant, mut hold) = admitted.map_err(|refusal| denied(app, &stream, head.remote, &refusal))?;
    let hls = playable(app, &stream)?;
    let arrived = Instant::now();
    let renditions = grant.limits.renditions;
    // Nobody is admitted to what cannot be played yet.
    resource(app, &hls, &Request::multivariant(NO_SESSION, arrived).granted(renditions), None).await?;
    let session = if head.method == Method::HEAD {
        NO_SESSION.to_owned()
    } else {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|_| no_randomness())?;
        app.counters.sessions.fetch_add(1, Relaxed);
        let handle = app.sessions.mint(grant, id).map_err(|_| too_many_sessions())?;
        // From here on the table of sessions has it; what was revoked while the stream was waited for is not handed out.
        if hold.is_revoked() {
            return Err(session_problem(SessionRefused::Revoked));
        }
        handle.as_str().to_owned()
    };
    let request = Request::multivariant(&session, arrived).granted(renditions);
    let resource = resource(app, &hls, &request, None).await?;
    Ok(respond(app, &hls, head, &resource, ""))
}

/// What is below a session.
async fn media(
    app: &Arc<App>,
    head: &Head,
    stream: &StreamId,
    session: &str,
    path: &str,
) -> Result<Response<Body>, Problem> {
    let viewer = Viewer { app, stream, session, playlist: path.ends_with(PLAYLIST) };
    let renditions = if session == ANONYMOUS {
        Box::pin(anonymous(app, head, stream)).await?
    } else {
        match app.sessions.check(stream, session, viewer.playlist) {
            Ok(Checked::Known(renditions)) => renditions,
            Ok(Checked::Unknown(unknown)) => Box::pin(viewer.resume(head, &unknown)).await?,
            Err(refused) => return Err(session_problem(refused)),
        }
    };
    let hls = packaged(app, stream)?;
    let request = Request::parse(path, head.query(), Instant::now()).granted(renditions);
    let resource = resource(app, &hls, &request, Some(&viewer)).await?;
    Ok(respond(app, &hls, head, &resource, path))
}

/// Asks whether anybody may watch.
async fn anonymous(app: &App, head: &Head, stream: &StreamId) -> Result<Renditions, Problem> {
    let ask = View { session: false, ..view(head, stream.clone(), None) };
    let granted = authority::decide(app.authority.patience(), app.authority.view(ask)).await;
    let granted = granted.map_err(|refusal| denied(app, stream, head.remote, &refusal))?;
    if granted.seat.is_some_and(|seat| seat.is_limited()) {
        return Err(counted_only());
    }
    Ok(granted.limits.renditions)
}

/// Whose request it is.
struct Viewer<'a> {
    app: &'a App,
    stream: &'a StreamId,
    session: &'a str,
    playlist: bool,
}

impl Viewer<'_> {
    /// Goes on with a session that this process does not know, if the authority agrees.
    async fn resume(&self, head: &Head, unknown: &Unknown) -> Result<Renditions, Problem> {
        let app = self.app;
        let ask = unknown.ask(self.stream.clone(), head.remote);
        let admitted = app.admit(|authority| authority.resume(ask)).await;
        let (grant, mut hold) = admitted.map_err(|refusal| {
            let problem = denied(app, self.stream, head.remote, &refusal);
            // The handle is genuine: what it rests on was good once, and was taken back.
            let revoked = refusal.code == DeniedCode::BadCredential;
            if revoked { session_problem(SessionRefused::Revoked) } else { problem }
        })?;
        let renditions = app.sessions.adopt(unknown, grant, self.playlist).map_err(session_problem)?;
        // From here on the table of sessions has it.
        if hold.is_revoked() {
            return Err(session_problem(SessionRefused::Revoked));
        }
        Ok(renditions)
    }

    /// Whether the session still holds, after a wait.
    fn still_admitted(&self) -> Result<(), Problem> {
        if self.session == ANONYMOUS {
            return Ok(());
        }
        let checked = self.app.sessions.check(self.stream, self.session, self.playlist);
        checked.map(drop).map_err(session_problem)
    }
}

/// The HLS side of a stream that can be joined.
fn playable(app: &App, stream: &StreamId) -> Result<Arc<Hls>, Problem> {
    match app.registry.find(stream).map(|channel| channel.phase()) {
        Some(Phase::Live(life) | Phase::Away(life)) => life.hls.clone().ok_or_else(disabled),
        Some(Phase::Restarted) => Err(restarting()),
        Some(Phase::Offline(_)) | None => Err(offline()),
    }
}

/// The same, and of a stream that has ended lately: those who watched it see its end.
fn packaged(app: &App, stream: &StreamId) -> Result<Arc<Hls>, Problem> {
    match app.registry.find(stream).map(|channel| channel.phase()) {
        Some(Phase::Offline(Some(life))) => life.hls.clone().ok_or_else(disabled),
        _ => playable(app, stream),
    }
}

/// The resource that `request` names, waited for as long as the window says and the viewer may watch.
async fn resource(
    app: &App,
    hls: &Hls,
    request: &Request,
    viewer: Option<&Viewer<'_>>,
) -> Result<Resource, Problem> {
    match hls.answer(request) {
        Reply::Wait { .. } => Box::pin(blocked(app, hls, request, viewer)).await,
        reply => settled(reply),
    }
}

async fn blocked(
    app: &App,
    hls: &Hls,
    request: &Request,
    viewer: Option<&Viewer<'_>>,
) -> Result<Resource, Problem> {
    let _slot = Blocked::enter(app)?;
    let mut revocations = hls.revocations();
    // One that came before this was listened to is in the table.
    viewer.map_or(Ok(()), Viewer::still_admitted)?;
    loop {
        match hls.answer(request) {
            Reply::Wait { on, version, until } => tokio::select! {
                // Late or changed, the window is asked again and decides.
                _ = tokio::time::timeout_at(until.into(), hls.changed(on, version)) => {}
                _ = revocations.changed() => viewer.map_or(Ok(()), Viewer::still_admitted)?,
            },
            reply => {
                // A revocation and the media may have come at the same moment.
                if revocations.has_changed().unwrap_or(false) {
                    viewer.map_or(Ok(()), Viewer::still_admitted)?;
                }
                return settled(reply);
            }
        }
    }
}

/// A request that waits, counted against `limits.blocked_requests`.
struct Blocked<'a>(&'a App);

impl<'a> Blocked<'a> {
    fn enter(app: &'a App) -> Result<Self, Problem> {
        let before = app.blocked.fetch_add(1, Relaxed);
        let slot = Self(app);
        if before < app.config.load().limits.blocked_requests {
            return Ok(slot);
        }
        let detail = "Too many requests wait for media at this moment.";
        Err(Problem::unavailable("too_many_blocked_requests", detail, Duration::from_secs(1)))
    }
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        self.0.blocked.fetch_sub(1, Relaxed);
    }
}

fn settled(reply: Reply) -> Result<Resource, Problem> {
    match reply {
        Reply::Ready(resource) => Ok(resource),
        Reply::NotFound(missing) => Err(not_found(missing)),
        Reply::Invalid(invalid) => Err(Problem::invalid("invalid_directive", invalid.to_string())),
        Reply::Unavailable { retry_after_s } => {
            let detail = "The media asked for did not come in time. Try again.";
            Err(Problem::unavailable("not_ready", detail, Duration::from_secs(retry_after_s.into())))
        }
        // The window is asked again until it decides.
        Reply::Wait { .. } => Err(restarting()),
    }
}

fn respond(app: &App, hls: &Hls, head: &Head, resource: &Resource, path: &str) -> Response<Body> {
    let mut response = match &resource.body {
        Packaged::Text(text) => {
            let gzip = text.identity().len() >= WORTH_COMPRESSING && head.gzip;
            let bytes = if gzip { text.compressed(compress) } else { text.identity() };
            let mut response = Response::new(Body::Full(bytes.clone()));
            let headers = response.headers_mut();
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
            if gzip {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response
        }
        media => ranged(head, media, path),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(resource.content_type));
    headers.insert(CACHE_CONTROL, cache_control(resource.cache));
    app.counters.hls_requests.fetch_add(1, Relaxed);
    if head.method != Method::HEAD {
        let bytes = hyper::body::Body::size_hint(response.body()).exact().unwrap_or(0);
        app.counters.hls_bytes.fetch_add(bytes, Relaxed);
        hls.sent_bytes.fetch_add(bytes, Relaxed);
    }
    response
}

/// Media, or the range of it that was asked for. Its name never means other bytes, so the name is its entity tag.
fn ranged(head: &Head, media: &Packaged, path: &str) -> Response<Body> {
    let tag = format!("\"{path}\"");
    let total = usize::try_from(media.len()).unwrap_or(usize::MAX);
    let is_tag = |value: &[u8]| value == tag.as_bytes();
    let range = head.range.as_deref().filter(|_| head.if_range.as_deref().is_none_or(is_tag));
    let unchanged = head.if_none_match.as_deref().is_some_and(is_tag);
    let mut response = match wanted(range, total) {
        _ if unchanged => status(StatusCode::NOT_MODIFIED),
        Wanted::Whole => Response::new(whole(media, total)),
        Wanted::Part { start, len } => {
            let mut response = Response::new(Body::Pieces(Pieces::new(media.clone(), start, len)));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            content_range(response.headers_mut(), &format!("bytes {start}-{}/{total}", start + len - 1));
            response
        }
        Wanted::Unsatisfiable => {
            let mut response = status(StatusCode::RANGE_NOT_SATISFIABLE);
            content_range(response.headers_mut(), &format!("bytes */{total}"));
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    response
}

fn whole(media: &Packaged, total: usize) -> Body {
    match media {
        Packaged::Whole(bytes) => Body::Full(bytes.clone()),
        pieces => Body::Pieces(Pieces::new(pieces.clone(), 0, total)),
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn content_range(headers: &mut HeaderMap, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(CONTENT_RANGE, value);
    }
}

fn cache_control(cache: Cache) -> HeaderValue {
    let text = match cache {
        Cache::NoStore => return HeaderValue::from_static("no-store"),
        Cache::NoCache => return HeaderValue::from_static("no-cache"),
        Cache::MaxAge(seconds) => format!("max-age={seconds}"),
        Cache::Immutable(seconds) => format!("max-age={seconds}, immutable"),
    };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("no-cache"))
}

fn compress(text: &[u8]) -> Bytes {
    use std::io::Write;
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::fast());
    // Writing to a Vec cannot fail.
    let _ = encoder.write_all(text);
    encoder.finish().unwrap_or_default().into()
}

fn not_found(missing: Missing) -> Problem {
    let (code, detail) = match missing {
        Missing::Gap => ("gap", "The playlist marks this as a gap: there is no media."),
        Missing::CodecNotPackaged => (
            "codec_not_packaged",
            "The stream's codecs cannot be played over HLS in this container; it can be played over RTMP and FLV.",
        ),
        _ => ("not_found", "The playlist names nothing of this kind, or no longer."),
    };
    Problem::not_found(code, detail)
}

fn session_problem(why: SessionRefused) -> Problem {
    let (code, detail) = match why {
        SessionRefused::Expired => {
            ("session_expired", "This session has ended. Open the multivariant playlist again.")
        }
        SessionRefused::Revoked => ("session_revoked", "Access to this stream was withdrawn."),
        SessionRefused::Forged => ("access_denied", "This session does not open this stream."),
        SessionRefused::NoSeat(refusal) => return refused(&refusal),
    };
    Problem::new(StatusCode::FORBIDDEN, code, detail)
}

fn unknown_stream() -> Problem {
    Problem::not_found("stream_not_found", "There is no such stream.")
}

fn nothing_here() -> Problem {
    Problem::not_found("not_found", "There is nothing at this address.")
}

fn offline() -> Problem {
    Problem::not_found("stream_offline", "The stream is not live.")
}

fn disabled() -> Problem {
    Problem::not_found("hls_disabled", "This server does not package streams for HLS.")
}

fn restarting() -> Problem {
    let detail = "The server was restarted and waits for the stream's encoder.";
    Problem::unavailable("stream_reconnecting", detail, Duration::from_secs(1))
}

fn counted_only() -> Problem {
    let detail = "The stream's viewers are counted: open its multivariant playlist.";
    Problem::new(StatusCode::FORBIDDEN, "session_required", detail)
}

fn too_many_sessions() -> Problem {
    let detail = "The server has as many viewers as it takes.";
    Problem::unavailable("limit_reached", detail, Duration::from_secs(5))
}

fn no_randomness() -> Problem {
    Problem::unavailable("internal_error", "The system has no random numbers.", Duration::from_secs(1))
}
