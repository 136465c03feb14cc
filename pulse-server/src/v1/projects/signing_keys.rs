//! `/v1/projects/{id}/signing-keys`.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use platform_core::{ProjectId, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::SigningKeyId;
use tenancy::signing_key::{self, Shown, SigningAlgorithm, SigningKeyInput};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::body::Input;
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::{List, Listed, Path, Unfiltered};
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// A key that signs playback tokens, without its secret.
#[derive(Serialize, ToSchema)]
struct SigningKey {
    /// The `kid` of its tokens.
    #[schema(value_type = schema::SigningKeyId)]
    id: SigningKeyId,
    #[schema(value_type = schema::ProjectId)]
    project_id: ProjectId,
    name: String,
    #[schema(value_type = schema::SigningAlgorithm)]
    algorithm: SigningAlgorithm,
    /// Ed25519: the public key of 32 bytes, in base64.
    #[schema(required)]
    public_key: Option<String>,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
}

impl From<signing_key::SigningKey> for SigningKey {
    fn from(key: signing_key::SigningKey) -> Self {
        let signing_key::SigningKey { id, project_id, name, algorithm, created_at, .. } = key;
        let public_key = key.public.map(|bytes| STANDARD.encode(bytes));
        Self { id, project_id, name, algorithm, public_key, created_at }
    }
}

/// A signing key with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
struct SigningKeyWithSecret {
    #[serde(flatten)]
    key: SigningKey,
    /// HS256: 32 bytes in base64. EdDSA: the private key as PEM (PKCS #8). It is not shown again.
    secret: String,
}

impl From<Shown> for SigningKeyWithSecret {
    fn from(shown: Shown) -> Self {
        let text = STANDARD.encode(shown.secret.expose());
        let secret = match shown.key.algorithm {
            SigningAlgorithm::EdDsa => pem(&text),
            _ => text,
        };
        Self { key: shown.key.into(), secret }
    }
}

/// A private key in the textual form of RFC 7468 §10: lines of 64 characters.
fn pem(base64: &str) -> String {
    let mut text = String::from("-----BEGIN PRIVATE KEY-----\n");
    for (place, character) in base64.chars().enumerate() {
        if place > 0 && place % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str("\n-----END PRIVATE KEY-----\n");
    text
}

/// A signing key to be created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateSigningKey {
    /// What it is called, 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100, example = "player")]
    name: String,
    /// `EdDSA`, if it is left out.
    #[serde(default = "ed25519")]
    #[schema(value_type = schema::SigningAlgorithm)]
    algorithm: SigningAlgorithm,
}

fn ed25519() -> SigningAlgorithm {
    SigningAlgorithm::EdDsa
}

/// The signing keys of a project
#[utoipa::path(get, path = "/v1/projects/{project_id}/signing-keys", operation_id = "list_signing_keys",
    tag = "signing keys", params(("project_id" = schema::ProjectId, Path)),
    responses((status = 200, body = Listed<SigningKey>)))]
async fn list(
    ctx: Context,
    Path(id): Path<ProjectId>,
    list: List<Unfiltered>,
) -> Result<axum::Json<Listed<SigningKey>>, Failure> {
    let keys = ctx.api.tenancy.keys();
    let page = signing_key::list(&mut ctx.reader().await?, &ctx.call, id, list.page(keys)?).await?;
    list.answer(keys, page, SigningKey::from)
}

/// Create a signing key
///
/// The secret is shown this once, for backends that sign playback tokens themselves.
#[utoipa::path(post, path = "/v1/projects/{project_id}/signing-keys", operation_id = "create_signing_key",
    tag = "signing keys", params(("project_id" = schema::ProjectId, Path)), request_body = CreateSigningKey,
    responses((status = 201, body = SigningKeyWithSecret)))]
async fn create(
    ctx: Context,
    Path(id): Path<ProjectId>,
    Input(input): Input<CreateSigningKey>,
) -> Result<Response, Failure> {
    let input = SigningKeyInput { name: input.name, algorithm: input.algorithm };
    ctx.change(StatusCode::CREATED, (id, input), |tx, call, (id, input)| {
        Box::pin(
            async move { signing_key::create(tx, call, *id, input).await.map(SigningKeyWithSecret::from) },
        )
    })
    .await
}

/// Revoke a signing key
///
/// Its tokens are void from then on.
#[utoipa::path(delete, path = "/v1/projects/{project_id}/signing-keys/{key_id}",
    operation_id = "revoke_signing_key", tag = "signing keys",
    params(("project_id" = schema::ProjectId, Path), ("key_id" = schema::SigningKeyId, Path)),
    responses((status = 204, description = "Its tokens are void.")))]
async fn revoke(ctx: Context, Path(ids): Path<(ProjectId, SigningKeyId)>) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, ids, |tx, call, (project_id, id)| {
        Box::pin(signing_key::revoke(tx, call, *project_id, *id))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_has_lines_of_64_characters() {
        let text = pem(&"A".repeat(65));
        assert_eq!(
            text,
            format!("-----BEGIN PRIVATE KEY-----\n{}\nA\n-----END PRIVATE KEY-----\n", "A".repeat(64))
        );
    }
}
