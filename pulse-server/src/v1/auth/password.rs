//! `/v1/auth/password/…`.

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use platform_core::Secret;
use serde::Deserialize;
use tenancy::{Error, Principal, password, user};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Accepted;
use super::requests::Request;
use crate::mail;
use crate::v1::body::Input;
use crate::v1::context::{Anybody, Context};
use crate::v1::failure::Failure;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(forgot)).routes(routes!(reset)).routes(routes!(change))
}

/// Somebody who has forgotten their password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Forgot {
    #[schema(format = "email", max_length = 254, example = "sam@example.org")]
    email: String,
}

/// Another password, by the token out of a mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reset {
    /// As the link in the mail has it.
    #[schema(value_type = String)]
    token: Secret,
    /// 10 to 256 characters.
    #[schema(value_type = String, format = "password", min_length = 10, max_length = 256)]
    password: Secret,
}

/// Another password, by the one that you have.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    /// The one that you have.
    #[schema(value_type = String, format = "password")]
    password: Secret,
    /// 10 to 256 characters.
    #[schema(value_type = String, format = "password", min_length = 10, max_length = 256)]
    new_password: Secret,
}

/// Have a link sent to choose another password
///
/// Whether the address has an account is not told.
#[utoipa::path(post, path = "/v1/auth/password/forgot", operation_id = "forgot_password", tag = "accounts",
    security(()), request_body = Forgot, responses((status = 202, body = Accepted)))]
async fn forgot(Anybody(ctx): Anybody, Input(input): Input<Forgot>) -> Result<Response, Failure> {
    super::limit(&ctx)?;
    let (email, _) = user::check(&input.email, None)?;
    let counted = super::count_mail(&ctx, "forgot", &email)?;
    super::queue(&ctx, counted, Request::Forgot { email }).await?;
    let detail = "If the address has an account, follow the link in the mail that was sent.";
    Ok((StatusCode::ACCEPTED, axum::Json(Accepted { detail })).into_response())
}

/// Choose another password by the link
///
/// All logins of the account end.
#[utoipa::path(post, path = "/v1/auth/password/reset", operation_id = "reset_password", tag = "accounts",
    security(()), request_body = Reset, responses((status = 204, description = "The password is changed.")))]
async fn reset(Anybody(ctx): Anybody, Input(input): Input<Reset>) -> Result<Response, Failure> {
    super::limit(&ctx)?;
    let Reset { token, password } = input;
    // A token that is none costs no hash.
    user::check_reset(&mut ctx.reader().await?, &ctx.call, &token).await?;
    let password = ctx.api.passwords.run(move || password::hash(&password)).await??;
    let mut call = ctx.call.clone();
    call.principal = Principal::Anonymous;
    let owner = ctx.api.db.write((call, token, password), |tx, (call, token, password)| {
        Box::pin(async move {
            let mail = user::reset(tx, call, token, password).await?;
            if let Some(mail) = &mail {
                mail::enqueue_notice(tx, call, mail).await?;
            }
            Ok::<_, Error>(mail.map(|mail| mail.to))
        })
    });
    if let Some(owner) = owner.await? {
        // Whoever has the mail is the owner, whom others' wrong passwords shall not keep out.
        ctx.api.wrong_passwords.forgive(&super::account(&owner));
    }
    ctx.api.mail_queued.notify_one();
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Change your password
///
/// All your logins end, this one too.
#[utoipa::path(post, path = "/v1/auth/password/change", operation_id = "change_password", tag = "accounts",
    request_body = Change, responses((status = 204, description = "The password is changed.")))]
async fn change(ctx: Context, Input(input): Input<Change>) -> Result<Response, Failure> {
    // What cannot be chosen costs no hash.
    password::check(&input.new_password, "/new_password")?;
    let (checked, counted) = super::check_own_password(&ctx, input.password).await?;
    let hashed = ctx.api.passwords.run(move || password::hash(&input.new_password)).await;
    let password = match hashed {
        Ok(hashed) => hashed?,
        Err(failure) => {
            counted.undo();
            return Err(failure);
        }
    };
    let answer = ctx.change(StatusCode::NO_CONTENT, (checked, password), |tx, call, (checked, password)| {
        Box::pin(async move {
            if let Some(mail) = user::change_password(tx, call, checked, password).await? {
                mail::enqueue_notice(tx, call, &mail).await?;
            }
            Ok(())
        })
    });
    let answer = answer.await;
    super::settle(counted, &answer);
    ctx.api.mail_queued.notify_one();
    answer
}
