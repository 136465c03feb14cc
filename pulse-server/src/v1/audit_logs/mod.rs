//! `/v1/audit-logs`.

mod export;
mod running;

use std::net::IpAddr;

use platform_core::{AuditId, OrganizationId, ProjectId, WallTime};
use serde::{Deserialize, Serialize};
use tenancy::audit;
use tenancy::store::{ActorKind, AuditEntry, AuditFilter};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::context::Context;
use super::failure::Failure;
use super::parameters::{Filter, List, Listed};
use super::schema;
pub(super) use running::Running;

pub(super) fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(statistics)).merge(export::routes())
}

/// A row of the audit log: who changed what.
#[derive(Serialize, ToSchema)]
struct AuditLog {
    #[schema(value_type = schema::AuditId)]
    id: AuditId,
    #[schema(value_type = Option<schema::OrganizationId>, required)]
    organization_id: Option<OrganizationId>,
    #[schema(value_type = Option<schema::ProjectId>, required)]
    project_id: Option<ProjectId>,
    #[schema(value_type = schema::ActorKind)]
    actor_kind: ActorKind,
    /// The person or API key; null for the server itself, and after the person was erased.
    #[schema(required)]
    actor_id: Option<String>,
    /// What was done.
    #[schema(example = "stream.created")]
    action: String,
    /// What kind of thing it was done to.
    #[schema(required)]
    resource_kind: Option<String>,
    /// Which.
    #[schema(required)]
    resource_id: Option<String>,
    /// The names of the fields that changed.
    changed: Vec<String>,
    /// From where.
    #[schema(value_type = Option<String>, required)]
    address: Option<IpAddr>,
    #[schema(required)]
    request_id: Option<String>,
    #[schema(value_type = schema::Time)]
    created_at: WallTime,
}

impl From<AuditEntry> for AuditLog {
    fn from(entry: AuditEntry) -> Self {
        let (resource_kind, resource_id) =
            entry.resource.map(|resource| (resource.kind.into_owned(), resource.id)).unzip();
        Self {
            id: entry.id,
            organization_id: entry.organization_id,
            project_id: entry.project_id,
            actor_kind: entry.actor_kind,
            actor_id: entry.actor_id,
            action: entry.action,
            resource_kind,
            resource_id,
            changed: entry.changed,
            address: entry.address,
            request_id: entry.request_id,
            created_at: entry.created_at,
        }
    }
}

/// Which rows.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Of an organization. Without this and `project_id`, for operators: all.
    #[param(value_type = Option<schema::OrganizationId>)]
    organization_id: Option<OrganizationId>,
    /// Of a project.
    #[param(value_type = Option<schema::ProjectId>)]
    project_id: Option<ProjectId>,
    /// By this person or API key.
    actor_id: Option<String>,
    /// With this action.
    #[param(example = "stream.created")]
    action: Option<String>,
    /// On this thing.
    resource_id: Option<String>,
    /// Not before.
    #[param(value_type = Option<schema::Time>)]
    from: Option<WallTime>,
    /// Before.
    #[param(value_type = Option<schema::Time>)]
    until: Option<WallTime>,
}

impl Wanted {
    fn filter(&self) -> AuditFilter {
        AuditFilter {
            organization_id: self.organization_id,
            project_id: self.project_id,
            actor_id: self.actor_id.clone(),
            action: self.action.clone(),
            resource_id: self.resource_id.clone(),
            from: self.from,
            until: self.until,
            ..AuditFilter::default()
        }
    }
}

/// How often an action occurs.
#[derive(Serialize, ToSchema)]
struct ActionCount {
    #[schema(example = "stream.created")]
    action: String,
    count: u64,
}

/// How often each action occurs, the most frequent first.
#[derive(Serialize, ToSchema)]
struct Statistics {
    actions: Vec<ActionCount>,
}

/// The audit log
#[utoipa::path(get, path = "/v1/audit-logs", operation_id = "list_audit_logs", tag = "audit log", params(Wanted),
    responses((status = 200, body = Listed<AuditLog>)))]
async fn list(ctx: Context, list: List<Wanted>) -> Result<axum::Json<Listed<AuditLog>>, Failure> {
    let keys = ctx.api.tenancy.keys();
    let request = list.page(keys)?;
    let page = audit::list(&mut ctx.reader().await?, &ctx.call, &list.filter.filter(), request).await?;
    list.answer(keys, page, AuditLog::from)
}

/// How often each action occurs
#[utoipa::path(get, path = "/v1/audit-logs/statistics", operation_id = "read_audit_statistics", tag = "audit log",
    params(Wanted), responses((status = 200, body = Statistics)))]
async fn statistics(ctx: Context, Filter(wanted): Filter<Wanted>) -> Result<axum::Json<Statistics>, Failure> {
    let _report = ctx.api.reports.begin(&ctx.call.principal)?;
    let (mut tx, filter) = (ctx.reader().await?, wanted.filter());
    let counts = running::in_time(audit::statistics(&mut tx, &ctx.call, &filter)).await?;
    let actions = counts.into_iter().map(|(action, count)| ActionCount { action, count }).collect();
    Ok(axum::Json(Statistics { actions }))
}
