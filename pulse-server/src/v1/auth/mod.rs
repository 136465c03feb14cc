//! `/v1/auth`: accounts of people and how they log in.

mod account;
mod cookie;
mod email;
mod login;
mod origin;
mod password;
pub(crate) mod requests;
mod totp;

use std::time::Instant;

use hyper::StatusCode;
use hyper::header::HeaderMap;
use platform_core::Secret;
use platform_core::problem::code;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tenancy::user::Checked;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

pub(super) use account::User;

use super::backoff::Attempt;
use super::client_address;
use super::context::Context;
use super::failure::Failure;
use origin::Own;
use requests::Request;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .merge(account::routes())
        .merge(login::routes())
        .merge(password::routes())
        .merge(email::routes())
        .merge(totp::routes())
}

/// That something is under way, whoever it was asked for.
#[derive(Serialize, ToSchema)]
struct Accepted {
    /// What to do next.
    #[schema(example = "Follow the link in the mail.")]
    detail: &'static str,
}

/// Counts an attempt of an address.
fn limit(ctx: &Context) -> Result<(), Failure> {
    let Some(address) = ctx.call.address else { return Ok(()) };
    let remaining = ctx.api.limits.login(client_address::group(address))?;
    // One is counted a request, so nothing is there yet.
    let _ = ctx.own_limit.set(remaining);
    Ok(())
}

/// An account's name in the back-off: of the address that is claimed, whether there is an account or not.
fn account(email: &str) -> [u8; 32] {
    Sha256::digest(email.trim().to_lowercase()).into()
}

/// The name in the back-off of the person who asks, by this login of theirs: whoever has stolen it does not make the owner wait.
fn own_account(ctx: &Context) -> [u8; 32] {
    Sha256::digest(format!("{:?}", ctx.call.principal)).into()
}

/// Checks the password of the person who asks, before something grave. It counts as an attempt until [`settle`] says otherwise.
async fn check_own_password(ctx: &Context, password: Secret) -> Result<(Checked, Attempt<'_>), Failure> {
    limit(ctx)?;
    let counted = ctx.api.wrong_passwords.begin(own_account(ctx), Instant::now())?;
    let checked = async {
        let attempt = tenancy::user::attempt_self(&mut ctx.reader().await?, &ctx.call).await?;
        ctx.api.passwords.run(move || attempt.check(&password)).await
    };
    match checked.await {
        Ok(Ok(checked)) => Ok((checked, counted)),
        Ok(Err(_)) => Err(Failure::field("/password", "wrong_password", "This is not your password.")),
        Err(failure) => {
            counted.undo();
            Err(failure)
        }
    }
}

/// Forgets a person's attempts once all was right; leaves this one counted where password or code was wrong, or six digits could be
/// tried out; and takes it back where it was neither.
fn settle<T>(counted: Attempt<'_>, answer: &Result<T, Failure>) {
    match answer {
        Ok(_) => counted.succeeded(),
        Err(failure) if failure.status() == StatusCode::UNAUTHORIZED => drop(counted),
        Err(_) => counted.undo(),
    }
}

/// Counts a mail that is asked for, as what and to which address: whoever asks, and whether there is an account or not.
fn count_mail<'a>(ctx: &'a Context, kind: &str, email: &str) -> Result<Attempt<'a>, Failure> {
    let name = Sha256::digest(format!("{kind}\n{}", email.trim().to_lowercase()));
    ctx.api.wanted_mails.begin(name.into(), Instant::now())
}

/// Writes down what is to be done after the answer. What could not be written does not count.
async fn queue(ctx: &Context, counted: Attempt<'_>, request: Request) -> Result<(), Failure> {
    let queued = requests::queue(ctx, request).await;
    if queued.is_err() {
        counted.undo();
    }
    queued
}

/// Refuses a request with a cookie that another site's page sends.
fn check_origin(ctx: &Context, headers: &HeaderMap) -> Result<(), Failure> {
    let config = ctx.api.config();
    let own = Own {
        secure: ctx.asked.secure,
        public_url: config.http.public_url.as_deref(),
        dashboards: &config.api.dashboard_origins,
    };
    if own.sends(&ctx.asked.at, headers) {
        return Ok(());
    }
    Err(code::FORBIDDEN.problem("The cookie is not taken from pages of this origin.").into())
}
