//! What the gate has let a call through to, noted for whoever has to ask it again, or to count by organization.
//!
//! An answer that is kept and given again goes to somebody who may since have lost a role, or to whom a thing is out of reach by now:
//! so what was asked for the first time is asked for once more.

use std::sync::{Arc, Mutex, PoisonError};

use platform_core::id::{Kind as _, OrganizationKind, ProjectKind};
use platform_core::{OrganizationId, ProjectId};
use serde::{Deserialize, Serialize};

use crate::api_key::ApiKey;
use crate::app::App;
use crate::authority::{self, Permission, Target, authorize};
use crate::error::SUSPENDED;
use crate::ids::{
    ApiKeyKind, AppKind, InvitationKind, MemberKind, PresetKind, SigningKeyKind, StreamKeyKind, StreamKind,
};
use crate::invitation::Invitation;
use crate::member::Member;
use crate::organization::Organization;
use crate::preset::Preset;
use crate::principal::Principal;
use crate::project::Project;
use crate::signing_key::SigningKey;
use crate::store::{Record as _, Table, Tx, is, null, one_of};
use crate::stream::Stream;
use crate::stream_key::StreamKey;
use crate::{Call, Error, StreamId};

/// Times that are noted of a call, 16; what one does is decided by a few.
const MAX_NOTED: usize = 16;

/// Something that the gate has let a call through to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Passed {
    /// By a role, or by a key's scope.
    Tenant {
        /// What was needed.
        permission: Permission,
        /// On what.
        target: Target,
        /// In which organization it lies.
        organization_id: OrganizationId,
        /// In which project, if in one.
        project_id: Option<ProjectId>,
    },
    /// As an operator of the server.
    Operator,
}

/// What was noted of a call, by all handles on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noted(Option<Arc<Mutex<Vec<Passed>>>>);

impl Noted {
    pub(crate) fn on() -> Self {
        Self(Some(Arc::default()))
    }

    pub(crate) fn note(&self, passed: impl FnOnce() -> Passed) {
        let Some(noted) = &self.0 else { return };
        let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = passed();
        if noted.len() < MAX_NOTED && !noted.contains(&passed) {
            noted.push(passed);
        }
    }

    pub(crate) fn all(&self) -> Vec<Passed> {
        let noted = self.0.as_ref();
        noted.map_or(Vec::new(), |noted| noted.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Passed {
    /// Asks the gate again. `shows` says whether something of the target would be shown, which must then still be there; for what only
    /// says that it was done, it may have been deleted since, by that very call.
    ///
    /// # Errors
    ///
    /// See [`authorize`].
    pub async fn again<T: Tx>(&self, tx: &mut T, call: &Call, shows: bool) -> Result<(), Error> {
        match *self {
            Self::Operator => authority::operator(call),
            Self::Tenant { permission, target, .. } if shows => {
                authorize(tx, call, permission, target).await.map(drop)
            }
            Self::Tenant { permission, organization_id, project_id, .. } => {
                within(tx, call, permission, organization_id, project_id).await
            }
        }
    }

    /// The organization, and the project, in which it was.
    pub fn place(&self) -> Option<(OrganizationId, Option<ProjectId>)> {
        match *self {
            Self::Tenant { organization_id, project_id, .. } => Some((organization_id, project_id)),
            Self::Operator => None,
        }
    }
}

/// Whether what an id names, of whatever kind, is there: not deleted, and no key that was revoked. What can neither be deleted nor revoked
/// is there.
///
/// # Errors
///
/// The store's.
pub async fn is_there<T: Tx>(tx: &mut T, id: &str) -> Result<bool, Error> {
    let row = |kind: &'static Table, ends: Option<&'static str>| {
        let mut filter = vec![is("id", id.to_owned())];
        filter.extend(ends.map(null));
        Some((kind, filter))
    };
    let row = match id.split_once('_').map_or("", |(prefix, _)| prefix) {
        OrganizationKind::PREFIX => row(Organization::TABLE, Some("deleted_at")),
        ProjectKind::PREFIX => row(Project::TABLE, Some("deleted_at")),
        StreamKind::PREFIX => row(Stream::TABLE, Some("deleted_at")),
        ApiKeyKind::PREFIX => row(ApiKey::TABLE, Some("revoked_at")),
        SigningKeyKind::PREFIX => row(SigningKey::TABLE, Some("revoked_at")),
        StreamKeyKind::PREFIX => row(StreamKey::TABLE, Some("revoked_at")),
        InvitationKind::PREFIX => row(Invitation::TABLE, Some("closed_at")),
        MemberKind::PREFIX => row(Member::TABLE, None),
        PresetKind::PREFIX => row(Preset::TABLE, None),
        AppKind::PREFIX => row(App::TABLE, None),
        _ => None,
    };
    match row {
        Some((table, filter)) => Ok(tx.count_rows(table, filter).await? > 0),
        None => Ok(true),
    }
}

/// Whether all of these streams are there: up to [`MAX_ITEMS`](crate::bulk::MAX_ITEMS), each once.
///
/// # Errors
///
/// The store's.
pub async fn streams_are_there<T: Tx>(tx: &mut T, ids: &[StreamId]) -> Result<bool, Error> {
    if ids.is_empty() {
        return Ok(true);
    }
    let filter = vec![one_of("id", ids.iter().copied()), null("deleted_at")];
    Ok(tx.count::<Stream>(filter).await? == ids.len() as u64)
}

/// The gate, but that the target, and what it lies in, may have been deleted.
async fn within<T: Tx>(
    tx: &mut T,
    call: &Call,
    permission: Permission,
    organization_id: OrganizationId,
    project_id: Option<ProjectId>,
) -> Result<(), Error> {
    match &call.principal {
        Principal::Anonymous => Err(Error::Unauthenticated),
        Principal::Operator | Principal::System => Ok(()),
        Principal::Key(key) if !key.scopes.contains(&permission) => Err(Error::Forbidden(permission)),
        Principal::Key(key) if project_id == Some(key.project_id) => Ok(()),
        Principal::Key(_) => Err(Error::NotFound),
        Principal::User(user) => {
            let filter = vec![is("organization_id", organization_id), is("user_id", user.id)];
            let member: Member = tx.find(filter).await?.ok_or(Error::NotFound)?;
            if !permission.granted_to(member.role) {
                return Err(Error::Forbidden(permission));
            }
            let organization: Organization = tx.get(organization_id).await?.ok_or(Error::NotFound)?;
            if organization.suspended_at.is_some() {
                let detail = "The organization is suspended; ask the operator of this server.";
                return Err(Error::refused(SUSPENDED, detail));
            }
            Ok(())
        }
    }
}
