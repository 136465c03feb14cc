//! Audit rows and entities as platform-core has them.

use platform_core::sql::{self, audit};

use crate::store::announce::{ActorKind, AuditEntry, AuditFilter, Entity};

impl From<Entity> for sql::Entity {
    fn from(entity: Entity) -> Self {
        Self { kind: entity.kind, id: entity.id }
    }
}

impl From<sql::Entity> for Entity {
    fn from(entity: sql::Entity) -> Self {
        Self { kind: entity.kind, id: entity.id }
    }
}

impl From<ActorKind> for audit::ActorKind {
    fn from(kind: ActorKind) -> Self {
        match kind {
            ActorKind::User => Self::User,
            ActorKind::Key => Self::Key,
            ActorKind::Operator => Self::Operator,
            ActorKind::System => Self::System,
        }
    }
}

impl From<AuditEntry> for audit::Entry {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            organization_id: entry.organization_id,
            project_id: entry.project_id,
            actor_kind: entry.actor_kind.into(),
            actor_id: entry.actor_id,
            action: entry.action,
            resource: entry.resource.map(Into::into),
            changed: entry.changed,
            address: entry.address,
            request_id: entry.request_id,
            created_at: entry.created_at,
        }
    }
}

impl From<audit::Entry> for AuditEntry {
    fn from(entry: audit::Entry) -> Self {
        Self {
            id: entry.id,
            organization_id: entry.organization_id,
            project_id: entry.project_id,
            // A kind that this crate does not know was written by another part of the server.
            actor_kind: ActorKind::named(entry.actor_kind.as_str()).unwrap_or(ActorKind::System),
            actor_id: entry.actor_id,
            action: entry.action,
            resource: entry.resource.map(Into::into),
            changed: entry.changed,
            address: entry.address,
            request_id: entry.request_id,
            created_at: entry.created_at,
        }
    }
}

impl From<&AuditFilter> for audit::Filter {
    fn from(filter: &AuditFilter) -> Self {
        Self {
            organization_id: filter.organization_id,
            project_id: filter.project_id,
            actor_id: filter.actor_id.clone(),
            action: filter.action.clone(),
            resource_id: filter.resource_id.clone(),
            from: filter.from,
            until: filter.until,
            without_operators: filter.without_operators,
        }
    }
}
