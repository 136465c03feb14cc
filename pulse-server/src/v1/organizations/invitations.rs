//! `/v1/organizations/{id}/invitations` and `/v1/invitations/accept`.

use axum::response::Response;
use hyper::StatusCode;
use platform_core::{OrganizationId, Secret, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::invitation::{self, InvitationInput};
use tenancy::{InvitationId, Role};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Organization;
use super::members::Membership;
use crate::mail;
use crate::v1::body::Input;
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::{List, Listed, Path, Unfiltered};
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke)).routes(routes!(accept))
}

/// An open invitation.
#[derive(Serialize, ToSchema)]
struct Invitation {
    #[schema(value_type = schema::InvitationId)]
    id: InvitationId,
    #[schema(value_type = schema::OrganizationId)]
    organization_id: OrganizationId,
    /// To whom it was sent.
    #[schema(required)]
    email: Option<String>,
    #[schema(value_type = schema::Role)]
    role: Role,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
    /// Seven days after it was sent.
    #[schema(value_type = schema::Time)]
    expires_at: WallTime,
}

impl From<invitation::Invitation> for Invitation {
    fn from(invitation: invitation::Invitation) -> Self {
        let invitation::Invitation { id, organization_id, email, role, created_at, expires_at, .. } =
            invitation;
        Self { id, organization_id, email, role, created_at, expires_at }
    }
}

/// Somebody to be invited.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Invite {
    /// Where the invitation is sent. Only a person with this verified address can accept it.
    #[schema(format = "email", max_length = 254, example = "sam@example.org")]
    email: String,
    /// Not above your own.
    #[schema(value_type = schema::Role)]
    role: Role,
}

/// The token out of an invitation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Accept {
    /// As the link in the mail has it.
    #[schema(value_type = String)]
    token: Secret,
}

/// Where an accepted invitation has led.
#[derive(Serialize, ToSchema)]
struct Joined {
    organization: Organization,
    membership: Membership,
}

/// The open invitations of an organization
#[utoipa::path(get, path = "/v1/organizations/{organization_id}/invitations", operation_id = "list_invitations",
    tag = "members", params(("organization_id" = schema::OrganizationId, Path)),
    responses((status = 200, body = Listed<Invitation>)))]
async fn list(
    ctx: Context,
    Path(id): Path<OrganizationId>,
    list: List<Unfiltered>,
) -> Result<axum::Json<Listed<Invitation>>, Failure> {
    let keys = ctx.api.tenancy.keys();
    let page = invitation::list(&mut ctx.reader().await?, &ctx.call, id, list.page(keys)?).await?;
    list.answer(keys, page, Invitation::from)
}

/// Invite somebody by mail
///
/// An open invitation to the same address is replaced.
#[utoipa::path(post, path = "/v1/organizations/{organization_id}/invitations", operation_id = "invite",
    tag = "members", params(("organization_id" = schema::OrganizationId, Path)), request_body = Invite,
    responses((status = 201, body = Invitation)))]
async fn create(
    ctx: Context,
    Path(id): Path<OrganizationId>,
    Input(input): Input<Invite>,
) -> Result<Response, Failure> {
    let input = InvitationInput { email: input.email, role: input.role };
    let answer = ctx
        .change(StatusCode::CREATED, (id, input), |tx, call, (id, input)| {
            Box::pin(async move {
                let (invitation, mail) = invitation::create(tx, call, *id, input).await?;
                mail::enqueue(tx, call, &mail).await?;
                Ok(Invitation::from(invitation))
            })
        })
        .await?;
    ctx.api.mail_queued.notify_one();
    Ok(answer)
}

/// Take an invitation back
#[utoipa::path(delete, path = "/v1/organizations/{organization_id}/invitations/{invitation_id}",
    operation_id = "revoke_invitation", tag = "members",
    params(("organization_id" = schema::OrganizationId, Path), ("invitation_id" = schema::InvitationId, Path)),
    responses((status = 204, description = "It cannot be accepted any more.")))]
async fn revoke(ctx: Context, Path(ids): Path<(OrganizationId, InvitationId)>) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, ids, |tx, call, (organization_id, id)| {
        Box::pin(invitation::revoke(tx, call, *organization_id, *id))
    })
    .await
}

/// Accept an invitation
#[utoipa::path(post, path = "/v1/invitations/accept", operation_id = "accept_invitation", tag = "members",
    request_body = Accept, responses((status = 200, body = Joined)))]
async fn accept(ctx: Context, Input(input): Input<Accept>) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, input, |tx, call, input| {
        Box::pin(async move {
            let (organization, member) = invitation::accept(tx, call, &input.token).await?;
            super::enter(tx, call, organization.id).await?;
            Ok(Joined { organization: organization.into(), membership: member.into() })
        })
    })
    .await
}
