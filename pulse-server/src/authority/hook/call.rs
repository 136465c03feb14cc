//! One HTTP request to a backend that a tenant chose: through the address policy, over a connection to the very addresses that were
//! checked; redirections are not followed, and of the answer no more than its head is read.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use platform_core::AddressPolicy;
use platform_core::address::{Host, Pinned, Refused, Resolve, Target};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::sign::Signed;

/// Bytes of the head of an answer at most.
const MAX_HEAD: usize = 16 * 1024;
/// Headers of an answer at most.
const MAX_HEADERS: usize = 64;
/// Bytes of a `Location` that is looked at.
const MAX_LOCATION: usize = 256;

/// What a backend said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) status: u16,
    /// Of a redirection, where it has one that is short and text.
    pub(super) location: Option<String>,
}

/// Why a backend said nothing. For the operator's log: it may tell about the inside of the network.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("the URL is not allowed: {0}{advice}", advice = advice(.0))]
    Refused(#[from] Refused),
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("no certificates of authorities are installed")]
    NoRoots,
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("the request cannot be made: {0}")]
    Request(#[from] hyper::http::Error),
}

/// What the operator could do about it.
fn advice(refused: &Refused) -> &'static str {
    match refused {
        Refused::Address { .. } => "; hooks.allowed_networks in the configuration can allow its network",
        _ => "",
    }
}

/// Resolves with the system's resolver.
struct System;

impl Resolve for System {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Sends a body and waits for the head of the answer; the caller bounds the time.
pub(super) async fn post(
    policy: &AddressPolicy,
    url: &str,
    kind: &'static str,
    body: Vec<u8>,
    signed: &Signed,
) -> Result<Said, CallError> {
    let pinned = policy.resolve(url, &System).await?;
    let request = request(pinned.target(), kind, body, signed)?;
    let socket = connect(&pinned).await.map_err(CallError::Connect)?;
    let response = if pinned.target().scheme() == "https" {
        exchange(secure(pinned.target(), socket).await?, request).await?
    } else {
        exchange(socket, request).await?
    };
    Ok(said(&response))
}

fn request(
    target: &Target,
    kind: &'static str,
    body: Vec<u8>,
    signed: &Signed,
) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    Request::builder()
        .method(Method::POST)
        .uri(target.path_and_query())
        .header(HOST, authority(target))
        .header(CONTENT_TYPE, kind)
        .header(USER_AGENT, concat!("Pulse/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .header(HeaderName::from_static("webhook-id"), &signed.id)
        .header(HeaderName::from_static("webhook-timestamp"), signed.timestamp)
        .header(HeaderName::from_static("webhook-signature"), &signed.signature)
        .body(Full::new(body.into()))
}

/// Host and port, as a client writes them that was given the URL.
fn authority(target: &Target) -> String {
    let usual = if target.scheme() == "https" { 443 } else { 80 };
    match target.port() {
        port if port == usual => target.host().to_string(),
        port => format!("{}:{port}", target.host()),
    }
}

/// Connects to one of the addresses that were checked, in their order.
async fn connect(pinned: &Pinned) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in pinned.addresses() {
        match TcpStream::connect(address).await {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn secure(
    target: &Target,
    socket: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, CallError> {
    let name = match target.host() {
        Host::Name(name) => {
            ServerName::try_from(name.clone()).map_err(|error| CallError::Connect(io::Error::other(error)))?
        }
        Host::Address(address) => ServerName::IpAddress((*address).into()),
    };
    let config = roots().ok_or(CallError::NoRoots)?;
    TlsConnector::from(config).connect(name, socket).await.map_err(CallError::Connect)
}

/// TLS with the authorities that the system trusts, or those in `SSL_CERT_FILE` and `SSL_CERT_DIR` where they are set; read once.
fn roots() -> Option<Arc<rustls::ClientConfig>> {
    static CONFIG: OnceLock<Option<Arc<rustls::ClientConfig>>> = OnceLock::new();
    let read = || {
        let mut roots = rustls::RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "certificates of authorities that cannot be read");
        }
        roots.add_parsable_certificates(found.certs);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions =
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = versions.ok()?.with_root_certificates(roots.clone()).with_no_client_auth();
        (!roots.is_empty()).then(|| Arc::new(config))
    };
    CONFIG.get_or_init(read).clone()
}

/// One request over one connection, which is closed with what is left of the answer.
async fn exchange<I>(
    io: I,
    request: Request<Full<Bytes>>,
) -> Result<Response<hyper::body::Incoming>, CallError>
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    let (mut sender, connection) = builder.handshake(TokioIo::new(io)).await?;
    let mut connection = std::pin::pin!(connection);
    let mut response = std::pin::pin!(sender.send_request(request));
    tokio::select! {
        response = &mut response => Ok(response?),
        // Ends before its answer only when it is broken; what it says then is in the answer.
        _ = &mut connection => Ok(response.await?),
    }
}

fn said<B>(response: &Response<B>) -> Said {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let location = response.headers().get(LOCATION).and_then(text);
    Said {
        status: response.status().as_u16(),
        location: location.filter(|location| location.len() <= MAX_LOCATION),
    }
}
