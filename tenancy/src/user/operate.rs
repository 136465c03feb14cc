//! What operators of the server do with accounts.

use super::{User, about};
use crate::field::email_key;
use crate::page::{Page, PageRequest, page};
use crate::store::{Condition, Tx, clear, is, null, set, some};
use crate::{Call, Error, UserId, authority, session};

/// Which accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Addresses that begin with this, without regard to case.
    pub search: Option<String>,
    /// Suspended or not.
    pub suspended: Option<bool>,
    /// Operators or not.
    pub is_admin: Option<bool>,
}

/// All accounts that were not erased. For operators.
///
/// # Errors
///
/// See [`operator`](authority::operator).
pub async fn list_all<T: Tx>(
    tx: &mut T,
    call: &Call,
    wanted: &UserFilter,
    request: PageRequest<UserId>,
) -> Result<Page<User, UserId>, Error> {
    authority::operator(call)?;
    let mut filter = vec![null("erased_at")];
    filter.extend(wanted.search.as_ref().map(|text| Condition::Prefix("email_key", email_key(text))));
    filter.extend(wanted.suspended.map(|yes| if yes { some("suspended_at") } else { null("suspended_at") }));
    filter.extend(wanted.is_admin.map(|yes| is("is_admin", yes)));
    page(tx, filter, request, |user: &User| user.id).await
}

/// An account. For operators.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn read<T: Tx>(tx: &mut T, call: &Call, id: UserId) -> Result<User, Error> {
    authority::operator(call)?;
    let user: Option<User> = tx.get(id).await?;
    user.filter(|user| user.erased_at.is_none()).ok_or(Error::NotFound)
}

/// The account with this address. For operators.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn find<T: Tx>(tx: &mut T, call: &Call, email: &str) -> Result<User, Error> {
    authority::operator(call)?;
    tx.find(vec![is("email_key", email_key(email)), null("erased_at")]).await?.ok_or(Error::NotFound)
}

/// Suspends a person, whose logins end, or lifts that. For operators.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn suspend<T: Tx>(tx: &mut T, call: &Call, id: UserId, suspended: bool) -> Result<User, Error> {
    authority::operator(call)?;
    let mark = if suspended { set("suspended_at", call.now) } else { clear("suspended_at") };
    let unmarked = if suspended { null("suspended_at") } else { some("suspended_at") };
    let filter = vec![is("id", id), null("erased_at"), unmarked];
    if tx.update::<User>(filter, vec![mark, set("updated_at", call.now)]).await? == 1 {
        session::revoke_all(tx, call, id).await?;
        let action = if suspended { "user.suspended" } else { "user.resumed" };
        call.record(tx, action, about(id), &["suspended_at"]).await?;
    }
    read(tx, call, id).await
}

/// Makes a person an operator of the server, or ends that. For operators.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn set_admin<T: Tx>(tx: &mut T, call: &Call, id: UserId, is_admin: bool) -> Result<User, Error> {
    authority::operator(call)?;
    let assign = vec![set("is_admin", is_admin), set("updated_at", call.now)];
    if tx.update::<User>(vec![is("id", id), null("erased_at")], assign).await? == 0 {
        return Err(Error::NotFound);
    }
    call.record(tx, "user.updated", about(id), &["is_admin"]).await?;
    read(tx, call, id).await
}
