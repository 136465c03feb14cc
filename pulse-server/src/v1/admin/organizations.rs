//! `/v1/admin/organizations`, and what was deleted in them.

use axum::response::Response;
use hyper::StatusCode;
use platform_core::{OrganizationId, ProjectId, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::organization::{self, OrganizationFilter};
use tenancy::{PlanId, plan, project};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::operator;
use crate::v1::body::{Input, given};
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::{List, Listed, Path};
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(update))
        .routes(routes!(restore))
        .routes(routes!(restore_project))
}

/// An organization as operators see it.
#[derive(Serialize, ToSchema)]
struct TenantOrganization {
    #[schema(value_type = schema::OrganizationId)]
    id: OrganizationId,
    name: String,
    #[schema(value_type = schema::PlanId)]
    plan_id: PlanId,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
    #[schema(value_type = schema::Time)]
    updated_at: WallTime,
    #[schema(value_type = Option<schema::Time>, required)]
    suspended_at: Option<WallTime>,
    /// It can be restored for 30 days.
    #[schema(value_type = Option<schema::Time>, required)]
    deleted_at: Option<WallTime>,
}

impl From<organization::Organization> for TenantOrganization {
    fn from(organization: organization::Organization) -> Self {
        Self {
            id: organization.id,
            name: organization.name,
            plan_id: organization.plan_id,
            created_at: organization.created_at,
            updated_at: organization.updated_at,
            suspended_at: organization.suspended_at,
            deleted_at: organization.deleted_at,
        }
    }
}

/// Which organizations.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Names that begin with this.
    search: Option<String>,
    suspended: Option<bool>,
    /// Deleted ones, which can be restored, instead of those that are there.
    deleted: Option<bool>,
}

/// What of an organization operators change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateTenant {
    /// Whether it is suspended: nobody reaches anything in it.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    suspended: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = schema::PlanId, required = false)]
    plan_id: Option<PlanId>,
}

/// What was restored.
#[derive(Serialize, ToSchema)]
struct RestoredProject {
    #[schema(value_type = schema::ProjectId)]
    id: ProjectId,
    name: String,
}

/// All organizations
#[utoipa::path(get, path = "/v1/admin/organizations", operation_id = "admin_list_organizations", tag = "operators",
    params(Filter), responses((status = 200, body = Listed<TenantOrganization>)))]
async fn list(ctx: Context, list: List<Filter>) -> Result<axum::Json<Listed<TenantOrganization>>, Failure> {
    let keys = ctx.api.tenancy.keys();
    let Filter { search, suspended, deleted } = &list.filter;
    let deleted = deleted.unwrap_or(false);
    let filter = OrganizationFilter { search: search.clone(), suspended: *suspended, deleted };
    let request = list.page(keys)?;
    let page = organization::list_all(&mut ctx.reader().await?, &ctx.call, &filter, request).await?;
    list.answer(keys, page, TenantOrganization::from)
}

/// Suspend an organization, or put it on a plan
#[utoipa::path(patch, path = "/v1/admin/organizations/{organization_id}", operation_id = "admin_update_organization",
    tag = "operators", params(("organization_id" = schema::OrganizationId, Path)), request_body = UpdateTenant,
    responses((status = 200, body = TenantOrganization)))]
async fn update(
    ctx: Context,
    Path(id): Path<OrganizationId>,
    Input(input): Input<UpdateTenant>,
) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, (id, input), |tx, call, (id, input)| {
        Box::pin(async move {
            tenancy::authority::operator(call)?;
            if let Some(plan_id) = input.plan_id {
                plan::assign(tx, call, *id, plan_id).await?;
            }
            match input.suspended {
                Some(suspended) => organization::suspend(tx, call, *id, suspended).await,
                None => {
                    let system = call.tenancy().call(tenancy::Principal::System, call.now);
                    organization::read(tx, &system, *id).await
                }
            }
            .map(TenantOrganization::from)
        })
    })
    .await
}

/// Bring a deleted organization back
#[utoipa::path(post, path = "/v1/admin/organizations/{organization_id}/restore",
    operation_id = "admin_restore_organization", tag = "operators",
    params(("organization_id" = schema::OrganizationId, Path)),
    responses((status = 200, body = TenantOrganization)))]
async fn restore(ctx: Context, Path(id): Path<OrganizationId>) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, id, |tx, call, id| {
        Box::pin(async move { organization::restore(tx, call, *id).await.map(TenantOrganization::from) })
    })
    .await
}

/// Bring a deleted project back
#[utoipa::path(post, path = "/v1/admin/projects/{project_id}/restore", operation_id = "admin_restore_project",
    tag = "operators", params(("project_id" = schema::ProjectId, Path)),
    responses((status = 200, body = RestoredProject)))]
async fn restore_project(ctx: Context, Path(id): Path<ProjectId>) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, id, |tx, call, id| {
        Box::pin(async move {
            let project = project::restore(tx, &operator(call)?, *id).await?;
            Ok(RestoredProject { id: project.id, name: project.name })
        })
    })
    .await
}
