//! `/v1/admin/plans`.

use std::collections::BTreeMap;

use axum::response::Response;
use hyper::StatusCode;
use platform_core::WallTime;
use serde::{Deserialize, Serialize};
use tenancy::PlanId;
use tenancy::plan::{self, BytesLimit, PlanInput};
use tenancy::quota::Resource;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::v1::body::Input;
use crate::v1::context::Context;
use crate::v1::failure::Failure;
use crate::v1::parameters::{List, Listed, Path, Unfiltered};
use crate::v1::schema;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, replace))
}

/// A plan: how much an organization may use. Months are calendar months in UTC.
#[derive(Serialize, ToSchema)]
struct Plan {
    #[schema(value_type = schema::PlanId)]
    id: PlanId,
    name: String,
    /// How much of each resource; what is not named is not limited.
    #[schema(value_type = BTreeMap<String, i64>)]
    limits: BTreeMap<Resource, i64>,
    #[schema(value_type = schema::BytesLimit)]
    bytes_limit: BytesLimit,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
    #[schema(value_type = schema::Time)]
    updated_at: WallTime,
}

impl From<plan::Plan> for Plan {
    fn from(plan: plan::Plan) -> Self {
        let plan::Plan { id, name, limits, bytes_limit, created_at, updated_at, .. } = plan;
        Self { id, name, limits: limits.0, bytes_limit, created_at, updated_at }
    }
}

/// A plan to be created, or what becomes of one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PutPlan {
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100, example = "Team")]
    name: String,
    /// How much of each resource; what is not named is not limited.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, i64>, example = json!({"streams": 100, "concurrent_viewers": 1000}))]
    limits: BTreeMap<Resource, i64>,
    /// What happens to running sessions when the month's bytes are used up: `soft`, if it is left out, lets them go on until
    /// their handles end; `hard` ends them. New ones are refused in any case.
    #[serde(default)]
    #[schema(value_type = schema::BytesLimit)]
    bytes_limit: BytesLimit,
}

impl From<PutPlan> for PlanInput {
    fn from(plan: PutPlan) -> Self {
        Self { name: plan.name, limits: plan.limits, bytes_limit: plan.bytes_limit }
    }
}

/// All plans
#[utoipa::path(get, path = "/v1/admin/plans", operation_id = "admin_list_plans", tag = "operators",
    responses((status = 200, body = Listed<Plan>)))]
async fn list(ctx: Context, list: List<Unfiltered>) -> Result<axum::Json<Listed<Plan>>, Failure> {
    let keys = ctx.api.tenancy.keys();
    let page = plan::list(&mut ctx.reader().await?, &ctx.call, list.page(keys)?).await?;
    list.answer(keys, page, Plan::from)
}

/// Create a plan
#[utoipa::path(post, path = "/v1/admin/plans", operation_id = "admin_create_plan", tag = "operators",
    request_body = PutPlan, responses((status = 201, body = Plan)))]
async fn create(ctx: Context, Input(input): Input<PutPlan>) -> Result<Response, Failure> {
    ctx.change(StatusCode::CREATED, PlanInput::from(input), |tx, call, input| {
        Box::pin(async move { plan::create(tx, call, input).await.map(Plan::from) })
    })
    .await
}

/// A plan
#[utoipa::path(get, path = "/v1/admin/plans/{plan_id}", operation_id = "admin_read_plan", tag = "operators",
    params(("plan_id" = schema::PlanId, Path)), responses((status = 200, body = Plan)))]
async fn read(ctx: Context, Path(id): Path<PlanId>) -> Result<axum::Json<Plan>, Failure> {
    let plan = plan::read(&mut ctx.reader().await?, &ctx.call, id).await?;
    Ok(axum::Json(plan.into()))
}

/// Replace a plan
///
/// A lowered limit refuses what is new and takes nothing away.
#[utoipa::path(put, path = "/v1/admin/plans/{plan_id}", operation_id = "admin_replace_plan", tag = "operators",
    params(("plan_id" = schema::PlanId, Path)), request_body = PutPlan, responses((status = 200, body = Plan)))]
async fn replace(
    ctx: Context,
    Path(id): Path<PlanId>,
    Input(input): Input<PutPlan>,
) -> Result<Response, Failure> {
    ctx.change(StatusCode::OK, (id, PlanInput::from(input)), |tx, call, (id, input)| {
        Box::pin(async move { plan::update(tx, call, *id, input).await.map(Plan::from) })
    })
    .await
}
