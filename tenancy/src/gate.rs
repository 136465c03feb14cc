//! What the gate has let a call through to, noted for whoever has to ask it again, or to count by organization.
//!
//! An answer that is kept and given again goes to somebody who may since have lost a role, or to whom a thing is out of reach by now:
//! so what was asked for the first time is asked for once more.

use std::sync::{Arc, Mutex, PoisonError};

use platform_core::{OrganizationId, ProjectId};
use serde::{Deserialize, Serialize};

use crate::authority::{self, Permission, Target, authorize};
use crate::error::SUSPENDED;
use crate::member::Member;
use crate::organization::Organization;
use crate::principal::Principal;
use crate::store::{Tx, is};
use crate::{Call, Error};

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
