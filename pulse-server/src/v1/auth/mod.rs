//! `/v1/auth`: accounts of people and how they log in.

mod account;
mod cookie;
mod email;
mod login;
mod password;
mod totp;

use std::time::Instant;

use hyper::StatusCode;
use hyper::header::{HeaderMap, ORIGIN};
use platform_core::Secret;
use platform_core::problem::code;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tenancy::user::Checked;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

pub(super) use account::User;

use super::api::Api;
use super::client_address;
use super::context::Context;
use super::failure::Failure;

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
    match ctx.call.address {
        Some(address) => ctx.api.limits.login(client_address::group(address)).map(drop),
        None => Ok(()),
    }
}

/// An account's name in the back-off: of the address that is claimed, whether there is an account or not.
fn account(email: &str) -> [u8; 32] {
    Sha256::digest(email.trim().to_lowercase()).into()
}

/// The name in the back-off of the person who asks.
fn own_account(ctx: &Context) -> [u8; 32] {
    Sha256::digest(format!("{:?}", ctx.call.principal)).into()
}

/// Checks the password of the person who asks, before something grave. Counts as an attempt until [`settle`] says that all was right.
async fn check_own_password(ctx: &Context, password: Secret) -> Result<Checked, Failure> {
    limit(ctx)?;
    let name = own_account(ctx);
    ctx.api.back_off.check(&name, Instant::now())?;
    let attempt = tenancy::user::attempt_self(&mut ctx.reader().await?, &ctx.call).await?;
    match ctx.api.passwords.run(move || attempt.check(&password)).await? {
        Ok(checked) => Ok(checked),
        Err(_) => {
            ctx.api.back_off.failed(name, Instant::now());
            Err(Failure::field("/password", "wrong_password", "This is not your password."))
        }
    }
}

/// Forgets the person's failures once all was right, and counts a wrong code, or six digits could be tried out.
fn settle<T>(api: &Api, name: [u8; 32], answer: &Result<T, Failure>) {
    match answer {
        Ok(_) => api.back_off.succeeded(&name),
        Err(failure) if failure.status() == StatusCode::UNAUTHORIZED => {
            api.back_off.failed(name, Instant::now());
        }
        Err(_) => {}
    }
}

/// Refuses a request with a cookie that another site's page sends. `SameSite=Strict` keeps browsers from it already; this
/// holds for other sites on the same domain too.
fn check_origin(ctx: &Context, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let config = ctx.api.config();
    let host = headers.get(hyper::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own = !host.is_empty()
        && origin.split_once("://").is_some_and(|(scheme, of)| of == host && scheme.starts_with("http"));
    let public = config.http.public_url.as_deref().is_some_and(|url| {
        url.strip_prefix(origin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    if own || public || config.api.dashboard_origins.iter().any(|allowed| allowed == origin) {
        return Ok(());
    }
    Err(code::FORBIDDEN.problem("The cookie is not taken from pages of this origin.").into())
}
