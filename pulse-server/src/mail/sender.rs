//! Who sends what is queued: over SMTP, or into the log where no server is configured.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use lettre::message::Mailbox;
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::{AsyncTransport as _, Message, Tokio1Executor};
use platform_core::WallTime;
use tokio::sync::Notify;

use super::queue::{self, Due};
use super::text;
use crate::config::Config;
use crate::v1::Api;

/// How often the queue is looked at when nobody has called, for mails that were put off.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// How long an SMTP server may take for a mail, 60 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// How mails leave.
pub(crate) enum Sender {
    /// Over SMTP.
    Smtp {
        /// The connection to the server.
        transport: Box<AsyncSmtpTransport<Tokio1Executor>>,
        /// Who sends.
        from: Mailbox,
    },
    /// Into the log.
    Log,
}

/// Why mails cannot be sent as configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SenderError {
    /// The URL of the SMTP server.
    #[error("mail.smtp_url is not usable: {0}")]
    Url(lettre::transport::smtp::Error),
    /// TLS was not asked for, and the server is not this machine.
    #[error("mail.smtp_url would send mails and the password in the clear; use smtps:// or ?tls=required")]
    Insecure,
    /// The sender.
    #[error("mail.from is not an address such as `Pulse <pulse@example.org>`")]
    From,
}

impl Sender {
    /// The sender that is configured.
    pub(crate) fn new(config: &Config) -> Result<Self, SenderError> {
        let Some(url) = &config.mail.smtp_url else { return Ok(Self::Log) };
        let from = config.mail.from.as_deref().and_then(|from| from.parse().ok()).ok_or(SenderError::From)?;
        let url = url.expose();
        let local = ["smtp://localhost", "smtp://127.0.0.1", "smtp://[::1]"];
        let secure = url.starts_with("smtps://") || url.contains("tls=required");
        if !secure && !local.iter().any(|place| url.starts_with(place)) {
            return Err(SenderError::Insecure);
        }
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(SenderError::Url)?;
        Ok(Self::Smtp { transport: Box::new(builder.timeout(Some(PATIENCE)).build()), from })
    }

    /// Sends one mail; an error says whether it is for good.
    async fn send(&self, due: &Due, base: &str) -> Result<(), (bool, String)> {
        let text = text::of(&due.content, base);
        let (transport, from) = match self {
            Self::Smtp { transport, from } => (transport, from),
            Self::Log => {
                let (to, subject, body) = (&due.to, text.subject, text.body);
                tracing::info!("mail to {to}, in the log as mail.smtp_url is not set: {subject}\n\n{body}");
                return Ok(());
            }
        };
        let to: Mailbox = due.to.parse().map_err(|_| (true, "not an address".to_owned()))?;
        let message = Message::builder().from(from.clone()).to(to).subject(text.subject).body(text.body);
        let message = message.map_err(|error| (true, error.to_string()))?;
        let sent = transport.send(message).await;
        sent.map(drop).map_err(|error| (error.is_permanent(), error.to_string()))
    }
}

/// Sends mails until the server is gone.
pub(crate) async fn run(api: Weak<Api>, queued: Arc<Notify>, sender: Sender) {
    loop {
        let Some(strong) = api.upgrade() else { return };
        let outcome = next(&strong, &sender).await;
        // Not held while nothing is to be done, so that the server can end.
        drop(strong);
        match outcome {
            Ok(true) => {}
            Ok(false) => {
                let _ = tokio::time::timeout(LOOK_EVERY, queued.notified()).await;
            }
            Err(tenancy::Error::Unavailable(_)) => tokio::time::sleep(LOOK_EVERY).await,
            Err(error) => {
                tracing::error!(%error, "the queue of mails");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
}

/// Sends the mail that is due first; `false` when none is.
async fn next(api: &Arc<Api>, sender: &Sender) -> Result<bool, tenancy::Error> {
    let claim = (Arc::clone(api), now());
    let due =
        api.db.write(claim, |tx, (api, now)| Box::pin(queue::claim(tx, api.tenancy.keys(), *now))).await?;
    let Some(due) = due else { return Ok(false) };
    let outcome = sender.send(&due, &base(&api.config())).await;
    match &outcome {
        Ok(()) => tracing::debug!("a mail was sent"),
        // Without the address, which is personal.
        Err((for_good, error)) => tracing::warn!(for_good, %error, "a mail could not be sent"),
    }
    let job = (due, outcome.err().map(|(for_good, _)| for_good), now());
    api.db
        .write(job, |tx, (due, failed, now)| {
            Box::pin(async move {
                match failed {
                    None => queue::sent(tx, due).await,
                    Some(for_good) => queue::failed(tx, due, *for_good, *now).await.map(drop),
                }
            })
        })
        .await?;
    Ok(true)
}

fn now() -> WallTime {
    SystemTime::now().into()
}

/// What links begin with.
fn base(config: &Config) -> String {
    config
        .http
        .public_url
        .clone()
        .unwrap_or_else(|| format!("http://localhost:{}", config.http.listen.port()))
}
