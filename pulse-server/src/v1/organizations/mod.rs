//! `/v1/organizations`.

mod invitations;
mod members;

use axum::response::Response;
use hyper::StatusCode;
use platform_core::sql::Tx;
use platform_core::{OrganizationId, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::authority::{Target, authorize};
use tenancy::{Call, Error, Permission, PlanId, organization};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{Input, given};
use super::context::Context;
use super::failure::Failure;
use super::parameters::{List, Listed, Path, Unfiltered};
use super::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, update, delete))
        .merge(members::routes())
        .merge(invitations::routes())
}

/// An organization: the tenant.
#[derive(Serialize, ToSchema)]
pub(super) struct Organization {
    #[schema(value_type = schema::OrganizationId)]
    id: OrganizationId,
    name: String,
    /// Its plan, which says how much it may use.
    #[schema(value_type = schema::PlanId)]
    plan_id: PlanId,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
    #[schema(value_type = schema::Time)]
    updated_at: WallTime,
}

impl From<organization::Organization> for Organization {
    fn from(organization: organization::Organization) -> Self {
        let organization::Organization { id, name, plan_id, created_at, updated_at, .. } = organization;
        Self { id, name, plan_id, created_at, updated_at }
    }
}

/// An organization to be created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateOrganization {
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100, example = "Example Media")]
    name: String,
}

/// What of an organization is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateOrganization {
    /// 1 to 100 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    name: Option<String>,
}

/// The organizations that you are a member of
#[utoipa::path(get, path = "/v1/organizations", operation_id = "list_organizations", tag = "organizations",
    responses((status = 200, body = Listed<Organization>)))]
async fn list(ctx: Context, list: List<Unfiltered>) -> Result<axum::Json<Listed<Organization>>, Failure> {
    let keys = ctx.api.tenancy.keys();
    let page = organization::list(&mut ctx.reader().await?, &ctx.call, list.page(keys)?).await?;
    list.answer(keys, page, Organization::from)
}

/// Create an organization, as its owner
#[utoipa::path(post, path = "/v1/organizations", operation_id = "create_organization", tag = "organizations",
    request_body = CreateOrganization, responses((status = 201, body = Organization)))]
async fn create(ctx: Context, Input(input): Input<CreateOrganization>) -> Result<Response, Failure> {
    ctx.change(StatusCode::CREATED, input, |tx, call, input| {
        Box::pin(async move {
            let organization = organization::create(tx, call, &input.name).await?;
            enter(tx, call, organization.id).await?;
            Ok(Organization::from(organization))
        })
    })
    .await
}

/// Goes through the gate to an organization that the caller has just entered, so that the answer is not given again to somebody who
/// has left it.
async fn enter(tx: &mut Tx, call: &Call, id: OrganizationId) -> Result<(), Error> {
    authorize(tx, call, Permission::OrganizationRead, Target::Organization(id)).await.map(drop)
}

/// An organization
#[utoipa::path(get, path = "/v1/organizations/{organization_id}", operation_id = "read_organization",
    tag = "organizations", params(("organization_id" = schema::OrganizationId, Path)),
    responses((status = 200, body = Organization)))]
async fn read(ctx: Context, Path(id): Path<OrganizationId>) -> Result<axum::Json<Organization>, Failure> {
    let organization = organization::read(&mut ctx.reader().await?, &ctx.call, id).await?;
    Ok(axum::Json(organization.into()))
}

/// Rename an organization
#[utoipa::path(patch, path = "/v1/organizations/{organization_id}", operation_id = "update_organization",
    tag = "organizations", params(("organization_id" = schema::OrganizationId, Path)),
    request_body = UpdateOrganization, responses((status = 200, body = Organization)))]
async fn update(
    ctx: Context,
    Path(id): Path<OrganizationId>,
    Input(input): Input<UpdateOrganization>,
) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, (id, input), |tx, call, (id, input)| {
        Box::pin(async move {
            match &input.name {
                Some(name) => organization::rename(tx, call, *id, name).await,
                None => organization::read(tx, call, *id).await,
            }
            .map(Organization::from)
        })
    })
    .await
}

/// Delete an organization
///
/// All that lies in it is out of reach with it. An operator can bring it back for 30 days.
#[utoipa::path(delete, path = "/v1/organizations/{organization_id}", operation_id = "delete_organization",
    tag = "organizations", params(("organization_id" = schema::OrganizationId, Path)),
    responses((status = 204, description = "It is deleted.")))]
async fn delete(ctx: Context, Path(id): Path<OrganizationId>) -> Result<Response, Failure> {
    ctx.change(StatusCode::NO_CONTENT, id, |tx, call, id| Box::pin(organization::delete(tx, call, *id))).await
}
