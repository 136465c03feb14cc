//! The queue.

use std::time::Duration;

use platform_core::WallTime;
use platform_core::sql::{Tx, query};
use serde::{Deserialize, Serialize};
use tenancy::mail::{Mail, Message};
use tenancy::vault::{DataKey, Keys};
use tenancy::{Call, Error};

/// How long delivery is tried, 2 days.
const TRIED: Duration = Duration::from_secs(2 * 86_400);
/// The pause after the first failure, 30 s; each further one is twice as long, 2 hours at most.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(7_200);
/// For how long a mail that is being sent is nobody else's to send, 5 minutes.
const CLAIMED: Duration = Duration::from_secs(300);
/// Mails that wait, 100,000; beyond, new ones are refused: the SMTP server has been away for days.
const MAX_WAITING: i64 = 100_000;

/// A mail as it is stored, sealed.
#[derive(Serialize, Deserialize)]
struct Stored {
    to: String,
    kind: String,
    token: Option<String>,
    organization: Option<String>,
    role: Option<String>,
}

/// A mail that is due.
pub(super) struct Due {
    id: String,
    attempts: u32,
    queued_at: WallTime,
    /// To whom.
    pub(super) to: String,
    /// What it says.
    pub(super) content: Content,
}

/// What a mail says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// Which of the texts.
    pub(super) kind: String,
    /// What goes into its link.
    pub(super) token: Option<String>,
    /// Into which organization somebody is invited.
    pub(super) organization: Option<String>,
    /// As what.
    pub(super) role: Option<String>,
}

fn stored(mail: &Mail) -> Result<Stored, Error> {
    let (kind, token, organization, role) = match &mail.message {
        Message::VerifyEmail { token } => ("verify_email", Some(token), None, None),
        Message::AlreadyRegistered => ("already_registered", None, None, None),
        Message::ResetPassword { token } => ("reset_password", Some(token), None, None),
        Message::PasswordChanged => ("password_changed", None, None, None),
        Message::Invitation { organization, role, token } => {
            ("invitation", Some(token), Some(organization.clone()), Some(role.as_str().to_owned()))
        }
        _ => return Err(Error::internal("a mail that has no text")),
    };
    let token = token.and_then(|token| token.expose_str()).map(str::to_owned);
    Ok(Stored { to: mail.to.clone(), kind: kind.to_owned(), token, organization, role })
}

fn context(id: &str) -> String {
    format!("mail {id}")
}

/// Queues a mail, in the transaction of what wants it sent.
///
/// # Errors
///
/// [`Error::Unavailable`]-like when the queue is full; the store's.
pub(crate) async fn enqueue(tx: &mut Tx, call: &Call, mail: &Mail) -> Result<(), Error> {
    let waiting: i64 = tx.fetch_one("SELECT COUNT(*) FROM pulse_mail").await?.get(0)?;
    if waiting >= MAX_WAITING {
        let detail = "Mails cannot be sent at present; try again later.";
        return Err(Error::Refused { code: platform_core::problem::code::UNAVAILABLE, detail });
    }
    let id: platform_core::EventId = call.tenancy().id(call.now);
    let id = id.to_string();
    let plain = serde_json::to_vec(&stored(mail)?).map_err(|error| Error::internal(error.to_string()))?;
    let sealed = call.keys().seal(DataKey::Sealing, &context(&id), &plain)?;
    let insert =
        query("INSERT INTO pulse_mail (id, sealed, attempts, queued_at, next_at) VALUES ($1, $2, 0, $3, $3)")
            .bind(&id)
            .bind(sealed)
            .bind(call.now);
    tx.execute(insert).await?;
    Ok(())
}

/// Takes the mail that is due first, for one sender alone; `None` when none is.
pub(super) async fn claim(tx: &mut Tx, keys: &Keys, now: WallTime) -> Result<Option<Due>, Error> {
    let update = query(
        "UPDATE pulse_mail SET attempts = attempts + 1, next_at = $1 WHERE id = \
         (SELECT id FROM pulse_mail WHERE next_at <= $2 ORDER BY next_at, id LIMIT 1) AND next_at <= $2 \
         RETURNING id, sealed, attempts, queued_at",
    )
    .bind(now.plus(CLAIMED))
    .bind(now);
    let Some(row) = tx.fetch_optional(update).await? else { return Ok(None) };
    let (id, sealed): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
    let plain = keys.open(DataKey::Sealing, &context(&id), &sealed);
    let plain = plain.ok_or_else(|| Error::internal("a queued mail does not unseal"))?;
    let Stored { to, kind, token, organization, role } =
        serde_json::from_slice(plain.expose()).map_err(|error| Error::internal(error.to_string()))?;
    let content = Content { kind, token, organization, role };
    Ok(Some(Due { id, attempts: row.get(2)?, queued_at: row.get(3)?, to, content }))
}

/// Removes a mail that was sent.
pub(super) async fn sent(tx: &mut Tx, due: &Due) -> Result<(), Error> {
    tx.execute(query("DELETE FROM pulse_mail WHERE id = $1").bind(&due.id)).await?;
    Ok(())
}

/// Puts a mail off that could not be sent; `false` when it was given up. A refusal for good is given up at once.
pub(super) async fn failed(tx: &mut Tx, due: &Due, for_good: bool, now: WallTime) -> Result<bool, Error> {
    if for_good || now.since(due.queued_at) >= TRIED {
        sent(tx, due).await?;
        return Ok(false);
    }
    let pause = FIRST_PAUSE.saturating_mul(1 << due.attempts.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
    let update =
        query("UPDATE pulse_mail SET next_at = $1 WHERE id = $2").bind(now.plus(pause)).bind(&due.id);
    tx.execute(update).await?;
    Ok(true)
}
