//! Passwords, checked in two steps: the account is read, then the password is checked outside of any transaction.

use platform_core::Secret;

use super::{User, register};
use crate::field::email_key;
use crate::mail::Mail;
use crate::password::{self, PasswordHash};
use crate::store::{Tx, is, null};
use crate::{Call, Error, UserId};

/// Somebody's claim to an account. Whether there is one, it does not show.
#[derive(Debug)]
pub struct Attempt(Option<User>);

/// A password that was right when it was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    pub(crate) user_id: UserId,
    /// The hash that it was checked against, which must still be the account's.
    hash: PasswordHashText,
}

#[derive(Clone, PartialEq, Eq)]
struct PasswordHashText(String);

impl std::fmt::Debug for PasswordHashText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hash")
    }
}

impl Attempt {
    /// Checks the password: an Argon2, whether there is an account or not. Takes tens of milliseconds of a core.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`].
    pub fn check(self, password: &Secret) -> Result<Checked, Error> {
        let user = self.0.filter(|user| user.erased_at.is_none());
        let hash = user.as_ref().and_then(|user| user.password.as_deref());
        if !password::verify(password, hash) {
            return Err(Error::Unauthenticated);
        }
        match user {
            Some(User { id, password: Some(hash), .. }) => {
                Ok(Checked { user_id: id, hash: PasswordHashText(hash) })
            }
            _ => Err(Error::Unauthenticated),
        }
    }
}

/// Reads the account that somebody claims, by address.
///
/// # Errors
///
/// The store's.
pub async fn attempt<T: Tx>(tx: &mut T, email: &str) -> Result<Attempt, Error> {
    let filter = vec![is("email_key", email_key(email)), null("erased_at")];
    Ok(Attempt(tx.find(filter).await?))
}

/// Reads the account of the person who asks, to check their password again before something grave.
///
/// # Errors
///
/// [`Error::Unauthenticated`].
pub async fn attempt_self<T: Tx>(tx: &mut T, call: &Call) -> Result<Attempt, Error> {
    Ok(Attempt(tx.get(call.user()?).await?))
}

impl Checked {
    /// The account, if the password is still the one that was checked, and remains so until the transaction ends: what is
    /// created now, another password ends.
    pub(crate) async fn user<T: Tx>(&self, tx: &mut T) -> Result<User, Error> {
        tx.lock::<User>(self.user_id).await?;
        let user: Option<User> = tx.get(self.user_id).await?;
        user.filter(|user| user.erased_at.is_none() && user.password.as_ref() == Some(&self.hash.0))
            .ok_or(Error::Unauthenticated)
    }

    /// The account, if it is the one of the person who asks.
    pub(crate) async fn own<T: Tx>(&self, tx: &mut T, call: &Call) -> Result<User, Error> {
        if call.user()? != self.user_id {
            return Err(Error::Unauthenticated);
        }
        self.user(tx).await
    }
}

/// Sets another password, after the old one was checked. All logins end, this one too.
///
/// # Errors
///
/// [`Error::Unauthenticated`] when the password was changed meanwhile.
pub async fn change_password<T: Tx>(
    tx: &mut T,
    call: &Call,
    checked: &Checked,
    password: &PasswordHash,
) -> Result<Option<Mail>, Error> {
    let user = checked.own(tx, call).await?;
    register::set_password(tx, call, user.id, password).await
}
