//! The second factor: an authenticator (TOTP, RFC 6238: SHA-1, six digits, 30 s), and recovery codes for when it is lost.

use platform_core::{Secret, WallTime};
use totp_rs::{Builder, Totp};

use super::login::Checked;
use super::{User, about};
use crate::error::STATE;
use crate::store::{Tx, below, clear, is, null, record, set, some};
use crate::vault::DataKey;
use crate::{Call, Error, RecoveryCodeId, UserId};

/// What authenticators show beside the account.
const ISSUER: &str = "Pulse";
/// Bytes of a secret: 160 bits (RFC 4226 §4).
const SECRET: usize = 20;
/// Recovery codes that a person has.
const RECOVERY_CODES: usize = 10;
/// Random bytes of a recovery code: 80 bits, 16 characters.
const RECOVERY_CODE: usize = 10;

record! {
    /// A code that stands in for the authenticator once.
    pub struct RecoveryCode in "tenancy_recovery_codes" {
        /// `rcv_…`.
        pub id: RecoveryCodeId,
        /// Whose.
        pub user_id: UserId,
        /// Its HMAC.
        pub(crate) code: Vec<u8>,
        /// When it was used.
        pub used_at: Option<WallTime>,
    }
}

/// What an authenticator needs.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The secret in base32 (RFC 4648 §6), to be typed.
    pub secret: Secret,
    /// The same as `otpauth://` URI, for a QR code.
    pub uri: Secret,
}

fn context(id: UserId) -> String {
    format!("totp {id}")
}

fn authenticator(secret: &Secret, account: Option<&str>) -> Result<Totp, Error> {
    let builder = Builder::new().with_secret(secret.expose().to_vec()).with_issuer(Some(ISSUER));
    let builder = match account {
        Some(account) => builder.with_account_name(account),
        None => builder,
    };
    builder.build().map_err(|error| Error::internal(error.to_string()))
}

/// Begins to set up an authenticator, after the password was checked: who has got hold of an access token alone must not be
/// able to lock the person out. It counts once a code of it [confirmed](confirm) it.
///
/// # Errors
///
/// [`Error::Refused`] when there is one already.
pub async fn setup<T: Tx>(tx: &mut T, call: &Call, checked: &Checked) -> Result<Setup, Error> {
    let user = checked.own(tx, call).await?;
    if user.totp_confirmed_at.is_some() {
        return Err(Error::refused(STATE, "There is an authenticator; disable it first."));
    }
    let secret = Secret::random(SECRET);
    let totp = authenticator(&secret, user.email.as_deref())?;
    let sealed = call.keys().seal(DataKey::Sealing, &context(user.id), secret.expose())?;
    let filter = vec![is("id", user.id), null("totp_confirmed_at")];
    tx.update::<User>(filter, vec![set("totp_secret", sealed)]).await?;
    call.audit(tx, "user.totp_set_up", &about(user.id), &["totp"]).await?;
    let uri = totp.to_url().map_err(|error| Error::internal(error.to_string()))?;
    Ok(Setup { secret: totp.secret().to_base32().into(), uri: uri.into() })
}

/// Turns the second factor on, by a code of the authenticator. The recovery codes are shown this once.
///
/// # Errors
///
/// [`Error::Invalid`] for a wrong code; [`Error::Refused`] when nothing was set up, or it is on already.
pub async fn confirm<T: Tx>(tx: &mut T, call: &Call, code: &str) -> Result<Vec<Secret>, Error> {
    let user = super::me(tx, call).await?;
    if user.totp_confirmed_at.is_some() || user.totp_secret.is_none() {
        return Err(Error::refused(STATE, "Set an authenticator up first."));
    }
    if !use_code(tx, call, &user, code).await? {
        return Err(Error::field("/code", "wrong_code", "This is not the authenticator's present code."));
    }
    let filter = vec![is("id", user.id), null("totp_confirmed_at"), some("totp_secret")];
    let assign = vec![set("totp_confirmed_at", call.now), set("updated_at", call.now)];
    if tx.update::<User>(filter, assign).await? == 0 {
        return Err(Error::refused(STATE, "The authenticator was changed meanwhile."));
    }
    forget_codes(tx, user.id).await?;
    let mut codes = Vec::new();
    for _ in 0..RECOVERY_CODES {
        let code = Secret::random(RECOVERY_CODE).base32();
        let row = RecoveryCode { id: call.id(), user_id: user.id, code: stored(call, &code), used_at: None };
        tx.insert(&row).await?;
        codes.push(code);
    }
    call.record(tx, "user.totp_enabled", about(user.id), &["totp"]).await?;
    Ok(codes)
}

/// Turns the second factor off, after the password was checked, by a code of it.
///
/// # Errors
///
/// [`Error::SecondFactor`] for a wrong code; [`Error::Refused`] when it is off.
pub async fn disable<T: Tx>(tx: &mut T, call: &Call, checked: &Checked, code: &str) -> Result<(), Error> {
    let user = checked.own(tx, call).await?;
    if user.totp_confirmed_at.is_none() {
        return Err(Error::refused(STATE, "There is no authenticator."));
    }
    if !verify(tx, call, &user, code).await? {
        return Err(Error::SecondFactor);
    }
    turn_off(tx, call, user.id).await?;
    call.record(tx, "user.totp_disabled", about(user.id), &["totp"]).await
}

async fn turn_off<T: Tx>(tx: &mut T, call: &Call, id: UserId) -> Result<(), Error> {
    let assign = vec![clear("totp_secret"), clear("totp_confirmed_at"), set("updated_at", call.now)];
    tx.update::<User>(vec![is("id", id)], assign).await?;
    forget_codes(tx, id).await
}

/// Turns the second factor of somebody off who has lost authenticator and recovery codes. For operators.
///
/// # Errors
///
/// [`Error::NotFound`].
pub async fn reset<T: Tx>(tx: &mut T, call: &Call, id: UserId) -> Result<(), Error> {
    let user = super::read(tx, call, id).await?;
    turn_off(tx, call, user.id).await?;
    call.record(tx, "user.totp_disabled", about(user.id), &["totp"]).await
}

pub(super) async fn forget_codes<T: Tx>(tx: &mut T, id: UserId) -> Result<(), Error> {
    tx.delete::<RecoveryCode>(vec![is("user_id", id)], RECOVERY_CODES as u32 * 2).await.map(drop)
}

fn stored(call: &Call, code: &Secret) -> Vec<u8> {
    call.keys().mac(DataKey::MailToken, code.expose())
}

/// Uses up a code of the authenticator or a recovery code.
pub(crate) async fn verify<T: Tx>(tx: &mut T, call: &Call, user: &User, code: &str) -> Result<bool, Error> {
    if use_code(tx, call, user, code).await? {
        return Ok(true);
    }
    let code = Secret::from(code.trim().to_lowercase().replace('-', ""));
    let filter = vec![is("user_id", user.id), is("code", stored(call, &code)), null("used_at")];
    if tx.update::<RecoveryCode>(filter, vec![set("used_at", call.now)]).await? == 0 {
        return Ok(false);
    }
    call.audit(tx, "user.recovery_code_used", &about(user.id), &[]).await?;
    Ok(true)
}

/// Uses up a code of the authenticator: of now, or of the step before or after, and no older than the last that was used.
async fn use_code<T: Tx>(tx: &mut T, call: &Call, user: &User, code: &str) -> Result<bool, Error> {
    let Some(sealed) = &user.totp_secret else { return Ok(false) };
    let secret = call.keys().open(DataKey::Sealing, &context(user.id), sealed);
    let secret = secret.ok_or_else(|| Error::internal("an authenticator's secret does not unseal"))?;
    let seconds = u64::try_from(call.now.unix_ms() / 1000).unwrap_or(0);
    let Some(step) = authenticator(&secret, None)?.check(code.trim(), seconds) else { return Ok(false) };
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    // Of several that come with the same code one gets through (RFC 6238 §5.2).
    let filter = vec![is("id", user.id), below("totp_step", step)];
    Ok(tx.update::<User>(filter, vec![set("totp_step", step)]).await? == 1)
}
