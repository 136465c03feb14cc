//! `/v1/organizations/{id}/members`.

use axum::response::Response;
use hyper::StatusCode;
use platform_core::{OrganizationId, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::member::{self, MemberView};
use tenancy::{MemberId, Role, UserId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::body::Input;
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::{List, Listed, Path, Unfiltered};
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(change_role, remove))
}

/// A member of an organization.
#[derive(Serialize, ToSchema)]
struct Member {
    #[schema(value_type = schema::MemberId)]
    id: MemberId,
    #[schema(value_type = schema::UserId)]
    user_id: UserId,
    #[schema(value_type = schema::Role)]
    role: Role,
    /// Null after the person was erased.
    #[schema(required)]
    name: Option<String>,
    /// Null for those who may not see it.
    #[schema(required)]
    email: Option<String>,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
}

impl From<MemberView> for Member {
    fn from(view: MemberView) -> Self {
        let member::Member { id, user_id, role, created_at, .. } = view.member;
        Self { id, user_id, role, name: view.name, email: view.email, created_at }
    }
}

/// Another role for a member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeRole {
    /// Not above your own.
    #[schema(value_type = schema::Role)]
    role: Role,
}

/// A membership and its role.
#[derive(Serialize, ToSchema)]
pub(super) struct Membership {
    #[schema(value_type = schema::MemberId)]
    id: MemberId,
    #[schema(value_type = schema::OrganizationId)]
    organization_id: OrganizationId,
    #[schema(value_type = schema::UserId)]
    user_id: UserId,
    #[schema(value_type = schema::Role)]
    role: Role,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
}

impl From<member::Member> for Membership {
    fn from(member: member::Member) -> Self {
        let member::Member { id, organization_id, user_id, role, created_at, .. } = member;
        Self { id, organization_id, user_id, role, created_at }
    }
}

/// The members of an organization
#[utoipa::path(get, path = "/v1/organizations/{organization_id}/members", operation_id = "list_members",
    tag = "members", params(("organization_id" = schema::OrganizationId, Path)),
    responses((status = 200, body = Listed<Member>)))]
async fn list(
    ctx: Context,
    Path(id): Path<OrganizationId>,
    list: List<Unfiltered>,
) -> Result<axum::Json<Listed<Member>>, Failure> {
    let keys = ctx.api.tenancy.keys();
    let page = member::list(&mut ctx.reader().await?, &ctx.call, id, list.page(keys)?).await?;
    list.answer(keys, page, Member::from)
}

/// Change a member's role
#[utoipa::path(patch, path = "/v1/organizations/{organization_id}/members/{member_id}",
    operation_id = "change_member_role", tag = "members",
    params(("organization_id" = schema::OrganizationId, Path), ("member_id" = schema::MemberId, Path)),
    request_body = ChangeRole, responses((status = 200, body = Membership)))]
async fn change_role(
    ctx: Context,
    Path(ids): Path<(OrganizationId, MemberId)>,
    Input(input): Input<ChangeRole>,
) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, (ids, input), |tx, call, ((organization_id, id), input)| {
        Box::pin(async move {
            member::change_role(tx, call, *organization_id, *id, input.role).await.map(Membership::from)
        })
    })
    .await
}

/// Remove a member, or leave
#[utoipa::path(delete, path = "/v1/organizations/{organization_id}/members/{member_id}",
    operation_id = "remove_member", tag = "members",
    params(("organization_id" = schema::OrganizationId, Path), ("member_id" = schema::MemberId, Path)),
    responses((status = 204, description = "It is no member any more.")))]
async fn remove(ctx: Context, Path(ids): Path<(OrganizationId, MemberId)>) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, ids, |tx, call, (organization_id, id)| {
        Box::pin(member::remove(tx, call, *organization_id, *id))
    })
    .await
}
