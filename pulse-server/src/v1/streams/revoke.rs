//! `/v1/streams/{id}/tokens/revoke`.

use axum::response::Response;
use hyper::StatusCode;
use serde::Deserialize;
use tenancy::StreamId;
use tenancy::revocation::{self, Revoke};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
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
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeTokens {
    #[serde(default, deserialize_with = "given")]
    jti: Option<String>,
    #[serde(default, deserialize_with = "given")]
    viewer_id: Option<String>,
    #[serde(default, deserialize_with = "given")]
    all: Option<bool>,
}

impl PartialSchema for RevokeTokens {
    fn schema() -> RefOr<Schema> {
        let only = |name: &str, what: ObjectBuilder| {
            let object = ObjectBuilder::new().schema_type(Type::Object).property(name, what).required(name);
            object.additional_properties(Some(AdditionalProperties::FreeForm(false)))
        };
        let id = |what: &str, example: &str| {
            let text = ObjectBuilder::new().schema_type(Type::String).description(Some(what));
            text.min_length(Some(1)).max_length(Some(128)).examples([example])
        };
        let all = ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true]));
        OneOfBuilder::new()
            .description(Some("Which playback tokens of a stream are to be void."))
            .item(only("viewer_id", id("All tokens of this viewer.", "viewer-17")))
            .item(only(
                "jti",
                id("The token with this id, `token_id` when it was minted.", "Rk3vJx2mTq8bYc5nLw0ZaA"),
            ))
            .item(only("all", all.description(Some("All tokens of the stream."))))
            .into()
    }
}

impl ToSchema for RevokeTokens {
    fn name() -> std::borrow::Cow<'static, str> {
        "RevokeTokens".into()
    }
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
