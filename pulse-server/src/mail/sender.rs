//! Who sends what is queued: over SMTP, or into the log where no server is configured.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use lettre::message::Mailbox;
use lettre::{AsyncTransport as _, Message};
use platform_core::WallTime;
use tokio::sync::Notify;

use super::queue::{self, Claim, Due};
use super::refusal::Refusal;
use super::server::{SenderError, Server};
use super::text;
use crate::config::Config;
use crate::v1::Api;

/// How often the queue is looked at when nobody has called, for mails that were put off.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// How mails leave: by a server, or into the log where there is none.
pub(crate) struct Sender(Option<Box<Server>>);

impl Sender {
    /// The sender that is configured.
    pub(crate) fn new(config: &Config) -> Result<Self, SenderError> {
        if let Some(server) = Server::of(&config.mail)? {
            return Ok(Self(Some(Box::new(server))));
        }
        tracing::warn!(
            "mail.smtp_url is not set: mails are written to this log, with the links that reset passwords; for \
             development alone"
        );
        Ok(Self(None))
    }

    /// Sends one mail.
    async fn send(&self, due: &Due, base: &str) -> Result<(), Refusal> {
        let text = text::of(&due.content, base);
        let Some(server) = &self.0 else {
            let (to, subject, body) = (&due.to, text.subject, text.body);
            tracing::info!("mail to {to}, in the log as mail.smtp_url is not set: {subject}\n\n{body}");
            return Ok(());
        };
        let to: Mailbox = due.to.parse().map_err(|_| Refusal::unsendable("its address is none"))?;
        let message = Message::builder().from(server.from.clone()).to(to).subject(text.subject);
        let message = message.body(text.body).map_err(|_| Refusal::unsendable("it cannot be composed"))?;
        server.transport.send(message).await.map(drop).map_err(|error| Refusal::of(&error))
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
    let due = match due {
        Claim::Nothing => return Ok(false),
        Claim::Unreadable => {
            tracing::error!("a queued mail does not unseal, and is gone");
            return Ok(true);
        }
        Claim::Mail(due) => due,
    };
    let outcome = sender.send(&due, &base(&api.config())).await;
    match &outcome {
        Ok(()) => tracing::debug!("a mail was sent"),
        // Without the address, which is personal.
        Err(refusal) if refusal.for_good => tracing::warn!("a mail is given up: {refusal}"),
        Err(refusal) => tracing::warn!("a mail was not sent, and is tried again: {refusal}"),
    }
    let job = (due, outcome.err().map(|refusal| refusal.for_good), now());
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
