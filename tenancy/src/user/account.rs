//! One's own account.

use super::{User, about};
use crate::field::Fields;
use crate::store::{Tx, is, null, set};
use crate::{Call, Error};

/// The account of the person who asks.
///
/// # Errors
///
/// [`Error::Unauthenticated`].
pub async fn me<T: Tx>(tx: &mut T, call: &Call) -> Result<User, Error> {
    let user: Option<User> = tx.get(call.user()?).await?;
    user.filter(|user| user.erased_at.is_none()).ok_or(Error::Unauthenticated)
}

/// Changes the name of the person who asks.
///
/// # Errors
///
/// [`Error::Invalid`], [`Error::Unauthenticated`].
pub async fn rename<T: Tx>(tx: &mut T, call: &Call, name: &str) -> Result<User, Error> {
    let id = call.user()?;
    let mut fields = Fields::new();
    let name = fields.name("/name", name);
    fields.check()?;
    let assign = vec![set("name", name), set("updated_at", call.now)];
    tx.update::<User>(vec![is("id", id), null("erased_at")], assign).await?;
    call.record(tx, "user.updated", about(id), &["name"]).await?;
    me(tx, call).await
}
