//! `/v1/auth/login`, `refresh` and `logout`.

use std::time::Instant;

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{HeaderMap, SET_COOKIE};
use platform_core::{Secret, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::session::{self, Tokens};
use tenancy::{Error, Principal, SECOND_FACTOR_REQUIRED, UserId, user};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cookie;
use crate::v1::body::Input;
use crate::v1::context::{Anybody, Context};
use crate::v1::failure::Failure;
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(login)).routes(routes!(refresh)).routes(routes!(logout))
}

/// Somebody who logs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    #[schema(format = "email", max_length = 254, example = "sam@example.org")]
    email: String,
    #[schema(value_type = String, format = "password")]
    password: Secret,
    /// A code of the authenticator or a recovery code, for who has a second factor.
    #[schema(example = "123456")]
    code: Option<String>,
    /// Whether the refresh token goes into a cookie that scripts do not see, for browsers, instead of the body.
    #[serde(default)]
    cookie: bool,
}

/// A refresh token, if it is not in the cookie.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refresh {
    #[schema(value_type = Option<String>)]
    refresh_token: Option<Secret>,
}

/// Tokens of a login.
#[derive(Serialize, ToSchema)]
struct LoggedIn {
    #[schema(value_type = schema::UserId)]
    user_id: UserId,
    /// For `Authorization: Bearer`.
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// 15 minutes after it was made.
    #[schema(value_type = schema::Time)]
    access_token_expires_at: WallTime,
    /// For `POST /v1/auth/refresh`, once; null where it is in the cookie.
    #[schema(required)]
    refresh_token: Option<String>,
    /// When the login ends at the latest.
    #[schema(value_type = schema::Time)]
    refresh_token_expires_at: WallTime,
}

/// The answer with new tokens.
fn answer(tokens: &Tokens, now: WallTime, in_cookie: bool) -> Result<Response, Failure> {
    let text = |secret: &Secret| secret.expose_str().unwrap_or_default().to_owned();
    let body = LoggedIn {
        user_id: tokens.user_id,
        access_token: text(&tokens.access),
        token_type: "Bearer",
        access_token_expires_at: tokens.access_expires_at,
        refresh_token: (!in_cookie).then(|| text(&tokens.refresh)),
        refresh_token_expires_at: tokens.refresh_expires_at,
    };
    let mut response = axum::Json(body).into_response();
    if in_cookie {
        let cookie = cookie::set(&tokens.refresh, now, tokens.refresh_expires_at);
        let cookie = cookie.ok_or_else(|| Error::internal("a token does not go into a cookie"))?;
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Log in
#[utoipa::path(post, path = "/v1/auth/login", operation_id = "login", tag = "accounts", security(()),
    request_body = Login, responses((status = 200, body = LoggedIn)))]
async fn login(
    Anybody(ctx): Anybody,
    headers: HeaderMap,
    Input(input): Input<Login>,
) -> Result<Response, Failure> {
    let Login { email, password, code, cookie } = input;
    if cookie {
        super::check_origin(&ctx, &headers)?;
    }
    super::limit(&ctx)?;
    // Counted before it is checked, so that a queue full of guesses is not let through at once.
    let counted = ctx.api.wrong_passwords.begin(super::account(&email), Instant::now())?;
    let without_code = code.is_none();
    let tokens = attempt(&ctx, &email, password, code).await;
    match &tokens {
        // The password was right, and no code was tried.
        Err(failure) if failure.code() == SECOND_FACTOR_REQUIRED && without_code => counted.undo(),
        _ => super::settle(counted, &tokens),
    }
    answer(&tokens?, ctx.call.now, cookie)
}

async fn attempt(
    ctx: &Context,
    email: &str,
    password: Secret,
    code: Option<String>,
) -> Result<Tokens, Failure> {
    let attempt = user::attempt(&mut ctx.reader().await?, email).await?;
    let checked = ctx.api.passwords.run(move || attempt.check(&password)).await??;
    let input = (anonymous(ctx), checked, code);
    let tokens = ctx.api.db.write(input, |tx, (call, checked, code)| {
        Box::pin(session::login(tx, call, checked, code.as_deref()))
    });
    Ok(tokens.await?)
}

/// The call as nobody's: other credentials that came with it do not matter.
fn anonymous(ctx: &Context) -> tenancy::Call {
    let mut call = ctx.call.clone();
    call.principal = Principal::Anonymous;
    call
}

/// Exchange a refresh token for the next one
///
/// A token that comes a second time within 10 seconds, from another tab, yields the same successor; later it ends the login.
#[utoipa::path(post, path = "/v1/auth/refresh", operation_id = "refresh", tag = "accounts", security(()),
    request_body = Refresh, responses((status = 200, body = LoggedIn)))]
async fn refresh(
    Anybody(ctx): Anybody,
    headers: HeaderMap,
    Input(input): Input<Refresh>,
) -> Result<Response, Failure> {
    let (token, in_cookie) = presented(&ctx, &headers, input)?;
    let token = token.ok_or_else(Failure::unauthenticated)?;
    let refreshed = ctx
        .api
        .db
        .write((anonymous(&ctx), token), |tx, (call, token)| Box::pin(session::refresh(tx, call, token)));
    answer(&refreshed.await?.into_tokens()?, ctx.call.now, in_cookie)
}

/// The refresh token of a request, and whether it came in the cookie.
fn presented(ctx: &Context, headers: &HeaderMap, input: Refresh) -> Result<(Option<Secret>, bool), Failure> {
    if input.refresh_token.is_some() {
        return Ok((input.refresh_token, false));
    }
    let cookie = cookie::read(headers)?;
    if cookie.is_some() {
        super::check_origin(ctx, headers)?;
    }
    Ok((cookie, true))
}

/// Log out
///
/// Ends the login of the refresh token, or else of the access token, whichever is there.
#[utoipa::path(post, path = "/v1/auth/logout", operation_id = "logout", tag = "accounts", security(()),
    request_body = Refresh, responses((status = 204, description = "The login has ended.")))]
async fn logout(
    Anybody(ctx): Anybody,
    headers: HeaderMap,
    Input(input): Input<Refresh>,
) -> Result<Response, Failure> {
    let (token, _) = presented(&ctx, &headers, input)?;
    let ended = ctx.api.db.write((ctx.call.clone(), token), |tx, (call, token)| {
        Box::pin(async move {
            if let Some(token) = token {
                session::logout_by_token(tx, call, token).await?;
            }
            match &call.principal {
                Principal::User(_) => session::logout(tx, call).await,
                _ => Ok::<_, Error>(()),
            }
        })
    });
    ended.await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = cookie::clear() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}
