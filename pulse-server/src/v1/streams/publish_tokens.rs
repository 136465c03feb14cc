//! `/v1/streams/{id}/tokens/publish`.

use std::time::Duration;

use hyper::StatusCode;
use platform_core::WallTime;
use serde::Deserialize;
use tenancy::token::{self, TokenInput};
use tenancy::{SigningKeyId, StreamId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::tokens::MintedToken;
use crate::v1::body::Input;
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::Path;
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(mint))
}

/// A token to be minted with which an encoder publishes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MintPublishToken {
    /// With which key of the project; the newest, if it is left out.
    #[schema(value_type = Option<schema::SigningKeyId>)]
    signing_key_id: Option<SigningKeyId>,
    /// For how long publishing can begin with it, up to 86,400 (a day). 3,600, if it is left out.
    #[schema(minimum = 1, maximum = 86400, example = 3600)]
    valid_seconds: Option<u64>,
    /// From when on it can be used, at most 7 days from now.
    #[schema(value_type = Option<schema::Time>)]
    not_before: Option<WallTime>,
    /// An address, or a network in CIDR notation, from which publishing must begin.
    #[schema(example = "203.0.113.0/24")]
    ip: Option<String>,
}

/// Mint a token to publish with
///
/// Instead of a stream key: `rtmp://HOST/live/{stream_id}?token={token}`. It is looked at when publishing begins. It is counted in the usage, and takes no
/// idempotency key: another one does no harm.
#[utoipa::path(post, path = "/v1/streams/{stream_id}/tokens/publish", operation_id = "mint_publish_token",
    tag = "stream keys", params(("stream_id" = schema::StreamId, Path)), request_body = MintPublishToken,
    responses((status = 201, body = MintedToken)))]
async fn mint(
    ctx: Context,
    Path(stream_id): Path<StreamId>,
    Input(input): Input<MintPublishToken>,
) -> Result<(StatusCode, axum::Json<MintedToken>), Failure> {
    let MintPublishToken { signing_key_id, valid_seconds, not_before, ip } = input;
    let input =
        TokenInput { valid: valid_seconds.map(Duration::from_secs), not_before, ip, ..TokenInput::default() };
    let minter =
        token::publish_minter(&mut ctx.reader().await?, &ctx.call, stream_id, signing_key_id).await?;
    MintedToken::answer(&ctx, stream_id, &minter, &input)
}
