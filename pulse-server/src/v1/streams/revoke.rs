//! `/v1/streams/{id}/tokens/revoke`.

use axum::response::Response;
use hyper::StatusCode;
use serde::Deserialize;
use tenancy::StreamId;
use tenancy::revocation::{self, Revoke};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::body::{Input, given};
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::Path;
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(revoke))
}

/// Which playback tokens of a stream are to be void: exactly one of these.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RevokeTokens {
    /// The token with this id, `token_id` when it was minted.
    #[serde(default, deserialize_with = "given")]
    #[schema(min_length = 1, max_length = 128, nullable = false)]
    jti: Option<String>,
    /// All tokens of this viewer.
    #[serde(default, deserialize_with = "given")]
    #[schema(min_length = 1, max_length = 128, nullable = false, example = "viewer-17")]
    viewer_id: Option<String>,
    /// All tokens of the stream: `true`.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    all: Option<bool>,
}

impl TryFrom<RevokeTokens> for Revoke {
    type Error = Failure;

    fn try_from(input: RevokeTokens) -> Result<Self, Failure> {
        match (input.jti, input.viewer_id, input.all) {
            (Some(jti), None, None) => Ok(Self::Token(jti)),
            (None, Some(viewer), None) => Ok(Self::Viewer(viewer)),
            (None, None, Some(true)) => Ok(Self::All),
            (None, None, Some(false)) => {
                Err(Failure::field("/all", "not_true", "Send `true`, or name a token or a viewer instead."))
            }
            _ => Err(Failure::field("", "one_of", "Send exactly one of `jti`, `viewer_id` and `all`.")),
        }
    }
}

/// Revoke playback tokens
///
/// What was signed until now is void, and who plays by it is cut off within a second. A token that is minted a second later plays.
/// Up to 2,000 revocations of a stream are in force at a time, each for eight days; `all` replaces them.
#[utoipa::path(post, path = "/v1/streams/{stream_id}/tokens/revoke", operation_id = "revoke_playback_tokens",
    tag = "playback tokens", params(("stream_id" = schema::StreamId, Path)), request_body = RevokeTokens,
    responses((status = 204, description = "They are void.")))]
async fn revoke(
    ctx: Context,
    Path(id): Path<StreamId>,
    Input(input): Input<RevokeTokens>,
) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, (id, Revoke::try_from(input)?), |tx, call, (id, what)| {
        Box::pin(revocation::revoke(tx, call, *id, what))
    })
    .await
}
