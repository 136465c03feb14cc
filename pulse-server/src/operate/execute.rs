//! Carrying out what operators ask for.

use std::time::SystemTime;

use platform_core::sql::{Db, Tx};
use platform_core::{OrganizationId, Secret};
use serde_json::{Value, json};
use tenancy::organization::{self, OrganizationFilter};
use tenancy::user::{self, Registration, User};
use tenancy::{Call, Error, MAX_LIMIT, PageRequest, Principal, Tenancy, UserId, password};

use super::{Answer, Request};
use crate::config::Config;
use crate::mail;
use crate::platform;
use crate::v1::account_requests;

/// Carries out a request.
pub(super) async fn execute(db: &Db, tenancy: &Tenancy, config: &Config, request: Request) -> Answer {
    let call = tenancy.call(Principal::Operator, SystemTime::now().into());
    let done = match request {
        Request::CreateOperator { email, name, password } => {
            create_operator(db, call, email, name, password.0.into()).await
        }
        Request::ListOrganizations { search, deleted } => organizations(db, &call, search, deleted).await,
        Request::SuspendOrganization { id, suspended } => match organization_id(&id) {
            Ok(id) => suspend_organization(db, call, id, suspended).await,
            Err(error) => Err(error),
        },
        Request::RestoreOrganization { id } => match organization_id(&id) {
            Ok(id) => restore_organization(db, call, id).await,
            Err(error) => Err(error),
        },
        Request::SuspendUser { user, suspended } => suspend_user(db, call, &user, suspended).await,
        Request::ExportUser { user } => export(db, &call, &user).await,
        Request::EraseUser { user } => erase(db, call, &user).await,
        Request::RotateMasterKey => rotate_master_key(db, config, &call).await,
        Request::ReplaceSessionKey => replace_session_key(db, config, &call).await,
    };
    match done {
        Ok(value) => Answer::Done(value),
        Err(reason) => Answer::Failed(reason),
    }
}

/// A sentence for a person at a terminal.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn reason(error: Error) -> String {
    match &error {
        Error::Invalid(errors) => {
            errors.iter().map(|error| error.detail.to_string()).collect::<Vec<_>>().join(" ")
        }
        Error::Unavailable(cause) | Error::Internal(cause) => cause.to_string(),
        _ => error.problem().detail.into_owned(),
    }
}

fn organization_id(text: &str) -> Result<OrganizationId, String> {
    text.parse().map_err(|error: platform_core::ParseIdError| error.to_string())
}

async fn create_operator(
    db: &Db,
    call: Call,
    email: String,
    name: String,
    secret: Secret,
) -> Result<Value, String> {
    let hashed = tokio::task::spawn_blocking(move || password::hash(&secret)).await;
    let password = hashed.map_err(|error| error.to_string())?.map_err(reason)?;
    let registration = Registration { email, name, password };
    let created = db.write((call, registration), |tx, (call, registration)| {
        Box::pin(user::create(tx, call, registration, true))
    });
    created.await.map(|user| shown_user(&user)).map_err(reason)
}

fn shown_user(user: &User) -> Value {
    json!({
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "is_admin": user.is_admin,
        "suspended_at": user.suspended_at,
    })
}

fn shown_organization(organization: &organization::Organization) -> Value {
    json!({
        "id": organization.id,
        "name": organization.name,
        "plan_id": organization.plan_id,
        "created_at": organization.created_at,
        "suspended_at": organization.suspended_at,
        "deleted_at": organization.deleted_at,
    })
}

async fn organizations(db: &Db, call: &Call, search: Option<String>, deleted: bool) -> Result<Value, String> {
    let filter = OrganizationFilter { search, suspended: None, deleted };
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let mut tx = db.read().await.map_err(|error| error.to_string())?;
        let request = PageRequest { after, limit: MAX_LIMIT };
        let page = organization::list_all(&mut tx, call, &filter, request).await.map_err(reason)?;
        all.extend(page.data.iter().map(shown_organization));
        after = page.next;
        if after.is_none() {
            return Ok(Value::Array(all));
        }
    }
}

async fn suspend_organization(
    db: &Db,
    call: Call,
    id: OrganizationId,
    suspended: bool,
) -> Result<Value, String> {
    let changed = db.write((call, id, suspended), |tx, (call, id, suspended)| {
        Box::pin(organization::suspend(tx, call, *id, *suspended))
    });
    changed.await.map(|organization| shown_organization(&organization)).map_err(reason)
}

async fn restore_organization(db: &Db, call: Call, id: OrganizationId) -> Result<Value, String> {
    let restored = db.write((call, id), |tx, (call, id)| Box::pin(organization::restore(tx, call, *id)));
    restored.await.map(|organization| shown_organization(&organization)).map_err(reason)
}

/// The account with this id or address.
async fn find_user(db: &Db, call: &Call, text: &str) -> Result<UserId, String> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let mut tx = db.read().await.map_err(|error| error.to_string())?;
    match user::find(&mut tx, call, text).await {
        Ok(user) => Ok(user.id),
        Err(Error::NotFound) => Err("there is no such account".to_owned()),
        Err(error) => Err(reason(error)),
    }
}

async fn suspend_user(db: &Db, call: Call, user: &str, suspended: bool) -> Result<Value, String> {
    let id = find_user(db, &call, user).await?;
    let changed = db.write((call, id, suspended), |tx, (call, id, suspended)| {
        Box::pin(user::suspend(tx, call, *id, *suspended))
    });
    changed.await.map(|user| shown_user(&user)).map_err(reason)
}

async fn export(db: &Db, call: &Call, user: &str) -> Result<Value, String> {
    let id = find_user(db, call, user).await?;
    let noted = db.write((call.clone(), id), |tx, (call, id)| Box::pin(user::note_export(tx, call, *id)));
    noted.await.map_err(reason)?;
    let mut tx = db.read().await.map_err(|error| error.to_string())?;
    user::export(&mut tx, call, id).await.map_err(reason)
}

async fn erase(db: &Db, call: Call, user: &str) -> Result<Value, String> {
    let id = find_user(db, &call, user).await?;
    db.write((call, id), |tx, (call, id)| Box::pin(erase_all(tx, call, *id))).await.map_err(reason)?;
    // What was erased is still in the log of SQLite until that is emptied.
    db.truncate_log().await.map_err(|error| format!("erased, but the log was not emptied: {error}"))?;
    Ok(json!({ "erased": id }))
}

/// Erases a person, and what waits to be sent or done for them.
async fn erase_all(tx: &mut Tx, call: &Call, id: UserId) -> Result<(), Error> {
    let email = user::read(tx, call, id).await?.email;
    user::erase(tx, call, id).await?;
    let Some(email) = email else { return Ok(()) };
    let recipient = mail::recipient(call.keys(), &email);
    mail::forget(tx, &recipient).await?;
    account_requests::forget(tx, &recipient).await
}

async fn replace_session_key(db: &Db, config: &Config, call: &Call) -> Result<Value, String> {
    platform::replace_session_key(db, config, call).await.map_err(|error| error.to_string())?;
    Ok(
        json!({ "note": "Servers sign with it from their next start on; sessions of the key before go on until it is replaced again." }),
    )
}

async fn rotate_master_key(db: &Db, config: &Config, call: &Call) -> Result<Value, String> {
    let file = platform::rotate_master_key(db, config, call).await.map_err(|error| error.to_string())?;
    Ok(json!({ "master_key_file": file, "note": "Back the new key up; the old one opens nothing any more." }))
}
