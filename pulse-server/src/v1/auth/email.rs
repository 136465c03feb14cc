//! `/v1/auth/email/verify`.

use axum::response::Response;
use hyper::StatusCode;
use platform_core::Secret;
use serde::Deserialize;
use tenancy::user;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::body::Input;
use crate::v1::context::Anybody;
use crate::v1::failure::Failure;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(verify))
}

/// The token out of a mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Verify {
    /// As the link in the mail has it.
    #[schema(value_type = String)]
    token: Secret,
}

/// Show that an address is yours
#[utoipa::path(post, path = "/v1/auth/email/verify", operation_id = "verify_email", tag = "accounts", security(()),
    request_body = Verify, responses((status = 204, description = "The address is verified.")))]
async fn verify(Anybody(ctx): Anybody, Input(input): Input<Verify>) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, input, |tx, call, input| {
        Box::pin(async move { user::verify_email(tx, call, &input.token).await.map(drop) })
    })
    .await
}
