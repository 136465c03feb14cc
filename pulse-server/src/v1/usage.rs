//! `/v1/usage`.

use std::time::Duration;

use platform_core::{OrganizationId, ProjectId, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::Principal;
use tenancy::authority::Target;
use tenancy::quota::{Level, Resource};
use tenancy::usage::{self, Metric};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::context::Context;
use super::failure::Failure;
use super::parameters::Filter;
use super::schema;

/// The longest time that is shown at once, 400 days.
const LONGEST: Duration = Duration::from_secs(400 * 86_400);

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(read))
}

/// Whose usage, and when.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UsageOf {
    /// Of one project. An API key shows its own, if nothing is named.
    #[param(value_type = Option<schema::ProjectId>)]
    project_id: Option<ProjectId>,
    /// Of a whole organization.
    #[param(value_type = Option<schema::OrganizationId>)]
    organization_id: Option<OrganizationId>,
    /// The first day; the beginning of this month, if it is left out.
    #[param(value_type = Option<schema::Time>)]
    from: Option<WallTime>,
    /// Up to before this; now, if it is left out.
    #[param(value_type = Option<schema::Time>)]
    until: Option<WallTime>,
}

/// What was used, and what may be.
#[derive(Serialize, ToSchema)]
struct Usage {
    #[schema(value_type = schema::Time)]
    from: WallTime,
    #[schema(value_type = schema::Time)]
    until: WallTime,
    /// What the plan limits.
    limits: Vec<Limit>,
    /// What was used, by day.
    days: Vec<Day>,
}

/// A resource that the plan limits.
#[derive(Serialize, ToSchema)]
struct Limit {
    #[schema(value_type = schema::Resource)]
    resource: Resource,
    /// How much the plan allows; null: as much as there is.
    #[schema(required)]
    limit: Option<i64>,
    /// How much there is, or was used this month.
    current: i64,
    /// When a monthly count begins anew.
    #[schema(value_type = Option<schema::Time>, required)]
    resets_at: Option<WallTime>,
}

impl From<Level> for Limit {
    fn from(level: Level) -> Self {
        let Level { resource, limit, current, resets_at } = level;
        Self { resource, limit, current, resets_at }
    }
}

/// What a project, or a whole organization, used on a day.
#[derive(Serialize, ToSchema)]
struct Day {
    /// The day's beginning.
    #[schema(value_type = schema::Time)]
    day: WallTime,
    /// The project; null where the organization's sum was asked for.
    #[schema(value_type = Option<schema::ProjectId>, required)]
    project_id: Option<ProjectId>,
    #[schema(value_type = schema::Metric)]
    metric: Metric,
    value: i64,
}

impl From<usage::Usage> for Day {
    fn from(usage: usage::Usage) -> Self {
        let usage::Usage { day, project_id, metric, value, .. } = usage;
        Self { day, project_id, metric, value }
    }
}

/// What was used, and what may be
#[utoipa::path(get, path = "/v1/usage", operation_id = "read_usage", tag = "usage", params(UsageOf),
    responses((status = 200, body = Usage)))]
async fn read(ctx: Context, Filter(of): Filter<UsageOf>) -> Result<axum::Json<Usage>, Failure> {
    let target = match (of.project_id, of.organization_id, &ctx.call.principal) {
        (Some(id), None, _) => Target::Project(id),
        (None, Some(id), _) => Target::Organization(id),
        (None, None, Principal::Key(key)) => Target::Project(key.project_id),
        _ => {
            let detail = "Name either a project or an organization.";
            return Err(Failure::parameter("project_id", "required", detail));
        }
    };
    let until = of.until.unwrap_or(ctx.call.now);
    let from = of.from.unwrap_or(ctx.call.now.month_start());
    if from > until || until.since(from) > LONGEST {
        return Err(Failure::parameter(
            "from",
            "out_of_range",
            "At most 400 days, and `from` before `until`.",
        ));
    }
    let mut tx = ctx.reader().await?;
    let limits = usage::levels(&mut tx, &ctx.call, target).await?;
    let days = usage::read(&mut tx, &ctx.call, target, from, until).await?;
    let limits = limits.into_iter().map(Limit::from).collect();
    Ok(axum::Json(Usage { from, until, limits, days: days.into_iter().map(Day::from).collect() }))
}
