//! `/v1/streams/{id}/tokens`.

use std::time::Duration;

use hyper::StatusCode;
use platform_core::WallTime;
use serde::{Deserialize, Serialize};
use tenancy::token::{Minted, Minter, TokenInput};
use tenancy::{Error, SigningKeyId, StreamId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::body::Input;
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::Path;
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(mint))
}

/// A playback token to be minted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MintToken {
    /// With which key of the project; the newest, if it is left out.
    #[schema(value_type = Option<schema::SigningKeyId>)]
    signing_key_id: Option<SigningKeyId>,
    /// For how long it can be used to begin playing, up to 86,400 (a day). 3,600, if it is left out.
    #[schema(minimum = 1, maximum = 86400, example = 3600)]
    valid_seconds: Option<u64>,
    /// From when on it can be used.
    #[schema(value_type = Option<schema::Time>)]
    not_before: Option<WallTime>,
    /// Who plays, in your words.
    #[schema(min_length = 1, max_length = 128, example = "viewer-17")]
    viewer_id: Option<String>,
    /// An address, or a network in CIDR notation, from which playing must begin.
    #[schema(example = "203.0.113.0/24")]
    ip: Option<String>,
    /// What the referrer must begin with.
    #[schema(max_length = 255)]
    referrer: Option<String>,
    /// Which renditions may be played; all, if it is left out.
    renditions: Option<Vec<String>>,
}

/// A minted token.
#[derive(Serialize, ToSchema)]
pub(super) struct MintedToken {
    /// The JWT, for `?token=`.
    token: String,
    /// Its id (`jti`), by which it can be revoked.
    #[schema(required)]
    token_id: Option<String>,
    #[schema(value_type = schema::StreamId)]
    stream_id: StreamId,
    #[schema(value_type = schema::SigningKeyId)]
    signing_key_id: SigningKeyId,
    #[schema(value_type = schema::Time)]
    expires_at: WallTime,
}

impl MintedToken {
    /// Mints a token, counts it, and answers with it.
    pub(super) fn answer(
        ctx: &Context,
        stream_id: StreamId,
        minter: &Minter,
        input: &TokenInput,
    ) -> Result<(StatusCode, axum::Json<Self>), Failure> {
        ctx.check_requests()?;
        let Minted { token, claims } = minter.mint(&ctx.call, input)?;
        ctx.api.usage.count_token(&ctx.call);
        let token = token.expose_str().ok_or_else(|| Error::internal("a token is no text"))?.to_owned();
        let expires_at = WallTime::from_unix_ms(claims.exp.saturating_mul(1000));
        let (signing_key_id, token_id) = (minter.key_id(), claims.jti);
        Ok((StatusCode::CREATED, axum::Json(Self { token, token_id, stream_id, signing_key_id, expires_at })))
    }
}

/// Mint a playback token
///
/// It is counted in the usage, and takes no idempotency key: another one does no harm.
#[utoipa::path(post, path = "/v1/streams/{stream_id}/tokens", operation_id = "mint_playback_token",
    tag = "playback tokens", params(("stream_id" = schema::StreamId, Path)), request_body = MintToken,
    responses((status = 201, body = MintedToken)))]
async fn mint(
    ctx: Context,
    Path(stream_id): Path<StreamId>,
    Input(input): Input<MintToken>,
) -> Result<(StatusCode, axum::Json<MintedToken>), Failure> {
    let MintToken { signing_key_id, valid_seconds, not_before, viewer_id, ip, referrer, renditions } = input;
    let valid = valid_seconds.map(Duration::from_secs);
    let input = TokenInput { valid, not_before, viewer_id, ip, referrer, renditions };
    let minter = ctx.api.cache.minter(&ctx.api.db, &ctx.call, stream_id, signing_key_id).await?;
    MintedToken::answer(&ctx, stream_id, &minter, &input)
}
