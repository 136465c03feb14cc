//! `/v1/auth/register` and `/v1/auth/me`.

use axum::response::{IntoResponse as _, Response};
use hyper::StatusCode;
use platform_core::{Secret, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::user::{self, Registration};
use tenancy::{Error, REGISTRATIONS_CLOSED, UserId, password};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Accepted;
use super::requests::Request;
use crate::v1::body::{Input, given};
use crate::v1::context::{Anybody, Context};
use crate::v1::failure::Failure;
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(register)).routes(routes!(me, update))
}

/// Somebody who wants an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Register {
    /// A link is sent there, by which you show that the address is yours.
    #[schema(format = "email", max_length = 254, example = "sam@example.org")]
    email: String,
    /// 10 to 256 characters.
    #[schema(value_type = String, format = "password", min_length = 10, max_length = 256)]
    password: Secret,
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100, example = "Sam Example")]
    name: String,
}

/// A person's account.
#[derive(Serialize, ToSchema)]
pub(in crate::v1) struct User {
    #[schema(value_type = schema::UserId)]
    id: UserId,
    #[schema(required)]
    email: Option<String>,
    #[schema(required)]
    name: Option<String>,
    email_verified: bool,
    /// Whether a second factor is asked for.
    totp_enabled: bool,
    /// Whether they are an operator of the server.
    is_admin: bool,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
    /// Since when an operator suspends them.
    #[schema(value_type = Option<schema::Time>, required)]
    suspended_at: Option<WallTime>,
}

impl From<user::User> for User {
    fn from(user: user::User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            name: user.name,
            email_verified: user.verified_at.is_some(),
            totp_enabled: user.totp_confirmed_at.is_some(),
            is_admin: user.is_admin,
            created_at: user.created_at,
            suspended_at: user.suspended_at,
        }
    }
}

/// What of your account is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateMe {
    /// 1 to 100 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    name: Option<String>,
}

/// Register
///
/// Whether the address has an account already is not told here, but by mail to it.
#[utoipa::path(post, path = "/v1/auth/register", operation_id = "register", tag = "accounts", security(()),
    request_body = Register, responses((status = 202, body = Accepted)))]
async fn register(Anybody(ctx): Anybody, Input(input): Input<Register>) -> Result<Response, Failure> {
    super::limit(&ctx)?;
    let Register { email, password, name } = input;
    // What is refused for everybody costs no hash.
    let (email, name) = user::check(&email, Some(&name))?;
    password::check(&password, "/password")?;
    if !ctx.api.settings().await?.registrations {
        let detail = "Ask the operator of this server for an account.";
        return Err(Error::Refused { code: REGISTRATIONS_CLOSED, detail }.into());
    }
    let counted = super::count_mail(&ctx, "register", &email)?;
    // Whoever asks and whatever is there already: it takes one hash, and one row.
    let password = match ctx.api.passwords.run(move || password::hash(&password)).await {
        Ok(hashed) => hashed?,
        Err(failure) => {
            counted.undo();
            return Err(failure);
        }
    };
    let registration = Registration { email, name: name.unwrap_or_default(), password };
    super::queue(&ctx, counted, Request::Register(registration)).await?;
    let accepted = Accepted { detail: "Follow the link in the mail that was sent." };
    Ok((StatusCode::ACCEPTED, axum::Json(accepted)).into_response())
}

/// Your account
#[utoipa::path(get, path = "/v1/auth/me", operation_id = "read_me", tag = "accounts",
    responses((status = 200, body = User)))]
async fn me(ctx: Context) -> Result<axum::Json<User>, Failure> {
    let user = user::me(&mut ctx.reader().await?, &ctx.call).await?;
    Ok(axum::Json(user.into()))
}

/// Change your account
#[utoipa::path(patch, path = "/v1/auth/me", operation_id = "update_me", tag = "accounts",
    request_body = UpdateMe, responses((status = 200, body = User)))]
async fn update(ctx: Context, Input(input): Input<UpdateMe>) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, input, |tx, call, input| {
        Box::pin(async move {
            match &input.name {
                Some(name) => user::rename(tx, call, name).await,
                None => user::me(tx, call).await,
            }
            .map(User::from)
        })
    })
    .await
}
