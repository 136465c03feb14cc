//! Mails that rules want sent, and the tokens in them.

use std::time::Duration;

use platform_core::{Secret, WallTime};

use crate::authority::Role;
use crate::error::INVALID_TOKEN;
use crate::store::{Condition, Tx, at_least, is, named, null, record, set};
use crate::user::User;
use crate::vault::DataKey;
use crate::{Call, Error, MailTokenId, UserId};

/// A mail to be sent. Whoever called queues it in the same transaction, so that it is neither lost nor sent for nothing.
#[must_use = "the mail is sent by the caller"]
#[derive(Clone, PartialEq)]
pub struct Mail {
    /// To which address.
    pub to: String,
    /// What it says.
    pub message: Message,
}

impl std::fmt::Debug for Mail {
    /// Without the address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("message", &self.message).finish_non_exhaustive()
    }
}

/// What a mail says. Tokens go into links.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// Welcome; follow the link to show that the address is yours.
    VerifyEmail {
        /// Valid for [`VERIFY_VALID`].
        token: Secret,
    },
    /// Somebody registered with this address, which has an account already.
    AlreadyRegistered,
    /// Follow the link to choose another password.
    ResetPassword {
        /// Valid for [`RESET_VALID`].
        token: Secret,
    },
    /// The password was changed.
    PasswordChanged,
    /// You are invited into an organization.
    Invitation {
        /// The organization's name.
        organization: String,
        /// As what.
        role: Role,
        /// Valid for [`invitation::VALID`](crate::invitation::VALID).
        token: Secret,
    },
}

/// How long an address can be verified, 24 hours.
pub const VERIFY_VALID: Duration = Duration::from_secs(86_400);
/// How long a password can be reset, an hour.
pub const RESET_VALID: Duration = Duration::from_secs(3_600);

named! {
    /// What a token out of a mail is for.
    pub enum Purpose {
        /// Showing that an address is the person's.
        VerifyEmail = "verify_email",
        /// Choosing another password.
        ResetPassword = "reset_password",
    }
}

record! {
    /// A token that was sent by mail.
    pub struct MailToken in "tenancy_mail_tokens" {
        /// `mtk_…`.
        pub id: MailTokenId,
        /// To whom.
        pub user_id: UserId,
        /// What for.
        pub purpose: Purpose,
        /// Its HMAC.
        pub(crate) token: Vec<u8>,
        /// Until when it can be used.
        pub expires_at: WallTime,
        /// When it was used, or replaced by a newer one.
        pub used_at: Option<WallTime>,
    }
    unique "token" on "token"
}

/// A new token: 52 letters and digits, 256 random bits.
pub(crate) fn new_token() -> Secret {
    Secret::random(32).base32()
}

/// How a token is stored.
pub(crate) fn stored(call: &Call, token: &Secret) -> Vec<u8> {
    call.keys().mac(DataKey::MailToken, token.expose())
}

/// Makes a token, after which older ones of the same purpose are void.
pub(crate) async fn issue<T: Tx>(
    tx: &mut T,
    call: &Call,
    user_id: UserId,
    purpose: Purpose,
) -> Result<Secret, Error> {
    // Of two that are issued at once one voids the other.
    tx.lock::<User>(user_id).await?;
    void(tx, call, user_id, purpose).await?;
    let token = new_token();
    let valid = match purpose {
        Purpose::VerifyEmail => VERIFY_VALID,
        Purpose::ResetPassword => RESET_VALID,
    };
    tx.insert(&MailToken {
        id: call.id(),
        user_id,
        purpose,
        token: stored(call, &token),
        expires_at: call.now.plus(valid),
        used_at: None,
    })
    .await?;
    Ok(token)
}

/// Says how to get another one.
fn invalid(purpose: Purpose) -> Error {
    let detail = match purpose {
        Purpose::VerifyEmail => {
            "The link was used or has expired. If you cannot log in, ask for a link to choose a password, with POST \
             /v1/auth/password/forgot: using that one verifies the address, too."
        }
        Purpose::ResetPassword => {
            "The link was used or has expired. Ask for another one with POST /v1/auth/password/forgot."
        }
    };
    Error::refused(INVALID_TOKEN, detail)
}

fn usable(call: &Call, token: &Secret, purpose: Purpose) -> Vec<Condition> {
    vec![
        is("token", stored(call, token)),
        is("purpose", purpose),
        null("used_at"),
        at_least("expires_at", call.now),
    ]
}

/// Finds a token that can be used.
pub(crate) async fn find<T: Tx>(
    tx: &mut T,
    call: &Call,
    token: &Secret,
    purpose: Purpose,
) -> Result<MailToken, Error> {
    tx.find(usable(call, token, purpose)).await?.ok_or_else(|| invalid(purpose))
}

/// Uses up a token; whose it was.
pub(crate) async fn redeem<T: Tx>(
    tx: &mut T,
    call: &Call,
    token: &Secret,
    purpose: Purpose,
) -> Result<UserId, Error> {
    let found = find(tx, call, token, purpose).await?;
    let used = vec![set("used_at", call.now)];
    if tx.update::<MailToken>(usable(call, token, purpose), used).await? == 0 {
        return Err(invalid(purpose));
    }
    Ok(found.user_id)
}

/// Voids the tokens of a purpose that a person has.
pub(crate) async fn void<T: Tx>(
    tx: &mut T,
    call: &Call,
    user_id: UserId,
    purpose: Purpose,
) -> Result<(), Error> {
    let filter = vec![is("user_id", user_id), is("purpose", purpose), null("used_at")];
    tx.update::<MailToken>(filter, vec![set("used_at", call.now)]).await.map(drop)
}
