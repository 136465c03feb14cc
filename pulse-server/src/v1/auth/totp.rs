//! `/v1/auth/totp/…`: the second factor.

use axum::response::Response;
use hyper::StatusCode;
use platform_core::Secret;
use serde::{Deserialize, Serialize};
use tenancy::user::totp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::body::Input;
use crate::v1::context::Context;
use crate::v1::failure::Failure;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(setup)).routes(routes!(confirm)).routes(routes!(disable))
}

/// What an authenticator needs.
#[derive(Serialize, ToSchema)]
struct TotpSetup {
    /// In base32, to be typed.
    secret: String,
    /// The same as `otpauth://` URI, for a QR code.
    uri: String,
}

/// The password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetupTotp {
    #[schema(value_type = String, format = "password")]
    password: Secret,
}

/// A code of the authenticator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TotpCode {
    #[schema(example = "123456")]
    code: String,
}

/// Codes for when the authenticator is lost, shown this once.
#[derive(Serialize, ToSchema)]
struct RecoveryCodes {
    /// Each works once.
    recovery_codes: Vec<String>,
}

/// The password and a code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DisableTotp {
    #[schema(value_type = String, format = "password")]
    password: Secret,
    /// Of the authenticator, or a recovery code.
    #[schema(example = "123456")]
    code: String,
}

fn text(secret: &Secret) -> String {
    secret.expose_str().unwrap_or_default().to_owned()
}

/// Begin to set up an authenticator
#[utoipa::path(post, path = "/v1/auth/totp/setup", operation_id = "setup_totp", tag = "accounts",
    request_body = SetupTotp, responses((status = 200, body = TotpSetup)))]
async fn setup(ctx: Context, Input(input): Input<SetupTotp>) -> Result<Response, Failure> {
    let (checked, counted) = super::check_own_password(&ctx, input.password).await?;
    let answer = ctx.change(StatusCode::OK, checked, |tx, call, checked| {
        Box::pin(async move {
            let setup = totp::setup(tx, call, checked).await?;
            Ok(TotpSetup { secret: text(&setup.secret), uri: text(&setup.uri) })
        })
    });
    let answer = answer.await;
    super::settle(counted, &answer);
    answer
}

/// Turn the second factor on
#[utoipa::path(post, path = "/v1/auth/totp/confirm", operation_id = "confirm_totp", tag = "accounts",
    request_body = TotpCode, responses((status = 200, body = RecoveryCodes)))]
async fn confirm(ctx: Context, Input(input): Input<TotpCode>) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, input, |tx, call, input| {
        Box::pin(async move {
            let codes = totp::confirm(tx, call, &input.code).await?;
            Ok(RecoveryCodes { recovery_codes: codes.iter().map(text).collect() })
        })
    })
    .await
}

/// Turn the second factor off
#[utoipa::path(post, path = "/v1/auth/totp/disable", operation_id = "disable_totp", tag = "accounts",
    request_body = DisableTotp, responses((status = 204, description = "The password alone is asked for.")))]
async fn disable(ctx: Context, Input(input): Input<DisableTotp>) -> Result<Response, Failure> {
    let (checked, counted) = super::check_own_password(&ctx, input.password).await?;
    let answer = ctx.change(StatusCode::NO_CONTENT, (checked, input.code), |tx, call, (checked, code)| {
        Box::pin(totp::disable(tx, call, checked, code))
    });
    let answer = answer.await;
    super::settle(counted, &answer);
    answer
}
