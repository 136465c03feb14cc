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

/// What an address is found by in what waits, without being told by it.
pub(crate) fn recipient(keys: &Keys, address: &str) -> Vec<u8> {
    keys.mac(DataKey::MailToken, format!("recipient {}", address.trim().to_lowercase()).as_bytes())
}

/// Queues a mail without which what wants it sent is worth nothing, in its transaction.
///
/// # Errors
///
/// [`Error::Refused`] with the code `unavailable` when the queue is full; the store's.
pub(crate) async fn enqueue(tx: &mut Tx, call: &Call, mail: &Mail) -> Result<(), Error> {
    if is_full(tx).await? {
        let detail = "Mails cannot be sent at present; try again later.";
        return Err(Error::Refused { code: platform_core::problem::code::UNAVAILABLE, detail });
    }
    insert(tx, call, mail).await
}

/// Queues a mail that only tells of something, in its transaction. When the queue is full, nobody is told.
///
/// # Errors
///
/// The store's.
pub(crate) async fn enqueue_notice(tx: &mut Tx, call: &Call, mail: &Mail) -> Result<(), Error> {
    if is_full(tx).await? {
        tracing::warn!("a notice is not sent, as too many mails wait: see mail.smtp_url");
        return Ok(());
    }
    insert(tx, call, mail).await
}

async fn is_full(tx: &mut Tx) -> Result<bool, Error> {
    let waiting: i64 = tx.fetch_one("SELECT COUNT(*) FROM pulse_mail").await?.get(0)?;
    Ok(waiting >= MAX_WAITING)
}

/// Removes what waits for an address, whose owner is being erased.
///
/// # Errors
///
/// The store's.
pub(crate) async fn forget(tx: &mut Tx, recipient: &[u8]) -> Result<(), Error> {
    tx.execute(query("DELETE FROM pulse_mail WHERE recipient = $1").bind(recipient)).await?;
    Ok(())
}

async fn insert(tx: &mut Tx, call: &Call, mail: &Mail) -> Result<(), Error> {
    let id: platform_core::EventId = call.tenancy().id(call.now);
    let id = id.to_string();
    let plain = serde_json::to_vec(&stored(mail)?).map_err(|error| Error::internal(error.to_string()))?;
    let sealed = call.keys().seal(DataKey::Sealing, &context(&id), &plain)?;
    let insert = query(
        "INSERT INTO pulse_mail (id, sealed, recipient, attempts, queued_at, next_at) \
         VALUES ($1, $2, $3, 0, $4, $4)",
    );
    let recipient = recipient(call.keys(), &mail.to);
    tx.execute(insert.bind(&id).bind(sealed).bind(recipient).bind(call.now)).await?;
    Ok(())
}

/// What is due first.
pub(super) enum Claim {
    /// Nothing is.
    Nothing,
    /// A mail that nobody can read, which is gone: it would stand before all others for ever.
    Unreadable,
    /// This mail, for one sender alone.
    Mail(Due),
}

/// Takes the mail that is due first.
pub(super) async fn claim(tx: &mut Tx, keys: &Keys, now: WallTime) -> Result<Claim, Error> {
    let update = query(
        "UPDATE pulse_mail SET attempts = attempts + 1, next_at = $1 WHERE id = \
         (SELECT id FROM pulse_mail WHERE next_at <= $2 ORDER BY next_at, id LIMIT 1) AND next_at <= $2 \
         RETURNING id, sealed, attempts, queued_at",
    )
    .bind(now.plus(CLAIMED))
    .bind(now);
    let Some(row) = tx.fetch_optional(update).await? else { return Ok(Claim::Nothing) };
    let (id, sealed): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
    let plain = keys.open(DataKey::Sealing, &context(&id), &sealed);
    let Some(stored) = plain.and_then(|plain| serde_json::from_slice(plain.expose()).ok()) else {
        remove(tx, &id).await?;
        return Ok(Claim::Unreadable);
    };
    let Stored { to, kind, token, organization, role } = stored;
    let content = Content { kind, token, organization, role };
    Ok(Claim::Mail(Due { id, attempts: row.get(2)?, queued_at: row.get(3)?, to, content }))
}

async fn remove(tx: &mut Tx, id: &str) -> Result<(), Error> {
    tx.execute(query("DELETE FROM pulse_mail WHERE id = $1").bind(id)).await?;
    Ok(())
}

/// Removes a mail that was sent.
pub(super) async fn sent(tx: &mut Tx, due: &Due) -> Result<(), Error> {
    remove(tx, &due.id).await
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

#[cfg(test)]
mod tests {
    use platform_core::sql::Db;
    use tenancy::{Principal, Tenancy};

    use super::*;
    use crate::platform;

    const NOW: WallTime = WallTime::from_unix_ms(1_790_000_000_000);

    fn changed(to: &str) -> Mail {
        Mail { to: to.to_owned(), message: Message::PasswordChanged }
    }

    async fn enqueue_all(db: &Db, tenancy: &Tenancy, mails: Vec<Mail>) {
        let call = tenancy.call(Principal::System, NOW);
        let queued = db.write((call, mails), |tx, (call, mails)| {
            Box::pin(async move {
                for mail in mails {
                    enqueue(tx, call, mail).await?;
                }
                Ok::<_, Error>(())
            })
        });
        queued.await.unwrap();
    }

    async fn waiting(db: &Db) -> i64 {
        db.read().await.unwrap().fetch_one("SELECT COUNT(*) FROM pulse_mail").await.unwrap().get(0).unwrap()
    }

    #[tokio::test]
    async fn what_waits_for_an_erased_person_goes_however_their_address_is_written() {
        let (db, tenancy) = platform::in_memory(NOW).await;
        enqueue_all(&db, &tenancy, vec![changed("Sam@Example.org"), changed("kim@example.org")]).await;
        let whose = recipient(tenancy.keys(), "sam@example.org");
        db.write(whose, |tx, whose| Box::pin(forget(tx, whose))).await.unwrap();
        assert_eq!(waiting(&db).await, 1);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_links_and_drops_notices() {
        let (db, tenancy) = platform::in_memory(NOW).await;
        let fill = "INSERT INTO pulse_mail (id, sealed, attempts, queued_at, next_at) \
                    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
                    SELECT 'x' || i, x'00', 0, 0, 0 FROM n";
        let filled = db.write((), move |tx, ()| {
            Box::pin(async move { Ok::<_, Error>(tx.execute(fill).await.map(drop)?) })
        });
        filled.await.unwrap();
        let call = tenancy.call(Principal::System, NOW);
        let link = db.write((call.clone(), changed("a@example.org")), |tx, (call, mail)| {
            Box::pin(enqueue(tx, call, mail))
        });
        assert_eq!(link.await.unwrap_err().problem().code.name(), "unavailable");
        let notice = db.write((call, changed("a@example.org")), |tx, (call, mail)| {
            Box::pin(enqueue_notice(tx, call, mail))
        });
        notice.await.unwrap();
        assert_eq!(waiting(&db).await, MAX_WAITING);
    }

    #[tokio::test]
    async fn a_mail_that_nobody_can_read_does_not_stand_before_the_others() {
        let (db, tenancy) = platform::in_memory(NOW).await;
        enqueue_all(&db, &tenancy, vec![changed("a@example.org"), changed("b@example.org")]).await;
        let spoil = "UPDATE pulse_mail SET sealed = x'00' WHERE id = (SELECT MIN(id) FROM pulse_mail)";
        let spoiled = db.write((), move |tx, ()| {
            Box::pin(async move { Ok::<_, Error>(tx.execute(spoil).await.map(drop)?) })
        });
        spoiled.await.unwrap();
        let mut found = Vec::new();
        for _ in 0..3 {
            let claimed = db.write(tenancy.clone(), |tx, tenancy| Box::pin(claim(tx, tenancy.keys(), NOW)));
            found.push(match claimed.await.unwrap() {
                Claim::Nothing => "nothing".to_owned(),
                Claim::Unreadable => "unreadable".to_owned(),
                Claim::Mail(due) => due.to,
            });
        }
        assert_eq!(found, ["unreadable", "b@example.org", "nothing"]);
    }
}
