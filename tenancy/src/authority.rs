//! Who may do what: one matrix, one gate.

use std::sync::Arc;

use platform_core::{OrganizationId, ProjectId};
use serde::{Deserialize, Serialize};

use crate::call::About;
use crate::error::SUSPENDED;
use crate::gate::Passed;
use crate::member::Member;
use crate::organization::Organization;
use crate::plan::{Limits, Plan};
use crate::principal::{KeyPrincipal, Principal};
use crate::project::Project;
use crate::store::{Entity, Tx, is, named};
use crate::stream::Stream;
use crate::{Call, Error, StreamId, UserId};

named! {
    /// The role of a member. Each may all that the ones after it may.
    pub enum Role {
        /// Everything.
        Owner = "owner",
        /// All but deleting the organization, billing, and granting or removing owners.
        Admin = "admin",
        /// Settings of projects, streams and all keys; reads members and the audit log.
        Developer = "developer",
        /// Reads, but no secret, key, audit row or address of a member.
        Viewer = "viewer",
    }
}

impl Role {
    /// Whether this role is `other` or above it.
    pub fn reaches(self, other: Self) -> bool {
        self <= other
    }
}

named! {
    /// What can be allowed.
    pub enum Permission {
        /// See the organization.
        OrganizationRead = "organization.read",
        /// Rename the organization and change its settings.
        OrganizationUpdate = "organization.update",
        /// Delete the organization.
        OrganizationDelete = "organization.delete",
        /// Plan and invoices.
        BillingManage = "billing.manage",
        /// See who is a member.
        MembersRead = "members.read",
        /// See the members' e-mail addresses, and invitations.
        MemberEmailsRead = "member_emails.read",
        /// Invite, change roles, remove, up to the own role.
        MembersManage = "members.manage",
        /// Grant and remove owners.
        OwnersManage = "owners.manage",
        /// See projects.
        ProjectsRead = "projects.read",
        /// Change a project's settings.
        ProjectsUpdate = "projects.update",
        /// Create and delete projects.
        ProjectsManage = "projects.manage",
        /// See API keys, without secrets.
        ApiKeysRead = "api_keys.read",
        /// Create, rotate and revoke API keys.
        ApiKeysManage = "api_keys.manage",
        /// See playback signing keys, without secrets.
        SigningKeysRead = "signing_keys.read",
        /// Create and revoke playback signing keys.
        SigningKeysManage = "signing_keys.manage",
        /// See streams.
        StreamsRead = "streams.read",
        /// Create, change and delete streams.
        StreamsWrite = "streams.write",
        /// See stream keys, in full.
        StreamKeysRead = "stream_keys.read",
        /// Create, rotate and revoke stream keys.
        StreamKeysWrite = "stream_keys.write",
        /// Mint playback tokens.
        TokensMint = "tokens.mint",
        /// See usage and limits.
        UsageRead = "usage.read",
        /// See the audit log.
        AuditRead = "audit.read",
        /// Operate the server. No role has it.
        Operate = "operate",
    }
}

use Permission as P;

/// The matrix: each permission, and the lowest role that has it; `None`: no role has.
const MATRIX: [(Permission, Option<Role>); 23] = [
    (P::OrganizationRead, Some(Role::Viewer)),
    (P::OrganizationUpdate, Some(Role::Admin)),
    (P::OrganizationDelete, Some(Role::Owner)),
    (P::BillingManage, Some(Role::Owner)),
    (P::MembersRead, Some(Role::Viewer)),
    (P::MemberEmailsRead, Some(Role::Developer)),
    (P::MembersManage, Some(Role::Admin)),
    (P::OwnersManage, Some(Role::Owner)),
    (P::ProjectsRead, Some(Role::Viewer)),
    (P::ProjectsUpdate, Some(Role::Developer)),
    (P::ProjectsManage, Some(Role::Admin)),
    (P::ApiKeysRead, Some(Role::Developer)),
    (P::ApiKeysManage, Some(Role::Developer)),
    (P::SigningKeysRead, Some(Role::Developer)),
    (P::SigningKeysManage, Some(Role::Developer)),
    (P::StreamsRead, Some(Role::Viewer)),
    (P::StreamsWrite, Some(Role::Developer)),
    (P::StreamKeysRead, Some(Role::Developer)),
    (P::StreamKeysWrite, Some(Role::Developer)),
    (P::TokensMint, Some(Role::Developer)),
    (P::UsageRead, Some(Role::Viewer)),
    (P::AuditRead, Some(Role::Developer)),
    (P::Operate, None),
];

/// What an API key can be given. Nothing of organizations, members, keys of the API or signing keys is here: a key that
/// leaks cannot make another.
const SCOPES: [Permission; 7] = [
    P::ProjectsRead,
    P::StreamsRead,
    P::StreamsWrite,
    P::StreamKeysRead,
    P::StreamKeysWrite,
    P::TokensMint,
    P::UsageRead,
];

impl Permission {
    /// Whether a role has it.
    pub fn granted_to(self, role: Role) -> bool {
        let lowest =
            MATRIX.iter().find(|(permission, _)| *permission == self).and_then(|(_, lowest)| *lowest);
        lowest.is_some_and(|lowest| role.reaches(lowest))
    }

    /// Whether an API key can have it as a scope.
    pub fn is_scope(self) -> bool {
        SCOPES.contains(&self)
    }

    /// What an API key can be given.
    pub fn scopes() -> &'static [Self] {
        &SCOPES
    }
}

/// What somebody wants to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// An organization.
    Organization(OrganizationId),
    /// A project.
    Project(ProjectId),
    /// A stream.
    Stream(StreamId),
}

/// What was allowed, with what was loaded to decide it.
#[derive(Clone, Debug)]
pub struct Access {
    /// The organization.
    pub organization_id: OrganizationId,
    /// The caller's role in it; `None` for keys and operators.
    pub role: Option<Role>,
    project_id: Option<ProjectId>,
    /// Loaded for all but keys.
    organization: Option<Organization>,
    stream: Option<Stream>,
    /// Known without a look for keys.
    limits: Option<Arc<Limits>>,
}

impl Access {
    /// The organization. Not for keys, which do not reach it.
    ///
    /// # Errors
    ///
    /// When the caller is a key: a fault of ours.
    pub fn organization(&self) -> Result<&Organization, Error> {
        self.organization.as_ref().ok_or_else(|| Error::internal("a key reached an organization"))
    }

    /// The project of [`Target::Project`] and [`Target::Stream`].
    ///
    /// # Errors
    ///
    /// When the target was an organization: a fault of ours.
    pub fn project_id(&self) -> Result<ProjectId, Error> {
        self.project_id.ok_or_else(|| Error::internal("the target had no project"))
    }

    /// The stream of [`Target::Stream`].
    ///
    /// # Errors
    ///
    /// When the target was another: a fault of ours.
    pub fn stream(&self) -> Result<&Stream, Error> {
        self.stream.as_ref().ok_or_else(|| Error::internal("the target was no stream"))
    }

    /// What the organization's plan allows.
    pub(crate) async fn limits<T: Tx>(&self, tx: &mut T) -> Result<Arc<Limits>, Error> {
        match &self.limits {
            Some(limits) => Ok(Arc::clone(limits)),
            None => Plan::limits_of(tx, self.organization()?).await,
        }
    }

    /// What a change of `entity` within the target is about.
    pub(crate) fn about(&self, entity: Entity) -> About {
        About { organization_id: Some(self.organization_id), project_id: self.project_id, entity }
    }
}

/// The gate: loads the target and what it lies in, and says whether the caller may.
///
/// What does not exist, was deleted (itself or what it lies in) or belongs to somebody else is [`Error::NotFound`] alike. A
/// key without the scope is told so whatever the target, before anything is looked up.
///
/// # Errors
///
/// [`Error::Unauthenticated`], [`Error::NotFound`], [`Error::Forbidden`], and [`Error::Refused`] where an operator has
/// suspended the organization.
pub async fn authorize<T: Tx>(
    tx: &mut T,
    call: &Call,
    permission: Permission,
    target: Target,
) -> Result<Access, Error> {
    let access = match &call.principal {
        Principal::Anonymous => Err(Error::Unauthenticated),
        Principal::Key(key) => by_key(tx, key, permission, target).await,
        Principal::User(user) => by_member(tx, user.id, permission, target).await,
        Principal::Operator | Principal::System => load(tx, target).await,
    }?;
    call.note(|| match call.principal {
        Principal::Operator => Passed::Operator,
        _ => Passed::Tenant {
            permission,
            target,
            organization_id: access.organization_id,
            project_id: access.project_id,
        },
    });
    Ok(access)
}

/// The gate for people, who are members.
async fn by_member<T: Tx>(
    tx: &mut T,
    user_id: UserId,
    permission: Permission,
    target: Target,
) -> Result<Access, Error> {
    let mut access = load(tx, target).await?;
    let filter = vec![is("organization_id", access.organization_id), is("user_id", user_id)];
    let member: Member = tx.find(filter).await?.ok_or(Error::NotFound)?;
    access.role = Some(member.role);
    if !permission.granted_to(member.role) {
        return Err(Error::Forbidden(permission));
    }
    if access.organization()?.suspended_at.is_some() {
        let detail = "The organization is suspended; ask the operator of this server.";
        return Err(Error::refused(SUSPENDED, detail));
    }
    Ok(access)
}

/// The gate for keys, whose project and organization were looked at when they were let in.
async fn by_key<T: Tx>(
    tx: &mut T,
    key: &KeyPrincipal,
    permission: Permission,
    target: Target,
) -> Result<Access, Error> {
    if !key.scopes.contains(&permission) {
        return Err(Error::Forbidden(permission));
    }
    let stream = match target {
        Target::Organization(_) => return Err(Error::Forbidden(permission)),
        Target::Project(id) if id == key.project_id => None,
        Target::Project(_) => return Err(Error::NotFound),
        Target::Stream(id) => {
            let stream: Option<Stream> = tx.get(id).await?;
            let own = |stream: &Stream| stream.project_id == key.project_id && stream.deleted_at.is_none();
            Some(stream.filter(own).ok_or(Error::NotFound)?)
        }
    };
    Ok(Access {
        organization_id: key.organization_id,
        role: None,
        project_id: Some(key.project_id),
        organization: None,
        stream,
        limits: Some(Arc::clone(&key.limits)),
    })
}

/// Loads a target and what it lies in, all of which must be there.
async fn load<T: Tx>(tx: &mut T, target: Target) -> Result<Access, Error> {
    let stream: Option<Stream> = match target {
        Target::Stream(id) => Some(tx.get(id).await?.ok_or(Error::NotFound)?),
        Target::Organization(_) | Target::Project(_) => None,
    };
    let project_id = match target {
        Target::Project(id) => Some(id),
        Target::Stream(_) | Target::Organization(_) => stream.as_ref().map(|stream| stream.project_id),
    };
    let project: Option<Project> = match project_id {
        Some(id) => Some(tx.get(id).await?.ok_or(Error::NotFound)?),
        None => None,
    };
    let organization_id = match (target, &project) {
        (Target::Organization(id), _) => id,
        (_, Some(project)) => project.organization_id,
        (_, None) => return Err(Error::NotFound),
    };
    let organization: Organization = tx.get(organization_id).await?.ok_or(Error::NotFound)?;
    let deleted = organization.deleted_at.is_some()
        || project.as_ref().is_some_and(|project| project.deleted_at.is_some())
        || stream.as_ref().is_some_and(|stream| stream.deleted_at.is_some());
    if deleted {
        return Err(Error::NotFound);
    }
    Ok(Access {
        organization_id,
        role: None,
        project_id,
        organization: Some(organization),
        stream,
        limits: None,
    })
}

/// The gate of what only operators of the server do.
///
/// # Errors
///
/// [`Error::Unauthenticated`], and [`Error::Forbidden`] whatever is asked for, so that nothing is told.
pub fn operator(call: &Call) -> Result<(), Error> {
    match &call.principal {
        Principal::Operator | Principal::System => Ok(()),
        Principal::User(user) if user.is_admin => {
            call.note(|| Passed::Operator);
            Ok(())
        }
        Principal::Anonymous => Err(Error::Unauthenticated),
        Principal::User(_) | Principal::Key(_) => Err(Error::Forbidden(Permission::Operate)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_names_each_permission_once() {
        for permission in Permission::ALL {
            assert_eq!(MATRIX.iter().filter(|(named, _)| named == permission).count(), 1, "{permission}");
        }
    }

    #[test]
    fn a_higher_role_may_all_that_a_lower_one_may() {
        for permission in Permission::ALL {
            for pair in Role::ALL.windows(2) {
                assert!(permission.granted_to(pair[0]) || !permission.granted_to(pair[1]), "{permission}");
            }
        }
    }

    #[test]
    fn every_scope_is_something_that_a_developer_may_grant() {
        for scope in Permission::scopes() {
            assert!(scope.granted_to(Role::Developer), "{scope}");
        }
    }
}
