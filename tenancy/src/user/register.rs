//! Registering, showing that an address is one's own, forgotten passwords. None of it tells who has an account.

use platform_core::{Secret, WallTime};
use serde::{Deserialize, Serialize};

use super::{User, about};
use crate::error::REGISTRATIONS_CLOSED;
use crate::field::{Fields, email_key};
use crate::mail::{self, Mail, Message, Purpose};
use crate::password::PasswordHash;
use crate::store::{Tx, is, null, set};
use crate::{Call, Error, UserId, authority, session, settings};

/// Somebody who wants an account. It serializes, so that a driver can keep it, sealed, until it is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Their address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// The hash of the password that they chose, computed whether they have an account already or not.
    pub password: PasswordHash,
}

impl Registration {
    fn check(&self) -> Result<(String, String), Error> {
        check(&self.email, Some(&self.name)).map(|(email, name)| (email, name.unwrap_or_default()))
    }
}

/// Whether an address, and a name, can be somebody's: both as they are stored. It costs nothing, so it comes before a password is
/// hashed.
///
/// # Errors
///
/// [`Error::Invalid`].
pub fn check(email: &str, name: Option<&str>) -> Result<(String, Option<String>), Error> {
    let mut fields = Fields::new();
    let email = fields.email("/email", email);
    let name = name.map(|name| fields.name("/name", name));
    fields.check()?;
    Ok((email, name))
}

/// Registers somebody. Whoever has an account already gets a mail that says so, so that the answer is the same for all.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::Refused`] with the code `registrations_closed`, whoever asks.
pub async fn register<T: Tx>(tx: &mut T, call: &Call, input: &Registration) -> Result<Mail, Error> {
    let (email, name) = input.check()?;
    if !settings::current(tx).await?.registrations {
        return Err(Error::refused(REGISTRATIONS_CLOSED, "Ask the operator of this server for an account."));
    }
    let user = user(call, email.clone(), name, &input.password, None);
    let user_id = if tx.insert_new(&user).await? {
        call.audit(tx, "user.created", &about(user.id), &[]).await?;
        user.id
    } else {
        let known: Option<User> = tx.find(vec![is("email_key", email_key(&email))]).await?;
        let known = known.ok_or_else(|| Error::internal("an address is taken and nobody has it"))?;
        if known.verified_at.is_some() {
            // To the address as its owner wrote it.
            let to = known.email.unwrap_or(email);
            return Ok(Mail { to, message: Message::AlreadyRegistered });
        }
        // Not verified yet, and one of the two may be a stranger: neither's password is kept. Who has the mail gets in, by a link to
        // choose one.
        let assign = vec![set("password", None::<String>), set("updated_at", call.now)];
        tx.update::<User>(vec![is("id", known.id), null("verified_at")], assign).await?;
        known.id
    };
    let token = mail::issue(tx, call, user_id, Purpose::VerifyEmail).await?;
    Ok(Mail { to: email, message: Message::VerifyEmail { token } })
}

/// Creates a person who is an operator of the server, or another whose address needs no proof. For operators.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::Conflict`] when the address is taken.
pub async fn create<T: Tx>(
    tx: &mut T,
    call: &Call,
    input: &Registration,
    is_admin: bool,
) -> Result<User, Error> {
    authority::operator(call)?;
    let (email, name) = input.check()?;
    let user = User { is_admin, ..user(call, email, name, &input.password, Some(call.now)) };
    tx.insert(&user).await?;
    call.audit(tx, "user.created", &about(user.id), &[]).await?;
    Ok(user)
}

fn user(
    call: &Call,
    email: String,
    name: String,
    password: &PasswordHash,
    verified_at: Option<WallTime>,
) -> User {
    User {
        id: call.id(),
        email_key: Some(email_key(&email)),
        email: Some(email),
        name: Some(name),
        password: Some(password.as_str().to_owned()),
        verified_at,
        is_admin: false,
        totp_secret: None,
        totp_confirmed_at: None,
        totp_step: 0,
        created_at: call.now,
        updated_at: call.now,
        suspended_at: None,
        erased_at: None,
    }
}

/// Shows that an address is the person's, by the token that was sent there.
///
/// # Errors
///
/// [`Error::Refused`] with the code `invalid_token`.
pub async fn verify_email<T: Tx>(tx: &mut T, call: &Call, token: &Secret) -> Result<UserId, Error> {
    let id = mail::redeem(tx, call, token, Purpose::VerifyEmail).await?;
    mark_verified(tx, call, id).await?;
    Ok(id)
}

async fn mark_verified<T: Tx>(tx: &mut T, call: &Call, id: UserId) -> Result<(), Error> {
    let filter = vec![is("id", id), null("verified_at"), null("erased_at")];
    if tx.update::<User>(filter, vec![set("verified_at", call.now), set("updated_at", call.now)]).await? == 1
    {
        call.record(tx, "user.email_verified", about(id), &["verified_at"]).await?;
    }
    Ok(())
}

/// Sends a link to choose another password; `None` where nobody has this address, which is not told.
///
/// # Errors
///
/// The store's.
pub async fn forgot<T: Tx>(tx: &mut T, call: &Call, email: &str) -> Result<Option<Mail>, Error> {
    let Some(user) = tx.find::<User>(vec![is("email_key", email_key(email))]).await? else { return Ok(None) };
    let Some(to) = user.email else { return Ok(None) };
    let token = mail::issue(tx, call, user.id, Purpose::ResetPassword).await?;
    Ok(Some(Mail { to, message: Message::ResetPassword { token } }))
}

/// Whether a token to choose another password can be used at present, which is looked at before the password is hashed.
///
/// # Errors
///
/// [`Error::Refused`] with the code `invalid_token`.
pub async fn check_reset<T: Tx>(tx: &mut T, call: &Call, token: &Secret) -> Result<(), Error> {
    mail::find(tx, call, token, Purpose::ResetPassword).await.map(drop)
}

/// Sets another password by the token that was sent. All logins end. It shows that the address is the person's, too.
///
/// # Errors
///
/// [`Error::Refused`] with the code `invalid_token`.
pub async fn reset<T: Tx>(
    tx: &mut T,
    call: &Call,
    token: &Secret,
    password: &PasswordHash,
) -> Result<Option<Mail>, Error> {
    let id = mail::redeem(tx, call, token, Purpose::ResetPassword).await?;
    mark_verified(tx, call, id).await?;
    set_password(tx, call, id, password).await
}

/// Sets a person's password and ends their logins; the mail that tells them.
pub(super) async fn set_password<T: Tx>(
    tx: &mut T,
    call: &Call,
    id: UserId,
    password: &PasswordHash,
) -> Result<Option<Mail>, Error> {
    let assign = vec![set("password", password.as_str().to_owned()), set("updated_at", call.now)];
    if tx.update::<User>(vec![is("id", id), null("erased_at")], assign).await? == 0 {
        return Err(Error::NotFound);
    }
    mail::void(tx, call, id, Purpose::ResetPassword).await?;
    session::revoke_all(tx, call, id).await?;
    call.record(tx, "user.password_changed", about(id), &["password"]).await?;
    let user: User = tx.get(id).await?.ok_or(Error::NotFound)?;
    Ok(user.email.map(|to| Mail { to, message: Message::PasswordChanged }))
}
