//! What a transaction says about itself: events, changes, audit rows.

use std::borrow::Cow;
use std::net::IpAddr;

use platform_core::id::{Id, Kind};
use platform_core::{AuditId, OrganizationId, ProjectId, WallTime};

use super::value::named;

/// What an event or an audit row is about: `stream`, `str_…`. Caches forget it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entity {
    /// Its kind, by the name of its ids' kind: `stream`.
    pub kind: Cow<'static, str>,
    /// Its id.
    pub id: String,
}

impl Entity {
    /// The one with this id.
    pub fn of<K: Kind>(id: Id<K>) -> Self {
        Self { kind: Cow::Borrowed(K::NAME), id: id.to_string() }
    }

    /// One whose id is no TypeID: a setting.
    pub fn named(kind: &'static str, id: impl Into<String>) -> Self {
        Self { kind: Cow::Borrowed(kind), id: id.into() }
    }
}

named! {
    /// What kind of caller did something.
    pub enum ActorKind {
        /// A person.
        User = "user",
        /// An API key.
        Key = "key",
        /// A person as operator of the server.
        Operator = "operator",
        /// The server itself: a clean-up, an expiry.
        System = "system",
    }
}

/// A row of the audit log.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// `aud_…`; rows sort by it.
    pub id: AuditId,
    /// The organization it concerns; `None` for what concerns the server or a person.
    pub organization_id: Option<OrganizationId>,
    /// The project it concerns.
    pub project_id: Option<ProjectId>,
    /// What kind of caller did it.
    pub actor_kind: ActorKind,
    /// Which; `None` for the server itself, and after the person was erased.
    pub actor_id: Option<String>,
    /// What was done: `stream.created`.
    pub action: String,
    /// What it was done to.
    pub resource: Option<Entity>,
    /// The names of the fields that changed, never their values.
    pub changed: Vec<String>,
    /// From where.
    pub address: Option<IpAddr>,
    /// The request's id, as in the log and the answer.
    pub request_id: Option<String>,
    /// When.
    pub created_at: WallTime,
}

/// Which audit rows. What is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditFilter {
    /// Of this organization. Only operators leave it out.
    pub organization_id: Option<OrganizationId>,
    /// Of this project.
    pub project_id: Option<ProjectId>,
    /// By this actor.
    pub actor_id: Option<String>,
    /// With this action.
    pub action: Option<String>,
    /// On this resource.
    pub resource_id: Option<String>,
    /// Not before.
    pub from: Option<WallTime>,
    /// Before.
    pub until: Option<WallTime>,
    /// Without what operators of the server did.
    pub without_operators: bool,
}

impl AuditFilter {
    /// Whether an entry passes.
    pub(crate) fn passes(&self, entry: &AuditEntry) -> bool {
        let resource_id = entry.resource.as_ref().map(|resource| &resource.id);
        (self.organization_id.is_none() || self.organization_id == entry.organization_id)
            && (self.project_id.is_none() || self.project_id == entry.project_id)
            && (self.actor_id.is_none() || self.actor_id == entry.actor_id)
            && self.action.as_ref().is_none_or(|action| *action == entry.action)
            && (self.resource_id.is_none() || self.resource_id.as_ref() == resource_id)
            && self.from.is_none_or(|from| entry.created_at >= from)
            && self.until.is_none_or(|until| entry.created_at < until)
            && !(self.without_operators && entry.actor_kind == ActorKind::Operator)
    }
}
