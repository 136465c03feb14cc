//! What registering, and saying that a password is forgotten, leave to be done after the answer.
//!
//! Whatever is asked for whichever address, the same is done before the answer: one sealed row is written, durably. Looking whether
//! the address has an account, and what follows from it, is the work of a task behind, so that neither the answer nor the time that
//! it takes tells.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use platform_core::problem::code;
use platform_core::sql::{Tx, query};
use platform_core::{EventId, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::REGISTRATIONS_CLOSED;
use tenancy::user::{self, Registration};
use tenancy::vault::DataKey;
use tenancy::{Call, Error, Principal, settings};

use crate::mail;
use crate::v1::Api;
use crate::v1::context::Context;
use crate::v1::failure::Failure;

/// Requests that wait, 10,000 of half a kilobyte; beyond, newcomers are answered 503.
const MAX_WAITING: i64 = 10_000;
/// How long requests gather before they are carried out: one that follows at once does not feel what the one before it has
/// started.
const GATHER: Duration = Duration::from_millis(100);
/// How often is looked when nobody has called: at what another server has left, or could not do.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// What is to be done.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// Somebody registers.
    Register(Registration),
    /// Somebody has forgotten the password of this address.
    Forgot {
        /// As they wrote it.
        email: String,
    },
}

impl Request {
    fn email(&self) -> &str {
        match self {
            Self::Register(registration) => &registration.email,
            Self::Forgot { email } => email,
        }
    }
}

/// A request as it is stored, sealed.
#[derive(Serialize, Deserialize)]
struct Stored {
    request: Request,
    address: Option<std::net::IpAddr>,
    request_id: Option<String>,
}

fn context(id: &str) -> String {
    format!("account request {id}")
}

/// Writes a request down, to be carried out after the answer.
pub(super) async fn queue(ctx: &Context, request: Request) -> Result<(), Failure> {
    let call = &ctx.call;
    let id: EventId = call.tenancy().id(call.now);
    let recipient = mail::recipient(call.keys(), request.email());
    let registers = matches!(request, Request::Register(_));
    let stored = Stored { request, address: call.address, request_id: call.request_id.clone() };
    let plain = serde_json::to_vec(&stored).map_err(|error| Error::internal(error.to_string()))?;
    let sealed = call.keys().seal(DataKey::Sealing, &context(&id.to_string()), &plain)?;
    let row = (id.to_string(), recipient, sealed, call.now, registers);
    ctx.api.db.write(row, |tx, row| Box::pin(insert(tx, row))).await?;
    ctx.api.requested.notify_one();
    Ok(())
}

async fn insert(tx: &mut Tx, row: &(String, Vec<u8>, Vec<u8>, WallTime, bool)) -> Result<(), Error> {
    let (id, recipient, sealed, now, registers) = row;
    if *registers && !settings::current(tx).await?.registrations {
        let detail = "Ask the operator of this server for an account.";
        return Err(Error::Refused { code: REGISTRATIONS_CLOSED, detail });
    }
    let waiting: i64 = tx.fetch_one("SELECT COUNT(*) FROM pulse_account_requests").await?.get(0)?;
    if waiting >= MAX_WAITING {
        let detail = "Too many people register at this moment; try again later.";
        return Err(Error::Refused { code: code::UNAVAILABLE, detail });
    }
    let insert = query(
        "INSERT INTO pulse_account_requests (id, recipient, sealed, requested_at) VALUES ($1, $2, $3, $4)",
    );
    tx.execute(insert.bind(id).bind(recipient).bind(sealed).bind(*now)).await?;
    Ok(())
}

/// Removes what waits for an address, whose owner is being erased.
pub(crate) async fn forget(tx: &mut Tx, recipient: &[u8]) -> Result<(), Error> {
    let delete = query("DELETE FROM pulse_account_requests WHERE recipient = $1").bind(recipient);
    tx.execute(delete).await?;
    Ok(())
}

/// Carries requests out until the server is gone.
pub(crate) async fn run(api: Weak<Api>, requested: Arc<tokio::sync::Notify>) {
    loop {
        let Some(strong) = api.upgrade() else { return };
        let outcome = carry_out_all(&strong).await;
        // Not held while nothing is to be done, so that the server can end.
        drop(strong);
        match outcome {
            Ok(()) => {
                let _ = tokio::time::timeout(LOOK_EVERY, requested.notified()).await;
                tokio::time::sleep(GATHER).await;
            }
            Err(error) => {
                tracing::warn!(%error, "registrations and forgotten passwords wait; they are tried again");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
}

/// Carries out what waits. An error is one that passes.
async fn carry_out_all(api: &Arc<Api>) -> Result<(), Error> {
    let call = api.tenancy.call(Principal::Anonymous, SystemTime::now().into());
    while let Some(id) = first(api).await? {
        let done =
            api.db.write((call.clone(), id.clone()), |tx, (call, id)| Box::pin(carry_out(tx, call, id)));
        match done.await {
            Ok(()) => api.mail_queued.notify_one(),
            Err(error) if error.is_transient() || is_full(&error) => return Err(error),
            Err(error) => {
                // It would fail the same way each time.
                if error.cause().is_some() {
                    tracing::error!(%error, "a registration or a forgotten password is given up");
                }
                api.db.write(id, |tx, id| Box::pin(async move { take(tx, id).await.map(drop) })).await?;
            }
        }
    }
    Ok(())
}

/// Whether mails are not taken at present.
fn is_full(error: &Error) -> bool {
    matches!(error, Error::Refused { code, .. } if *code == code::UNAVAILABLE)
}

async fn first(api: &Arc<Api>) -> Result<Option<String>, Error> {
    let mut tx = api.db.read().await?;
    let row = tx.fetch_optional("SELECT id FROM pulse_account_requests ORDER BY id LIMIT 1").await?;
    Ok(row.map(|row| row.get(0)).transpose()?)
}

/// Takes a request out of the queue; `None` when another server was first.
async fn take(tx: &mut Tx, id: &str) -> Result<Option<Vec<u8>>, Error> {
    let delete = query("DELETE FROM pulse_account_requests WHERE id = $1 RETURNING sealed").bind(id);
    let row = tx.fetch_optional(delete).await?;
    Ok(row.map(|row| row.get(0)).transpose()?)
}

async fn carry_out(tx: &mut Tx, call: &Call, id: &str) -> Result<(), Error> {
    let Some(sealed) = take(tx, id).await? else { return Ok(()) };
    let plain = call.keys().open(DataKey::Sealing, &context(id), &sealed);
    let plain = plain.ok_or_else(|| Error::internal("a queued request does not unseal"))?;
    let Stored { request, address, request_id } =
        serde_json::from_slice(plain.expose()).map_err(|error| Error::internal(error.to_string()))?;
    let mut call = call.clone();
    (call.address, call.request_id) = (address, request_id);
    let mail = match &request {
        Request::Register(registration) => Some(user::register(tx, &call, registration).await?),
        Request::Forgot { email } => user::forgot(tx, &call, email).await?,
    };
    match mail {
        Some(mail) => mail::enqueue(tx, &call, &mail).await,
        None => Ok(()),
    }
}
