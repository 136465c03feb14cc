//! Whom a change concerns: what the live path must look at again.

use platform_core::id::{Id, Kind};
use platform_core::{OrganizationId, ProjectId};

use crate::ids::{PlanKind, StreamKind};
use crate::store::Entity;
use crate::{PlanId, StreamId, app, lease, signing_key, stream_key};

/// What a change concerns of what is published and played.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Affected {
    /// Everybody at a stream: it was changed, suspended, deleted, scheduled, disconnected, or tokens of it were revoked.
    Stream(StreamId),
    /// Who publishes a stream: its keys changed.
    StreamKeys(StreamId),
    /// Who publishes a stream: another node has taken its place.
    Lease(StreamId),
    /// Everybody at the streams of a project: it was changed or deleted.
    Project(ProjectId),
    /// Who plays streams of a project by a token: its signing keys changed.
    SigningKeys(ProjectId),
    /// Everybody at the streams of an organization: it was suspended or deleted, or has another plan.
    Organization(OrganizationId),
    /// Everybody at the streams of organizations with this plan.
    Plan(PlanId),
    /// Who publishes under an RTMP application name: it belongs to another project, or to none.
    App(String),
}

/// Whom a change of `entity` concerns; `None`: nobody who publishes or plays.
pub fn concerns(entity: &Entity) -> Option<Affected> {
    const PROJECT: &str = platform_core::id::ProjectKind::NAME;
    const ORGANIZATION: &str = platform_core::id::OrganizationKind::NAME;
    match &*entity.kind {
        StreamKind::NAME => parsed(entity).map(Affected::Stream),
        stream_key::ENTITY => parsed(entity).map(Affected::StreamKeys),
        lease::ENTITY => parsed(entity).map(Affected::Lease),
        PROJECT => parsed(entity).map(Affected::Project),
        signing_key::ENTITY => parsed(entity).map(Affected::SigningKeys),
        ORGANIZATION => parsed(entity).map(Affected::Organization),
        PlanKind::NAME => parsed(entity).map(Affected::Plan),
        app::ENTITY => Some(Affected::App(entity.id.clone())),
        _ => None,
    }
}

fn parsed<K: Kind>(entity: &Entity) -> Option<Id<K>> {
    Id::parse(&entity.id).ok()
}
