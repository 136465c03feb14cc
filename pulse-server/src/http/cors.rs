//! CORS: players on any page may fetch media, and see why when they cannot, unless the stream's project says which pages may.

use std::sync::Arc;
use std::time::SystemTime;

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, HeaderMap, HeaderValue, VARY,
};
use hyper::{Response, StatusCode};
use platform_core::WallTime;
use tenancy::Error;
use tenancy::admission::Admission;

use super::App;
use super::body::Body;
use crate::stream_id::StreamId;

const EXPOSED: HeaderValue =
    HeaderValue::from_static("Content-Length, Content-Range, Date, Age, Retry-After");

/// Pages of which origins may read an answer.
#[derive(Debug)]
pub(super) enum Readers {
    /// Of any.
    Anybody,
    /// Of those that the stream's project names, if it names some.
    Of(Arc<Admission>),
    /// Of none: it is not known which.
    Nobody,
}

impl Readers {
    /// Who may read what is below a path: of a tenant's stream that is here, whom its project names. An answer about any other stream says
    /// nothing but that it is not here, so that asking for streams that there are not costs no look at the database.
    pub(super) async fn of(app: &App, path: &str) -> Self {
        if let Some(known) = Self::known(app, path) {
            return known;
        }
        let Some(id) = tenant_of(app, path) else { return Self::Anybody };
        let (api, now) = (app.v1().api(), WallTime::from(SystemTime::now()));
        match api.cache.admission(&api.db, api.tenancy.keys(), id, now).await {
            Ok(admission) => Self::Of(admission),
            // A configured stream with such a name.
            Err(Error::NotFound) => Self::Anybody,
            Err(_) => Self::Nobody,
        }
    }

    /// The same, where it is known without a look at the database, which is nearly always.
    pub(super) fn known(app: &App, path: &str) -> Option<Self> {
        let Some(id) = tenant_of(app, path) else { return Some(Self::Anybody) };
        app.v1().api().cache.known_admission(id, SystemTime::now().into()).map(Self::Of)
    }

    /// The origins that are named; `None` where all are meant.
    fn named(&self) -> Option<&[String]> {
        match self {
            Self::Anybody => None,
            Self::Nobody => Some(&[]),
            Self::Of(admission) => {
                let origins = &admission.tenant.settings.allowed_origins;
                let all = origins.is_empty() || origins.iter().any(|origin| origin == "*");
                (!all).then_some(origins)
            }
        }
    }
}

/// The tenant's stream that a media path is of, if it is here.
fn tenant_of(app: &App, path: &str) -> Option<tenancy::StreamId> {
    let stream = stream_of(path)?;
    let id = tenancy::StreamId::parse(stream.as_str()).ok()?;
    app.registry.find(&stream).map(|_| id)
}

/// The stream that a media path is of.
fn stream_of(path: &str) -> Option<StreamId> {
    let name = match path.strip_prefix("/hls/") {
        Some(rest) => rest.split('/').next()?,
        None => path.strip_prefix("/flv/")?.strip_suffix(".flv")?,
    };
    StreamId::parse(name)
}

/// Lets pages read this response, errors included: of any origin, or of `origin`, where some are named and it is one of them.
pub(super) fn allow(headers: &mut HeaderMap, readers: &Readers, origin: Option<&str>) {
    allow_named(headers, readers.named(), origin);
}

fn allow_named(headers: &mut HeaderMap, named: Option<&[String]>, origin: Option<&str>) {
    let allowed = match named {
        None => Some(HeaderValue::from_static("*")),
        Some(named) => {
            // A cache has an answer for each.
            let others = headers.get(VARY).and_then(|others| others.to_str().ok());
            let vary = others.map_or("Origin".to_owned(), |others| format!("{others}, Origin"));
            headers.insert(VARY, HeaderValue::try_from(vary).unwrap_or(HeaderValue::from_static("*")));
            let of = |origin: &str| named.iter().any(|allowed| allowed == origin);
            origin.filter(|origin| of(origin)).and_then(|origin| HeaderValue::from_str(origin).ok())
        }
    };
    if let Some(allowed) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// The answer to a preflight request (Fetch §3.2.2): a Range header needs one.
pub(super) fn preflight(readers: &Readers, origin: Option<&str>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    allow(headers, readers, origin);
    headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Range, If-Range, If-None-Match"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(named: Option<&[String]>, origin: Option<&str>) -> (Option<String>, bool) {
        let mut headers = HeaderMap::new();
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        allow_named(&mut headers, named, origin);
        let allowed =
            headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(headers.contains_key(ACCESS_CONTROL_EXPOSE_HEADERS), allowed.is_some());
        (allowed, headers[VARY] == "Accept-Encoding, Origin")
    }

    #[test]
    fn where_a_project_names_origins_pages_of_others_do_not_read_its_media() {
        let named = ["https://a.example".to_owned(), "https://b.example".to_owned()];
        for origin in
            [None, Some("https://evil.example"), Some("https://a.example.evil.example"), Some("null")]
        {
            assert_eq!(answer(Some(&named), origin), (None, true), "{origin:?}");
            assert_eq!(answer(None, origin), (Some("*".to_owned()), false), "{origin:?}");
            assert_eq!(answer(Some(&[]), origin), (None, true), "{origin:?}");
        }
        let own = Some("https://b.example");
        assert_eq!(answer(Some(&named), own), (own.map(str::to_owned), true));
    }

    #[test]
    fn media_paths_name_their_stream() {
        for (path, stream) in [
            ("/hls/show/index.m3u8", Some("show")),
            ("/hls/show/-/video/1.m4s", Some("show")),
            ("/flv/show.flv", Some("show")),
            ("/flv/show", None),
            ("/hls/", None),
            ("/watch/show", None),
        ] {
            assert_eq!(stream_of(path).as_ref().map(StreamId::as_str), stream, "{path}");
        }
    }
}
