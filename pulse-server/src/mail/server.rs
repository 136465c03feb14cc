//! The SMTP server that is configured, and whether mails to it stay secret on the way.

use std::time::Duration;

use lettre::Tokio1Executor;
use lettre::message::Mailbox;
use lettre::transport::smtp::{AsyncSmtpTransport, AsyncSmtpTransportBuilder};
use url::{Host, Url};

use crate::config::Mail;

/// How long an SMTP server may take for a mail, 60 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `mail.smtp_url` may be.
pub(crate) const SMTP_URLS: &str =
    "smtps://USER:PASSWORD@HOST, smtp://USER:PASSWORD@HOST?tls=required or smtp://localhost";

/// Why mails cannot be sent as configured.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SenderError {
    /// The URL of the SMTP server. What is wrong with it is not repeated, as there is a password in it.
    #[error("mail.smtp_url {}; use {}", self.problem(), SMTP_URLS)]
    Url,
    /// TLS was not asked for, and the server is not this machine.
    #[error("mail.smtp_url {}; use {}", self.problem(), SMTP_URLS)]
    Insecure,
    /// There is no sender.
    #[error("mail.from {}", self.problem())]
    From,
}

impl SenderError {
    /// What is wrong with the setting.
    pub(crate) fn problem(&self) -> &'static str {
        match self {
            Self::Url => "is not the URL of an SMTP server",
            Self::Insecure => "would send mails and the password in the clear",
            Self::From => {
                "is not set to an address such as `Pulse <pulse@example.org>`; needed with mail.smtp_url"
            }
        }
    }
}

/// A server to send mails by.
pub(super) struct Server {
    /// The connection to it.
    pub(super) transport: AsyncSmtpTransport<Tokio1Executor>,
    /// Who sends.
    pub(super) from: Mailbox,
}

impl Server {
    /// The server that is configured; `None` where none is.
    pub(super) fn of(config: &Mail) -> Result<Option<Self>, SenderError> {
        let Some(url) = &config.smtp_url else { return Ok(None) };
        let from = config.from.as_deref().and_then(|from| from.parse().ok()).ok_or(SenderError::From)?;
        let transport = transport(url.expose())?.timeout(Some(PATIENCE)).build();
        Ok(Some(Self { transport, from }))
    }
}

/// Whether mails can be sent by a server.
///
/// # Errors
///
/// [`SenderError::Url`] and [`SenderError::Insecure`].
pub(crate) fn check_url(url: &str) -> Result<(), SenderError> {
    transport(url).map(drop)
}

fn transport(url: &str) -> Result<AsyncSmtpTransportBuilder, SenderError> {
    check(url)?;
    AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| SenderError::Url)
}

/// Whether mails to this server are encrypted, or do not leave this machine. The URL is read as the transport reads it.
fn check(url: &str) -> Result<(), SenderError> {
    let url = Url::parse(url).map_err(|_| SenderError::Url)?;
    let tls = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
    match (url.scheme(), tls.as_deref()) {
        ("smtps", _) | ("smtp", Some("required")) => Ok(()),
        ("smtp", None | Some("opportunistic")) if is_this_machine(&url) => Ok(()),
        ("smtp", None | Some("opportunistic")) => Err(SenderError::Insecure),
        _ => Err(SenderError::Url),
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        // The host of an unknown scheme is text, addresses included.
        Some(Host::Domain(name)) => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use lettre::{AsyncTransport as _, Message};
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Secret;

    /// A server without STARTTLS; what it was told.
    async fn plain_server(listener: TcpListener) -> Vec<String> {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 plain\r\n").await.unwrap();
        let (mut told, mut line) = (Vec::new(), String::new());
        while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            told.push(std::mem::take(&mut line));
            if stream.write_all(b"250 plain\r\n").await.is_err() {
                break;
            }
        }
        told
    }

    #[tokio::test]
    async fn where_tls_is_required_nothing_is_said_in_the_clear() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(plain_server(listener));
        let smtp_url = Some(Secret::new(format!("smtp://user:secret@{address}?tls=required")));
        let mail = Mail { smtp_url, from: Some("Pulse <pulse@example.org>".to_owned()) };
        let Server { transport, from } = Server::of(&mail).unwrap().unwrap();
        let message = Message::builder().from(from.clone()).to(from).subject("x").body("x".to_owned());
        assert!(transport.send(message.unwrap()).await.is_err());
        drop(transport);
        let told = server.await.unwrap();
        assert!(told.iter().all(|line| line.starts_with("EHLO") || line.starts_with("QUIT")), "{told:?}");
    }

    #[test]
    fn in_the_clear_only_to_this_machine_whatever_the_url_looks_like() {
        for url in [
            "smtps://user:secret@mail.example.org",
            "smtp://user:secret@mail.example.org?tls=required",
            "smtp://localhost",
            "smtp://LOCALHOST:2525",
            "smtp://127.0.0.1:25",
            "smtp://127.8.8.8",
            "smtp://[::1]:25",
            "smtp://user:secret@localhost?tls=opportunistic",
        ] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
        for url in [
            "smtp://localhost.evil.example",
            "smtp://127.0.0.1.evil.example",
            "smtp://localhost:secret@evil.example",
            "smtp://localhost@evil.example",
            "smtp://user:tls=required@evil.example",
            "smtp://evil.example/tls=required",
            "smtp://evil.example#?tls=required",
            "smtp://evil.example?xtls=required",
            "smtp://evil.example?tls=opportunistic&tls=required",
            "smtp://evil.example",
            "smtp://[::2]",
        ] {
            assert_eq!(check(url), Err(SenderError::Insecure), "{url}");
        }
        for url in ["localhost", "http://localhost", "smtp://localhost?tls=requirde", "smtps:", ""] {
            assert_eq!(check_url(url), Err(SenderError::Url), "{url}");
        }
    }
}
